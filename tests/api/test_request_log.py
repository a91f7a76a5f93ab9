from __future__ import annotations

import asyncio
import logging
import re
from typing import Any, List, Optional

import httpx
import pytest

from cctv_cli.api.app import create_app
from cctv_cli.api.audit import AuditTrail
from cctv_cli.api.outside import Outsides
from cctv_cli.api.request_log import RequestLog
from cctv_cli.core.audit.writer import AuditWriter
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.runtime import Runtime
from tests.api.conftest import LOCAL, NOW
from tests.support.storage_tree import CameraTree, instant

pytestmark = pytest.mark.anyio


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    """The messages logged at a level or above."""

    def messages(least: int = logging.INFO) -> List[str]:
        return [r.getMessage() for r in caplog.records if r.name == "cctv.http" and r.levelno >= least]

    caplog.set_level(logging.DEBUG, "cctv.http")
    return messages


async def test_a_request_is_one_line(client: httpx.AsyncClient, lines: Any) -> None:
    response = await client.get("/cameras")
    await client.post("/cameras/nosuch/stop")
    first, second = lines()
    assert re.fullmatch(rf"GET /cameras 200 {len(response.content)} bytes \d+\.\d ms 127\.0\.0\.1", first)
    assert re.fullmatch(r"POST /cameras/nosuch/stop 404 \d+ bytes \d+\.\d ms 127\.0\.0\.1", second)


async def test_media_requests_are_logged_only_for_debugging(
    client: httpx.AsyncClient, lines: Any, front: CameraTree
) -> None:
    front.record("2026-07-14T14:41:00+02:00", 20)
    front.begin_stream(7, instant(NOW) - 81)
    front.stream(8)
    paths = [
        "/stream/front/live.m3u8",
        "/stream/front/segment14.ts",
        "/recordings/front/2026-07-14/14/playlist.m3u8",
        "/recordings/front/2026-07-14/14/41.ts",
        "/stream/attic/live.m3u8",
    ]
    statuses = [(await client.get(path)).status_code for path in paths]
    assert statuses == [200, 200, 200, 200, 409]
    assert lines() == []
    assert [line.split(" ")[:3] for line in lines(logging.DEBUG)] == [
        ["GET", path, str(status)] for path, status in zip(paths, statuses)
    ]


async def test_a_refused_client_is_logged(runtime: Runtime, lines: Any) -> None:
    transport = httpx.ASGITransport(create_app(runtime), client=("203.0.113.7", 50000))
    async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as stranger:
        await stranger.get("/cameras", headers={"Authorization": "Basic c2VjcmV0", "Cookie": "secret"})
    (line,) = lines(logging.DEBUG)
    assert re.fullmatch(r"GET /cameras 401 \d+ bytes \d+\.\d ms 203\.0\.113\.7", line)


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/cameras?s3cret=1&x=s3cret", "/cameras?***"),
        ("/x%0aERROR%20forged", r"/x\nERROR forged"),
        ("/%1b%5b31m%e2%80%a8", r"/\x1b[31m\u2028"),
        ("/" + "a." * 500, "/" + "a." * 147 + "a"),
    ],
)
async def test_a_target_is_shown_without_query_in_visible_characters(
    client: httpx.AsyncClient, lines: Any, target: str, shown: str
) -> None:
    await client.get(target)
    (line,) = lines()
    assert line.startswith(f"GET {shown} ")
    assert line.isprintable()
    assert "s3cret" not in line


class Failing:
    """An app that fails, before or after its answer began."""

    def __init__(self, error: BaseException, begin: bool) -> None:
        self._error = error
        self._begin = begin

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._begin:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
            await send({"type": "http.response.body", "body": b"abc", "more_body": True})
        raise self._error


async def sent(app: Any) -> List[Any]:
    """The messages that the app sends for one request."""
    scope = {"type": "http", "method": "GET", "scheme": "http", "path": "/cameras", "query_string": b"", "headers": []}
    messages: List[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    async def receive() -> Optional[Any]:
        return None

    runtime = Runtime(Settings())
    trail = AuditTrail(runtime, AuditWriter(runtime.settings.storage, runtime.clock))
    await Outsides(RequestLog(app, trail), runtime)(scope, receive, send)
    return messages


async def test_an_unexpected_error_is_one_sentence(lines: Any, caplog: pytest.LogCaptureFixture) -> None:
    begin, body = await sent(Failing(KeyError("s3cret"), begin=False))
    assert begin["status"] == 500
    assert (b"content-type", b"application/json") in begin["headers"]
    assert body["body"].startswith(b'{"detail": "An unexpected error; ')
    assert b"s3cret" not in body["body"]
    failed, done = lines()
    assert failed == "GET /cameras failed unexpectedly"
    assert re.match(r"GET /cameras 500 \d+ bytes", done)
    assert caplog.records[0].exc_info is not None


@pytest.mark.parametrize("error", [KeyError("x"), asyncio.CancelledError()], ids=["bug", "end of the server"])
async def test_an_answer_that_began_and_failed_is_not_completed(error: BaseException, lines: Any) -> None:
    """The connection breaks, so that the client does not take the part for the whole."""
    messages = await sent(Failing(error, begin=True))
    assert [message.get("more_body") for message in messages] == [None, True]
    assert re.match(r"GET /cameras 200 3 bytes", lines()[-1])


async def test_every_route_is_logged(
    runtime: Runtime, client: httpx.AsyncClient, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(runtime, "camera", fail)
    for path in ("/cameras/front", "/stream/front/live.m3u8"):
        response = await client.get(path)
        assert (response.status_code, list(response.json())) == (500, ["detail"])
