"""`.cctv-storage`: which storage this is, and what cleanups leave to remember. `.retention.json` of a camera.

A start of `cctv serve` or `cctv record` makes the marker, a cleanup never does unless it is forced: recordings
without a marker may be what was written below a mount point while its disk was away. All functions raise
OSError.
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
    """A storage's random id, the instant of the last cleanup whose clock was believed, and what it saw.

    `oldest` is the earliest start of each camera's recordings then. `problems` are sentences about what the last
    cleanup of all cameras did not do as the settings ask. `own_disks` are the cameras that were seen to have their
    recordings on another disk than the storage's root. `unjournalled` says of each camera that has recordings which
    no journal knows what they are, as the end of a sentence.
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
    """The storage's marker; None when there is none that can be read. Raises NewerFormat."""
    values = files.read_json(storage_marker(storage), FORMAT)
    marker = records.decode(Marker, values, forgiving=True)
    return marker if marker is not None and marker.id else None


def refuse_newer(storage: Path) -> None:
    """Raise StorageError when a newer cctv has made the storage its own."""
    try:
        read_marker(storage)
    except NewerFormat as error:
        raise StorageError(error.sentence) from error
    except OSError:  # it is not there yet, or whoever uses it is told
        pass


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
    files.replace_text(storage_marker(storage), records.encode(marker, FORMAT))


def remembered_days(layout: CameraLayout) -> int:
    """For how many days a configuration last kept the camera's recordings; 0 when nobody knows."""
    found = records.decode(_Retention, files.read_json(layout.retention_file, FORMAT))
    return 0 if found is None else found.days


def remember_days(layout: CameraLayout, days: int) -> None:
    """Keep that for a cleanup without the configuration."""
    if remembered_days(layout) != days:
        files.replace_text(layout.retention_file, records.encode(_Retention(days), FORMAT))
