from __future__ import annotations

from cctv_cli.core.recording.growth import Growth


def growth(*looks: tuple) -> Growth:
    """An output of a run that began at second 100, polled with these results (number, bytes, second)."""
    output = Growth()
    output.begin(100.0)
    for number, size, second in looks:
        output.update(number, size, second)
    return output


def test_a_run_without_a_file_is_still_since_it_began() -> None:
    assert growth().still_for(112.0) == 12.0


def test_more_bytes_are_growth() -> None:
    assert growth((0, 188, 101.0), (0, 376, 105.0)).still_for(106.0) == 1.0


def test_the_same_bytes_are_no_growth() -> None:
    assert growth((0, 188, 101.0), (0, 188, 110.0)).still_for(111.0) == 10.0


def test_a_new_file_is_growth_even_if_it_is_smaller() -> None:
    assert growth((0, 9400, 101.0), (1, 0, 110.0)).still_for(110.0) == 0.0


def test_an_empty_file_is_growth() -> None:
    assert growth((0, 0, 109.0)).still_for(110.0) == 1.0


def test_a_new_run_counts_from_its_own_start() -> None:
    output = growth((7, 9400, 101.0))
    output.begin(200.0)
    assert output.still_for(203.0) == 3.0
    output.update(7, 9400, 204.0)
    assert output.still_for(205.0) == 1.0


def test_the_newest_files_age_counts_from_its_first_poll() -> None:
    output = growth((0, 188, 101.0), (1, 188, 103.0), (1, 9400, 110.0))
    assert output.same_file_for(111.0) == 8.0
