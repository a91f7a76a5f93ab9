from __future__ import annotations

import http.client
import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator, List, Tuple

import httpx
import pytest

from cctv_cli.api.app import create_app
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.hls.playlist import parse_live
from cctv_cli.core.runtime import Runtime
from tests.api.conftest import LOCAL, NOW
from tests.api.real_server import serving
from tests.support.storage_tree import CameraTree, FixedClock, instant
from tests.support.waiting import HANG

pytestmark = pytest.mark.anyio

DAY = "/recordings/front/2026-07-14"
SECRET = b"not for viewers"


@pytest.fixture
def live(front: CameraTree) -> CameraTree:
    """A window of segments 9 to 14; 7 and 8 have left the playlist, 15 is being written."""
    front.begin_stream(7, instant(NOW) - 81)
    front.stream(8)
    return front


@pytest.fixture
def recorded(front: CameraTree) -> CameraTree:
    front.record("2026-07-14T14:41:00+02:00", 20)
    front.record("2026-07-14T14:41:30+02:00", 30)
    return front


async def test_the_live_playlist_and_its_segments_are_served(client: httpx.AsyncClient, live: CameraTree) -> None:
    playlist = await client.get("/stream/front/live.m3u8")
    assert playlist.status_code == 200
    assert playlist.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert playlist.headers["cache-control"] == "no-cache"
    assert "#EXT-X-ENDLIST" not in playlist.text
    names = [line for line in playlist.text.splitlines() if line and not line.startswith("#")]
    assert names == [f"segment{number}.ts" for number in range(9, 15)]
    for name in names:
        segment = await client.get(f"/stream/front/{name}")
        assert (segment.status_code, segment.headers["content-type"]) == (200, "video/mp2t")
        assert segment.content == (live.layout.live / name).read_bytes()


async def test_a_segment_is_served_when_it_is_finished_and_not_before(
    client: httpx.AsyncClient, live: CameraTree
) -> None:
    assert live.layout.live_segment(15).stat().st_size > 0
    for number in (15, 16, 999_999_999_999):
        early = await client.get(f"/stream/front/segment{number}.ts")
        assert early.status_code == 404
        assert early.json() == {"detail": f"segment{number}.ts is not finished yet; request live.m3u8 again."}
    live.stream(1)
    finished = await client.get("/stream/front/segment15.ts")
    assert (finished.status_code, finished.content) == (200, live.layout.live_segment(15).read_bytes())
    assert (await client.get("/stream/front/segment16.ts")).status_code == 404


async def test_a_segment_is_served_for_a_while_after_it_left_the_playlist(
    client: httpx.AsyncClient, live: CameraTree
) -> None:
    live.stream(6)  # segment 8 left it 60 s ago, and stays for 70
    assert (await client.get("/stream/front/segment8.ts")).status_code == 200
    pruned = await client.get("/stream/front/segment7.ts")
    assert pruned.status_code == 404
    assert pruned.json()["detail"].startswith("segment7.ts does not exist or no longer exists;")


async def test_segments_of_an_earlier_run_are_served_for_a_while_though_their_numbers_are_far_lower(
    client: httpx.AsyncClient, live: CameraTree
) -> None:
    live.begin_stream(700, instant(NOW))
    live.stream(7)  # each is of 10 s, so 14 left the playlist 10 s ago
    names = re.findall(r"^segment.*", (await client.get("/stream/front/live.m3u8")).text, re.MULTILINE)
    assert names == [f"segment{number}.ts" for number in range(701, 707)]
    assert (await client.get("/stream/front/segment14.ts")).status_code == 200


