"""The clock that dates files: exact on a local disk, corrected on a file server's."""

from __future__ import annotations

import errno
import sys
import time
from pathlib import Path
from typing import List

import pytest

from cctv_cli.core.storage import disk_clock
from cctv_cli.core.storage.disk_clock import Bounds, DiskClock, estimate, measure, probe
from tests.support.file_server import FileServer
from tests.support.refusing_disk import RefusingDisk

linux = pytest.mark.skipif(sys.platform != "linux", reason="the stand-in for a file server looks at /proc")


@pytest.mark.parametrize(
    ("bounds", "before", "expected"),
    [
        (Bounds(-0.001, 0.02), 0.0, 0.0),
        (Bounds(-3.0, 0.02), 0.0, 0.0),  # a slow local disk
        (Bounds(-0.4, 1.6), 0.0, 0.0),  # it stores whole seconds
        (Bounds(119.9, 120.1), 0.0, 120.0),
        (Bounds(119.9, 120.1), 119.95, 119.95),  # still possible, so times stay where they are
        (Bounds(119.9, 120.1), 119.8, 120.0),
        (Bounds(-120.1, -119.9), 0.0, -120.0),
        (Bounds(-0.001, 0.02), 120.0, 0.0),  # the server's clock was set
    ],
)
def test_an_offset_is_moved_only_when_it_must_be(bounds: Bounds, before: float, expected: float) -> None:
    assert estimate(bounds, before) == pytest.approx(expected)


def test_a_local_disk_is_exact_and_nothing_is_left_on_it(tmp_path: Path) -> None:
    for _ in range(50):
        bounds = probe(tmp_path)
        assert bounds.least <= 0.0 <= bounds.most and estimate(bounds) == 0.0
    assert list(tmp_path.iterdir()) == []


@linux
@pytest.mark.parametrize("ahead", [120.0, -120.0, 1.5, -0.4, 86_400.0 * 365])
def test_a_file_server_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    FileServer(tmp_path, monkeypatch, ahead)
    assert estimate(measure(tmp_path)) == pytest.approx(ahead, abs=0.1)
    clock = DiskClock(tmp_path)
    (tmp_path / "file").touch()
    assert clock.instant((tmp_path / "file").stat().st_mtime) == pytest.approx(time.time(), abs=1.0)


def test_slow_probes_are_repeated_and_their_bounds_combined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Bounds(119.0, 121.0), Bounds(119.8, 121.5), Bounds(119.0, 120.1), Bounds(119.98, 120.02)]
    monkeypatch.setattr(disk_clock, "probe", lambda folder: found.pop(0))
    assert measure(tmp_path) == Bounds(119.98, 120.02) and found == []


def test_a_clock_that_is_set_between_probes_leaves_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [Bounds(119.0, 121.0), Bounds(-0.5, 0.02), Bounds(-0.01, 0.02)]
    monkeypatch.setattr(disk_clock, "probe", lambda folder: found.pop(0))
    assert estimate(measure(tmp_path)) == 0.0


def test_a_disk_that_refuses_writes_keeps_its_offset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = DiskClock(tmp_path)
    clock.ahead = 120.0
    RefusingDisk(tmp_path, monkeypatch, errno.EROFS)
    assert clock.instant(1000.0) == 880.0


class Times:
    """The clocks of this machine, and a disk that counts how often it was measured."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.monotonic, self.ahead = 1_795_000_000.0, 100.0, 0.0
        self.measured: List[float] = []
        monkeypatch.setattr(disk_clock.time, "time", lambda: self.now)
        monkeypatch.setattr(disk_clock.time, "monotonic", lambda: self.monotonic)
        monkeypatch.setattr(disk_clock, "measure", self.measure)

    def measure(self, folder: Path) -> Bounds:
        self.measured.append(self.monotonic)
        return Bounds(self.ahead - 0.01, self.ahead + 0.01)

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        self.monotonic += seconds


def test_it_is_measured_once_a_minute_and_when_this_machines_clock_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    times = Times(monkeypatch)
    clock = DiskClock(Path("camera"))
    for _ in range(119):
        clock.instant(times.now)
        times.pass_by(1.0)
    assert times.measured == [100.0, 160.0]
    times.now += 30.0
    times.ahead = -30.0
    assert clock.instant(times.now - 30.0) == times.now and len(times.measured) == 3


@pytest.mark.parametrize(("before", "after"), [(120.0, 0.0), (0.0, 120.0), (-120.0, 0.0), (0.0, -120.0)])
def test_a_write_that_is_dated_oddly_shows_that_the_servers_clock_was_set(
    monkeypatch: pytest.MonkeyPatch, before: float, after: float
) -> None:
    times = Times(monkeypatch)
    times.ahead = before
    clock = DiskClock(Path("camera"))
    assert clock.instant(times.now + before, just_now=True) == times.now
    times.pass_by(10.0)
    times.ahead = after
    assert clock.instant(times.now - 3600.0) == times.now - 3600.0 - before  # an old file shows nothing
    assert clock.instant(times.now + after, just_now=True) == times.now
    assert len(times.measured) == 2


def test_writes_that_stay_odd_are_not_measured_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    times = Times(monkeypatch)
    clock = DiskClock(Path("camera"))
    for _ in range(10):
        clock.instant(times.now - 20.0, just_now=True)  # a network that delivers late
        times.pass_by(0.3)
    assert len(times.measured) == 3
