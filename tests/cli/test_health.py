from __future__ import annotations

import json
import re
import socket
import time
from pathlib import Path
from typing import Any, Callable

import httpx
import pytest

from cctv_cli.api.models import HealthModel
from cctv_cli.core.clock import format_instant
from cctv_cli.core.config.settings import Camera, DemoSource, Settings
from cctv_cli.core.health.report import health_model
from cctv_cli.core.recording.state import State
from cctv_cli.core.runtime import Runtime
from tests.cli.conftest import PASSWORD
from tests.support.http_answers import HttpAnswers
from tests.support.storage_tree import CameraTree
from tests.support.waiting import HANG

TOKEN = "t0k3n"
CAMERAS = f"""
[[cameras]]
id = "front"
name = "Front Entrance"
rtsp_url = "rtsp://admin:{PASSWORD}@192.168.1.100/Streaming/Channels/101"

[health]
cpu = 100
memory = 100

[retention]
min_free = "1B"
"""


@pytest.fixture
def front(home: Path) -> CameraTree:
    (home / "cameras.toml").write_text(CAMERAS)
    return CameraTree(Settings(storage=home / "hls"), "front")


def record(front: CameraTree) -> None:
    front.begin_stream(0, time.time() - 11)
    front.stream(1)
    front.show(State.RUNNING, "recording", since=time.time() - 60)


def report(status: str) -> bytes:
    """The answer of a server with this status."""
    settings = Settings(cameras=(Camera("far", "Far", DemoSource(tone=False)),), storage=Path("nowhere"))
    runtime = Runtime(settings)
    return json.dumps({**health_model(runtime.health(), runtime.tz).model_dump(), "status": status}).encode()


# ---- this machine


def test_a_recorded_camera_is_ok_with_code_0(cctv: Callable[..., Any], front: CameraTree) -> None:
    record(front)
    result = cctv("health")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "Health: ok"
    assert any(line.split()[:2] == ["front", "running"] for line in lines)
    assert any(line.startswith("Machine: CPU ") for line in lines)
    assert any(line.startswith("Storage: ") for line in lines)


def test_a_warning_is_code_1(cctv: Callable[..., Any], front: CameraTree) -> None:
    front.record(format_instant(time.time() - 1800, None), 60)
    record(front)
    result = cctv("health")
    assert (result.code, result.err) == (1, "")
    assert re.match(r"Health: warning\nWARNING   front: 17\d\d s of the last hour are not recorded; ", result.out)


def test_a_failing_camera_is_code_2_and_comes_first(cctv: Callable[..., Any], front: CameraTree) -> None:
    front.show(State.BACKOFF, "the camera refuses connections", since=time.time())
    result = cctv("health")
    assert (result.code, result.err) == (2, "")
    assert result.out.startswith(
        "Health: critical\n"
        "CRITICAL  front: It is not recorded: the camera refuses connections; "
        "cctv cameras check asks the camera itself\n"
    )


def test_without_a_supervisor_it_is_critical(cctv: Callable[..., Any], front: CameraTree) -> None:
    result = cctv("health")
    assert result.code == 2
    assert "CRITICAL  No supervisor runs for front: " in result.out
    assert "start cctv serve or cctv record" in result.out


def test_json_is_the_same_as_the_answer_of_the_server(cctv: Callable[..., Any], front: CameraTree) -> None:
    record(front)
    result = cctv("health", "--json")
    assert (result.code, result.err) == (0, "")
    document = json.loads(result.out)
    assert HealthModel.model_validate(document).model_dump() == document
    assert document["cameras"][0]["state"] == "running"
    assert PASSWORD not in result.out


def test_an_error_of_the_command_is_not_a_warning(
    cctv: Callable[..., Any], front: CameraTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cctv("health", "--config", "nosuch.toml").code == 3

    def broken(self: Runtime) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(Runtime, "health", broken)
    result = cctv("health")
    assert (result.code, result.out) == (20, "")
    assert (
        result.err
        == "Error: The health cannot be determined (a defect); run cctv --debug health to see where it fails\n"
    )


# ---- another machine


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("warning", 1), ("critical", 2)])
def test_a_remote_server_is_queried(cctv: Callable[..., Any], home: Path, status: str, code: int) -> None:
    with HttpAnswers(body=report(status)) as server:
        for given in (server.url, f"{server.url}/", f"{server.url}/health", server.url[len("http://") :]):
            result = cctv("health", "--url", given)
            assert (result.code, result.err) == (code, "")
            assert result.out.startswith(f"Health: {status}\n")
            assert "CRITICAL  No supervisor runs for far" in result.out
        assert set(server.requests) == {("GET", "/health")}
        document = json.loads(cctv("health", "--json", "--url", server.url).out)
        assert document == json.loads(report_of(server))


