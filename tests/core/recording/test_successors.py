"""When a run is replaced, and whether the next one may begin beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict

import pytest

from cctv_cli.core.clock import DAY
from cctv_cli.core.config.settings import Camera, DemoSource, RtspSource
from cctv_cli.core.recording.state import Run
from cctv_cli.core.recording.successors import is_due, may_overlap

NOW = 1_795_000_000.0
RUN = Run("0123456789abcdef", "", NOW - 60, 0, anchor=NOW - 59)
CAMERA = Camera("cam1", "Gate", RtspSource("192.168.1.100", 554, "/101"))


@pytest.mark.parametrize(
    ("run", "hours", "due"),
    [("0000456789abcdef", 23.9, False), ("0000456789abcdef", 24.0, True), ("ffff456789abcdef", 21.6, True)],
)
def test_runs_that_began_together_are_not_replaced_together(run: str, hours: float, due: bool) -> None:
    assert is_due(replace(RUN, run=run), 3600 * hours, DAY) is due


@pytest.mark.parametrize(
    ("camera", "run", "may"),
    [
        ({}, {}, True),
        ({"source": DemoSource(tone=False)}, {}, False),
        ({"transcode": True}, {}, False),
        ({}, {"alone_since": NOW - DAY / 2}, False),
        ({}, {"alone_since": NOW - DAY}, True),
        ({}, {"alone_since": NOW + 60}, True),  # the clock was set back
    ],
)
def test_two_runs_need_a_camera_that_sends_both_the_same_frames(
    camera: Dict[str, Any], run: Dict[str, Any], may: bool
) -> None:
    assert may_overlap(replace(CAMERA, **camera), replace(RUN, **run), NOW) is may
