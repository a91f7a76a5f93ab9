"""Whether recordings can be kept on this disk as long as the settings promise. Pure; bytes and days."""

from __future__ import annotations

from typing import Optional, Sequence

from cctv_cli.core.facts import CameraStorage, DiskFacts, Promise


def promise(disk: DiskFacts, cameras: Sequence[CameraStorage], max_size: Optional[int]) -> Optional[Promise]:
    """What today's growth makes of it; None before anything has grown. `max_size` is of all recordings together."""
    growth = sum(camera.growth or 0.0 for camera in cameras)
    if growth <= 0:
        return None
    used = sum(camera.bytes for camera in cameras)
    room = max(0, used + disk.free - disk.min_free)
    if max_size is not None:
        room = min(room, max_size)
    needed = sum(_needed(camera) for camera in cameras)
    short = tuple(c.camera for c in cameras if c.max_size is not None and _needed(c) > c.max_size)
    return Promise(
        kept=needed <= room and not short,
        needed=needed,
        room=room,
        growth=growth,
        days=room / growth,
        full_in=None if needed <= room else max(0.0, (room - used) / growth),
        short=short,
    )


def _needed(camera: CameraStorage) -> float:
    return (camera.growth or 0.0) * camera.retention_days
