"""How much of a stretch of time was recorded, and what recordings grow by, from the journal's entries. Pure."""

from __future__ import annotations

from bisect import bisect_right
from typing import Iterable, Optional, Sequence, Tuple

from cctv_cli.core.facts import Coverage
from cctv_cli.core.journal import Entry, GapEntry, SegmentEntry

DAY = 86400.0
CHOSEN = ("stopped", "disabled")  # causes of gaps that a person wanted
_SHORTEST = 60.0  # seconds of recordings that say something about their growth

Stretch = Tuple[float, float]


def coverage(
    entries: Sequence[Entry],
    begin: float,
    end: float,
    *,
    first: Optional[float],
    running_since: Optional[float],
    wanted: bool,
) -> Coverage:
    """What was recorded from the instant `begin`, or from the first recording if that is later, to `end`.

    A minute is committed when it is over: what follows the last entry counts as recorded while FFmpeg runs
    (`running_since`), and else as missing, or as off if the camera is not `wanted`.
    """
    if first is None or first >= end:
        return Coverage()
    begin = max(begin, first)
    inside = [entry for entry in entries if entry.start < end and entry.end > begin]
    segments = sorted((e.start, e.end) for e in inside if isinstance(e, SegmentEntry))
    gaps = [entry for entry in inside if isinstance(entry, GapEntry)]
    known_until = max((entry.end for entry in inside), default=begin)
    holes = [(gap.start, gap.end) for gap in gaps if _lies_in(gap, segments)]
    off = [(gap.start, gap.end) for gap in gaps if gap.cause in CHOSEN]
    if running_since is not None:
        segments.append((max(known_until, running_since), end))
    elif not wanted:
        off.append((known_until, end))
    recorded = _length(segments, begin, end) - _length(holes, begin, end)
    not_wanted = _length(off, begin, end)
    return Coverage(recorded, max(0.0, end - begin - recorded - not_wanted), not_wanted)


def growth(entries: Sequence[Entry], now: float, *, running: bool) -> Optional[float]:
    """The bytes that recordings grow by in a day, as the last one went; None while too little was recorded."""
    recent = [e for e in entries if isinstance(e, SegmentEntry) and e.end > now - DAY and e.start <= now]
    if not recent:
        return None
    begin = max(now - DAY, min(entry.start for entry in recent))
    end = max(entry.end for entry in recent) if running else now
    if end - begin < _SHORTEST:
        return None
    return sum(entry.bytes for entry in recent) * DAY / (end - begin)


def runs(entries: Sequence[Entry], begin: float) -> int:
    """How many runs of FFmpeg have recordings that end after the instant `begin`."""
    return len({entry.run for entry in entries if isinstance(entry, SegmentEntry) and entry.end > begin})


def _lies_in(gap: GapEntry, segments: Sequence[Stretch]) -> bool:
    """Whether a gap is a hole inside one of the segments, which are in order."""
    at = bisect_right(segments, (gap.start, float("inf")))
    return at > 0 and gap.end <= segments[at - 1][1]


def _length(stretches: Iterable[Stretch], begin: float, end: float) -> float:
    """The seconds between two instants that any of the stretches covers."""
    covered, until = 0.0, begin
    for start, stop in sorted(stretches):
        start, stop = max(start, until), min(stop, end)
        if stop > start:
            covered, until = covered + stop - start, stop
    return covered
