"""Reads journals as days, hours, segments and gaps: what was recorded, and what is missing and why."""

from __future__ import annotations

import logging
import threading
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

from cctv_cli.core.layout import CameraLayout, parse_recording
from cctv_cli.core.storage.days import days_near, recorded_days
from cctv_cli.core.storage.entries import (
    ClockEntry,
    DeletionEntry,
    Entry,
    GapEntry,
    SegmentEntry,
    deleted_files,
    parse_line,
)
from cctv_cli.core.storage.journal import Journal

log = logging.getLogger("cctv.footage")


@dataclass(frozen=True)
class Hour:
    """One local hour: its number "00" to "23", segments, seconds, bytes, first and last instant."""

    hour: str
    segments: int
    seconds: float
    bytes: int
    start: float
    end: float


@dataclass(frozen=True)
class Day:
    """One local day: its hours, and its gaps in order of absolute start.

    `clock_steps` says when this machine's clock was set, in the order in which that happened.
    `emptied`: retention deleted all its recordings.
    """

    date: str
    hours: Tuple[Hour, ...]
    gaps: Tuple[GapEntry, ...]
    clock_steps: Tuple[ClockEntry, ...] = ()
    emptied: bool = False

    @property
    def segments(self) -> int:
        """The number of recordings."""
        return sum(hour.segments for hour in self.hours)

    @property
    def seconds(self) -> float:
        """Recorded seconds."""
        return sum(hour.seconds for hour in self.hours)

    @property
    def missing_seconds(self) -> float:
        """The seconds of all gaps."""
        return sum(gap.duration for gap in self.gaps)

    @property
    def bytes(self) -> int:
        """Recorded bytes."""
        return sum(hour.bytes for hour in self.hours)


@dataclass(frozen=True)
class _Read:
    """What was read of a journal: up to byte `offset`, where a line ends."""

    path: Path
    offset: int = 0
    entries: Tuple[Entry, ...] = ()


class Catalog:
    """Reads days, and caches those whose journal did not change. Thread-safe.

    The newest day of each camera gets a new line every minute; only the new lines are read.
    """

    def __init__(self) -> None:
        self._known: Dict[Path, Tuple[int, Day]] = {}
        self._newest: Dict[Path, _Read] = {}
        self._lock = threading.Lock()

    def days(self, layout: CameraLayout, *, before: Optional[str] = None, limit: Optional[int] = None) -> List[Day]:
        """Days with a journal that retention has not emptied, newest first: at most `limit` before the day `before`.

        Raises OSError.
        """
        found: List[Day] = []
        for name in reversed(recorded_days(layout)):
            if len(found) == limit:
                break
            try:
                day = self.day(layout, name) if before is None or name < before else None
            except OSError as error:  # leave out this day only
                log.warning("%s: the day %s cannot be listed: %s", layout.camera_id, name, error)
                continue
            if day is not None and not day.emptied:
                found.append(day)
        return found

    def day(self, layout: CameraLayout, date: str) -> Optional[Day]:
        """One day; None without a journal. Raises OSError."""
        journal = Journal(layout.journal(date))
        try:
            size = journal.path.stat().st_size
        except FileNotFoundError:
            return None
        with self._lock:
            known = self._known.get(journal.path)
        if known is None or known[0] != size:
            known = (size, _summary(date, self._entries(layout, journal, size)))
            with self._lock:
                self._known[journal.path] = known
        return known[1]

    def between(
        self, layout: CameraLayout, start: float, end: float, tz: Optional[tzinfo]
    ) -> List[Tuple[str, SegmentEntry]]:
        """The recordings of the time between two instants, each with its day, by absolute start. Raises OSError."""
        found: List[Tuple[str, SegmentEntry]] = []
        for date in days_near(layout, start, end, tz):
            day = self.day(layout, date)
            for hour in day.hours if day is not None else ():
                if hour.start < end and hour.end > start:
                    segments = Journal(layout.journal(date)).hour_segments(hour.hour)
                    found += ((date, each) for each in segments if each.start < end and each.end > start)
        return sorted(found, key=lambda each: each[1].start)

    def _entries(self, layout: CameraLayout, journal: Journal, size: int) -> Sequence[Entry]:
        with self._lock:
            newest = self._newest.get(layout.recordings)
        before = newest if newest is not None and newest.path == journal.path else _Read(journal.path)
        if size < before.offset:
            before = _Read(journal.path)  # the journal was replaced
        text = journal.read_on(before.offset)
        whole = text.rfind(b"\n") + 1
        entries = before.entries + tuple(_parsed(text[:whole]))
        if newest is None or newest.path <= journal.path:
            with self._lock:
                self._newest[layout.recordings] = _Read(journal.path, before.offset + whole, entries)
        return entries + tuple(_parsed(text[whole:]))  # an incomplete last line may still grow


def day_segments(layout: CameraLayout, date: str) -> List[SegmentEntry]:
    """The recordings of a local day in order of absolute start. Raises OSError."""
    return _segments(date, list(Journal(layout.journal(date)).entries()))


def _parsed(text: bytes) -> Iterable[Entry]:
    return (entry for entry in map(parse_line, text.splitlines()) if entry is not None)


def _summary(date: str, entries: Sequence[Entry]) -> Day:
    gaps = sorted((e for e in entries if isinstance(e, GapEntry)), key=lambda gap: gap.start)
    by_hour: Dict[str, List[SegmentEntry]] = defaultdict(list)
    for segment in _segments(date, entries):
        by_hour[segment.file.split("/", 1)[0]].append(segment)
    starts = [gap.start for gap in gaps]
    hours = tuple(_hour(hour, found, gaps, starts) for hour, found in sorted(by_hour.items()))
    emptied = not hours and any(isinstance(e, DeletionEntry) for e in entries)
    clock_steps = tuple(e for e in entries if isinstance(e, ClockEntry))
    return Day(date, hours, tuple(gaps), clock_steps, emptied)


def _hour(hour: str, segments: Sequence[SegmentEntry], gaps: Sequence[GapEntry], starts: Sequence[float]) -> Hour:
    return Hour(
        hour=hour,
        segments=len(segments),
        seconds=sum(_seconds(segment, gaps, starts) for segment in segments),
        bytes=sum(segment.bytes for segment in segments),
        start=segments[0].start,
        end=max(segment.end for segment in segments),
    )


def _segments(date: str, entries: Sequence[Entry]) -> List[SegmentEntry]:
    """The recordings that remain after all these entries, which are in the order in which they were written."""
    deleted = deleted_files(entries)
    kept = (e for e in entries if isinstance(e, SegmentEntry) and e.file not in deleted and _has_valid_name(date, e))
    return sorted(kept, key=lambda segment: segment.start)


def _seconds(segment: SegmentEntry, gaps: Sequence[GapEntry], starts: Sequence[float]) -> float:
    """The seconds that a recording covers, without the gaps inside it; `starts` are the starts of `gaps`, in order."""
    inside = gaps[bisect_left(starts, segment.start) : bisect_left(starts, segment.end)]
    return segment.duration - sum(gap.duration for gap in inside if gap.end <= segment.end)


def _has_valid_name(date: str, entry: SegmentEntry) -> bool:
    hour, _, file = entry.file.partition("/")
    return parse_recording(date, hour, file) is not None
