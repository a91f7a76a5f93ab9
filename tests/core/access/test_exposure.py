from __future__ import annotations

from ipaddress import ip_network
from typing import Any, Dict, Optional, Tuple

import pytest

from cctv_cli.core.access.exposure import control, holders, proxy_settings, rules_of, viewing
from cctv_cli.core.access.roles import Role
from cctv_cli.core.access.tokens import Token
from cctv_cli.core.config.settings import Settings

NOW = 1_800_000_000.0
PHONE = Token("phone", "0" * 64, Role.VIEWER, NOW - 60, None, NOW + 60)


@pytest.mark.parametrize(
    ("configured", "sentence"),
    [
        ({}, "This machine and clients in private networks may view without a token"),
        (
            {"lan_networks": (ip_network("192.168.0.0/16"), ip_network("127.0.0.1"))},
            "Clients in 192.168.0.0/16, 127.0.0.1/32 may view without a token",
        ),
        ({"access": "token"}, "Nobody may view without a token"),
        ({"access": "open"}, "Everybody who reaches this server may view without a token (server.access is open)"),
    ],
)
def test_who_may_view(configured: Dict[str, Any], sentence: str) -> None:
    assert viewing(Settings(**configured)) == sentence


@pytest.mark.parametrize(
    ("configured", "tokens", "proxy_seen", "because"),
    [
        ({}, (), None, None),
        ({"access": "open", "server_names": ("a.example",)}, (), None, None),
        ({}, (PHONE,), None, "there are tokens"),
        ({}, None, None, "the tokens cannot be read"),
        ({}, (), 0.0, "a proxy on this machine was seen"),
        ({"trusted_proxies": (ip_network("10.0.0.1"),)}, (), None, "trusted_proxies is set"),
        ({"base_path": "/cctv"}, (), None, "base_path is set"),
        ({"accel_redirect": "/m/"}, (PHONE,), None, "there are tokens and accel_redirect is set"),
    ],
)
def test_who_may_control(
    configured: Dict[str, Any], tokens: Optional[Tuple[Token, ...]], proxy_seen: Optional[float], because: Optional[str]
) -> None:
    settings = Settings(**configured)
    assert rules_of(settings, tokens, proxy_seen).local_control == (because is None)
    expected = "Programs on this machine may control without a token"
    if because is not None:
        expected = f"Nobody may control without a token, because {because}"
    assert control(settings, tokens, proxy_seen) == expected
    assert bool(proxy_settings(settings)) == (because is not None and " is set" in because)


def test_whom_tokens_let_in() -> None:
    admin = Token("me", "1" * 64, Role.ADMIN, NOW, None, None)
    assert holders((PHONE, admin), NOW) == "Tokens: phone (viewer), me (admin)"
    assert holders((PHONE, admin), NOW + 61) == "Tokens: phone (expired), me (admin)"
    assert holders((), NOW) == "There are no tokens"
    assert holders(None, NOW) == "No token lets anybody in, because their file cannot be read"
