"""Logs each request, tells the audit log, and answers unexpected errors with one sentence. Plain ASGI.

Every viewer requests media every few seconds, so these requests are logged at level DEBUG, all others at INFO.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, MutableMapping

from cctv_cli.api.access import split_path, without_secret
from cctv_cli.api.audit import AuditTrail
from cctv_cli.api.caller import CALLER, caller_of
from cctv_cli.api.detail import send_detail
from cctv_cli.api.media_routes import is_media
from cctv_cli.api.outside import outside

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger("cctv.http")

_SHOWN = 300  # characters of a request's target
_FAILED = "An unexpected error; see the server's log, with cctv --debug for a traceback."


class RequestLog:
    """ASGI middleware: logs method, target, status, bytes, milliseconds and the client's address.

    Passwords in the query are replaced by stars; header values are never logged. An uncaught exception becomes a 500,
    or breaks the connection if the answer has begun.
    """

    def __init__(self, app: ASGIApp, trail: AuditTrail) -> None:
        self._app = app
        self._trail = trail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        status = sent = 0

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except asyncio.CancelledError:
            log.warning("%s was cut off: the server ended before its client had received everything", _target(scope))
        except Exception:
            log.exception("%s failed unexpectedly", _target(scope))
            if not status:
                await send_detail(watched, 500, _FAILED)
        self._trail.answered(scope, status, sent)
        level = logging.DEBUG if _is_media(scope) else logging.INFO
        if log.isEnabledFor(level):
            milliseconds = (time.perf_counter() - begin) * 1000
            log.log(
                level,
                "%s %d %d bytes %.1f ms %s",
                _target(scope),
                status,
                sent,
                milliseconds,
                outside(scope).client,
            )


def _is_media(scope: Scope) -> bool:
    if CALLER in scope:
        return caller_of(scope).media is not None
    return is_media(split_path(scope["path"])[1])


def _target(scope: Scope) -> str:
    """Method and path in visible ASCII, so that clients cannot inject log lines; without what may be a secret."""
    target = f"{scope['method']} {without_secret(scope['path'])}{'?***' if scope['query_string'] else ''}"
    return target[:_SHOWN].encode("unicode_escape").decode()
