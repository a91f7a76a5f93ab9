"""Maps media time to wall time for one run. Pure.

FFmpeg knows that a frame is complete when the next one begins. So the media time e up to which the camera had
filmed (see `media.span.newest_end`) was reached at the instant w of the last write, or a little earlier, because
audio and the network delay frames. The delay is never negative, so the smallest `w - e` seen is the best estimate
of the instant of media time 0: the *anchor*. Only the last minute counts, because clocks drift and are set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Optional, Tuple

from cctv_cli.core.media.span import TICKS, WRAP

BUCKET = 30.0  # seconds; the anchor is the smallest value of the current bucket of time and the one before
CLOCK_STEP = 0.25  # seconds of change between wall and monotonic time that mean that the clock was set
RUNAWAY = 2.0  # seconds by which media time may differ from monotonic time
_HEAD_START = 0.5  # seconds of media from before the request that a camera may send


@dataclass(frozen=True)
class Timeline:
    """How the media time of a run maps to wall time.

    `anchor` is the instant of media time 0; the other fields describe the latest observation.
    """

    anchor: float
    wall: float
    media: float
    monotonic: Optional[float] = None
    bucket: Tuple[float, float, float] = (0.0, math.inf, math.inf)  # start, smallest value, that of the one before
    reference: Optional[float] = None  # monotonic time minus media time, while media kept pace
    astray_since: Optional[float] = None  # monotonic
    clock_offset: Optional[float] = None  # wall time minus monotonic time
    launched: Optional[float] = None  # monotonic time of media time 0 if the first frame came as FFmpeg started

    def media_time(self, pts: int) -> float:
        """Continuous media seconds of a raw 33-bit PTS: the value closest to the latest observation."""
        turn = WRAP / TICKS
        seconds = pts / TICKS
        return seconds + round((self.media - seconds) / turn) * turn

    def instant(self, pts: int) -> float:
        """The instant at which the frame with this raw PTS was taken."""
        return self.anchor + self.media_time(pts)


def begin(end: int, wall: float, monotonic: Optional[float]) -> Timeline:
    """The timeline after the first observation: at the instant `wall`, media up to the raw time `end` was on disk."""
    media = end / TICKS
    reference = None if monotonic is None else monotonic - media
    seen = wall - media
    return Timeline(seen, wall, media, monotonic, (wall, seen, math.inf), reference)


def observe(
    timeline: Optional[Timeline], end: int, wall: float, monotonic: Optional[float], now: Optional[float] = None
) -> Timeline:
    """The timeline after one more observation: at the instant `wall`, media up to the raw time `end` was on disk.

    It was made at the monotonic time `monotonic` and the wall time `now`. Both are None for one that is derived
    from a file later: it refines the anchor, but cannot show a clock that jumped or was set.
    """
    if timeline is None:
        timeline = begin(end, wall, monotonic)
    media = timeline.media_time(end)
    if monotonic is None:
        return _place(timeline, wall, media)
    timeline = _follow_clock(timeline, monotonic, now)
    if (media, wall) == (timeline.media, timeline.wall):
        return timeline  # nothing new; the stall check handles that
    reference = monotonic - media if timeline.reference is None else timeline.reference
    if _was_late(timeline, monotonic - media):
        reference = min(reference, monotonic - media)
    if abs(monotonic - media - reference) > RUNAWAY:
        since = monotonic if timeline.astray_since is None else timeline.astray_since
        return replace(timeline, wall=wall, media=media, monotonic=monotonic, reference=reference, astray_since=since)
    # follow the camera's drift, so that a day of it does not count as a jump
    reference = min(max(monotonic - media, reference - 0.05), reference + 0.05)
    placed = _place(timeline, wall, media)
    return replace(placed, monotonic=monotonic, reference=reference, astray_since=None)


def _was_late(timeline: Timeline, origin: float) -> bool:
    """Whether media seems ahead only because earlier frames were late: media time 0 is after FFmpeg's start."""
    return timeline.launched is not None and origin >= timeline.launched - _HEAD_START


def _follow_clock(timeline: Timeline, monotonic: float, now: Optional[float]) -> Timeline:
    """Move the anchor when the wall clock was set, which shows against monotonic time; late frames do not."""
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
    """Seconds since media time began to differ from real time by more than RUNAWAY; 0 while it keeps pace."""
    return 0.0 if timeline.astray_since is None else monotonic - timeline.astray_since


def lags(timeline: Timeline) -> bool:
    """Whether media time is behind real time: frames come late, or the stream's clock was set back."""
    if timeline.monotonic is None or timeline.reference is None:
        return False
    return timeline.monotonic - timeline.media > timeline.reference


def _place(timeline: Timeline, wall: float, media: float) -> Timeline:
    """The timeline with the observation counted in its anchor."""
    seen = wall - media
    begun, smallest, before = timeline.bucket
    if 0 <= wall - begun < BUCKET:
        bucket = (begun, min(smallest, seen), before)
    else:
        bucket = (wall, seen, timeline.anchor if math.isinf(smallest) else smallest)
    return replace(timeline, anchor=min(bucket[1:]), bucket=bucket, wall=wall, media=media)
