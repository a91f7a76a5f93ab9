"""The only code that deletes recordings: an hour of one camera at a time, under the camera's lock.

The journal says why first, then the hour's playlist names what stays, then the files go, and at last an
hour's folder that is empty. A crash between any two is finished by the next cleanup, for the journal's lines say
what must be gone. The day's folder stays with its journal for good.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Iterable, List, Optional, Sequence, Set, Tuple

from filelock import Timeout

from cctv_cli.core import files
from cctv_cli.core.layout import HOUR_PLAYLIST, CameraLayout
from cctv_cli.core.storage.commit import journal_lock, render_hour_playlist
from cctv_cli.core.storage.entries import DeletionEntry, HoldEntry
from cctv_cli.core.storage.journal import Journal

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


@dataclass(frozen=True)
class Erased:
    """What became of an hour: bytes and number of recordings that went, and (path, reason) of those that did not."""

    files: int = 0
    bytes: int = 0
    failed: Tuple[Tuple[str, str], ...] = ()


class Eraser:
    """Deletes recordings of one camera."""

    def __init__(self, layout: CameraLayout, tz: Optional[tzinfo]) -> None:
        self._layout = layout
        self._tz = tz
        self._lock = journal_lock(layout)

    def erase(self, day: str, hour: str, deletions: Sequence[DeletionEntry], leftovers: Sequence[str] = ()) -> Erased:
        """Delete recordings of a local hour, and finish what an interrupted cleanup left of it.

        `leftovers` are journalled already (names in the day). What a hold covers by now stays, there, too. Errors
        are part of the answer: the next hour is not worse for them.
        """
        try:
            with self._lock:
                return self._erase(day, hour, deletions, leftovers)
        except Timeout:
            reason = "another process holds the camera's lock"
        except OSError as error:
            reason = error.strerror or str(error)
        return Erased(failed=((self._shown(f"{day}/{hour}"), reason),))

    def _erase(self, day: str, hour: str, deletions: Sequence[DeletionEntry], leftovers: Sequence[str]) -> Erased:
        self._refuse_links(day, hour)
        journal = Journal(self._layout.journal(day))
        holds = journal.holds()
        going = [deletion for deletion in deletions if not _is_held(deletion, holds)]
        gone = self._write_journal(journal, hour, going)
        self._render(day, hour)
        failed: List[Tuple[str, str]] = []
        known = journal.deletions() if leftovers else {}
        finishing = [name for name in leftovers if name in known and not _is_held(known[name], holds)]
        for file in (*(d.file for d in going), *finishing):
            try:
                files.remove(journal.path.parent / file)
            except OSError as error:
                failed.append((self._shown(f"{day}/{file}"), error.strerror or str(error)))
            else:
                gone.add(file)
        if not journal.hour_segments(hour):
            _remove_folder(self._layout.hour(day, hour))
        freed = [d.bytes for d in going if d.file in gone]
        return Erased(len(gone), sum(freed), tuple(failed))

    def _write_journal(self, journal: Journal, hour: str, going: Sequence[DeletionEntry]) -> Set[str]:
        """Say why recordings go; the names of those that had to go before, because the disk took not a line more."""
        if not going:
            return set()
        try:
            journal.append_all(going, self._tz)
            return set()
        except OSError as error:
            if error.errno not in _FULL:
                raise
        written = journal.deletions()  # a part of the lines may have found room
        folder, first = journal.path.parent, going[0].file
        files.remove(folder / hour / HOUR_PLAYLIST)  # it must not name what is missing
        files.remove(folder / first)
        journal.append_all([deletion for deletion in going if deletion.file not in written], self._tz)
        return {first}

    def _render(self, day: str, hour: str) -> None:
        try:
            render_hour_playlist(self._layout, day, hour, self._tz)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            files.remove(self._layout.hour_playlist(day, hour))  # the next cleanup finds it missing

    def _refuse_links(self, day: str, hour: str) -> None:
        """Raise OSError when a folder on the way has become a symbolic link since it was scanned."""
        layout = self._layout
        for folder in (layout.folder, layout.recordings, layout.day(day), layout.hour(day, hour)):
            if folder.is_symlink():
                raise OSError(errno.ELOOP, f"{folder} is a symbolic link")

    def _shown(self, in_recordings: str) -> str:
        return f"{self._layout.folder.name}/recordings/{in_recordings}"


def _is_held(deletion: DeletionEntry, holds: Iterable[HoldEntry]) -> bool:
    return any(hold.covers(deletion.start, deletion.start + deletion.duration) for hold in holds)


def _remove_folder(folder: Path) -> None:
    """Remove an hour's folder unless something foreign is in it."""
    try:
        for name in os.listdir(folder):
            if files.is_draft(name, HOUR_PLAYLIST):
                files.remove(folder / name)
        folder.rmdir()
    except OSError:  # not empty, or gone: nothing that anybody must do
        pass
