"""Who gets in without a token, by the address and the headers of a request."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any, List, Optional, Sequence, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctv_cli.core.access.addresses import LAN, LOOPBACK, SHARED, clients, parse_address
from cctv_cli.core.access.policy import (
    Access,
    Request,
    Rules,
    control_refusal,
    cross_site_refusal,
    read_refusal,
    shows_proxy,
)

Pairs = List[Tuple[str, str]]
PORT = 8000
RULES = Rules()
LOCAL = ("Host", "localhost:8000")
PUBLIC = "203.0.113.9"


def request(peer: Optional[str], headers: Sequence[Tuple[str, str]] = (), method: str = "GET", **more: Any) -> Request:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return Request(
        **{"scheme": "http", "http_version": "1.1", "port": PORT, **more}, method=method, peer=peer, headers=raw
    )


def may_read(peer: Optional[str], headers: Sequence[Tuple[str, str]] = (), rules: Rules = RULES, **more: Any) -> bool:
    return read_refusal(request(peer, headers, **more), rules) is None


def may_control(peer: Optional[str], headers: Pairs, rules: Rules = RULES, **more: Any) -> bool:
    return control_refusal(request(peer, headers, "POST", **more), rules) is None


NEARBY = [
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
LOOPBACKS = ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"]


@pytest.mark.parametrize("peer", NEARBY)
def test_clients_in_the_local_network_may_read(peer: str) -> None:
    assert may_read(peer)


@pytest.mark.parametrize("peer", [*ELSEWHERE, None])
def test_other_and_unknown_clients_may_not_read(peer: Optional[str]) -> None:
    assert not may_read(peer)


@pytest.mark.parametrize("peer", LOOPBACKS)
@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "127.1.2.3:8000", "[::1]:8000", "LOCALHOST:8000"])
def test_programs_on_this_machine_may_read_and_control(peer: str, host: str) -> None:
    assert may_read(peer, [("Host", host)])
    assert may_control(peer, [("Host", host)])


@pytest.mark.parametrize("peer", LOOPBACKS)
@pytest.mark.parametrize(
    ("headers", "http_version"),
    [
        ([("Host", "127.0.0.1:8000")], "1.0"),  # nginx with nothing but proxy_pass
        ([], "1.0"),
        ([], "1.1"),
        ([("Host", "127.0.0.1")], "1.1"),
        ([("Host", "localhost:9000")], "1.1"),
        ([("Host", "cctv.example:8000")], "1.1"),
        ([("Host", "192.168.1.5:8000")], "1.1"),
        ([("Host", "[::1]")], "1.1"),
        ([LOCAL, LOCAL], "1.1"),
        ([LOCAL, ("Via", "1.1 proxy")], "1.1"),
        ([LOCAL, ("X-Forwarded-Host", "cctv.example")], "1.1"),
        ([LOCAL, ("X-Forwarded-Proto", "https")], "1.1"),
    ],
)
def test_what_may_be_a_proxy_on_this_machine_must_say_for_whom_it_asks(
    peer: str, headers: Pairs, http_version: str
) -> None:
    asked = request(peer, headers, http_version=http_version)
    refusal = read_refusal(asked, Rules())
    assert refusal is not None and "let the proxy set X-Forwarded-For" in refusal
    assert control_refusal(asked, Rules()) is not None


@pytest.mark.parametrize("peer", LOOPBACKS)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "127.1.2.3:8000", "[::1]:8000"])
@pytest.mark.parametrize("client", ["192.168.1.5", "127.0.0.1", "::1"])
def test_a_proxy_with_its_defaults_passes_on_what_its_client_forges(
    peer: str, version: str, host: str, client: str
) -> None:
    forged = [("Host", host), ("X-Real-IP", client), ("X-Forwarded-For", client), ("Forwarded", f'for="[{client}]"')]
    for rules in (Rules(), Rules(trusted_proxies=LOOPBACK)):
        for name, value in forged[1:3]:
            assert not may_read(peer, [("Host", host), (name, value)], rules, http_version=version)
        assert not may_read(peer, forged, rules, http_version=version)


def test_port_80_is_not_written() -> None:
    assert may_control("127.0.0.1", [("Host", "localhost")], port=80)
    assert may_control("127.0.0.1", [("Host", "localhost")], port=443, scheme="https")
    assert not may_control("127.0.0.1", [("Host", "localhost")], port=443)


FORWARDED_NEARBY = [
    ("X-Forwarded-For", "192.168.1.5"),
    ("X-Forwarded-For", "192.168.1.5, 10.0.0.2"),
    ("X-Forwarded-For", "192.168.1.5:5000,[fd00::1]:6000, fe80::1%eth0"),
    ("X-Forwarded-For", "::ffff:192.168.1.5"),
    ("X-Real-IP", "10.1.1.1"),
    ("Forwarded", "for=192.168.1.5"),
    ("Forwarded", "for=192.168.1.5;proto=http;by=10.0.0.1"),
    ("Forwarded", 'For="[fd00::1]:4711"'),
    ("Forwarded", 'proto=https;for="192.168.1.5:80", for=10.0.0.1'),
]


@pytest.mark.parametrize("peer", ["127.0.0.1", "192.168.1.2"])
@pytest.mark.parametrize(("name", "value"), FORWARDED_NEARBY)
def test_a_proxy_may_read_for_a_client_in_the_local_network(peer: str, name: str, value: str) -> None:
    assert may_read(peer, [(name, value), ("Host", "192.168.1.2")])
    assert may_read(peer, [(name, value), ("Host", "192.168.1.2")], http_version="1.0")


SINGLE = ["X-Forwarded-For", "X-Real-IP", "X-Client-IP", "CF-Connecting-IP", "True-Client-IP", "Fastly-Client-IP"]
SINGLE += ["X-Envoy-External-Address", "X-Cluster-Client-IP", "X-Original-Forwarded-For", "Fly-Client-IP"]
UNKNOWN = [
    *((name, value) for name in SINGLE for value in (PUBLIC, f"{PUBLIC}:80", f"::ffff:{PUBLIC}", "[2001:db8::1]:80")),
    *((name, value) for name in SINGLE for value in ("", "unknown", "fe80::zz", "10.0.0.1 8.8.8.8")),
    ("X-Forwarded-For", "127.0.0.1, 8.8.8.8"),
    ("X-Forwarded-For", "8.8.8.8, 127.0.0.1"),
    ("X-Forwarded-For", "10.0.0.1,,10.0.0.2"),
    ("X-Forwarded-For", ",".join(["10.0.0.1"] * 500)),
    ("Forwarded", f"for={PUBLIC}"),
    ("Forwarded", f"for=10.0.0.1, for={PUBLIC}"),
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
]


@pytest.mark.parametrize("trusted", [(), ("127.0.0.1/32",)])
@pytest.mark.parametrize(("name", "value"), UNKNOWN)
def test_a_forwarding_header_can_only_restrict(name: str, value: str, trusted: Tuple[str, ...]) -> None:
    rules = Rules(trusted_proxies=tuple(map(ip_network, trusted)))
    other = ("X-Real-IP", "10.0.0.1") if name != "X-Real-IP" else ("X-Forwarded-For", "10.0.0.1")
    if value not in ("8.8.8.8, 127.0.0.1", "10.0.0.1,,10.0.0.2") or not trusted:  # whose nearest client may read
        assert not may_read("127.0.0.1", [(name, value), LOCAL], rules)
        assert not may_read("127.0.0.1", [(name, value), other, LOCAL], rules), "a second, forged header"
        assert not may_read("127.0.0.1", [other, (name, value), LOCAL], rules)
        assert not may_read("127.0.0.1", [(name, "10.0.0.1"), (name, value), LOCAL], rules), "a doubled header"
    assert not may_read(PUBLIC, [(name, value)], rules)
    assert not may_control("127.0.0.1", [(name, value), LOCAL], rules)


@pytest.mark.parametrize(("name", "value"), FORWARDED_NEARBY)
def test_a_forwarding_header_lets_no_other_peer_in(name: str, value: str) -> None:
    assert not may_read(PUBLIC, [(name, value)])
    assert not may_control(PUBLIC, [(name, value), LOCAL])
    assert not may_control("127.0.0.1", [(name, value), LOCAL])


@pytest.mark.parametrize(
    ("chain", "may"),
    [
        ("192.168.1.5", True),
        (f"{PUBLIC}, 192.168.1.5", True),  # the client wrote the first one itself
        (f"192.168.1.5, {PUBLIC}", False),
        (f"192.168.1.5, {PUBLIC}, 198.51.100.7", False),
        ("192.168.1.5, 198.51.100.7", True),  # the nearer one is our other proxy
        (f"{PUBLIC}, 192.168.1.5, 198.51.100.7, 127.0.0.1", True),
        ("198.51.100.7", False),  # all are proxies, so the farthest is the client, which is elsewhere
    ],
)
def test_behind_trusted_proxies_only_the_address_before_them_counts(chain: str, may: bool) -> None:
    rules = Rules(trusted_proxies=(ip_network("127.0.0.1/32"), ip_network("198.51.100.7/32")))
    assert may_read("127.0.0.1", [("X-Forwarded-For", chain), ("Host", "192.168.1.2")], rules) == may
    assert may_read("198.51.100.7", [("X-Forwarded-For", chain), ("Host", "192.168.1.2")], rules) == may
    assert not may_read(PUBLIC, [("X-Forwarded-For", chain)], rules), "not by our proxy"


def test_a_trusted_proxy_must_say_for_whom_it_asks() -> None:
    rules = Rules(trusted_proxies=(ip_network("192.168.1.2/32"),))
    assert not may_read("192.168.1.2", [("Host", "192.168.1.3:8000")], rules)
    assert may_read("192.168.1.4", [("Host", "192.168.1.3:8000")], rules)


def test_every_one_of_repeated_headers_counts() -> None:
    headers = [(b"x-forwarded-for", b"10.0.0.1"), (b"x-forwarded-for", b"8.8.8.8"), (b"x-real-ip", b"10.0.0.3")]
    found = clients("127.0.0.1", headers)
    assert [str(address) for address in found or []] == ["127.0.0.1", "10.0.0.1", "8.8.8.8", "10.0.0.3"]


def test_networks_can_be_added_and_a_tailscale_client_is_told() -> None:
    refusal = read_refusal(request("100.101.102.103"), Rules())
    assert refusal is not None and "Tailscale" in refusal and "server.lan_networks" in refusal
    assert may_read("100.101.102.103", rules=Rules(lan=(*LAN, SHARED)))
    assert not may_read("192.168.1.5", rules=Rules(lan=(ip_network("10.0.0.0/8"),)))


@pytest.mark.parametrize("peer", ["127.0.0.1", "192.168.1.5", PUBLIC, None])
def test_open_and_token(peer: Optional[str]) -> None:
    assert may_read(peer, [LOCAL], Rules(access=Access.OPEN))
    assert not may_read(peer, [LOCAL], Rules(access=Access.TOKEN))
    assert may_control(peer, [LOCAL], Rules(access=Access.OPEN)) == (peer == "127.0.0.1"), "open is for reading"


@pytest.mark.parametrize("peer", ["192.168.1.5", "127.0.0.1"])
@pytest.mark.parametrize(
    ("host", "may"),
    [
        ("192.168.1.2:8000", True),
        ("[fd00::2]:8000", True),
        ("203.0.113.1", True),
        ("recorder:8000", True),
        ("recorder", True),
        ("recorder.local", True),
        ("RECORDER.LAN:8000", True),
        ("recorder.home.arpa.", True),
        ("recorder.internal", True),
        ("cctv.example", True),
        ("CCTV.Example:8443", True),
        ("rebound.example:8000", False),
        ("192.168.1.2.rebound.example", False),
        ("cctv.example.rebound.example", False),
        ("xcctv.example", False),
        ("lan.example", False),
        ("rebound.example.local.evil.example", False),
        ("", False),
        ("a b", False),
        ("cctv.example:80:80", False),
        ("cctv.example:", False),
        ("[::1", False),
    ],
)
def test_a_name_that_a_web_site_may_own_is_refused(peer: str, host: str, may: bool) -> None:
    rules = Rules(server_names=frozenset({"cctv.example"}))
    assert may_read(peer, [("Host", host), ("X-Forwarded-For", "192.168.1.7")], rules) == may


def test_a_refused_name_is_told_the_setting() -> None:
    refusal = read_refusal(request("192.168.1.5", [("Host", "cctv.example")]), Rules())
    assert refusal is not None and "server.server_names" in refusal


@pytest.mark.parametrize(
    ("headers", "may"),
    [
        ([LOCAL, ("Origin", "http://localhost:8000")], True),
        ([("Host", "[::1]:8000"), ("Origin", "http://[::1]:8000")], True),
        ([LOCAL, ("Sec-Fetch-Site", "same-origin")], True),
        ([LOCAL, ("Sec-Fetch-Site", "none")], True),
        ([LOCAL, ("Origin", "http://localhost:3000")], False),
        ([LOCAL, ("Origin", "https://localhost:8000")], False),
        ([LOCAL, ("Origin", "http://127.0.0.1:8000")], False),
        ([LOCAL, ("Origin", "https://site.example")], False),
        ([LOCAL, ("Origin", "null")], False),
        ([LOCAL, ("Origin", "http://localhost:8000"), ("Origin", "https://site.example")], False),
        ([LOCAL, ("Sec-Fetch-Site", "cross-site")], False),
        ([LOCAL, ("Sec-Fetch-Site", "same-site")], False),
    ],
)
def test_a_page_of_another_site_cannot_control(headers: Pairs, may: bool) -> None:
    assert may_control("127.0.0.1", headers) == may
    assert (cross_site_refusal(request("8.8.8.8", headers)) is None) == may, "by a cookie from elsewhere neither"


@pytest.mark.parametrize("peer", ["192.168.1.5", PUBLIC, "::ffff:10.0.0.1", None])
def test_others_cannot_control_without_a_token(peer: Optional[str]) -> None:
    assert not may_control(peer, [LOCAL])


def test_local_control_ends_with_the_first_token_or_proxy() -> None:
    refusal = control_refusal(request("127.0.0.1", [LOCAL], "POST"), Rules(local_control=False))
    assert refusal is not None and "cctv token add" in refusal


@pytest.mark.parametrize(
    ("peer", "headers", "http_version", "proxy"),
    [
        ("127.0.0.1", [LOCAL], "1.1", False),
        ("127.0.0.1", [LOCAL, ("X-Forwarded-For", "192.168.1.5")], "1.1", True),
        ("127.0.0.1", [LOCAL, ("X-Client-IP", "8.8.8.8")], "1.1", True),
        ("127.0.0.1", [LOCAL, ("Via", "1.1 proxy")], "1.1", True),
        ("::1", [LOCAL], "1.0", True),
        ("192.168.1.5", [LOCAL, ("X-Forwarded-For", "192.168.1.5")], "1.1", False),
        ("192.168.1.5", [LOCAL], "1.0", False),
    ],
)
def test_signs_of_a_proxy_on_this_machine(peer: str, headers: Pairs, http_version: str, proxy: bool) -> None:
    assert shows_proxy(request(peer, headers, http_version=http_version)) == proxy


texts = st.text(st.characters(max_codepoint=255), max_size=60)
names = st.sampled_from([*(name.lower() for name in SINGLE), "forwarded", "via", "x-forwarded-host", "host", "origin"])


@given(st.lists(st.tuples(names, texts), max_size=6), texts, st.sampled_from(["1.0", "1.1", "2", ""]))
def test_no_header_lets_a_public_client_in(headers: Pairs, peer: str, http_version: str) -> None:
    asked = request(PUBLIC, headers, http_version=http_version)
    for rules in (Rules(), Rules(trusted_proxies=(ip_network("10.0.0.0/8"),))):
        assert read_refusal(asked, rules) and control_refusal(asked, rules)
        assert read_refusal(replace(asked, peer=peer), rules) or parse_address(peer) is not None


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
    "text", ["unknown", "_hidden", "[fd00::5", "fd00::5]", "[fd00::5]x", "10.0.0.1:", "10.0.0.1:http", "[]", "1" * 99]
)
def test_other_text_is_not_an_address(text: str) -> None:
    assert parse_address(text) is None
