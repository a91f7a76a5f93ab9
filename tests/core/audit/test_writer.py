"""The server's writer: nobody waits for it, and what it loses it says."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from cctv_cli.core.audit import writer
from cctv_cli.core.audit.counting import Media
from cctv_cli.core.audit.entries import LOST, REFUSED, WATCHED, Entry, Who
from cctv_cli.core.audit.log import AuditLog
from cctv_cli.core.audit.writer import AuditWriter
from cctv_cli.core.layout import audit_folder
from tests.support.storage_tree import FixedClock
from tests.support.waiting import wait_for

NOW = 1_794_000_000.0
PHONE = Who("phone", address="203.0.113.9")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_EVERY", 0.01)


def test_what_happens_is_soon_on_the_disk_and_the_rest_at_the_end(tmp_path: Path, clock: FixedClock) -> None:
    audit = AuditWriter(tmp_path, clock)
    audit.start()
    for _ in range(3):
        audit.note(Entry(NOW, "login", PHONE, outcome=REFUSED))
    audit.watched(PHONE, Media("front", live=True), 1000)
    wait_for(lambda: AuditLog(tmp_path).since(0.0), "the first entry")
    audit.end()
    found = AuditLog(tmp_path).since(0.0)
    assert sorted((entry.what, entry.count) for entry in found) == [("login", 1), ("login", 2), (WATCHED, 1)]


def test_a_disk_that_refuses_costs_what_is_beyond_the_limit_and_its_number_is_kept(
    tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "_MOST_WAITING", 10)
    blocked = audit_folder(tmp_path)
    blocked.write_text("")  # a file in the place of the folder
    audit = AuditWriter(tmp_path, clock)
    audit.start()
    with caplog.at_level(logging.ERROR, "cctv.audit"):
        for number in range(25):
            audit.note(Entry(NOW, "stop", PHONE, f"camera{number}"))
        wait_for(lambda: "cannot be written" in caplog.text, "the log says that nothing can be written")
    assert len([record for record in caplog.records if "are lost" in record.message]) == 1
    assert len([record for record in caplog.records if "cannot be written" in record.message]) == 1
    os.unlink(blocked)
    wait_for(lambda: any(entry.what == LOST for entry in AuditLog(tmp_path).since(0.0)), "the number of lost entries")
    audit.end()
    *kept, lost = AuditLog(tmp_path).since(0.0)
    assert [entry.camera for entry in kept] == [f"camera{number}" for number in range(10)]
    assert (lost.what, lost.count) == (LOST, 15)
