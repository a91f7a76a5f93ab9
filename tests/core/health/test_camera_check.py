"""Checks of many streams at once: which cameras are queried, and which results are fine."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import List, Optional

import pytest

from cctv_cli.core.clock import SystemClock
from cctv_cli.core.config.settings import Camera, DemoSource, RtspSource, Settings
from cctv_cli.core.health.camera_check import Check, Stream, check_streams, streams_of
from cctv_cli.core.layout import login_files
from cctv_cli.core.recording.state import State
from cctv_cli.core.recording.status import CameraStatus, StatusReader
from cctv_cli.core.rtsp.login_guard import LoginGuard
from cctv_cli.core.rtsp.result import Outcome
from tests.core.rtsp.test_probe import PLAYING, SDP, SETUP_OK, ScriptedCamera, answer, challenge
from tests.support.waiting import HANG

SUB = RtspSource("192.168.1.100", 554, "/Streaming/Channels/102")


@pytest.fixture
def logins(tmp_path: Path) -> LoginGuard:
    return LoginGuard(*login_files(tmp_path), SystemClock())


def status_of(camera: Camera, state: State = State.STOPPED, supervisor: Optional[int] = None) -> CameraStatus:
    found = StatusReader(Settings(), None).read_one(camera, 0.0)
    return replace(found, state=state, supervisor_pid=supervisor)


def stream(source: RtspSource, camera_id: str = "front", *, transcode: bool = False) -> Stream:
    camera = Camera(camera_id, "Front", source, transcode=transcode)
    return next(streams_of(camera, status_of(camera)))


def check(logins: LoginGuard, *streams: Stream) -> List[Check]:
    return list(check_streams(streams, logins, again=False))


@pytest.mark.parametrize(
    ("state", "supervisor", "recorded"),
    [
        (State.RUNNING, 100, [True, True]),
        (State.STARTING, 100, [True, True]),
        (State.RUNNING, None, [True, False]),
        (State.BACKOFF, 100, [False, True]),
        (State.STOPPED, None, [False, False]),
    ],
)
def test_the_streams_of_a_camera(state: State, supervisor: Optional[int], recorded: List[bool]) -> None:
    camera = Camera("front", "Front", replace(SUB, target="/Streaming/Channels/101"), sub_source=SUB)
    streams = list(streams_of(camera, status_of(camera, state, supervisor)))
    assert [each.name for each in streams] == ["front", "front (sub)"]
    assert [each.source for each in streams] == [camera.source, SUB]
    assert [each.recorded for each in streams] == recorded


def test_a_demo_camera_has_nothing_to_check() -> None:
    camera = Camera("demo", "Demo", DemoSource(tone=True))
    assert list(streams_of(camera, status_of(camera))) == []


@pytest.mark.parametrize("recorded", [False, True])
def test_a_session_is_set_up_only_if_the_camera_is_not_recorded(logins: LoginGuard, recorded: bool) -> None:
    with ScriptedCamera(answer("200 OK", body=SDP), SETUP_OK, SETUP_OK, PLAYING, answer("200 OK")) as camera:
        (found,) = check(logins, replace(stream(camera.with_login), recorded=recorded))
    assert found.fine
    methods = [request.split(" ")[0] for request in camera.requests]
    assert methods == (["DESCRIBE"] if recorded else ["DESCRIBE", "SETUP", "SETUP", "PLAY", "TEARDOWN"])


@pytest.mark.parametrize("transcode", [False, True])
def test_a_codec_that_cannot_be_copied(logins: LoginGuard, transcode: bool) -> None:
    description = answer("200 OK", body=SDP.replace("H264/", "JPEG/"))
    with ScriptedCamera(description, SETUP_OK, SETUP_OK, PLAYING) as camera:
        (found,) = check(logins, stream(camera.source, transcode=transcode))
    assert (found.fine, found.found.outcome) == (transcode, Outcome.OK)
    assert "mjpeg" in found.found.reason
    assert ("set it to H.264 or H.265" in found.found.reason) != transcode


def test_the_streams_of_one_host_are_queried_one_after_another(logins: LoginGuard) -> None:
    with ScriptedCamera(*[challenge('Basic realm="r"')] * 8) as camera:
        found = check(logins, *[stream(camera.with_login, f"cam{number}") for number in range(4)])
    assert len(camera.logins) == 1
    assert [each.found.outcome for each in found] == [Outcome.UNAUTHORIZED] * 4


def test_an_unreachable_host_is_tried_once(logins: LoginGuard, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: List[object] = []

    def look_up(host: str, *others: object, **more: object) -> None:
        looked_up.append(host)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    found = check(logins, *[stream(replace(SUB, target=f"/{number}")) for number in range(3)])
    assert [each.found.outcome for each in found] == [Outcome.UNREACHABLE] * 3
    assert len(looked_up) == 1


def test_hosts_are_queried_at_the_same_time(logins: LoginGuard) -> None:
    both = threading.Barrier(2)

    def wait_for_the_other(request: str) -> bytes:
        both.wait(HANG)
        return answer("404 Not Found")

    with ScriptedCamera(wait_for_the_other) as one, ScriptedCamera(wait_for_the_other) as other:
        found = check(logins, stream(one.source), stream(other.source))
    assert [each.found.outcome for each in found] == [Outcome.NOT_FOUND] * 2
