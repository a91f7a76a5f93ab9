"""What tokens, links and addresses open, over the whole application."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_network
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

import httpx
import pytest
from fastapi.routing import APIRoute

from cctv_cli.api import access, cameras, cleanup, health, metrics, recordings, stream
from cctv_cli.api.app import create_app
from cctv_cli.api.media_description import media_paths
from cctv_cli.api.needs import Needs
from cctv_cli.api.stream import LiveStates
from cctv_cli.api.threads import SharedCall
from cctv_cli.core.access import links
from cctv_cli.core.access.links import Link
from cctv_cli.core.access.roles import Period, Role
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.footage.catalog import Catalog
from cctv_cli.core.layout import access_files
from cctv_cli.core.runtime import Runtime
from tests.api.conftest import LOCAL, NOW
from tests.support.storage_tree import CameraTree, FixedClock, instant

pytestmark = pytest.mark.anyio

Ask = Callable[..., Any]
PUBLIC = "203.0.113.9"
READS = ["/cameras/{}", "/stream/{}/info", "/recordings/{}"]
MEDIA = ["/stream/{}/live.m3u8", "/stream/{}/segment8.ts", "/recordings/{}/2026-07-14/14/41.ts"]
LISTS = ["/cameras", "/health", "/health/metrics", "/health/processes", "/health/storage", "/metrics"]


@pytest.fixture
def store(settings: Settings) -> AccessStore:
    return AccessStore(settings.storage)


@pytest.fixture
def ask(settings: Settings, clock: FixedClock, store: AccessStore, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Send one request from an address, a public one unless another is given, to a server that knows all tokens."""
    monkeypatch.setattr(access, "_WRONG_WAITS", 0.0)
    apps: Dict[Any, Any] = {}

    async def asking(
        path: str,
        headers: Optional[Dict[str, str]] = None,
        *,
        method: str = "GET",
        peer: str = PUBLIC,
        url: str = LOCAL,
        **changed: Any,
    ) -> httpx.Response:
        files = [path.stat().st_mtime_ns if path.exists() else 0 for path in access_files(settings.storage)]
        state = (*files, *changed.items())  # a server in operation reads changed files every second
        if state not in apps:
            apps[state] = create_app(Runtime(replace(settings, **changed), clock=clock))
        transport = httpx.ASGITransport(apps[state], client=(peer, 40000))
        async with httpx.AsyncClient(transport=transport, base_url=url) as client:
            return await client.request(method, path, headers=headers)

    return asking


@pytest.fixture
def recorded(settings: Settings) -> None:
    """Two cameras with a live window and a recording."""
    for camera in ("front", "yard"):
        tree = CameraTree(settings, camera)
        tree.begin_stream(7, instant(NOW) - 81)
        tree.stream(8)
        tree.record("2026-07-14T14:41:00+02:00", 20)


def add(store: AccessStore, role: Role = Role.VIEWER, cameras: Optional[List[str]] = None, **more: Any) -> str:
    return store.add("phone", role, cameras, more.get("expires"), instant(NOW)).reveal()


def ways(token: str) -> List[Tuple[str, Dict[str, str]]]:
    """Each way to present a token: what precedes the path, and the headers."""
    return [
        ("", {"Authorization": f"Bearer {token}"}),
        ("", {"authorization": f"bearer  {token}"}),
        ("", {"Cookie": f"other=1; cctv={token}; more=2"}),
        (f"/t/{token}", {}),
    ]


def test_every_route_declares_what_it_needs(runtime: Runtime) -> None:
    states, catalog, reports = LiveStates(runtime), Catalog(), SharedCall(runtime.health)
    routers = [cameras.router(runtime), stream.router(runtime, states), recordings.router(runtime, catalog)]
    routers += [health.router(runtime, reports), metrics.router(reports), cleanup.router(runtime)]
    needed = {}
    for route in (route for router in routers for route in router.routes):
        assert isinstance(route, APIRoute)
        (found,) = (each.dependency for each in route.dependencies if isinstance(each.dependency, Needs))
        needed[f"{min(route.methods)} {route.path}"] = found.role, found.all_cameras
    documented = set(create_app(runtime).openapi()["paths"]) - set(media_paths())
    assert {name.split()[1] for name in needed} == documented
    for route_, (role, all_cameras) in needed.items():
        expected = Role.VIEWER if route_.startswith("GET") else Role.ADMIN if "/cleanup" in route_ else Role.OPERATOR
        assert role is expected, route_
        assert all_cameras == (route_ in ("GET /cleanup/preview", "POST /cleanup/run")), route_


