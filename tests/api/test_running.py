"""Answers end with the token or link that let them in, in a real server."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import Iterator

import pytest

from cctv_cli.api import server
from cctv_cli.core.access import links
from cctv_cli.core.access.links import Link
from cctv_cli.core.access.roles import Role
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.runtime import Runtime
from tests.support.storage_tree import FixedClock
from tests.support.waiting import HANG, wait_for

FILE = "/recordings/front/2026-07-14/14/41.ts"
SIZE = 400_000_000  # bytes: more than all buffers between the server and a client that takes little of it


class _Requested:
    ended = False

    def take_reload(self) -> bool:
        return False


@pytest.fixture
def store(settings: Settings) -> AccessStore:
    return AccessStore(settings.storage)


@contextmanager
def serving(settings: Settings, clock: FixedClock) -> Iterator[int]:
    """A server with a large recording; yields its port."""
    path = settings.storage / FILE[len("/recordings/") :].replace("front/", "front/recordings/", 1)
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(SIZE)
    requested, runtime = _Requested(), Runtime(settings, clock=clock)
    with server.listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, args=(runtime, listener, None, requested))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            requested.ended = True
            thread.join(HANG)


@contextmanager
def reading(port: int, secret: str) -> Iterator[socket.socket]:
    """A client that requested the recording and has received its first bytes."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        client.settimeout(HANG)
        client.connect(("127.0.0.1", port))
        client.sendall(f"GET /t/{secret}{FILE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
        yield client


def ends(client: socket.socket) -> bool:
    """Whether the connection of a client that takes a little at a time has ended."""
    try:
        return client.recv(4096) == b""
    except ConnectionResetError:
        return True


def test_an_answer_ends_when_its_token_is_revoked(settings: Settings, clock: FixedClock, store: AccessStore) -> None:
    phone, other = (store.add(name, Role.VIEWER, None, None, clock.now()).reveal() for name in ("phone", "other"))
    with serving(settings, clock) as port, reading(port, phone) as client, reading(port, other) as kept:
        store.revoke("phone")
        wait_for(lambda: ends(client), "the answer ends", seconds=30)
        assert not ends(kept)


def test_an_answer_ends_when_its_link_expires(settings: Settings, clock: FixedClock, store: AccessStore) -> None:
    link = links.sign(Link("front", clock.now() + 60), store.make_link_key()).reveal()
    with serving(settings, clock) as port, reading(port, link) as client:
        assert not ends(client)
        clock.advance(60)
        wait_for(lambda: ends(client), "the answer ends", seconds=30)
