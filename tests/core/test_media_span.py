from __future__ import annotations

from typing import List

import pytest

from cctv_cli.core.media_span import TICKS, WRAP, Hole, MediaSpan, newest_end, span_of, unwrap

FRAME = TICKS // 25


def frames(first: int, count: int) -> List[int]:
    return [(first + number * FRAME) % WRAP for number in range(count)]


@pytest.mark.parametrize(
    ("raw", "running"),
    [
        ([], []),
        ([7], [7]),
        ([0, 3600, 7200], [0, 3600, 7200]),
        ([WRAP - 3600, 0, 3600], [WRAP - 3600, WRAP, WRAP + 3600]),
        ([0, WRAP - 3600, 3600], [0, -3600, 3600]),
        ([WRAP - 3600, 3600, WRAP - 1800, 7200], [WRAP - 3600, WRAP + 3600, WRAP - 1800, WRAP + 7200]),
        ([10_000, 5_000], [10_000, 5_000]),
    ],
    ids=["none", "one", "plain", "wrap", "wrap backwards", "B-frames around the wrap", "a step back"],
)
def test_33_bit_times_run_on(raw, running) -> None:
    assert unwrap(raw) == running


def test_no_frames_have_no_span() -> None:
    assert span_of([]) is None


def test_the_last_frame_counts_with_the_usual_distance() -> None:
    assert span_of(frames(0, 25)) == MediaSpan(first=0, duration=1.0, frames=25, holes=())


def test_a_single_frame_lasts_no_time() -> None:
    assert span_of([FRAME]) == MediaSpan(first=FRAME, duration=0.0, frames=1)
    assert newest_end([FRAME]) is None


def test_a_span_ends_behind_the_point_where_times_begin_anew() -> None:
    span = span_of(frames(WRAP - 10 * FRAME, 25))
    assert span is not None
    assert (span.first, span.end) == (WRAP - 10 * FRAME, 15 * FRAME)
    assert newest_end(frames(WRAP - 10 * FRAME, 25)) == 15 * FRAME


def test_a_stretch_without_frames_is_a_hole() -> None:
    span = span_of(frames(0, 25) + frames(5 * TICKS, 25))
    assert span is not None
    assert (span.duration, span.holes) == (6.0, (Hole(offset=1.0, duration=4.0),))


def test_frames_more_than_a_second_apart_throughout_leave_no_holes() -> None:
    span = span_of([0, 2 * TICKS, 4 * TICKS])
    assert span is not None
    assert (span.duration, span.holes) == (6.0, ())


def test_the_newest_frame_may_stand_before_others() -> None:
    assert newest_end([0, 3 * FRAME, FRAME, 2 * FRAME]) == 4 * FRAME
