"""Which pages of other web sites may read answers (CORS, WHATWG Fetch § 3.2). Plain ASGI.

Players send no Origin and are answered without any of this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, MutableMapping, Optional, Tuple

from cctv_cli.api.access import split_path
from cctv_cli.api.detail import send_detail
from cctv_cli.core.runtime import Runtime

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

HeaderList = List[Tuple[bytes, bytes]]

_VARY = (b"vary", b"Origin")
_EXPOSED = (b"access-control-expose-headers", b"Content-Length, Content-Range, ETag")
_ASKED = b"Authorization, Cache-Control, Content-Type, If-None-Match, If-Range, Pragma, Range"
_LASTS = (b"access-control-max-age", b"86400")  # seconds
_REFUSED = "Pages of this web site may not read here; the operator can add it to server.cors_origins."
_READ, _ALL = b"GET, HEAD, OPTIONS", b"GET, HEAD, OPTIONS, POST"


class Cors:
    """ASGI middleware: answers preflights, and names the origin that may read in every other answer.

    The sites in `cors_origins` may read everything, and control with a token. A URL with a token in its path may be
    read by pages of any site, because who has it may read anyway. Browsers send no cookies for other sites.
    """

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = _header(scope, b"origin") if scope["type"] == "http" else None
        if origin is None:
            await self._app(scope, receive, send)
            return
        own = self._headers(origin, scope["path"])
        if scope["method"] == "OPTIONS" and _header(scope, b"access-control-request-method") is not None:
            await _answer_preflight(send, own)
            return

        async def named(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *own, _VARY]}
            await send(message)

        await self._app(scope, receive, named)

    def _headers(self, origin: bytes, path: str) -> HeaderList:
        """What allows a page of this origin to read; empty if it may not."""
        if origin.decode("latin-1").lower() in self._runtime.settings.cors_origins:
            return [(b"access-control-allow-origin", origin), _EXPOSED]
        return [] if split_path(path)[0] is None else [(b"access-control-allow-origin", b"*"), _EXPOSED]


async def _answer_preflight(send: Send, own: HeaderList) -> None:
    if not own:
        await send_detail(send, 403, _REFUSED, [_VARY])
        return
    methods = _READ if own[0][1] == b"*" else _ALL
    asked = [(b"access-control-allow-methods", methods), (b"access-control-allow-headers", _ASKED)]
    await send({"type": "http.response.start", "status": 204, "headers": [*own, *asked, _LASTS, _VARY]})
    await send({"type": "http.response.body", "body": b""})


def _header(scope: Scope, wanted: bytes) -> Optional[bytes]:
    return next((value for name, value in scope["headers"] if name == wanted), None)
