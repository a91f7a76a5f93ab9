from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import List

import pytest

from cctv_cli.core.access.known import Known
from cctv_cli.core.access.roles import Role
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.access.tokens import InClear
from cctv_cli.core.config.settings import Settings
from tests.support.storage_tree import FixedClock


def test_who_may_do_what_is_logged_at_the_start_and_when_it_changes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "cctv.access")
    configured = [Settings()]
    known, store = Known(tmp_path, lambda: configured[0], FixedClock(1_800_000_000.0)), AccessStore(tmp_path)

    def told() -> List[str]:
        caplog.clear()
        known.read()
        return [f"{record.levelname} {record.getMessage()}" for record in caplog.records]

    assert told() == [
        "INFO This machine and clients in private networks may view without a token",
        "INFO Programs on this machine may control without a token",
        "INFO There are no tokens",
    ]
    assert told() == []
    store.add("phone", Role.VIEWER, None, None, 0.0)
    assert told() == [
        "INFO Nobody may control without a token, because there are tokens",
        "INFO Tokens: phone (viewer)",
    ]
    configured[0] = replace(configured[0], access="open")
    assert told() == ["WARNING Everybody who reaches this server may view without a token (server.access is open)"]


def test_a_proxy_is_forgotten_until_it_is_seen_again(tmp_path: Path) -> None:
    known, store = Known(tmp_path, Settings, FixedClock(1_800_000_000.0)), AccessStore(tmp_path)
    for seen in (1.0, 2.0):
        known.read()
        assert known.rules().local_control
        known.note_proxy(seen)
        assert not known.rules().local_control, "at once, before it is saved"
        known.read()
        assert store.proxy_seen() == known.proxy_seen == seen
        store.forget_proxy()


def test_a_token_or_link_without_tls_is_warned_of_once_an_hour(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, store = FixedClock(1_800_000_000.0), AccessStore(tmp_path)
    store.add("phone", Role.VIEWER, None, None, clock.now())
    known = Known(tmp_path, Settings, clock)
    known.read()
    caplog.set_level("WARNING", "cctv.access")
    for name in ("phone", "phone", "link until 2027-01-15T08:00:00.000+00:00"):
        known.note_in_clear(name, "192.168.1.5")
    first, second = [record.getMessage() for record in caplog.records]
    assert first.startswith("the token phone came from 192.168.1.5 without TLS")
    assert second.startswith("a link until 2027-01-15T08:00:00.000+00:00 came from 192.168.1.5 without TLS")
    known.read()
    assert store.in_clear() == InClear("phone", 1_800_000_000.0), "a link is not something to be revoked"
    caplog.clear()
    clock.advance(3599)
    known.note_in_clear("phone", "192.168.1.5")
    assert not caplog.records
    clock.advance(1)
    known.note_in_clear("phone", "192.168.1.5")
    known.read()
    assert len(caplog.records) == 1
    assert store.in_clear() == InClear("phone", 1_800_003_600.0)