@pytest.mark.parametrize("path", [*(each.format("front") for each in READS + MEDIA), *LISTS, "/cleanup/preview", "/"])
async def test_without_a_token_a_public_client_gets_nothing(ask: Ask, recorded: None, path: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "POST", "DELETE", "BREW"):
        answer = await ask(path, method=method)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="cctv"'
        assert answer.headers["cache-control"] == "no-store"
        assert method == "HEAD" or answer.json()["detail"].endswith(".")


@pytest.mark.parametrize("path", [*(each.format("front") for each in READS + MEDIA), *LISTS, "/cleanup/preview"])
async def test_a_token_opens_every_route_from_anywhere(ask: Ask, store: AccessStore, recorded: None, path: str) -> None:
    token = add(store)
    for before, headers in ways(token):
        answer = await ask(before + path, headers)
        assert answer.status_code == 200, (before, headers)
        assert token not in answer.text


@pytest.mark.parametrize("path", [*(each.format("front") for each in READS + MEDIA), *LISTS])
async def test_a_wrong_token_lets_nobody_in_not_even_from_this_machine(
    ask: Ask, store: AccessStore, recorded: None, path: str
) -> None:
    token = add(store)
    for wrong in (token[:-1], token + "A", token.swapcase(), "x", "a.b", "%00"):
        for before, headers in ways(wrong):
            for peer in (PUBLIC, "127.0.0.1", "192.168.1.5"):
                assert (await ask(before + path, headers, peer=peer)).status_code == 401
    for header in ("", "Bearer", "Basic YTpi", f"Basic {token}", token, f"Bearer {token} {token}"):
        assert (await ask(path, {"Authorization": header}, peer="127.0.0.1")).status_code == 401


async def test_an_expired_or_revoked_token_lets_nobody_in(ask: Ask, store: AccessStore, clock: FixedClock) -> None:
    headers = {"Authorization": f"Bearer {add(store, expires=instant(NOW) + 60)}"}
    assert (await ask("/cameras", headers)).status_code == 200
    clock.advance(61)
    assert (await ask("/cameras", headers)).status_code == 401
    headers = {"Authorization": f"Bearer {store.add('other', Role.VIEWER, None, None, instant(NOW)).reveal()}"}
    assert (await ask("/cameras", headers)).status_code == 200
    store.revoke("other")
    assert (await ask("/cameras", headers)).status_code == 401


async def test_a_link_opens_one_camera_until_it_expires(
    ask: Ask, store: AccessStore, recorded: None, clock: FixedClock
) -> None:
    link = links.sign(Link("front", instant(NOW) + 60), store.make_link_key()).reveal()
    for before, headers in ways(link):
        for path in READS + MEDIA:
            assert (await ask(before + path.format("front"), headers)).status_code == 200
            assert (await ask(before + path.format("yard"), headers)).status_code == 404
        for path in LISTS:
            assert "yard" not in (await ask(before + path, headers)).text
        assert (await ask(f"{before}/cameras/front/stop", headers, method="POST")).status_code == 403
        assert (await ask(f"{before}/recordings/front/playlist.m3u8", headers)).status_code == 404
    clock.advance(61)
    for before, headers in ways(link):
        assert (await ask(f"{before}/cameras", headers)).status_code == 401


async def test_a_changed_link_and_one_of_a_replaced_key_let_nobody_in(ask: Ask, store: AccessStore) -> None:
    front, yard = (Link(camera, instant(NOW) + 60) for camera in ("front", "yard"))
    link, other = (links.sign(each, store.make_link_key()).reveal() for each in (front, yard))
    mixed = other.split(".")[0] + "." + link.split(".")[1]
    for wrong in (link[:-1], link[1:], link + "A", link.split(".")[0], mixed, "." + link.split(".")[1]):
        for before, headers in ways(wrong):
            assert (await ask(f"{before}/cameras", headers, peer="127.0.0.1")).status_code == 401
    assert (await ask(f"/t/{link}/cameras")).status_code == 200
    store.revoke_links()
    assert (await ask(f"/t/{link}/cameras")).status_code == 401


