"""How long a camera may be silent, by its frame interval and by what earlier runs showed."""

from __future__ import annotations

import pytest

from cctv_cli.core.recording.patience import grace, recording, silence, silence_of_run, waiting


@pytest.mark.parametrize(
    ("interval", "seconds"), [(0.0, 5.0), (0.04, 5.0), (2.0, 5.0), (4.0, 10.0), (8.0, 20.0), (16.0, 40.0), (30.0, 75.0)]
)
def test_silence_follows_the_frame_interval(interval: float, seconds: float) -> None:
    assert silence(interval) == seconds


@pytest.mark.parametrize(
    ("interval", "without_frame", "seconds"),
    [
        pytest.param(0.0, 0, 5.0, id="unknown"),
        pytest.param(0.0, 1, 45.0, id="perhaps slow"),
        pytest.param(0.0, 2, 5.0, id="perhaps a dead session"),
        pytest.param(0.0, 3, 45.0, id="again"),
        pytest.param(0.04, 1, 45.0, id="was fast"),
        pytest.param(8.0, 0, 20.0, id="slow"),
        pytest.param(8.0, 1, 45.0, id="slower than before"),
        pytest.param(30.0, 1, 75.0, id="slower than any guess"),
    ],
)
def test_every_other_run_after_one_without_a_frame_waits_for_long(
    interval: float, without_frame: int, seconds: float
) -> None:
    assert silence_of_run(interval, without_frame) == seconds


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [
        pytest.param(0.0, 5.0, id="unknown"),
        pytest.param(0.04, 5.04, id="usual"),
        pytest.param(8.0, 13.0, id="slow"),
        pytest.param(60.0, 30.0, id="slower than a stop may be"),
    ],
)
def test_ffmpeg_may_end_with_the_next_frame(interval: float, seconds: float) -> None:
    assert grace(interval) == seconds


def test_the_state_says_what_is_unusual() -> None:
    assert waiting(5.0) == "waiting for the first frames"
    assert waiting(45.0) == "waiting up to 45 s for each frame, because the camera seems to send few"
    assert recording(0.04) == recording(0.0) == "recording"
    assert recording(8.0) == "recording one frame every 8 s, as the camera sends them"
