"""A camera's clock that runs steadily fast or slow, as when it stamps 25 frames a second and sends 21. Pure.

Frames are then dated by their arrival. The *origin* of an observation is its instant minus its media time: the instant
of media time 0. It is the same for all frames of a true clock, and moves steadily while a clock drifts.
"""

from __future__ import annotations

import math
from bisect import bisect
from dataclasses import dataclass, replace
from typing import NamedTuple, Sequence, Tuple

from cctv_cli.core.clock import HOUR
from cctv_cli.core.media.span import SHORTEST_HOLE, TICKS, Hole, MediaSpan

_BUCKET = 4.0  # seconds; the smallest origin of each counts, because frames may be late, but never early
_FRAMES = 25  # the same in frames: a look may see a frame so late as the next one comes, which must not seem a drift
_STEADY = 4  # knots
_LEAST = 0.015  # seconds for each media second; what is less is followed by the anchor
_MOST = 1.5  # a stream that is slower is late
_UNEVEN = 2.0  # factor between the rates of a steady drift
_CORRECTED = 7  # knots; so many holes of a bad network are hardly ever even
_KEPT = 720  # knots: an hour, for files that wait to be committed


class Knot(NamedTuple):
    """The origin at a media time."""

    media: float
    origin: float


_NOWHERE = Knot(0.0, 0.0)


@dataclass(frozen=True)
class Drift:
    """How the origin moves.

    `rate` is by how many seconds for each media second now, 0 for a true clock; until four knots have shown it, it is
    that of the run before. With `by_arrival` every observation is a knot. `line` has the knots of times
    in which it moved, `recent` those of the latest buckets; `smallest` is that of the bucket that began at the instant
    `begun`.
    """

    begun: float = 0.0
    smallest: Knot = _NOWHERE
    recent: Tuple[Knot, ...] = ()
    line: Tuple[Knot, ...] = ()
    rate: float = 0.0
    by_arrival: bool = False

    @property
    def moves(self) -> bool:
        """Whether the origin of frames that arrive now moves."""
        return self.by_arrival or self.rate != 0

    @property
    def shown(self) -> float:
        """The rate that this run has shown; 0 for a true clock, and until it is known."""
        return self.rate if len(self.recent) == _STEADY else 0.0

    def observe(self, media: float, wall: float, apart: float = 0.0) -> Drift:
        """After one more observation: at the instant `wall`, media up to this time was on disk.

        `apart` is how many seconds there are between two frames, 0 if that is unknown.
        """
        knot = Knot(media, wall - media)
        if not self.begun:
            return replace(self, begun=wall, smallest=knot)
        if not self.by_arrival and 0 <= wall - self.begun < max(_BUCKET, _FRAMES * apart):
            return replace(self, smallest=min(self.smallest, knot, key=lambda each: each.origin))
        recent = (*self.recent, self.smallest)[-_STEADY:]
        rate = self._rate(recent)
        line = self.line
        if self.moves and len(self.recent) < _STEADY:  # what is assumed of the time before may prove wrong
            line = (_long_before(recent[0], rate), *recent)
        elif rate or self.by_arrival:
            since = line[-1].media if line else -math.inf
            line = (*line, *(each for each in recent if each.media > since))
        return replace(self, begun=wall, smallest=knot, recent=recent, rate=rate, line=line[-_KEPT:])

    def _rate(self, recent: Tuple[Knot, ...]) -> float:
        if self.by_arrival:
            return 0.0
        if len(recent) < _STEADY:
            return self.rate
        return steady_rate(recent) or (self.rate if self._fits(recent[0], recent[-1]) else 0.0)

    def _fits(self, before: Knot, after: Knot) -> bool:
        """Whether the origin still moves about as before: late frames make it uneven, as on a busy machine."""
        moved, expected = after.origin - before.origin, self.rate * (after.media - before.media)
        return expected * moved > 0 and abs(expected) <= _UNEVEN * abs(moved) <= _UNEVEN**2 * abs(expected)

    def origin(self, media: float, anchor: float) -> float:
        """The origin of a frame; that of frames without a drift is the `anchor`."""
        if not self.line and not (self.moves and self.begun):
            return anchor
        last = self.line[-1] if self.line else self.smallest
        if media >= last.media or not self.line:
            return last.origin + self.rate * (media - last.media) if self.moves else anchor
        place = bisect(self.line, (media,))
        if place == 0:
            return self.line[0].origin
        before, after = self.line[place - 1], self.line[place]
        share = (media - before.media) / (after.media - before.media)
        return before.origin + share * (after.origin - before.origin)

    def moved(self, seconds: float) -> Drift:
        """After the wall clock was set by so many seconds."""
        return replace(
            self,
            begun=self.begun and self.begun + seconds,
            smallest=_moved(self.smallest, seconds),
            recent=tuple(_moved(each, seconds) for each in self.recent),
            line=tuple(_moved(each, seconds) for each in self.line),
        )


TRUE_CLOCK = Drift()


def _moved(knot: Knot, seconds: float) -> Knot:
    return Knot(knot.media, knot.origin + seconds)


def _long_before(knot: Knot, rate: float) -> Knot:
    """The knot of an hour earlier, at this rate."""
    return Knot(knot.media - HOUR, knot.origin - rate * HOUR)


def steady_rate(knots: Sequence[Knot]) -> float:
    """The rate at which the origin moves, if it moves steadily; else 0."""
    pairs = list(zip(knots, knots[1:]))
    if any(after.media <= before.media for before, after in pairs):
        return 0.0
    rates = [(after.origin - before.origin) / (after.media - before.media) for before, after in pairs]
    sizes = [abs(rate) for rate in rates]
    is_steady = min(sizes) >= _LEAST and max(sizes) <= _UNEVEN * min(sizes) and max(rates) <= _MOST
    if not is_steady or len({rate > 0 for rate in rates}) > 1:
        return 0.0
    return (knots[-1].origin - knots[0].origin) / (knots[-1].media - knots[0].media)


@dataclass(frozen=True)
class Corrections:
    """Missing frames of a run that are none: its video is stamped too slow, and sender reports correct that.

    FFmpeg then moves the time ahead with each report. Such holes are as long as the footage before them makes them,
    which those of a bad network are not. A knot has the seconds of footage and of holes up to the end of a hole; the
    files so far last `lasts` seconds, of which `missing` are holes.
    """

    knots: Tuple[Knot, ...] = (_NOWHERE,)
    lasts: float = 0.0
    missing: float = 0.0

    def add(self, span: MediaSpan, before: float) -> Corrections:
        """After one more file, which begins so many seconds after the end of the one before."""
        begins, missing, knots = self.lasts + before, self.missing, self.knots
        between = (Hole(-before, before),) if before + span.step / TICKS > SHORTEST_HOLE else ()
        for hole in (*between, *span.holes):
            missing += hole.duration
            knots = (*knots, Knot(begins + hole.offset + hole.duration - missing, missing))[-_CORRECTED:]
        return Corrections(knots, begins + span.duration, missing)

    @property
    def rate(self) -> float:
        """By how many seconds for each media second the origin would move without the corrections; 0 for none."""
        return steady_rate(self.knots) if len(self.knots) == _CORRECTED else 0.0


UNCORRECTED = Corrections()
