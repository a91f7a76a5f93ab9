"""Who may do what, as an operator sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

from cctv_cli.core.access.store import AccessStore

Cctv = Callable[..., Any]
PRIVATE = "This machine and clients in private networks may view without a token"
CAMERAS = 'timezone = "Europe/Berlin"\n[[cameras]]\nid = "front"\nrtsp_url = "rtsp://192.168.1.101/1"\n'


def test_it_says_who_may_do_what_and_forgets_a_proxy(cctv: Cctv, home: Path) -> None:
    (home / "cameras.toml").write_text(CAMERAS)
    free = [PRIVATE, "Programs on this machine may control without a token", "There are no tokens"]
    assert cctv("access").out.splitlines() == free
    AccessStore(home / "hls").note_proxy(1_784_036_000.0)
    shown = cctv("access")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.splitlines() == [
        PRIVATE,
        "Nobody may control without a token, because a proxy on this machine was seen",
        "There are no tokens",
        "A proxy on this machine was seen on 2026-07-14T15:33:20.000+02:00",
    ]
    assert cctv("access", "forget-proxy").out.splitlines() == free
    assert json.loads(cctv("access", "forget-proxy", "--json").out)["proxy_seen"] is None
    assert cctv("token", "add", "me", "--role", "admin").code == 0
    assert cctv("access").out.splitlines()[1:] == [
        "Nobody may control without a token, because there are tokens",
        "Tokens: me (admin)",
    ]


def test_a_damaged_file_of_tokens_is_told(cctv: Cctv, home: Path) -> None:
    (home / "cameras.toml").write_text(CAMERAS)
    assert cctv("token", "add", "me").code == 0
    (home / "hls" / ".access" / "tokens.json").write_text("{}")
    result = cctv("access")
    assert (result.code, result.out) == (16, "")
    assert "is damaged, so nobody gets in with a token" in result.err
