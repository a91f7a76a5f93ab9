"""What requests leave in the audit log."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any, Callable, Dict, List, Optional

import httpx
import pytest
from fastapi.routing import APIRoute

from cctv_cli.api import access, cameras, cleanup
from cctv_cli.api.app import create_app
from cctv_cli.api.needs import Needs
from cctv_cli.core.access.policy import READING_METHODS
from cctv_cli.core.access.roles import Role
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.audit.entries import DONE, PLAYED, REFUSED, WATCHED, Entry
from cctv_cli.core.audit.log import AuditLog
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.layout import audit_folder
from cctv_cli.core.runtime import Runtime
from tests.api.conftest import LOCAL, NOW
from tests.support.storage_tree import CameraTree, FixedClock, instant

pytestmark = pytest.mark.anyio

PUBLIC = "203.0.113.9"
Ask = Callable[..., Any]


@pytest.fixture
def token(settings: Settings) -> str:
    return AccessStore(settings.storage).add("phone", Role.OPERATOR, None, None, instant(NOW)).reveal()


@pytest.fixture
def audited(settings: Settings, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Send requests to a server and end it; returns what it wrote."""
    monkeypatch.setattr(access, "_WRONG_WAITS", 0.0)

    async def send(
        *requests: str, headers: Optional[Dict[str, str]] = None, peer: str = PUBLIC, **changed: Any
    ) -> List[Entry]:
        app = create_app(Runtime(replace(settings, **changed), clock=clock))
        transport = httpx.ASGITransport(app, client=(peer, 40000))
        async with app.router.lifespan_context(app), httpx.AsyncClient(
            transport=transport, base_url=LOCAL, headers=headers
        ) as client:
            for request in requests:
                method, path = request.split()
                await client.request(method, path)
        return AuditLog(settings.storage).since(0.0)

    return send


def test_every_route_that_changes_something_names_its_act(runtime: Runtime) -> None:
    routes = [route for router in (cameras.router(runtime), cleanup.router(runtime)) for route in router.routes]
    routes += create_app(runtime).routes
    for route in routes:
        if isinstance(route, APIRoute) and not route.methods <= READING_METHODS and route.path not in access.OPEN_PATHS:
            (needs,) = (each.dependency for each in route.dependencies if isinstance(each.dependency, Needs))
            assert needs.act, route.path


async def test_control_is_written_with_its_outcome(audited: Ask, token: str) -> None:
    bearer = {"Authorization": f"Bearer {token}"}
    found = await audited(
        "POST /cameras/front/stop",
        "POST /cameras/front/restart",
        "POST /cameras/nosuch/start",
        "POST /cleanup/run",
        "GET /cameras",
        headers=bearer,
    )
    assert {(each.what, each.camera, each.outcome) for each in found} == {
        ("stop", "front", DONE),
        ("restart", "front", "failed with 409"),
        ("start", "nosuch", "failed with 404"),
        ("cleanup", "", REFUSED),
    }
    assert {each.who.name for each in found} == {"phone"} and {each.who.address for each in found} == {PUBLIC}


async def test_media_are_views(audited: Ask, settings: Settings, token: str) -> None:
    tree = CameraTree(settings, "front")
    tree.begin_stream(7, instant(NOW) - 81)
    tree.stream(8)
    tree.record("2026-07-14T14:41:00+02:00", 20)
    tree.record("2026-07-14T14:42:00+02:00", 20)
    live, recorded = "/stream/front", "/recordings/front/2026-07-14/14"
    found = await audited(
        *[f"GET /t/{token}{live}/{name}" for name in ("live.m3u8", "segment8.ts", "segment9.ts", "segment99.ts")],
        *[f"GET /t/{token}{recorded}/{name}" for name in ("playlist.m3u8", "41.ts", "42.ts", "99.ts", "x.ts")],
        f"HEAD /t/{token}{live}/segment10.ts",
        f"OPTIONS /t/{token}{live}/segment10.ts",
        f"GET /t/{token}/stream/nosuch/live.m3u8",
    )
    watched, played = sorted(found, key=lambda entry: entry.what, reverse=True)
    assert (watched.what, watched.camera, watched.who.name) == (WATCHED, "front", "phone")
    assert watched.view is not None and (watched.view.answers, watched.view.first) == (3, "")
    assert played.what == PLAYED and played.view is not None
    assert (played.view.answers, played.view.first, played.view.last) == (
        3,
        "2026-07-14/14/41.ts",
        "2026-07-14/14/42.ts",
    )
    assert played.view.bytes > 0


async def test_refusals_are_counted_and_no_token_is_written(audited: Ask, settings: Settings, token: str) -> None:
    wrong = token.swapcase()
    found = await audited(
        f"GET /t/{wrong}/cameras", f"GET /t/{wrong}/stream/front/live.m3u8", "POST /cameras/front/stop", "GET /cameras"
    )
    assert [(each.what, each.outcome, each.count) for each in found] == [
        ("wrong token", REFUSED, 1),
        ("control", REFUSED, 1),
        ("wrong token", REFUSED, 1),
    ]
    text = b"".join(path.read_bytes() for path in audit_folder(settings.storage).iterdir()).decode()
    assert token not in text and wrong not in text


async def test_logins_are_written(audited: Ask, settings: Settings, clock: FixedClock, token: str) -> None:
    app = create_app(Runtime(settings, clock=clock))
    transport = httpx.ASGITransport(app, client=(PUBLIC, 40000))
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=LOCAL) as client:
        for text in (token, "wrong"):
            await client.post("/login", data={"token": text})
    found = AuditLog(settings.storage).since(0.0)
    assert [(each.what, each.who.name, each.outcome) for each in found] == [
        ("login", "phone", DONE),
        ("login", "", REFUSED),
    ]


@pytest.mark.parametrize(
    ("peer", "headers", "address", "chain"),
    [
        ("192.168.1.5", {}, "192.168.1.5", ()),
        ("127.0.0.1", {"X-Forwarded-For": "192.168.1.7"}, "127.0.0.1", ("192.168.1.7",)),
        ("10.0.0.1", {"X-Forwarded-For": "192.168.1.8, 192.168.1.7"}, "192.168.1.7", ("10.0.0.1", "192.168.1.8")),
        ("10.0.0.1", {}, "10.0.0.1", ()),
    ],
)
async def test_a_client_is_who_the_connection_or_a_trusted_proxy_says(
    audited: Ask, token: str, peer: str, headers: Dict[str, str], address: str, chain: Any
) -> None:
    bearer = {"Authorization": f"Bearer {token}", **headers}
    trusted = (ip_network("10.0.0.1/32"),)
    (entry,) = await audited("POST /cameras/front/stop", headers=bearer, peer=peer, trusted_proxies=trusted)
    assert (entry.who.address, entry.who.chain) == (address, chain)
