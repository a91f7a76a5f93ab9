"""Health of a real recording: the facts while it runs, and after its FFmpeg was killed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.recording.state import State
from cctv_cli.core.runtime import Runtime
from tests.e2e.site import MakeClip, Site
from tests.support.rtsp_camera import RtspCamera
from tests.support.waiting import wait_for

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("video", ["h264", "hevc"])
def test_facts_of_a_recording_and_of_a_killed_ffmpeg(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, video: str, no_process_left: None
) -> None:
    with RtspCamera(clip_of(video=video, gop=50, seconds=4)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        try:
            site.wait_recordings(1)
            wait_for(lambda: site.layout.live_playlist.is_file(), "a live playlist")
            report = Runtime(site.settings).health()
            (front,) = report.facts.cameras
            assert (front.state, front.supervised, front.codec) == (State.RUNNING, True, video)
            assert (front.width, front.height) == (320, 240)
            assert front.frame_rate == pytest.approx(25.0, abs=0.5)
            assert front.gop == pytest.approx(2.0, abs=0.05)
            assert front.last_hour.recorded > 1
            assert front.last_hour.missing < 1
            (process,) = report.facts.processes
            assert (process.pid, process.restarts, process.last_exit) == (site.pid(), 0, "")
            assert process.memory is not None and process.memory > 10_000_000
            assert "camera_not_recording" not in {finding.name for finding in report.findings}

            killed = site.kill_ffmpeg()
            site.wait_new_pid(killed)
            site.wait_state(State.RUNNING)
            (process,) = Runtime(site.settings).health().facts.processes
            assert process.pid not in (None, killed)
            assert process.restarts == 1
            assert process.last_exit and process.last_exit_at is not None
            assert json.loads(site.layout.state_file.read_text())["last_exit"] == process.last_exit
        finally:
            site.stop()
