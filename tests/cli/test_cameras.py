from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from cctv_cli.api.models import CameraModel
from cctv_cli.core import files
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.recording.state import Run, State, to_json
from tests.cli.conftest import PASSWORD
from tests.support.clip import Clip, make_clip
from tests.support.rtsp_camera import RtspCamera
from tests.support.storage_tree import CameraTree

CAMERAS = f"""
timezone = "Europe/Berlin"

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
        "id name enabled state reason since codec audio audio_enabled bit_rate last_segment_at "
        "recorded_today_seconds restarts retry_at supervisor_pid ffmpeg_pid"
    )
    assert [list(camera) for camera in document] == [keys.split()] * 2
    assert set(keys.split()) >= set(CameraModel.model_fields) - {"live_url"}  # as over HTTP
    shown = {key: document[0][key] for key in ("name", "state", "reason", "since", "retry_at", "restarts")}
    assert shown == {
        "name": "Front Entrance",
        "state": "backoff",
        "reason": "the camera refuses connections",
        "since": "1970-01-12T14:46:40.500+01:00",
        "retry_at": "1970-01-12T14:46:44.500+01:00",
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


def test_another_storage_can_be_given(cctv: Callable[..., Any], home: Path, front: CameraTree) -> None:
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


def test_a_broken_folder_is_reported_and_hides_no_other_camera(
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


def test_a_broken_storage_is_reported_for_every_camera(cctv: Callable[..., Any], home: Path) -> None:
    (home / "cameras.toml").write_text(CAMERAS)
    (home / "hls").write_text("a file in the way")
    result = cctv("cameras", "--json")
    assert (result.code, result.err) == (0, "")
    assert ["storage" in camera["reason"] for camera in json.loads(result.out)] == [True, True]


# --- cctv cameras check

YARD = "/Streaming/Channels/201"


@pytest.fixture(scope="module")
def clip(ffmpeg: Ffmpeg, tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return make_clip(ffmpeg.path, tmp_path_factory.mktemp("clip"), seconds=1, audio="pcmu")


@pytest.fixture
def nvr(clip: Clip) -> Iterator[RtspCamera]:
    """An NVR of two channels with one login."""
    with RtspCamera(clip, channels={YARD: clip}, username="admin", password=PASSWORD) as camera:
        yield camera


def configure(home: Path, nvr: RtspCamera, password: str = PASSWORD, yard: str = "true") -> None:
    lines = ["[storage]", 'path = "hls"']
    for name, path, enabled in (("front", nvr.path, "true"), ("yard", YARD, yard)):
        lines += ["[[cameras]]", f'id = "{name}"', f'rtsp_url = "{nvr.url_of(path)}"', f"enabled = {enabled}"]
        lines += ['username = "admin"', f'password = "{password}"']
    (home / "cameras.toml").write_text("\n".join(lines))


def test_a_check_of_healthy_cameras(cctv: Callable[..., Any], home: Path, nvr: RtspCamera) -> None:
    configure(home, nvr)
    result = cctv("cameras", "check")
    assert (result.code, result.err) == (0, "")
    details = f"127.0.0.1:{nvr.port} sends h264 video of 320x240 and pcmu audio at 8000 Hz."
    titles, *rows = result.out.splitlines()
    assert [row.split(None, 2) for row in rows] == [["front", "ok", details], ["yard", "ok", details]]
    assert titles.split() == ["Camera", "Result", "Details"]
    assert nvr.sessions == 0


def test_a_check_in_json_has_stable_keys(cctv: Callable[..., Any], home: Path, nvr: RtspCamera) -> None:
    configure(home, nvr)
    document = json.loads(cctv("cameras", "check", "--json", "yard").out)
    reason = document[0].pop("reason")
    assert document == [
        {
            "camera": "yard",
            "stream": "main",
            "fine": True,
            "outcome": "ok",
            "status": 200,
            "codec": "h264",
            "width": 320,
            "height": 240,
            "audio": "pcmu",
            "audio_rate": 8000,
            "retry_at": None,
        }
    ]
    assert "h264" in reason


def test_a_failed_check_says_what_is_wrong_and_exits_with_code_9(
    cctv: Callable[..., Any], home: Path, nvr: RtspCamera
) -> None:
    configure(home, nvr)
    nvr.answer(404)
    result = cctv("cameras", "check", "--json", "front")
    assert result.code == 9
    assert result.err == "Error: 1 of 1 stream failed the check: front\n"
    assert [(each["fine"], each["outcome"], each["status"]) for each in json.loads(result.out)] == [
        (False, "not_found", 404)
    ]


def test_checks_do_not_send_a_refused_password_again(cctv: Callable[..., Any], home: Path, nvr: RtspCamera) -> None:
    configure(home, nvr, password="wrong-password")
    for _ in range(3):
        result = cctv("cameras", "check")
        assert result.code == 9
        assert [line.split()[1] for line in result.out.splitlines()[1:]] == ["unauthorized"] * 2
        assert "try it again at" in result.out.splitlines()[-1]
        assert "--again" in result.out.splitlines()[-1]
        assert "wrong-password" not in result.out + result.err
    assert nvr.refused_attempts == 1
    cctv("cameras", "check", "--again")
    assert nvr.refused_attempts == 2
    configure(home, nvr)
    assert cctv("cameras", "check").code == 0


def test_a_check_queries_a_camera_that_failed_for_another_reason_than_its_login(
    cctv: Callable[..., Any], home: Path, nvr: RtspCamera
) -> None:
    configure(home, nvr)
    front = CameraTree(Settings(storage=home / "hls"), "front")
    front.show(State.AUTH_FAILED, "asks for a login: set username and password", since=1_000_000.0)
    assert cctv("cameras", "check", "front").code == 0


def test_enabled_or_named_cameras_are_checked(cctv: Callable[..., Any], home: Path, nvr: RtspCamera) -> None:
    configure(home, nvr, yard="false")
    names = [
        [camera["camera"] for camera in json.loads(cctv("cameras", "check", "--json", *named).out)]
        for named in ([], ["yard"], ["yard", "front", "yard"])
    ]
    assert names == [["front"], ["yard"], ["yard", "front"]]
    unknown = cctv("cameras", "check", "garage")
    assert (unknown.code, unknown.out) == (7, "")
    assert "garage" in unknown.err


def test_options_may_precede_the_subcommand(cctv: Callable[..., Any], home: Path, nvr: RtspCamera) -> None:
    configure(home, nvr)
    (home / "cameras.toml").rename(home / "other.toml")
    result = cctv("cameras", "--config", "other.toml", "--storage", "elsewhere", "--json", "check", "front")
    assert [camera["outcome"] for camera in json.loads(result.out)] == ["ok"]
    assert (home / "elsewhere").is_dir()
    assert not (home / "hls").exists()


def test_without_cameras_there_is_nothing_to_check(cctv: Callable[..., Any]) -> None:
    result = cctv("cameras", "check")
    assert (result.code, result.out.count("\n"), result.err) == (0, 1, "")
    assert json.loads(cctv("cameras", "check", "--json").out) == []


def test_cameras_are_stopped_and_started_by_their_files(cctv: Callable[..., Any], front: CameraTree) -> None:
    stopped = front.layout.stopped_file
    assert cctv("cameras", "stop", "front") == (0, "Camera front stays stopped until you start it\n", "")
    assert stopped.exists()
    assert cctv("cameras", "stop", "front").code == 0, "again"
    unknown = cctv("cameras", "start", "front", "attic")
    assert (unknown.code, unknown.out) == (7, "")
    assert stopped.exists(), "none is started if one of them is not known"
    assert (
        cctv("cameras", "start", "front", "yard").out == "Camera front may record again\nCamera yard may record again\n"
    )
    assert not stopped.exists()


def test_a_camera_is_restarted_if_a_process_records_it(cctv: Callable[..., Any], front: CameraTree) -> None:
    asked = front.layout.restart_file
    idle = "Camera front needs no restart: neither cctv serve nor cctv record is recording it\n"
    assert cctv("cameras", "restart", "front") == (0, idle, "")
    files.replace_text(front.layout.run_file, to_json(Run("00c0ffee00c0ffee", "", 1.0, 0)))
    front.show(State.RUNNING, "recording", since=1_000_000.0)
    assert cctv("cameras", "restart", "front", "garage").code == 7
    assert not asked.exists()
    assert cctv("cameras", "restart", "front") == (0, f"Camera front is restarted by process {os.getpid()}\n", "")
    assert asked.read_text() == "00c0ffee00c0ffee"
    asked.unlink()
    assert cctv("cameras", "stop", "front").code == 0
    stopped = "Camera front is stopped: start it with cctv cameras start front\n"
    assert cctv("cameras", "restart", "front") == (0, stopped, "")
    front.leave()
    assert not asked.exists()


def test_a_disabled_camera_is_not_started(cctv: Callable[..., Any], home: Path) -> None:
    (home / "cameras.toml").write_text(CAMERAS.replace('id = "yard"', 'id = "yard"\nenabled = false'))
    assert cctv("cameras", "stop", "front", "yard").code == 0
    for action in ("start", "restart"):
        refused = cctv("cameras", action, "front", "yard")
        assert (refused.code, refused.out) == (14, "")
        assert "Camera yard is disabled in the configuration" in refused.err
