"""No password and no token lies around, in any form, whatever happens: not in processes, files, logs or answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, Iterator, List
from urllib.parse import quote

import httpx
import psutil
import pytest

from cctv_cli.core.access.links import Link, sign
from cctv_cli.core.access.roles import Role
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.files import read_json
from tests.e2e.site import MakeClip
from tests.support.ports import free_port
from tests.support.rtsp_camera import RtspCamera
from tests.support.rtsp_login import REALM
from tests.support.secret_forms import forms, login_forms
from tests.support.waiting import HANG, end_of, wait_for

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.usefixtures("no_process_left"),
    pytest.mark.skipif(sys.platform != "linux", reason="searches /proc"),
]

GOOD, WRONG, ASKED, HOOK = "Gut&s3cr:t/@#%'\"ü", "Fals+ch s3cr?t=\\$x", "Fr4ge_nach_dem_Weg", "H4ken-geheim-9"
GUESS = "geraten-0123456789-ABCDEFGHIJKLMN"  # longer than a token
CONFIGURATION = """
[alerts]
after = "1s"
webhooks = ["http://127.0.0.1:{port}/hook/{hook}?key={hook}"]

[[cameras]]
id = "good"
rtsp_url = "rtsp://127.0.0.1:{camera}/Streaming/Channels/101"
username = "admin"
password = {good}

[[cameras]]
id = "wrong"
rtsp_url = "rtsp://guest:{wrong}@127.0.0.1:{other}/Streaming/Channels/101"

[[cameras]]
id = "asked"
rtsp_url = "rtsp://127.0.0.1:{camera}/0/{asked}/main?authbasic={asked}&psw={asked}"
username = "admin"
password = {good}
"""


class Haystack:
    """Everything that was seen, searched for secrets at the end."""

    def __init__(self) -> None:
        self.needles: Dict[bytes, str] = {}
        self.seen: Dict[str, bytes] = {}

    def hide(self, name: str, found: Dict[bytes, str]) -> None:
        """Search for a secret in these forms."""
        self.needles.update({data: f"{name}, {form}" for data, form in found.items()})

    def answer(self, answer: httpx.Response) -> httpx.Response:
        """Add an answer with its headers."""
        head = "".join(f"{name}: {text}\n" for name, text in answer.headers.items() if name != "set-cookie")
        key = f"answer {len(self.seen)} to {answer.request.method} {answer.request.url}"
        self.seen[key] = head.encode() + answer.content
        return answer

    def process(self, process: psutil.Process) -> None:
        """Add a process's command line and environment."""
        for name in ("cmdline", "environ"):
            with suppress(OSError):  # it has ended
                self.seen[f"{name} of process {process.pid}"] = Path(f"/proc/{process.pid}/{name}").read_bytes()

    def folder(self, folder: Path) -> None:
        """Add all files below a folder, and their names."""
        for path in folder.rglob("*"):
            self.seen[f"name of {path}"] = os.fsencode(path.name)
            if path.is_file():
                self.seen[f"file {path}"] = path.read_bytes()

    def found(self) -> List[str]:
        """Where secrets are."""
        return [
            f"{secret} in {place}"
            for place, data in self.seen.items()
            for needle, secret in self.needles.items()
            if needle in data
        ]


