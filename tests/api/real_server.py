"""An ASGI app in a real server, for what an HTTP client in the same process would hide."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterator

import uvicorn

from tests.support.waiting import HANG

if TYPE_CHECKING:
    from starlette.types import ASGIApp


@contextmanager
def serving(app: ASGIApp, *, http: str = "auto") -> Iterator[int]:
    """Serve on a free port of 127.0.0.1, with uvicorn's HTTP parser `http`; yields the port."""
    config = uvicorn.Config(app, http=http, ws="none", lifespan="off", log_level="critical", proxy_headers=False)
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(HANG)
