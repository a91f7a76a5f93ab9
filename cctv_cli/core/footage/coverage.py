"""Computes from journal entries how much of a time span was recorded, and how fast recordings grow. Pure."""

from __future__ import annotations

import sys
from bisect import bisect_right
from dataclasses import dataclass
from typing import Iterable, NamedTuple, Optional, Sequence, Tuple

from cctv_cli.core.clock import DAY
from cctv_cli.core.storage.entries import Entry, GapEntry, SegmentEntry

CHOSEN = ("stopped", "disabled")  # causes of intended gaps
_SHORTEST = 60.0  # minimum seconds of recordings to estimate growth

Span = Tuple[float, float]


@dataclass(frozen=True)
class Coverage:
    """The seconds of a time span that were recorded, are missing, or were `off`: an operator had stopped the camera."""

    recorded: float = 0.0
    missing: float = 0.0
    off: float = 0.0


NOTHING_RECORDED = Coverage()


class Piece(NamedTuple):
    """The relevant part of an entry: for a recording `run` and bytes, for a gap `cause`; the other is empty.

    Kept small because a day has thousands of them for every camera.
    """

    start: float
    end: float
    bytes: int
    run: str
    cause: str


def piece_of(entry: Entry) -> Optional[Piece]:
    """The piece for a recording or a gap; None for any other entry."""
    if isinstance(entry, SegmentEntry):
        return Piece(entry.start, entry.end, entry.bytes, sys.intern(entry.run), "")
    if isinstance(entry, GapEntry):
        return Piece(entry.start, entry.end, 0, "", sys.intern(entry.cause))
    return None


def coverage(
    pieces: Sequence[Piece],
    begin: float,
    end: float,
    *,
    first: Optional[float],
    running_since: Optional[float],
    wanted: bool,
) -> Coverage:
    """What was recorded from the instant `begin`, or from the `first` recording if that is later, to `end`.

    A minute is committed when it is over. So the time after the last piece counts as recorded while FFmpeg runs
    (`running_since`), otherwise as missing, or as off if the camera is not `wanted`.
    """
    if first is None or first >= end:
        return Coverage()
    begin = max(begin, first)
    inside = [piece for piece in pieces if piece.start < end and piece.end > begin]
    segments = sorted((piece.start, piece.end) for piece in inside if piece.run)
    gaps = [piece for piece in inside if not piece.run]
    known_until = max((piece.end for piece in inside), default=begin)
    holes = [(gap.start, gap.end) for gap in gaps if _is_inside(gap, segments)]
    off = [(gap.start, gap.end) for gap in gaps if gap.cause in CHOSEN]
    if running_since is not None:
        segments.append((max(known_until, running_since), end))
    elif not wanted:
        off.append((known_until, end))
    recorded = _length(segments, begin, end) - _length(holes, begin, end)
    not_wanted = _length(off, begin, end)
    return Coverage(recorded, max(0.0, end - begin - recorded - not_wanted), not_wanted)


def growth(pieces: Sequence[Piece], now: float, *, running: bool) -> Optional[float]:
    """The bytes by which recordings grow in a day, from the last 24 hours; None while too little was recorded."""
    recent = [piece for piece in pieces if piece.run and piece.end > now - DAY and piece.start <= now]
    if not recent:
        return None
    begin = max(now - DAY, min(piece.start for piece in recent))
    end = max(piece.end for piece in recent) if running else now
    if end - begin < _SHORTEST:
        return None
    return sum(piece.bytes for piece in recent) * DAY / (end - begin)


def runs(pieces: Iterable[Piece]) -> int:
    """The number of FFmpeg runs that made these recordings."""
    return len({piece.run for piece in pieces if piece.run})


def _is_inside(gap: Piece, segments: Sequence[Span]) -> bool:
    """Whether a gap is inside one of the segments, which are in order."""
    at = bisect_right(segments, (gap.start, float("inf")))
    return at > 0 and gap.end <= segments[at - 1][1]


def _length(spans: Iterable[Span], begin: float, end: float) -> float:
    """The seconds between two instants that are covered by any of the spans."""
    covered, until = 0.0, begin
    for start, stop in sorted(spans):
        start, stop = max(start, until), min(stop, end)
        if stop > start:
            covered, until = covered + stop - start, stop
    return covered
