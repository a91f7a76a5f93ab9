"""The only code that deletes recordings: an hour of one camera at a time, under the camera's lock.

The reasons are journalled first, then the hour's playlist is written without the recordings, then the files are
deleted, and last the hour's folder if it is empty. After a crash between two steps the next cleanup finishes, because
the journal says which files must be gone. The day's folder stays with its journal.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import tzinfo
from typing import Iterable, List, Optional, Sequence, Set, Tuple

from cctv_cli.core import drafts, files
from cctv_cli.core.files import Folder
from cctv_cli.core.layout import HOUR_PLAYLIST, CameraLayout
from cctv_cli.core.storage.commit import journal_lock, render_playlist_in
from cctv_cli.core.storage.disk_errors import FULL
from cctv_cli.core.storage.entries import DeletionEntry, HoldEntry
from cctv_cli.core.storage.holds import holds_near
from cctv_cli.core.storage.journal import Journal


@dataclass(frozen=True)
class Erased:
    """The result for an hour: number and bytes of deleted recordings, and (path, reason) of those that failed."""

    files: int = 0
    bytes: int = 0
    failed: Tuple[Tuple[str, str], ...] = ()


class Eraser:
    """Deletes recordings of one camera."""

    def __init__(self, layout: CameraLayout, tz: Optional[tzinfo]) -> None:
        self._layout = layout
        self._storage = layout.folder.parent
        self._tz = tz

    def erase(self, day: str, hour: str, deletions: Sequence[DeletionEntry], leftovers: Sequence[str] = ()) -> Erased:
        """Delete recordings of a local hour, and finish what an interrupted cleanup left there.

        `leftovers` are names in the day that are journalled as deleted already. Holds are read again, so one that was
        made since the plan counts for both. Errors are returned, so that the next hour can be tried.
        """
        try:
            with journal_lock(self._layout):
                return self._erase(day, hour, deletions, leftovers)
        except OSError as error:
            reason = error.strerror or str(error)
        return Erased(failed=((self._shown(f"{day}/{hour}"), reason),))

    def _erase(self, day: str, hour: str, deletions: Sequence[DeletionEntry], leftovers: Sequence[str]) -> Erased:
        journal = Journal(self._layout.journal(day))
        with ExitStack() as opened:
            # no link is followed below the storage, and a folder that is put in the place of these is not entered
            day_folder = opened.enter_context(files.open_folder_in(self._layout.day(day), inside=self._storage))
            try:
                folder = opened.enter_context(day_folder.folder(hour))
            except FileNotFoundError:  # somebody deleted it with all its files: journal that
                folder = None
            holds = self._holds(journal, hour, deletions)
            going = [deletion for deletion in deletions if not _is_held(deletion, holds)]
            gone = self._write_journal(journal, folder, going)
            if folder is None:
                return Erased(len(going), sum(deletion.bytes for deletion in going))
            has_recordings = self._render(folder, journal)
            known = journal.deletions() if leftovers else {}
            finishing = [name for name in leftovers if name in known and not _is_held(known[name], holds)]
            failed: List[Tuple[str, str]] = []
            for file in (*(d.file for d in going), *finishing):
                try:
                    _remove(folder, file)
                except OSError as error:
                    failed.append((self._shown(f"{day}/{file}"), error.strerror or str(error)))
                else:
                    gone.add(file)
            if not has_recordings:
                _remove_folder(day_folder, folder)
        freed = [d.bytes for d in going if d.file in gone]
        return Erased(len(gone), sum(freed), tuple(failed))

    def _holds(self, journal: Journal, hour: str, deletions: Sequence[DeletionEntry]) -> List[HoldEntry]:
        """The holds that count; for files that this journal does not know, also those of the days around it."""
        segments, holds = journal.hour_segments_and_holds(hour)
        known = {segment.file for segment in segments}
        if all(deletion.file in known for deletion in deletions):
            return holds
        return holds_near(self._layout, journal.path.parent.name)

    def _write_journal(self, journal: Journal, folder: Optional[Folder], going: Sequence[DeletionEntry]) -> Set[str]:
        """Journal why recordings are deleted; returns the names of those deleted before, to make room for the lines."""
        if not going:
            return set()
        try:
            journal.append_all(going, self._tz)
            return set()
        except OSError as error:
            if error.errno not in FULL or folder is None:
                raise
        written = journal.deletions()  # some of the lines may have been written
        first = going[0].file
        _remove(folder, HOUR_PLAYLIST)  # it must not name missing files
        _remove(folder, first)
        journal.append_all([deletion for deletion in going if deletion.file not in written], self._tz)
        return {first}

    def _render(self, folder: Folder, journal: Journal) -> bool:
        """Write the hour's playlist; returns whether the hour still has recordings."""
        try:
            return render_playlist_in(folder, journal, self._tz)
        except OSError as error:
            if error.errno not in FULL:
                raise
            _remove(folder, HOUR_PLAYLIST)  # the next cleanup notices and writes it
            return True

    def _shown(self, in_recordings: str) -> str:
        return f"{self._layout.folder.name}/recordings/{in_recordings}"


def _is_held(deletion: DeletionEntry, holds: Iterable[HoldEntry]) -> bool:
    return any(hold.covers(deletion.start, deletion.start + deletion.duration) for hold in holds)


def _remove(hour: Folder, file: str) -> None:
    """Delete a regular file of an hour, by its name in the day or in the hour, if it exists. Raises OSError."""
    name = file.rsplit("/", 1)[-1]
    with suppress(FileNotFoundError):
        hour.status(name)
        hour.remove(name)


def _remove_folder(day: Folder, hour: Folder) -> None:
    """Remove an hour's folder if nothing but our drafts is in it."""
    try:
        for name in hour.names():
            if drafts.is_draft(name, HOUR_PLAYLIST):
                _remove(hour, name)
        day.remove_folder(hour.path.name)
    except OSError:  # it is not empty, or is gone
        pass