async def test_a_live_segment_that_does_not_exist_costs_no_disk_access(
    client: httpx.AsyncClient, live: CameraTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await client.get("/stream/front/live.m3u8")).status_code == 200
    assert (await client.get("/stream/front/segment4711.ts")).status_code == 404  # one access for this playlist
    looks: List[str] = []

    def count(name: str) -> None:
        call = getattr(os, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            looks.append(f"{name} {arguments[0]}")
            return call(*arguments, **options)

        monkeypatch.setattr(os, name, counted)

    for name in ("open", "stat", "lstat"):
        count(name)
    for name in ("segment16.ts", "segment4711.ts", "segment0.ts", "segment1.ts", "segment10.mp4", "init10.mp4"):
        for _ in range(3):
            assert (await client.get(f"/stream/front/{name}")).status_code == 404
    assert looks == []
    assert (await client.get("/stream/front/segment13.ts")).status_code == 200
    assert looks != []


async def test_a_window_outside_the_storage_is_served(tmp_path: Path, settings: Settings, clock: FixedClock) -> None:
    apart = replace(settings, live_path=tmp_path / "ram")
    tree = CameraTree(apart, "front")
    tree.begin_stream(0, instant(NOW) - 11)
    tree.stream(1)
    transport = httpx.ASGITransport(create_app(Runtime(apart, clock=clock)), client=("127.0.0.1", 50000))
    async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as client:
        answers = [await client.get(f"/stream/front/{name}") for name in ("live.m3u8", "segment0.ts")]
    assert [answer.status_code for answer in answers] == [200, 200]
    window = parse_live(answers[0].text)
    assert window is not None
    assert [segment.number for segment in window.segments] == [0]
    assert not (settings.storage / "front" / "live").exists()


async def test_a_recorded_hour_and_its_segments_are_served(client: httpx.AsyncClient, recorded: CameraTree) -> None:
    playlist = await client.get(f"{DAY}/14/playlist.m3u8")
    assert (playlist.status_code, playlist.headers["content-type"]) == (200, "application/vnd.apple.mpegurl")
    assert playlist.text.endswith("#EXT-X-ENDLIST\n")
    names = [line for line in playlist.text.splitlines() if line and not line.startswith("#")]
    assert names == ["41.ts", "41-1.ts"]
    for name in names:
        segment = await client.get(f"{DAY}/14/{name}")
        assert (segment.status_code, segment.headers["content-type"]) == (200, "video/mp2t")
        assert segment.content == (recorded.layout.hour("2026-07-14", "14") / name).read_bytes()
        assert "immutable" in segment.headers["cache-control"]


@pytest.mark.parametrize("path", [f"{DAY}/14/41.ts", "/stream/front/segment14.ts"])
async def test_a_segment_has_ranges_and_a_tag(
    client: httpx.AsyncClient, live: CameraTree, recorded: CameraTree, path: str
) -> None:
    whole = await client.get(path)
    assert whole.headers["accept-ranges"] == "bytes"
    part = await client.get(path, headers={"Range": "bytes=188-375"})
    assert (part.status_code, part.content) == (206, whole.content[188:376])
    assert part.headers["content-range"] == f"bytes 188-375/{len(whole.content)}"
    known = await client.get(path, headers={"If-None-Match": whole.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    head = await client.head(path)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(whole.content)))
    beyond = await client.get(path, headers={"Range": f"bytes={len(whole.content)}-"})
    assert beyond.status_code == 416


PATHS = ["/stream/front/live.m3u8", "/stream/front/segment14.ts", f"{DAY}/14/playlist.m3u8", f"{DAY}/14/41.ts"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_media_are_read_only(
    client: httpx.AsyncClient, live: CameraTree, recorded: CameraTree, path: str, method: str
) -> None:
    response = await client.request(method, path)
    assert response.status_code == 405
    assert response.json()["detail"].endswith("is read-only; use GET.")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"
    assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/stream/front/other.m3u8", "other.m3u8 is not a live file; start with live.m3u8."),
        ("/stream/front/segment01.ts", "segment01.ts is not a live file; start with live.m3u8."),
        (
            f"{DAY}/14/59.ts",
            "59.ts does not exist or no longer exists; request the playlist or the list again.",
        ),
        (
            f"{DAY}/15/playlist.m3u8",
            "playlist.m3u8 does not exist or no longer exists; request the playlist or the list again.",
        ),
        (f"{DAY}/24/41.ts", "2026-07-14/24/41.ts is not a recording; request the list."),
        (f"{DAY}/14/60.ts", "2026-07-14/14/60.ts is not a recording; request the list."),
        (f"{DAY}/14/other.m3u8", "2026-07-14/14/other.m3u8 is not a recording; request the list."),
        (
            "/recordings/front/2026-02-30/14/41.ts",
            "2026-02-30/14/41.ts is not a recording; request the list.",
        ),
        (
            "/recordings/nosuch/2026-07-14/14/41.ts",
            "No camera 'nosuch' is configured; known: front, yard, attic.",
        ),
    ],
)
async def test_a_404_has_one_sentence(
    client: httpx.AsyncClient, live: CameraTree, recorded: CameraTree, path: str, detail: str
) -> None:
    response = await client.get(path)
    assert (response.status_code, response.json()) == (404, {"detail": detail})
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows asks for a privilege to make symbolic links")
@pytest.mark.parametrize("path", PATHS)
async def test_a_failing_storage_is_503_with_one_sentence(
    client: httpx.AsyncClient, settings: Settings, path: str
) -> None:
    settings.storage.mkdir()
    (settings.storage / "front").symlink_to("front")  # every access fails (ELOOP)
    response = await client.get(path)
    assert response.status_code == 503
    assert response.json()["detail"].endswith(".")
    assert str(settings.storage) not in response.text


