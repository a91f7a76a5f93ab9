"""`cctv serve` as users run it: a process, HTTP, real FFmpegs, signals."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

import httpx
import psutil
import pytest

from cctv_cli.core.clock import SystemClock
from cctv_cli.core.config.rtsp_url import parse_rtsp_url
from cctv_cli.core.config.settings import Camera, Settings
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.files import read_json
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording.supervisor import Supervisor
from cctv_cli.core.recording.tools import Tools
from tests.e2e.demo_server import DemoServer, played
from tests.support.clip import make_clip
from tests.support.evidence import assert_whole, segments
from tests.support.ports import free_port
from tests.support.rtsp_camera import RtspCamera
from tests.support.waiting import HANG, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGUSR1")]


@pytest.fixture
def server(tmp_path: Path, ffmpeg: Ffmpeg) -> Iterator[DemoServer]:
    """A running demo; ended, with its FFmpegs, after the test."""
    with DemoServer(tmp_path / "hls", ffmpeg) as running:
        yield running


def test_the_demo_plays_live_and_recorded(server: DemoServer, ffmpeg: Ffmpeg) -> None:
    wait_for(lambda: server.answers("/stream/demo_tone/live.m3u8"), "the live stream")
    assert played(ffmpeg, server.url + "/stream/demo_tone/live.m3u8") == ["video", "audio"]
    wait_for(lambda: server.answers("/stream/demo_silent/live.m3u8"), "the live stream without sound")
    assert played(ffmpeg, server.url + "/stream/demo_silent/live.m3u8") == ["video"]
    assert [camera["id"] for camera in server.get("/cameras").json()] == ["demo_tone", "demo_silent"]
    response = httpx.post(server.url + "/cameras/demo_tone/stop", timeout=HANG)
    assert response.status_code == 202
    wait_for(lambda: server.answers("/stream/demo_tone/live.m3u8", 409), "the stop")
    wait_for(lambda: days(server), "the recording")
    hour = days(server)[0]["hours"][0]
    assert played(ffmpeg, server.url + hour["playlist_url"]) == ["video", "audio"]
    text = server.get(hour["playlist_url"]).text
    assert "#EXT-X-PROGRAM-DATE-TIME:" in text
    assert text.endswith("#EXT-X-ENDLIST\n")
    assert "Traceback" not in server.end()


def days(server: DemoServer) -> List[Dict[str, Any]]:
    found: List[Dict[str, Any]] = server.get("/recordings/demo_tone").json()["days"]
    return found


def test_a_stop_lasts_across_a_restart_of_the_server(server: DemoServer) -> None:
    wait_for(lambda: server.answers("/stream/demo_tone/live.m3u8"), "the live stream")
    httpx.post(server.url + "/cameras/demo_tone/stop", timeout=HANG)
    wait_for(lambda: state(server, "demo_tone") == "stopped", "the stop")
    server.end()
    server.again()
    wait_for(lambda: server.answers("/stream/demo_silent/live.m3u8"), "the other camera")
    assert server.get("/stream/demo_tone/live.m3u8").status_code == 409
    assert httpx.post(server.url + "/cameras/demo_tone/start", timeout=HANG).status_code == 202
    wait_for(lambda: state(server, "demo_tone") == "running", "the start")
    server.end()


def state(server: DemoServer, camera_id: str) -> str:
    return str(server.get(f"/cameras/{camera_id}").json()["state"])


def test_a_second_server_names_the_first(server: DemoServer) -> None:
    wait_for(lambda: server.answers("/cameras"), "the server")
    second = subprocess.run(
        [sys.executable, "-m", "cctv_cli", "serve", "--demo", "--port", str(free_port()), "--storage", server.storage],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert second.returncode == 5
    assert str(server.process.pid) in second.stderr
    assert "Traceback" not in second.stderr
    server.end()


def test_an_upgrade_keeps_the_recorders(server: DemoServer) -> None:
    wait_for(lambda: server.answers("/stream/demo_tone/live.m3u8"), "the live stream")
    pids = recorder_pids(server)
    server.end(signal.SIGUSR1)
    assert all(runs(pid) for pid in pids)
    server.again()
    wait_for(lambda: server.answers("/cameras"), "the server")
    wait_for(lambda: state(server, "demo_tone") == "running", "the adoption")
    assert recorder_pids(server) == pids
    server.end()
    assert not any(runs(pid) for pid in pids)


def runs(pid: int) -> bool:
    """Whether a process is alive; a zombie is not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def recorder_pids(server: DemoServer) -> List[int]:
    return [
        int(json.loads((server.storage / camera / ".run.json").read_text())["pid"])
        for camera in ("demo_tone", "demo_silent")
    ]


def test_reload_touches_only_what_changed(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    clip = make_clip(ffmpeg.path, tmp_path, audio=None)
    with RtspCamera(clip) as one, RtspCamera(clip) as two:
        same = Camera("same", "Same", parse_rtsp_url(one.url))
        gone = Camera("gone", "Gone", parse_rtsp_url(two.url))
        new = Camera("new", "New", parse_rtsp_url(two.url))
        before = Settings(cameras=(same, gone), storage=tmp_path / "hls", segment_duration=2)
        after = Settings(cameras=(same, new), storage=tmp_path / "hls", segment_duration=2)
        supervisor = Supervisor(before, Tools(ffmpeg, None, SystemClock(), recording_seconds=4), whole=True)
        supervisor.start()
        wait_state(before, "same", "running")
        wait_state(before, "gone", "running")
        pid = read_json(layout(before, "same").run_file)["pid"]
        supervisor.reload(after)
        wait_state(after, "new", "running")
        wait_state(after, "gone", "stopped")
        assert read_json(layout(after, "same").run_file)["pid"] == pid
        wait_for(lambda: len(segments(layout(after, "same"))) >= 2, "recordings")
        frames = [frame.number for frame in one.ledger][:-25]
        supervisor.stop(leave_running=False)
        assert_whole(layout(after, "same"), frames)


def layout(settings: Settings, camera_id: str) -> CameraLayout:
    return CameraLayout(settings.storage, camera_id)


def wait_state(settings: Settings, camera_id: str, wanted: str) -> None:
    path = layout(settings, camera_id).state_file
    wait_for(lambda: read_json(path).get("state") == wanted, f"{camera_id} to be {wanted}")
