"""What answers have in common: headers against misuse by browsers, and HEAD wherever there is GET. Plain ASGI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, MutableMapping

from cctv_cli.api.access import split_path

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_HEADERS = [
    (b"x-content-type-options", b"nosniff"),  # a browser must not take media or JSON for a page
    (b"referrer-policy", b"no-referrer"),  # a URL may have a token in its path
]
# WHATWG Fetch § 3.7: pages of other sites may neither show nor measure what they may not read (see `cors`)
_OWN_PAGES = (b"cross-origin-resource-policy", b"same-origin")
_ALL_PAGES = (b"cross-origin-resource-policy", b"cross-origin")
# not for media: a browser that shows a playlist as a page of its own must load the segments
_NO_CONTENT = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_MEDIA = (b"video/", b"application/vnd.apple.mpegurl")


class Hardening:
    """ASGI middleware: adds to every answer the headers that keep browsers from misusing it, unless it has its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pages = _OWN_PAGES if split_path(scope.get("path", ""))[0] is None else _ALL_PAGES

        async def hardened(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                own = dict(message.get("headers", ()))
                # a browser adds the headers of a 304 to those of the answer that it keeps
                is_free = own.get(b"content-type", b"").startswith(_MEDIA) or message["status"] == 304
                added = [*_HEADERS, pages] if is_free else [*_HEADERS, pages, _NO_CONTENT]
                headers = [*message.get("headers", ()), *(each for each in added if each[0] not in own)]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, hardened)


class HeadAsGet:
    """ASGI middleware: answers HEAD as GET without the body (RFC 9110 § 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: MutableMapping[str, Any]) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, without_body)
