"""`.cctv-storage`: which storage this is, and what cleanups leave to remember. `.retention.json` of a camera.

A start of `cctv serve` or `cctv record` makes the marker, a cleanup never does unless it is forced: recordings
without a marker may be what was written below a mount point while its disk was away. All functions raise OSError.
"""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional, Tuple

from cctv_cli.core import files
from cctv_cli.core.layout import CameraLayout, storage_marker


@dataclass(frozen=True)
class Marker:
    """A storage's random id, the instant of the last cleanup whose clock was believed, and what it saw.

    `oldest` is the earliest start of each camera's recordings then. `problems` are sentences about what the last
    cleanup of all cameras did not do as the settings ask. `own_disks` are the cameras that were seen to have their
    recordings on another disk than the storage's root.
    """

    id: str
    cleaned_at: Optional[float] = None
    oldest: Mapping[str, float] = field(default_factory=dict)
    problems: Tuple[str, ...] = ()
    own_disks: Tuple[str, ...] = ()


def read_marker(storage: Path) -> Optional[Marker]:
    """The storage's marker; None when there is none that can be read."""
    values = files.read_json(storage_marker(storage))
    name, cleaned_at = values.get("id"), values.get("cleaned_at")
    if not isinstance(name, str) or not name:
        return None
    oldest = values.get("oldest")
    seen = {k: v for k, v in oldest.items() if _is_number(v)} if isinstance(oldest, dict) else {}
    problems, own_disks = _texts(values.get("problems")), _texts(values.get("own_disks"))
    return Marker(name, cleaned_at if _is_number(cleaned_at) else None, seen, problems, own_disks)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


def _texts(value: Any) -> Tuple[str, ...]:
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, list) else ()


def ensure_marker(storage: Path) -> str:
    """The storage's id; a storage without one gets it."""
    marker = read_marker(storage)
    if marker is None:
        marker = Marker(secrets.token_hex(8))
        write_marker(storage, marker)
    return marker.id


def place(storage: Path) -> Tuple[int, int]:
    """Device and inode of a storage's folder: a mounted disk has others than the empty folder below it."""
    found = storage.stat()
    return found.st_dev, found.st_ino


def on_own_disks(storage: Path, camera_ids: Iterable[str]) -> Tuple[str, ...]:
    """Those of the cameras whose recordings lie on another disk than the storage's root."""
    root = storage.stat().st_dev
    found = []
    for camera_id in camera_ids:
        with suppress(OSError):  # nothing recorded yet, or a disk that does not answer
            if CameraLayout(storage, camera_id).recordings.stat().st_dev != root:
                found.append(camera_id)
    return tuple(found)


def remember_own_disks(storage: Path, camera_ids: Iterable[str]) -> None:
    """Note in the marker, if there is one, which of the cameras have disks of their own; those noted before stay."""
    marker = read_marker(storage)
    if marker is not None:
        own = tuple(sorted({*marker.own_disks, *on_own_disks(storage, camera_ids)}))
        if own != marker.own_disks:
            write_marker(storage, replace(marker, own_disks=own))


def write_marker(storage: Path, marker: Marker) -> None:
    """Replace the marker."""
    files.replace_text(storage_marker(storage), json.dumps(asdict(marker)) + "\n")


def remembered_days(layout: CameraLayout) -> int:
    """For how many days a configuration last kept the camera's recordings; 0 when nobody knows."""
    days = files.read_json(layout.retention_file).get("days")
    return days if isinstance(days, int) else 0


def remember_days(layout: CameraLayout, days: int) -> None:
    """Keep that for a cleanup without the configuration."""
    if remembered_days(layout) != days:
        files.replace_text(layout.retention_file, json.dumps({"days": days}) + "\n")
