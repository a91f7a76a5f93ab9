"""What is known about a camera's stream, and how its audio is written, as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

import pytest

from cctv_cli.core.clock import SystemClock
from cctv_cli.core.config.settings import Camera, DemoSource, RtspSource
from cctv_cli.core.ffmpeg.command import AudioOutput
from cctv_cli.core.recording.login import CameraLogin
from cctv_cli.core.recording.stall import RAN_AWAY
from cctv_cli.core.recording.state import Run
from cctv_cli.core.recording.stream import CameraStream, Stream, stream_of
from cctv_cli.core.rtsp.result import Outcome, ProbeResult
from cctv_cli.core.rtsp.sdp import AudioStream, VideoStream

ENCODED, COPIED, SILENCE, NONE = AudioOutput.ENCODED, AudioOutput.COPIED, AudioOutput.SILENCE, AudioOutput.NONE
CAMERA = Camera("cam1", "Gate", RtspSource("192.168.1.100", 554, "/101"))


NOW = 1_800_000_000.0
FAULTY_SUB = Stream("h264", "aac", SILENCE, fault="odd")


def found(video: Optional[str], audio: Optional[str] = None, fault: str = "", place: int = 0) -> ProbeResult:
    return ProbeResult(
        Outcome.OK,
        "",
        video=VideoStream(video) if video else None,
        audio=AudioStream(audio, fault=fault, place=place) if audio else None,
    )


def run(codec: str, audio: str = "") -> Run:
    return Run("0123456789abcdef", "", 0.0, 0, codec=codec, audio=audio)


@pytest.mark.parametrize(
    ("probe", "last", "main_audio", "expected", "has_audio"),
    [
        pytest.param(found("hevc"), run("h264", "aac"), None, Stream("hevc", "", ENCODED), False, id="probed"),
        pytest.param(
            found(None), run("hevc", "aac"), None, Stream("hevc", "aac", COPIED), True, id="from the last run"
        ),
        pytest.param(None, None, None, Stream("", "", ENCODED), False, id="unknown"),
        pytest.param(None, run("x" * 20_000), None, Stream("", "", ENCODED), False, id="from a damaged file"),
        pytest.param(found("h264", "pcmu"), None, None, Stream("h264", "pcmu", ENCODED), True, id="G.711"),
        pytest.param(found("h264", "g7221"), None, None, Stream("h264", "g7221", NONE), False, id="unsupported"),
        pytest.param(
            found("h264", "aac", "odd"), None, None, Stream("h264", "aac", NONE, fault="odd"), False, id="a fault"
        ),
        pytest.param(found("h264", "aac", "odd"), None, "aac", FAULTY_SUB, True, id="a sub stream with a fault"),
        pytest.param(found("h264", "pcmu", place=1), None, None, Stream("h264", "pcmu", ENCODED, 1), True, id="second"),
        pytest.param(found("h264"), None, "aac", Stream("h264", "", SILENCE), True, id="a sub stream without"),
        pytest.param(found("h264", "aac"), None, "", Stream("h264", "aac", NONE), False, id="its main without"),
        pytest.param(found("h264", "aac"), None, "pcmu", Stream("h264", "aac", COPIED), True, id="both have"),
    ],
)
def test_stream_of(
    probe: Optional[ProbeResult], last: Optional[Run], main_audio: Optional[str], expected: Stream, has_audio: bool
) -> None:
    stream = stream_of(CAMERA, probe, last, main_audio)
    assert stream == expected
    assert stream.has_audio == has_audio


@pytest.mark.parametrize("main_audio", [None, "", "aac"])
@pytest.mark.parametrize("audio", ["aac", "pcmu", "g7221", ""])
def test_a_camera_with_audio_off_has_none(audio: str, main_audio: Optional[str]) -> None:
    silent = replace(CAMERA, audio=False)
    stream = stream_of(silent, found("h264", audio or None), run("h264", "aac"), main_audio)
    assert (stream, stream.has_audio) == (Stream("h264", "", NONE), False)
    assert stream_of(silent, None, run("h264", "aac"), main_audio) == Stream("h264", "", NONE)


@pytest.mark.parametrize(("tone", "audio"), [(True, "aac"), (False, "")])
def test_a_demo_camera_needs_no_probe(tone: bool, audio: str) -> None:
    camera = Camera("demo", "Demo", DemoSource(tone=tone))
    assert stream_of(camera, None, run("hevc", "pcmu")) == Stream("h264", audio, ENCODED)


def test_audio_that_failed_is_left_out_and_a_run_remembers_it() -> None:
    distrusted = stream_of(CAMERA, found("h264", "aac"), None, distrusted="it failed")
    assert distrusted == Stream("h264", "aac", NONE, fault="it failed")
    remembered = replace(run("h264", "aac"), audio_left_out=True, audio_fault="it failed")
    assert stream_of(CAMERA, None, remembered) == distrusted


def test_once_audio_is_left_out_the_clock_is_suspected() -> None:
    stream = CameraStream(CAMERA, lambda *_, **__: found("h264", "aac"), CameraLogin(None, SystemClock()), None)
    stream.last_run = run("h264", "aac")
    for _ in range(2):
        stream.run_failed(RAN_AWAY, 30.0, NOW)
    assert (stream.trust.fault != "", stream.clock_trust.fault) == (True, "")
    stream.last_run = replace(stream.last_run, audio_left_out=True)
    for _ in range(2):
        stream.run_failed(RAN_AWAY, 90.0, NOW)
    assert stream.clock_trust.fault