class Recorder:
    """`cctv` in a folder, with a configuration beside it."""

    def __init__(self, folder: Path, ffmpeg: Ffmpeg, configuration: str) -> None:
        self.storage, self.log = folder / "hls", folder / "cctv.log"
        self._configuration = folder / "config" / "cameras.toml"
        self._configuration.parent.mkdir()
        self._configuration.write_text(configuration, encoding="utf-8")
        self._configuration.chmod(0o600)
        self._environ = {**os.environ, "FFMPEG_PATH": ffmpeg.path, "LOG_FILE": str(self.log)}
        self._options = ["--config", str(self._configuration), "--storage", str(self.storage)]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end."""
        return subprocess.run([*self._command(*arguments)], capture_output=True, timeout=HANG, **self._how())

    def serve(self, port: int) -> subprocess.Popen[bytes]:
        """Start a server that may leave core files."""
        command = ["bash", "-c", 'ulimit -c unlimited; exec "$@"', "bash"]
        command += self._command("serve", "--port", str(port), before=("--debug",))
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._how())

    def _command(self, *arguments: str, before: Any = ()) -> List[str]:
        return [sys.executable, "-m", "cctv_cli", *before, *arguments, *self._options]

    def _how(self) -> Dict[str, Any]:
        return {"cwd": self.storage.parent, "env": self._environ, "stdin": subprocess.DEVNULL}


@pytest.fixture
def cameras(clip_of: MakeClip) -> Iterator[List[RtspCamera]]:
    """One camera with the right password, and one with another."""
    clip = clip_of()
    with RtspCamera(clip, username="admin", password=GOOD) as good, RtspCamera(clip, username="guest") as other:
        yield [good, other]


def test_no_secret_lies_around(tmp_path: Path, ffmpeg: Ffmpeg, cameras: List[RtspCamera]) -> None:
    port, hay = free_port(), Haystack()
    for user, secret in (("admin", GOOD), ("guest", WRONG)):
        hay.hide(f"the password of {user}", {**forms(secret), **login_forms(user, secret, REALM)})
    for name, secret in (("the URL's parameter", ASKED), ("the webhook's key", HOOK), ("the guess", GUESS)):
        hay.hide(name, forms(secret))
    good, other = cameras
    recorder = Recorder(
        tmp_path,
        ffmpeg,
        CONFIGURATION.format(
            port=free_port(),
            hook=HOOK,
            camera=good.port,
            other=other.port,
            good="'''" + GOOD + "'''",
            wrong=quote(WRONG, safe=""),
            asked=ASKED,
        ),
    )
    store = AccessStore(recorder.storage)
    secret = store.add("me", Role.OPERATOR, None, None, 0.0).reveal()
    signed = sign(Link("good", time.time() + 3600), store.make_link_key()).reveal()
    hay.hide("the token", forms(secret))
    hay.hide("the link", forms(signed))

    server = recorder.serve(port)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: shows(recorder, "good", "running"), "the good camera", shown=lambda: states(recorder))
        wait_for(lambda: shows(recorder, "wrong", "auth_failed"), "the refusal", shown=lambda: states(recorder))
        wait_for(lambda: shows(recorder, "asked", "backoff"), "the failure", shown=lambda: states(recorder))
        ask_for_everything(hay, url, secret, signed)
        children = psutil.Process(server.pid).children(recursive=True)
        assert any("ffmpeg" in child.name() for child in children)
        for process in [psutil.Process(server.pid), *children]:
            hay.process(process)
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.send_signal(signal.SIGSEGV)  # it would leave a core file
        wait_for(lambda: not any(child.is_running() for child in children), "the crash of FFmpeg")
        for command in (("config",), ("health", "--test-alert"), ("cameras", "check")):
            done = recorder.run(*command)
            hay.seen[f"output of {command}"] = done.stdout + done.stderr
        server.send_signal(signal.SIGABRT)
        end_of(server)
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
        for process in running_in(recorder.storage):
            process.kill()
    assert [path for path in tmp_path.rglob("core*") if path.is_file()] == [], "a core file holds all secrets"
    hay.folder(recorder.storage)
    for path in tmp_path.glob("*"):
        if path.is_file():
            hay.seen[f"file {path}"] = path.read_bytes()
    assert b"POST /login" in hay.seen[f"file {recorder.log}"], "the log is searched"
    assert hay.found() == []


def ask_for_everything(hay: Haystack, url: str, secret: str, signed: str) -> None:
    """Requests with all secrets in all places, right and wrong."""
    wait_for(lambda: httpx.get(f"{url}/t/{secret}/cameras", timeout=HANG).status_code == 200, "the token")
    with httpx.Client(base_url=url, timeout=HANG) as client:
        paths = ["/cameras", "/health", "/metrics", "/cameras/wrong", "/cameras/asked", "/stream/good/live.m3u8"]
        paths += ["/stream/wrong/live.m3u8", "/stream/asked/info", "/recordings/good", "/nosuch", "/openapi.json"]
        for path in paths:
            for shown in (secret, signed):
                hay.answer(client.get(f"/t/{shown}{path}"))
                hay.answer(client.get(path, headers={"Authorization": f"Bearer {shown}"}))
            hay.answer(client.get(f"{path}?token={secret}", headers={"Cookie": f"cctv={secret}"}))
        for wrong in (
            f"/t/{secret}x/cameras",
            f"/t/{GUESS}/cameras",
            f"//t/{secret}/cameras",
            f"/cctv/t/{secret}/cameras",
            f"/T/{secret}",
        ):
            hay.answer(client.get(wrong))
        for given in (GUESS, secret):
            hay.answer(client.post("/login", data={"token": given}, headers={"Origin": url}))
        hay.answer(client.post("/cameras/good/restart", headers={"Authorization": f"Bearer {secret}"}))
        hay.answer(client.request("BREW", f"/t/{secret}/cameras"))


def states(recorder: Recorder) -> Dict[str, object]:
    return {name: read_json(recorder.storage / name / ".state.json") for name in ("good", "wrong", "asked")}


def shows(recorder: Recorder, camera: str, state: str) -> bool:
    return read_json(recorder.storage / camera / ".state.json").get("state") == state


def running_in(storage: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if storage in Path(process.cwd()).parents:
                yield process
        except psutil.Error:
            continue
