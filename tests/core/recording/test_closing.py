"""What is journalled for a finished file, as a table: its start, its span, and the gaps before it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Optional, Tuple

import pytest

from cctv_cli.core.media.span import TICKS, Hole, MediaSpan
from cctv_cli.core.recording.closing import Before, FinishedFile, close, place
from cctv_cli.core.recording.drift import Drift, Knot
from cctv_cli.core.recording.media_clock import Timeline
from cctv_cli.core.recording.state import Run
from cctv_cli.core.storage.entries import ClockEntry

AT = 1_800_000_000.0  # the instant of media time 0
LINE = Timeline(AT, AT, 0.0)
RUN = Run("0123456789abcdef", "", AT - 5, 0, cause="refused", detail="it refused")


def finished(number: int, begin: float, seconds: float = 60.0, written: Optional[float] = None) -> FinishedFile:
    """File `number`, whose first frame has this media time."""
    span = MediaSpan(round(begin * TICKS), seconds, 1500)
    return FinishedFile(number, span, AT + begin + seconds if written is None else written, span.end, True)


Gaps = List[Tuple[float, float, str]]  # from and until, in seconds after AT, and the cause


@pytest.mark.parametrize(
    ("file", "before", "expected"),
    [
        pytest.param(finished(0, 0), Before(None), [], id="the very first recording"),
        pytest.param(finished(0, 0), Before(AT), [], id="nothing is missing"),
        pytest.param(finished(0, 0), Before(AT - 0.015), [], id="times are not exact"),
        pytest.param(finished(0, 0), Before(AT - 0.15), [(-0.15, 0, "refused")], id="a few frames between two runs"),
        pytest.param(finished(1, 60), Before(AT + 60 - 0.15), [], id="within the tolerance of a joint"),
        pytest.param(finished(0, 0), Before(AT + 30), [], id="already covered"),
        pytest.param(finished(0, 0), Before(AT - 90), [(-90, 0, "refused")], id="before the run"),
        pytest.param(finished(1, 60), Before(AT + 60), [], id="joined"),
        pytest.param(finished(1, 60), Before(AT + 58), [(58, 60, "no frames")], id="inside the run"),
        pytest.param(finished(1, 60), Before(AT + 58, clock_step=2.0), [(58, 60, "clock set")], id="the clock was set"),
        pytest.param(
            finished(0, 0),
            Before(AT - 90, clock_step=60.0),
            [(-90, -60, "refused"), (-60, 0, "clock set")],
            id="the clock was set while nothing was recorded",
        ),
        pytest.param(
            finished(1, 60), Before(AT - 90), [(-90, 60, "refused")], id="the first files held no frame: one cause"
        ),
        pytest.param(
            finished(2, 120),
            Before(AT + 60, unreadable=True),
            [(60, 120, "unreadable")],
            id="the previous file was skipped",
        ),
        pytest.param(
            finished(1, 60),
            Before(AT - 90, unreadable=True),
            [(-90, -5, "refused"), (-5, 60, "unreadable")],
            id="the run's first file was skipped",
        ),
    ],
)
def test_gaps(file: FinishedFile, before: Before, expected: Gaps) -> None:
    closed = close(RUN, file, LINE, before)
    assert closed.start == AT + file.number * 60
    assert closed.span == file.span
    assert [(pytest.approx(gap.start - AT), pytest.approx(gap.end - AT), gap.cause) for gap in closed.gaps] == expected


def test_a_run_that_took_over_from_another_is_not_dated_so_exactly_that_a_frame_is_missing() -> None:
    assert close(replace(RUN, joined=True), finished(0, 0), LINE, Before(AT - 0.15)).gaps == ()


@pytest.mark.parametrize(
    ("begin", "written", "start", "seconds", "jumped"),
    [
        pytest.param(60.0, 120.0, 60.0, 60.0, False, id="normal"),
        pytest.param(60.0, 118.5, 60.0, 60.0, False, id="within the tolerance"),
        pytest.param(60.0, 100.0, 60.0, 40.0, True, id="the clock jumped inside the file"),
        pytest.param(1060.0, 120.0, 60.0, 60.0, True, id="the clock jumped before the file"),
    ],
)
def test_no_frame_is_newer_than_the_last_write(
    begin: float, written: float, start: float, seconds: float, jumped: bool
) -> None:
    file = finished(1, begin, written=AT + written)
    file = replace(file, span=replace(file.span, holes=(Hole(5.0, 20.0),)))
    closed = close(RUN, file, LINE, Before(AT + 60))
    assert (closed.start - AT, closed.span.duration) == (start, seconds)
    assert (closed.span.holes == ()) == jumped  # a jump looks like a hole


@pytest.mark.parametrize(
    ("covered", "hole", "before", "start", "seconds", "holes"),
    [
        pytest.param(62.0, 0.0, {}, 62.0, 58.0, 0, id="media gained 2 s: no overlap"),
        pytest.param(58.0, 0.0, {}, 58.0, 62.0, 0, id="media lost 2 s: no gap"),
        pytest.param(63.0, 3.0, {}, 63.0, 57.0, 0, id="a step ahead looks like a hole"),
        pytest.param(60.1, 3.0, {}, 60.0, 60.0, 1, id="a hole"),
        pytest.param(58.0, 0.0, {"clock_step": 2.0}, 60.0, 60.0, 0, id="this machine's clock was set"),
        pytest.param(58.0, 0.0, {"media_end": 58 * TICKS}, 60.0, 60.0, 0, id="frames are missing"),
    ],
)
def test_a_file_continues_the_one_before(
    covered: float, hole: float, before: Dict[str, Any], start: float, seconds: float, holes: int
) -> None:
    file = finished(1, 60.0)
    file = replace(file, span=replace(file.span, holes=(Hole(5.0, hole),) if hole else ()))
    closed = close(RUN, file, LINE, Before(AT + covered, **{"media_end": 60 * TICKS, **before}))
    assert (closed.start - AT, closed.span.duration, len(closed.span.holes)) == (start, seconds, holes)
    assert closed.media == (0 if seconds == 60.0 else 60.0)
    is_gap = bool(before)
    assert bool(closed.gaps) == is_gap


def test_a_file_of_a_clock_that_drifts_covers_the_time_in_which_it_arrived() -> None:
    drift = Drift(line=(Knot(0.0, AT), Knot(600.0, AT - 120.0)), rate=-0.2)
    file = finished(1, 60.0, written=AT + 96.0)
    file = replace(file, span=replace(file.span, holes=(Hole(10.0, 5.0),)))
    closed = close(RUN, file, replace(LINE, drift=drift), Before(AT + 48.0, media_end=60 * TICKS))
    assert (closed.start - AT, closed.span.duration, closed.media) == (48.0, 48.0, 60.0)
    assert closed.span.holes == (Hole(8.0, 4.0),)
    assert not closed.gaps


def test_a_camera_that_is_dated_by_arrival_jumps_between_two_files_without_a_gap() -> None:
    line = replace(LINE, drift=Drift(by_arrival=True))
    closed = close(RUN, finished(1, 60.0), line, Before(AT + 59.8, media_end=round(59.3 * TICKS)))
    assert (closed.start - AT, closed.gaps) == (pytest.approx(59.8), ())


@pytest.mark.parametrize("step", [3600.0, -3600.0], ids=["ahead", "back"])
def test_the_first_file_after_the_clock_was_set_has_the_new_times(step: float) -> None:
    line = replace(LINE, anchor=AT + step, clock_set=step)
    old, new = finished(1, 60.0), finished(2, 120.0, written=AT + 180 + step)
    last = close(RUN, old, line, Before(AT + 60, clock_step=step, media_end=60 * TICKS))
    assert (last.start - AT, last.span.duration, last.gaps) == (60.0, 60.0, ())
    first = close(RUN, new, line, Before(AT + 120, clock_step=step, media_end=120 * TICKS))
    assert (first.start - AT, first.span.duration) == (120 + step, 60.0)
    assert [gap.cause for gap in first.gaps] == (["clock set"] if step > 0 else [])
    assert (last.clock, first.clock) == ((), (ClockEntry(AT + 120 + step, 0.0, step),))


def test_a_file_from_before_the_clock_was_set_moves_no_anchor() -> None:
    line = replace(LINE, anchor=AT + 3600, monotonic=100.0, clock_set=3600.0)
    assert place(line, finished(1, 60.0)).anchor == line.anchor


def test_a_file_that_was_never_polled_is_placed_by_its_last_write() -> None:
    assert place(None, finished(0, 7.0, written=AT + 70)).instant(7 * TICKS) == AT + 10


@pytest.mark.parametrize(
    ("file", "moved"),
    [
        pytest.param(finished(1, 60.0, written=AT + 119.5), True, id="earlier than assumed"),
        pytest.param(replace(finished(1, 60.0, written=AT + 119.5), followed=False), False, id="not closed by FFmpeg"),
        pytest.param(finished(1, 60.0, written=AT + 100), False, id="its clock jumped"),
    ],
)
def test_the_anchor_moves_only_for_reliable_times(file: FinishedFile, moved: bool) -> None:
    assert (place(LINE, file).anchor != LINE.anchor) == moved