@pytest.fixture
def port(runtime: Runtime, settings: Settings, live: CameraTree, recorded: CameraTree) -> Iterator[int]:
    """A real server, and secret files in all places where a hostile path could lead."""
    hour = live.layout.hour("2026-07-14", "14")
    for folder in (settings.storage.parent, settings.storage, live.layout.folder, live.layout.live, hour):
        for name in ("secret.ts", "secret.m3u8", ".ts", "41.ts.ts"):
            (folder / name).write_bytes(SECRET)
    (settings.storage / "yard" / "live").mkdir(parents=True)
    (settings.storage / "nobody" / "live").mkdir(parents=True)  # not a configured camera
    (settings.storage / "nobody" / "live" / "segment1.ts").write_bytes(SECRET)
    with serving(create_app(runtime)) as number:
        yield number


UP = ("..", "%2e%2e", "%2E.", ".", "%2e", "..%2f..", "..%5c..", "%252e%252e", "%c0%ae%c0%ae", "%ff", "%00", "~", "")


def hostile() -> List[str]:
    long = "a" * 20_000
    paths = [f"/stream/{up}/secret.ts" for up in UP]
    paths += [f"/stream/front/{up}/secret.m3u8" for up in UP]
    paths += [f"/stream/{up}/front/live/secret.ts" for up in UP]
    paths += [f"/recordings/front/{up}/14/secret.ts" for up in UP]
    paths += [f"/recordings/front/2026-07-14/{up}/secret.ts" for up in UP]
    paths += [f"/recordings/{up}/{up}/{up}/secret.ts" for up in UP]
    paths += [f"/recordings/front/2026-07-14/14/{up}/secret.ts" for up in UP]
    paths += [
        "/stream/nobody/segment1.ts",
        "/stream/front/secret.ts",
        "/stream/front/.ts",
        "/stream/front%2flive/secret.ts",
        "/stream/front/..%2fsecret.ts",
        "/stream/front/..%2f..%2f..%2fsecret.m3u8",
        "/stream/front/%2e%2e%2f.run.json",
        "/stream/front/segment1%00.ts",
        "/stream/front/segment14.ts%0a",
        "/stream/front/segment14.ts%00",
        "/stream/front/%0asegment14.ts",
        "/stream/front/segment%D9%A1%D9%A4.ts",  # Arabic digits
        "/stream/front/segment-1.ts",
        "/stream/front/segment1e3.ts",
        f"/stream/front/segment{'9' * 5000}.ts",
        f"/stream/{long}/live.m3u8",
        f"/stream/front/{long}.ts",
        "/stream/front%0a/live.m3u8",
        "/stream/front/live.m3u8%0a",
        "/stream/FRONT/live.m3u8",
        "/stream//front/live.m3u8",
        f"{DAY}/14/secret.ts",
        f"{DAY}/14/41.ts.ts",
        f"{DAY}/14/41.ts%0a",
        f"{DAY}/14/41-0.ts",
        f"{DAY}/14/41-01.ts",
        f"{DAY}/14%0a/41.ts",
        f"{DAY}/%EF%BC%91%EF%BC%94/41.ts",  # full-width digits
        f"{DAY}%0a/14/41.ts",
        f"{DAY}/14/%D9%A4%D9%A1.ts",
        f"{DAY}/14/..%2f14%2f41.ts",
        f"{DAY}/14/%2e%2e%2fjournal.jsonl",
        f"{DAY}/journal.jsonl",
        f"{DAY}/14/{long}.ts",
        f"/recordings/front/{long}/14/41.ts",
        "/recordings/front/../front/2026-07-14/14/41.ts",
        "/recordings/front/2026-7-14/14/41.ts",
        "/recordings/nobody/2026-07-14/14/41.ts",
        "/stream/front/segment14.ts/",
        "//stream/front/live.m3u8",
    ]
    return paths


def test_a_hostile_path_gets_404_and_reads_nothing(port: int) -> None:
    """Over a real socket, because HTTP clients normalize paths and attackers do not."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG)

    def get(path: str) -> Tuple[int, bytes]:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()

    assert get(f"{DAY}/14/41.ts")[0] == get("/stream/front/segment14.ts")[0] == 200
    for path in hostile():
        status, body = get(path)
        assert (path, status) == (path, 404)
        assert SECRET not in body
        assert list(json.loads(body)) == ["detail"]
    connection.close()


@pytest.mark.parametrize("path", ["/stream/yard/live.m3u8", "/stream/attic/segment0.ts", f"{DAY}/14/41.ts"])
async def test_the_method_is_checked_whatever_the_camera_does(client: httpx.AsyncClient, path: str) -> None:
    response = await client.request("TRACE", path)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert list(response.json()) == ["detail"]


@pytest.mark.parametrize("name", ["live.m3u8", "segment0.ts"])
async def test_a_camera_without_sub_stream_says_so(client: httpx.AsyncClient, name: str) -> None:
    response = await client.get(f"/stream/front/sub/{name}")
    assert response.status_code == 404
    assert response.json() == {"detail": "Camera front has no sub stream; request its live.m3u8."}
