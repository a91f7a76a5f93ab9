"""A camera with `audio = false`: no sound is requested, recorded or streamed, of either stream."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cctv_cli.core.clock import SystemClock
from cctv_cli.core.config.rtsp_url import parse_rtsp_url
from cctv_cli.core.config.settings import Camera, Settings
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.files import read_json
from cctv_cli.core.health.camera_check import check_streams, streams_of
from cctv_cli.core.layout import CameraLayout, login_files
from cctv_cli.core.recording.status import StatusReader
from cctv_cli.core.recording.supervisor import Supervisor
from cctv_cli.core.recording.tools import Tools
from cctv_cli.core.rtsp.login_guard import LoginGuard
from tests.e2e.site import AAC, CUT, MakeClip
from tests.support.camera_sdp import SOUND, VIDEO
from tests.support.evidence import segments
from tests.support.rtsp_camera import RtspCamera
from tests.support.ts_frames import audio_stream_type
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("no_process_left")]

MAIN, SUB = "/Streaming/Channels/101", "/Streaming/Channels/102"


@pytest.mark.parametrize(("main", "sub"), [("pcmu", "aac"), ("aac", None)])
def test_no_sound_is_requested_until_it_is_wanted(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, main: str, sub: str
) -> None:
    channels = {MAIN: clip_of(audio=main), SUB: clip_of(audio=sub, bit_rate="100k")}
    storage = tmp_path / "hls"
    layout, of_sub = CameraLayout(storage, "cam1"), CameraLayout(storage, "cam1", sub=True)

    with RtspCamera(channels[MAIN], path=MAIN, channels=channels) as device:
        urls = parse_rtsp_url(device.url), parse_rtsp_url(device.url_of(SUB))
        camera = Camera("cam1", "Gate", urls[0], sub_source=urls[1], audio=False)
        settings = Settings(cameras=(camera,), storage=storage, segment_duration=2)
        for stream in streams_of(camera, StatusReader(settings, None).read_one(camera, 0.0)):
            (check,) = check_streams([stream], LoginGuard(*login_files(storage), SystemClock()), again=False)
            assert check.fine
            assert ("which audio = false leaves out" in check.found.reason) == (check.found.audio is not None)

        def supervise(wanted: Settings, recordings: int) -> None:
            supervisor = Supervisor(wanted, Tools(ffmpeg, None, SystemClock(), recording_seconds=CUT), whole=True)
            supervisor.start()
            try:
                wait_for(lambda: len(segments(layout)) >= recordings, "recordings")
                wait_for(lambda: read_json(of_sub.state_file).get("state") == "running", "the sub stream")
                wait_for(lambda: len(list(of_sub.live.glob("*.ts"))) > 1, "live segments of the sub stream")
            finally:
                supervisor.stop(leave_running=False)

        supervise(settings, 2)
        files = [layout.day(day) / entry.file for day, entry in segments(layout)]
        assert {audio_stream_type(path) for path in files} == {None}
        assert {audio_stream_type(path) for one in (layout, of_sub) for path in one.live.glob("*.ts")} == {None}
        asked = [track for connection in device.connections for track in connection.tracks]
        assert set(asked) == {VIDEO}
        status = StatusReader(settings, None).read_one(camera, 0.0)
        assert (status.audio, status.audio_enabled) == ("", False)

        supervise(replace(settings, cameras=(replace(camera, audio=True),)), len(files) + 2)
        assert SOUND in [track for connection in device.connections for track in connection.tracks]
        newer = [layout.day(day) / entry.file for day, entry in segments(layout)][len(files) :]
        assert {audio_stream_type(path) for path in newer} == {AAC}
