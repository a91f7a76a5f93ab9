"""The keys and types of every JSON document that a command prints; scripts depend on them.

A shape is a type; a tuple of a type and None for what may be null; a list with the shape of its items; or a
mapping with the shape of each key. More or other keys than these do not fit.
"""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest

from cctv_cli.core.audit.entries import WATCHED, Entry, View
from cctv_cli.core.audit.log import AuditLog
from cctv_cli.core.clock import format_instant
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.recording.state import State
from cctv_cli.core.storage.marker import ensure_marker
from tests.cli.conftest import announced, commands, run_process, serving
from tests.support.http_answers import HttpAnswers
from tests.support.ports import free_port
from tests.support.storage_tree import CameraTree

Shape = Any

CAMERA: Shape = {
    "id": str,
    "name": str,
    "enabled": bool,
    "state": str,
    "reason": str,
    "since": (str, None),
    "codec": (str, None),
    "audio": (str, None),
    "audio_enabled": bool,
    "bit_rate": (int, None),
    "last_segment_at": (str, None),
    "recorded_today_seconds": float,
    "restarts": int,
    "retry_at": (str, None),
    "supervisor_pid": (int, None),
    "ffmpeg_pid": (int, None),
}
CHECK: Shape = {
    "camera": str,
    "stream": str,
    "fine": bool,
    "outcome": str,
    "reason": str,
    "status": (int, None),
    "codec": (str, None),
    "width": (int, None),
    "height": (int, None),
    "audio": (str, None),
    "audio_rate": (int, None),
    "retry_at": (float, None),
}
COVERAGE: Shape = {"recorded_seconds": float, "missing_seconds": float, "off_seconds": float}
AUDIT: Shape = {
    "at": str,
    "what": str,
    "who": {"name": str, "user": str, "address": str, "chain": [str]},
    "camera": str,
    "outcome": str,
    "detail": str,
    "count": int,
    "view": (
        {"began": str, "ended": str, "bytes": int, "answers": int, "first": str, "last": str},
        None,
    ),
}
HEALTH: Shape = {
    "status": str,
    "at": str,
    "findings": [{"name": str, "severity": str, "camera": (str, None), "sentence": str}],
    "system": {
        "cpu_percent": float,
        "cores": int,
        "memory_percent": float,
        "memory_total_bytes": int,
        "memory_available_bytes": int,
        "load": ([float], None),
        "open_files": (int, None),
        "open_files_limit": (int, None),
        "disk_total_bytes": int,
        "disk_used_bytes": int,
        "disk_free_bytes": int,
    },
    "cameras": [
        {
            "id": str,
            "name": str,
            "wanted": bool,
            "supervised": bool,
            "state": str,
            "reason": str,
            "since": (str, None),
            "codec": (str, None),
            "audio": (str, None),
            "width": (int, None),
            "height": (int, None),
            "bit_rate": (int, None),
            "frame_rate": (float, None),
            "gop_seconds": (float, None),
            "last_segment_age_seconds": (float, None),
            "disk_clock_ahead_seconds": float,
            "last_hour": COVERAGE,
            "last_24_hours": COVERAGE,
            "restarts_last_hour": int,
        }
    ],
    "processes": [
        {
            "camera": str,
            "stream": str,
            "pid": (int, None),
            "cpu_percent": (float, None),
            "memory_bytes": (int, None),
            "uptime_seconds": (float, None),
            "restarts": int,
            "last_exit": (str, None),
            "last_exit_at": (str, None),
        }
    ],
    "storage": {
        "total_bytes": int,
        "used_bytes": int,
        "free_bytes": int,
        "min_free_bytes": int,
        "recordings_bytes": int,
        "oldest_recording": (str, None),
        "growth_bytes_per_day": (int, None),
        "days_until_full": (float, None),
        "promise": (
            {"kept": bool, "needed_bytes": int, "room_bytes": int, "days": float, "too_small": [str]},
            None,
        ),
        "cameras": [
            {
                "id": str,
                "bytes": int,
                "growth_bytes_per_day": (int, None),
                "oldest_recording": (str, None),
                "retention_days": int,
                "max_size_bytes": (int, None),
                "days": [{"date": str, "bytes": int}],
            }
        ],
    },
}
COUNT: Shape = {"files": int, "bytes": int}
REASONS: Shape = [{"reason": str, "files": int, "bytes": int}]
CLEANUP: Shape = {
    "executed": bool,
    "at": str,
    "deletes": COUNT,
    "deleted": COUNT,
    "cameras": [
        {
            "id": str,
            "retention_days": int,
            "max_size": (int, None),
            "deletes": COUNT,
            "keeps": COUNT,
            "days": [{"date": str, "deletes": REASONS, "keeps": REASONS}],
            "foreign_files": int,
            "foreign": [str],
        }
    ],
    "disks": [{"path": str, "total": int, "free": int, "free_after": int, "min_free": int}],
    "refusals": [{"brake": str, "camera_id": (str, None), "reason": str}],
    "shortfalls": [str],
    "notes": [str],
    "troubles": [str],
    "failed": [{"path": str, "reason": str}],
}
HOLD: Shape = {"id": str, "camera": str, "from": str, "until": str, "note": str}
ACCESS: Shape = {"viewing": str, "control": str, "tokens": str, "proxy_seen": (str, None)}
TOKEN: Shape = {
    "name": str,
    "role": str,
    "cameras": ([str], None),
    "created": str,
    "expires": (str, None),
    "expired": bool,
}

