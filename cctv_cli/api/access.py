"""Lets requests in by their token, link or address (see `core/access`), and checks what each route needs.

The gate puts the caller into the request's scope; routes take its grant from there with `needs` and `grant_of`.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Optional, Tuple
from urllib.parse import quote

from starlette.requests import Request as HttpRequest

from cctv_cli.api.audit import AuditTrail
from cctv_cli.api.caller import CALLER, Caller, caller_of
from cctv_cli.api.detail import send_detail
from cctv_cli.api.outside import outside
from cctv_cli.api.requests import connection_of
from cctv_cli.api.running import RunningAnswers
from cctv_cli.core.access.admission import Presented, admit
from cctv_cli.core.access.known import Known
from cctv_cli.core.access.policy import READING_METHODS, Request, shows_proxy
from cctv_cli.core.access.roles import Grant
from cctv_cli.core.audit.entries import REFUSED
from cctv_cli.core.errors import UnknownCamera
from cctv_cli.core.health.report import Report
from cctv_cli.core.runtime import Runtime
from cctv_cli.core.units import Secret

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE = "cctv"
OPEN_PATHS = frozenset({"/login", "/logout"})
_WRONG_WAITS = 1.0  # seconds until a wrong token is refused, so that guessing is slow
_MOST_WAITING = 100
_TOO_MANY = "Too many requests with a wrong token; try again in 2 s."
_IN_PATH = re.compile(r"/t/([^/]+)(/.*|)\Z", re.DOTALL)
_SECRETS_IN_PATH = re.compile(r"(?<=/t/)[^/]+|[\w-]{32,}", re.ASCII)  # what is as long as a token may be one
_BEARER = re.compile(r"bearer +([^ ]+) *\Z", re.IGNORECASE)
_COOKIE_PAIR = re.compile(rf"(?:^|; *){COOKIE}=([^; ]*)")
# RFC 9110 § 15.5.2 requires a challenge with every 401; for Bearer, browsers show no password dialog
CHALLENGE = 'Bearer realm="cctv"'


class WrongTokens:
    """Requests with a wrong token, which wait before they are refused."""

    def __init__(self) -> None:
        self._waiting = 0

    async def wait(self) -> bool:
        """Let one of them wait; False if so many wait already that this one may not."""
        if self._waiting >= _MOST_WAITING:
            return False
        self._waiting += 1
        try:
            await asyncio.sleep(_WRONG_WAITS)
        finally:
            self._waiting -= 1
        return True


class AccessGate:
    """ASGI middleware: passes on allowed requests and answers others with 401 and the reason in `detail`."""

    def __init__(
        self,
        app: ASGIApp,
        runtime: Runtime,
        known: Known,
        running: RunningAnswers,
        wrong: WrongTokens,
        trail: AuditTrail,
    ) -> None:
        self._app = app
        self._runtime = runtime
        self._known = known
        self._running = running
        self._wrong = wrong
        self._trail = trail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and scope["path"] in OPEN_PATHS):
            await self._app(scope, receive, send)
            return
        presented, path = _presented(scope)
        request = request_of(scope)
        if presented is None and shows_proxy(request):
            self._known.note_proxy(self._runtime.clock.now())
        admitted = admit(
            request,
            presented,
            self._known.rules(),
            self._known.keys,
            self._runtime.clock.now(),
        )
        if isinstance(admitted, Grant):
            if presented is not None and scope["type"] == "http" and outside(scope).in_clear:
                self._known.note_in_clear(admitted.name, outside(scope).client)
            scope[CALLER] = Caller(admitted)  # also for those who passed the request to this gate
            inner = {**scope, "path": path, "raw_path": quote(path).encode()}
            await self._answer(presented, inner, receive, send)
        elif scope["type"] == "http":
            if presented is not None or request.method not in READING_METHODS:
                self._trail.acted(scope, "control" if presented is None else "wrong token", outcome=REFUSED)
            if presented is not None and not await self._wrong.wait():
                await send_detail(send, 429, _TOO_MANY, [(b"retry-after", b"2")])
            elif path == "/" and _is_browser(request):
                await _send_to_login(send, forget=presented is not None and presented.in_cookie)
            else:
                await send_detail(send, 401, admitted.sentence, [(b"www-authenticate", CHALLENGE.encode())])
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": admitted.sentence})

    async def _answer(self, presented: Optional[Presented], scope: Scope, receive: Receive, send: Send) -> None:
        connection = connection_of(scope)
        if presented is None or connection is None:
            await self._app(scope, receive, send)
            return
        running = self._running.begin(presented.text, connection)
        try:
            await self._app(scope, receive, send)
        finally:
            self._running.end(running)


def require_shown(grant: Grant, camera: str) -> None:
    """Raise UnknownCamera if the caller may not know of a camera."""
    if not grant.shows(camera):
        raise UnknownCamera(f"No camera {camera[:64]!r} is configured that this token or link shows")


def shown_report(report: Report, request: HttpRequest) -> Report:
    """The health of the cameras that the caller may see."""
    grant = grant_of(request.scope)
    return report if grant.cameras is None else report.limited_to(grant.shows)


def grant_of(scope: Scope) -> Grant:
    """What the caller of a request may do."""
    return caller_of(scope).grant


def request_of(scope: Scope) -> Request:
    """What the policy wants to know of a request. A WebSocket has no method, and counts as control."""
    client, server = scope.get("client"), scope.get("server")
    return Request(
        method=scope.get("method", ""),
        peer=client[0] if client else None,
        headers=scope["headers"],
        scheme=scope["scheme"],
        http_version=scope["http_version"],
        port=server[1] if server else None,
    )


def split_path(path: str) -> Tuple[Optional[Secret], str]:
    """The token or link in a request's path, and the path of what is requested."""
    match = _IN_PATH.match(path)
    return (None, path) if match is None else (Secret(match.group(1)), match.group(2) or "/")


def without_secret(path: str) -> str:
    """A request's path to be shown: stars instead of a token or link, also of one in a wrong place."""
    return _SECRETS_IN_PATH.sub("***", path)


def _is_browser(request: Request) -> bool:
    """Whether somebody wants to see a page."""
    return request.method in ("GET", "HEAD") and any("text/html" in each for each in request.values(b"accept"))


async def _send_to_login(send: Send, *, forget: bool) -> None:
    """Answer with a redirect to the login page; `forget` the cookie, without which the next request may be let in."""
    headers = [(b"location", b"login"), (b"content-length", b"0"), (b"cache-control", b"no-store")]
    if forget:
        headers.append((b"set-cookie", b"%s=; Max-Age=0" % COOKIE.encode()))
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _presented(scope: Scope) -> Tuple[Optional[Presented], str]:
    """The token or link that a request presents, and the path of what it requests."""
    secret, path = split_path(scope["path"])
    return (_in_headers(scope) if secret is None else Presented(secret)), path


def _in_headers(scope: Scope) -> Optional[Presented]:
    in_cookie = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            bearer = _BEARER.match(value.decode("latin-1"))
            return Presented(Secret("" if bearer is None else bearer.group(1)))
        if name == b"cookie" and in_cookie is None:
            in_cookie = _COOKIE_PAIR.search(value.decode("latin-1"))
    return None if in_cookie is None else Presented(Secret(in_cookie.group(1)), in_cookie=True)
