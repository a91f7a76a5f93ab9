"""What is journalled for a finished file, as a table: its start, its span, and the gaps before it."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional, Tuple

import pytest

from cctv_cli.core.media.span import TICKS, Hole, MediaSpan
from cctv_cli.core.recording.closing import Before, FinishedFile, close, place
from cctv_cli.core.recording.media_clock import Timeline
from cctv_cli.core.recording.state import Run

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
        pytest.param(finished(0, 0), Before(AT - 0.15), [], id="within the tolerance of a joint"),
        pytest.param(finished(0, 0), Before(AT + 30), [], id="already covered"),
        pytest.param(finished(0, 0), Before(AT - 90), [(-90, 0, "refused")], id="before the run"),
        pytest.param(finished(1, 60), Before(AT + 60), [], id="joined"),
        pytest.param(finished(1, 60), Before(AT + 58), [(58, 60, "no frames")], id="inside the run"),
        pytest.param(
            finished(1, 60), Before(AT + 58, clock_was_set=True), [(58, 60, "clock set")], id="the clock was set"
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
    assert [(gap.start - AT, gap.end - AT, gap.cause) for gap in closed.gaps] == expected


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
