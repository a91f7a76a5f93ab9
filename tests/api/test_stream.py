from __future__ import annotations

import asyncio
import socket
import threading
from dataclasses import replace
from typing import Any, Optional

import httpx
import pytest

from cctv_cli.api.media_cache import FileVersion
from cctv_cli.api.stream import Live, LiveStates, judge
from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.errors import UnknownCamera
from cctv_cli.core.ffmpeg.diagnosis import diagnose
from cctv_cli.core.hls.playlist import LiveSegment, LiveWindow, parse_live
from cctv_cli.core.recording.state import State
from cctv_cli.core.recording.status import CameraStatus
from cctv_cli.core.rtsp.probe import probe
from cctv_cli.core.runtime import Runtime
from tests.api.conftest import NOW
from tests.support.storage_tree import CameraTree, FixedClock, instant
from tests.support.waiting import HANG

pytestmark = pytest.mark.anyio

AT = 1_000_000.0
STARTING = "Camera front is starting; try again in a few seconds."
STILL = "Camera front is recording, but its live window is not updated; try again in a few seconds."
FAILS = "Camera front has no video: the camera refuses connections."
STOPPED = "Camera front was stopped by an operator; start it with POST /cameras/front/start."
DISABLED = "Camera front is disabled in the configuration; enable it there."
NOBODY = "Camera front is not recording: the camera refuses connections."


def status_of(state: State, *, enabled: bool = True, reason: str = "the camera refuses connections") -> CameraStatus:
    return CameraStatus(
        id="front",
        name="Front",
        enabled=enabled,
        state=state,
        reason=reason,
        since=AT,
        supervisor_pid=1,
        ffmpeg_pid=None,
        restarts=0,
        retry_at=None,
        codec="",
        audio="",
        bit_rate=None,
        last_segment_at=None,
        recorded_today=0.0,
        audio_enabled=True,
    )


def window(age: float, target: int = 10) -> LiveWindow:
    """A window whose newest segment ended `age` seconds ago."""
    return LiveWindow(target, (LiveSegment(4, AT - age - 10, 10.0),))


EMPTY = LiveWindow(10)


@pytest.mark.parametrize(
    ("state", "stopped", "found", "status", "detail"),
    [
        (State.RUNNING, False, window(5), 200, ""),
        (State.STARTING, False, window(5), 200, ""),  # a restart that viewers do not notice
        (State.BACKOFF, False, window(5), 200, ""),
        (State.STOPPED, False, window(5), 200, ""),  # recording continues without a supervisor
        (State.RUNNING, False, window(30), 200, ""),
        (State.RUNNING, False, window(30.1), 503, STILL),
        (State.RUNNING, False, window(59, target=20), 200, ""),
        (State.RUNNING, False, window(61, target=20), 503, STILL),
        (State.RUNNING, False, window(-5), 200, ""),  # the clock was set back
        (State.RUNNING, False, None, 503, STARTING),
        (State.STARTING, False, None, 503, STARTING),
        (State.STARTING, False, EMPTY, 503, STARTING),
        (State.STARTING, False, window(100), 503, STARTING),
        (State.STOPPED, False, None, 503, NOBODY),
        (State.STOPPED, False, window(100), 503, NOBODY),
        (State.BACKOFF, False, None, 502, FAILS),
        (State.AUTH_FAILED, False, window(100), 502, FAILS),
        (State.STALLED, False, window(100), 502, FAILS),
        (State.RUNNING, True, window(5), 409, STOPPED),
        (State.STOPPED, True, None, 409, STOPPED),
    ],
)
def test_the_response_to_viewers(
    state: State, stopped: bool, found: Optional[LiveWindow], status: int, detail: str
) -> None:
    live = judge(status_of(state), stopped, found, AT)
    assert live == Live(status, detail, found if status == 200 else None)


