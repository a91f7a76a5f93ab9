"""Players present tokens and links in each way that exists, to a server that lets nobody in without one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Dict, List, Tuple

import httpx
import pytest

from cctv_cli.core.access.roles import Role
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.clock import SystemClock
from cctv_cli.core.ffmpeg.command import Ffmpeg
from tests.e2e.demo_server import played
from tests.e2e.site import MakeClip
from tests.support.ports import free_port
from tests.support.rtsp_camera import RtspCamera
from tests.support.waiting import HANG, wait_for

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.usefixtures("no_process_left"),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM"),
]
CAMERAS = """
[[cameras]]
id = "front"
name = "Front"
rtsp_url = "{}"
[server]
access = "token"
[stream]
segment_duration = 2
"""


def cctv(folder: Path, *arguments: str) -> List[str]:
    return [sys.executable, "-m", "cctv_cli", *arguments, "--config", str(folder / "cameras.toml")]


def link(folder: Path, url: str, *period: str) -> str:
    """The URL that `cctv link` makes."""
    command = cctv(folder, "link", "front", "--url", url, "--json", *period)
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=HANG, check=True)
    return str(json.loads(done.stdout)["url"])


def asked(url: str, token: str, method: str = "GET") -> Tuple[int, Any]:
    """The status and JSON of an answer; 0 while nothing listens."""
    try:
        answer = httpx.request(method, url, headers={"Authorization": f"Bearer {token}"}, timeout=HANG)
    except httpx.TransportError:
        return 0, None
    return answer.status_code, answer.json() if answer.headers["content-type"] == "application/json" else None


def test_each_way_to_present_a_token_plays_live_and_recorded(tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip) -> None:
    store = AccessStore(tmp_path / "hls")
    now = SystemClock().now()
    token = store.add("phone", Role.OPERATOR, ["front"], None, now).reveal()
    port = free_port()
    server = f"http://127.0.0.1:{port}"
    with RtspCamera(clip_of(audio="pcmu")) as camera, (tmp_path / "log.txt").open("wb") as log:
        (tmp_path / "cameras.toml").write_text(CAMERAS.format(camera.url))
        process = subprocess.Popen(
            [sys.executable, "-m", "cctv_cli", "--debug", "serve", "--host", "127.0.0.1", "--port", str(port)],
            cwd=tmp_path,
            env={**os.environ, "FFMPEG_PATH": ffmpeg.path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        live = "/stream/front/live.m3u8"
        wait_for(lambda: asked(server + live, token)[0] == 200, "the live stream")
        live_link = link(tmp_path, server)
        ways: Dict[str, Tuple[str, ...]] = {
            server + live: ("-headers", f"Authorization: Bearer {token}\r\n"),
            f"{server}{live}?": ("-headers", f"Cookie: cctv={token}\r\n"),
            f"{server}/t/{token}{live}": (),
            live_link: (),
        }
        for url, options in ways.items():
            assert played(ffmpeg, url, *options) == ["video", "audio"], url
        assert httpx.get(server + live, timeout=HANG).status_code == 401
        assert asked(f"{server}/cameras/front/stop", token, "POST")[0] == 202
        wait_for(lambda: (asked(f"{server}/recordings/front", token)[1] or {}).get("days"), "the recording")
        around = [datetime.fromtimestamp(now, timezone.utc) + timedelta(minutes=minutes) for minutes in (-5, 5)]
        period = link(tmp_path, server, "--from", around[0].isoformat(), "--to", around[1].isoformat())
        assert played(ffmpeg, period) == ["video", "audio"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANG) == 0
    text = (tmp_path / "log.txt").read_text()
    assert f"GET /t/***{live} 20" in text and "GET /t/***/recordings/front/" in text
    for secret in (token, *(url.split("/t/")[1].split("/")[0] for url in (live_link, period))):
        assert secret not in text
