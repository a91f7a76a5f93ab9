"""Maps media time to wall time for one run. Pure.

FFmpeg knows that a frame is complete when the next one begins. So the media time e up to which the camera had
filmed (see `media.span.newest_end`) was reached at the instant w of the last write, or a little earlier, because
audio and the network delay frames. The delay is never negative, so the smallest `w - e` seen is the best estimate
of the instant of media time 0: the *anchor*. Only the last minute counts, because clocks drift and are set. A camera
whose clock runs at another rate than time has an anchor for each moment (see `drift`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Optional, Tuple

from cctv_cli.core.media.span import TICKS, WRAP
from cctv_cli.core.recording.drift import TRUE_CLOCK, UNCORRECTED, Corrections, Drift, Knot

BUCKET = 30.0  # seconds; the anchor is the smallest value of the current bucket of time and the one before
CLOCK_STEP = 0.25  # seconds of change between wall and monotonic time that mean that the clock was set
RUNAWAY = 2.0  # seconds by which media time may differ from monotonic time
_FASTEST = 1.1  # seconds that media may gain in a second without a jump, if a camera sends fewer frames than it stamps
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
    clock_set: float = 0.0  # seconds by which the wall clock was set since the timeline began
    apart: float = 0.0  # seconds between two frames, if that is known: media time stands still meanwhile
    launched: Optional[float] = None  # monotonic time of media time 0 if the first frame came as FFmpeg started
    drift: Drift = field(default_factory=Drift)

    def media_time(self, pts: int) -> float:
        """Continuous media seconds of a raw 33-bit PTS: the value closest to the latest observation."""
        turn = WRAP / TICKS
        seconds = pts / TICKS
        return seconds + round((self.media - seconds) / turn) * turn

    def instant(self, pts: int) -> float:
        """The instant at which the frame with this raw PTS was taken."""
        media = self.media_time(pts)
        return media + self.drift.origin(media, self.anchor)

    def moved(self, seconds: float) -> Timeline:
        """The same by a wall clock that is set by so many seconds."""
        anchor, wall = self.anchor + seconds, self.wall + seconds
        bucket = (wall, anchor, math.inf)
        return replace(self, anchor=anchor, bucket=bucket, wall=wall, drift=self.drift.moved(seconds))


def begin(end: int, wall: float, monotonic: Optional[float], expected: Drift = TRUE_CLOCK) -> Timeline:
    """The timeline after the first observation: at the instant `wall`, media up to the raw time `end` was on disk.

    `expected` is the drift that earlier runs showed.
    """
    media = end / TICKS
    reference = None if monotonic is None else monotonic - media
    seen = wall - media
    drift = expected.observe(media, wall)
    return Timeline(seen, wall, media, monotonic, (wall, seen, math.inf), reference, drift=drift)


def resume(anchor: float, wall: float, media: float, expected: Drift) -> Timeline:
    """The timeline of a run that an earlier process observed, as it was saved."""
    return Timeline(anchor, wall, media, drift=replace(expected, begun=wall, smallest=Knot(media, anchor)))


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
        drift = (
            timeline.drift if timeline.monotonic is not None else timeline.drift.observe(media, wall, timeline.apart)
        )
        return _place(timeline, wall, media, drift)
    timeline = timeline if now is None else follow_clock(timeline, monotonic, now)
    if (media, wall) == (timeline.media, timeline.wall):
        return timeline  # nothing new; the stall check handles that
    drift = timeline.drift.observe(media, wall, timeline.apart)
    origin = monotonic - media
    reference = _follow(replace(timeline, drift=drift), origin, monotonic, media, wall)
    if abs(origin - reference) > RUNAWAY + timeline.apart:
        since = monotonic if timeline.astray_since is None else timeline.astray_since
        kept = origin if timeline.reference is None else timeline.reference
        timeline = replace(timeline, wall=wall, media=media, monotonic=monotonic, drift=drift, reference=kept)
        return replace(timeline, astray_since=since)
    placed = _place(timeline, wall, media, drift)
    return replace(placed, monotonic=monotonic, reference=reference, astray_since=None)


def _follow(timeline: Timeline, origin: float, monotonic: float, media: float, wall: float) -> float:
    """The monotonic time of media time 0 that is nearest to `origin` and that no jump has to explain."""
    reference = origin if timeline.reference is None else timeline.reference
    if timeline.drift.by_arrival:
        return origin
    if timeline.drift.rate:
        expected = media + timeline.drift.origin(media, timeline.anchor)
        if abs(wall - expected) <= RUNAWAY + timeline.apart:
            return origin
    if _was_late(timeline, origin):
        return min(reference, origin)
    passed = 0.0 if timeline.monotonic is None else max(0.0, monotonic - timeline.monotonic)
    # late frames must not move it, but a day of a camera's drift is no jump
    return min(max(origin, reference - 0.05 - _FASTEST * passed), reference + 0.05)


def _was_late(timeline: Timeline, origin: float) -> bool:
    """Whether media seems ahead only because earlier frames were late: media time 0 is after FFmpeg's start."""
    return timeline.launched is not None and origin >= timeline.launched - _HEAD_START


