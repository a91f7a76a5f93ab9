from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from tests.cli.conftest import PASSWORD, run_process
from tests.support.ports import free_port

CAMERAS = f"""
[server]
port = 8123

[[cameras]]
id = "in_url"
rtsp_url = "rtsp://admin:{PASSWORD}@192.168.1.100/Streaming/Channels/101"

[[cameras]]
id = "apart"
name = "Back [red]door[/red]"
rtsp_url = "rtsp://192.168.1.101/Streaming/Channels/101"
username = "admin"
password = "{PASSWORD}"

[[cameras]]
id = "in_file"
rtsp_url = "rtsp://192.168.1.102/Streaming/Channels/101"
username = "admin"
password_file = "password.txt"

[[cameras]]
id = "in_query"
rtsp_url = "rtsp://192.168.1.103/live?user=admin&password={PASSWORD}&channel=1"

[[cameras]]
id = "with_sub"
rtsp_url = "rtsp://admin:{PASSWORD}@192.168.1.104/Streaming/Channels/101"
sub_rtsp_url = "rtsp://viewer:{PASSWORD}@192.168.1.104/Streaming/Channels/102"

[[nvrs]]
id = "nvr"
kind = "hikvision"
host = "192.168.1.200"
channels = [1, 2]
username = "admin"
password = "{PASSWORD}"
"""


