from __future__ import annotations

from typing import Dict

import httpx
import pytest

from cctv_cli.core.config.settings import Settings
from tests.support.storage_tree import CameraTree

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


@pytest.mark.parametrize("path", ["/cameras", "/cameras/front", "/recordings/front", "/stream/front/info"])
async def test_any_page_may_request_json(client: httpx.AsyncClient, path: str) -> None:
    origin = {"Origin": "https://site.example"}
    response = await client.get(path, headers=origin)
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (200, "*")
    preflight = await client.options(path, headers={**origin, "Access-Control-Request-Method": "GET"})
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, "*")
    missing = await client.get("/cameras/nosuch", headers=origin)
    assert (missing.status_code, missing.headers["access-control-allow-origin"]) == (404, "*")


@pytest.mark.parametrize("headers", [{"Origin": "https://site.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_a_page_of_another_site_may_not_control(client: httpx.AsyncClient, headers: Dict[str, str]) -> None:
    response = await client.post("/cameras/front/stop", headers=headers)
    assert response.status_code == 401
    assert "access-control-allow-methods" not in response.headers
    asked = {"Origin": "https://site.example", "Access-Control-Request-Method": "POST"}
    preflight = await client.options("/cameras/front/stop", headers=asked)
    assert preflight.status_code == 400
    assert "POST" not in preflight.headers["access-control-allow-methods"]
    assert preflight.json() == {"detail": "Pages of other sites may only read, with GET and HEAD."}


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