def test_the_window_of_a_camera_that_sends_few_frames_stands_still_for_longer() -> None:
    slow = replace(status_of(State.RUNNING), frame_interval=16.0)
    assert judge(slow, False, window(79, target=16), AT).status == 200
    assert judge(slow, False, window(81, target=16), AT).status == 503


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize("found", [None, window(5)])
def test_a_disabled_camera_is_never_shown(stopped: bool, found: Optional[LiveWindow]) -> None:
    assert judge(status_of(State.STOPPED, enabled=False), stopped, found, AT) == Live(409, DISABLED)


def test_the_sentence_ends_with_one_full_stop() -> None:
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        asked = probe(RtspSource("127.0.0.1", nobody_listens.getsockname()[1], "/"))
    ended = diagnose(["Connection refused"], 1)
    for reason in (asked.reason, ended.reason):
        detail = judge(status_of(State.BACKOFF, reason=reason), False, None, AT).detail
        assert detail.startswith(f"Camera front has no video: {reason.rstrip('.')}")
        assert detail.endswith(".")
        assert not detail.endswith("..")


@pytest.mark.parametrize(
    ("state", "reason", "status", "sentence"),
    [
        (State.STARTING, "waiting for the first frames", 503, STARTING),
        (State.BACKOFF, "the camera refuses connections", 502, FAILS),
        (State.AUTH_FAILED, "the camera refuses connections", 502, FAILS),
        (State.STOPPED, "the camera refuses connections", 503, NOBODY),
    ],
)
@pytest.mark.parametrize("name", ["live.m3u8", "segment0.ts"])
async def test_a_camera_without_a_picture_says_why(
    client: httpx.AsyncClient, front: CameraTree, state: State, reason: str, status: int, sentence: str, name: str
) -> None:
    front.show(state, reason, since=instant(NOW))
    response = await client.get(f"/stream/front/{name}")
    assert (response.status_code, response.json()) == (status, {"detail": sentence})
    assert response.headers["retry-after"] == "2"


@pytest.mark.parametrize("name", ["live.m3u8", "segment0.ts"])
async def test_a_stopped_a_disabled_and_an_unknown_camera(
    client: httpx.AsyncClient, runtime: Runtime, front: CameraTree, name: str
) -> None:
    front.begin_stream(0, instant(NOW) - 11)
    front.stream(1)
    runtime.stop_camera("front").get()
    answers = [await client.get(f"/stream/{camera_id}/{name}") for camera_id in ("front", "attic", "nosuch")]
    assert [(a.status_code, a.json()["detail"]) for a in answers] == [
        (409, STOPPED),
        (409, DISABLED.replace("front", "attic")),
        (404, "No camera 'nosuch' is configured; known: front, yard, attic."),
    ]
    for answer in answers:
        assert "retry-after" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"


async def test_a_viewer_sees_a_stop_within_half_a_second(
    client: httpx.AsyncClient, runtime: Runtime, front: CameraTree, clock: FixedClock
) -> None:
    front.begin_stream(0, instant(NOW) - 11)
    front.stream(1)
    assert (await client.get("/stream/front/live.m3u8")).status_code == 200
    runtime.stop_camera("front").get()
    clock.advance(0.6)
    assert (await client.get("/stream/front/live.m3u8")).status_code == 409


async def test_info_describes_the_window(client: httpx.AsyncClient, front: CameraTree) -> None:
    front.begin_stream(7, instant(NOW) - 81)
    front.stream(8)
    front.show(State.RUNNING, "recording", since=instant(NOW) - 80)
    shown = parse_live(front.layout.live_playlist.read_text())
    assert shown is not None
    response = await client.get("/stream/front/info")
    assert (response.status_code, response.json()) == (
        200,
        {
            "id": "front",
            "state": "running",
            "reason": "recording",
            "live_url": "/stream/front/live.m3u8",
            "playable": True,
            "codec": "h264",
            "audio": "pcm_alaw",
            "bit_rate": round(front.layout.live_segment(14).stat().st_size * 8 / 10),
            "target_duration": 10,
            "media_sequence": shown.media_sequence,
            "segments": 6,
            "starts_at": "2026-07-14T15:28:59.000+02:00",
            "ends_at": "2026-07-14T15:29:59.000+02:00",
        },
    )


