"""The recordings of one camera: commits finished files and says where nothing was recorded.

A commit writes the journal first and moves the file then: a crash between the two is repaired by
finishing the move, because the journal's line names the file on both sides.
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
from typing import Callable, Container, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from filelock import FileLock

from cctv_cli.core import files
from cctv_cli.core.clock import HOUR, local_time
from cctv_cli.core.hls.playlist import RecordedSegment, render_hour
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
from cctv_cli.core.media.fmp4 import cut_torn_end, tag_file_hvc1
from cctv_cli.core.media.segment_file import header_size
from cctv_cli.core.media.span import MediaSpan
from cctv_cli.core.storage.entries import Entry, GapEntry, SegmentEntry, joins
from cctv_cli.core.storage.gaps import NO_FRAMES, Reason, by_day, gaps_after
from cctv_cli.core.storage.journal import Journal

log = logging.getLogger("cctv.recorder")

_LOCK_PATIENCE = 60.0  # seconds; whoever holds the lock appends a line or renders a playlist
# what is wrong with the disk or this process, not with one day
_NOTHING_GOES = frozenset(
    getattr(errno, name, errno.ENOSPC)
    for name in ("ENOSPC", "EDQUOT", "EROFS", "EMFILE", "ENFILE", "ENOMEM", "ESTALE", "ETIMEDOUT", "ENOLCK")
)
_DAY_ENDS = HOUR  # seconds after midnight in which a day's last minutes are still committed
_FUTURE = 5.0  # seconds; what ends later than this from now was dated by a clock that was wrong
_MISNAMED_DAYS = 3  # a time zone that moved west names new recordings after days that are there already
_CUT_TOLERANCE = 2.0  # a file cut at a minute's boundary may begin this much before it, by the anchor's error


def journal_lock(layout: CameraLayout) -> FileLock:
    """The lock of a camera's journals, playlists and recordings: whoever changes any of them holds it."""
    return FileLock(str(layout.journal_lock), timeout=_LOCK_PATIENCE)


def render_hour_playlist(layout: CameraLayout, day: str, hour: str, tz: Optional[tzinfo]) -> None:
    """Let an hour's playlist name what the journal knows and the disk has. Raises OSError.

    The caller holds the lock.
    """
    with suppress(FileNotFoundError), files.open_folder_in(layout.hour(day, hour), inside=layout.recordings) as folder:
        render_playlist_in(folder, Journal(layout.journal(day)), tz)


def render_playlist_in(hour: files.Folder, journal: Journal, tz: Optional[tzinfo]) -> None:
    """Do the same in the open folder of an hour, whose day has this journal."""
    segments = journal.hour_segments(hour.path.name)
    present = [s for s in segments if files.is_file(hour, s.file.rsplit("/", 1)[1])]
    text = render_hour(as_played(present), tz).encode()
    if not present:
        with suppress(FileNotFoundError):
            hour.remove(HOUR_PLAYLIST)
    elif not files.holds(hour, HOUR_PLAYLIST, text):
        files.replace_in(hour, HOUR_PLAYLIST, text)


def as_played(segments: Sequence[SegmentEntry]) -> List[RecordedSegment]:
    """The segments of an hour as its playlist names them, in the order of their absolute start."""
    ordered = sorted(segments, key=lambda segment: segment.start)
    return [
        RecordedSegment(
            name=segment.file.rsplit("/", 1)[1],
            start=segment.start,
            duration=segment.duration,
            bytes=segment.bytes,
            joins=before is not None and joins(before, segment),
            run=segment.run,
            header=segment.header,
        )
        for before, segment in zip((None, *ordered), ordered)
    ]


