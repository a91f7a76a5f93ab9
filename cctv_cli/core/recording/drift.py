"""A camera's clock that runs steadily fast or slow, as when it stamps 25 frames a second and sends 21. Pure.

Frames are then dated by their arrival. The *origin* of an observation is its instant minus its media time: the instant
of media time 0. It is the same for all frames of a true clock, and moves steadily while a clock drifts.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass, replace
from typing import NamedTuple, Tuple

_BUCKET = 4.0  # seconds; the smallest origin of each counts, because frames may be late, but never early
_STEADY = 4  # knots
_LEAST = 0.015  # seconds for each media second; what is less is followed by the anchor
_MOST = 1.5  # a stream that is slower is late
_UNEVEN = 2.0  # factor between the rates of a steady drift
_KEPT = 720  # knots: an hour, for files that wait to be committed


class Knot(NamedTuple):
    """The origin at a media time."""

    media: float
    origin: float


_NOWHERE = Knot(0.0, 0.0)


@dataclass(frozen=True)
class Drift:
    """How the origin moves.

    `rate` is by how many seconds for each media second now, 0 for a true clock. `line` has the knots of times in which
    it moved, `recent` those of the latest buckets; `smallest` is that of the bucket that began at the instant `begun`.
    """

    begun: float = 0.0
    smallest: Knot = _NOWHERE
    recent: Tuple[Knot, ...] = ()
    line: Tuple[Knot, ...] = ()
    rate: float = 0.0

    def observe(self, media: float, wall: float) -> Drift:
        """After one more observation: at the instant `wall`, media up to this time was on disk."""
        knot = Knot(media, wall - media)
        if not self.begun:
            return replace(self, begun=wall, smallest=knot)
        if 0 <= wall - self.begun < _BUCKET:
            return replace(self, smallest=min(self.smallest, knot, key=lambda each: each.origin))
        recent = (*self.recent, self.smallest)[-_STEADY:]
        rate = _steady_rate(recent)
        since = self.line[-1].media if self.line else recent[0].media - 1
        added = tuple(each for each in recent if each.media > since) if rate else ()
        return Drift(wall, knot, recent, (*self.line, *added)[-_KEPT:], rate)

    def origin(self, media: float, anchor: float) -> float:
        """The origin of a frame; that of frames without a drift is the `anchor`."""
        if not self.line:
            return anchor
        last = self.line[-1]
        if media >= last.media:
            return last.origin + self.rate * (media - last.media) if self.rate else anchor
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


def _moved(knot: Knot, seconds: float) -> Knot:
    return Knot(knot.media, knot.origin + seconds)


def _steady_rate(knots: Tuple[Knot, ...]) -> float:
    """The rate at which the origin moves, if it moves steadily; else 0."""
    pairs = list(zip(knots, knots[1:]))
    if len(knots) < _STEADY or any(after.media <= before.media for before, after in pairs):
        return 0.0
    rates = [(after.origin - before.origin) / (after.media - before.media) for before, after in pairs]
    sizes = [abs(rate) for rate in rates]
    is_steady = min(sizes) >= _LEAST and max(sizes) <= _UNEVEN * min(sizes) and max(rates) <= _MOST
    if not is_steady or len({rate > 0 for rate in rates}) > 1:
        return 0.0
    return (knots[-1].origin - knots[0].origin) / (knots[-1].media - knots[0].media)
