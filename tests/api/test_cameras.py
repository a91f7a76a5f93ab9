from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Dict
from urllib.parse import quote

import httpx
import pytest

from cctv_cli.api.app import create_app
from cctv_cli.core import locks
from cctv_cli.core.config.settings import Camera, DemoSource, Settings
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.recording.state import State
from cctv_cli.core.runtime import Runtime
from tests.api.conftest import LOCAL, NOW, PASSWORD
from tests.support.storage_tree import CameraTree, FixedClock, instant

pytestmark = pytest.mark.anyio

TEXT, MAYBE_TEXT = (str,), (str, type(None))
TYPES: Dict[str, Any] = {
    "id": TEXT,
    "name": TEXT,
    "enabled": (bool,),
    "state": TEXT,
    "reason": TEXT,
    "since": MAYBE_TEXT,
    "live_url": TEXT,
    "codec": MAYBE_TEXT,
    "audio": MAYBE_TEXT,
    "audio_enabled": (bool,),
    "bit_rate": (int, type(None)),
    "last_segment_at": MAYBE_TEXT,
    "recorded_today_seconds": (float,),
    "restarts": (int,),
    "retry_at": MAYBE_TEXT,
}


def write_a_recorded_camera(front: CameraTree) -> None:
    front.record("2026-07-13T23:59:00+02:00", 60)
    front.record("2026-07-14T00:00:00+02:00", 45)
    front.begin_stream(0, instant(NOW) - 21)
    front.stream(2)
    front.show(State.RUNNING, "recording", since=instant(NOW) - 60)


async def test_the_cameras_are_an_array_in_the_order_of_the_configuration(
    client: httpx.AsyncClient, front: CameraTree
) -> None:
    write_a_recorded_camera(front)
    response = await client.get("/cameras")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    cameras = response.json()
    assert isinstance(cameras, list)
    assert [camera["id"] for camera in cameras] == ["front", "yard", "attic"]
    for camera in cameras:
        assert {key: type(value) in TYPES[key] for key, value in camera.items()} == dict.fromkeys(TYPES, True)


async def test_the_fields_of_a_recorded_camera(client: httpx.AsyncClient, front: CameraTree) -> None:
    write_a_recorded_camera(front)
    camera = (await client.get("/cameras/front")).json()
    assert camera == {
        "id": "front",
        "name": "Front Entrance",
        "enabled": True,
        "state": "running",
        "reason": "recording",
        "since": "2026-07-14T15:29:00.000+02:00",
        "live_url": "/stream/front/live.m3u8",
        "codec": "h264",
        "audio": "pcm_alaw",
        "audio_enabled": True,
        "bit_rate": round(front.layout.live_segment(1).stat().st_size * 8 / 10),
        "last_segment_at": "2026-07-14T15:29:59.000+02:00",
        "recorded_today_seconds": 45.0,  # since local midnight: yesterday's minute does not count
        "restarts": 2,
        "retry_at": None,
    }
    listed = (await client.get("/cameras")).json()
    assert listed[0] == camera


@pytest.mark.parametrize(
    ("camera_id", "reason"),
    [
        ("front", "no supervisor is running; start cctv serve or cctv record"),
        ("attic", "the camera is disabled in the configuration"),
    ],
)
async def test_a_camera_that_does_not_record_says_why(
    client: httpx.AsyncClient, front: CameraTree, camera_id: str, reason: str
) -> None:
    front.show(State.RUNNING, "recording", since=instant(NOW))
    front.leave()
    camera = (await client.get(f"/cameras/{camera_id}")).json()
    assert (camera["state"], camera["reason"], camera["retry_at"]) == ("stopped", reason, None)


async def test_a_failing_camera_says_when_it_tries_again(client: httpx.AsyncClient, front: CameraTree) -> None:
    front.show(State.BACKOFF, "no answer", since=instant(NOW), cause="silent", retry_at=instant(NOW) + 4)
    camera = (await client.get("/cameras/front")).json()
    assert (camera["state"], camera["reason"], camera["restarts"]) == ("backoff", "no answer", 2)
    retry_at = datetime.fromisoformat(camera["retry_at"])
    assert retry_at - datetime.fromisoformat(camera["since"]) == timedelta(seconds=4)
    assert retry_at.utcoffset() == timedelta(hours=2)


async def test_a_broken_folder_is_reported_and_hides_no_other_camera(
    client: httpx.AsyncClient, front: CameraTree, settings: Settings
) -> None:
    front.show(State.RUNNING, "recording", since=instant(NOW))
    (settings.storage / "yard").write_text("a file in the way")
    response = await client.get("/cameras")
    assert response.status_code == 200
    assert [(camera["id"], camera["state"]) for camera in response.json()[::2]] == [
        ("front", "running"),
        ("attic", "stopped"),
    ]
    broken = response.json()[1]
    assert broken["id"] == "yard"
    assert "storage" in broken["reason"]
    assert str(settings.storage) not in response.text


async def test_no_answer_contains_a_password(client: httpx.AsyncClient, front: CameraTree) -> None:
    write_a_recorded_camera(front)
    answers = [
        await client.get(path)
        for path in (
            "/cameras",
            "/cameras/front",
            "/cameras/nosuch",
            "/stream/front/info",
            "/stream/yard/live.m3u8",
            "/stream/nosuch/live.m3u8",
            "/recordings/front",
            "/openapi.json",
        )
    ]
    answers.append(await client.post("/cameras/front/restart"))
    text = "".join(answer.text + str(answer.headers) for answer in answers)
    assert "Front Entrance" in text
    for form in (PASSWORD, quote(PASSWORD, safe=""), json.dumps(PASSWORD)[1:-1], "admin", "rtsp://"):
        assert form not in text


