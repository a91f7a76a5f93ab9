"""Media time and wall time of one run. Pure.

FFmpeg knows that a frame is complete when the next one begins, so the end e of the newest frame on
disk was real at the instant w of the last write, or a little earlier: sound and network hold
frames back. The delay is never negative, so the smallest `w - e` seen is the best guess of the
instant of media time 0: the *anchor*. It may rise only slowly, by as much as a camera's clock drifts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional

from cctv_cli.core.transport_stream import TICKS, WRAP

DRIFT = 200e-6  # seconds a second; a quartz is off by less than half of this
CLOCK_STEP = 1.0  # the wall clock was set when anchor and media disagree by more, while media keeps pace
RUNAWAY = 2.0  # seconds that media time may be away from monotonic time ...
RUNAWAY_FOR = 10.0  # ... for this long, before the run is given up


@dataclass(frozen=True)
class Timeline:
    """Where a run's media time lies in wall time.

    `anchor` is the instant of media time 0; the rest remembers the latest observation.
    """

    anchor: float
    wall: float
    media: float
    monotonic: Optional[float] = None
    reference: Optional[float] = None  # monotonic time minus media time, while media kept pace
    astray_since: Optional[float] = None  # monotonic

    def media_time(self, pts: int) -> float:
        """Running media seconds of a raw 33-bit PTS: the turn that lies nearest to the latest observation."""
        turn = WRAP / TICKS
        seconds = pts / TICKS
        return seconds + round((self.media - seconds) / turn) * turn

    def instant(self, pts: int) -> float:
        """The instant at which the frame with this raw PTS was taken."""
        return self.anchor + self.media_time(pts)


def begin(end: int, wall: float, monotonic: Optional[float]) -> Timeline:
    """The timeline after the first observation: a frame that ends at raw time `end` was on disk at `wall`."""
    media = end / TICKS
    reference = None if monotonic is None else monotonic - media
    return Timeline(wall - media, wall, media, monotonic, reference)


def observe(timeline: Optional[Timeline], end: int, wall: float, monotonic: Optional[float]) -> Timeline:
    """The timeline after one more observation, at the monotonic time `monotonic`; None for one made earlier."""
    if timeline is None:
        return begin(end, wall, monotonic)
    media = timeline.media_time(end)
    if monotonic is None:
        return replace(timeline, anchor=_anchor(timeline, wall - media, wall), wall=wall, media=media)
    reference = monotonic - media if timeline.reference is None else timeline.reference
    strayed = abs(monotonic - media - reference) > RUNAWAY
    astray_since = (timeline.astray_since if timeline.astray_since is not None else monotonic) if strayed else None
    if not strayed:
        # follow the camera's drift, so that a day of it does not count as running away
        reference = min(max(monotonic - media, reference - 0.05), reference + 0.05)
    return replace(
        timeline,
        anchor=timeline.anchor if strayed else _anchor(timeline, wall - media, wall),
        wall=wall,
        media=media,
        monotonic=monotonic,
        reference=reference,
        astray_since=astray_since,
    )


def runs_away(timeline: Timeline, monotonic: float) -> bool:
    """Whether media time has been more than 2 s away from real time for 10 s."""
    return timeline.astray_since is not None and monotonic - timeline.astray_since >= RUNAWAY_FOR


def _anchor(timeline: Timeline, seen: float, wall: float) -> float:
    if seen - timeline.anchor > CLOCK_STEP:
        return seen  # somebody set the clock forward; the media did not pause
    return min(seen, timeline.anchor + DRIFT * max(0.0, wall - timeline.wall))
