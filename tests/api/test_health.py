from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict
from urllib.parse import quote

import httpx
import pytest

from cctv_cli.api.app import create_app
from cctv_cli.api.models import HealthModel, ProcessModel, StorageModel, SystemModel
from cctv_cli.core import files
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.health.report import health_model
from cctv_cli.core.recording.state import RecorderState, Run, State, to_json
from cctv_cli.core.runtime import Runtime
from cctv_cli.core.units import FreeSpace
from tests.api.conftest import LOCAL, NOW, PASSWORD
from tests.support.storage_tree import CameraTree, FixedClock, instant

pytestmark = pytest.mark.anyio


def write_a_recorded_camera(front: CameraTree) -> None:
    front.record("2026-07-14T15:28:00+02:00", 60)
    front.begin_stream(0, instant(NOW) - 21)
    front.stream(2)
    front.show(State.RUNNING, "recording", since=instant(NOW) - 120)
    run = Run("0123456789abcdef", "", instant(NOW) - 120, 0)
    files.replace_text(front.layout.run_file, to_json(run))
    shown = RecorderState(
        State.RUNNING,
        "recording",
        instant(NOW) - 120,
        restarts=2,
        codec="h264",
        last_exit="it was killed",
        last_exit_at=instant(NOW) - 121,
    )
    files.replace_text(front.layout.state_file, to_json(shown))


def finding(health: Dict[str, Any], name: str) -> Dict[str, Any]:
    return next(found for found in health["findings"] if found["name"] == name)


async def test_health_is_an_object_with_a_status_and_findings(client: httpx.AsyncClient, front: CameraTree) -> None:
    write_a_recorded_camera(front)
    response = await client.get("/health")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    health = response.json()
    assert isinstance(health, dict)  # as the specification's Dart code decodes it
    assert health["status"] == "critical"
    assert health["at"] == "2026-07-14T15:30:00.000+02:00"
    assert finding(health, "no_supervisor")["severity"] == "critical"
    assert "yard" in finding(health, "no_supervisor")["sentence"]
    assert finding(health, "camera_stopped")["camera"] == "attic"
    assert [camera["id"] for camera in health["cameras"]] == ["front", "yard", "attic"]


async def test_the_fields_of_a_camera(client: httpx.AsyncClient, front: CameraTree) -> None:
    write_a_recorded_camera(front)
    camera = (await client.get("/health")).json()["cameras"][0]
    shown = {
        "id": "front",
        "name": "Front Entrance",
        "wanted": True,
        "supervised": True,
        "state": "running",
        "reason": "recording",
        "since": "2026-07-14T15:28:00.000+02:00",
        "codec": "h264",
        "frame_rate": 5.0,
        "last_segment_age_seconds": 1.0,
        "disk_clock_ahead_seconds": 0.0,
        "last_hour": {"recorded_seconds": 120.0, "missing_seconds": 0.0, "off_seconds": 0.0},
        "last_24_hours": {"recorded_seconds": 120.0, "missing_seconds": 0.0, "off_seconds": 0.0},
        "restarts_last_hour": 0,
    }
    assert {key: camera[key] for key in shown} == shown
    assert set(camera) - set(shown) == {"audio", "width", "height", "bit_rate", "gop_seconds"}


async def test_the_parts_agree_with_the_whole(client: httpx.AsyncClient, front: CameraTree) -> None:
    write_a_recorded_camera(front)
    whole = (await client.get("/health")).json()
    for path, key in [("metrics", "system"), ("processes", "processes"), ("storage", "storage")]:
        response = await client.get(f"/health/{path}")
        assert (response.status_code, response.json()) == (200, whole[key])
    assert whole["processes"] == [
        {
            "camera": "front",
            "stream": "main",
            "pid": None,
            "cpu_percent": None,
            "memory_bytes": None,
            "uptime_seconds": None,
            "restarts": 2,
            "last_exit": "it was killed",
            "last_exit_at": "2026-07-14T15:27:59.000+02:00",
        }
    ]
    storage = whole["storage"]
    (day,) = storage["cameras"][0]["days"]
    assert day["date"] == "2026-07-14"
    assert storage["recordings_bytes"] == day["bytes"] > 0
    assert storage["oldest_recording"] == "2026-07-14T15:28:00.000+02:00"
    assert whole["system"]["disk_free_bytes"] == storage["free_bytes"] > 0


async def test_answers_agree_with_the_models(client: httpx.AsyncClient, front: CameraTree, runtime: Runtime) -> None:
    """No field is dropped from the answer or missing in the description."""
    write_a_recorded_camera(front)
    report = health_model(runtime.health(), runtime.tz).model_dump()
    assert (await client.get("/health")).json() == json.loads(json.dumps(report))
    for model, value in [
        (HealthModel, report),
        (SystemModel, report["system"]),
        (ProcessModel, report["processes"][0]),
        (StorageModel, report["storage"]),
    ]:
        assert set(model.model_fields) == set(value)
    described = (await client.get("/openapi.json")).json()["paths"]
    for path in ("/health", "/health/metrics", "/health/processes", "/health/storage", "/metrics"):
        assert set(described[path]["get"]["responses"]) >= {"200", "401", "503"}


async def test_a_healthy_system_is_ok(settings: Settings, clock: FixedClock, front: CameraTree) -> None:
    write_a_recorded_camera(front)
    alone = replace(
        settings, cameras=settings.cameras[:1], health_cpu=100, health_memory=100, min_free=FreeSpace(bytes=1)
    )
    transport = httpx.ASGITransport(create_app(Runtime(alone, clock=clock)), client=("127.0.0.1", 50000))
    async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as client:
        health = (await client.get("/health")).json()
    assert (health["status"], health["findings"]) == ("ok", [])
    assert health["storage"]["promise"]["kept"] is True


async def test_a_lost_storage_is_a_finding_and_not_an_error(client: httpx.AsyncClient, settings: Settings) -> None:
    response = await client.get("/health")
    assert response.status_code == 200
    assert finding(response.json(), "storage_fault")["severity"] == "critical"
    assert str(settings.storage) not in response.text


async def test_no_answer_contains_a_password(client: httpx.AsyncClient, front: CameraTree) -> None:
    write_a_recorded_camera(front)
    text = ""
    for path in ("/health", "/health/metrics", "/health/processes", "/health/storage", "/metrics"):
        text += (await client.get(path)).text
    assert "front" in text
    for form in (PASSWORD, quote(PASSWORD, safe=""), json.dumps(PASSWORD)[1:-1], "rtsp://"):
        assert form not in text


@pytest.mark.parametrize("path", ["/health", "/health/metrics", "/health/processes", "/health/storage", "/metrics"])
async def test_clients_that_may_read_cameras_may_read_their_health(runtime: Runtime, path: str) -> None:
    statuses = []
    for peer in ("192.168.1.20", "8.8.8.8"):
        transport = httpx.ASGITransport(create_app(runtime), client=(peer, 50000))
        async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as client:
            statuses.append((await client.get(path)).status_code)
    assert statuses == [200, 401]
