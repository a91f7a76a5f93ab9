"""Where a run that began beside another one continues its recordings."""

from __future__ import annotations

import math
from typing import Optional, Sequence

import pytest

from cctv_cli.core.recording.cut import Cut, Limits, Opening, common_cut, limits_after, limits_without_cut

AT = 1_795_000_000.0
A, B, C, D = (Opening(number, bytes([number]), AT + 60.0 * number) for number in range(4))


def as_file(number: int, opening: Opening, late: float = 0.02) -> Opening:
    """How another run's file begins that begins with the same frame."""
    return Opening(number, opening.digest, opening.at + late)


@pytest.mark.parametrize(
    ("old", "new", "cut"),
    [
        ((), (), None),
        ((B, C), (), None),
        ((B, C), (as_file(0, Opening(9, b"first", AT)), as_file(1, C)), (2, 1)),
        ((B, C, D), (as_file(1, C), as_file(2, D)), (2, 1)),  # the first of several
        ((B,), (as_file(1, C),), None),
        ((C,), (as_file(0, C),), None),  # the times of a run's first frames are guessed
        ((A,), (as_file(1, A),), None),
        ((B, C), (Opening(1, b"another", C.at),), None),  # one of them cut a key frame later
        ((B, C), (as_file(1, C, late=1.0),), None),  # a black picture, the same a second later
        ((Opening(1, C.digest, C.at - 60.0), C), (as_file(1, C),), (2, 1)),
    ],
)
def test_both_cut_at_a_frame_that_is_the_same_and_of_the_same_instant(
    old: Sequence[Opening], new: Sequence[Opening], cut: Optional[Cut]
) -> None:
    assert common_cut(old, new) == cut


@pytest.mark.parametrize(
    ("old_reach", "new_reach", "new_lives", "limits"),
    [
        (90_000, 93_600, True, Limits(7, 1)),
        (90_000, 90_000, False, Limits(7, 1)),
        (90_000, 86_400, True, Limits(None, 1)),  # frames twice, rather than lost
        (90_000, 86_400, False, Limits(None, 0, 0)),
    ],
)
def test_the_run_that_reaches_further_keeps_what_is_after_the_cut(
    old_reach: int, new_reach: int, new_lives: bool, limits: Limits
) -> None:
    assert limits_after((7, 1), old_reach, new_reach, new_lives=new_lives) == limits


@pytest.mark.parametrize(
    ("old_until", "new_until", "limits"),
    [
        (-10.0, math.inf, Limits()),
        (59.0, math.inf, Limits()),
        (60.05, math.inf, Limits()),  # the last frame of its first file may be missing
        (60.2, math.inf, Limits(None, 1)),
        (150.0, math.inf, Limits(None, 2)),
        (150.0, 151.0, Limits(None, 2)),  # both have ended
        (150.0, 150.1, Limits(None, 0, 0)),  # the earlier run has it all
    ],
)
def test_without_a_cut_what_is_covered_whole_does_not_count(old_until: float, new_until: float, limits: Limits) -> None:
    assert limits_without_cut(AT + old_until, (A, B, C), AT + new_until) == limits


def test_a_run_that_has_just_begun_continues_with_all_it_will_record() -> None:
    assert limits_without_cut(AT, (), math.inf) == Limits()
