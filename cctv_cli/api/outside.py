"""Shows each request as its client sent it to a proxy in front: without the base path, by the client's scheme."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cctv_cli.core.access.outside import Outside, outside_of
from cctv_cli.core.runtime import Runtime

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_OUTSIDE = "cctv.outside"


class Outsides:
    """The outermost ASGI middleware. URLs in answers begin with `base_of`; logs name the client of `outside`."""

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            settings, client = self._runtime.settings, scope.get("client")
            peer = client[0] if client else None
            seen = outside_of(peer, scope["headers"], scope["scheme"], settings.trusted_proxies, settings.base_path)
            scope = {**scope, "scheme": seen.scheme, "path": seen.inner(scope["path"]), _OUTSIDE: seen}
        await self._app(scope, receive, send)


def outside(scope: Scope) -> Outside:
    """How the client of a request sees this server."""
    seen = scope[_OUTSIDE]
    assert isinstance(seen, Outside)
    return seen


def base_of(scope: Scope) -> str:
    """What precedes every path of this server in a URL for the client of a request; empty without a base path."""
    return outside(scope).base_path
