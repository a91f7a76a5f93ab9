"""Requests that no HTTP client would send, to a real server: what is harmless for one part, another must not obey."""

from __future__ import annotations

import re
import socket
from typing import Iterator, List, NamedTuple, Sequence

import pytest

from cctv_cli.api import access
from cctv_cli.api.app import create_app
from cctv_cli.core.access.roles import Role
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.runtime import Runtime
from tests.api.conftest import NOW
from tests.api.real_server import serving
from tests.support.storage_tree import FixedClock, instant
from tests.support.waiting import HANG

OWN = "Host: 127.0.0.1:PORT"
STOP = "POST /cameras/front/stop HTTP/1.1"
LIST = "GET /cameras HTTP/1.1"
PROXY = "X-Forwarded-For: 8.8.8.8"


class Server(NamedTuple):
    """A server, as raw bytes see it."""

    port: int
    settings: Settings

    def statuses(self, request: str) -> List[int]:
        """Send a text, one character for each byte, with PORT replaced; the statuses of all answers."""
        with socket.create_connection(("127.0.0.1", self.port), HANG) as connection:
            connection.sendall(request.replace("PORT", str(self.port)).encode("latin-1"))
            answers = b"".join(iter(lambda: connection.recv(65536), b""))
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]

    def is_stopped(self) -> bool:
        """Whether somebody stopped the camera; it is started again."""
        marks = list(self.settings.storage.glob("*/.stopped"))
        for mark in marks:
            mark.unlink()
        return bool(marks)


@pytest.fixture(scope="module", params=["httptools", "h11"])
def parser(request: pytest.FixtureRequest) -> str:
    if request.param == "httptools":
        pytest.importorskip("httptools")
    return str(request.param)


