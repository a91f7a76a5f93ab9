"""Commits the finished files of one camera, and journals when nothing was recorded.

A commit first writes the journal line, then moves the file. A crash between the two is repaired by
finishing the move, because the line has the file's name before and after it.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from contextlib import contextmanager, suppress
from datetime import datetime, tzinfo
from itertools import count, islice
from pathlib import Path
from typing import Callable, Container, ContextManager, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from cctv_cli.core import files, locks
from cctv_cli.core.clock import HOUR, local_time
from cctv_cli.core.hls.playlist import RecordedSegment, render_recorded
from cctv_cli.core.layout import (
    HOUR_PLAYLIST,
    MP4,
    CameraLayout,
    RecordingName,
    is_day,
    is_run,
    parse_promise,
    parse_recording,
    promise_name,
    recording_name,
)
from cctv_cli.core.media.hvcc import correct_file
from cctv_cli.core.media.segment_file import cut_torn_end, header_size
from cctv_cli.core.media.span import MediaSpan
from cctv_cli.core.storage.disk_clock import DiskClock
from cctv_cli.core.storage.disk_errors import explained_at
from cctv_cli.core.storage.entries import ClockEntry, Entry, GapEntry, SegmentEntry, joins
from cctv_cli.core.storage.gaps import NO_FRAMES, Reason, by_day, gaps_after
from cctv_cli.core.storage.journal import Journal

log = logging.getLogger("cctv.recorder")

_LOCK_PATIENCE = 60.0  # seconds; the lock is held to append a line or render a playlist
# errors of the disk or of this process, not of one day
_GENERAL_ERRORS = frozenset(
    getattr(errno, name, errno.ENOSPC)
    for name in ("ENOSPC", "EDQUOT", "EROFS", "EMFILE", "ENFILE", "ENOMEM", "ESTALE", "ETIMEDOUT", "ENOLCK")
)
_DAY_ENDS = HOUR  # seconds after midnight within which a day's last minutes may still be committed
_CLOCK_ERROR = 5.0  # seconds; a recording that ends later than this from now was dated by a wrong clock
_MISNAMED_DAYS = 3  # after the time zone moved west, new recordings belong to days that already exist
_CUT_TOLERANCE = 2.0  # a file cut at a minute's boundary may begin this much before it, by the anchor's error


def journal_lock(layout: CameraLayout) -> ContextManager[None]:
    """Hold the lock of a camera's journals, playlists and recordings, to change any of them. Raises OSError."""
    return locks.holding(layout.journal_lock, _LOCK_PATIENCE)


def render_hour_playlist(layout: CameraLayout, day: str, hour: str, tz: Optional[tzinfo]) -> None:
    """Write an hour's playlist, with the recordings that are both in the journal and on disk. Raises OSError.

    The caller holds the lock.
    """
    with suppress(FileNotFoundError), files.open_folder_in(layout.hour(day, hour), inside=layout.recordings) as folder:
        render_playlist_in(folder, Journal(layout.journal(day)), tz)


def render_playlist_in(hour: files.Folder, journal: Journal, tz: Optional[tzinfo]) -> bool:
    """Like `render_hour_playlist`, for the open folder of an hour and the journal of its day.

    Returns whether the hour has recordings according to the journal.
    """
    files.remove_drafts(hour)
    segments = journal.hour_segments(hour.path.name)
    present = [s for s in segments if _is_file(hour, s.file.rsplit("/", 1)[1])]
    text = render_recorded(as_played(present), tz).encode()
    if not present:
        with suppress(FileNotFoundError):
            hour.remove(HOUR_PLAYLIST)
    elif not files.holds(hour, HOUR_PLAYLIST, text):
        files.replace_in(hour, HOUR_PLAYLIST, text)
    return bool(segments)


def _is_file(folder: files.Folder, name: str) -> bool:
    try:
        folder.status(name)
    except (FileNotFoundError, files.NotRegularFile):
        return False
    return True


