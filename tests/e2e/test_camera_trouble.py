"""Cameras that answer something other than a stream: the state soon has the reason, and recording soon resumes."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import Callable, Iterator, List, Tuple

import pytest

from cctv_cli.core.clock import SystemClock
from cctv_cli.core.config.rtsp_url import parse_rtsp_url
from cctv_cli.core.config.settings import Camera, Settings
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.files import read_json, read_text
from cctv_cli.core.layout import CameraLayout, login_files
from cctv_cli.core.recording.state import State
from cctv_cli.core.recording.supervisor import Supervisor
from cctv_cli.core.recording.tools import Tools
from cctv_cli.core.rtsp import login_guard
from cctv_cli.core.rtsp.login_guard import LoginGuard
from cctv_cli.core.rtsp.probe import probe
from tests.e2e.site import CUT, PASSWORD, MakeClip, Site
from tests.support.evidence import assert_explained, assert_whole, gaps
from tests.support.rtsp_camera import HTTP_ANSWER, RtspCamera
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("no_process_left")]

Trouble = Callable[[RtspCamera, bool], None]  # begins with True, ends with False

TROUBLES: List[Tuple[str, Trouble, str]] = [
    ("refused", lambda camera, on: camera.refuse(on), "refuses the connection"),
    ("silent", lambda camera, on: camera.silence(on), "gives no complete answer"),
    ("not-found", lambda camera, on: camera.answer(404 if on else None), "no such stream"),
    ("busy", lambda camera, on: camera.answer(453 if on else None), "is busy"),
    ("busy-at-setup", lambda camera, on: camera.answer(453 if on else None, "SETUP"), "(453 to SETUP of its video)"),
    ("broken-at-setup", lambda camera, on: camera.answer(500 if on else None, "SETUP"), "(500 to SETUP of its video)"),
    (
        "no-tcp",
        lambda camera, on: camera.answer(461 if on else None, "SETUP"),
        "(461 to SETUP of its video): switch on",
    ),
    ("no-options", lambda camera, on: camera.answer(405 if on else None, "OPTIONS"), "refuses OPTIONS (405)"),
    ("forbidden", lambda camera, on: camera.answer(403 if on else None), "live view permission"),
    ("not-rtsp", lambda camera, on: camera.answer_raw(HTTP_ANSWER if on else None), "does not speak RTSP"),
    ("no-video", lambda camera, on: camera.announce(video=not on), "no video"),
    ("redirected", lambda camera, on: camera.redirect("rtsp://127.0.0.1:1/x" if on else None), "redirects"),
    ("oversized", lambda camera, on: camera.flood("headers" if on else None), "answer"),
]


def reason(layout: CameraLayout) -> str:
    return str(read_json(layout.state_file).get("reason"))


@pytest.mark.parametrize(("trouble", "words"), [pytest.param(t, w, id=name) for name, t, w in TROUBLES])
def test_a_trouble_is_shown_until_its_cause_ends(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, trouble: Trouble, words: str
) -> None:
    with RtspCamera(clip_of(audio=None)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(1)
        trouble(camera, True)
        camera.drop()
        site.wait_shown(State.BACKOFF, words)
        trouble(camera, False)
        number = len(camera.ledger)
        camera.wait_for(lambda: len(camera.ledger) > number, "frames to be sent again")
        site.wait_recordings(2)
        until = site.stop()
        assert_explained(site.layout, until)


def test_a_camera_that_redirects_ffmpeg_alone_is_not_followed(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, caplog: pytest.LogCaptureFixture
) -> None:
    clip, layout = clip_of(audio=None), CameraLayout(tmp_path, "cam1")
    with RtspCamera(clip, username="admin", password=PASSWORD) as camera, RtspCamera(clip) as other:
        other.silence(True)
        camera.redirect(f"{other.url}?password=geheim", spare=1)  # the probe's
        url = parse_rtsp_url(camera.login_url)
        with supervised(tmp_path, ffmpeg, (Camera("cam1", "Camera 1", url),)):
            said = f"the camera redirects to 127.0.0.1:{other.port} (302): set the new address in the RTSP URL"
            wait_for(lambda: said in (read_text(layout.log_file) or ""), "the redirection of FFmpeg")
            wait_for(lambda: "redirects to" in reason(layout), "the reason")
            assert read_json(layout.state_file)["state"] in ("backoff", "starting")
            camera.redirect(None)
            wait_for(lambda: reason(layout) == "recording", "recording")
        assert "SETUP" not in {method for each in other.connections for method in each.methods}
        assert LoginGuard(*login_files(tmp_path), SystemClock()).standing(url).refused_at is None
        for text in (caplog.text, read_text(layout.log_file)):
            assert text and "geheim" not in text and PASSWORD not in text and "[info]" not in text


def test_a_neighbouring_camera_is_not_affected(tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip) -> None:
    clip = clip_of(audio=None)
    with RtspCamera(clip) as good, RtspCamera(clip) as bad:
        cameras = tuple(Camera(name, name, parse_rtsp_url(c.url)) for name, c in (("good", good), ("bad", bad)))
        settings = Settings(cameras=cameras, storage=tmp_path, segment_duration=2)
        supervisor = Supervisor(settings, Tools(ffmpeg, None, SystemClock(), recording_seconds=CUT), whole=True)
        supervisor.start()
        layouts = {name: CameraLayout(tmp_path, name) for name in ("good", "bad")}
        wait_for(lambda: reason(layouts["bad"]) == "recording", "the bad one records")
        for on in (True, False):
            for _, trouble, _ in TROUBLES[:4]:
                trouble(bad, on)
            bad.drop()
            wait_for(lambda on=on: (reason(layouts["bad"]) == "recording") != on, "the bad one's state")
        wait_for(lambda: reason(layouts["good"]) == "recording", "the good one records")
        supervisor.stop(leave_running=False)
        assert gaps(layouts["good"]) == []
        frames = good.ledger
        assert_whole(layouts["good"], [frame.number for frame in frames if frame.sent_at < frames[-1].sent_at - 1])


@contextlib.contextmanager
def supervised(storage: Path, ffmpeg: Ffmpeg, cameras: Tuple[Camera, ...]) -> Iterator[Supervisor]:
    """Supervise these cameras, as one start of a server."""
    clock = SystemClock()
    logins = LoginGuard(*login_files(storage), clock)
    tools = Tools(ffmpeg, None, clock, probe=partial(probe, logins=logins), logins=logins)
    supervisor = Supervisor(Settings(cameras=cameras, storage=storage), tools, whole=True)
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop(leave_running=False)


def test_sixteen_channels_try_a_wrong_password_twice(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_guard, "AGAIN", 0.0)  # as if a minute had passed
    clip = clip_of(audio=None)
    channels = {f"/Streaming/Channels/{n}01": clip for n in range(1, 17)}
    with RtspCamera(clip, channels=channels, username="admin", password="right") as camera:
        urls = [camera.url_of(path).replace("//", "//admin:wrong@") for path in channels]
        cameras = tuple(Camera(f"nvr-{n}", f"NVR {n}", parse_rtsp_url(url)) for n, url in enumerate(urls, 1))
        layouts = [CameraLayout(tmp_path, each.id) for each in cameras]
        for _ in range(5):
            with supervised(tmp_path, ffmpeg, cameras):
                wait_for(
                    lambda: all(read_json(layout.state_file).get("state") == "auth_failed" for layout in layouts),
                    "auth_failed everywhere",
                )
        assert camera.refused_attempts == 2
        right = tuple(
            Camera(each.id, each.name, parse_rtsp_url(url.replace("wrong", "right")))
            for each, url in zip(cameras[:2], urls)
        )
        with supervised(tmp_path, ffmpeg, right):  # the configuration changed: tried at once
            wait_for(lambda: all(reason(layout) == "recording" for layout in layouts[:2]), "recording")
        assert camera.refused_attempts == 2


def test_a_password_changed_at_the_nvr_is_tried_twice_by_cameras_that_start(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_guard, "PROOF", 0.0)  # as if the last good login were longer ago
    clip = clip_of(audio=None)
    channels = {f"/Streaming/Channels/{n}01": clip for n in range(1, 7)}
    with RtspCamera(clip, channels=channels, username="admin", password="right") as camera:
        urls = [camera.url_of(path).replace("//", "//admin:right@") for path in channels]
        cameras = tuple(Camera(f"nvr-{n}", f"NVR {n}", parse_rtsp_url(url)) for n, url in enumerate(urls, 1))
        layouts = [CameraLayout(tmp_path, each.id) for each in cameras]
        with supervised(tmp_path, ffmpeg, cameras) as supervisor:
            wait_for(lambda: all(reason(layout) == "recording" for layout in layouts), "recording")
            for layout in layouts:
                layout.stopped_file.touch()
                supervisor.wake(layout.camera_id)
            wait_for(
                lambda: {read_json(layout.state_file).get("state") for layout in layouts} == {"stopped"}, "the stop"
            )
            camera.password, before = "another", camera.refused_attempts
            for layout in layouts:
                layout.stopped_file.unlink()
                supervisor.wake(layout.camera_id)
            wait_for(
                lambda: {read_json(layout.state_file).get("state") for layout in layouts} == {"auth_failed"},
                "auth_failed everywhere",
            )
        assert camera.refused_attempts - before <= 2


def auth_failed(layouts: List[CameraLayout]) -> bool:
    return {read_json(layout.state_file).get("state") for layout in layouts} == {"auth_failed"}


def test_an_nvr_that_requires_the_login_only_at_setup_gets_a_wrong_one_once(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip
) -> None:
    clip = clip_of(audio=None)
    channels = {f"/Streaming/Channels/{n}01": clip for n in range(1, 7)}
    with RtspCamera(clip, channels=channels, username="admin", password="right", open_methods=("DESCRIBE",)) as camera:
        urls = [camera.url_of(path).replace("//", "//admin:wrong@") for path in channels]
        cameras = tuple(Camera(f"nvr-{n}", f"NVR {n}", parse_rtsp_url(url)) for n, url in enumerate(urls, 1))
        with supervised(tmp_path, ffmpeg, cameras):
            wait_for(lambda: auth_failed([CameraLayout(tmp_path, each.id) for each in cameras]), "auth_failed")
        assert camera.refused_attempts == 1


def test_a_login_that_only_ffmpeg_is_asked_for_is_not_sent_again(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip
) -> None:
    opened = ("DESCRIBE", "SETUP", "TEARDOWN")
    with RtspCamera(clip_of(audio=None), username="admin", password="right", open_methods=opened) as camera:
        cameras = (Camera("cam1", "Camera 1", parse_rtsp_url(camera.login_url.replace("right", "wrong"))),)
        layout = CameraLayout(tmp_path, "cam1")
        for words in ("the camera refuses the login", "does not send it again"):
            with supervised(tmp_path, ffmpeg, cameras):
                wait_for(lambda words=words: words in reason(layout), words)
                assert auth_failed([layout])
        assert camera.refused_attempts == 1


def test_a_camera_with_one_session_that_requires_the_login_at_setup_is_recorded(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip
) -> None:
    clip = clip_of(audio=None)
    with RtspCamera(clip, username="admin", password="right", open_methods=("DESCRIBE",), max_sessions=1) as camera:
        cameras, layout = (
            (Camera("cam1", "Camera 1", parse_rtsp_url(camera.login_url)),),
            CameraLayout(tmp_path, "cam1"),
        )
        with supervised(tmp_path, ffmpeg, cameras):
            wait_for(lambda: reason(layout) == "recording", "recording")
        assert [each.methods.count("SETUP") for each in camera.connections] == [2, 2]
        assert read_json(layout.state_file)["restarts"] == 0
