"""Where a run that began beside another one continues its recordings."""

from __future__ import annotations

import math
from typing import Optional, Sequence, Tuple

import pytest

from cctv_cli.core.media.span import KeyFrame
from cctv_cli.core.recording.cut import (
    Cut,
    Limits,
    Opening,
    common_cut,
    inner_cut,
    limits_after,
    limits_without_cut,
)

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
    old: Sequence[Opening], new: Sequence[Opening], cut: Optional[Tuple[int, int]]
) -> None:
    assert numbers(common_cut(old, new)) == cut


def numbers(cut: Optional[Cut]) -> Optional[Tuple[int, int]]:
    return None if cut is None else (cut.old.number, cut.new.number)


INSIDE = KeyFrame(188_000, 250, 900_000, b"")
KEYS = (A, *(Opening(0, bytes([10 + n]), AT + n, INSIDE._replace(before=25 * n)) for n in range(1, 60)), B)


def as_key(second: int, number: int = 0, late: float = 0.02) -> Opening:
    """How a file of another run begins with the key frame that the earlier run has at this second."""
    key = next(key for key in KEYS if key.at == AT + second)
    return Opening(number, key.digest, key.at + late)


@pytest.mark.parametrize(
    ("new", "cut"),
    [
        ((), None),
        ((as_key(10),), (10, 0)),
        ((as_key(10), as_key(50, 1)), (50, 1)),  # the times of a run's first frames are guessed
        ((as_key(10), as_key(50, 1), as_key(55, 2)), (50, 1)),
        ((as_key(10, late=4.0),), (10, 0)),  # the first frames of a busy machine are dated late
        ((as_key(10, late=6.0),), None),
        ((as_key(60, 1),), (60, 1)),
        ((Opening(0, b"another", AT + 10),), None),
        ((Opening(0, b"another", AT + 10), as_key(50, 1)), (50, 1)),
    ],
)
def test_a_file_of_the_later_run_begins_inside_one_of_the_earlier(
    new: Sequence[Opening], cut: Optional[Tuple[int, int]]
) -> None:
    found = inner_cut(KEYS, new)
    assert (None if found is None else (found.old.at - AT, found.new.number)) == cut


@pytest.mark.parametrize(("late", "at"), [(0.0, 10), (0.4, 10), (-0.4, 10), (0.6, 11), (55.0, None)])
def test_of_key_frames_that_are_the_same_dates_decide(late: float, at: Optional[int]) -> None:
    still = [Opening(0, b"still", key.at, key.frame) for key in KEYS]
    found = inner_cut(still, (Opening(0, b"still", AT + 10 + late),))
    assert (None if found is None else found.old.at - AT) == at


@pytest.mark.parametrize(
    ("inside", "old_reach", "new_reach", "limits"),
    [
        (None, 2500, 2501, Limits(7, 1, joined=True)),
        (None, 2500, 2500, Limits(7, 1, joined=True)),
        (None, 2500, 2499, Limits(None, 0, 0)),
        (INSIDE, 2500, 2500, Limits(8, 1, rest=INSIDE, joined=True)),
        (INSIDE, 2500, 2499, Limits(None, 0, 0)),
    ],
)
def test_the_run_that_reaches_further_keeps_what_is_after_the_cut(
    inside: Optional[KeyFrame], old_reach: int, new_reach: int, limits: Limits
) -> None:
    cut = Cut(Opening(7, b"frame", AT, inside), Opening(1, b"frame", AT))
    assert limits_after(cut, old_reach, new_reach) == limits


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
