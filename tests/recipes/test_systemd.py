"""examples/systemd/: the units as systemd reads them, and under a real systemd: a restart costs no frame."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
import time
from pathlib import Path
from typing import Iterator

import psutil
import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.files import read_json
from cctv_cli.core.layout import CameraLayout
from tests.e2e.site import MakeClip, sent
from tests.recipes.cctv_command import assert_command
from tests.support.evidence import assert_whole, gaps
from tests.support.ports import free_port
from tests.support.rtsp_camera import RtspCamera
from tests.support.systemd import Systemd, why_unavailable
from tests.support.waiting import HANG, wait_for

RECIPES = Path(__file__).parent.parent.parent / "examples" / "systemd"
UNITS = ("cctv.service", "cctv-cleanup.service", "cctv-cleanup.timer")
COMMAND = "/opt/cctv/bin/cctv"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd is installed; apt install systemd")
def test_systemd_accepts_the_units_without_a_warning(tmp_path: Path) -> None:
    for unit in UNITS:
        text = (RECIPES / unit).read_text(encoding="utf-8")
        (tmp_path / unit).write_text(text.replace(COMMAND, "/bin/true"), encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / unit) for unit in UNITS)]
    checked = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HANG)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.parametrize("unit", ["cctv.service", "cctv-cleanup.service"])
def test_units_start_commands_that_exist(unit: str) -> None:
    lines = (RECIPES / unit).read_text(encoding="utf-8").splitlines()
    started = [line.split("=", 1)[1] for line in lines if line.startswith("ExecStart=")]
    assert len(started) == 1
    assert started[0].startswith(COMMAND + " ")
    assert_command(started[0][len(COMMAND) :])


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    """A systemd with the recipe's user and units; no unit is started."""
    reason = why_unavailable()
    if reason is not None:
        pytest.skip(reason)
    storage = tmp_path / "hls"
    storage.mkdir()
    running = Systemd(tmp_path / "systemd", storage)
    try:
        running.write("/etc/sysusers.d/cctv.conf", (RECIPES / "cctv.sysusers").read_text(encoding="utf-8"))
        running.run("systemd-sysusers")
        for unit in UNITS:
            running.write(f"/etc/systemd/system/{unit}", (RECIPES / unit).read_text(encoding="utf-8"))
        running.run("systemctl", "daemon-reload")
        yield running
    finally:
        running.end()


def configure(systemd: Systemd, ffmpeg: Ffmpeg, camera: RtspCamera, name: str = "Camera 1") -> None:
    ffmpeg_inside = ffmpeg.path.replace(sysconfig.get_path("purelib"), "/opt/cctv/site")
    systemd.write(
        "/etc/cctv/cameras.toml",
        f'server.host = "127.0.0.1"\nserver.port = {free_port()}\nffmpeg.path = "{ffmpeg_inside}"\n'
        f'stream.segment_duration = 2\n[[cameras]]\nid = "cam1"\nname = "{name}"\nrtsp_url = "{camera.url}"\n',
    )


def wait_state(layout: CameraLayout, state: str) -> None:
    wait_for(lambda: read_json(layout.state_file).get("state") == state, f"state {state}")


def ffmpegs(layout: CameraLayout) -> set[int]:
    """The process ids, outside systemd's namespace, of the camera's FFmpegs."""
    found = set()
    for process in psutil.process_iter(["name", "cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        if "ffmpeg" in words and str(read_json(layout.run_file).get("run")) in words:
            found.add(process.pid)
    return found


def adoptions(systemd: Systemd) -> int:
    return systemd.journal("cctv").count("adopted FFmpeg")


@pytest.mark.e2e
def test_a_restart_of_the_service_costs_no_frame(
    systemd: Systemd, tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip
) -> None:
    layout = CameraLayout(tmp_path / "hls", "cam1")
    with RtspCamera(clip_of(audio="pcmu")) as camera:
        configure(systemd, ffmpeg, camera)
        systemd.run("systemctl", "start", "cctv")
        wait_state(layout, "running")
        before = ffmpegs(layout)
        main_pid = systemd.show("cctv", "MainPID")
        assert len(before) == 1

        systemd.run("systemctl", "restart", "cctv")
        assert systemd.show("cctv", "MainPID") != main_pid
        wait_for(lambda: adoptions(systemd) == 1, "the adoption after the restart")
        assert ffmpegs(layout) == before

        configure(systemd, ffmpeg, camera, name="Another name")
        systemd.run("systemctl", "reload", "cctv")
        wait_for(lambda: "the configuration was reloaded" in systemd.journal("cctv"), "the reload")
        assert ffmpegs(layout) == before

        systemd.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "cctv")
        wait_for(lambda: adoptions(systemd) == 2, "the adoption after a crash")
        assert ffmpegs(layout) == before

        stopped_at = time.time()
        systemd.run("systemctl", "stop", "cctv")
        assert ffmpegs(layout) == set()
        assert systemd.show("cctv", "Result") == "success"
        assert_whole(layout, sent(camera, stopped_at))
        assert gaps(layout) == []
        assert len([c for c in camera.connections if "PLAY" in c.methods]) == 1
    owner = systemd.run("id", "-u", "cctv")[1]
    assert {str(path.stat().st_uid) for path in layout.folder.rglob("*")} == {owner}