def report_of(server: HttpAnswers) -> bytes:
    return httpx.get(f"{server.url}/health", timeout=HANG).content


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            401,
            b'{"detail": "Cameras are shown to others only."}',
            "refuses requests from this machine (Cameras are shown",
        ),
        (503, rb'{"detail": "one\nError: two\u001b[2J\u009b2J"}', r"(one\nError: two\x1b[2J\x9b2J)"),
        (401, b"<html>", "refuses requests from this machine (status 401)"),
        (200, b"<html>", "is not a cctv server (status 200)"),
        (200, b"[]", "is not a cctv server (status 200)"),
        (200, b'{"status": "ok"}', "is not a cctv server (status 200)"),
        (404, b'{"detail": "Not Found"}', "is not a cctv server (status 404)"),
        (302, b"", "is not a cctv server (status 302)"),
        (503, b'{"detail": "The storage cannot be used."}', "cannot report its health (The storage cannot be used)"),
    ],
)
def test_a_bad_answer_is_one_sentence(
    cctv: Callable[..., Any], home: Path, status: int, body: bytes, words: str
) -> None:
    with HttpAnswers(status, body=body) as server:
        result = cctv("health", "--url", server.url)
    assert (result.code, result.out) == (20, "")
    assert words in result.err
    assert result.err.count("\n") == 1


def test_an_unreachable_server(cctv: Callable[..., Any], home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    result = cctv("health", "--url", f"http://user:{PASSWORD}@127.0.0.1:{port}")
    assert (result.code, result.out) == (20, "")
    assert f"The server at http://127.0.0.1:{port} cannot be reached" in result.err
    assert "is cctv serve running there?" in result.err
    assert PASSWORD not in result.err


def test_a_silent_server_times_out(cctv: Callable[..., Any], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cctv_cli.cli import remote

    monkeypatch.setattr(remote, "_STEP", 0.2)
    with HttpAnswers() as server:
        server.proceed.clear()
        result = cctv("health", "--url", server.url)
    assert result.code == 20
    assert "did not answer within 0.2 s" in result.err


@pytest.mark.parametrize("url", ["", "http://", "ftp://127.0.0.1", "http://127.0.0.1:99999", "http://[::1"])
def test_an_invalid_url(cctv: Callable[..., Any], home: Path, url: str) -> None:
    result = cctv("health", "--url", url)
    assert (result.code, result.out) == (20, "")
    assert result.err.startswith("Error: ") and result.err.count("\n") == 1


# ---- test alerts


def test_a_test_alert_reaches_every_webhook(
    cctv: Callable[..., Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpAnswers() as one, HttpAnswers(204) as two:
        monkeypatch.setenv("ALERT_WEBHOOKS", f"{one.url}/{TOKEN},{two.url}/{TOKEN}")
        result = cctv("health", "--test-alert")
        assert (result.code, result.err) == (0, "")
        assert result.out.splitlines() == ["webhook 1 (127.0.0.1): accepted", "webhook 2 (127.0.0.1): accepted"]
        for server in (one, two):
            (body,) = server.bodies
            assert (body["event"], body["name"], body["host"]) == ("test", "test", socket.gethostname())


def test_a_webhook_that_refuses_is_code_21_and_its_url_stays_secret(
    cctv: Callable[..., Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpAnswers() as good, HttpAnswers(404) as bad:
        monkeypatch.setenv("ALERT_WEBHOOKS", f"{bad.url}/{TOKEN},{good.url}/{TOKEN}")
        result = cctv("health", "--test-alert")
        assert result.code == 21
        assert result.out.splitlines() == [
            "webhook 1 (127.0.0.1): not accepted, it answered 404",
            "webhook 2 (127.0.0.1): accepted",
        ]
        assert "1 of 2 webhooks did not accept the test message: webhook 1 (127.0.0.1); " in result.err
        as_json = cctv("health", "--test-alert", "--json")
        assert [found["taken"] for found in json.loads(as_json.out)] == [False, True]
        assert (as_json.code, len(good.bodies)) == (21, 2)
        assert TOKEN not in result.out + result.err + as_json.out + as_json.err


def test_a_test_without_webhooks_says_where_to_configure_them(cctv: Callable[..., Any], home: Path) -> None:
    result = cctv("health", "--test-alert")
    assert (result.code, result.out) == (3, "")
    assert "ALERT_WEBHOOKS" in result.err


def test_webhooks_of_a_remote_server_cannot_be_tested(cctv: Callable[..., Any], home: Path) -> None:
    result = cctv("health", "--test-alert", "--url", "http://127.0.0.1:1")
    assert (result.code, result.out) == (2, "")
    assert "--test-alert" in result.err