class RecordingStore:
    """Commits recordings and gaps of one camera. Methods raise OSError as the disk reports it."""

    def __init__(self, layout: CameraLayout, tz: Optional[tzinfo], now: Callable[[], float] = time.time) -> None:
        self._layout = layout
        self._now = now
        self._stale: Set[Tuple[str, str]] = set()  # hours whose playlist lacks something
        self._tz = tz
        self._lock = journal_lock(layout)
        self._covered_until: Optional[float] = None
        self.playlist_fault = ""  # why an hour's playlist could not be written

    @property
    def covered_until(self) -> Optional[float]:
        """The instant up to which recordings and gaps explain everything; None before the first recording.

        What a clock that was wrong dated into the future does not count.
        """
        covered = self._covered_until
        return covered if covered is not None and covered <= self._now() + _FUTURE else None

    def open(self) -> None:
        """Finish what a crash interrupted and learn up to when everything is explained.

        A day whose journal cannot be read is logged and passed over.
        """
        self._require_one_disk()
        days = self._days()
        with self._lock:
            marks = list(self._marks())
            for day in sorted({*days[-2:], *(day for _, _, day in marks)}):
                with self._passing_over(self._layout.journal(day)):
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
                with self._passing_over(folder):
                    promises = map(parse_promise, os.listdir(folder))
                    yield from ((folder, *promise) for promise in promises if promise is not None)

    @contextmanager
    def _passing_over(self, path: Path) -> Iterator[None]:
        """Log what cannot be read: it must hold up nothing else."""
        try:
            yield
        except OSError as error:
            log.error("%s: %s cannot be read and is passed over: %s", self._layout.camera_id, path, error)

    def _require_one_disk(self) -> None:
        """A commit is a rename: what was journalled before it failed could never be moved."""
        folder, recordings = self._layout.folder, self._layout.recordings
        if recordings.exists() and recordings.stat().st_dev != folder.stat().st_dev:
            raise OSError(f"{recordings} is another disk than its camera's folder; mount the disk at {folder} instead")

    def commit(
        self, source: Path, start: float, span: MediaSpan, run: str, *, cut: bool, gaps: Sequence[GapEntry] = ()
    ) -> SegmentEntry:
        """Make a finished file a recording: journal line, move, playlist.

        `start` is the instant of its first frame, `gaps` explain the time before it; `cut` says that it began at a
        minute's boundary.
        """
        name_at = local_time(start + (_CUT_TOLERANCE if cut else 0.0), self._tz)
        first = recording_name(name_at)
        with self._lock:
            day, entry = self._promised(first.day, run, source)
            mark = source.parent / promise_name(source.name, day)
            if entry is None:
                if source.suffix == MP4:
                    cut_torn_end(source)
                    tag_file_hvc1(source)
                name = self._free_name(
                    name_at, source.suffix, Journal(self._layout.journal(day)).hour_names(first.hour)
                )
                size, digest = source.stat().st_size, files.sha256_synced(source)
                header = header_size(source) or 0
                entry = SegmentEntry(name.in_day, start, span.duration, size, digest, run, source.name, header)
                self._layout.hour(first.day, first.hour).mkdir(parents=True, exist_ok=True)
                holes = (GapEntry(start + hole.offset, hole.duration, *NO_FRAMES) for hole in span.holes)
                mark.touch()  # after a crash the line is found again, whatever the clock did
                self._journal(gaps, day, [entry, *holes])
                files.sync_folder(self._layout.day(day))
            self._cover(entry.end)
            self._stale.add((day, entry.file[:2]))
            target = self._layout.day(day) / entry.file
            target.parent.mkdir(exist_ok=True)  # an earlier try's hour may have been emptied since
            files.move(source, target)
            files.remove(mark)
            self._render_stale()
        return entry

    def day_is_lost(self, error: OSError) -> bool:
        """Whether an error says that a day cannot be written, and a person had the whole day to fix that.

        What belongs to such a day waits for the next start, so that later days are committed.
        """
        path = Path(str(error.filename))
        if error.errno in _NOTHING_GOES or self._layout.recordings not in path.parents:
            return False
        return self._is_over(path.relative_to(self._layout.recordings).parts[0])

    def _is_over(self, day: str) -> bool:
        return is_day(day) and day < local_time(self._now() - _DAY_ENDS, self._tz).strftime("%Y-%m-%d")

    def _promised(self, day: str, run: str, source: Path) -> Tuple[str, Optional[SegmentEntry]]:
        """The line that an earlier try wrote before it failed to move the file, with its day; else `day`."""
        line = f'"run": "{run}", "source": "{source.name}"'.encode()
        promises = (parse_promise(name) for name in os.listdir(source.parent))
        marked = [promise[1] for promise in promises if promise is not None and promise[0] == source.name]
        for near in (*marked, day):
            for entry in self._journal_of(near).entries(line):
                if isinstance(entry, SegmentEntry):
                    return near, entry
        return day, None

    def _journal_of(self, day: str) -> Journal:
        """A day's journal. What lies in its place and is not a file is set aside: nothing can be read from it."""
        path = self._layout.journal(day)
        try:
            files.status(path)
        except files.NotRegularFile:
            aside = files.set_aside(path)
            log.error("%s: %s is not a file; it is now called %s", self._layout.camera_id, path, aside.name)
        except FileNotFoundError:
            pass
        return Journal(path)

    def _cover(self, end: float) -> None:
        """Everything up to `end` is explained now."""
        covered = self.covered_until
        self._covered_until = end if covered is None else max(end, covered)

    def explain(self, until: float, cause: str, detail: str = "") -> None:
        """Journal that nothing was recorded up to the instant `until`, and why."""
        with self._lock:
            self._journal(gaps_after(self.covered_until, [Reason(until, cause, detail)]))
        if self._covered_until is not None and self.covered_until is None:
            self._covered_until = until

    def _journal(self, gaps: Iterable[GapEntry], day: str = "", lines: Sequence[Entry] = ()) -> None:
        """Write gaps into the journals of their days; the last append holds the `lines` of `day` too.

        A crash between two of them loses none: what is not explained yet is explained at the next start. A day that
        is over, or only in the way of the `lines`, is passed over if it cannot be written.
        """
        days: Dict[str, List[Entry]] = {}
        passed_over: List[Entry] = []
        for gap_day, gap in by_day(gaps, self._tz):
            days.setdefault(gap_day, []).append(gap)
        if lines:
            days[day] = [*days.pop(day, []), *lines]
        for name, entries in days.items():
            try:
                self._layout.day(name).mkdir(parents=True, exist_ok=True)
                self._journal_of(name).append_all(entries, self._tz)
            except OSError as error:
                in_the_way = bool(lines) and name != day
                if error.errno in _NOTHING_GOES or name == day or not (in_the_way or self._is_over(name)):
                    raise
                log.error("%s: %s cannot be written and is passed over: %s", self._layout.camera_id, name, error)
                passed_over += entries
            else:
                self._cover(_end_of(entries))
        if passed_over:  # only now: when a later day fails, too, all is tried again
            self._cover(_end_of(passed_over))

    def _free_name(self, at: datetime, suffix: str, taken: Container[str]) -> RecordingName:
        names = (recording_name(at, take, suffix) for take in count())
        return next(n for n in names if n.in_day not in taken and not self._layout.recording(n).exists())

    def _render_stale(self) -> None:
        """Render the playlists that lack something. One that cannot be written is retried with the next commit."""
        fault = ""
        for day, hour in sorted(self._stale):
            try:
                render_hour_playlist(self._layout, day, hour, self._tz)
                self._stale.discard((day, hour))
            except OSError as error:
                fault = str(error)
        if fault and fault != self.playlist_fault:
            log.error("%s: an hour's playlist cannot be written: %s", self._layout.camera_id, fault)
        self.playlist_fault = fault

    def _days(self) -> List[str]:
        try:
            return sorted(p.name for p in self._layout.recordings.iterdir() if is_day(p.name))
        except FileNotFoundError:
            return []

    def _last_end(self, day: str) -> Iterator[float]:
        """The end of what the day's journal wrote last, if anything: late recoveries may lie before others.

        Of a journal that cannot be read, the instant of its last line.
        """
        latest = self._now() + _FUTURE
        path = self._layout.journal(day)
        ends: List[float] = []
        with self._passing_over(path):
            try:
                ends = [e.end for e in Journal(path).entries() if isinstance(e, (SegmentEntry, GapEntry))]
            except OSError:
                ends = [path.lstat().st_mtime]
                raise
        ends = [end for end in ends if end <= latest]
        if ends:
            yield max(ends)

    def _finish_commits(self, day: str) -> None:
        """Move the files that a journal's line promised, and render the playlists that may lack one."""
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
    """The instant at which the last of these recordings and gaps ends."""
    return max(entry.end for entry in entries if isinstance(entry, (GapEntry, SegmentEntry)))
