"""A camera with a sub stream: the main stream is recorded, and both are live."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import httpx
import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.files import read_json
from cctv_cli.core.layout import CameraLayout
from tests.e2e.site import MakeClip
from tests.support.evidence import recorded_frames, segments
from tests.support.ports import free_port
from tests.support.rtsp_camera import RtspCamera
from tests.support.waiting import HANG, end_of, wait_for

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.usefixtures("no_process_left"),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL"),
]

MAIN, SUB = "/Streaming/Channels/101", "/Streaming/Channels/102"


@pytest.fixture
def camera(clip_of: MakeClip) -> Iterator[RtspCamera]:
    channels = {
        MAIN: clip_of(audio="pcmu", size="640x360", bit_rate="800k"),
        SUB: clip_of(video="hevc", audio=None, bit_rate="100k"),
    }
    with RtspCamera(channels[MAIN], path=MAIN, channels=channels) as camera:
        yield camera


@pytest.fixture
def url(tmp_path: Path, ffmpeg: Ffmpeg, camera: RtspCamera) -> Iterator[str]:
    """The camera's address at a running `cctv serve`."""
    config = f'[[cameras]]\nid = "cam1"\nname = "C"\nrtsp_url = "{camera.url}"\nsub_rtsp_url = "{camera.url_of(SUB)}"\n'
    (tmp_path / "cameras.toml").write_text(f"{config}[stream]\nsegment_duration = 2\n")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "cctv_cli", "serve", "--host", "127.0.0.1", "--port", str(port)],
        cwd=tmp_path,
        env={**os.environ, "FFMPEG_PATH": ffmpeg.path},
        stdin=subprocess.DEVNULL,
    )
    yield f"http://127.0.0.1:{port}/stream/cam1"
    process.send_signal(signal.SIGTERM)
    assert end_of(process) == 0


def fetched(url: str) -> str:
    try:
        return httpx.get(url, timeout=HANG).text
    except httpx.TransportError:
        return ""


def test_both_streams_are_offered_and_one_is_recorded(
    tmp_path: Path, ffmpeg: Ffmpeg, camera: RtspCamera, url: str
) -> None:
    wait_for(lambda: fetched(f"{url}/live.m3u8").count("STREAM-INF") == 2, "both streams")
    text = fetched(f"{url}/live.m3u8")
    found = re.findall(r'BANDWIDTH=(\d+),AVERAGE-BANDWIDTH=(\d+),CODECS="(.+)",RESOLUTION=(\S+)\n(\S+)', text)
    (sub, main) = found
    assert (sub[3:], main[3:]) == (("320x240", "sub/live.m3u8"), ("640x360", "main.m3u8"))
    assert sub[2].startswith("hvc1.1.")
    assert re.match(r"avc1\.\w{6},mp4a\.40\.2$", main[2])
    assert int(sub[0]) < int(main[0]) < 2_000_000
    assert int(sub[1]) <= int(sub[0])
    for variant, codec in ((sub[4], "hevc"), (main[4], "h264")):
        argv = [ffmpeg.path, "-i", f"{url}/{variant}", "-t", "2", "-f", "null", "-"]
        played = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HANG, check=True
        )
        assert f"Video: {codec}" in played.stderr


def test_trouble_of_the_sub_stream_does_not_affect_the_recording(
    tmp_path: Path, camera: RtspCamera, url: str, clip_of: MakeClip
) -> None:
    layout = CameraLayout(tmp_path / "hls", "cam1")
    sub = CameraLayout(tmp_path / "hls", "cam1", sub=True)
    wait_for(lambda: fetched(f"{url}/live.m3u8").count("STREAM-INF") == 2, "both streams")
    pid, run = read_json(sub.run_file)["pid"], read_json(layout.run_file)["run"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: read_json(sub.run_file).get("pid") not in (None, pid), "the sub stream again")
    assert read_json(layout.run_file)["run"] == run
    httpx.post(f"{url.replace('stream', 'cameras')}/stop", timeout=HANG)
    wait_for(lambda: read_json(sub.state_file).get("state") == "stopped", "both stopped")
    wait_for(lambda: json.loads(fetched(url.replace("stream", "cameras")))["state"] == "stopped", "both stopped")
    assert httpx.get(f"{url}/live.m3u8", timeout=HANG).status_code == 409
    numbers = [frame.number for frame in recorded_frames(layout)]
    assert numbers == sorted(set(numbers))
    assert len({entry.run for _, entry in segments(layout)}) == 1
