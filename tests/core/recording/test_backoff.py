from __future__ import annotations

from typing import List

import pytest

from cctv_cli.core.recording.backoff import Backoff


def delays(failures: int, healthy_for: float, chance: float) -> List[float]:
    backoff, found = Backoff(), []
    for _ in range(failures):
        backoff = backoff.failed(healthy_for)
        found.append(backoff.delay(chance))
    return found


def test_without_a_failure_there_is_no_wait() -> None:
    assert Backoff().delay(1.0) == 0.0


def test_each_failure_doubles_the_wait_up_to_30_seconds() -> None:
    assert delays(8, healthy_for=0.0, chance=0.0) == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_minute_of_recording_resets_the_wait() -> None:
    backoff = Backoff()
    for _ in range(6):
        backoff = backoff.failed(0.0)
    assert backoff.failed(59.9).failed(0.0).delay(0.0) == 30
    assert backoff.failed(60.0).delay(0.0) == 1
    assert backoff.failed(60.0).failed(0.0).delay(0.0) == 2


@pytest.mark.parametrize(("recorded", "delay"), [(0.0, 30), (14.0, 16), (29.5, 1), (59.9, 1)])
def test_the_time_that_was_recorded_counts_as_waited(recorded: float, delay: float) -> None:
    assert Backoff(failures=8).failed(recorded).delay(0.0) == delay


def test_chance_shortens_the_wait_by_a_fifth_at_most() -> None:
    assert delays(6, healthy_for=0.0, chance=1.0) == pytest.approx([0.8, 1.6, 3.2, 6.4, 12.8, 24])
    assert delays(1, healthy_for=0.0, chance=0.5) == [pytest.approx(0.9)]


def test_a_camera_that_is_away_for_months_is_tried_every_30_seconds() -> None:
    assert Backoff(failures=1_000_000).failed(0.0).delay(0.0) == 30
