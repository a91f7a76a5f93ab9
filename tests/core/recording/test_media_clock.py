"""Media time and wall time, over simulated days: a frame's end, the instant of its write, monotonic time."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Iterator, Optional, Sequence

import pytest

from cctv_cli.core.media.span import TICKS, WRAP
from cctv_cli.core.recording.drift import Drift
from cctv_cli.core.recording.media_clock import Timeline, astray_for, begin, observe, speed
from cctv_cli.core.recording.stall import RUNAWAY_FOR

TRUTH = 1_792_888_200.0  # the instant of media time 0
BOOT = 5_000.0  # monotonic time at that instant
TURN = WRAP / TICKS  # seconds
LATE = (0.020, 0.011, 0.034, 0.008, 0.027)  # seconds from a frame's end to its write


def raw(media: float) -> int:
    """Media seconds as a 33-bit time."""
    return round(media * TICKS) % WRAP


def watch(
    timeline: Optional[Timeline],
    times: Iterator[float],
    *,
    late: Sequence[float] = LATE,
    fast: float = 0.0,
    media_ahead: float = 0.0,
    wall_ahead: float = 0.0,
) -> Timeline:
    """Observe at these real seconds since media time 0.

    `fast` is how much too fast the camera's clock runs; `media_ahead` and `wall_ahead` are the seconds by which
    media time and this machine's wall clock are ahead.
    """
    for second, delay in zip(times, itertools.cycle(late)):
        end = raw(second * (1 + fast) + media_ahead)
        now = TRUTH + second + delay + wall_ahead
        timeline = observe(timeline, end, now, BOOT + second + delay, now)
    assert timeline is not None
    return timeline


def every(step: float, start: float, end: float) -> Iterator[float]:
    return itertools.takewhile(lambda second: second < end, itertools.count(start, step))


def error(timeline: Timeline, second: float) -> float:
    """Seconds by which the timeline misplaces the frame that was taken then."""
    return timeline.instant(raw(second)) - (TRUTH + second)


def test_media_time_stands_still_between_two_frames_of_a_slow_camera() -> None:
    """Beside audio every look finds a newer write, but a frame only now and then."""
    slow = None
    for second in (8.0, 16.0, 24.0):
        timeline = watch(slow, iter([second]))
        slow = replace(timeline, apart=8.0)
        for later in (2.0, 4.0, 6.0):
            now = TRUTH + second + later
            slow = observe(slow, raw(second), now, BOOT + second + later, now)
            assert not astray_for(slow, BOOT + second + later)
            assert error(slow, second) < 0.1
    assert slow is not None


@pytest.mark.parametrize("look", [0.6, 0.9, 1.1, 1.7, 2.05])
@pytest.mark.parametrize("interval", [0.2, 1.0, 2.0, 5.0, 8.0, 30.0])
def test_the_frames_of_a_slow_camera_show_no_drift(interval: float, look: float) -> None:
    """Each write of audio is an observation, and shows the newest frame late."""
    timeline = replace(begin(raw(interval), TRUTH + interval, BOOT + interval), apart=interval)
    for second in every(look, interval, 3600):
        now = TRUTH + second
        timeline = observe(timeline, raw(interval * (second // interval)), now, BOOT + second, now)
        assert not timeline.drift.line, f"after {second:.0f} s"


def test_one_observation_places_a_frame() -> None:
    timeline = begin(raw(10), TRUTH + 10.02, BOOT + 10.02)
    assert timeline.instant(raw(10)) == pytest.approx(TRUTH + 10.02)
    assert timeline.instant(raw(4)) == pytest.approx(TRUTH + 4.02)


def test_the_first_observation_begins_the_timeline() -> None:
    assert observe(None, raw(10), TRUTH + 10, BOOT) == begin(raw(10), TRUTH + 10, BOOT)


def test_the_shortest_delay_counts() -> None:
    timeline = watch(None, every(2, 1, 60))
    assert error(timeline, 60) == pytest.approx(min(LATE), abs=0.002)


def test_a_late_write_changes_nothing() -> None:
    timeline = watch(None, every(2, 1, 60))
    held_up = watch(timeline, iter([60.0]), late=[0.9])
    assert error(held_up, 60) == pytest.approx(error(timeline, 60), abs=0.001)


@pytest.mark.parametrize("fast", [-50e-6, 50e-6, -90e-6], ids=["slow quartz", "fast quartz", "very slow quartz"])
def test_a_cameras_drift_is_followed_for_days(fast: float) -> None:
    timeline = None
    for day in range(2):
        timeline = watch(timeline, every(4, day * 86_400 + 1, (day + 1) * 86_400), fast=fast)
        newest = timeline.wall - TRUTH
        assert timeline.instant(raw(newest * (1 + fast))) == pytest.approx(TRUTH + newest, abs=0.05)
        assert astray_for(timeline, BOOT + newest) < RUNAWAY_FOR


def test_times_wrap_after_26_hours_and_a_frame_keeps_its_instant() -> None:
    timeline = watch(None, every(60, 1, TURN + 3600))
    for second in (TURN - 10, TURN - 0.04, TURN, TURN + 0.04, TURN + 3600):
        assert error(timeline, second) == pytest.approx(min(LATE), abs=0.02)


def test_a_run_that_begins_just_before_the_wrap_runs_through_it() -> None:
    late = TRUTH - TURN + 1  # the camera's clock starts one second before the wrap
    timeline = observe(None, raw(TURN - 0.5), late + TURN - 0.5, BOOT)
    timeline = observe(timeline, raw(0.5), late + TURN + 0.5, BOOT + 1)
    assert timeline.instant(raw(0.5)) - timeline.instant(raw(TURN - 0.5)) == pytest.approx(1.0)


def test_frames_of_a_later_turn_are_placed_after_the_saved_ones() -> None:
    saved = Timeline(anchor=TRUTH, wall=TRUTH + 3 * TURN, media=3 * TURN)
    assert error(saved, 3 * TURN + 60) == pytest.approx(0, abs=0.001)
    assert error(saved, 3 * TURN - 60) == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize("step", [3600.0, 1.5, -1.5, -3600.0, -0.3])
def test_the_anchor_follows_a_clock_that_is_set(step: float) -> None:
    timeline = watch(None, every(2, 1, 60))
    after = watch(timeline, every(2, 61, 120), wall_ahead=step)
    assert error(after, 120) == pytest.approx(step, abs=0.05)
    assert astray_for(after, BOOT + 120) < RUNAWAY_FOR


@pytest.mark.parametrize("step", [0.5, 0.9])  # time daemons step by half a second and more
def test_a_clock_set_forward_a_little_is_noticed_within_a_minute(step: float) -> None:
    timeline = watch(None, every(2, 1, 60))
    after = watch(timeline, every(2, 61, 120), wall_ahead=step)
    assert error(after, 120) == pytest.approx(step, abs=0.1)


@pytest.mark.parametrize("jump", [5.0, -5.0, 86_400.0, -3600.0], ids=["forward", "back", "a day", "an hour back"])
def test_a_camera_whose_clock_jumps_counts_as_astray_after_some_seconds(jump: float) -> None:
    timeline = watch(None, every(2, 1, 100))
    timeline = watch(timeline, iter([100.0]), late=[0.0], media_ahead=jump)
    assert astray_for(timeline, BOOT + 100) < RUNAWAY_FOR
    timeline = watch(timeline, every(2, 102, 110), late=[0.0], media_ahead=jump)
    assert astray_for(timeline, BOOT + 100 + RUNAWAY_FOR - 0.1) < RUNAWAY_FOR
    timeline = watch(timeline, iter([110.0]), late=[0.0], media_ahead=jump)
    assert astray_for(timeline, BOOT + 110) >= RUNAWAY_FOR


def test_the_anchor_stays_while_media_time_is_astray() -> None:
    timeline = watch(None, every(2, 1, 100))
    astray = watch(timeline, every(2, 101, 130), media_ahead=5)
    assert astray.anchor == timeline.anchor


def test_a_jump_that_ends_in_time_is_ignored() -> None:
    timeline = watch(None, every(2, 1, 100))
    timeline = watch(timeline, every(2, 101, 108), media_ahead=5)
    timeline = watch(timeline, every(2, 109, 200))
    assert astray_for(timeline, BOOT + 200) < RUNAWAY_FOR
    assert error(timeline, 200) == pytest.approx(min(LATE), abs=0.02)


def test_squeezed_media_counts_as_astray_within_15_seconds() -> None:
    # a transcoded camera whose clock was reset during the connection: 85 s of media in 130 s
    timeline = watch(None, every(2, 1, 100))
    for second in every(2, 101, 116):
        media = 100 + (second - 100) * 85 / 130
        timeline = observe(timeline, raw(media), TRUTH + second, BOOT + second)
    assert astray_for(timeline, BOOT + 115) >= RUNAWAY_FOR


@pytest.mark.parametrize("fast", [0.01, -0.01], ids=["fast", "slow"])
def test_a_camera_whose_clock_is_one_percent_off_is_followed(fast: float) -> None:
    timeline = watch(None, every(2, 1, 600), fast=fast)
    assert timeline.instant(raw(600 * (1 + fast))) == pytest.approx(TRUTH + 600, abs=1.1)
    assert astray_for(timeline, BOOT + 600) < RUNAWAY_FOR


def test_a_network_pause_whose_frames_arrive_later_is_no_jump() -> None:
    timeline = watch(None, every(2, 1, 60))
    for second in (62.0, 64.0, 66.0, 68.0):
        timeline = observe(timeline, raw(60), TRUTH + 60.02, BOOT + second)
    timeline = watch(timeline, every(2, 70, 120))
    assert astray_for(timeline, BOOT + 120) < RUNAWAY_FOR
    assert error(timeline, 120) == pytest.approx(min(LATE), abs=0.02)


def test_missing_frames_are_no_jump_of_the_cameras_clock() -> None:
    # nothing was written since second 60: that is a stall, whose own limit is longer
    timeline = watch(None, every(2, 1, 60))
    for second in every(2, 62, 75):
        timeline = observe(timeline, raw(60), TRUTH + 60.02, BOOT + second)
    assert astray_for(timeline, BOOT + 75) < RUNAWAY_FOR


def test_an_adopted_run_continues_its_timeline() -> None:
    saved = watch(None, every(2, 1, 60))
    adopted = Timeline(saved.anchor, saved.wall, saved.media)
    timeline = watch(adopted, every(2, 3600, 3660))
    assert error(timeline, 3660) == pytest.approx(min(LATE), abs=0.03)
    assert astray_for(timeline, BOOT + 3660) < RUNAWAY_FOR


def test_a_run_that_was_never_polled_is_placed_without_monotonic_time() -> None:
    timeline = begin(raw(60), TRUTH + 60.02, None)
    assert timeline.instant(raw(1)) == pytest.approx(TRUTH + 1.02)
    assert astray_for(timeline, BOOT + 3600) < RUNAWAY_FOR


def test_media_that_was_late_at_first_may_catch_up() -> None:
    # the first frame was seen 5 s after it was taken, later ones at once
    line = replace(begin(raw(0.04), TRUTH + 5, BOOT + 5), launched=BOOT - 1)
    line = watch(line, every(1.5, 6, 40))
    assert astray_for(line, BOOT + 40) == 0.0
    assert abs(error(line, 39.0)) < 0.1


def test_media_that_is_older_than_its_ffmpeg_jumped_ahead() -> None:
    line = replace(begin(raw(0.04), TRUTH + 0.05, BOOT + 0.05), launched=BOOT - 1)
    line = watch(line, every(1.5, 1, 20))
    line = watch(line, every(1.5, 20, 30), media_ahead=45.0)
    assert astray_for(line, BOOT + 30) >= RUNAWAY_FOR
    assert abs(error(line, 19.0)) < 0.1


SLOW = 0.8  # media seconds for each second
HALF = 25 / 12  # a camera that sends half its frames at night, and stamps them as before


@pytest.mark.parametrize("rate", [25 / 21, SLOW, HALF], ids=["fast", "slow", "half the frames"])
@pytest.mark.parametrize("since", [0.0, 300.0], ids=["from the start", "later"])
def test_a_steady_drift_is_dated_by_arrival_within_30_seconds(rate: float, since: float) -> None:
    timeline = watch(None, every(2, 1, since)) if since else None
    for second, delay in zip(every(2, since + 1, since + 600), itertools.cycle(LATE)):
        media, now = since + (second - since) * rate, second + delay
        timeline = observe(timeline, raw(media), TRUTH + now, BOOT + now, TRUTH + now)
        if second > since + 30:
            assert timeline.instant(raw(media)) == pytest.approx(TRUTH + second, abs=0.2)
            assert timeline.instant(raw(media - 10 * rate)) == pytest.approx(TRUTH + second - 10, abs=0.2)
            assert speed(timeline) == pytest.approx(rate, rel=0.02)
        assert not astray_for(timeline, BOOT + now) or (rate < 1 and second < since + 30)
    assert timeline is not None


@pytest.mark.parametrize("rate", [25 / 21, SLOW, HALF], ids=["fast", "slow", "half the frames"])
def test_a_drift_that_is_known_dates_every_frame_of_a_run(rate: float) -> None:
    timeline = None
    for second, delay in zip(every(0.5, 1, 120), itertools.cycle(LATE)):
        end, now = raw(second * rate), second + delay
        if timeline is None:
            timeline = begin(end, TRUTH + now, BOOT + now, Drift(rate=1 / rate - 1))
        timeline = observe(timeline, end, TRUTH + now, BOOT + now, TRUTH + now)
        assert timeline.instant(end) == pytest.approx(TRUTH + second, abs=0.3)
        assert timeline.instant(raw(rate)) == pytest.approx(TRUTH + 1, abs=0.3)
        assert not astray_for(timeline, BOOT + now)


def test_a_drift_is_still_known_while_frames_are_late_on_a_busy_machine() -> None:
    timeline = None
    busy = itertools.chain(itertools.repeat(0.02, 60), itertools.cycle([0.1, 0.9, 1.4, 0.3, 1.1, 0.7, 1.5]))
    for second, delay in zip(every(2, 1, 400), busy):
        now = second + delay
        timeline = observe(timeline, raw(second * SLOW), TRUTH + now, BOOT + now, TRUTH + now)
        if second > 30:
            assert timeline.instant(raw(second * SLOW)) == pytest.approx(TRUTH + second, abs=1.6)


@pytest.mark.parametrize("rate", [-0.16, 0.25, 1.0], ids=["fast", "slow", "half"])
def test_a_known_drift_that_is_over_is_forgotten(rate: float) -> None:
    line = begin(raw(1), TRUTH + 1.02, BOOT + 1.02, Drift(rate=rate))
    line = watch(line, every(1, 2, 30))
    assert line.drift.rate == 0
    for second in (1, 10, 29):
        assert abs(error(line, second)) < 0.1
    assert not astray_for(line, BOOT + 30)


def test_without_trust_in_its_clock_a_camera_is_dated_by_arrival() -> None:
    line = begin(raw(1), TRUTH + 1.02, BOOT + 1.02, Drift(by_arrival=True))
    came = {}
    media = 1.0
    for second in every(1, 2, 600):
        media += (0.2, 1.4, 0.9, 2.0)[int(second) // 15 % 4]
        line = observe(line, raw(media), TRUTH + second, BOOT + second, TRUTH + second)
        came[second] = media
        assert not astray_for(line, BOOT + second)
    wrong = [line.instant(raw(media)) - (TRUTH + second) for second, media in came.items()]
    assert max(map(abs, wrong)) < 1.1


def test_a_drift_that_ends_leaves_true_times_before_and_after() -> None:
    timeline = watch(None, every(2, 1, 100))
    for second in every(2, 101, 200):
        media = 100 + (second - 100) * SLOW
        timeline = observe(timeline, raw(media), TRUTH + second, BOOT + second)
    behind = 100 * (1 - SLOW)
    timeline = watch(timeline, every(2, 201, 300), media_ahead=-behind)
    assert speed(timeline) == 1
    assert timeline.instant(raw(300 - behind)) == pytest.approx(TRUTH + 300, abs=0.2)
    assert timeline.instant(raw(100 + 50 * SLOW)) == pytest.approx(TRUTH + 150, abs=0.2)
    assert timeline.instant(raw(50)) == pytest.approx(TRUTH + 50, abs=0.3)


def test_a_step_in_a_drift_counts_as_astray() -> None:
    timeline = None
    for second in every(2, 1, 127):
        media = second * SLOW + (10 if second > 120 else 0)
        timeline = observe(timeline, raw(media), TRUTH + second, BOOT + second)
    assert timeline is not None
    assert astray_for(timeline, BOOT + 126) >= RUNAWAY_FOR


def test_frames_that_come_later_and_later_and_then_at_once_are_no_jump() -> None:
    timeline = replace(watch(None, every(2, 1, 100)), launched=BOOT)
    timeline = watch(timeline, every(2, 101, 161), late=[0.5 * n for n in range(30)])
    timeline = watch(timeline, every(2, 161, 300))
    assert not astray_for(timeline, BOOT + 300)
    assert error(timeline, 300) == pytest.approx(min(LATE), abs=0.02)
