"""Whether the disks can hold recordings for as long as the settings require. Pure; bytes and days."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional, Sequence, Tuple

from cctv_cli.core.health.facts import CameraStorage, DiskFacts, Promise


def promise(
    disk: DiskFacts, others: Sequence[DiskFacts], cameras: Sequence[CameraStorage], max_size: Optional[int]
) -> Optional[Promise]:
    """The forecast at today's growth, for the disk or limit that falls shortest; None if recordings do not grow.

    `disk` holds the cameras that are on none of the `others`. `max_size` limits all recordings together.
    """
    own = {name for other in others for name in other.cameras}
    found = [_on_disk(disk, [camera for camera in cameras if camera.camera not in own])]
    found += [_on_disk(other, [camera for camera in cameras if camera.camera in other.cameras]) for other in others]
    if max_size is not None:
        found.append(_judge(cameras, max_size))
    judged: List[Promise] = [each for each in found if each is not None]
    if not judged:
        return None
    worst = min(judged, key=lambda each: each.room / each.needed)
    short = tuple(c.camera for c in cameras if c.max_size is not None and _needed(c) > c.max_size)
    return replace(worst, kept=worst.kept and not short, short=short)


def _on_disk(disk: DiskFacts, cameras: Sequence[CameraStorage]) -> Optional[Promise]:
    if not disk.total:  # it cannot be queried
        return None
    room = sum(camera.bytes for camera in cameras) + disk.free - disk.min_free
    return _judge(cameras, max(0, room), disk.cameras)


def _judge(cameras: Sequence[CameraStorage], room: int, disk_of: Tuple[str, ...] = ()) -> Optional[Promise]:
    """Whether the required days of these cameras fit into this space; None if they do not grow."""
    growth = sum(camera.growth or 0.0 for camera in cameras)
    if growth <= 0:
        return None
    needed = sum(_needed(camera) for camera in cameras)
    used = sum(camera.bytes for camera in cameras)
    return Promise(
        kept=needed <= room,
        needed=needed,
        room=room,
        growth=growth,
        days=room / growth,
        full_in=None if needed <= room else max(0.0, (room - used) / growth),
        disk_of=disk_of,
    )


def _needed(camera: CameraStorage) -> float:
    return (camera.growth or 0.0) * camera.retention_days
