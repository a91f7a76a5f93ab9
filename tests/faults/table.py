"""The fault table: each row is one fault with one FFmpeg, and the worst of all rounds and cameras."""

from __future__ import annotations

import math
import random
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List, Tuple

from tests.faults.fault import Fault, one_round
from tests.faults.judge import Account
from tests.faults.site import Site
from tests.support.clip import Clip

KEPT, BROKEN, NOT_RUN = "kept", "broken", "not run"
_NEVER = math.inf  # seconds that a round lost which could not be judged


@dataclass(frozen=True)
class Effort:
    """How much is done for each row: `rounds` of a site with so many `cameras`, whose recordings last `cut` seconds."""

    rounds: int
    cameras: int
    cut: int
    seed: int


@dataclass(frozen=True)
class Row:
    """What was measured: seconds, gaps by their causes, and what was wrong. `reason` says why a row was not run."""

    fault: str
    promise: str
    ffmpeg: str
    verdict: str
    reason: str = ""
    measured: int = 0  # rounds times cameras
    lost: float = 0.0
    unexplained: float = 0.0
    recovery: float = 0.0
    dated: float = 0.0  # the largest error of a recorded time
    causes: Tuple[str, ...] = ()
    complaints: Tuple[str, ...] = ()


def measure(fault: Fault, ffmpeg: Tuple[str, str], clip: Clip, folder: Path, effort: Effort) -> Row:
    """Do the fault in sites inside `folder`; `ffmpeg` is the name and the path of one."""
    name, path = ffmpeg
    missing = fault.missing()
    if missing is not None:
        return Row(fault.name, fault.promise, name, NOT_RUN, missing)
    chance = random.Random(f"{effort.seed} {fault.name}")
    accounts: List[Account] = []
    for number in range(effort.rounds):
        site = Site(folder / str(number), path, clip, count=effort.cameras, cut=effort.cut)
        accounts += _round(fault, site, chance)
    complaints = tuple(dict.fromkeys(each for account in accounts for each in account.complaints))
    return Row(
        fault=fault.name,
        promise=fault.promise,
        ffmpeg=name,
        verdict=BROKEN if complaints else KEPT,
        measured=len(accounts),
        lost=max(account.lost for account in accounts),
        unexplained=max(account.unexplained for account in accounts),
        recovery=max(account.recovery for account in accounts),
        dated=max(account.dated for account in accounts),
        causes=tuple(sorted({cause for account in accounts for cause in account.gaps})),
        complaints=complaints,
    )


def _round(fault: Fault, site: Site, chance: random.Random) -> List[Account]:
    """The accounts of a round; one that lost everything when something did not happen in time."""
    try:
        return one_round(fault, site, chance)
    except AssertionError as error:
        return [_not_judged(str(error))]
    except Exception:  # a defect of a row must not end the others
        return [_not_judged(traceback.format_exc())]


def _not_judged(why: str) -> Account:
    return Account(lost=_NEVER, unexplained=_NEVER, recovery=_NEVER, complaints=(why[-2000:],))


def render(row: Row) -> str:
    """The row as one line, and one more for each complaint."""
    head = f"{row.fault:18} {row.ffmpeg:8} {row.verdict:8}"
    if row.verdict == NOT_RUN:
        return f"{head} {row.reason}"
    figures = f"lost {row.lost:.2f} s, unexplained {row.unexplained:.2f} s, recovery {row.recovery:.2f} s"
    gaps = ", ".join(row.causes) or "none"
    return "\n    ".join([f"{head} {figures} (worst of {row.measured}; gaps: {gaps})", *row.complaints])


def markdown(rows: Iterable[Row]) -> str:
    """The table of the README: a line for each fault, figures of the FFmpegs side by side."""
    by_fault: Dict[str, List[Row]] = {}
    for row in rows:
        by_fault.setdefault(row.promise, []).append(row)
    lines = ["| fault and promise | lost | unexplained | recovery | worst of | verdict |", "|---|---|---|---|---|---|"]
    for promise, mine in by_fault.items():
        columns = [
            _side_by_side(_seconds(row.lost) for row in mine),
            _side_by_side(_seconds(row.unexplained) for row in mine),
            _side_by_side(_seconds(row.recovery) for row in mine),
            _side_by_side(str(row.measured) for row in mine),
            _side_by_side(f"{row.verdict}: {row.reason}" if row.reason else row.verdict for row in mine),
        ]
        lines.append(f"| {promise} | {' | '.join(columns)} |")
    return "\n".join(lines)


def _seconds(value: float) -> str:
    return "not judged" if value == _NEVER else f"{value:.1f} s"


def _side_by_side(texts: Iterable[str]) -> str:
    """One text when all are the same."""
    return " / ".join(dict.fromkeys(texts))
