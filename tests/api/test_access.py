from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

import anyio
import httpx
import pytest

from cctv_cli.api.access import AccessGate, client_addresses, control_refusal, parse_address, read_refusal

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

Pairs = List[Tuple[str, str]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def scope_of(peer: Optional[str], headers: Pairs, method: str = "GET", scheme: str = "http") -> Dict[str, Any]:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    client = None if peer is None else (peer, 40000)
    return {"type": "http", "method": method, "scheme": scheme, "client": client, "headers": raw}


NEARBY = [
    "127.0.0.1",
    "127.255.255.254",
    "::1",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.20",
    "169.254.10.10",
    "fc00::1",
    "fdff:1234::1",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1%12",
    "::ffff:127.0.0.1",
    "::ffff:192.168.1.20",
    "::FFFF:0a00:0001",
]
ELSEWHERE = [
    "8.8.8.8",
    "126.255.255.255",
    "128.0.0.1",
    "11.0.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.167.255.255",
    "192.169.0.1",
    "169.253.0.1",
    "100.64.0.1",  # carrier-grade NAT
    "192.0.2.1",  # for documentation; private for Python's ipaddress, but not here
    "0.0.0.0",
    "::",
    "2001:db8::1",
    "fbff::1",
    "fe00::1",
    "fec0::1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",  # the old "compatible" form is not a mapped address
    "64:ff9b::10.0.0.1",
    "",
    "testclient",
    "localhost",
    "10.0.0.1%eth0",
    "010.0.0.1.1",
    "10.0.0",
    "1",
]


@pytest.mark.parametrize("peer", NEARBY)
def test_nearby_clients_may_read(peer: str) -> None:
    assert read_refusal(scope_of(peer, [])) is None


@pytest.mark.parametrize("peer", [*ELSEWHERE, None])
def test_other_and_unknown_clients_may_not_read(peer: Optional[str]) -> None:
    assert read_refusal(scope_of(peer, [])) is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.168.1.2:8080", "192.168.1.2"),
        ("[fd00::5]", "fd00::5"),
        ("[fd00::5]:443", "fd00::5"),
        ("[::ffff:10.0.0.9]:443", "10.0.0.9"),
        ("fe80::7%en0", "fe80::7"),
        ("[fe80::7%25]:80", "fe80::7"),
    ],
)
def test_addresses_are_parsed_in_every_form(text: str, expected: str) -> None:
    assert str(parse_address(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "unknown",
        "_hidden",
        "[fd00::5",
        "fd00::5]",
        "[fd00::5]x",
        "10.0.0.1:",
        "10.0.0.1:http",
        "[]",
        "1" * 99,
    ],
)
def test_other_text_is_not_an_address(text: str) -> None:
    assert parse_address(text) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Forwarded-For", "192.168.1.5"),
        ("X-Forwarded-For", "192.168.1.5, 10.0.0.2"),
        ("X-Forwarded-For", "192.168.1.5:5000,[fd00::1]:6000, fe80::1%eth0"),
        ("X-Real-IP", "10.1.1.1"),
        ("Forwarded", "for=192.168.1.5"),
        ("Forwarded", "for=192.168.1.5;proto=http;by=10.0.0.1"),
        ("Forwarded", 'For="[fd00::1]:4711"'),
        ("Forwarded", 'proto=https;for="192.168.1.5:80", for=10.0.0.1'),
        ("Via", "1.1 proxy"),
        ("X-Forwarded-Host", "cctv.example"),
        ("Host", "cctv.example"),
        ("Origin", "https://cctv.example"),
    ],
)
def test_forwarded_reads_from_nearby_are_allowed(name: str, value: str) -> None:
    assert read_refusal(scope_of("127.0.0.1", [(name, value)])) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Forwarded-For", "8.8.8.8"),
        ("X-Forwarded-For", "127.0.0.1, 8.8.8.8"),
        ("X-Forwarded-For", "8.8.8.8, 127.0.0.1"),
        ("X-Forwarded-For", ""),
        ("X-Forwarded-For", "10.0.0.1,,10.0.0.2"),
        ("X-Forwarded-For", "unknown"),
        ("X-Forwarded-For", ",".join(["10.0.0.1"] * 500)),
        ("X-Real-IP", "203.0.113.9"),
        ("X-Real-IP", "fe80::zz"),
        ("CF-Connecting-IP", "203.0.113.9"),
        ("True-Client-IP", "203.0.113.9"),
        ("Forwarded", "for=203.0.113.9"),
        ("Forwarded", "for=10.0.0.1, for=203.0.113.9"),
        ("Forwarded", 'for="[2001:db8::1]:4711"'),
        ("Forwarded", "for=unknown"),
        ("Forwarded", "for=_hidden"),
        ("Forwarded", 'for="_hidden:_port"'),
        ("Forwarded", "proto=https"),
        ("Forwarded", "for=10.0.0.1,"),
        ("Forwarded", "for=10.0.0.1;for=10.0.0.2"),
        ("Forwarded", 'for="10.0.0.1'),
        ("Forwarded", "for=[fd00::1]:80 garbage"),
        ("Forwarded", 'by="for=10.0.0.1"'),
        ("Forwarded", ""),
        ("Forwarded", "for=10.0.0.1;" * 500 + "proto=http"),
    ],
)
def test_a_forwarding_header_can_only_restrict(name: str, value: str) -> None:
    assert read_refusal(scope_of("127.0.0.1", [(name, value)])) is not None


def test_a_forwarding_header_never_allows_another_peer() -> None:
    assert read_refusal(scope_of("8.8.8.8", [("X-Forwarded-For", "127.0.0.1")])) is not None


