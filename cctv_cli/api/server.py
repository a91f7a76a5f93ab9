"""The HTTP server: a listening socket and one event loop, which runs until a stop is requested."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import time
from typing import Any, Iterator, List, Optional, Protocol, Tuple

import uvicorn

from cctv_cli.api.app import create_app
from cctv_cli.api.connection import Connection
from cctv_cli.api.listener import accept, end_overdue
from cctv_cli.api.media_cache import SLICE, media_bytes
from cctv_cli.api.places import Places, most_places
from cctv_cli.api.requests import CONNECTION
from cctv_cli.api.threads import begun_threads, on_thread
from cctv_cli.api.tls import Tls
from cctv_cli.core.access.addresses import Network
from cctv_cli.core.errors import AddressError
from cctv_cli.core.runtime import Runtime
from cctv_cli.core.system import open_files_limit

_POLL = 0.2  # seconds between checks for requested stops and reloads
_RENEWED = 5.0  # seconds between checks for a renewed certificate
_KEEP_ALIVE = 8  # seconds between two requests; players ask for a playlist every few seconds
_GRACE = 5  # seconds for responses in progress
_BACKLOG = 2048  # connections waiting to be accepted


class Requested(Protocol):
    """What signals requested of this process."""

    ended: bool

    def take_reload(self) -> bool:
        """Whether a reload was requested since the last call."""


class _Server(uvicorn.Server):
    """A server that does not handle signals itself, and whose connections have places."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, tls: Optional[Tls], runtime: Runtime) -> None:
        super().__init__(config)
        self._listener = listener
        self._context = None if tls is None else tls.context
        self._runtime = runtime
        self._answers = media_bytes() // SLICE
        self._tasks: List[asyncio.Task[None]] = []

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: Optional[List[socket.socket]] = None) -> None:
        """Start the application, and accept connections."""
        await super().startup(sockets=[])
        places = Places(self._most, time.monotonic)
        accepting = accept(self._listener, self._context, places, self._proxies, self._protocol)
        self._tasks = [asyncio.ensure_future(each) for each in (accepting, end_overdue(places))]

    async def shutdown(self, sockets: Optional[List[socket.socket]] = None) -> None:
        """Accept no more connections, complete the answers in progress, and stop the application."""
        self._listener.close()
        await super().shutdown(sockets=[])
        for task in self._tasks:
            task.cancel()

    def _most(self) -> int:
        cameras = self._runtime.settings.cameras
        recordings = sum(1 if camera.sub_source is None else 2 for camera in cameras)
        return most_places(open_files_limit(), recordings, self._answers)

    def _proxies(self) -> Tuple[Network, ...]:
        return self._runtime.settings.trusted_proxies

    def _protocol(self, connection: Connection) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class  # as `uvicorn.Server.startup` does
        state = {**self.lifespan.state, CONNECTION: connection}
        protocol: asyncio.Protocol = make(config=self.config, server_state=self.server_state, app_state=state)
        return protocol


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket. Raises AddressError if the address is not available."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()  # :: means all addresses, including IPv4
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        cure = "end the program that uses it, or choose another with --port or SERVER_PORT"
        unknown_name = (error.errno or -1) < 0  # errors of the name lookup have negative codes or none
        if unknown_name or error.errno == errno.EADDRNOTAVAIL:
            cure = "this machine has no such address: correct --host or SERVER_HOST"
        elif error.errno == errno.EACCES:
            cure = "only root may use the ports below 1024: choose 1024 or more with --port or SERVER_PORT"
        reason = "the name is unknown" if unknown_name else os.strerror(error.errno or 0)
        raise AddressError(f"Port {port} at {host} cannot be opened ({reason}); {cure}") from error


def run(runtime: Runtime, listener: socket.socket, tls: Optional[Tls], requested: Requested) -> None:
    """Serve a started runtime until a stop is requested; responses in progress are completed."""
    loop = _new_loop()
    loop.set_default_executor(begun_threads())
    try:
        loop.run_until_complete(_serve(runtime, listener, tls, requested))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # Windows, and machines without a wheel for it
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _serve(runtime: Runtime, listener: socket.socket, tls: Optional[Tls], requested: Requested) -> None:
    config = uvicorn.Config(
        create_app(runtime),
        proxy_headers=False,  # `access` reads these headers itself
        server_header=False,
        access_log=False,
        ws="none",
        log_config=None,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
    )
    server = _Server(config, listener, tls, runtime)
    serving = asyncio.ensure_future(server.serve())
    renewing = None if tls is None else asyncio.ensure_future(_renew(tls))
    reloading: Optional[asyncio.Future[object]] = None
    while not serving.done():
        # not awaited: a reload that hangs on a disk must not keep the server from ending
        if (reloading is None or reloading.done()) and requested.take_reload():
            reloading = asyncio.get_running_loop().run_in_executor(None, runtime.reload)
        server.should_exit = server.should_exit or requested.ended
        await asyncio.wait([serving], timeout=_POLL)
    if renewing is not None:
        renewing.cancel()
    await serving


async def _renew(tls: Tls) -> None:
    """Use a renewed certificate for new connections."""
    while True:
        await asyncio.sleep(_RENEWED)
        if await on_thread(tls.changed):
            tls.renew()
