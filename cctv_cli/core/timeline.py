"""Media time and wall time of one run. Pure.

FFmpeg knows that a frame is complete when the next one begins, so the end e of the newest frame on
disk was real at the instant w of the last write, or a little earlier: sound and network hold
frames back. The delay is never negative, so the smallest `w - e` seen is the best guess of the
instant of media time 0: the *anchor*. Only the last minute counts: clocks drift and are set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Optional, Tuple

from cctv_cli.core.transport_stream import TICKS, WRAP

BUCKET = 30.0  # seconds; the anchor is the smallest value of this bucket of time and the one before
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
    bucket: Tuple[float, float, float] = (0.0, math.inf, math.inf)  # its begin, its smallest value, that before it
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
    seen = wall - media
    return Timeline(seen, wall, media, monotonic, (wall, seen, math.inf), reference)


def observe(timeline: Optional[Timeline], end: int, wall: float, monotonic: Optional[float]) -> Timeline:
    """The timeline after one more observation, at the monotonic time `monotonic`; None for one made earlier."""
    if timeline is None:
        return begin(end, wall, monotonic)
    media = timeline.media_time(end)
    if (media, wall) == (timeline.media, timeline.wall):
        return timeline  # nothing new: that is the stall check's business
    placed = _place(timeline, wall - media, wall, media)
    if monotonic is None:
        return placed
    reference = monotonic - media if timeline.reference is None else timeline.reference
    if abs(monotonic - media - reference) > RUNAWAY:
        since = monotonic if timeline.astray_since is None else timeline.astray_since
        return replace(timeline, wall=wall, media=media, monotonic=monotonic, reference=reference, astray_since=since)
    # follow the camera's drift, so that a day of it does not count as running away
    reference = min(max(monotonic - media, reference - 0.05), reference + 0.05)
    return replace(placed, monotonic=monotonic, reference=reference, astray_since=None)


def runs_away(timeline: Timeline, monotonic: float) -> bool:
    """Whether media time has been more than 2 s away from real time for 10 s."""
    return timeline.astray_since is not None and monotonic - timeline.astray_since >= RUNAWAY_FOR


def _place(timeline: Timeline, seen: float, wall: float, media: float) -> Timeline:
    """The timeline with an anchor that counts the value `seen` at the instant `wall`."""
    begun, smallest, before = timeline.bucket
    if seen - timeline.anchor > CLOCK_STEP:  # somebody set the clock forward; the media did not pause
        bucket = (wall, seen, math.inf)
    elif not 0 <= wall - begun < BUCKET:
        bucket = (wall, seen, min(smallest, timeline.anchor) if math.isinf(smallest) else smallest)
    else:
        bucket = (begun, min(smallest, seen), before)
    return replace(timeline, anchor=min(bucket[1:]), bucket=bucket, wall=wall, media=media)
