"""Takes a request whole before it is answered, and tells its connection when the answer begins and ends. Plain ASGI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, MutableMapping, Optional

from cctv_cli.api.connection import Connection
from cctv_cli.api.detail import send_detail

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

CONNECTION = "connection"  # in the state of the scope
MOST_BODY = 4096  # bytes; the largest that any route takes is a form with a token
_LONGEST_LENGTH = 9  # digits of a Content-Length that are read
_TOO_LARGE = f"A request's body may have {MOST_BODY} bytes, and this one has more."


class WholeRequests:
    """ASGI middleware: answers a body of more than MOST_BODY bytes with 413, whether announced or sent in chunks.

    Until its body has arrived, a request counts as incomplete for `places`, which ends connections that wait.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        taken: Optional[Receive] = receive
        if _has_body(scope):
            taken = await _take(scope, receive)
        connection = connection_of(scope)
        if connection is not None:
            connection.begins()
        try:
            if taken is None:
                await send_detail(send, 413, _TOO_LARGE, [(b"connection", b"close")])
            else:
                await self._app(scope, taken, send)
        finally:
            if connection is not None:
                connection.ends()


def connection_of(scope: Scope) -> Optional[Connection]:
    """The connection of a request; None without a server, as in tests."""
    connection: Optional[Connection] = scope.get("state", {}).get(CONNECTION)
    return connection


def _has_body(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0")):
            return True
    return False


async def _take(scope: Scope, receive: Receive) -> Optional[Receive]:
    """Receives the body, once all of it is here; None if it is too large, or the client left."""
    if any(name == b"content-length" and _is_too_much(value) for name, value in scope["headers"]):
        return None
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MOST_BODY or message["type"] == "http.disconnect":
            return None
        more = message.get("more_body", False)
    whole: Optional[MutableMapping[str, Any]] = {"type": "http.request", "body": bytes(body), "more_body": False}

    async def replay() -> MutableMapping[str, Any]:
        nonlocal whole
        message, whole = whole, None
        return await receive() if message is None else message

    return replay


def _is_too_much(length: bytes) -> bool:
    return len(length) > _LONGEST_LENGTH or int(length) > MOST_BODY
