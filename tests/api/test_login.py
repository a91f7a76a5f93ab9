"""Logging in from a browser: the page, the cookie, and what other sites cannot do with it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from ipaddress import ip_network
from typing import Any, AsyncIterator, Dict

import httpx
import pytest

from cctv_cli.api import access
from cctv_cli.api.app import create_app
from cctv_cli.core.access.roles import Role
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.runtime import Runtime
from tests.api.conftest import LOCAL, NOW
from tests.support.storage_tree import FixedClock, instant

pytestmark = pytest.mark.anyio

SITE = "http://cameras.local:8000"
PUBLIC = "203.0.113.9"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_WRONG_WAITS", 0.0)


@pytest.fixture
def token(settings: Settings) -> str:
    expires = instant(NOW) + 3600
    return AccessStore(settings.storage).add("phone", Role.OPERATOR, None, expires, instant(NOW)).reveal()


@pytest.fixture
async def browser(settings: Settings, clock: FixedClock, token: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser somewhere in the internet, which keeps cookies."""
    app = create_app(Runtime(settings, clock=clock))
    transport = httpx.ASGITransport(app, client=(PUBLIC, 40000))
    async with httpx.AsyncClient(transport=transport, base_url=SITE, headers=PAGE) as client:
        yield client


async def test_a_browser_logs_in_looks_controls_and_logs_out(browser: httpx.AsyncClient, token: str) -> None:
    sent = await browser.get("/")
    assert (sent.status_code, sent.headers["location"]) == (303, "login")
    form = await browser.get("/login")
    assert form.status_code == 200 and 'action="login"' in form.text and "Log out" not in form.text
    done = await browser.post("/login", data={"token": f" {token}\r\n"}, headers={"Origin": SITE})
    assert (done.status_code, done.headers["location"]) == (303, "./")
    assert done.headers["set-cookie"] == f"cctv={token}; Max-Age=3600; HttpOnly; SameSite=Lax"
    assert (await browser.get("/")).status_code == 200
    assert (await browser.get("/cameras")).status_code == 200
    assert (await browser.post("/cameras/front/stop", headers={"Origin": SITE})).status_code == 202
    assert "Log out" in (await browser.get("/login")).text
    out = await browser.post("/logout", headers={"Origin": SITE})
    assert (out.status_code, out.headers["location"]) == (303, "login")
    assert not browser.cookies
    assert (await browser.get("/cameras")).status_code == 401


async def test_the_cookie_and_the_redirects_stay_below_a_base_path(
    settings: Settings, clock: FixedClock, token: str
) -> None:
    app = create_app(Runtime(replace(settings, base_path="/cctv"), clock=clock))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(PUBLIC, 40000)), base_url=SITE) as client:
        done = await client.post("/cctv/login", data={"token": token})
        assert done.next_request is not None and done.next_request.url == f"{SITE}/cctv/"
        assert [each.path for each in client.cookies.jar] == ["/cctv"]
        assert (await client.get("/cctv/cameras")).status_code == 200
        assert (await client.get("/cameras")).status_code == 401, "what is not below is not sent the cookie"


async def test_a_token_that_ends_ends_the_login(browser: httpx.AsyncClient, token: str, clock: FixedClock) -> None:
    browser.cookies.set("cctv", token, domain="cameras.local")
    assert (await browser.get("/cameras")).status_code == 200
    clock.advance(3601)
    assert (await browser.get("/cameras")).status_code == 401
    sent = await browser.get("/")
    assert (sent.status_code, sent.headers["location"]) == (303, "login")
    assert not browser.cookies, "or the local network would stay closed to this browser"


@pytest.mark.parametrize("text", ["", "x", "a.b", "%00", "ÿ" * 40, "<script>alert(1)</script>", "\n"])
async def test_a_wrong_token_brings_no_cookie(browser: httpx.AsyncClient, text: str) -> None:
    answer = await browser.post("/login", data={"token": text})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "set-cookie" not in answer.headers
    assert "expired or revoked" in answer.text
    assert "alert(1)" not in answer.text


