"""`/login` and `/logout`: a browser gives a token once, and gets a cookie for it.

The cookie is the token itself, so revoking the token ends it, and the server keeps nothing about who is logged in. It
names no Path and belongs to the folder of `/login` (RFC 6265 § 5.1.4), and redirects are relative: both are right
whatever path a proxy puts in front.
"""

from __future__ import annotations

import base64
import hashlib
import html
from typing import List, Optional
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Request, Response

from cctv_cli.api.access import CHALLENGE, COOKIE, WrongTokens, request_of
from cctv_cli.api.audit import AuditTrail
from cctv_cli.core.access import tokens
from cctv_cli.core.access.known import Known
from cctv_cli.core.access.policy import cross_site_refusal
from cctv_cli.core.audit.entries import REFUSED
from cctv_cli.core.runtime import Runtime
from cctv_cli.core.units import Secret

_LARGEST_BODY = 1024  # bytes; a token has 32 characters
_LONGEST = 400 * 86400  # seconds that browsers keep a cookie (RFC 6265bis § 5.5)
_FORM = "application/x-www-form-urlencoded"
_WRONG = "This token is unknown, expired or revoked. Ask the operator for a new one."
_TOO_MANY = "Too many wrong tokens were given just now. Try again in 2 seconds."
_STYLE = """
:root { color-scheme: light dark; font: 18px/1.5 system-ui, sans-serif }
body { max-width: 22rem; margin: 15vh auto; padding: 0 1rem }
input, button { font: inherit; width: 100%; box-sizing: border-box; padding: .5rem; margin: .25rem 0 1rem }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    # with no-referrer, browsers send "Origin: null" with the form (WHATWG Fetch § 3.2), which looks like another site
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Cameras: log in</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Cameras</h1>
%s
<form method="post" action="login">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Log in</button>
</form>
%s
</body>
</html>
"""
_LOG_OUT = '<form method="post" action="logout"><button>Log out</button></form>'


def router(runtime: Runtime, known: Known, wrong: WrongTokens, trail: AuditTrail) -> APIRouter:
    """The endpoints of this resource, which need no token."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/login")
    async def show(request: Request) -> Response:
        return _page(200, logged_in=COOKIE in request.cookies)

    @routes.post("/login")
    async def log_in(request: Request) -> Response:
        _require_own_page(request)
        presented = await _token(request)
        now = runtime.clock.now()
        token = tokens.find(known.keys.tokens or (), presented.reveal(), now)
        if token is None:
            trail.acted(request.scope, "login", outcome=REFUSED)
            return _page(401, _WRONG) if await wrong.wait() else _page(429, _TOO_MANY)
        trail.acted(request.scope, "login", name=token.name)
        return _with_cookie("./", request, presented, _LONGEST if token.expires is None else token.expires - now)

    @routes.post("/logout")
    async def log_out(request: Request) -> Response:
        _require_own_page(request)
        return _with_cookie("login", request, Secret(""), 0)

    return routes


def _require_own_page(request: Request) -> None:
    """Another site must not log somebody in or out. Raises a 403."""
    refusal = cross_site_refusal(request_of(request.scope))
    if refusal is not None:
        raise HTTPException(403, refusal)


def _with_cookie(location: str, request: Request, value: Secret, seconds: float) -> Response:
    """A redirect that sets the cookie (RFC 6265 § 4.1): no script reads it, and no other site's form sends it along."""
    cookie = f"{COOKIE}={value.reveal()}; Max-Age={min(int(seconds), _LONGEST)}; HttpOnly; SameSite=Lax"
    secure = "; Secure" if request.scope["scheme"] == "https" else ""
    return Response(status_code=303, headers={"Location": location, "Set-Cookie": cookie + secure})


async def _token(request: Request) -> Secret:
    """The token in the form that was sent. Raises a 413 or 415."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise HTTPException(415, f"Send the token as the field token of a form ({_FORM}).")
    body: List[bytes] = []
    async for chunk in request.stream():
        body.append(chunk)
        if sum(map(len, body)) > _LARGEST_BODY:
            raise HTTPException(413, f"A form with a token has at most {_LARGEST_BODY} bytes.")
    fields = parse_qs(b"".join(body).decode("ascii", "replace"))
    return Secret(fields.get("token", [""])[0].strip())


def _page(status: int, problem: Optional[str] = None, *, logged_in: bool = False) -> Response:
    alert = "" if problem is None else f'<p role="alert">{html.escape(problem)}</p>'
    content = _PAGE.replace("%s", alert, 1).replace("%s", _LOG_OUT if logged_in else "", 1)
    challenge = {"WWW-Authenticate": CHALLENGE} if status == 401 else {}
    return Response(content, status, {**_HEADERS, **challenge}, "text/html")