def follow_clock(timeline: Timeline, monotonic: float, now: float) -> Timeline:
    """Move the anchor when the wall clock was set, which shows against monotonic time; late frames do not."""
    offset = now - monotonic
    step = 0.0 if timeline.clock_offset is None else offset - timeline.clock_offset
    if abs(step) <= CLOCK_STEP:
        return replace(timeline, clock_offset=offset)
    return replace(timeline.moved(step), clock_offset=offset, clock_set=timeline.clock_set + step)


def set_since(timeline: Timeline, offset: Optional[float]) -> float:
    """The seconds by which the wall clock was set since it was so many seconds ahead of monotonic time.

    Without an `offset` it is since the timeline began.
    """
    if offset is None or timeline.clock_offset is None:
        return timeline.clock_set
    step = timeline.clock_offset - offset
    return step if abs(step) > CLOCK_STEP else 0.0


def predates_step(written: float, reached: float, clock_step: float) -> bool:
    """Whether a file was last written before this machine's clock was set by so many seconds.

    `written` is the date of that write, `reached` the instant of its newest frame by the clock as it is now.
    """
    late = written - reached
    return abs(late + clock_step) < abs(late)


def astray_for(timeline: Timeline, monotonic: float) -> float:
    """Seconds since media time began to differ from real time by more than RUNAWAY; 0 while it keeps pace."""
    return 0.0 if timeline.astray_since is None else monotonic - timeline.astray_since


def lags(timeline: Timeline) -> bool:
    """Whether media time is behind real time: frames come late, or the stream's clock was set back."""
    if timeline.monotonic is None or timeline.reference is None:
        return False
    return timeline.monotonic - timeline.media > timeline.reference


def speed(timeline: Timeline, corrections: Corrections = UNCORRECTED) -> float:
    """How fast the camera's clock runs: media seconds for each second; 1 for a true clock, and until it is known."""
    return 1 / (1 + (timeline.drift.shown or corrections.rate))


def _place(timeline: Timeline, wall: float, media: float, drift: Drift) -> Timeline:
    """The timeline with the observation counted in its anchor, and the drift after it."""
    seen = wall - media
    begun, smallest, before = timeline.bucket
    if drift.moves:
        bucket = (wall, min(seen, drift.origin(media, seen)), math.inf)
    elif timeline.drift.moves:  # it is over, or was none
        bucket = (wall, min(seen, drift.line[-1].origin), math.inf)
    elif 0 <= wall - begun < BUCKET:
        bucket = (begun, min(smallest, seen), before)
    else:
        bucket = (wall, seen, timeline.anchor if math.isinf(smallest) else smallest)
    return replace(timeline, anchor=min(bucket[1:]), bucket=bucket, wall=wall, media=media, drift=drift)
