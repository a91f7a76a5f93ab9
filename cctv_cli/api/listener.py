"""Accepts connections, one at a time, so that there are never more than there are places for.

The event loop's own server accepts all that wait before it calls anything, and so takes the last descriptors.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from contextlib import suppress
from ipaddress import IPv6Address, IPv6Network
from typing import Callable, Optional, Set, Tuple

from cctv_cli.api.connection import Connection
from cctv_cli.api.places import Places
from cctv_cli.core.access.addresses import LOOPBACK, Network, is_in, parse_address

log = logging.getLogger("cctv.http")

_HANDSHAKE_WITHIN = 10.0  # seconds
_LOOKS_EVERY = 1.0  # seconds between looks for clients that have waited too long
_SHORT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})  # the system has no more connections
_PAUSE = 0.1  # seconds until it may have one
_HOME = 64  # bits of an IPv6 network that one customer gets at least (RFC 6177)

Make = Callable[[Connection], asyncio.Protocol]


async def accept(
    listener: socket.socket,
    context: Optional[ssl.SSLContext],
    places: Places,
    proxies: Callable[[], Tuple[Network, ...]],
    make: Make,
) -> None:
    """Accept connections until cancelled; those that are open stay open. `proxies` may have any number."""
    loop = asyncio.get_running_loop()
    listener.setblocking(False)
    opening: Set[asyncio.Task[None]] = set()
    try:
        while True:
            try:
                accepted, peer = await loop.sock_accept(listener)
                connection = Connection(address_of(peer[0], proxies()), places, make)
                if places.enter(connection):
                    task = connection.opening = loop.create_task(_open(connection, accepted, context, places))
                    opening.add(task)
                    task.add_done_callback(opening.discard)
                else:
                    accepted.close()
            except OSError as error:
                if error.errno in _SHORT:
                    log.warning("a connection cannot be accepted: %s", error.strerror)
                    places.make_room()
                    await asyncio.sleep(_PAUSE)
            except Exception:  # a bug must not lock all viewers out
                log.exception("unexpected error while a connection was accepted")
                await asyncio.sleep(_PAUSE)
            await asyncio.sleep(0)  # the task begins, and who had to leave closes their connection
    finally:
        for task in opening:
            task.cancel()


async def end_overdue(places: Places) -> None:
    """End clients that have waited for too long, until cancelled."""
    while True:
        await asyncio.sleep(_LOOKS_EVERY)
        try:
            places.end_overdue()
        except Exception:  # a bug must not end the time limits of all others
            log.exception("unexpected error while connections were ended")


def address_of(peer: str, proxies: Tuple[Network, ...]) -> Optional[str]:
    """The address that a client counts for: of IPv6 the network; None for this machine and for trusted proxies."""
    address = parse_address(peer)
    if address is None or is_in(address, LOOPBACK) or is_in(address, proxies):
        return None
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), _HOME), strict=False))
    return str(address)


async def _open(
    connection: Connection, opened: socket.socket, context: Optional[ssl.SSLContext], places: Places
) -> None:
    within = None if context is None else _HANDSHAKE_WITHIN
    loop = asyncio.get_running_loop()
    try:
        with suppress(OSError):  # the client left, or its handshake failed
            await loop.connect_accepted_socket(lambda: connection, opened, ssl=context, ssl_handshake_timeout=within)
    finally:
        if not connection.was_open:
            places.leave(connection)