async def test_a_link_to_a_period_plays_this_period_and_nothing_else(
    ask: Ask, store: AccessStore, settings: Settings, recorded: None
) -> None:
    tree, minutes = CameraTree(settings, "front"), ["13T23:58", "13T23:59", "14T00:00", "14T00:01"]
    for minute in minutes:
        tree.record(f"2026-07-{minute}:00+02:00", 60)
    period = Period(instant("2026-07-13T23:59:30+02:00"), instant("2026-07-14T00:00:01+02:00"))
    key = store.make_link_key()
    link = f"/t/{links.sign(Link('front', instant(NOW) + 60, period), key).reveal()}"
    playlist = await ask(f"{link}/recordings/front/playlist.m3u8")
    names = [line for line in playlist.text.splitlines() if not line.startswith("#")]
    assert names == ["2026-07-13/23/59.ts", "2026-07-14/00/00.ts"]
    assert playlist.headers["content-type"] == "application/vnd.apple.mpegurl"
    for name in names:
        assert (await ask(f"{link}/recordings/front/{name}")).status_code == 200
    for method in ("GET", "HEAD", "OPTIONS"):
        for hidden in ("13/23/58.ts", "14/00/01.ts", "13/23/playlist.m3u8", "14/00/00.mp4", "14/14/41.ts"):
            answer = await ask(f"{link}/recordings/front/2026-07-{hidden}", method=method)
            assert answer.status_code == 404, hidden
            assert method == "HEAD" or "does not exist or no longer exists" in answer.json()["detail"]
        for path in ("/stream/front/live.m3u8", "/stream/front/segment8.ts", "/recordings/yard/playlist.m3u8"):
            assert (await ask(f"{link}{path}", method=method)).status_code == 404
    assert (await ask(f"{link}/recordings/front/playlist.m3u8", method="POST")).status_code == 405
    for path in (*(each.format("front") for each in READS), *LISTS):
        assert (await ask(f"{link}{path}")).status_code == 403
    nothing = Period(instant("2026-07-12T00:00:00+02:00"), instant("2026-07-12T01:00:00+02:00"))
    empty = f"/t/{links.sign(Link('front', instant(NOW) + 60, nothing), key).reveal()}"
    answer = await ask(f"{empty}/recordings/front/playlist.m3u8")
    assert (answer.status_code, "no recordings of the period" in answer.text) == (404, True)


async def test_a_period_plays_what_is_still_on_the_disk(
    ask: Ask, store: AccessStore, settings: Settings, recorded: None
) -> None:
    period = Period(instant("2026-07-14T14:00:00+02:00"), instant("2026-07-14T15:00:00+02:00"))
    link = f"/t/{links.sign(Link('front', instant(NOW) + 60, period), store.make_link_key()).reveal()}"
    (settings.storage / "front/recordings/2026-07-14/14/41.ts").unlink()
    assert (await ask(f"{link}/recordings/front/playlist.m3u8")).status_code == 404


@pytest.mark.parametrize("role", list(Role))
async def test_what_a_role_may_do(ask: Ask, store: AccessStore, recorded: None, role: Role) -> None:
    headers = {"Authorization": f"Bearer {add(store, role)}"}
    may: Set[str] = set()
    for path in ("/cameras/front/stop", "/cameras/front/start", "/cleanup/run", "/cleanup/camera/front"):
        answer = await ask(path, headers, method="POST")
        if answer.status_code == 403:
            assert answer.json()["detail"].endswith(f"and yours is {role.value}.")
        else:
            assert answer.status_code in (200, 202, 409), answer.text
            may.add(path.split("/")[1])
    assert may == {Role.VIEWER: set(), Role.OPERATOR: {"cameras"}, Role.ADMIN: {"cameras", "cleanup"}}[role]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_a_limited_viewer_does_not_learn_of_other_cameras(
    ask: Ask, store: AccessStore, recorded: None, method: str
) -> None:
    headers = {"Authorization": f"Bearer {add(store, cameras=['front'])}"}
    for path in READS + MEDIA:
        answer = await ask(path.format("front"), headers, method=method)
        assert answer.status_code in (200, 204, 405)
        other, unknown = [await ask(path.format(camera), headers, method=method) for camera in ("yard", "nosuch")]
        assert other.status_code == unknown.status_code
        assert other.text.replace("yard", "nosuch") == unknown.text
        if answer.status_code != 405:
            assert other.status_code == 404


