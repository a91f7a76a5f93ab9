"""The files of the audit log: bounded, and readable whatever happened to them."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctv_cli.core.audit import entries, log
from cctv_cli.core.audit.entries import REFUSED, WATCHED, Entry, View, Who
from cctv_cli.core.audit.log import AuditLog
from cctv_cli.core.layout import audit_folder
from cctv_cli.core.records import LONGEST_TEXT

NOW = 1_794_000_000.0
STOP = Entry(NOW, "stop", Who("phone", address="203.0.113.9", chain=("127.0.0.1",)), "front")
VIEW = Entry(NOW, WATCHED, Who(user="anna"), "front", view=View(NOW - 60, NOW, 10**9, 30, "a", "b"))


@pytest.mark.parametrize(
    "entry",
    [STOP, VIEW, Entry(NOW, "wrong token", outcome=REFUSED, count=12), Entry(NOW, "cleanup", detail="ä\n\u2028")],
)
def test_an_entry_is_one_line_that_is_read_back(entry: Entry) -> None:
    line = entries.encode(entry)
    assert line.endswith(b"\n") and len(line.splitlines()) == 1
    assert entries.decode(line) == entry


@given(st.binary() | st.builds(lambda cut: entries.encode(VIEW)[:cut], st.integers(0, 300)))
def test_a_damaged_line_is_no_entry(line: bytes) -> None:
    assert entries.decode(line) in (None, VIEW)


@pytest.mark.parametrize(
    "line",
    [b'{"at": 1}', b'{"at": "x", "what": "stop"}', b'{"at": "2026-01-01T00:00:00+00:00", "what": "a", "view": 1}'],
)
def test_a_line_of_another_kind_is_no_entry(line: bytes) -> None:
    assert entries.decode(line) is None


def test_long_texts_are_cut() -> None:
    found = entries.decode(entries.encode(Entry(NOW, "cleanup", detail="x" * 10_000)))
    assert found is not None and len(found.detail) == LONGEST_TEXT


def test_entries_are_shown_in_order_from_an_instant_on(tmp_path: Path) -> None:
    assert AuditLog(tmp_path).since(0.0) == []
    for at in (3.0, 1.0, 2.0):
        for entry in (STOP, VIEW):
            AuditLog(tmp_path).append(Entry(NOW + at, entry.what, entry.who, view=entry.view))
    assert [entry.at - NOW for entry in AuditLog(tmp_path).since(NOW + 2.0)] == [2.0, 2.0, 3.0, 3.0]


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        AuditLog(tmp_path / "hls").append(STOP)
    finally:
        os.umask(before)
    folder = audit_folder(tmp_path / "hls")
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
    assert [stat.S_IMODE(path.stat().st_mode) & 0o077 for path in folder.iterdir()] == [0]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root writes for others")
def test_what_root_writes_belongs_to_the_owner_of_the_storage(tmp_path: Path) -> None:
    storage = tmp_path / "hls"
    storage.mkdir()
    os.chown(storage, 1234, 1235)
    AuditLog(storage).append(STOP)
    AuditLog(storage).append(VIEW)
    folder = audit_folder(storage)
    assert {(path.stat().st_uid, path.stat().st_gid) for path in (folder, *folder.iterdir())} == {(1234, 1235)}


def test_a_torn_line_costs_only_itself(tmp_path: Path) -> None:
    AuditLog(tmp_path).append(STOP)
    (path,) = audit_folder(tmp_path).iterdir()
    path.write_bytes(path.read_bytes() + entries.encode(STOP)[:50])
    AuditLog(tmp_path).append(STOP)
    assert AuditLog(tmp_path).since(NOW) == [STOP, STOP]


def test_it_is_bounded_and_one_series_does_not_push_out_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_FULL", 2000)
    AuditLog(tmp_path).append(STOP)
    for number in range(300):
        AuditLog(tmp_path).append(Entry(NOW + number, "wrong token", outcome=REFUSED))
        AuditLog(tmp_path).append(Entry(NOW + number, WATCHED, view=VIEW.view))
    found = AuditLog(tmp_path).since(0.0)
    assert [entry.what for entry in found].count("stop") == 1
    assert found[-1].at == NOW + 299
    assert sum(path.stat().st_size for path in audit_folder(tmp_path).iterdir()) <= 7 * 2300
    assert len(list(audit_folder(tmp_path).iterdir())) == 1 + 4 + 2


def test_old_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_FULL", 1)
    for _ in range(3):
        AuditLog(tmp_path).append(STOP)
    assert len(AuditLog(tmp_path).since(NOW)) == 3
    _, second, _ = sorted(audit_folder(tmp_path).iterdir())
    os.utime(second, (NOW - 7200, NOW - 7200))
    assert len(AuditLog(tmp_path).since(NOW)) == 1, "the first was written even earlier"


def test_processes_append_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_FULL", 5000)
    monkeypatch.setattr(log, "_KEPT", dict.fromkeys(entries.Series, 1000))

    def append(writer: int) -> None:
        for number in range(50):
            AuditLog(tmp_path).append(Entry(NOW + number, f"{writer}"))

    with ThreadPoolExecutor(8) as writers:
        list(writers.map(append, range(8)))
    found: List[str] = [entry.what for entry in AuditLog(tmp_path).since(0.0)]
    assert {what: found.count(what) for what in found} == {str(writer): 50 for writer in range(8)}