@pytest.fixture
def configured(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (home / "cameras.toml").write_text(CAMERAS)
    (home / "password.txt").write_text(f"{PASSWORD}\n")
    (home / ".env").write_text(f"RETENTION_DAYS=7\nCAMERA_1_ID=in_dotenv\nCAMERA_1_RTSP_URL=rtsp://a:{PASSWORD}@c/1\n")
    monkeypatch.setenv("SERVER_HOST", "127.0.0.1")
    return home


def rows(text: str) -> Dict[str, Dict[str, str]]:
    return {row["key"]: row for row in json.loads(text)}


def test_json_has_a_key_a_value_and_an_origin_for_every_setting(cctv: Callable[..., Any], configured: Path) -> None:
    result = cctv("config", "--json")
    assert (result.code, result.err) == (0, "")
    document = json.loads(result.out)
    assert all(list(row) == ["key", "value", "from"] for row in document)
    assert all(isinstance(value, str) for row in document for value in row.values())
    assert [row["key"] for row in document[:36]] == [
        "timezone",
        "server.host",
        "server.port",
        "server.access",
        "server.lan_networks",
        "server.trusted_proxies",
        "server.server_names",
        "server.cors_origins",
        "server.tls_cert",
        "server.tls_key",
        "server.base_path",
        "server.accel_redirect",
        "storage.path",
        "storage.live_path",
        "storage.sync_interval",
        "retention.days",
        "retention.max_size",
        "retention.min_free",
        "retention.interval",
        "retention.most_deleted",
        "health.cpu",
        "health.memory",
        "health.segment_age",
        "health.missing",
        "health.gop",
        "alerts.webhooks",
        "alerts.after",
        "alerts.reminder",
        "log.format",
        "log.file",
        "ffmpeg.path",
        "ffmpeg.threads",
        "stream.segment_duration",
        "stream.video_bitrate",
        "stream.audio_bitrate",
        "stream.transcode",
    ]
    of_one = [row["key"] for row in document if row["key"].startswith("cameras.apart.")]
    fields = ("name", "enabled", "audio", "transcode", "rtsp_url", "username", "password")
    assert of_one == [f"cameras.apart.{field}" for field in fields]
    with_sub = (*fields, "sub_rtsp_url", "sub_rtsp_url.username", "sub_rtsp_url.password")
    assert [row["key"] for row in document[-2 * len(with_sub) :]] == [
        f"cameras.{camera}.{field}" for camera in ("nvr-1", "nvr-2") for field in with_sub
    ]
    assert len(document) == 36 + 5 * len(fields) + 3 * len(with_sub)


def test_every_value_has_its_origin(cctv: Callable[..., Any], configured: Path) -> None:
    found = rows(cctv("config", "--json").out)
    origins = {
        key: (found[key]["value"], found[key]["from"])
        for key in (
            "server.host",
            "server.port",
            "retention.days",
            "stream.video_bitrate",
            "cameras.apart.password",
            "cameras.with_sub.sub_rtsp_url",
            "cameras.nvr-2.sub_rtsp_url",
            "cameras.nvr-2.password",
        )
    }
    assert origins == {
        "server.host": ("127.0.0.1", "environment: SERVER_HOST"),
        "server.port": ("8123", "cameras.toml: server.port"),
        "retention.days": ("7", ".env: RETENTION_DAYS"),
        "stream.video_bitrate": ("2000k", "default"),
        "cameras.apart.password": ("***", "cameras.toml: camera 2 password"),
        "cameras.with_sub.sub_rtsp_url": (
            "rtsp://192.168.1.104:554",
            "cameras.toml: camera 5 sub_rtsp_url",
        ),
        "cameras.nvr-2.sub_rtsp_url": (
            "rtsp://192.168.1.200:554",
            "cameras.toml: nvr 1 host",
        ),
        "cameras.nvr-2.password": ("***", "cameras.toml: nvr 1 password"),
    }


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_no_password_is_shown_wherever_it_is_written(
    cctv: Callable[..., Any], configured: Path, options: List[str]
) -> None:
    result = cctv("config", *options)
    assert result.code == 0
    for camera in ("in_url", "apart", "in_file", "in_query", "with_sub", "in_dotenv", "nvr-1", "nvr-2"):
        assert f"cameras.{camera}.rtsp_url" in result.out
    assert result.out.count("***") >= 4
    assert PASSWORD not in result.out + result.err


def test_the_table_shows_every_key_and_no_markup(cctv: Callable[..., Any], configured: Path) -> None:
    shown = cctv("config").out
    for key in rows(cctv("config", "--json").out):
        assert key in shown
    assert "Back [red]door[/red]" in " ".join(shown.split())


def test_the_table_never_shortens_a_value(
    cctv: Callable[..., Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path that is cut off can be neither corrected nor found by grep."""
    monkeypatch.setenv("HLS_BASE_PATH", "/srv/" + "surveillance-" * 12 + "storage")
    shown = cctv("config").out
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown
    assert "/srv/" + "surveillance-" * 12 + "storage" in shown.replace("\n", "").replace(" ", "")


def test_every_problem_is_one_line_and_the_code_is_3(
    cctv: Callable[..., Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_PORT", "99999")
    monkeypatch.setenv("RETENTION_DAYS", "soon")
    monkeypatch.setenv("CAMERA_1_ID", "../etc")
    monkeypatch.setenv("CAMERA_1_RTSP_URL", f"rtsp://admin:{PASSWORD}@/no host")
    result = cctv("config")
    assert (result.code, result.out) == (3, "")
    lines = result.err.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("Error: environment: ") and line.endswith(".") for line in lines)
    for name in ("SERVER_PORT", "RETENTION_DAYS", "CAMERA_1_ID", "CAMERA_1_RTSP_URL"):
        assert sum(f"environment: {name}" in line for line in lines) == 1
    assert PASSWORD not in result.err


def test_a_named_file_must_exist(cctv: Callable[..., Any], home: Path) -> None:
    result = cctv("config", "--config", "nosuch.toml")
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith("Error: nosuch.toml: the file cannot be read")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_no_camera_is_a_warning_with_its_cure(cctv: Callable[..., Any], home: Path, options: List[str]) -> None:
    result = cctv("config", *options)
    assert result.code == 0
    assert result.err == (
        "Warning: No camera is configured; add one to cameras.toml or set CAMERA_1_ID and CAMERA_1_RTSP_URL.\n"
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FFMPEG_PATH", "nowhere/ffmpeg"),
        ("LOG_FILE", "nowhere/cctv.log"),
        ("LOG_FILE", "."),
        ("SERVER_HOST", "192.0.2.1"),
        ("HLS_BASE_PATH", "newer"),
    ],
)
def test_a_problem_that_prevents_serve_from_starting_is_a_warning(home: Path, variable: str, value: str) -> None:
    (home / "newer").mkdir()
    (home / "newer" / ".cctv-storage").write_text('{"version": 2, "id": "x"}')
    given = {
        "CAMERA_1_ID": "front",
        "CAMERA_1_RTSP_URL": "rtsp://127.0.0.1:9/1",
        "SERVER_HOST": "127.0.0.1",
        "SERVER_PORT": str(free_port()),
        variable: value,
    }
    checked = run_process("config", cwd=home, **given)
    assert checked.code == 0
    served = run_process("serve", cwd=home, **given)
    assert served.code != 0
    reason = served.err.splitlines()[-1].partition("Error: ")[2].partition(" (")[0]
    assert reason
    assert f"Warning: cctv serve will not start here: {reason}" in checked.err
    assert len(checked.err.splitlines()) == 1
    assert not (home / "cctv.log").exists()


def test_a_port_in_use_is_not_reported(cctv: Callable[..., Any], configured: Path, monkeypatch: Any) -> None:
    """A running server may use it."""
    with socket.create_server(("127.0.0.1", 0)) as used:
        monkeypatch.setenv("SERVER_PORT", str(used.getsockname()[1]))
        assert cctv("config").err == ""


def test_a_storage_in_which_nothing_can_be_recorded(home: Path, cctv: Callable[..., Any], monkeypatch: Any) -> None:
    (home / "file").touch()
    monkeypatch.setenv("HLS_BASE_PATH", "file/hls")
    monkeypatch.setenv("CAMERA_1_ID", "front")
    monkeypatch.setenv("CAMERA_1_RTSP_URL", "rtsp://127.0.0.1:9/1")
    result = cctv("config")
    assert result.code == 0
    assert f"Warning: cctv serve will not start here: The storage {home / 'file' / 'hls'} cannot be" in result.err
    served = run_process("serve", cwd=home, **{name: os.environ[name] for name in os.environ if "_" in name})
    assert served.code == 6
