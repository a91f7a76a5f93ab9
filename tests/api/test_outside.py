"""The server behind a proxy: URLs in answers, and what the log shows."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_network
from typing import Any, Dict, Iterator

import httpx
import pytest

from cctv_cli.api.app import create_app
from cctv_cli.core.access.roles import Role
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.runtime import Runtime
from tests.api.conftest import LOCAL, NOW
from tests.support.storage_tree import CameraTree, FixedClock, instant

pytestmark = pytest.mark.anyio

PUBLIC = "http://cctv.lan"
TRUSTED = {"trusted_proxies": (ip_network("127.0.0.1"),)}
SAYS_PREFIX = {"X-Forwarded-For": "192.168.1.5", "X-Forwarded-Prefix": "/cctv"}
LISTS = ["/", "/cameras", "/cameras/front", "/stream/front/info", "/recordings/front?limit=1"]
LISTS += ["/recordings/front?date=2026-07-14", "/nosuch"]


@pytest.fixture
def recorded(front: CameraTree) -> None:
    front.begin_stream(7, instant(NOW) - 81)
    front.stream(8)
    front.record("2026-07-13T14:41:00+02:00", 20)
    front.record("2026-07-14T14:41:00+02:00", 20)


@pytest.fixture
def ask(settings: Settings, clock: FixedClock) -> Any:
    """Get a path from a server with changed settings: through a proxy on this machine, directly without headers."""

    async def asking(path: str, headers: Dict[str, str], **changed: Any) -> httpx.Response:
        app = create_app(Runtime(replace(settings, **changed), clock=clock))
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 50000))
        url = PUBLIC if headers else LOCAL
        async with httpx.AsyncClient(transport=transport, base_url=url, headers=headers) as client:
            return await client.get(path)

    return asking


def urls(value: object) -> Iterator[str]:
    """Every text in an answer that is a path of a server."""
    if isinstance(value, str):
        yield from re.findall(r"(?<![\w/])/[\w/].*?(?= |;|$)", value)
    elif isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from urls(each)


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("headers", "changed"),
    [({"X-Real-IP": "192.168.1.5"}, {"base_path": "/cctv"}), (SAYS_PREFIX, TRUSTED)],
    ids=["configured", "said by a trusted proxy"],
)
async def test_every_url_in_an_answer_begins_with_the_base_path(
    ask: Any, recorded: None, path: str, headers: Dict[str, str], changed: Dict[str, Any]
) -> None:
    plain, stripped = await ask(path, {}), await ask(path, headers, **changed)
    unstripped = await ask(f"/cctv{path}", headers, **changed)
    assert (stripped.status_code, stripped.json()) == (plain.status_code, unstripped.json())
    found = list(urls(plain.json()))
    assert found, plain.text
    assert list(urls(stripped.json())) == [f"/cctv{url}" for url in found]


async def test_the_urls_lead_to_what_they_name(ask: Any, recorded: None) -> None:
    headers = {"X-Real-IP": "192.168.1.5"}
    days = (await ask("/recordings/front?limit=1", headers, base_path="/cctv")).json()
    segments = (await ask("/recordings/front?date=2026-07-14", headers, base_path="/cctv")).json()["days"][0]
    hour = days["days"][0]["hours"][0]["playlist_url"]
    for url in (days["next_url"], hour, segments["recordings"][0]["url"], "/cctv/stream/front/live.m3u8"):
        assert (await ask(url, headers, base_path="/cctv")).status_code == 200
    assert "/cctv" not in (await ask(hour, headers, base_path="/cctv")).text, "a playlist is relative to its own URL"


async def test_the_description_names_the_base_path_of_the_request_alone(ask: Any) -> None:
    described = (await ask("/openapi.json", SAYS_PREFIX, **TRUSTED)).json()
    assert described["servers"] == [{"url": "/cctv"}]
    assert "servers" not in (await ask("/openapi.json", {})).json()


@pytest.mark.parametrize("prefix", ["//evil.example", "https://evil.example", "/a\\b", '/"><script>', "/x" * 500])
async def test_nobody_can_plant_a_foreign_url(ask: Any, recorded: None, prefix: str) -> None:
    for path in LISTS:
        plain = (await ask(path, {"X-Forwarded-For": "192.168.1.5"})).json()
        assert (await ask(path, {**SAYS_PREFIX, "X-Forwarded-Prefix": prefix}, **TRUSTED)).json() == plain
        assert (await ask(path, SAYS_PREFIX)).json() == plain, "this proxy is not trusted"


async def test_the_log_names_the_client_of_a_trusted_proxy(ask: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "cctv.http")
    headers = {"X-Forwarded-For": "8.8.8.8, 192.168.1.5", "User-Agent": "x"}
    await ask("/cameras", headers, **TRUSTED)
    await ask("/cameras", headers)
    trusted, untrusted = [record.getMessage() for record in caplog.records if record.name == "cctv.http"]
    assert trusted.endswith(" ms 192.168.1.5")
    assert untrusted.endswith(" ms 127.0.0.1")


@pytest.mark.parametrize("base_path", [None, "/cctv"])
async def test_a_token_below_a_base_path_works_and_is_not_logged(
    ask: Any, settings: Settings, recorded: None, caplog: pytest.LogCaptureFixture, base_path: str
) -> None:
    """Also not when the proxy passes on a base path that is not configured."""
    caplog.set_level("DEBUG", "cctv")
    token = AccessStore(settings.storage).add("phone", Role.VIEWER, None, None, instant(NOW)).reveal()
    for path in ("/cameras", "/stream/front/live.m3u8", "/nosuch"):
        answer = await ask(f"/cctv/t/{token}{path}", {"X-Forwarded-For": "192.168.1.5"}, base_path=base_path)
        assert answer.status_code == (404 if path == "/nosuch" or base_path is None else 200)
        assert token not in answer.text
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("cctv"))
    assert "/t/***/cameras" in logged
    assert token not in logged
