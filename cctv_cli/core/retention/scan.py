"""What lies in a camera's recordings folder, by its journals and the names on disk; no file is opened or measured.

Names are listed before the journal is read: a commit writes the journal first, so every recording
that was seen is known to it. Nothing is reached through a symbolic link. All functions raise OSError.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Iterable, List, Optional, Set, Tuple

from cctv_cli.core import files
from cctv_cli.core.layout import HOUR_PLAYLIST, JOURNAL, CameraLayout, is_camera_id, is_day, is_hour, parse_recording
from cctv_cli.core.records import NewerFormat
from cctv_cli.core.retention.inventory import DayInventory, make_day
from cctv_cli.core.storage.entries import active_holds, deleted_files, read_brief
from cctv_cli.core.storage.journal import Journal

MOST_FOREIGN = 100  # names that are kept for each camera; more are counted


@dataclass(frozen=True)
class UnfinishedHour:
    """An hour in which a cleanup was interrupted: `files` are journalled as deleted, but there (names in the day)."""

    day: str
    hour: str
    files: Tuple[str, ...]


@dataclass
class CameraScan:
    """One camera's recordings as they lie there.

    `foreign` are names below the recordings folder that are not ours, among them recordings that no
    journal knows, at most MOST_FOREIGN of `foreign_count`. `newer` are sentences about days that a newer cctv wrote.
    """

    camera_id: str
    days: List[DayInventory] = field(default_factory=list)
    unfinished: List[UnfinishedHour] = field(default_factory=list)
    foreign: List[str] = field(default_factory=list)
    foreign_count: int = 0
    newer: List[str] = field(default_factory=list)

    def note_foreign(self, names: Iterable[str]) -> None:
        """Count names that are not ours."""
        for name in names:
            self.foreign_count += 1
            if len(self.foreign) < MOST_FOREIGN:
                self.foreign.append(name)


def camera_folders(storage: Path) -> List[str]:
    """The ids of all cameras that have a recordings folder in the storage, configured or not."""
    with os.scandir(storage) as entries:
        names = sorted(entry.name for entry in entries if is_camera_id(entry.name))
    return [name for name in names if os.path.lexists(CameraLayout(storage, name).recordings)]


def linked_folder(layout: CameraLayout) -> Optional[Path]:
    """The folder on the way to a camera's recordings that is a symbolic link, if there is one."""
    return next((path for path in (layout.folder, layout.recordings) if path.is_symlink()), None)


def scan_camera(layout: CameraLayout) -> CameraScan:
    """Read all of a camera's days that have recordings."""
    found = CameraScan(layout.folder.name)
    with os.scandir(layout.recordings) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if is_day(entry.name) and entry.is_dir(follow_symlinks=False):
                _scan_day(layout, entry.name, found)
            else:
                found.note_foreign([entry.name])
    return found


def _scan_day(layout: CameraLayout, date: str, found: CameraScan) -> None:
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
        # a cleanup may have emptied the hour in this moment
        with suppress(FileNotFoundError), os.scandir(layout.hour(date, hour)) as entries:
            for entry in entries:
                (on_disk.add if entry.is_file(follow_symlinks=False) else foreign.append)(f"{hour}/{entry.name}")
    if hours:  # a day without is all deleted: its journal stays for good, and needs no look
        try:
            foreign += _read_day(layout, date, hours, on_disk, set(foreign), found)
        except NewerFormat as error:
            found.newer.append(f"The recordings of {found.camera_id} on {date} stay: {error}")
    found.note_foreign(f"{date}/{name}" for name in sorted(foreign))


def _read_day(
    layout: CameraLayout, date: str, hours: Iterable[str], on_disk: Set[str], foreign: Set[str], found: CameraScan
) -> Iterable[str]:
    """Add what the journal knows to `found`, without what `foreign` things took the place of.

    The answer is the names of files that are not ours.
    """
    data = Journal(layout.journal(date)).read_on(0)
    if not data:
        return [name for name in on_disk if not _is_playlist(name[3:])]
    segments, others = read_brief(data)
    deleted = deleted_files(others)
    gone = deleted | foreign
    there = (s for s in segments if s.file not in gone and s.file[:2] not in foreign and _is_ours(s.file))
    sized = (s if s.file in on_disk else s._replace(bytes=0) for s in there)
    day = make_day(date, sized, active_holds(others))
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
    return any(name.startswith(hour) and name in on_disk for name in day.names)


@lru_cache(maxsize=1 << 14)  # the same few thousand names in every day of every camera
def _is_ours(in_day: str) -> bool:
    hour, _, file = in_day.partition("/")
    return parse_recording("2000-01-01", hour, file) is not None


def _is_playlist(file: str) -> bool:
    return file == HOUR_PLAYLIST or files.is_draft(file, HOUR_PLAYLIST)