async def test_lists_show_a_limited_viewer_its_cameras_only(ask: Ask, store: AccessStore, recorded: None) -> None:
    headers = {"Authorization": f"Bearer {add(store, cameras=['front'])}"}
    for path in LISTS:
        answer = await ask(path, headers)
        assert answer.status_code == 200
        for hidden in ("yard", "Yard", "attic", "Attic"):
            assert hidden not in answer.text, path
    assert [camera["id"] for camera in (await ask("/cameras", headers)).json()] == ["front"]
    for method, path in (("GET", "/cleanup/preview"), ("POST", "/cleanup/run")):
        assert (await ask(path, headers, method=method)).status_code == 403


async def test_a_limited_operator_controls_its_cameras_only(ask: Ask, store: AccessStore) -> None:
    headers = {"Authorization": f"Bearer {add(store, Role.ADMIN, ['front'])}"}
    assert (await ask("/cameras/front/stop", headers, method="POST")).status_code == 202
    for path in ("/cameras/yard/stop", "/cleanup/camera/yard"):
        assert (await ask(path, headers, method="POST")).status_code == 404
    assert (await ask("/cleanup/run", headers, method="POST")).status_code == 403


async def test_playlists_keep_a_token_in_the_path(ask: Ask, store: AccessStore, recorded: None) -> None:
    token = add(store)
    playlist = (await ask(f"/t/{token}/stream/front/live.m3u8")).text
    names = [line for line in playlist.splitlines() if line and not line.startswith("#")]
    assert names and all("/" not in name for name in names), "relative to the playlist's own URL"


@pytest.mark.parametrize("path", MEDIA)
async def test_pages_of_any_site_may_read_a_url_with_a_token(
    ask: Ask, store: AccessStore, recorded: None, path: str
) -> None:
    token, site = add(store, Role.ADMIN), {"Origin": "https://site.example"}
    url = f"/t/{token}{path.format('front')}"
    answer = await ask(url, site)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    preflight = await ask(url, {**site, "Access-Control-Request-Method": "GET"}, method="OPTIONS")
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "*")
    assert "POST" not in preflight.headers["access-control-allow-methods"]
    bearer = {"Authorization": f"Bearer {token}", **site}
    assert "access-control-allow-origin" not in (await ask(path.format("front"), bearer)).headers


async def test_a_cookie_does_not_let_another_site_control(ask: Ask, store: AccessStore) -> None:
    token = add(store, Role.OPERATOR)
    cookie, site = {"Cookie": f"cctv={token}"}, {"Origin": "https://site.example"}
    assert (await ask("/cameras/front/stop", {**cookie, **site}, method="POST")).status_code == 401
    assert (await ask("/cameras/front/stop", cookie, method="POST")).status_code == 202
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await ask("/cameras/front/stop", {**bearer, **site}, method="POST")).status_code == 202


async def test_local_programs_control_until_there_is_a_token_or_a_proxy(
    ask: Ask, store: AccessStore, settings: Settings
) -> None:
    async def control(**changed: Any) -> int:
        return int((await ask("/cameras/front/stop", method="POST", peer="127.0.0.1", **changed)).status_code)

    assert await control() == 202
    assert await control(accel_redirect="/m/") == 401
    assert await control(access="token") == 202
    store.note_proxy(instant(NOW))
    assert await control() == 401
    access_files(settings.storage).proxy.unlink()
    assert await control() == 202
    add(store)
    assert await control() == 401
    access_files(settings.storage).tokens.write_text("{}")
    assert await control() == 401, "a damaged file does not look like no tokens"


async def test_a_proxy_on_this_machine_is_remembered(ask: Ask, store: AccessStore, runtime: Runtime) -> None:
    app = create_app(runtime)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, client=("127.0.0.1", 40000)), base_url=LOCAL
    ) as client:
        assert (await client.post("/cameras/front/stop")).status_code == 202
        proxied = {"Host": "192.168.1.2", "X-Real-IP": "192.168.1.5"}
        assert (await client.get("/cameras", headers=proxied)).status_code == 200
        assert (await client.post("/cameras/front/stop")).status_code == 401


