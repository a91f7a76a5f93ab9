"""Missing frames that are none: video stamped too slow, which sender reports correct."""

from __future__ import annotations

import itertools
from typing import Iterable, Iterator, List, Sequence, Tuple

import pytest

from cctv_cli.core.media.span import TICKS, span_of
from cctv_cli.core.recording.drift import Corrections

STEP = 0.2  # seconds between two frames
FILE = 300  # frames


def seen_in(times: Iterable[float]) -> Corrections:
    """What a run of files shows whose frames have these media times, in seconds."""
    seen, end = Corrections(), None
    raw = [round(time * TICKS) for time in times]
    for first in range(0, len(raw), FILE):
        span = span_of(raw[first : first + FILE])
        assert span is not None
        seen = seen.add(span, 0.0 if end is None else span.missing_after(end))
        end = span.end
    return seen


def stamped(distances: Sequence[float], speed: float) -> Iterator[float]:
    """The times of frames whose stamps run at this speed, and that sender reports correct at these distances."""
    reported = 0.0
    for distance in itertools.islice(itertools.cycle(distances), 30):
        yield from (reported + STEP * speed * frame for frame in range(round(distance / STEP)))
        reported += distance


def lossy(losses: Sequence[Tuple[float, float]]) -> Iterator[float]:
    """The times of true frames, of which these are lost, over and over: after so many seconds, for so many."""
    at = 0.0
    for recorded, lost in itertools.islice(itertools.cycle(losses), 30):
        yield from (at + STEP * frame for frame in range(round(recorded / STEP)))
        at += recorded + lost


@pytest.mark.parametrize(
    "distances",
    [
        pytest.param([5.0], id="a report each 5 s"),
        pytest.param([6.0, 9.0, 7.0], id="reports at random times"),
        pytest.param([25.0], id="rare reports"),
    ],
)
def test_holes_that_sender_reports_make_show_how_slow_the_clock_is(distances: List[float]) -> None:
    assert seen_in(stamped(distances, speed=0.7)).rate == pytest.approx(1 / 0.7 - 1, rel=0.1)


@pytest.mark.parametrize(
    "losses",
    [
        pytest.param([(90.0, 0.0)], id="none"),
        pytest.param([(3.0, 2.0), (20.0, 2.0), (9.0, 2.0)], id="at uneven distances"),
        pytest.param([(10.0, 1.2), (10.0, 4.0)], id="of uneven length"),
    ],
)
def test_holes_of_a_bad_network_do_not(losses: List[Tuple[float, float]]) -> None:
    assert seen_in(lossy(losses)).rate == 0