@pytest.mark.parametrize("camera_id", ["nosuch", "FRONT", "front%20", "%2e%2e", "front%0a", "%EF%BC%91", "a" * 300])
async def test_an_unknown_camera_is_404_with_one_sentence(client: httpx.AsyncClient, camera_id: str) -> None:
    for method, path in [("GET", ""), ("POST", "/start"), ("POST", "/stop"), ("POST", "/restart")]:
        response = await client.request(method, f"/cameras/{camera_id}{path}")
        assert response.status_code == 404
        assert response.json()["detail"].endswith("is configured; known: front, yard, attic.")


async def test_a_stop_lasts_over_a_restart_of_the_server_until_the_start(
    client: httpx.AsyncClient, front: CameraTree, settings: Settings, clock: FixedClock
) -> None:
    front.begin_stream(0, instant(NOW) - 11)
    front.stream(1)
    stopped = await client.post("/cameras/front/stop")
    assert (stopped.status_code, stopped.json()["id"]) == (202, "front")
    assert (await client.post("/cameras/front/stop")).status_code == 202  # repeating it is not an error
    refused = await client.post("/cameras/front/restart")
    assert (refused.status_code, "POST /cameras/front/start" in refused.json()["detail"]) == (409, True)

    later = httpx.ASGITransport(create_app(Runtime(settings, clock=clock)), client=("127.0.0.1", 50001))
    async with httpx.AsyncClient(transport=later, base_url=LOCAL) as other:
        camera = (await other.get("/cameras/front")).json()
        assert (camera["state"], camera["reason"]) == ("stopped", "an operator stopped the camera")
        assert (await other.get("/stream/front/live.m3u8")).status_code == 409
        assert (await other.get("/cameras/yard")).json()["reason"] != camera["reason"]
        started = await other.post("/cameras/front/start")
        assert started.status_code == 202
        assert started.json()["reason"] != camera["reason"]
        assert (await other.post("/cameras/front/start")).status_code == 202
        clock.advance(1)
        assert (await other.get("/stream/front/live.m3u8")).status_code == 200


@pytest.mark.parametrize("action", ["start", "restart"])
async def test_a_disabled_camera_is_not_started_and_says_how_to_enable_it(
    client: httpx.AsyncClient, settings: Settings, action: str
) -> None:
    response = await client.post(f"/cameras/attic/{action}")
    assert (response.status_code, response.json()["detail"]) == (
        409,
        "Camera attic is disabled in the configuration; remove its enabled = false, then run cctv reload.",
    )
    described = (await client.get("/openapi.json")).json()["paths"][f"/cameras/{{camera_id}}/{action}"]["post"]
    assert "disabled" in described["responses"]["409"]["description"]


@pytest.mark.parametrize("action", ["start", "stop", "restart"])
@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("192.168.1.20", {}),
        ("8.8.8.8", {}),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}),
        ("127.0.0.1", {"X-Real-IP": "192.168.1.20"}),
        ("127.0.0.1", {"Origin": "http://site.example"}),
        ("127.0.0.1", {"Host": "cameras.example"}),
    ],
)
async def test_only_this_machine_may_control(
    runtime: Runtime, front: CameraTree, action: str, peer: str, headers: Dict[str, str]
) -> None:
    if action == "start":
        runtime.stop_camera("front").get()
    before = front.layout.stopped_file.exists()
    transport = httpx.ASGITransport(create_app(runtime), client=(peer, 50000))
    async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as client:
        response = await client.post(f"/cameras/front/{action}", headers=headers)
    assert response.status_code == 401
    assert response.json()["detail"].endswith(".")
    assert front.layout.stopped_file.exists() is before


async def test_a_client_in_the_local_network_may_read_and_others_may_not(runtime: Runtime) -> None:
    statuses = []
    for peer in ("192.168.1.20", "8.8.8.8"):
        transport = httpx.ASGITransport(create_app(runtime), client=(peer, 50000))
        async with httpx.AsyncClient(transport=transport, base_url="http://192.168.1.2:8000") as client:
            for path in ("/cameras", "/stream/nosuch/live.m3u8", "/recordings/nosuch/2026-07-14/15/00.ts"):
                statuses.append((await client.get(path)).status_code)
    assert statuses == [200, 404, 404, 401, 401, 401]


async def test_a_camera_that_another_process_supervises_can_still_be_queried(tmp_path: Any, clock: FixedClock) -> None:
    """It was added by a reload while another cctv supervised it."""
    mine = Camera("mine", "Mine", DemoSource(tone=False), enabled=False)
    others = Camera("others", "Others", DemoSource(tone=False), enabled=False)
    after = Settings(cameras=(mine, others), storage=tmp_path)
    runtime = Runtime(Settings(cameras=(mine,), storage=tmp_path), load=lambda: after, clock=clock)
    tree = CameraTree(after, "others")
    with locks.holding(tree.layout.supervisor_lock):
        runtime.start(ffmpeg=Ffmpeg("ffmpeg", "9.0", 9, frozenset()))
        try:
            runtime.reload()
            transport = httpx.ASGITransport(
                create_app(runtime), client=("127.0.0.1", 50000), raise_app_exceptions=False
            )
            async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as client:
                for action in ("stop", "start", "restart"):
                    response = await client.post(f"/cameras/others/{action}")
                    assert response.status_code < 500
                    assert isinstance(response.json(), dict)
        finally:
            runtime.stop()