@pytest.fixture
def server(settings: Settings, runtime: Runtime, parser: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(access, "_WRONG_WAITS", 0.0)
    with serving(create_app(runtime), http=parser) as port:
        yield Server(port, settings)


def lines(*texts: str, body: str = "") -> str:
    return "\r\n".join((*texts, "Connection: close", "", body))


def test_what_is_allowed_is_done(server: Server) -> None:
    assert server.statuses(lines(LIST, OWN)) == [200]
    assert server.statuses(lines(STOP, OWN)) == [202]
    assert server.is_stopped()


CONTROL: Sequence[Sequence[str]] = [
    (STOP,),
    (STOP, "Host: evil.example"),
    (STOP, "Host: evil.example:PORT"),
    (STOP, OWN, OWN),
    (STOP, OWN, "Host: evil.example"),
    (STOP, "Host: evil.example", OWN),
    (STOP, "Host: 127.0.0.1:PORT, evil.example"),
    (STOP, "Host: evil.example@127.0.0.1:PORT"),
    (STOP, "Host: 127.0.0.1:PORT/"),
    (STOP, "Host: 127.0.0.1:0PORT"),
    (STOP, "Host: 127.0.0.1:PORT1"),
    (STOP, "Host: 0.0.0.0:PORT"),
    (STOP, "Host: [::]:PORT"),
    (STOP, "Host: 2130706433:PORT"),
    (STOP, "Host: 0x7f.1:PORT"),
    (STOP, "Host: 127.1:PORT"),
    (STOP, "Host: 127.0.0.\xb9:PORT"),
    (STOP, "Host: localhost.evil.example:PORT"),
    (STOP, "Host: [::1%25lo]:PORT"),
    (STOP, "Host : 127.0.0.1:PORT"),
    (STOP, "Host:"),
    (STOP.replace("1.1", "1.0"), OWN),
    (STOP.replace("1.1", "0.9"), OWN),
    (STOP.replace(" HTTP/1.1", ""), OWN),
    (STOP, OWN, PROXY),
    (STOP, OWN, "x-forwarded-for: 127.0.0.1"),
    (STOP, OWN, "X-FORWARDED-PROTO:"),
    (STOP, OWN, "Forwarded: for=127.0.0.1"),
    (STOP, OWN, "Via: 1.1 proxy"),
    (STOP, OWN, "X-Forwarded-For : 8.8.8.8"),
    (STOP, OWN, "Other: 1\r\n X-Forwarded-For: 8.8.8.8", PROXY),
    (STOP, OWN, "Origin: https://evil.example"),
    (STOP, OWN, "Origin: null"),
    (STOP, OWN, "Origin: http://127.0.0.1:PORT", "Origin: https://evil.example"),
    (STOP, OWN, "Origin: http://127.0.0.1:PORT.evil.example"),
    (STOP, OWN, "Origin: http://127.0.0.1"),
    (STOP, OWN, "Sec-Fetch-Site: cross-site"),
    (STOP, OWN, "Authorization: Bearer guess"),
    (STOP, OWN, "Cookie: cctv=guess"),
    (STOP, "Host: evil.example", "X-Forwarded-Host: 127.0.0.1:PORT"),
    (STOP, "Host: evil.example", "X-HTTP-Method-Override: GET"),
    ("GET /cameras/front/stop HTTP/1.1", OWN, "X-HTTP-Method-Override: POST"),
    ("GET /cameras/front/stop?_method=POST HTTP/1.1", OWN),
    ("OPTIONS /cameras/front/stop HTTP/1.1", OWN),
    ("PUT /cameras/front/stop HTTP/1.1", OWN),
    ("post /cameras/front/stop HTTP/1.1", OWN),
    ("POST http://evil.example/cameras/front/stop HTTP/1.1", "Host: evil.example"),
    ("POST //127.0.0.1:PORT/cameras/front/stop HTTP/1.1", OWN),
    ("POST /./cameras/front/stop HTTP/1.1", OWN),
    ("POST /cameras//front/stop HTTP/1.1", OWN),
    ("POST /cameras/front/stop%00 HTTP/1.1", OWN),
    ("POST /cameras/front/stop/ HTTP/1.1", OWN),
    ("POST /cameras/FRONT/stop HTTP/1.1", OWN),
    ("POST /t/guess/cameras/front/stop HTTP/1.1", OWN),
    ("POST / HTTP/1.1", OWN, "X-Original-URL: /cameras/front/stop", "X-Rewrite-URL: /cameras/front/stop"),
]


def test_no_trick_controls_without_a_token(server: Server) -> None:
    for texts in CONTROL:
        statuses = server.statuses(lines(*texts))
        assert not server.is_stopped(), texts
        assert statuses and all(400 <= status < 500 for status in statuses), (texts, statuses)


READ: Sequence[Sequence[str]] = [
    (LIST,),
    (LIST, "Host: evil.example:PORT"),
    (LIST, OWN, "Host: evil.example"),
    (LIST, "Host: evil.example", OWN),
    (LIST, OWN, "Authorization: Bearer guess"),
    (LIST, OWN, PROXY),
    (LIST, OWN, "X-Real-IP: 192.168.1.5"),
    (LIST, "Host: 192.168.1.2", "X-Real-IP: 192.168.1.5", PROXY),
    (LIST, "Host: 192.168.1.2", "X-Real-IP: 192.168.1.5", "X-Real-IP: 8.8.8.8"),
    (LIST, "Host: 192.168.1.2", "X-Forwarded-For: 192.168.1.5", "x-forwarded-for: ::ffff:8.8.8.8"),
    (LIST, "Host: 192.168.1.2", "Forwarded: for=192.168.1.5, for=_hidden"),
    (LIST, "Host: 192.168.1.2", "Forwarded: for=192.168.1.5;for=unknown"),
    (LIST, "Host: evil.example", "X-Real-IP: 192.168.1.5"),
    (LIST.replace("1.1", "1.0"), OWN),
    ("GET http://evil.example/cameras HTTP/1.1", "Host: evil.example"),
    ("GET /t/guess/cameras HTTP/1.1", OWN),
    ("GET /t/guess/t/guess/cameras HTTP/1.1", OWN),
]


def test_no_trick_reads_without_a_token(server: Server) -> None:
    for texts in READ:
        statuses = server.statuses(lines(*texts))
        assert statuses and all(status in (400, 401) for status in statuses), (texts, statuses)


SMUGGLED = f"POST /cameras/front/stop HTTP/1.1\r\n{OWN}\r\n\r\n"


LENGTHS = [
    ["Content-Length: 0", f"Content-Length: {len(SMUGGLED)}"],
    ["Transfer-Encoding: xchunked"],
    ["Transfer-Encoding: chunked, identity"],
    ["Transfer-Encoding : chunked"],
    ["Content-Length: +5"],
    ["Content-Length: -5"],
    ["Content-Length: 0x5"],
    ["Content-Length: 5 5"],
]


def test_a_body_whose_length_is_ambiguous_is_no_request(server: Server) -> None:
    """What a proxy takes for the body of a request that it lets through must not be a second request."""
    for headers in LENGTHS:
        request = "\r\n".join((LIST, OWN, *headers, "", f"0\r\n\r\n{SMUGGLED}"))
        assert 202 not in server.statuses(request + lines(LIST, OWN)), headers
        assert not server.is_stopped(), headers


def test_each_pipelined_request_is_judged_by_itself(server: Server) -> None:
    first = f"{LIST}\r\n{OWN}\r\n\r\n"
    assert server.statuses(first + lines(LIST, OWN, PROXY)) == [200, 401]
    assert server.statuses(first + lines(STOP, OWN, "Origin: https://evil.example")) == [200, 401]
    assert not server.is_stopped()


def test_a_token_counts_for_its_request_only(server: Server) -> None:
    secret = AccessStore(server.settings.storage).add("a", Role.VIEWER, None, None, instant(NOW)).reveal()
    with serving(create_app(Runtime(server.settings, clock=FixedClock(instant(NOW))))) as port:
        again = Server(port, server.settings)
        first = f"GET /cameras HTTP/1.1\r\n{OWN}\r\n{PROXY}\r\nAuthorization: Bearer {secret}\r\n\r\n"
        assert again.statuses(first + lines(LIST, OWN, PROXY)) == [200, 401]
