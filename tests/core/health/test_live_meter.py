from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.health.live_meter import NOTHING, LiveMeter
from cctv_cli.core.hls.playlist import LiveSegment, LiveWindow
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.media.span import Rhythm
from tests.support.media import make_video

HOUR = 3600.0


@pytest.fixture(scope="module")
def short_gops(ffmpeg: Ffmpeg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of 128x96 with a key frame every second."""
    return make_video(ffmpeg, tmp_path_factory.mktemp("media") / "short.ts", 4, "-s", "128x96")


@pytest.fixture(scope="module")
def long_gop(ffmpeg: Ffmpeg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds with one key frame."""
    return make_video(ffmpeg, tmp_path_factory.mktemp("media") / "long.ts", 4, "-g", "1000", "-sc_threshold", "0")


@pytest.fixture
def layout(tmp_path: Path) -> CameraLayout:
    layout = CameraLayout(tmp_path, "cam1")
    layout.live.mkdir(parents=True)
    return layout


def window(number: int, duration: float = 4.0) -> LiveWindow:
    return LiveWindow(4, (LiveSegment(number, 1_800_000_000.0, duration),))


def test_size_frame_rate_and_key_frames_of_a_segment(layout: CameraLayout, short_gops: Path) -> None:
    shutil.copy(short_gops, layout.live_segment(7))
    look = LiveMeter().look(layout, window(7), 0.0)
    assert look.picture is not None
    assert (look.picture.width, look.picture.height) == (128, 96)
    assert look.rhythm == Rhythm(pytest.approx(25.0), pytest.approx(1.0))


def test_with_one_key_frame_the_gop_is_as_long_as_the_segment(layout: CameraLayout, long_gop: Path) -> None:
    shutil.copy(long_gop, layout.live_segment(0))
    assert LiveMeter().look(layout, window(0), 0.0).rhythm.gop == pytest.approx(4.0)


def test_a_camera_is_measured_again_after_a_minute(layout: CameraLayout, short_gops: Path, long_gop: Path) -> None:
    meter = LiveMeter()
    shutil.copy(short_gops, layout.live_segment(0))
    first = meter.look(layout, window(0), 1000.0)
    shutil.copy(long_gop, layout.live_segment(1))
    assert meter.look(layout, window(1), 1059.0) == first
    assert meter.look(layout, window(1), 1061.0).rhythm.gop == pytest.approx(4.0)


def test_the_same_segment_is_read_once(layout: CameraLayout, short_gops: Path, long_gop: Path) -> None:
    meter = LiveMeter()
    path = layout.live_segment(0)
    shutil.copy(short_gops, path)
    first = meter.look(layout, window(0), 0.0)
    written = path.stat().st_mtime_ns
    path.write_bytes(b"")
    os.utime(path, ns=(written, written))
    assert meter.look(layout, window(0), HOUR) == first
    shutil.copy(long_gop, path)  # the same number after the live folder was lost
    assert meter.look(layout, window(0), HOUR).rhythm.gop == pytest.approx(4.0)


def test_a_missing_or_unreadable_segment_gives_nothing(layout: CameraLayout) -> None:
    meter = LiveMeter()
    assert meter.look(layout, None, 0.0) == NOTHING
    assert meter.look(layout, LiveWindow(4), 0.0) == NOTHING
    assert meter.look(layout, window(3), 0.0) == NOTHING
    layout.live_segment(4).write_bytes(bytes(1880))
    assert meter.look(layout, window(4), 0.0) == NOTHING
