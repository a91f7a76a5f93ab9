"""What a row of the fault table says, and that the README has them all."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Tuple

import pytest

from tests.faults.fault import Fault, held_to, nothing
from tests.faults.judge import Account
from tests.faults.table import BROKEN, KEPT, NOT_RUN, Effort, Row, markdown, measure, render
from tests.support.clip import Clip
from tests.support.nal import H264

_FAULT = Fault("name", "promise", nothing, may_lose=5.0, recovers_within=3.0, causes=("killed",))
_KEPT = Account(offered=60.0, lost=14.0, recovery=2.0, gaps={"killed": 14.0})
_ROW = Row("name", "promise", "system", KEPT, measured=2, lost=1.0)


def complaints(account: Account, fault: Fault = _FAULT) -> Tuple[str, ...]:
    """What is wrong with an account when the fault lasted ten seconds on an idle machine."""
    return held_to(fault, account, 10.0, 1.0).complaints


def test_a_promise_that_is_kept() -> None:
    assert complaints(_KEPT) == ()


def test_more_is_lost_than_promised() -> None:
    assert complaints(replace(_KEPT, lost=15.5)) == ("15.50 s are lost; the fault lasted 10.00 s and may cost 5 s",)
    assert complaints(_KEPT, replace(_FAULT, loses_while_it_lasts=False)) == (
        "14.00 s are lost; the fault lasted 10.00 s and may cost 5 s",
    )


def test_a_recovery_that_takes_longer_than_promised() -> None:
    assert complaints(replace(_KEPT, recovery=3.5)) == ("the recovery took 3.5 s in place of 3 s",)


def test_a_gap_with_another_cause() -> None:
    assert complaints(replace(_KEPT, gaps={"killed": 4.0, "silent": 10.0})) == ("the journal gives the cause 'silent'",)


def test_what_the_judge_found_stays() -> None:
    assert complaints(replace(_KEPT, complaints=("a frame is lost",))) == ("a frame is lost",)


def test_a_row_that_cannot_run_says_why_and_is_not_kept(tmp_path: Path) -> None:
    fault = replace(_FAULT, missing=lambda: "needs root")
    clip = Clip(H264, 25, (), (), None)
    row = measure(fault, ("system", "ffmpeg"), clip, tmp_path, Effort(rounds=1, cameras=1, cut=4, seed=1))
    assert (row.verdict, row.reason, row.measured) == (NOT_RUN, "needs root", 0)
    assert "not run  needs root" in render(row)


def test_the_table_has_the_figures_of_both_ffmpegs_in_one_line() -> None:
    other = replace(_ROW, ffmpeg="bundled", verdict=BROKEN, lost=2.0)
    assert markdown([_ROW, other]).splitlines()[2:] == [
        "| promise | 1.0 s / 2.0 s | 0.0 s | 0.0 s | 2 | kept / broken |"
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="the rows are POSIX")
def test_every_row_is_in_the_readme() -> None:
    from tests.faults.rows import FAULTS, QUICK

    names = [fault.name for fault in FAULTS]
    assert len(names) == len(set(names))
    assert set(QUICK) < set(names)
    readme = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")
    assert [fault.promise for fault in FAULTS if f"| {fault.promise} |" not in readme] == []
