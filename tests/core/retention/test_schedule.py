"""When a schedule cleans up and what it logs. `look` is called by hand, the clock moves when a test says so."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import List, NamedTuple, Sequence

import pytest

from cctv_cli.core.clock import zone
from cctv_cli.core.config.settings import Camera, DemoSource, Settings
from cctv_cli.core.retention.cleaner import Cleaner
from cctv_cli.core.retention.schedule import CleanupSchedule
from cctv_cli.core.storage.marker import ensure_marker
from cctv_cli.core.units import FreeSpace
from tests.support.storage_tree import CameraTree, FixedClock, instant

BERLIN = zone("Europe/Berlin")
NOW = instant("2026-07-14T15:30:00+02:00")
TOTAL = 1_000_000_000


class Usage(NamedTuple):
    total: int
    used: int
    free: int


class Service:
    """A schedule over one camera, a disk whose free bytes a test sets, and what was logged."""

    def __init__(self, folder: Path, cameras: Sequence[str] = ()) -> None:
        self.free = TOTAL // 2
        self.settings = Settings(
            cameras=(Camera("front", "Front", DemoSource(tone=False)),),
            storage=folder,
            timezone="Europe/Berlin",
            min_free=FreeSpace(percent=5),
        )
        self.clock = FixedClock(NOW)
        self.tree = CameraTree(self.settings, "front")
        ensure_marker(folder)
        self.schedule = CleanupSchedule(lambda: self.settings, self.cleaner, self.clock, cameras)

    def cleaner(self) -> Cleaner:
        return Cleaner(self.settings, BERLIN, self.clock)

    def looks(self, count: int, every: float) -> List[bool]:
        """What that many looks did."""
        done = []
        for _ in range(count):
            self.clock.advance(every)
            done.append(self.schedule.look())
        return done

    def files(self) -> int:
        return len(list(self.tree.layout.recordings.rglob("*.ts")))


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    made = Service(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(TOTAL, TOTAL - made.free, made.free))
    return made


def said(caplog: pytest.LogCaptureFixture, level: int) -> List[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


def test_it_cleans_up_soon_after_the_start_and_then_every_interval(service: Service) -> None:
    assert service.looks(2, 30.0) == [False, True]
    assert service.looks(119, 30.0) == [False] * 119
    assert service.looks(2, 30.0) == [True, False]
    service.settings = replace(service.settings, cleanup_interval=60.0)  # a reload counts from the next cleanup on
    assert service.looks(1, 3600.0) == [True]
    assert service.looks(4, 30.0) == [False, True, False, True]


def test_what_went_is_one_line(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cctv")
    service.tree.record("2026-05-01T10:00:00+02:00", 60)
    service.tree.record("2026-07-14T15:00:00+02:00", 60)
    service.looks(1, 60.0)
    service.looks(1, 3600.0)
    assert service.files() == 1
    (line,) = said(caplog, logging.INFO)
    assert line.startswith("deleted 1 recording,") and "older than 30 days; front 1" in line


def test_a_short_disk_is_cleaned_at_once_but_not_at_every_look(service: Service) -> None:
    for hour in range(10, 15):
        service.tree.record(f"2026-07-14T{hour}:00:00+02:00", 60)
    service.looks(1, 60.0)
    service.free = TOTAL // 20 - 1
    assert service.looks(1, 30.0) == [False]  # it was cleaned up a moment ago
    assert service.looks(10, 30.0).count(True) == 1
    assert service.files() == 4
    service.free = TOTAL // 20
    assert True not in service.looks(20, 30.0)


def test_after_some_cameras_it_cleans_up_by_their_own_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(tmp_path, ["front"])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(TOTAL, TOTAL, 0))
    other = CameraTree(service.settings, "other")
    for tree in (service.tree, other):
        tree.record("2026-05-01T10:00:00+02:00", 60)
        tree.record("2026-07-14T15:00:00+02:00", 60)
    assert service.looks(3, 30.0) == [False, True, False]
    assert (service.files(), len(list(other.layout.recordings.rglob("*.ts")))) == (1, 2)


def test_who_cleans_up_after_some_cameras_for_weeks_goes_on_believing_the_clock(tmp_path: Path) -> None:
    service = Service(tmp_path, ["front"])
    for day in ("2026-07-01", "2026-07-14"):
        service.tree.record(f"{day}T10:00:00+02:00", 60)
    service.cleaner().run()
    kept = []
    for _day in range(20):
        service.looks(1, 86_400.0)
        kept.append(service.files())
    assert kept == [2] * 16 + [1] * 4


def test_a_disk_that_is_all_but_full_is_not_kept_waiting(service: Service) -> None:
    for hour in range(10, 15):
        service.tree.record(f"2026-07-14T{hour}:00:00+02:00", 60)
    service.looks(1, 60.0)
    service.free = TOTAL // 100 - 1
    assert service.looks(2, 30.0) == [True, True]


def test_a_refusal_is_said_once_and_again_when_it_comes_again(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    for hour in range(10, 15):
        service.tree.record(f"2026-07-14T{hour}:00:00+02:00", 60)
    usual = service.settings
    service.settings = replace(usual, max_size=1, most_deleted=50)
    assert service.looks(3, 3600.0) == [True] * 3
    assert len(said(caplog, logging.WARNING)) == 1
    assert "100 % of the recordings of front" in said(caplog, logging.WARNING)[0]
    service.settings = usual
    service.looks(1, 3600.0)
    service.settings = replace(usual, max_size=1, most_deleted=50)
    service.looks(1, 3600.0)
    assert len(said(caplog, logging.WARNING)) == 2
    assert service.files() == 5


def test_a_storage_that_went_away_ends_nothing(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    shutil.rmtree(service.settings.storage)
    assert service.looks(3, 3600.0) == [True] * 3
    assert len(said(caplog, logging.WARNING)) == 1
    assert not service.settings.storage.exists()


def test_a_defect_is_logged_and_the_next_look_is_taken(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(cleaner: Cleaner, **named: object) -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr(Cleaner, "run", fail)
        assert service.looks(1, 60.0) == [True]
    assert said(caplog, logging.ERROR) == ["unexpected error in a cleanup"]
    assert service.looks(1, 3600.0) == [True]
    assert len(said(caplog, logging.ERROR)) == 1


def test_the_thread_ends_when_it_is_told(service: Service) -> None:
    service.schedule.start()
    service.schedule.ask_to_end()
    service.schedule.join()
    assert not service.schedule._thread.is_alive()
