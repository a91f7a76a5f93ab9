from __future__ import annotations

import json
import time
from dataclasses import fields
from pathlib import Path
from typing import Any, Callable

import pytest

from cctv_cli.core.settings import Settings
from cctv_cli.core.state import State
from cctv_cli.core.status import CameraStatus
from tests.cli.conftest import PASSWORD
from tests.support.storage_tree import CameraTree

CAMERAS = f"""
[[cameras]]
id = "front"
name = "Front Entrance"
rtsp_url = "rtsp://admin:{PASSWORD}@192.168.1.100/Streaming/Channels/101"

[[cameras]]
id = "yard"
rtsp_url = "rtsp://192.168.1.101/Streaming/Channels/101"
"""


@pytest.fixture
def front(home: Path) -> CameraTree:
    (home / "cameras.toml").write_text(CAMERAS)
    return CameraTree(Settings(storage=home / "hls"), "front")


def test_json_is_an_array_of_states_with_stable_keys(cctv: Callable[..., Any], front: CameraTree) -> None:
    front.show(State.BACKOFF, "the camera refuses connections", since=1_000_000.5, retry_at=1_000_004.5)
    result = cctv("cameras", "--json")
    assert (result.code, result.err) == (0, "")
    document = json.loads(result.out)
    assert [camera["id"] for camera in document] == ["front", "yard"]
    keys = (
        "id name enabled state reason since supervisor_pid ffmpeg_pid restarts retry_at codec audio bit_rate "
        "last_segment_at recorded_today"
    )
    assert [list(camera) for camera in document] == [keys.split()] * 2
    assert keys.split() == [field.name for field in fields(CameraStatus)]
    shown = {key: document[0][key] for key in ("name", "state", "reason", "since", "retry_at", "restarts")}
    assert shown == {
        "name": "Front Entrance",
        "state": "backoff",
        "reason": "the camera refuses connections",
        "since": 1_000_000.5,
        "retry_at": 1_000_004.5,
        "restarts": 2,
    }
    assert PASSWORD not in result.out


def test_without_a_supervisor_a_camera_is_stopped_and_says_so(cctv: Callable[..., Any], front: CameraTree) -> None:
    front.show(State.RUNNING, "recording", since=1_000_000.0)
    front.leave()
    camera = json.loads(cctv("cameras", "--json").out)[0]
    assert (camera["state"], camera["supervisor_pid"]) == ("stopped", None)
    assert camera["reason"] == "no supervisor is running; start cctv serve or cctv record"


def test_the_table_shows_every_camera_with_its_state_and_reason(cctv: Callable[..., Any], front: CameraTree) -> None:
    front.begin_stream(0, time.time() - 11)
    front.stream(1)
    front.show(State.RUNNING, "recording", since=1_000_000.0)
    result = cctv("cameras")
    assert (result.code, result.err) == (0, "")
    rows = {line.split()[0]: line.split() for line in result.out.splitlines() if line[:1].strip()}
    assert rows["front"][1:3] == ["running", "h264"]
    assert rows["yard"][1] == "stopped"
    assert PASSWORD not in result.out


def test_another_storage_is_looked_at_on_demand(cctv: Callable[..., Any], home: Path, front: CameraTree) -> None:
    elsewhere = CameraTree(Settings(storage=home / "other"), "front")
    elsewhere.show(State.AUTH_FAILED, "wrong password", since=1_000_000.0)
    states = [
        json.loads(cctv("cameras", "--json", *options).out)[0]["state"] for options in ([], ["--storage", "other"])
    ]
    assert states == ["stopped", "auth_failed"]


def test_without_cameras_there_is_an_empty_array_or_a_hint(cctv: Callable[..., Any]) -> None:
    assert json.loads(cctv("cameras", "--json").out) == []
    hint = cctv("cameras")
    assert (hint.code, hint.out.count("\n"), hint.err) == (0, 1, "")
    assert "cameras.toml" in hint.out


def test_a_broken_folder_is_told_and_hides_no_other_camera(
    cctv: Callable[..., Any], home: Path, front: CameraTree
) -> None:
    front.show(State.RUNNING, "recording", since=1_000_000.0)
    (home / "hls" / "yard").write_text("a file in the way")
    result = cctv("cameras", "--json")
    assert (result.code, result.err) == (0, "")
    well, broken = json.loads(result.out)
    assert (well["id"], well["state"]) == ("front", "running")
    assert broken["id"] == "yard"
    assert "storage" in broken["reason"]


def test_a_broken_storage_is_told_of_every_camera(cctv: Callable[..., Any], home: Path) -> None:
    (home / "cameras.toml").write_text(CAMERAS)
    (home / "hls").write_text("a file in the way")
    result = cctv("cameras", "--json")
    assert (result.code, result.err) == (0, "")
    assert ["storage" in camera["reason"] for camera in json.loads(result.out)] == [True, True]