async def test_wrong_tokens_are_few_at_a_time_wherever_they_are_given(
    browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "_MOST_WAITING", 0)
    assert (await browser.post("/login", data={"token": "x"})).status_code == 429
    assert (await browser.get("/", headers={"Cookie": "cctv=x"})).status_code == 429


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"token=" + b"x" * 1018, FORM, 401),
        (b"token=" + b"x" * 1019, FORM, 413),
        (b"x" * 100_000, FORM, 413),
        (b"&" * 1000, FORM, 401),
        (b"token=%ff%fe&token=", FORM, 401),
        (b"\xff\xfe", FORM, 401),
        (b'{"token": "x"}', {"Content-Type": "application/json"}, 415),
        (b"token=x", {"Content-Type": "text/plain"}, 415),  # what a form of another site can send without asking
        (b"", {}, 415),
    ],
)
async def test_what_a_login_may_send(
    browser: httpx.AsyncClient, content: bytes, headers: Dict[str, str], status: int
) -> None:
    assert (await browser.post("/login", content=content, headers=headers)).status_code == status


@pytest.mark.parametrize(
    ("headers", "may"),
    [
        ({}, True),  # no browser
        ({"Origin": SITE}, True),
        ({"Origin": "https://cameras.local:8000"}, False),
        ({"Origin": "http://cameras.local"}, False),
        ({"Origin": "https://site.example"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://cameras.local"}, True),  # behind a proxy with TLS
        ({"Sec-Fetch-Site": "same-site", "Origin": SITE}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
    ],
)
async def test_another_site_logs_nobody_in_or_out(
    browser: httpx.AsyncClient, token: str, headers: Dict[str, str], may: bool
) -> None:
    for path in ("/login", "/logout"):
        answer = await browser.post(path, data={"token": token}, headers=headers)
        assert answer.status_code == (303 if may else 403)
        assert ("set-cookie" in answer.headers) == may


@pytest.mark.parametrize(
    ("url", "peer", "headers", "secure"),
    [
        ("https://cameras.local:8000", PUBLIC, {}, True),
        (SITE, PUBLIC, {}, False),
        (SITE, PUBLIC, {"X-Forwarded-Proto": "https"}, False),
        (SITE, "10.0.0.1", {"X-Forwarded-Proto": "https"}, True),
        (SITE, "10.0.0.1", {"X-Forwarded-Proto": "https", "Origin": "https://cameras.local:8000"}, True),
        (SITE, "10.0.0.1", {"X-Forwarded-Proto": "http"}, False),
        (SITE, "10.0.0.1", {"X-Forwarded-Proto": "https, http"}, False),
        (SITE, "10.0.0.1", {}, False),
    ],
)
async def test_the_cookie_is_for_tls_alone_if_the_browser_uses_tls(
    settings: Settings, clock: FixedClock, token: str, url: str, peer: str, headers: Dict[str, str], secure: bool
) -> None:
    behind = replace(settings, trusted_proxies=(ip_network("10.0.0.0/8"),))
    transport = httpx.ASGITransport(create_app(Runtime(behind, clock=clock)), client=(peer, 40000))
    async with httpx.AsyncClient(transport=transport, base_url=url) as client:
        answer = await client.post("/login", data={"token": token}, headers=headers)
    assert answer.status_code == 303
    assert answer.headers["set-cookie"].endswith("; Secure") == secure


async def test_the_page_runs_nothing_and_is_kept_nowhere(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/login")
    policy = page.headers.get_list("content-security-policy")
    (style,) = re.findall(r"<style>(.*)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == [
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ]
    assert page.headers.get_list("referrer-policy") == ["same-origin"]
    assert page.headers["cache-control"] == "no-store"
    assert "<script" not in page.text and "src=" not in page.text and "http" not in page.text
    head = await browser.head("/login")
    assert (head.status_code, head.content) == (200, b"")
    assert (await browser.get("/logout")).status_code == 405


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/", {"Accept": "*/*"}), ("/", {"Accept": ""}), ("/cameras", PAGE), ("/stream/front/x.ts", PAGE)],
)
async def test_programs_are_not_sent_to_the_page(browser: httpx.AsyncClient, path: str, headers: Any) -> None:
    answer = await browser.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["detail"]


async def test_the_local_network_needs_no_login(settings: Settings, clock: FixedClock) -> None:
    transport = httpx.ASGITransport(create_app(Runtime(settings, clock=clock)), client=("192.168.1.5", 40000))
    async with httpx.AsyncClient(transport=transport, base_url=LOCAL, headers=PAGE) as client:
        assert (await client.get("/")).status_code == 200