@pytest.mark.parametrize(
    ("access", "statuses"),
    [("lan", [200, 200, 401]), ("token", [401, 401, 401]), ("open", [200, 200, 200])],
)
async def test_who_may_view_without_a_token(ask: Ask, access: str, statuses: List[int]) -> None:
    peers = ("127.0.0.1", "192.168.1.5", PUBLIC)
    assert [(await ask("/cameras", peer=peer, access=access)).status_code for peer in peers] == statuses


async def test_a_web_socket_is_closed_and_the_lifespan_passes(runtime: Runtime) -> None:
    sent: List[Any] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def receive() -> Dict[str, Any]:
        return {"type": "websocket.connect"}

    scope = {
        "type": "websocket",
        "path": "/",
        "headers": [],
        "scheme": "ws",
        "http_version": "1.1",
        "query_string": b"",
    }
    await create_app(runtime)({**scope, "client": ("192.168.1.5", 1), "server": ("127.0.0.1", 8000)}, receive, send)
    assert sent == ["websocket.close"]


async def test_guessing_is_slow_and_keeps_nobody_else_waiting(
    runtime: Runtime, store: AccessStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Authorization": f"Bearer {add(store)}"}
    app, goes_on = create_app(runtime), asyncio.Event()

    async def sleep(seconds: float) -> None:
        assert seconds == 1.0
        await goes_on.wait()

    monkeypatch.setattr(access.asyncio, "sleep", sleep)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(PUBLIC, 40000)), base_url=LOCAL) as client:
        guesses = [asyncio.ensure_future(client.get(f"/t/guess{number}/cameras")) for number in range(150)]
        waiting = set(guesses)
        while len(waiting) > 100:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert {guess.result().status_code for guess in guesses if guess.done()} == {429}
        assert (await client.get("/cameras", headers=headers)).status_code == 200
        goes_on.set()
        assert {(await guess).status_code for guess in waiting} == {401}


async def test_the_log_shows_no_token(
    ask: Ask, store: AccessStore, recorded: None, caplog: pytest.LogCaptureFixture
) -> None:
    token = add(store)
    with caplog.at_level("DEBUG"):
        for before, headers in ways(token):
            for path in ("/cameras", "/nosuch", MEDIA[0].format("front"), MEDIA[0].format("yard"), "/t/x"):
                await ask(f"{before}{path}", headers)
                await ask(f"{before}{path}?token={token}", headers)
        for path in (
            f"/t/{token}",
            f"/t/{token}/",
            f"/t/{token}/t/{token}",
            f"/t/x/t/{token}/cameras",
            f"//t/{token}/cameras",
        ):
            await ask(path)
        for path in (f"/cctv/t/{token}", f"/T/{token}", f"/t//{token}/cameras", f"/{token}", f"/t/t/{token}"):
            for headers in ({}, {"Authorization": f"Bearer {token}"}):
                assert token not in (await ask(path, headers)).text
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("cctv"))
    assert "/t/***/cameras" in logged
    assert token not in logged


@pytest.mark.parametrize(
    ("peer", "headers", "warned"),
    [
        (PUBLIC, {}, True),
        ("192.168.1.5", {"X-Forwarded-Proto": "https"}, True),
        ("127.0.0.1", {}, False),
        ("10.0.0.1", {"X-Forwarded-For": PUBLIC, "X-Forwarded-Proto": "http"}, True),
        ("10.0.0.1", {"X-Forwarded-For": PUBLIC, "X-Forwarded-Proto": "https"}, False),
    ],
)
async def test_a_token_that_others_can_read_is_warned_of(
    ask: Ask, store: AccessStore, caplog: pytest.LogCaptureFixture, peer: str, headers: Dict[str, str], warned: bool
) -> None:
    """Only the proxy at 10.0.0.1 is trusted to say that its client used https."""
    token, trusted = add(store), (ip_network("10.0.0.1"),)
    for before, presented in ways(token):
        caplog.clear()
        answer = await ask(f"{before}/cameras", {**headers, **presented}, peer=peer, trusted_proxies=trusted)
        assert answer.status_code == 200
        found = [record.getMessage() for record in caplog.records if "without TLS" in record.getMessage()]
        assert token not in "".join(found)
        assert bool(found) is (warned and (before, presented) == ways(token)[0]), "once for each token"