def as_played(segments: Sequence[SegmentEntry]) -> List[RecordedSegment]:
    """Recordings as a playlist in their hour lists them, by absolute start."""
    ordered = sorted(segments, key=lambda segment: segment.start)
    return [
        RecordedSegment(
            name=segment.file.rsplit("/", 1)[1],
            start=segment.start,
            duration=segment.plays,
            bytes=segment.bytes,
            joins=before is not None and joins(before, segment),
            run=segment.run,
            header=segment.header,
        )
        for before, segment in zip((None, *ordered), ordered)
    ]


class RecordingStore:
    """Commits recordings and gaps of one camera. Methods raise OSError."""

    def __init__(
        self,
        layout: CameraLayout,
        tz: Optional[tzinfo],
        now: Callable[[], float] = time.time,
        sync_interval: float = 60.0,
    ) -> None:
        """`sync_interval` is the time in seconds between syncs of the file that FFmpeg is writing."""
        self.sync_interval = sync_interval
        self._layout = layout
        self._now = now
        self.disk = DiskClock(layout.folder)
        self._stale: Set[Tuple[str, str]] = set()  # hours whose playlists must be rendered again
        self._tz = tz
        self._covered_until: Optional[float] = None
        self.playlist_fault = ""  # why an hour's playlist could not be written
        self.clock_offset: Optional[float] = None  # wall time minus monotonic time, by which the newest one is dated

    @property
    def covered_until(self) -> Optional[float]:
        """The instant up to which recordings and gaps cover all time; None before the first recording.

        Recordings that a wrong clock dated into the future do not count.
        """
        covered = self._covered_until
        return covered if covered is not None and covered <= self._now() + _CLOCK_ERROR else None

    def open(self) -> None:
        """Finish what a crash interrupted, and find the instant up to which all time is covered.

        A day whose journal cannot be read is logged and skipped.
        """
        self._require_one_disk()
        days = self._days()
        with journal_lock(self._layout):
            marks = list(self._marks())
            for day in sorted({*days[-2:], *(day for _, _, day in marks)}):
                with self._skipping_unreadable(self._layout.journal(day)):
                    self._finish_commits(day)
            for folder, source, day in marks:
                if not (folder / source).exists():
                    files.remove(folder / promise_name(source, day))
            self._render_stale()
        ends = (end for day in reversed(days) for end in self._last_end(day))
        self._covered_until = max(islice(ends, _MISNAMED_DAYS), default=None)

    def _marks(self) -> Iterator[Tuple[Path, str, str]]:
        """The folder, name and promised day of each file that a crash left between its journal line and its move."""
        for folder in self._layout.incoming.glob("*"):
            if is_run(folder.name):
                with self._skipping_unreadable(folder):
                    promises = map(parse_promise, os.listdir(folder))
                    yield from ((folder, *promise) for promise in promises if promise is not None)

    @contextmanager
    def _skipping_unreadable(self, path: Path) -> Iterator[None]:
        """Log an OSError and continue, so that one unreadable file does not block the others."""
        try:
            yield
        except OSError as error:
            log.error("%s: %s cannot be read and is skipped: %s", self._layout.camera_id, path, error)

    def _require_one_disk(self) -> None:
        """Raise OSError if a commit's rename would cross disks: its journal line could never be fulfilled."""
        folder, recordings = self._layout.folder, self._layout.recordings
        if recordings.exists() and recordings.stat().st_dev != folder.stat().st_dev:
            raise OSError(f"{recordings} is another disk than its camera's folder; mount the disk at {folder} instead")

    def commit(
        self,
        source: Path,
        start: float,
        span: MediaSpan,
        run: str,
        *,
        cut: bool,
        gaps: Sequence[GapEntry] = (),
        clock: Sequence[ClockEntry] = (),
        media: float = 0.0,
    ) -> SegmentEntry:
        """Turn a finished file into a recording: journal line, move, playlist.

        `start` is the instant of its first frame; `gaps` cover the time before it; `clock` says that the clock was set
        before it; `cut` is true if it begins at a minute's boundary; `media` is its duration in media time if that
        differs from the time that it covers.
        """
        name_at = local_time(start + (_CUT_TOLERANCE if cut else 0.0), self._tz)
        first = recording_name(name_at)
        with journal_lock(self._layout):
            day, entry = self._promised(first.day, run, source)
            mark = source.parent / promise_name(source.name, day)
            if entry is None:
                entry = self._new_line(source, start, span, run, name_at, media)
                self._layout.hour(first.day, first.hour).mkdir(parents=True, exist_ok=True)
                holes = (GapEntry(start + hole.offset, hole.duration, *NO_FRAMES) for hole in span.holes)
                mark.touch()  # finds the line again after a crash, even if the clock was set
                self._journal(gaps, day, [*clock, entry, *holes])
                files.sync_folder(self._layout.day(day))
            self._cover(entry.end)
            self._stale.add((day, entry.file[:2]))
            target = self._layout.day(day) / entry.file
            target.parent.mkdir(exist_ok=True)  # the hour of an earlier try may have been removed since
            files.move(source, target)
            files.remove(mark)
            self._render_stale()
        return entry

    def _new_line(
        self, source: Path, start: float, span: MediaSpan, run: str, name_at: datetime, media: float
    ) -> SegmentEntry:
        """The journal line of a finished file, which is repaired first, for a name that is free."""
        cut_torn_end(source)
        if source.suffix == MP4:
            correct_file(source)
        first = recording_name(name_at)
        taken = Journal(self._layout.journal(first.day)).hour_names(first.hour)
        name = self._free_name(name_at, source.suffix, taken)
        size, digest = source.stat().st_size, files.sha256_synced(source)
        header = header_size(source) or 0
        return SegmentEntry(name.in_day, start, span.duration, size, digest, run, source.name, header, media)

    def day_is_lost(self, error: OSError) -> bool:
        """Whether an error says that a day that is over cannot be written.

        The files of such a day wait for the next start, so that later days are committed.
        """
        path = Path(str(error.filename))
        if error.errno in _GENERAL_ERRORS or self._layout.recordings not in path.parents:
            return False
        return self._is_over(path.relative_to(self._layout.recordings).parts[0])

    def _is_over(self, day: str) -> bool:
        return is_day(day) and day < local_time(self._now() - _DAY_ENDS, self._tz).strftime("%Y-%m-%d")

    def _promised(self, day: str, run: str, source: Path) -> Tuple[str, Optional[SegmentEntry]]:
        """The day and line that an earlier try wrote before it failed to move the file; `day` and None without one."""
        line = f'"run": "{run}", "source": "{source.name}"'.encode()
        promises = (parse_promise(name) for name in os.listdir(source.parent))
        marked = [promise[1] for promise in promises if promise is not None and promise[0] == source.name]
        for near in (*marked, day):
            for entry in self._journal_of(near).entries(line):
                if isinstance(entry, SegmentEntry):
                    return near, entry
        return day, None

    def _journal_of(self, day: str) -> Journal:
        """A day's journal. Anything in its place that is not a file is renamed."""
        path = self._layout.journal(day)
        try:
            files.status(path)
        except files.NotRegularFile:
            aside = files.set_aside(path)
            log.error("%s: %s is not a file and was renamed to %s", self._layout.camera_id, path, aside.name)
        except FileNotFoundError:
            pass
        return Journal(path)

    def _cover(self, end: float) -> None:
        """Note that all time up to `end` is covered."""
        covered = self.covered_until
        self._covered_until = end if covered is None else max(end, covered)

    def explain(self, until: float, cause: str, detail: str = "") -> None:
        """Journal that nothing was recorded up to the instant `until`, and why."""
        with journal_lock(self._layout):
            self._journal(gaps_after(self.covered_until, [Reason(until, cause, detail)]))
        if self._covered_until is not None and self.covered_until is None:
            self._covered_until = until

    def _journal(self, gaps: Iterable[GapEntry], day: str = "", lines: Sequence[Entry] = ()) -> None:
        """Write gaps into the journals of their days; the last append also holds the `lines` of `day`.

        A crash between two appends loses nothing: the next start journals the remaining gaps. A day that cannot be
        written is skipped if it is over, or if it is not the day of the `lines`.
        """
        days: Dict[str, List[Entry]] = {}
        skipped: List[Entry] = []
        for gap_day, gap in by_day(gaps, self._tz):
            days.setdefault(gap_day, []).append(gap)
        if lines:
            days[day] = [*days.pop(day, []), *lines]
        for name, entries in days.items():
            try:
                self._layout.day(name).mkdir(parents=True, exist_ok=True)
                self._journal_of(name).append_all(entries, self._tz)
            except OSError as error:
                is_other_day = bool(lines) and name != day
                if error.errno in _GENERAL_ERRORS or name == day or not (is_other_day or self._is_over(name)):
                    raise
                log.error("%s: %s cannot be written and is skipped: %s", self._layout.camera_id, name, error)
                skipped += entries
            else:
                self._cover(_end_of(entries))
        if skipped:  # only now, because all days are retried if a later one fails
            self._cover(_end_of(skipped))

    def _free_name(self, at: datetime, suffix: str, taken: Container[str]) -> RecordingName:
        names = (recording_name(at, take, suffix) for take in count())
        return next(n for n in names if n.in_day not in taken and not self._layout.recording(n).exists())

    def _render_stale(self) -> None:
        """Render the stale playlists. One that cannot be written is retried with the next commit."""
        fault = ""
        for day, hour in sorted(self._stale):
            try:
                render_hour_playlist(self._layout, day, hour, self._tz)
                self._stale.discard((day, hour))
            except OSError as error:
                fault = explained_at(error)
        if fault and fault != self.playlist_fault:
            log.error("%s: an hour's playlist cannot be written: %s", self._layout.camera_id, fault)
        self.playlist_fault = fault

    def _days(self) -> List[str]:
        try:
            return sorted(p.name for p in self._layout.recordings.iterdir() if is_day(p.name))
        except FileNotFoundError:
            return []

    def _last_end(self, day: str) -> Iterator[float]:
        """The latest end of the day's recordings and gaps, if it has any. Recovered recordings may be out of order.

        For a journal that cannot be read, the instant of its last change.
        """
        latest = self._now() + _CLOCK_ERROR
        path = self._layout.journal(day)
        ends: List[float] = []
        with self._skipping_unreadable(path):
            try:
                ends = [e.end for e in Journal(path).entries() if isinstance(e, (SegmentEntry, GapEntry))]
            except OSError:
                ends = [self.disk.instant(path.lstat().st_mtime)]
                raise
        ends = [end for end in ends if end <= latest]
        if ends:
            yield max(ends)

    def _finish_commits(self, day: str) -> None:
        """Move the files of journal lines whose move a crash prevented, and mark the hours' playlists as stale."""
        segments = [e for e in Journal(self._layout.journal(day)).entries() if isinstance(e, SegmentEntry)]
        for entry in segments:
            hour, _, file = entry.file.partition("/")
            name = parse_recording(day, hour, file)
            if name is None or not is_run(entry.run):
                continue
            source = self._layout.run_folder(entry.run) / Path(entry.source).name
            if source.is_file() and not self._layout.recording(name).exists():
                self._layout.hour(day, hour).mkdir(parents=True, exist_ok=True)
                files.move(source, self._layout.recording(name))
            self._stale.add((day, hour))


def _end_of(entries: Iterable[Entry]) -> float:
    """The latest end of these recordings and gaps."""
    return max(entry.end for entry in entries if isinstance(entry, (GapEntry, SegmentEntry)))
