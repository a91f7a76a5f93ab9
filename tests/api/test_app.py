from __future__ import annotations

from dataclasses import replace
from typing import Dict

import httpx
import pytest

from cctv_cli.api.app import create_app
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.runtime import Runtime
from tests.api.conftest import LOCAL, NOW
from tests.support.storage_tree import CameraTree, FixedClock, instant

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nosuch", 404),
        ("GET", "/docs", 404),
        ("GET", "/cameras/nosuch", 404),
        ("GET", "/cameras/front/start", 405),
        ("GET", "/stream/front", 404),
        ("GET", "/stream/nosuch/info", 404),
        ("GET", "/stream/nosuch/live.m3u8", 404),
        ("GET", "/stream/front/live.m3u8", 503),
        ("GET", "/stream/attic/live.m3u8", 409),
        ("GET", "/recordings", 404),
        ("GET", "/recordings/nosuch", 404),
        ("GET", "/recordings/front?date=x", 422),
        ("GET", "/recordings/front/2026-07-14/14/41.ts", 404),
        ("POST", "/cameras", 405),
        ("POST", "/stream/front/info", 405),
        ("DELETE", "/recordings/front", 405),
        ("OPTIONS", "/cameras", 405),
        ("PUT", "/cameras/front/start", 405),
        ("GET", "/cameras/", 404),
        ("GET", "/recordings/front?limit=many", 422),
        ("GET", "/cameras/%0d%0aX-Injected:%20yes", 404),
        ("GET", "/%ff%00%80", 404),
        ("GET", "/recordings/front?date=%ff%00", 422),
    ],
)
async def test_every_error_has_one_sentence_in_detail(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    response = await client.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert list(body) == ["detail"]
    assert isinstance(body["detail"], str)
    assert body["detail"]
    assert body["detail"].endswith(".")
    assert (status != 405) or response.headers["allow"]
    assert "x-injected" not in response.headers


EVERYTHING = [
    "/cameras",
    "/cameras/front",
    "/recordings/front",
    "/stream/front/info",
    "/stream/front/live.m3u8",
    "/health",
]


@pytest.mark.parametrize("path", EVERYTHING)
async def test_only_pages_of_known_sites_may_read(settings: Settings, clock: FixedClock, path: str) -> None:
    app = create_app(Runtime(replace(settings, cors_origins=("https://app.example:8443",)), clock=clock))
    transport = httpx.ASGITransport(app, client=("192.168.1.5", 50000))
    async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as client:
        for origin in ("https://app.example:8443", "HTTPS://App.Example:8443"):
            answer = await client.get(path, headers={"Origin": origin})
            assert answer.headers["access-control-allow-origin"] == origin
            assert "Content-Range" in answer.headers["access-control-expose-headers"]
            assert "origin" in answer.headers["vary"].lower()
            asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range,authorization"}
            preflight = await client.options(path, headers={"Origin": origin, **asked})
            assert preflight.status_code == 204
            assert preflight.headers["access-control-allow-origin"] == origin
            allowed = set(preflight.headers["access-control-allow-headers"].lower().split(", "))
            assert {"cache-control", "pragma", "range", "if-none-match", "content-type", "authorization"} <= allowed
        for origin in ("https://app.example", "http://app.example:8443", "https://site.example", "null", ""):
            answer = await client.get(path, headers={"Origin": origin})
            assert "access-control-allow-origin" not in answer.headers
            preflight = await client.options(path, headers={"Origin": origin, "Access-Control-Request-Method": "GET"})
            assert preflight.status_code == 403
            assert "server.cors_origins" in preflight.json()["detail"]
        assert "access-control-allow-origin" not in (await client.get(path)).headers


async def test_a_refusal_can_be_read_by_a_known_site(settings: Settings, clock: FixedClock) -> None:
    app = create_app(Runtime(replace(settings, cors_origins=("https://app.example",)), clock=clock))
    transport = httpx.ASGITransport(app, client=("203.0.113.9", 50000))
    async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as client:
        answer = await client.get("/cameras", headers={"Origin": "https://app.example"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, "https://app.example")


@pytest.mark.parametrize("path", [*EVERYTHING, "/metrics", "/", "/openapi.json", "/nosuch", "/cleanup/preview"])
async def test_head_has_the_headers_of_get_and_no_body(client: httpx.AsyncClient, path: str) -> None:
    got, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    for answer in (got, head):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/stream/front/live.m3u8", "/stream/front/segment7.ts"])
async def test_a_browser_that_shows_a_stream_as_a_page_may_load_its_segments(
    client: httpx.AsyncClient, front: CameraTree, path: str
) -> None:
    front.begin_stream(7, instant(NOW) - 81)
    front.stream(8)
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["x-content-type-options"]) == (200, "nosniff")
    again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    for each in (answer, again):
        assert "content-security-policy" not in each.headers


@pytest.mark.parametrize("headers", [{"Origin": "https://site.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_a_page_of_another_site_may_not_control(client: httpx.AsyncClient, headers: Dict[str, str]) -> None:
    response = await client.post("/cameras/front/stop", headers=headers)
    assert response.status_code == 401
    assert "access-control-allow-methods" not in response.headers
    asked = {"Origin": "https://site.example", "Access-Control-Request-Method": "POST"}
    preflight = await client.options("/cameras/front/stop", headers=asked)
    assert preflight.status_code == 403
    assert "access-control-allow-methods" not in preflight.headers


async def test_a_failing_storage_is_503_without_a_path(
    client: httpx.AsyncClient, settings: Settings, front: CameraTree
) -> None:
    front.layout.live_playlist.mkdir(parents=True)
    front.layout.recordings.write_text("a file in the way")
    for path in ("/stream/front/info", "/recordings/front"):
        response = await client.get(path)
        assert response.status_code == 503
        detail = response.json()["detail"]
        assert detail.startswith("The storage cannot be used (")
        assert detail.endswith("check its disk.")
        assert str(settings.storage) not in response.text


@pytest.mark.parametrize("host", ["[", "a:b:c", "\x7f", ""])
async def test_an_odd_host_is_refused_in_one_sentence(client: httpx.AsyncClient, host: str) -> None:
    response = await client.get("/nosuch", headers={"Host": host})
    assert response.status_code == 401
    assert response.json()["detail"].endswith(".")
