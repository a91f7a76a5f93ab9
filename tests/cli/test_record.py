from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

from cctv_cli.core.config.settings import Camera, DemoSource, Settings
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.runtime import Runtime
from tests.cli.conftest import PASSWORD, command, environment, run_process
from tests.support.waiting import HANG, end_of, wait_for

DISABLED = {
    "CAMERA_1_ID": "front",
    "CAMERA_1_RTSP_URL": f"rtsp://a:{PASSWORD}@127.0.0.1:9/1",
    "CAMERA_1_ENABLED": "false",
}


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine that refuses connections and that no other program can use."""
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        yield nobody_listens.getsockname()[1]


def test_it_ends_after_its_time_with_the_last_states_as_json(tmp_path: Path, closed_port: int) -> None:
    variables = {"CAMERA_1_ID": "front", "CAMERA_1_RTSP_URL": f"rtsp://admin:{PASSWORD}@127.0.0.1:{closed_port}/1"}
    result = run_process("record", "--for", "1s", "--json", cwd=tmp_path, **variables)
    assert result.code == 0
    (camera,) = json.loads(result.out)
    assert camera["id"] == "front"
    assert camera["restarts"] == 0  # no FFmpeg was started
    assert "refuses the connection" in result.err
    assert "Traceback" not in result.err
    assert PASSWORD not in result.out + result.err
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert tmp_path / "hls" / "front" / ".state.json" in written
    assert all(PASSWORD not in path.read_text() for path in written)
    # the last states while it ran, not those after it ended
    assert (camera["state"], camera["supervisor_pid"]) != ("stopped", None)


def test_the_same_camera_named_twice_is_recorded_once(tmp_path: Path) -> None:
    result = run_process("record", "front", "front", "--for", "1s", "--json", cwd=tmp_path, **DISABLED)
    assert "is already supervised by process" not in result.err
    assert result.code == 0
    assert [camera["id"] for camera in json.loads(result.out)] == ["front"]


def test_a_second_supervisor_names_the_first_ones_process(tmp_path: Path) -> None:
    camera = Camera("front", "Front", DemoSource(tone=False), enabled=False)
    first = Runtime(Settings(cameras=(camera,), storage=tmp_path / "hls"))
    first.start(ffmpeg=Ffmpeg("ffmpeg", "9.0", 9, frozenset()))
    try:
        result = run_process("record", cwd=tmp_path, **DISABLED)
    finally:
        first.stop()
    assert (result.code, result.out) == (5, "")
    errors = [line for line in result.err.splitlines() if line.startswith("Error: ")]
    assert errors == [
        f"Error: Camera front is already supervised by process {os.getpid()}; stop that cctv serve or cctv record first"
    ]
    assert "Traceback" not in result.err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send these signals")
def test_a_signal_ends_the_wait_for_the_next_picture_of_the_table() -> None:
    code = f"from cctv_cli.cli.signals import Signals; s = Signals(); s.install(); print(flush=True); s.wait({HANG})"
    with subprocess.Popen([sys.executable, "-c", f"{code}; print(s.ended)"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=HANG / 2)[0] == b"True\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send these signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_a_signal_ends_it_cleanly(tmp_path: Path, name: str) -> None:
    state = tmp_path / "hls" / "front" / ".state.json"
    with subprocess.Popen(
        command("record"),
        cwd=tmp_path,
        env=environment(**DISABLED),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            wait_for(state.exists, "the camera's state")
            process.send_signal(getattr(signal, name))
            out, err = process.communicate(timeout=HANG)
        finally:
            process.kill()
    assert (process.returncode, out) == (0, b"")
    assert b"Traceback" not in err
    assert not (state.parent / ".supervisor").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Python has no pseudo-terminals on Windows")
def test_a_terminal_gets_a_live_table(tmp_path: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command("record", "--for", "1s"),
        cwd=tmp_path,
        env=environment(**DISABLED, TERM="xterm", COLUMNS="160", LINES="40"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while True:
                shown += os.read(ours, 65536)
        except OSError:  # EIO: the other end of the pseudo-terminal was closed
            pass
        finally:
            os.close(ours)
            process.kill()
    for title in (b"Camera", b"State", b"Reason", b"front", b"stopped", b"the camera is disabled in the configuration"):
        assert title in shown
    assert b"Traceback" not in shown


@pytest.mark.skipif(sys.platform == "win32", reason="Python has no pseudo-terminals on Windows")
def test_it_continues_to_record_when_its_terminal_is_closed(tmp_path: Path) -> None:
    import pty

    def configure(*names: str) -> None:
        camera = '[[cameras]]\nid = "{}"\nrtsp_url = "rtsp://127.0.0.1:9/1"\nenabled = false\n'
        (tmp_path / "cameras.toml").write_text("".join(map(camera.format, names)), encoding="utf-8")

    configure("front")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command("record"),
        cwd=tmp_path,
        env=environment(TERM="xterm", COLUMNS="160", LINES="40", FORCE_COLOR="1"),  # so it keeps to the table
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        try:
            os.close(theirs)
            shown = b""
            while b"Reason" not in shown:
                shown += os.read(ours, 65536)
            os.close(ours)
            # a reload comes before the table is shown: the second one, only when the first look without a terminal
            # did not end it
            for names in (("front", "yard"), ("front", "yard", "gate")):
                configure(*names)
                process.send_signal(signal.SIGHUP)
                wait_for((tmp_path / "hls" / names[-1] / ".state.json").exists, f"{names[-1]} to be supervised")
            process.send_signal(signal.SIGTERM)
            end_of(process)
        finally:
            process.kill()
    assert not (tmp_path / "hls" / "front" / ".supervisor").exists()
