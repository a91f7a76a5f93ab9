from __future__ import annotations

from dataclasses import replace
from typing import Optional

import pytest

from cctv_cli.core.health.capacity import promise
from cctv_cli.core.health.facts import CameraStorage, DiskFacts, Promise

GB = 1_000_000_000


def disk(free: int, min_free: int = 50 * GB) -> DiskFacts:
    return DiskFacts(total=1000 * GB, used=1000 * GB - free, free=free, min_free=min_free)


def camera(
    used: int, growth: Optional[float], days: int = 30, max_size: Optional[int] = None, name: str = "one"
) -> CameraStorage:
    return CameraStorage(name, days, (("2026-07-14", used),) if used else (), growth, None, max_size)


def test_thirty_days_that_fit_are_kept_and_never_fill_the_disk() -> None:
    found = promise(disk(free=700 * GB), [], [camera(100 * GB, 20 * GB)], None)
    assert found == Promise(kept=True, needed=600 * GB, room=750 * GB, growth=20 * GB, days=37.5, full_in=None)


def test_thirty_days_that_do_not_fit_fill_the_disk_in_time() -> None:
    found = promise(disk(free=450 * GB), [], [camera(100 * GB, 10 * GB), camera(0, 10 * GB, name="two")], None)
    assert found == Promise(kept=False, needed=600 * GB, room=500 * GB, growth=20 * GB, days=25.0, full_in=20.0)


def test_a_maximum_size_limits_the_room() -> None:
    found = promise(disk(free=900 * GB), [], [camera(100 * GB, 20 * GB)], 300 * GB)
    assert found is not None
    assert (found.kept, found.room, found.days, found.full_in) == (False, 300 * GB, 15.0, 10.0)


def test_a_disk_with_less_than_the_minimum_free_is_full_now() -> None:
    found = promise(disk(free=20 * GB), [], [camera(10 * GB, 20 * GB)], None)
    assert found is not None
    assert (found.kept, found.room, found.days, found.full_in) == (False, 0, 0.0, 0.0)


def test_a_cameras_own_days_and_size_are_used() -> None:
    cameras = [camera(0, 20 * GB, days=7), camera(0, 20 * GB, days=7, max_size=100 * GB, name="two")]
    found = promise(disk(free=700 * GB), [], cameras, None)
    assert found is not None
    assert (found.kept, found.needed, found.short, found.full_in) == (False, 280 * GB, ("two",), None)


@pytest.mark.parametrize("growth", [None, 0.0])
def test_without_growth_there_is_no_forecast(growth: Optional[float]) -> None:
    assert promise(disk(free=100 * GB), [], [camera(10 * GB, growth)], None) is None
    assert promise(disk(free=100 * GB), [], [], None) is None


def test_a_camera_that_does_not_grow_needs_no_room() -> None:
    found = promise(disk(free=700 * GB), [], [camera(0, None), camera(0, 20 * GB, name="two")], None)
    assert found is not None and found.needed == 600 * GB


def test_each_disk_is_judged_with_its_cameras_and_the_shortest_is_reported() -> None:
    small = replace(disk(free=200 * GB), cameras=("one",))
    cameras = [camera(100 * GB, 10 * GB), camera(0, 10 * GB, name="two")]
    found = promise(disk(free=900 * GB), [small], cameras, None)
    assert found == Promise(
        kept=False, needed=300 * GB, room=250 * GB, growth=10 * GB, days=25.0, full_in=15.0, disk_of=("one",)
    )
    roomy = replace(small, free=300 * GB)
    found = promise(disk(free=250 * GB), [roomy], cameras, None)
    assert found is not None
    assert (found.kept, found.needed, found.room, found.disk_of) == (False, 300 * GB, 200 * GB, ())
    found = promise(disk(free=900 * GB), [roomy], cameras, None)
    assert found is not None and found.kept


def test_the_common_limit_applies_to_all_disks_together() -> None:
    own = replace(disk(free=900 * GB), cameras=("one",))
    found = promise(disk(free=900 * GB), [own], [camera(0, 10 * GB), camera(0, 10 * GB, name="two")], 500 * GB)
    assert found is not None
    assert (found.kept, found.needed, found.room, found.disk_of) == (False, 600 * GB, 500 * GB, ())


def test_a_disk_that_cannot_be_queried_has_no_forecast() -> None:
    gone = DiskFacts(0, 0, 0, 0, "its disk cannot be asked", ("one",))
    found = promise(disk(free=900 * GB), [gone], [camera(0, 10 * GB), camera(0, 10 * GB, name="two")], None)
    assert found is not None and (found.kept, found.needed) == (True, 300 * GB)
