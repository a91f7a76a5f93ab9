"""The server's own listener with a real client: what reaches the application, and who stays connected."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from typing import Iterator, List

import pytest
import uvicorn.config

from cctv_cli.api import server
from cctv_cli.core.runtime import Runtime
from tests.support.waiting import HANG, wait_for


class Requested:
    ended = False

    def take_reload(self) -> bool:
        return False


@pytest.fixture(params=["h11", "httptools"])
def port(request: pytest.FixtureRequest, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server with each parser, on a system that grants so few descriptors that there are eight places."""
    parsers = uvicorn.config.HTTP_PROTOCOLS
    monkeypatch.setitem(parsers, "auto", parsers[request.param])
    monkeypatch.setattr(server, "open_files_limit", lambda: 64)
    requested = Requested()
    with server.listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, args=(runtime, listener, None, requested))
        port = listener.getsockname()[1]
        thread.start()
        try:
            yield port
        finally:
            requested.ended = True
            thread.join(HANG)


def head(port: int, line: str, *headers: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", f"Host: localhost:{port}", *headers, "", ""]).encode()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=HANG)


def answer(client: socket.socket) -> bytes:
    """What the server sends until it closes the connection."""
    received = b""
    try:
        while True:
            part = client.recv(65536)
            if not part:
                return received
            received += part
    except ConnectionError:  # not all that was sent has been read
        return received


def status(port: int, request: bytes) -> bytes:
    with connect(port) as client:
        try:
            client.sendall(request)
        except ConnectionError:
            pass
        return answer(client)[:12]


def is_open(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def test_silent_connections_keep_nobody_out(port: int) -> None:
    unfinished = (b"", b"GET /cameras HTTP/1.1\r\n", head(port, "POST /login", "Content-Length: 9"))
    poll = head(port, "GET /cameras", "Connection: close")
    with ExitStack() as stack:
        silent: List[socket.socket] = []
        for sent in unfinished * 10:
            silent.append(stack.enter_context(connect(port)))
            silent[-1].sendall(sent)
            assert status(port, poll) == b"HTTP/1.1 200"
        wait_for(lambda: sum(map(is_open, silent)) <= 8, "the silent connections that gave way")


def test_what_is_too_large_is_refused(port: int) -> None:
    assert status(port, head(port, "GET /cameras", "X: " + "a" * 32768)) == b"HTTP/1.1 431"
    assert status(port, head(port, "GET /cameras", *["a: b"] * 10000)) == b"HTTP/1.1 431"
    assert status(port, head(port, "POST /login", "Content-Length: 4097")) == b"HTTP/1.1 413"
    chunked = head(port, "POST /login", "Transfer-Encoding: chunked")
    assert status(port, chunked + b"1000\r\n%s\r\n" % (b"a" * 4096) * 2) == b"HTTP/1.1 413"


def test_a_head_may_come_in_pieces_and_requests_together(port: int) -> None:
    get = head(port, "GET /cameras")
    with connect(port) as client:
        client.sendall(get + get + get[:9])
        rest = get[9:] + head(port, "GET /cameras", "Connection: close")
        for position in range(len(rest)):
            client.sendall(rest[position : position + 1])
        assert answer(client).count(b"HTTP/1.1 200") == 4
