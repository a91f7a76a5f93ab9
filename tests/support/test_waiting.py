"""Waits last longer on a busy machine, and report what did not happen."""

from __future__ import annotations

import subprocess
import sys
from typing import Iterator

import pytest

from tests.support import waiting
from tests.support.waiting import end_of, slowness, wait_for


class Machine:
    """A machine whose clock advances by waits, `slowness` times slower than an idle one."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slowness = 1.0

    def pause(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(waiting, "_now", lambda: machine.now)
    monkeypatch.setattr(waiting, "_pause", machine.pause)
    monkeypatch.setattr(waiting, "slowness", lambda: machine.slowness)
    return machine


def waited(machine: Machine) -> float:
    """How many seconds a wait of ten seconds lasts if nothing happens."""
    begin = machine.now
    with pytest.raises(AssertionError):
        wait_for(lambda: None, "what never comes", 10)
    return machine.now - begin


def test_an_idle_machine_waits_as_long_as_given(machine: Machine) -> None:
    assert waited(machine) == pytest.approx(10, abs=0.2)


def test_a_busy_machine_waits_longer_in_proportion(machine: Machine) -> None:
    machine.slowness = 6.0
    assert waited(machine) == pytest.approx(60, abs=1.5)


def test_load_that_starts_later_counts(machine: Machine) -> None:
    def look() -> None:
        machine.slowness = 1.0 if machine.now < 1005 else 4.0

    with pytest.raises(AssertionError):
        wait_for(look, "what never comes", 10)
    assert machine.now - 1000 == pytest.approx(5 + 5 * 4, abs=4)


def test_a_result_ends_a_wait_at_once(machine: Machine) -> None:
    assert wait_for(iter([0, "", "found"]).__next__, "it") == "found"
    assert machine.now - 1000 < 0.2


def test_a_failed_wait_reports_what_was_missing_how_long_and_what_was_there(machine: Machine) -> None:
    machine.slowness = 2.0
    with pytest.raises(AssertionError, match=r"^the door: not within \d\d s, .* count as 10; now there is a wall$"):
        wait_for(lambda: False, "the door", 10, lambda: "a wall")


def test_the_end_of_a_process() -> None:
    assert end_of(subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])) == 7


def test_slowness_is_measured_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def ticks(*instants: float) -> Iterator[float]:
        yield from instants

    work = waiting._WORK_SECONDS
    monkeypatch.setattr(waiting, "_now", ticks(0, 3 * work, 0, work / 9).__next__)
    assert slowness() == pytest.approx(3)
    assert slowness() == 1.0
