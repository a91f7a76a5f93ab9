"""Media time and wall time of one run. Pure.

FFmpeg knows that a frame is complete when the next one begins, so the time e up to which the camera had
filmed (see `media.span.newest_end`) was real at the instant w of the last write, or a little earlier: audio
and network hold frames back. The delay is never negative, so the smallest `w - e` seen is the best guess of
the instant of media time 0: the *anchor*. Only the last minute counts: clocks drift and are set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Optional, Tuple

from cctv_cli.core.media.span import TICKS, WRAP

BUCKET = 30.0  # seconds; the anchor is the smallest value of this bucket of time and the one before
CLOCK_STEP = 0.25  # seconds by which wall time leaves monotonic time when somebody sets the clock
RUNAWAY = 2.0  # seconds that media time may be away from monotonic time
_HEAD_START = 0.5  # seconds of media that a camera may send from before it was asked


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
    clock_offset: Optional[float] = None  # wall time minus monotonic time
    launched: Optional[float] = None  # monotonic time of media time 0, had the first frame come as FFmpeg started

    def media_time(self, pts: int) -> float:
        """Running media seconds of a raw 33-bit PTS: the turn that lies nearest to the latest observation."""
        turn = WRAP / TICKS
        seconds = pts / TICKS
        return seconds + round((self.media - seconds) / turn) * turn

    def instant(self, pts: int) -> float:
        """The instant at which the frame with this raw PTS was taken."""
        return self.anchor + self.media_time(pts)


def begin(end: int, wall: float, monotonic: Optional[float]) -> Timeline:
    """The timeline after the first observation: what was filmed up to the raw time `end` was on disk at `wall`."""
    media = end / TICKS
    reference = None if monotonic is None else monotonic - media
    seen = wall - media
    return Timeline(seen, wall, media, monotonic, (wall, seen, math.inf), reference)


def observe(
    timeline: Optional[Timeline], end: int, wall: float, monotonic: Optional[float], now: Optional[float] = None
) -> Timeline:
    """The timeline after one more observation: what was filmed up to the raw time `end` was on disk at `wall`.

    It was made at the monotonic time `monotonic` and the wall time `now`; None for one that nobody
    made in time, which tells less: it can be late, but not why.
    """
    if timeline is None:
        timeline = begin(end, wall, monotonic)
    media = timeline.media_time(end)
    if monotonic is None:
        return _place(timeline, wall, media)
    timeline = _follow_clock(timeline, monotonic, now)
    if (media, wall) == (timeline.media, timeline.wall):
        return timeline  # nothing new: that is the stall check's business
    reference = monotonic - media if timeline.reference is None else timeline.reference
    if _was_late(timeline, monotonic - media):
        reference = min(reference, monotonic - media)
    if abs(monotonic - media - reference) > RUNAWAY:
        since = monotonic if timeline.astray_since is None else timeline.astray_since
        return replace(timeline, wall=wall, media=media, monotonic=monotonic, reference=reference, astray_since=since)
    # follow the camera's drift, so that a day of it does not count as running away
    reference = min(max(monotonic - media, reference - 0.05), reference + 0.05)
    placed = _place(timeline, wall, media)
    return replace(placed, monotonic=monotonic, reference=reference, astray_since=None)


def _was_late(timeline: Timeline, origin: float) -> bool:
    """Whether media that seems ahead may only have been late before: none is older than its FFmpeg."""
    return timeline.launched is not None and origin >= timeline.launched - _HEAD_START


def _follow_clock(timeline: Timeline, monotonic: float, now: Optional[float]) -> Timeline:
    """Move the anchor along when somebody set the wall clock: late frames do not look like that."""
    if now is None:
        return timeline
    offset = now - monotonic
    step = 0.0 if timeline.clock_offset is None else offset - timeline.clock_offset
    if abs(step) <= CLOCK_STEP:
        return replace(timeline, clock_offset=offset)
    anchor = timeline.anchor + step
    bucket = (timeline.wall + step, anchor, math.inf)
    return replace(timeline, anchor=anchor, bucket=bucket, wall=timeline.wall + step, clock_offset=offset)


def astray_for(timeline: Timeline, monotonic: float) -> float:
    """Seconds since media time left real time by more than 2 s; 0 while it keeps pace."""
    return 0.0 if timeline.astray_since is None else monotonic - timeline.astray_since


def lags(timeline: Timeline) -> bool:
    """Whether media time is behind real time: frames come late, or the stream's clock was set back."""
    if timeline.monotonic is None or timeline.reference is None:
        return False
    return timeline.monotonic - timeline.media > timeline.reference


def _place(timeline: Timeline, wall: float, media: float) -> Timeline:
    """The timeline with an anchor that counts the observation."""
    seen = wall - media
    begun, smallest, before = timeline.bucket
    if 0 <= wall - begun < BUCKET:
        bucket = (begun, min(smallest, seen), before)
    else:
        bucket = (wall, seen, timeline.anchor if math.isinf(smallest) else smallest)
    return replace(timeline, anchor=min(bucket[1:]), bucket=bucket, wall=wall, media=media)