def test_every_one_of_repeated_headers_counts() -> None:
    headers = [
        (b"x-forwarded-for", b"10.0.0.1"),
        (b"x-forwarded-for", b"8.8.8.8"),
        (b"x-real-ip", b"10.0.0.3"),
    ]
    addresses = client_addresses("127.0.0.1", headers)
    assert [str(address) for address in addresses or []] == ["127.0.0.1", "10.0.0.1", "8.8.8.8", "10.0.0.3"]


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("127.0.0.1", [("Host", "127.0.0.1:8000")]),
        ("127.0.0.1", [("Host", "localhost:8000")]),
        ("127.0.0.1", [("Host", "LOCALHOST")]),
        ("::1", [("Host", "[::1]:8000")]),
        ("::ffff:127.0.0.1", [("Host", "localhost")]),
        ("127.0.0.1", [("Host", "localhost:8000"), ("Origin", "http://localhost:8000")]),
        ("127.0.0.1", [("Host", "[::1]:8000"), ("Origin", "http://[::1]:8000")]),
        ("127.0.0.1", [("Host", "localhost"), ("Sec-Fetch-Site", "same-origin")]),
        ("127.0.0.1", [("Host", "localhost"), ("Sec-Fetch-Site", "none")]),
    ],
)
def test_this_machine_may_control(peer: str, headers: Pairs) -> None:
    assert control_refusal(scope_of(peer, headers, "POST")) is None


LOCAL = ("Host", "localhost:8000")


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("192.168.1.5", [LOCAL]),
        ("8.8.8.8", [LOCAL]),
        ("::ffff:10.0.0.1", [LOCAL]),
        (None, [LOCAL]),
        ("127.0.0.1", []),
        ("127.0.0.1", [LOCAL, ("Host", "localhost")]),
        ("127.0.0.1", [("Host", "rebound.example:8000")]),
        ("127.0.0.1", [("Host", "localhost.rebound.example")]),
        ("127.0.0.1", [("Host", "127.0.0.1.rebound.example")]),
        ("127.0.0.1", [("Host", "192.168.1.5:8000")]),
        ("127.0.0.1", [("Host", "")]),
        ("127.0.0.1", [LOCAL, ("Origin", "http://localhost:3000")]),
        ("127.0.0.1", [LOCAL, ("Origin", "https://localhost:8000")]),
        ("127.0.0.1", [LOCAL, ("Origin", "http://127.0.0.1:8000")]),
        ("127.0.0.1", [LOCAL, ("Origin", "https://site.example")]),
        ("127.0.0.1", [LOCAL, ("Origin", "null")]),
        ("127.0.0.1", [LOCAL, ("Origin", "http://localhost:8000"), ("Origin", "https://site.example")]),
        ("127.0.0.1", [LOCAL, ("Sec-Fetch-Site", "cross-site")]),
        ("127.0.0.1", [LOCAL, ("Sec-Fetch-Site", "same-site")]),
        ("127.0.0.1", [LOCAL, ("X-Forwarded-For", "127.0.0.1")]),
        ("127.0.0.1", [LOCAL, ("X-Forwarded-For", "")]),
        ("127.0.0.1", [LOCAL, ("X-Forwarded-Host", "localhost")]),
        ("127.0.0.1", [LOCAL, ("X-Forwarded-Proto", "http")]),
        ("127.0.0.1", [LOCAL, ("Forwarded", "for=127.0.0.1")]),
        ("127.0.0.1", [LOCAL, ("X-Real-IP", "127.0.0.1")]),
        ("127.0.0.1", [LOCAL, ("Via", "1.1 proxy")]),
        ("127.0.0.1", [LOCAL, ("CF-Connecting-IP", "127.0.0.1")]),
        ("127.0.0.1", [LOCAL, ("True-Client-IP", "127.0.0.1")]),
    ],
)
def test_others_may_not_control(peer: Optional[str], headers: Pairs) -> None:
    assert control_refusal(scope_of(peer, headers, "POST")) is not None


async def inner(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"inside"})


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("peer", "method", "status"),
    [
        ("192.168.1.5", "GET", 200),
        ("192.168.1.5", "HEAD", 200),
        ("192.168.1.5", "OPTIONS", 200),
        ("192.168.1.5", "POST", 401),
        ("192.168.1.5", "DELETE", 401),
        ("192.168.1.5", "BREW", 401),
        ("127.0.0.1", "POST", 200),
        ("8.8.8.8", "GET", 401),
        ("8.8.8.8", "POST", 401),
    ],
)
async def test_the_gate_passes_on_requests_or_answers_401(peer: str, method: str, status: int) -> None:
    transport = httpx.ASGITransport(AccessGate(inner), client=(peer, 40000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        response = await client.request(method, "/cameras")
    assert response.status_code == status


@pytest.mark.anyio
async def test_a_401_has_one_sentence_and_a_challenge_and_is_not_cached() -> None:
    transport = httpx.ASGITransport(AccessGate(inner), client=("8.8.8.8", 40000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        response = await client.get("/cameras")
    assert response.json()["detail"].endswith(".")
    assert response.headers["content-type"] == "application/json"
    assert response.headers["www-authenticate"] == 'Bearer realm="cctv"'
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.anyio
async def test_a_web_socket_from_elsewhere_is_closed_and_the_lifespan_passes() -> None:
    reached, sent = [], []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["type"])

    async def receive() -> Dict[str, Any]:
        await anyio.sleep_forever()
        raise AssertionError("unreachable")

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope = scope_of("192.168.1.5", [LOCAL])
    scope["type"] = "websocket"
    del scope["method"]
    await AccessGate(app)(scope, receive, send)
    await AccessGate(app)({"type": "lifespan"}, receive, send)
    assert (reached, sent) == (["lifespan"], ["websocket.close"])
