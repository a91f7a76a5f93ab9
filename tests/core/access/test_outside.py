from __future__ import annotations

from ipaddress import ip_network
from typing import Optional, Tuple

import pytest

from cctv_cli.api.app import create_app
from cctv_cli.core.access.outside import OWN_PATHS, Outside, outside_of, parse_base_path
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.runtime import Runtime

PROXY = (ip_network("127.0.0.1"),)
Headers = Tuple[Tuple[bytes, bytes], ...]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/cctv", "/cctv"),
        ("/cctv/", "/cctv"),
        ("/a.b/c_d-e~1", "/a.b/c_d-e~1"),
        ("/camerasx", "/camerasx"),
        ("/" + "a" * 199, "/" + "a" * 199),
        ("/" + "a" * 200, None),
        ("", None),
        ("/", None),
        ("cctv", None),
        ("//evil.example", None),
        ("/cctv//", None),
        ("/\\evil.example", None),
        ("https://evil.example", None),
        ("/https://evil.example", None),
        ("/a/../b", None),
        ("/..", None),
        ("/.", None),
        ("/cctv\r\nSet-Cookie: a=b", None),
        ("/cctv\n", None),
        ("/cctv ", None),
        ("/cctv?x", None),
        ("/cctv#x", None),
        ("/cctv;x", None),
        ("/%2f", None),
        ('/"onload=', None),
        ("/ü", None),
        ("/a, /b", None),
        ("/cameras", None),
        ("/t/secret", None),
    ],
)
def test_what_a_base_path_is(text: str, path: Optional[str]) -> None:
    assert parse_base_path(text) == path


def test_no_base_path_can_be_taken_for_a_path_of_this_server() -> None:
    app = create_app(Runtime(Settings()))
    documented = {path.split("/")[1] for path in app.openapi()["paths"]}
    assert {*documented, "openapi.json", "login", "logout", "t"} == OWN_PATHS


@pytest.mark.parametrize(
    ("path", "inner"),
    [
        ("/cctv/cameras", "/cameras"),
        ("/cameras", "/cameras"),
        ("/cctv", "/"),
        ("/cctv/", "/"),
        ("/cctvx/cameras", "/cctvx/cameras"),
        ("/cctv/cctv/x", "/cctv/x"),
        ("/", "/"),
    ],
)
def test_a_path_with_and_without_the_base_path(path: str, inner: str) -> None:
    assert Outside("-", "http", "/cctv").inner(path) == inner
    assert Outside("-", "http", "").inner(path) == path


@pytest.mark.parametrize(
    ("peer", "headers", "base_path", "expected"),
    [
        (None, (), None, Outside("-", "http", "")),
        ("192.0.2.1", (), None, Outside("192.0.2.1", "http", "")),
        ("127.0.0.1", (), "/cctv", Outside("127.0.0.1", "http", "/cctv")),
        ("127.0.0.1", ((b"x-forwarded-for", b"8.8.8.8, 203.0.113.9"),), None, Outside("203.0.113.9", "http", "")),
        (
            "127.0.0.1",
            ((b"x-forwarded-for", b"203.0.113.9"), (b"x-real-ip", b"203.0.113.9")),
            None,
            Outside("203.0.113.9", "http", ""),
        ),
        (
            "127.0.0.1",
            ((b"x-forwarded-for", b"203.0.113.9"), (b"x-real-ip", b"8.8.8.8")),
            None,
            Outside("127.0.0.1", "http", ""),
        ),
        ("127.0.0.1", ((b"x-forwarded-for", b"\r\nforged"),), None, Outside("127.0.0.1", "http", "")),
        ("127.0.0.1", ((b"x-forwarded-proto", b"https"),), None, Outside("127.0.0.1", "https", "")),
        ("127.0.0.1", ((b"x-forwarded-proto", b"javascript"),), None, Outside("127.0.0.1", "http", "")),
        (
            "127.0.0.1",
            ((b"x-forwarded-proto", b"https"), (b"x-forwarded-proto", b"http")),
            None,
            Outside("127.0.0.1", "http", ""),
        ),
        ("127.0.0.1", ((b"x-forwarded-prefix", b"/cctv/"),), None, Outside("127.0.0.1", "http", "/cctv")),
        ("127.0.0.1", ((b"x-forwarded-prefix", b"/other"),), "/cctv", Outside("127.0.0.1", "http", "/cctv")),
        ("127.0.0.1", ((b"x-forwarded-prefix", b"//evil.example"),), None, Outside("127.0.0.1", "http", "")),
        (
            "127.0.0.1",
            ((b"x-forwarded-prefix", b"/a"), (b"x-forwarded-prefix", b"/b")),
            None,
            Outside("127.0.0.1", "http", ""),
        ),
    ],
)
def test_what_a_trusted_proxy_says(
    peer: Optional[str], headers: Headers, base_path: Optional[str], expected: Outside
) -> None:
    assert outside_of(peer, headers, "http", PROXY, base_path) == expected


def test_what_anybody_else_says_does_not_count() -> None:
    said = ((b"x-forwarded-for", b"8.8.8.8"), (b"x-forwarded-proto", b"https"), (b"x-forwarded-prefix", b"/evil"))
    assert outside_of("192.168.1.5", said, "http", PROXY, None) == Outside("192.168.1.5", "http", "")
    assert outside_of("127.0.0.1", said, "http", (), "/cctv") == Outside("127.0.0.1", "http", "/cctv")


@pytest.mark.parametrize(
    ("client", "scheme", "in_clear"),
    [
        ("192.168.1.5", "http", True),
        ("203.0.113.9", "http", True),
        ("203.0.113.9", "https", False),
        ("127.0.0.1", "http", False),
        ("::1", "http", False),
        ("::ffff:127.0.0.1", "http", False),
        ("-", "http", False),
    ],
)
def test_what_others_on_the_way_can_read(client: str, scheme: str, in_clear: bool) -> None:
    assert Outside(client, scheme, "").in_clear is in_clear
