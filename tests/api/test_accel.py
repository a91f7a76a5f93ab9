from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import httpx
import pytest

from cctv_cli.api.accel import proxy_target
from cctv_cli.api.app import create_app
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.runtime import Runtime
from tests.api.conftest import LOCAL, NOW
from tests.support.storage_tree import CameraTree, FixedClock, instant

pytestmark = pytest.mark.anyio

THROUGH_PROXY = {"Host": "192.168.1.2", "X-Forwarded-For": "192.168.1.20"}
RECORDED = "/recordings/front/2026-07-14/14/41.ts"
LIVE = "/stream/front/segment8.ts"


def scope_of(peer: Optional[str], *headers: Tuple[bytes, bytes]) -> Dict[str, Any]:
    more = {"method": "GET", "scheme": "http", "http_version": "1.1"}
    return {"type": "http", "client": peer and (peer, 40000), "headers": list(headers), **more}


@pytest.mark.parametrize("header", [b"x-forwarded-for", b"x-real-ip", b"forwarded", b"x-forwarded-proto"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "::1"])
def test_a_proxy_on_this_machine_sends_files(peer: str, header: bytes) -> None:
    settings = Settings(storage=Path("/srv/cctv"), accel_redirect="/cctv-media/")
    target = proxy_target(settings, scope_of(peer, (header, b"x")), Path("/srv/cctv/front/live/segment1.ts"))
    assert target == b"/cctv-media/front/live/segment1.ts"


@pytest.mark.parametrize(
    ("location", "peer", "headers", "path"),
    [
        (None, "127.0.0.1", [(b"x-real-ip", b"10.0.0.1")], "/srv/cctv/front/live/segment1.ts"),
        ("/m/", "127.0.0.1", [], "/srv/cctv/front/live/segment1.ts"),
        ("/m/", "127.0.0.1", [(b"x-accel", b"1")], "/srv/cctv/front/live/segment1.ts"),
        ("/m/", "192.168.1.2", [(b"x-real-ip", b"10.0.0.1")], "/srv/cctv/front/live/segment1.ts"),
        ("/m/", None, [(b"x-real-ip", b"10.0.0.1")], "/srv/cctv/front/live/segment1.ts"),
        ("/m/", "127.0.0.1", [(b"x-real-ip", b"10.0.0.1")], "/dev/shm/front/live/segment1.ts"),
        ("/m/", "127.0.0.1", [(b"x-real-ip", b"10.0.0.1")], "/srv/cctv-2/front/live/segment1.ts"),
    ],
    ids=["not configured", "no proxy", "no forwarding", "proxy elsewhere", "no peer", "live elsewhere", "neighbour"],
)
def test_this_server_sends_everything_else(
    location: Optional[str], peer: Optional[str], headers: List[Tuple[bytes, bytes]], path: str
) -> None:
    settings = Settings(storage=Path("/srv/cctv"), live_path=Path("/dev/shm"), accel_redirect=location)
    assert proxy_target(settings, scope_of(peer, *headers), Path(path)) is None


def test_the_target_is_percent_encoded() -> None:
    settings = Settings(storage=Path("/srv/cctv"), accel_redirect="/m/")
    scope = scope_of("127.0.0.1", (b"x-real-ip", b"10.0.0.1"))
    assert proxy_target(settings, scope, Path("/srv/cctv/a b%/ü\n.ts")) == b"/m/a%20b%25/%C3%BC%0A.ts"


@pytest.fixture
def client(settings: Settings, clock: FixedClock, front: CameraTree) -> httpx.AsyncClient:
    """A local client of a server behind a proxy, with a live window and a recording."""
    front.begin_stream(7, instant(NOW) - 81)
    front.stream(8)
    front.record("2026-07-14T14:41:00+02:00", 20)
    app = create_app(Runtime(replace(settings, accel_redirect="/cctv-media/"), clock=clock))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=("127.0.0.1", 50000)), base_url=LOCAL)


@pytest.mark.parametrize(
    ("path", "target", "cache_control"),
    [
        (RECORDED, "/cctv-media/front/recordings/2026-07-14/14/41.ts", "private, max-age=31536000, immutable"),
        (LIVE, "/cctv-media/front/live/segment8.ts", "private, max-age=60"),
    ],
)
@pytest.mark.parametrize("more", [{}, {"Range": "bytes=0-9"}, {"If-None-Match": "*"}], ids=["all", "part", "known"])
async def test_the_answer_names_the_file_and_has_no_body(
    client: httpx.AsyncClient, path: str, target: str, cache_control: str, more: Dict[str, str]
) -> None:
    answer = await client.get(path, headers={**THROUGH_PROXY, **more})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["x-accel-redirect"] == target
    assert answer.headers["content-type"] == "video/mp2t"
    assert answer.headers["cache-control"] == cache_control
    straight = await client.get(path)
    assert "x-accel-redirect" not in straight.headers
    assert straight.content != b""


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/stream/front/live.m3u8", 200),
        ("GET", "/recordings/front/2026-07-14/14/playlist.m3u8", 200),
        ("OPTIONS", RECORDED, 204),
        ("GET", RECORDED.replace("41", "42"), 404),
        ("GET", "/stream/front/segment15.ts", 404),  # still being written
        ("GET", "/stream/front/segment1.ts", 404),
    ],
)
async def test_this_server_sends_playlists_and_refusals(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path, headers=THROUGH_PROXY)
    assert answer.status_code == status
    assert "x-accel-redirect" not in answer.headers
    if status == 404:
        assert list(answer.json()) == ["detail"]


async def test_a_client_that_may_not_read_gets_no_target(client: httpx.AsyncClient) -> None:
    answer = await client.get(RECORDED, headers={"X-Forwarded-For": "8.8.8.8"})
    assert answer.status_code == 401
    assert "x-accel-redirect" not in answer.headers
