"""The assertions about recordings, tested with correct and wrong recordings."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import List, Sequence

import pytest

from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.storage.entries import SegmentEntry
from cctv_cli.core.storage.journal import Journal
from tests.support.conftest import ClipOf
from tests.support.evidence import (
    assert_fragments_valid,
    assert_times_true,
    assert_whole,
    read_frames,
    recorded_frames,
    ticks_between,
)
from tests.support.rtsp_camera import RtspCamera
from tests.support.waiting import HANG

_DAY = "2026-01-01"
_RUN = "0123456789abcdef"
_TURN = 2**33 / 90000  # seconds after which the times of MPEG-TS wrap
_RUNNING = "movflags=+frag_every_frame+empty_moov+default_base_moof+frag_discont:avoid_negative_ts=disabled"
_MP4 = ("-tag:v", "hvc1", "-segment_format", "mp4", "-segment_format_options", _RUNNING)
# FFmpeg does not know decoding times of B-frames, nor the first frame's time of presentation
_REORDERED = "setts=pts=if(eq(PTS\\,NOPTS)\\,0\\,PTS):dts=if(N\\,max(PTS-36000\\,PREV_OUTDTS+1)\\,-36000)"


def record(ffmpeg: str, camera: RtspCamera, layout: CameraLayout, pattern: str, *options: str) -> List[int]:
    """Put files of one run into a camera's folder, with true starts; returns the numbers of their frames."""
    day = layout.day(_DAY)
    day.mkdir(parents=True)
    command = [ffmpeg, "-loglevel", "error", "-nostdin", "-rtsp_transport", "tcp", "-i", camera.url, "-map", "0"]
    command += ["-c", "copy", "-copytb", "1", "-t", "1.2", "-avoid_negative_ts", "disabled", *options]
    command += ["-f", "segment", "-segment_time", "0.4", str(day / pattern)]
    subprocess.run(command, check=True, timeout=HANG)
    files = {file.name: read_frames(file) for file in sorted(day.iterdir())}
    assert len(files) >= 2
    frames = [frame for each in files.values() for frame in each]
    third = frames[2]  # FFmpeg loses the time of the first
    for name, each in files.items():
        start = camera.started_at + camera.taken_at(third.number or 0)
        journal(layout, name, start + ticks_between(third.pts, each[0].pts) / 90000)
    return [frame.number or 0 for frame in frames]


def journal(layout: CameraLayout, file: str, start: float) -> None:
    """Journal a recording of 0.4 s."""
    entry = SegmentEntry(file, start, 0.4, bytes=1, sha256="ab" * 32, run=_RUN, source=file)
    Journal(layout.journal(_DAY)).append(entry, None)


@pytest.fixture
def layout(tmp_path: Path) -> CameraLayout:
    return CameraLayout(tmp_path, "cam1")


@pytest.mark.parametrize(
    ("video", "pattern", "options"),
    [
        pytest.param("h264", "%d.ts", ("-output_ts_offset", str(_TURN - 1.4 - 0.6)), id="ts-that-wraps"),
        pytest.param("hevc", "%d.mp4", _MP4, id="mp4"),
    ],
)
def test_a_true_recording_passes(
    ffmpeg_path: str, clip_of: ClipOf, layout: CameraLayout, video: str, pattern: str, options: Sequence[str]
) -> None:
    with RtspCamera(clip_of(video=video)) as camera:
        numbers = record(ffmpeg_path, camera, layout, pattern, *options)
        assert_times_true(layout, camera, tolerance=0.041)  # a frame and a millisecond, for the first frame
    assert_whole(layout, numbers)
    raw = [frame.pts for frame in recorded_frames(layout)]
    assert (raw != sorted(raw)) == (video == "h264")
    if video == "hevc":
        assert_fragments_valid(layout)
    with pytest.raises(AssertionError, match="1 frames are not recorded"):
        assert_whole(layout, [*numbers, numbers[-1] + 1])


def test_b_frames_have_the_times_at_which_they_are_shown(ffmpeg_path: str, clip_of: ClipOf, tmp_path: Path) -> None:
    layout = CameraLayout(tmp_path, "cam1")
    with RtspCamera(clip_of(bframes=True)) as camera:
        record(ffmpeg_path, camera, layout, "%d.ts", "-bsf:v", _REORDERED, "-output_ts_offset", "1")
        assert_times_true(layout, camera, tolerance=0.13)


def test_a_recording_that_exists_twice_is_not_whole(any_ffmpeg: str, clip_of: ClipOf, layout: CameraLayout) -> None:
    with RtspCamera(clip_of()) as camera:
        record(any_ffmpeg, camera, layout, "%d.ts")
    journal(layout, "0.ts", camera.started_at + 100)
    with pytest.raises(AssertionError, match="twice or out of order"):
        assert_whole(layout, [])
    with pytest.raises(AssertionError, match="absolute times are off"):
        assert_times_true(layout, camera)


def test_times_that_run_fast_are_found(any_ffmpeg: str, clip_of: ClipOf, layout: CameraLayout) -> None:
    with RtspCamera(clip_of(), clock_speed=1.05) as camera:
        record(any_ffmpeg, camera, layout, "%d.ts")
    with pytest.raises(AssertionError, match=r"are 0\.042 s apart"):
        assert_times_true(layout, camera)


def test_missing_fragments_are_found(any_ffmpeg: str, clip_of: ClipOf, layout: CameraLayout) -> None:
    with RtspCamera(clip_of(video="hevc")) as camera:
        record(any_ffmpeg, camera, layout, "%d.mp4", *_MP4)
    journal(layout, "0.mp4", camera.started_at + 100)
    with pytest.raises(AssertionError, match="1 fragments do not follow"):
        assert_fragments_valid(layout)


def test_a_frame_without_a_number_comes_from_garbage(any_ffmpeg: str, layout: CameraLayout) -> None:
    layout.day(_DAY).mkdir(parents=True)
    source = ["-f", "lavfi", "-i", "testsrc2=size=64x64:duration=0.2", "-c:v", "libx264"]
    command = [any_ffmpeg, "-loglevel", "error", "-nostdin", *source, str(layout.day(_DAY) / "0.ts")]
    subprocess.run(command, check=True, timeout=HANG)
    journal(layout, "0.ts", 0.0)
    with pytest.raises(AssertionError, match=r"a frame in 0\.ts has no number"):
        recorded_frames(layout)
    assert recorded_frames(layout, garbage=True) == []


@pytest.mark.parametrize(
    ("before", "after", "ticks"), [(10, 15, 5), (15, 10, -5), (2**33 - 2, 3, 5), (3, 2**33 - 2, -5)]
)
def test_times_on_both_sides_of_the_wrap_are_close(before: int, after: int, ticks: int) -> None:
    assert ticks_between(before, after) == ticks