async def test_info_of_a_camera_without_a_picture(client: httpx.AsyncClient, front: CameraTree) -> None:
    front.show(State.AUTH_FAILED, "wrong password", since=instant(NOW))
    for camera_id, state in [("front", "auth_failed"), ("attic", "stopped")]:
        response = await client.get(f"/stream/{camera_id}/info")
        info = response.json()
        assert (response.status_code, info["state"], info["playable"], info["segments"]) == (200, state, False, 0)
        assert info["target_duration"] is info["media_sequence"] is info["starts_at"] is info["ends_at"] is None
    assert (await client.get("/stream/nosuch/info")).status_code == 404


class CountedStates(LiveStates):
    """Counts its checks, and holds them until a test lets them proceed."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self.looks = 0
        self.proceed = threading.Event()

    def _look(self, camera_id: str, *, sub: bool) -> Live:
        self.looks += 1
        assert self.proceed.wait(HANG)
        return super()._look(camera_id, sub=sub)


async def test_one_check_is_used_for_all_viewers_for_half_a_second(
    runtime: Runtime, front: CameraTree, clock: FixedClock
) -> None:
    front.begin_stream(0, instant(NOW) - 11)
    front.stream(1)
    states = CountedStates(runtime)
    viewers: Any = asyncio.gather(*(states.get("front") for _ in range(50)))
    await asyncio.sleep(0)  # every viewer has sent its request now
    states.proceed.set()
    answers = await viewers
    assert {answer.status for answer in answers} == {200}
    clock.advance(0.5)
    await states.get("front")
    assert states.looks == 1
    clock.advance(0.1)
    await states.get("front")
    assert states.looks == 2


async def test_the_next_segment_causes_a_new_check(runtime: Runtime, front: CameraTree) -> None:
    front.begin_stream(0, instant(NOW) - 11)
    front.stream(1)
    states = CountedStates(runtime)
    states.proceed.set()
    await states.get("front", number=0)
    front.stream(1)
    live = await states.get("front", number=1)
    assert live.window is not None
    assert [segment.number for segment in live.window.segments] == [0, 1]


async def test_a_segment_far_ahead_causes_a_new_check_once_viewers_have_another_playlist(
    runtime: Runtime, front: CameraTree
) -> None:
    front.begin_stream(0, instant(NOW) - 11)
    front.stream(1)
    states = CountedStates(runtime)
    states.proceed.set()
    first, second = FileVersion(1, 100, 7), FileVersion(2, 100, 8)
    for playlist, looks in ((None, 1), (None, 1), (first, 2), (first, 2), (second, 3), (second, 3)):
        await states.get("front", number=4711, playlist=playlist)
        assert states.looks == looks


async def test_a_playlist_that_is_older_than_the_last_one_is_not_live(
    runtime: Runtime, front: CameraTree, clock: FixedClock
) -> None:
    states = LiveStates(runtime)
    front.begin_stream(0, instant(NOW) - 30)
    front.stream(1)
    older = front.layout.live_playlist.read_text()
    front.stream(1)
    assert (await states.get("front")).status == 200
    newest = front.layout.live_playlist.read_text()
    for playlist, status in ((older, 503), (newest, 200)):  # a disk that was away came back
        front.layout.live_playlist.write_text(playlist)
        clock.advance(1.0)
        assert (await states.get("front")).status == status


async def test_an_unknown_camera_causes_no_check(runtime: Runtime) -> None:
    states = CountedStates(runtime)
    with pytest.raises(UnknownCamera):
        await states.get("nosuch")
    assert states.looks == 0
