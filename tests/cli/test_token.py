"""Tokens, as an operator gives them out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest

from cctv_cli.core.access import tokens
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.layout import access_files

Cctv = Callable[..., Any]
CAMERAS = 'timezone = "Europe/Berlin"\n' + "".join(
    f'[[cameras]]\nid = "{name}"\nrtsp_url = "rtsp://192.168.1.101/{name}"\n' for name in ("front", "yard")
)


@pytest.fixture
def storage(home: Path) -> Path:
    (home / "cameras.toml").write_text(CAMERAS)
    return home / "hls"


def test_a_token_is_shown_once_and_can_be_revoked(cctv: Cctv, storage: Path) -> None:
    added = cctv("token", "add", "partner", "--camera", "front", "--expires", "7d")
    assert (added.code, added.err) == (0, "")
    head, secret, how = added.out.splitlines()
    assert head == "Token partner, which is shown only now:"
    assert "Authorization: Bearer TOKEN" in how and "/t/TOKEN/stream/CAMERA/live.m3u8" in how
    (token,) = AccessStore(storage).tokens()
    assert tokens.find([token], secret, token.created) is token
    assert token.expires == pytest.approx(token.created + 7 * 86400)
    listed = cctv("token", "list")
    assert listed.out.splitlines()[0].split() == ["Name", "Role", "Cameras", "Expires", "Created"]
    assert listed.out.splitlines()[1].split()[:3] == ["partner", "viewer", "front"]
    assert secret not in listed.out + cctv("token", "list", "--json").out
    assert cctv("token", "revoke", "partner").out == "Token partner is revoked\n"
    assert json.loads(cctv("token", "list", "--json").out) == []
    assert cctv("token", "list").out == "There are no tokens; add one with: cctv token add NAME\n"


def test_mistakes_are_told_in_one_sentence_and_make_no_token(cctv: Cctv, storage: Path) -> None:
    for arguments, code, words in (
        (("add", "phone", "--camera", "attic"), 7, "No camera 'attic' is configured; known: front, yard"),
        (("add", "a b"), 16, "A token cannot be named 'a b'; use letters"),
        (("add", "phone", "--role", "god"), 2, "'god' is no role; write one of viewer, operator, admin"),
        (("add", "phone", "--expires", "soon"), 2, "write a duration such as 90s, 10m, 24h or 7d"),
        (("revoke", "phone"), 16, "There is no token named 'phone'; cctv token list shows all"),
    ):
        result = cctv("token", *arguments)
        assert (result.code, result.out) == (code, "")
        assert words in result.err
    assert not access_files(storage).tokens.exists()


def test_a_damaged_file_is_told(cctv: Cctv, storage: Path) -> None:
    assert cctv("token", "add", "phone").code == 0
    access_files(storage).tokens.write_text("{")
    for arguments in (("list",), ("add", "other"), ("revoke", "phone")):
        result = cctv("token", *arguments)
        assert (result.code, result.out) == (16, "")
        assert result.err.endswith("is damaged, so nobody gets in with a token; remove it, and add the tokens again\n")
