from __future__ import annotations

from typing import List, Optional

import pytest

from cctv_cli.core.footage.coverage import DAY, Piece, coverage, growth, piece_of, runs
from cctv_cli.core.health.facts import Coverage
from cctv_cli.core.storage.entries import GapEntry, SegmentEntry

RUN, OTHER = "0123456789abcdef", "fedcba9876543210"


def kept(start: float, end: float, run: str = RUN, size: int = 1000) -> Piece:
    return Piece(start, end, size, run, "")


def lost(start: float, end: float, cause: str = "silent") -> Piece:
    return Piece(start, end, 0, "", cause)


# the window is 1000 to 1300, the first recording long before
@pytest.mark.parametrize(
    ("pieces", "running_since", "wanted", "expected"),
    [
        pytest.param([kept(900, 1240)], 800, True, (300, 0, 0), id="the current minute counts"),
        pytest.param([kept(900, 1240)], None, True, (240, 60, 0), id="an open failure is missing"),
        pytest.param([kept(900, 1240)], None, False, (240, 0, 60), id="nothing is missing of a stopped camera"),
        pytest.param([kept(900, 1240)], 1250, True, (290, 10, 0), id="a new run records from its start on"),
        pytest.param([], None, True, (0, 300, 0), id="down for longer than the window"),
        pytest.param([], 800, True, (300, 0, 0), id="recording for longer than the window"),
        pytest.param([], None, False, (0, 0, 300), id="stopped for longer than the window"),
        pytest.param([kept(900, 1100), lost(1100, 1150), kept(1150, 1300)], 0, True, (250, 50, 0), id="a gap"),
        pytest.param([kept(900, 1100), kept(1150, 1300)], 0, True, (250, 50, 0), id="an unexplained gap"),
        pytest.param(
            [kept(900, 1100), lost(1100, 1150, "stopped"), lost(1150, 1160, "disabled"), kept(1160, 1300)],
            0,
            True,
            (240, 0, 60),
            id="an operator's stop",
        ),
        pytest.param(
            [lost(900, 1100, "stopped"), kept(1100, 1300)], 0, True, (200, 0, 100), id="a gap cut by the window"
        ),
        pytest.param([kept(900, 1300), lost(1050, 1060)], 0, True, (290, 10, 0), id="a hole inside a recording"),
        pytest.param(
            [lost(1000, 1200), kept(1050, 1100), kept(1200, 1300)], 0, True, (150, 150, 0), id="recovered inside a gap"
        ),
        pytest.param([kept(1000, 1100), kept(1050, 1150)], None, True, (150, 150, 0), id="an overlap counts once"),
        pytest.param([kept(1000, 1300), kept(1400, 1500)], 0, True, (300, 0, 0), id="the future does not count"),
        pytest.param([kept(1200, 1280), kept(1000, 1200)], 0, True, (300, 0, 0), id="recovered late, out of order"),
    ],
)
def test_a_window_of_300_seconds(
    pieces: List[Piece], running_since: Optional[float], wanted: bool, expected: tuple
) -> None:
    found = coverage(pieces, 1000, 1300, first=0.0, running_since=running_since, wanted=wanted)
    assert found == Coverage(*map(float, expected))


def test_nothing_is_missing_before_the_first_recording() -> None:
    found = coverage([kept(1200, 1250)], 1000, 1300, first=1200, running_since=None, wanted=True)
    assert found == Coverage(50.0, 50.0, 0.0)
    for first in (None, 1300.0, 2000.0):
        assert coverage([], 1000, 1300, first=first, running_since=None, wanted=True) == Coverage()


@pytest.mark.parametrize(
    ("pieces", "running", "expected"),
    [
        ([], True, None),
        ([kept(DAY - 59, DAY)], True, None),  # too little to estimate
        ([kept(DAY - 120, DAY - 60), kept(DAY - 60, DAY)], True, 2000 * DAY / 120),
        ([kept(DAY - 120, DAY - 60)], True, 1000 * DAY / 60),  # the current minute has no bytes yet
        ([kept(DAY - 120, DAY - 60)], False, 1000 * DAY / 120),
        ([kept(-600, 3600), kept(3600, DAY)], True, 2000.0),
        ([kept(-3600, -60), kept(DAY - 100, DAY), lost(0, 100)], True, 1000 * DAY / 100),
        ([kept(DAY + 600, DAY + 900)], True, None),
    ],
)
def test_growth_is_measured_over_the_last_day(pieces: List[Piece], running: bool, expected: Optional[float]) -> None:
    assert growth(pieces, DAY, running=running) == expected


def test_runs_are_counted_once() -> None:
    assert runs([kept(0, 1), kept(1, 2, OTHER), lost(2, 3), kept(3, 4)]) == 2


def test_entries_become_pieces() -> None:
    segment = SegmentEntry("14/41.ts", 100.0, 60.0, 7, "0" * 64, RUN, "000000.ts")
    assert piece_of(segment) == Piece(100.0, 160.0, 7, RUN, "")
    assert piece_of(GapEntry(100.0, 60.0, "silent", "no answer")) == Piece(100.0, 160.0, 0, "", "silent")
