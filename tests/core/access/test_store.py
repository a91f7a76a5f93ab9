"""The folder of tokens, as several processes use it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

from cctv_cli.core.access import tokens
from cctv_cli.core.access.roles import Role
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.errors import TokenError
from cctv_cli.core.layout import access_files
from cctv_cli.core.records import NewerFormat

NOW = 1_800_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> AccessStore:
    return AccessStore(tmp_path)


def test_a_new_storage_has_no_tokens_and_no_folder_for_them(store: AccessStore, tmp_path: Path) -> None:
    assert store.tokens() == ()
    assert list(tmp_path.iterdir()) == []


def test_a_token_is_kept_as_a_hash(store: AccessStore, tmp_path: Path) -> None:
    secret = store.add("phone", Role.OPERATOR, ["front", "back", "front"], NOW + 60, NOW).reveal()
    (token,) = AccessStore(tmp_path).tokens()
    assert (token.name, token.role, token.created, token.cameras, token.expires) == (
        "phone",
        Role.OPERATOR,
        NOW,
        ("back", "front"),
        NOW + 60,
    )
    assert tokens.find([token], secret, NOW) is token
    assert not any(secret.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_change_by_another_process_is_seen_at_once(store: AccessStore, tmp_path: Path) -> None:
    other = AccessStore(tmp_path)
    for number in range(20):
        other.add(f"t{number}", Role.VIEWER, None, None, NOW)
        assert len(store.tokens()) == number + 1
    other.revoke("t7")
    assert "t7" not in {token.name for token in store.tokens()}
    access_files(tmp_path).tokens.unlink()
    assert store.tokens() == ()


def test_processes_that_add_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from cctv_cli.core.access.store import AccessStore; "
        "from cctv_cli.core.access.roles import Role; store = AccessStore(pathlib.Path(sys.argv[1])); "
        "[store.add(f'{sys.argv[2]}-{n}', Role.VIEWER, None, None, 1e9) for n in range(10)]"
    )
    adding: List[subprocess.Popen] = [  # type: ignore[type-arg]
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in "abc"
    ]
    assert [process.wait() for process in adding] == [0, 0, 0]
    assert len(AccessStore(tmp_path).tokens()) == 30


def test_a_name_is_taken_until_its_token_expires_or_is_revoked(store: AccessStore) -> None:
    store.add("phone", Role.VIEWER, None, NOW + 60, NOW)
    with pytest.raises(TokenError, match="There is already a token named phone"):
        store.add("phone", Role.VIEWER, None, None, NOW + 59)
    store.add("phone", Role.ADMIN, None, None, NOW + 60)
    assert [token.role for token in store.tokens()] == [Role.ADMIN]
    store.revoke("phone")
    store.add("phone", Role.VIEWER, None, None, NOW + 61)


def test_an_unknown_or_impossible_name(store: AccessStore) -> None:
    with pytest.raises(TokenError, match="There is no token named 'x'"):
        store.revoke("x")
    with pytest.raises(TokenError, match="cannot be named 'a b'; use letters"):
        store.add("a b", Role.VIEWER, None, None, NOW)
    assert store.tokens() == ()


@pytest.mark.parametrize(
    "damaged",
    ["", "{", "[]", '{"tokens": 1}', '{"tokens": [{"name": "a"}]}', '{"tokens": [{"name": "a", "role": "god"}]}'],
)
def test_a_damaged_file_does_not_look_like_no_tokens(store: AccessStore, tmp_path: Path, damaged: str) -> None:
    store.add("phone", Role.VIEWER, None, None, NOW)
    access_files(tmp_path).tokens.write_text(damaged)
    for _ in range(2):
        with pytest.raises(TokenError, match="is damaged, so nobody gets in with a token"):
            store.tokens()
    with pytest.raises(TokenError):
        store.add("other", Role.VIEWER, None, None, NOW)
    assert access_files(tmp_path).tokens.read_text() == damaged, "nothing is lost that somebody may repair"


def test_the_file_of_a_newer_cctv_is_neither_read_nor_changed(store: AccessStore, tmp_path: Path) -> None:
    store.add("phone", Role.VIEWER, None, None, NOW)
    newer = '{"version": 2, "tokens": []}'
    access_files(tmp_path).tokens.write_text(newer)
    for act in (store.tokens, lambda: store.revoke("phone")):
        with pytest.raises(NewerFormat):
            act()
    assert access_files(tmp_path).tokens.read_text() == newer


@pytest.mark.skipif(sys.platform == "win32", reason="Windows gives files the rights of their folder")
def test_only_its_owner_may_enter_the_folder(store: AccessStore, tmp_path: Path) -> None:
    store.add("phone", Role.VIEWER, None, None, NOW)
    assert stat.S_IMODE(access_files(tmp_path).tokens.parent.stat().st_mode) == 0o700


def test_the_key_of_links_stays_until_it_is_replaced(store: AccessStore, tmp_path: Path) -> None:
    assert store.link_key() is None
    key = store.make_link_key()
    assert AccessStore(tmp_path).link_key() == store.make_link_key() == key
    assert len(key.reveal()) == 64
    store.revoke_links()
    assert AccessStore(tmp_path).link_key() not in (None, key)


def test_a_damaged_key_opens_nothing_and_is_replaced(store: AccessStore, tmp_path: Path) -> None:
    store.make_link_key()
    access_files(tmp_path).link_key.write_text("short")
    assert store.link_key() is None
    assert store.make_link_key() == store.link_key() is not None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root writes for others")
def test_the_server_of_another_user_can_read_what_root_writes(tmp_path: Path) -> None:
    storage = tmp_path / "hls"
    storage.mkdir()
    os.chown(storage, 1234, 1235)
    store = AccessStore(storage)
    store.add("phone", Role.VIEWER, None, None, NOW)
    store.make_link_key()
    folder = access_files(storage).tokens.parent
    owned = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in (folder, *folder.iterdir())}
    assert set(owned.values()) == {(1234, 1235)}, owned
    assert access_files(storage).link_key.name in owned


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root writes for others")
def test_root_gives_away_no_file_that_has_another_name_elsewhere(tmp_path: Path) -> None:
    storage = tmp_path / "hls"
    access_files(storage).lock.parent.mkdir(parents=True)
    os.chown(storage, 1234, 1235)
    os.chown(access_files(storage).lock.parent, 1234, 1235)
    secret = tmp_path / "of root"
    secret.write_text("")
    os.link(secret, access_files(storage).lock)
    AccessStore(storage).add("phone", Role.VIEWER, None, None, NOW)
    assert secret.stat().st_uid == 0
