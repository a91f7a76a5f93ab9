"""The audit log, as an operator reads it, and what commands write there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest

from cctv_cli.core.audit.entries import REFUSED, WATCHED, Entry, View, Who
from cctv_cli.core.audit.log import AuditLog
from cctv_cli.core.clock import HOUR, SystemClock, format_instant
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.layout import audit_folder
from cctv_cli.core.system import user_name
from tests.support.storage_tree import CameraTree

Cctv = Callable[..., Any]
CAMERAS = "".join(f'[[cameras]]\nid = "{id_}"\nrtsp_url = "rtsp://192.168.1.100"\n' for id_ in ("front", "yard"))


@pytest.fixture
def storage(home: Path) -> Path:
    (home / "cameras.toml").write_text(CAMERAS)
    return home / "hls"


def test_commands_write_who_did_what(cctv: Cctv, storage: Path) -> None:
    now = SystemClock().now()
    hour = [format_instant(each, None) for each in (now - HOUR, now - 60)]
    CameraTree(Settings(storage=storage), "front").record(hour[0], 60)
    secret = json.loads(cctv("token", "add", "phone", "--camera", "front", "--json").out)["token"]
    link = json.loads(cctv("link", "front", "--url", "https://cctv.example", "--json").out)["url"]
    for arguments in (
        ("token", "revoke", "phone"),
        ("token", "revoke-links"),
        ("cameras", "stop", "front", "yard"),
        ("cameras", "start", "yard"),
        ("holds", "add", "front", *hour),
    ):
        assert cctv(*arguments).code == 0
    hold = json.loads(cctv("holds", "--json").out)[0]["id"]
    assert cctv("holds", "release", hold).code == 0
    assert cctv("token", "revoke", "nosuch").code == 16
    found = json.loads(cctv("audit", "--json").out)
    assert [(each["what"], each["camera"]) for each in found] == [
        ("token added", ""),
        ("link made", "front"),
        ("token revoked", ""),
        ("links revoked", ""),
        ("stop", "front"),
        ("stop", "yard"),
        ("start", "yard"),
        ("hold added", "front"),
        ("hold released", "front"),
    ]
    assert {each["who"]["user"] for each in found} == {user_name()}
    assert found[0]["detail"] == "phone, viewer for front"
    text = b"".join(path.read_bytes() for path in audit_folder(storage).iterdir()).decode()
    assert secret not in text and link.split("/")[4] not in text


def test_it_shows_a_table(cctv: Cctv, storage: Path) -> None:
    assert "There is nothing to show" in cctv("audit").out
    now = SystemClock().now()
    phone = Who("phone", address="203.0.113.9", chain=("127.0.0.1",))
    view = View(now - 60, now, 5_000_000, 30, "2026-07-14/14/41.ts", "2026-07-14/14/43.ts")
    for entry in (
        Entry(now - 25 * HOUR, "stop", phone, "front"),
        Entry(now - 3, "restart", phone, "front", outcome="failed with 409"),
        Entry(now - 2, "wrong token", Who(address="203.0.113.5"), outcome=REFUSED, count=1200),
        Entry(now - 1, WATCHED, Who(address="192.168.1.5"), "yard", view=view),
    ):
        AuditLog(storage).append(entry)
    title, *lines = cctv("audit").out.splitlines()
    assert title.split() == ["When", "Who", "What", "Camera", "Details"]
    assert [line.split("  ")[1].strip() for line in lines] == [
        "phone at 203.0.113.9 via 127.0.0.1",
        "203.0.113.5",
        "192.168.1.5",
    ]
    assert "failed with 409" in lines[0]
    assert "refused, 1,200 times" in lines[1]
    assert "5.0 MB in 30 answers, recordings 2026-07-14/14/41.ts to 2026-07-14/14/43.ts" in lines[2]
    assert len(json.loads(cctv("audit", "--since", "2d", "--json").out)) == 4
    assert len(json.loads(cctv("audit", "--camera", "yard", "--json").out)) == 1
    assert len(json.loads(cctv("audit", "--since", "2d", "--name", "phone", "--json").out)) == 2
    assert cctv("audit", "--since", "yesterday").code == 2


def test_a_command_does_its_work_even_if_it_cannot_be_written_down(cctv: Cctv, storage: Path) -> None:
    storage.mkdir()
    audit_folder(storage).write_text("")
    done = cctv("cameras", "stop", "front")
    assert (done.code, (storage / "front/.stopped").exists()) == (0, True)
    assert "The audit log lacks this" in done.err
