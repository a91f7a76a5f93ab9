"""`.cctv-storage`: the id of a storage, and what cleanups note in it. `.retention.json` of a camera.

`cctv serve` and `cctv record` make the marker when they start; a cleanup makes none unless it is forced, because
recordings without a marker may have been written onto a mount point while its disk was away. All functions
raise OSError.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Iterable, Mapping, Optional, Tuple

from pydantic import OnErrorOmit

from cctv_cli.core import files, records
from cctv_cli.core.errors import StorageError
from cctv_cli.core.layout import CameraLayout, storage_marker
from cctv_cli.core.records import Instant, NewerFormat, Number, Text

FORMAT = 1  # of the marker and of .retention.json


@dataclass(frozen=True)
class Marker:
    """A storage's random id, the instant of the last cleanup that trusted its clock, and what it found.

    `oldest` is the earliest start of each camera's recordings at that time. `problems` are sentences about what the
    last cleanup of all cameras could not do as the settings ask. `own_disks` are the cameras whose recordings were
    once on another disk than the storage's root. `unjournalled` describes, as the end of a sentence, the recordings
    of a camera that are in no journal.
    """

    id: Text
    cleaned_at: Optional[Instant] = None
    oldest: Mapping[str, OnErrorOmit[Instant]] = field(default_factory=dict)
    problems: Tuple[OnErrorOmit[Text], ...] = ()
    own_disks: Tuple[OnErrorOmit[Text], ...] = ()
    unjournalled: Mapping[str, OnErrorOmit[Text]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Retention:
    """`.retention.json`."""

    days: Number


def read_marker(storage: Path) -> Optional[Marker]:
    """The storage's marker; None if it is missing or damaged. Raises NewerFormat."""
    values = files.read_json(storage_marker(storage), FORMAT)
    marker = records.decode(Marker, values, forgiving=True)
    return marker if marker is not None and marker.id else None


def refuse_newer(storage: Path) -> None:
    """Raise StorageError if a newer cctv wrote the storage's marker."""
    try:
        read_marker(storage)
    except NewerFormat as error:
        raise StorageError(error.sentence) from error
    except OSError:  # the storage does not exist, or its use will report the error
        pass


def ensure_marker(storage: Path) -> str:
    """The storage's id; creates the marker if it is missing."""
    marker = read_marker(storage)
    if marker is None:
        marker = Marker(secrets.token_hex(8))
        write_marker(storage, marker)
    return marker.id


def place(storage: Path) -> Tuple[int, int]:
    """Device and inode of a storage's folder, which differ between a mounted disk and the empty mount point."""
    found = storage.stat()
    return found.st_dev, found.st_ino


def on_own_disks(storage: Path, camera_ids: Iterable[str]) -> Tuple[str, ...]:
    """The cameras whose recordings are on another disk than the storage's root."""
    root = storage.stat().st_dev
    found = []
    for camera_id in camera_ids:
        with suppress(OSError):  # it has no recordings, or its disk fails
            if CameraLayout(storage, camera_id).recordings.stat().st_dev != root:
                found.append(camera_id)
    return tuple(found)


def remember_own_disks(storage: Path, camera_ids: Iterable[str]) -> None:
    """Add to the marker, if there is one, those of the cameras that have their own disks."""
    marker = read_marker(storage)
    if marker is not None:
        own = tuple(sorted({*marker.own_disks, *on_own_disks(storage, camera_ids)}))
        if own != marker.own_disks:
            write_marker(storage, replace(marker, own_disks=own))


def write_marker(storage: Path, marker: Marker) -> None:
    """Replace the marker."""
    files.replace_text(storage_marker(storage), records.encode(marker, FORMAT))


def remembered_days(layout: CameraLayout) -> int:
    """For how many days the last configuration kept the camera's recordings; 0 if unknown."""
    found = records.decode(_Retention, files.read_json(layout.retention_file, FORMAT))
    return 0 if found is None else found.days


def remember_days(layout: CameraLayout, days: int) -> None:
    """Store the retention days for cleanups that run without the configuration."""
    if remembered_days(layout) != days:
        files.replace_text(layout.retention_file, records.encode(_Retention(days), FORMAT))
