"""What was recorded, and what is missing and why: journals read as days, hours, segments and gaps."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from cctv_cli.core.journal import DeletionEntry, GapEntry, Journal, SegmentEntry
from cctv_cli.core.layout import CameraLayout, parse_recording
from cctv_cli.core.scan import recorded_days


@dataclass(frozen=True)
class Hour:
    """One local hour: its number "00" to "23", segments, seconds, bytes."""

    hour: str
    segments: int
    seconds: float
    bytes: int


@dataclass(frozen=True)
class Day:
    """One local day: its hours, and its gaps in the order of their absolute start.

    `emptied` when retention took all that it had.
    """

    date: str
    hours: Tuple[Hour, ...]
    gaps: Tuple[GapEntry, ...]
    emptied: bool = False

    @property
    def segments(self) -> int:
        """How many recordings there are."""
        return sum(hour.segments for hour in self.hours)

    @property
    def seconds(self) -> float:
        """Recorded seconds."""
        return sum(hour.seconds for hour in self.hours)

    @property
    def missing_seconds(self) -> float:
        """Seconds that gaps explain."""
        return sum(gap.duration for gap in self.gaps)

    @property
    def bytes(self) -> int:
        """Recorded bytes."""
        return sum(hour.bytes for hour in self.hours)


class Catalog:
    """Reads days; remembers those whose journal did not grow. Safe to use from many threads."""

    def __init__(self) -> None:
        self._known: Dict[Path, Tuple[int, Day]] = {}
        self._lock = threading.Lock()

    def days(self, layout: CameraLayout) -> List[Day]:
        """Every day that has a journal and was not emptied, newest first. Raises OSError."""
        days = (self.day(layout, name) for name in reversed(recorded_days(layout)))
        return [day for day in days if day is not None and not day.emptied]

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
            known = (size, _read(date, journal))
            with self._lock:
                self._known[journal.path] = known
        return known[1]


def day_segments(layout: CameraLayout, date: str) -> List[SegmentEntry]:
    """Every recording of a local day in the order of its absolute start. Raises OSError."""
    return _segments(date, Journal(layout.journal(date)))


def _read(date: str, journal: Journal) -> Day:
    by_hour: Dict[str, List[SegmentEntry]] = defaultdict(list)
    for segment in _segments(date, journal):
        by_hour[segment.file.split("/", 1)[0]].append(segment)
    gaps = sorted((e for e in journal.entries() if isinstance(e, GapEntry)), key=lambda gap: gap.start)
    hours = tuple(
        Hour(hour, len(found), sum(_seconds(s, gaps) for s in found), sum(s.bytes for s in found))
        for hour, found in sorted(by_hour.items())
    )
    emptied = not hours and any(isinstance(e, DeletionEntry) for e in journal.entries(b'"deletion"'))
    return Day(date, hours, tuple(gaps), emptied)


def _segments(date: str, journal: Journal) -> List[SegmentEntry]:
    return [entry for entry in journal.segments() if _is_named_well(date, entry)]


def _seconds(segment: SegmentEntry, gaps: Sequence[GapEntry]) -> float:
    """What a recording covers, without the holes inside it."""
    holes = (gap.duration for gap in gaps if segment.start <= gap.start and gap.end <= segment.end)
    return segment.duration - sum(holes)


def _is_named_well(date: str, entry: SegmentEntry) -> bool:
    hour, _, file = entry.file.partition("/")
    return parse_recording(date, hour, file) is not None