CONTRACT: Dict[str, Shape] = {
    "serve": {"url": str, "cameras": {"front": str}},
    "record --for 1s": [CAMERA],
    "cameras": [CAMERA],
    "cameras check": [CHECK],
    "cameras stop": [{"id": str, "stopped": bool}],
    "cameras start": [{"id": str, "stopped": bool}],
    "cameras restart": [{"id": str, "restarting": bool}],
    "reload": [{"pid": int, "cameras": [str], "changes": [str], "pending": [str], "problems": [str]}],
    "health": HEALTH,
    "health --url URL": HEALTH,
    "health --test-alert": [{"webhook": str, "taken": bool, "reason": (str, None)}],
    "cleanup": CLEANUP,
    "cleanup --preview": CLEANUP,
    "audit": [AUDIT],
    "holds": [HOLD],
    "holds add": HOLD,
    "holds release": HOLD,
    "token add": {**TOKEN, "token": str},
    "token list": [TOKEN],
    "token revoke": TOKEN,
    "token revoke-links": {"revoked": bool},
    "access": ACCESS,
    "access forget-proxy": ACCESS,
    "link": {"url": str, "camera": str, "from": (str, None), "to": (str, None), "expires": str},
    "config": [{"key": str, "value": str, "from": str}],
}
CAMERAS = """
timezone = "Europe/Berlin"
[[cameras]]
id = "front"
name = "Front Entrance"
rtsp_url = "rtsp://127.0.0.1:9/1"
"""


def misfits(value: Any, shape: Shape, where: str = "document") -> List[str]:
    """The differences between a value and its shape."""
    if isinstance(shape, tuple):
        return [] if value is None else misfits(value, shape[0], where)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where}: {value!r} is not an array"]
        return [misfit for index, item in enumerate(value) for misfit in misfits(item, shape[0], f"{where}[{index}]")]
    if isinstance(shape, dict):
        if not isinstance(value, dict) or set(value) != set(shape):
            return [f"{where}: {value!r} does not have the keys {sorted(shape)}"]
        return [misfit for key in shape for misfit in misfits(value[key], shape[key], f"{where}.{key}")]
    types = (int, float) if shape is float else (shape,)
    return [] if type(value) in types else [f"{where}: {value!r} is not {shape.__name__}"]


