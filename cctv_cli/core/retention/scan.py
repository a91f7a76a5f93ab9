"""Reads what is in a camera's recordings folder from its journals and file names; media files are not opened.

Names are listed before the journal is read: a commit writes the journal first, so the journal knows every
recording that was listed. No symbolic link is followed. All functions raise OSError.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Iterable, Iterator, List, Optional, Set, Tuple

from cctv_cli.core import drafts, files
from cctv_cli.core.layout import (
    HOUR_PLAYLIST,
    JOURNAL,
    CameraLayout,
    is_camera_id,
    is_day,
    is_hour,
    parse_recording,
    recorded_within,
)
from cctv_cli.core.records import NewerFormat
from cctv_cli.core.retention.inventory import DayInventory, make_day
from cctv_cli.core.storage.disk_clock import DiskClock
from cctv_cli.core.storage.entries import BriefSegment, active_holds, deleted_files, read_brief
from cctv_cli.core.storage.journal import Journal

MOST_FOREIGN = 100  # names listed for each camera; further ones are only counted


@dataclass(frozen=True)
class UnfinishedHour:
    """An hour in which a cleanup was interrupted: `files` (names in the day) are journalled as deleted but exist."""

    day: str
    hour: str
    files: Tuple[str, ...]


@dataclass
class CameraScan:
    """One camera's recordings as found on disk.

    `foreign` are names below the recordings folder that are not ours, at most MOST_FOREIGN of `foreign_count`.
    `unreadable` are sentences about days whose journal cannot be read.
    """

    camera_id: str
    days: List[DayInventory] = field(default_factory=list)
    unfinished: List[UnfinishedHour] = field(default_factory=list)
    foreign: List[str] = field(default_factory=list)
    foreign_count: int = 0
    unreadable: List[str] = field(default_factory=list)

    def note_foreign(self, names: Iterable[str]) -> None:
        """Count names that are not ours."""
        for name in names:
            self.foreign_count += 1
            if len(self.foreign) < MOST_FOREIGN:
                self.foreign.append(name)


def camera_names(storage: Path) -> List[str]:
    """The names in a storage that may be cameras' folders, in order."""
    return sorted(name for name in os.listdir(storage) if is_camera_id(name))


def camera_folders(storage: Path) -> List[str]:
    """The ids of all cameras that have a recordings folder in the storage, configured or not."""
    return [name for name in camera_names(storage) if os.path.lexists(CameraLayout(storage, name).recordings)]


def linked_folder(layout: CameraLayout) -> Optional[Path]:
    """The folder on the way to a camera's recordings that is a symbolic link, if there is one."""
    return next((path for path in (layout.folder, layout.recordings) if path.is_symlink()), None)


def scan_camera(layout: CameraLayout, tz: Optional[tzinfo]) -> CameraScan:
    """Read all days of a camera that have recordings. A day whose journal cannot be read does not affect the others."""
    found, disk = CameraScan(layout.folder.name), DiskClock(layout.folder)
    with os.scandir(layout.recordings) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if is_day(entry.name) and entry.is_dir(follow_symlinks=False):
                _scan_day(layout, entry.name, tz, disk, found)
            else:
                found.note_foreign([entry.name])
    return found


def _scan_day(layout: CameraLayout, date: str, tz: Optional[tzinfo], disk: DiskClock, found: CameraScan) -> None:
    hours: List[str] = []
    on_disk: Set[str] = set()
    foreign: List[str] = []
    with os.scandir(layout.day(date)) as entries:
        for entry in entries:
            if is_hour(entry.name) and entry.is_dir(follow_symlinks=False):
                hours.append(entry.name)
            elif entry.name != JOURNAL:
                foreign.append(entry.name)
    for hour in hours:
        # a cleanup may just have removed the hour
        with suppress(FileNotFoundError), os.scandir(layout.hour(date, hour)) as entries:
            for entry in entries:
                (on_disk.add if entry.is_file(follow_symlinks=False) else foreign.append)(f"{hour}/{entry.name}")
    if hours:  # a day without hours is deleted except for its journal, which need not be read
        try:
            data = Journal(layout.journal(date)).read_on(0)
        except OSError as error:  # without it none of the files can be judged, so all of them stay
            found.unreadable.append(_unreadable(layout, date, error))
        else:
            foreign += _read_day(layout, date, tz, disk, data, hours, on_disk, set(foreign), found)
    found.note_foreign(f"{date}/{name}" for name in sorted(foreign))


def _read_day(
    layout: CameraLayout,
    date: str,
    tz: Optional[tzinfo],
    disk: DiskClock,
    data: bytes,
    hours: Iterable[str],
    on_disk: Set[str],
    foreign: Set[str],
    found: CameraScan,
) -> Iterable[str]:
    """Add the recordings in the journal to `found`, except where `foreign` things have their names.

    Returns the names of files that are not ours.
    """
    segments, others = read_brief(data)
    deleted = deleted_files(others)
    gone = deleted | foreign
    there = (s for s in segments if s.file not in gone and s.file[:2] not in foreign and _is_ours(s.file))
    sized = (s if s.file in on_disk else s._replace(bytes=0) for s in there)
    known = {segment.file for segment in segments}
    unknown = [name for name in on_disk if name not in known and name not in deleted and _is_ours(name)]
    day = make_day(date, sized, active_holds(others), _unjournalled(layout, date, unknown, tz, disk))
    if day.names:
        found.days.append(day)
    left = on_disk.difference(day.names)
    leftovers = {name for name in left & deleted if _is_ours(name)}
    full = {name[:2] for name in day.names}
    for hour in sorted(hours):
        undone = tuple(sorted(name for name in leftovers if name.startswith(hour)))
        if undone or hour not in full or (f"{hour}/{HOUR_PLAYLIST}" not in on_disk and _any_in(hour, day, on_disk)):
            found.unfinished.append(UnfinishedHour(date, hour, undone))
    return [name for name in left - leftovers if not _is_playlist(name[3:])]


def _any_in(hour: str, day: DayInventory, on_disk: Set[str]) -> bool:
    return any(name.startswith(hour) and name in on_disk for name in day.names[: day.journalled])


def _unjournalled(
    layout: CameraLayout, date: str, names: Iterable[str], tz: Optional[tzinfo], disk: DiskClock
) -> Iterator[BriefSegment]:
    """Files that the journal does not know; each spans all times that its name and its last write allow."""
    for file in names:
        name = parse_recording(date, *file.split("/"))
        assert name is not None  # `_is_ours`
        with suppress(OSError, ValueError, OverflowError):  # deleted meanwhile, not a file, or a year out of range
            status = files.status(layout.day(date) / file, inside=layout.recordings)
            earliest, latest = recorded_within(name, tz)
            written = disk.instant(status.st_mtime)
            start, end = min(earliest, written), max(latest, written)
            yield BriefSegment(file, start, end - start, status.st_size)


def _unreadable(layout: CameraLayout, date: str, error: OSError) -> str:
    if isinstance(error, NewerFormat):
        return f"The recordings of {layout.camera_id} on {date} stay: {error}"
    return (
        f"The recordings of {layout.camera_id} on {date} stay: their journal cannot be read "
        f"({error.strerror or error}); correct its permissions, or restore it from a backup"
    )


@lru_cache(maxsize=1 << 14)  # the same few thousand names in every day of every camera
def _is_ours(in_day: str) -> bool:
    hour, _, file = in_day.partition("/")
    return parse_recording("2000-01-01", hour, file) is not None


def _is_playlist(file: str) -> bool:
    return file == HOUR_PLAYLIST or drafts.is_draft(file, HOUR_PLAYLIST)
