from __future__ import annotations

from typing import List

from cctv_cli.core.hls.leaving import Leaving
from cctv_cli.core.hls.playlist import LiveSegment, LiveWindow


def window_of(durations: List[float], first: int, last: int) -> LiveWindow:
    starts = [sum(durations[:number]) for number in range(len(durations))]
    segments = (LiveSegment(n, starts[n], durations[n], False, None) for n in range(first, last + 1))
    return LiveWindow(10, tuple(segments))


def test_segments_of_any_duration_stay_as_long_as_the_standard_asks() -> None:
    durations = [10.0, 2.0, 6.0, 10.0, 1.0, 10.0, 4.0, 10.0, 10.0, 2.0, 8.0, 10.0, 3.0, 10.0, 10.0, 10.0, 7.0, 9.0]
    leaving, left, longest = Leaving(), {}, {}
    for last in range(len(durations)):
        first = max(0, last - 2)
        window = window_of(durations, first, last)
        leaving.published(window)
        now = sum(durations[: last + 1])
        for number in range(first, last + 1):
            longest[number] = max(longest.get(number, 0.0), sum(durations[first : last + 1]))
            assert leaving.stays(number)
        for number in range(first):
            left.setdefault(number, now)
            assert leaving.stays(number) is (now < left[number] + durations[number] + longest[number])
    assert not leaving.stays(0)


def test_a_segment_that_no_playlist_named_need_not_stay() -> None:
    leaving = Leaving()
    leaving.published(window_of([10.0] * 9, 0, 2))
    leaving.published(window_of([10.0] * 9, 6, 8))
    assert [leaving.stays(number) for number in range(9)] == [True] * 3 + [False] * 3 + [True] * 3


def test_on_a_full_disk_nothing_stays() -> None:
    leaving = Leaving()
    leaving.published(window_of([10.0] * 9, 0, 2))
    leaving.published(window_of([10.0] * 9, 1, 3))
    leaving.released()
    assert not any(leaving.stays(number) for number in range(4))
