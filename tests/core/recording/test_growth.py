from __future__ import annotations

from cctv_cli.core.recording.growth import Growth


def growth(*looks: tuple) -> Growth:
    """A branch of a run that began at second 100, and looks (number, bytes, second) at it."""
    branch = Growth()
    branch.begin(100.0)
    for number, size, second in looks:
        branch.saw(number, size, second)
    return branch


def test_a_run_without_a_file_stands_still_since_it_began() -> None:
    assert growth().still_for(112.0) == 12.0


def test_more_bytes_are_growth() -> None:
    assert growth((0, 188, 101.0), (0, 376, 105.0)).still_for(106.0) == 1.0


def test_the_same_bytes_are_not() -> None:
    assert growth((0, 188, 101.0), (0, 188, 110.0)).still_for(111.0) == 10.0


def test_a_new_file_is_growth_also_when_it_is_smaller() -> None:
    assert growth((0, 9400, 101.0), (1, 0, 110.0)).still_for(110.0) == 0.0


def test_an_empty_file_is_a_beginning() -> None:
    assert growth((0, 0, 109.0)).still_for(110.0) == 1.0


def test_a_new_run_counts_from_its_own_beginning() -> None:
    branch = growth((7, 9400, 101.0))
    branch.begin(200.0)
    assert branch.still_for(203.0) == 3.0
    branch.saw(7, 9400, 204.0)
    assert branch.still_for(205.0) == 1.0


def test_a_file_is_the_newest_for_as_long_as_no_other_is() -> None:
    branch = growth((0, 188, 101.0), (1, 188, 103.0), (1, 9400, 110.0))
    assert branch.same_file_for(111.0) == 8.0
