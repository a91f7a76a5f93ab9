"""SIGHUP to a real `cctv serve` with real cameras: cameras that did not change are not touched."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator

import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.files import read_json
from cctv_cli.core.layout import CameraLayout
from tests.cli.conftest import command, environment
from tests.e2e.site import MakeClip, sent
from tests.support.evidence import assert_explained, assert_whole
from tests.support.ports import free_port
from tests.support.rtsp_camera import RtspCamera
from tests.support.waiting import HANG, end_of, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")]

SECOND = "/Streaming/Channels/201"


class Site:
    """`cctv serve` in a folder, with the cameras of a file."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self._folder = folder
        self._url = f"http://127.0.0.1:{port}"

    def layout(self, camera_id: str) -> CameraLayout:
        return CameraLayout(self._folder / "hls", camera_id)

    def pid(self, camera_id: str) -> int:
        return int(read_json(self.layout(camera_id).run_file).get("pid") or 0)

    def log(self) -> str:
        return (self._folder / "err.txt").read_text()

    def configure(self, text: str) -> None:
        """Write the configuration and make the server read it."""
        (self._folder / "cameras.toml").write_text(text)
        self.process.send_signal(signal.SIGHUP)

    def states(self) -> Dict[str, str]:
        try:
            with urllib.request.urlopen(f"{self._url}/cameras", timeout=HANG) as response:
                return {camera["id"]: camera["state"] for camera in json.load(response)}
        except OSError:
            return {}

    def wait_running(self, *camera_ids: str) -> None:
        running = dict.fromkeys(camera_ids, "running")
        wait_for(lambda: self.states() == running, f"{', '.join(camera_ids)} to be running")


@contextmanager
def serving(folder: Path, ffmpeg: Ffmpeg, text: str) -> Iterator[Site]:
    (folder / "cameras.toml").write_text(text)
    port = free_port()
    arguments = command("serve", "--host", "127.0.0.1", "--port", port)
    variables = environment(FFMPEG_PATH=ffmpeg.path, HLS_SEGMENT_DURATION="2")
    with (folder / "err.txt").open("wb") as err, subprocess.Popen(
        arguments, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err
    ) as process:
        try:
            yield Site(folder, process, port)
        finally:
            process.kill()


def toml(**urls: str) -> str:
    return "".join(f'[[cameras]]\nid = "{name}"\nrtsp_url = "{url}"\n\n' for name, url in urls.items())


def test_sighup_touches_only_what_changed(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    clip = clip_of(audio=None)
    with RtspCamera(clip) as one, RtspCamera(clip) as two, RtspCamera(clip, channels={SECOND: clip}) as other:
        kept = {"front": one.url, "yard": two.url}
        first, second = other.url, other.url.replace("/Streaming/Channels/101", SECOND)
        assert first != second
        with serving(tmp_path, ffmpeg, toml(**kept, moved=first, gone=first)) as site:
            site.wait_running("front", "yard", "moved", "gone")
            pids = {name: site.pid(name) for name in ("front", "yard", "moved")}

            site.configure(toml(**kept, moved=second, new="http://not.rtsp/"))
            wait_for(lambda: "the configuration is unchanged" in site.log(), "the refusal")
            site.wait_running("front", "yard", "moved", "gone")
            assert {name: site.pid(name) for name in pids} == pids

            site.configure(toml(**kept, moved=second, new=second))
            site.wait_running("front", "yard", "moved", "new")
            wait_for(lambda: read_json(site.layout("gone").state_file)["state"] == "stopped", "the removed one")
            wait_for(lambda: site.pid("moved") not in (0, pids["moved"]), "a new FFmpeg of the changed one")
            assert [site.pid(name) for name in kept] == [pids[name] for name in kept]

            for camera in (one, two):
                wait_for_frames(camera, 50)
            until = time.time()
            site.process.send_signal(signal.SIGTERM)
            assert end_of(site.process) == 0
            for name, camera in (("front", one), ("yard", two)):
                assert_whole(site.layout(name), sent(camera, until))
                assert_explained(site.layout(name), until)
            assert "Traceback" not in site.log()


def wait_for_frames(camera: RtspCamera, count: int) -> None:
    """Wait until the camera has sent so many more frames."""
    before = len(camera.ledger)
    wait_for(lambda: len(camera.ledger) > before + count, "more frames")
