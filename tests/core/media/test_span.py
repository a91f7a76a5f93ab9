from __future__ import annotations

from itertools import accumulate
from typing import List, Optional

import pytest

from cctv_cli.core.media.span import TICKS, WRAP, Hole, MediaSpan, Rhythm, newest_end, rhythm_of, span_of, unwrap

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
def test_33_bit_times_become_continuous(raw, running) -> None:
    assert unwrap(raw) == running


def test_no_frames_have_no_span() -> None:
    assert span_of([]) is None


def test_the_last_frame_lasts_as_long_as_usual() -> None:
    assert span_of(frames(0, 25)) == MediaSpan(first=0, duration=1.0, frames=25, holes=(), step=FRAME)


def test_a_single_frame_lasts_as_long_as_given() -> None:
    assert span_of([FRAME]) == MediaSpan(first=FRAME, duration=0.04, frames=1)
    assert span_of([FRAME], alone=TICKS // 8) == MediaSpan(first=FRAME, duration=0.125, frames=1)
    assert newest_end([FRAME]) is None


def test_a_span_may_include_a_wrap() -> None:
    span = span_of(frames(WRAP - 10 * FRAME, 25))
    assert span is not None
    assert (span.first, span.end) == (WRAP - 10 * FRAME, 15 * FRAME)
    assert newest_end(frames(WRAP - 10 * FRAME, 25)) == 15 * FRAME


def test_time_without_frames_is_a_hole() -> None:
    span = span_of(frames(0, 25) + frames(5 * TICKS, 25))
    assert span is not None
    assert (span.duration, span.holes) == (6.0, (Hole(offset=1.0, duration=4.0),))


def test_a_file_with_rare_frames_throughout_has_no_holes() -> None:
    span = span_of([0, 2 * TICKS, 4 * TICKS])
    assert span is not None
    assert (span.duration, span.holes) == (6.0, ())


def test_b_frames_sent_after_a_later_frame_extend_the_end() -> None:
    before = frames(WRAP - 6 * FRAME, 6)
    later = [2 * FRAME, 0, FRAME]
    assert [newest_end(before + later[:sent]) for sent in (1, 2, 3)] == [3 * FRAME, 4 * FRAME, 5 * FRAME]
    assert newest_end(before + later, frames_late=2) == 7 * FRAME


@pytest.mark.parametrize(("usual", "ends"), [(None, [3, 3, 6]), (FRAME, [4, 5, 6])])
def test_the_first_frames_of_a_file_are_too_few_to_measure(usual: Optional[int], ends: List[int]) -> None:
    shown = [0, 3 * FRAME, FRAME, 2 * FRAME]
    assert newest_end(shown[:1], usual=usual) is None
    assert [newest_end(shown[:sent], usual=usual) for sent in (2, 3, 4)] == [end * FRAME for end in ends]


@pytest.mark.parametrize(
    ("steps", "lasts"),
    [
        ([FRAME] * 50 + [5 * FRAME] * 9, 5 * FRAME),
        ([5 * FRAME] * 50 + [FRAME], FRAME),
        ([1, FRAME - 1, FRAME, FRAME], FRAME - 1),
        ([FRAME] * 9 + [1] * 9, 0),
        ([FRAME, FRAME - 90, FRAME + 90], FRAME - 90),
        ([0, 0, 0], 0),
    ],
    ids=[
        "fewer and fewer",
        "suddenly more",
        "a run's first two",
        "a clock that was set back",
        "jitter",
        "standing still",
    ],
)
def test_the_newest_frame_lasts_as_long_as_the_shortest_recent_one(steps: List[int], lasts: int) -> None:
    raw = list(accumulate([0, *steps]))
    assert newest_end(raw) == raw[-1] + lasts
    assert newest_end(raw, frames_late=2) == raw[-1] + 3 * lasts


@pytest.mark.parametrize(("lasts", "waits"), [(FRAME, FRAME), (TICKS // 5, TICKS // 5), (8 * TICKS, TICKS // 5)])
def test_a_frame_waits_for_audio_no_longer_than_that_takes(lasts: int, waits: int) -> None:
    assert newest_end([0, lasts, 2 * lasts, 3 * lasts], frames_late=2, beside_audio=True) == 5 * lasts + waits


@pytest.mark.parametrize(
    ("keys", "next_key", "rhythm"),
    [
        ([0, 25, 50], 75 * FRAME, Rhythm(25.0, 1.0)),
        ([0], 75 * FRAME, Rhythm(25.0, 3.0)),
        ([0, 10], 75 * FRAME, Rhythm(25.0, 2.6)),  # a smart codec: the longest counts
        ([0, 25], None, Rhythm(25.0, 1.0)),
        ([0], None, Rhythm(25.0, None)),
        ([], 75 * FRAME, Rhythm(25.0, None)),
    ],
)
def test_the_rhythm_of_75_frames(keys: List[int], next_key, rhythm: Rhythm) -> None:
    assert rhythm_of([(number * FRAME, number in keys) for number in range(75)], next_key) == rhythm


def test_the_rhythm_continues_after_a_wrap() -> None:
    found = [(time, number == 0) for number, time in enumerate(frames(WRAP - 25 * FRAME, 50))]
    assert rhythm_of(found, 25 * FRAME) == Rhythm(25.0, 2.0)


def test_frames_that_are_sent_out_of_order_have_the_same_rhythm() -> None:
    order = [0, 3, 1, 2, 6, 4, 5]
    found = rhythm_of([(number * FRAME, number == 0) for number in order], 7 * FRAME)
    assert (found.frame_rate, found.gop) == (pytest.approx(25.0), 7 / 25)


def test_no_frames_have_no_rhythm() -> None:
    assert rhythm_of([], None) == rhythm_of([], 90) == Rhythm(None, None)