@pytest.fixture
def front(home: Path) -> Iterator[CameraTree]:
    """A camera that was recorded 40 days and half an hour ago and has been failing since."""
    (home / "cameras.toml").write_text(CAMERAS)
    tree = CameraTree(Settings(storage=home / "hls", timezone="Europe/Berlin"), "front")
    ensure_marker(home / "hls")
    for age in (timedelta(days=40), timedelta(minutes=30)):
        tree.record((datetime.now(timezone.utc) - age).isoformat(), 60)
    (tree.layout.recordings / "notes.txt").touch()
    tree.begin_stream(0, time.time() - 11)
    tree.stream(1)
    tree.show(State.BACKOFF, "the camera refuses connections", since=1_000_000.5, retry_at=1_000_004.5)
    yield tree
    tree.leave()


@pytest.fixture
def document(cctv: Callable[..., Any], home: Path, front: CameraTree, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The document that a command prints."""

    def of(name: str) -> Any:
        if name == "serve":
            front.leave()
            with serving(home, free_port()) as process:
                return announced(process)
        if name == "reload":
            front.leave()
            with serving(home, free_port()) as process:
                announced(process)
                return json.loads(cctv("reload", "--json").out)
        if name == "record --for 1s":
            front.leave()
            return json.loads(run_process(*name.split(), "--json", cwd=home).out)
        if name == "health --url URL":
            with HttpAnswers(body=cctv("health", "--json").out.encode()) as server:
                return json.loads(cctv("health", "--url", server.url, "--json").out)
        if name == "health --test-alert":
            with HttpAnswers(200) as good, HttpAnswers(404) as bad:
                monkeypatch.setenv("ALERT_WEBHOOKS", f"{good.url},{bad.url}")
                return json.loads(cctv(*name.split(), "--json").out)
        if name in ("cameras stop", "cameras start", "cameras restart"):
            return json.loads(cctv(*name.split(), "front", "--json").out)
        if name.startswith("token"):
            assert cctv("token", "add", "old", "--camera", "front", "--expires", "1d").code == 0
            named = {"token add": ["new"], "token revoke": ["old"]}.get(name, [])
            return json.loads(cctv(*name.split(), *named, "--json").out)
        if name == "link":
            return json.loads(cctv("link", "front", "--url", "http://nvr:8000", "--json").out)
        if name == "audit":
            assert cctv("cameras", "stop", "front").code == 0
            AuditLog(home / "hls").append(Entry(time.time(), WATCHED, view=View(0.0, 1.0, 0, 1)))
        if not name.startswith("holds"):
            return json.loads(cctv(*name.split(), "--json").out)
        recent = [format_instant(time.time() - seconds, None) for seconds in (3600, 60)]
        hold = json.loads(cctv("holds", "add", "front", *recent, "--json").out)
        if name == "holds add":
            return hold
        return json.loads(cctv(*name.split(), *([hold["id"]] if name == "holds release" else []), "--json").out)

    return of


@pytest.mark.parametrize("name", CONTRACT)
def test_a_document_keeps_its_keys_and_types(document: Callable[[str], Any], name: str) -> None:
    found = document(name)
    assert found
    assert misfits(found, CONTRACT[name]) == []


def test_every_command_with_json_is_in_the_contract() -> None:
    with_json = {name for name, command in commands().items() if any("--json" in each.opts for each in command.params)}
    assert with_json == {name.partition(" --")[0] for name in CONTRACT}


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ({"a": 1}, {"a": str}),
        ({"a": True}, {"a": int}),
        ({"a": None}, {"a": str}),
        ({"a": 1, "b": 2}, {"a": int}),
        ({}, {"a": (int, None)}),
        ([1, "2"], [int]),
        ({"a": "1"}, {"a": (int, None)}),
        (1, [int]),
    ],
)
def test_differences_are_found(value: Any, shape: Shape) -> None:
    assert len(misfits(value, shape)) == 1
