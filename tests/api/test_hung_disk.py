"""One camera's disk hangs: all requests are answered, other cameras are served, and no thread pool is exhausted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import AsyncIterator, BinaryIO, List, Optional

import anyio
import httpx
import pytest

from cctv_cli.api.media_cache import MediaCache
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.disk_threads import DiskHangs
from cctv_cli.core.recording.state import State
from tests.api.conftest import NOW
from tests.support.hung_disk import HungDisk
from tests.support.storage_tree import CameraTree, FixedClock, instant
from tests.support.waiting import HANG, wait_for

pytestmark = pytest.mark.anyio

MANY = 60  # requests at once: more than the server has threads


@pytest.fixture
def yard(settings: Settings) -> CameraTree:
    """Another camera, which is live."""
    tree = CameraTree(settings, "yard")
    tree.begin_stream(0, instant(NOW) - 21)
    tree.stream(2)
    tree.show(State.RUNNING, "recording", since=instant(NOW) - 120)
    return tree


@pytest.fixture
async def hung(front: CameraTree, yard: CameraTree, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HungDisk]:
    """The disk of the camera front, which hangs."""
    disk = HungDisk(front.layout.folder, monkeypatch)
    yield disk
    disk.proceed.set()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/cameras", 200),
        ("/cameras/front", 200),
        ("/health", 200),
        ("/metrics", 200),
        ("/stream/front/live.m3u8", 503),
        ("/stream/front/info", 503),
        ("/recordings/front", 503),
        ("/recordings/front?date=2026-07-14", 503),
        ("/recordings/front/2026-07-14/14/41.ts", 503),
    ],
)
async def test_every_request_is_answered_and_the_other_camera_is_served(
    client: httpx.AsyncClient, hung: HungDisk, clock: FixedClock, path: str, status: int
) -> None:
    answers = await asyncio.gather(*(client.get(path) for _ in range(MANY)))
    assert {answer.status_code for answer in answers} == {status}
    clock.advance(2)
    for other in ("/stream/yard/live.m3u8", "/cameras/yard", "/health", path.replace("front", "yard")):
        assert (await client.get(other)).status_code in (200, 404), other
    assert set(hung.hanging()) == {f"disk {hung.place}"}


async def test_the_findings_name_only_the_disk_and_its_camera(client: httpx.AsyncClient, hung: HungDisk) -> None:
    cameras = (await client.get("/cameras")).json()
    assert [(camera["id"], camera["state"]) for camera in cameras[:2]] == [("front", "stopped"), ("yard", "running")]
    assert cameras[0]["reason"].startswith("its disk does not answer")
    health = (await client.get("/health")).json()
    critical = [finding for finding in health["findings"] if finding["severity"] == "critical"]
    assert [(finding["name"], finding["camera"]) for finding in critical] == [("storage_unresponsive", "front")]
    assert critical[0]["sentence"].startswith("The disk of front does not answer; check its cable")
    refused: List[httpx.Response] = [
        await client.get("/stream/front/live.m3u8"),
        await client.get("/recordings/front"),
        await client.post("/cameras/front/stop"),
        await client.post("/cameras/front/restart"),
    ]
    assert {(answer.status_code, answer.json()["detail"]) for answer in refused} == {
        (503, "The storage cannot be used (its disk does not answer); check its disk.")
    }


async def test_requests_for_a_hung_disk_do_not_delay_media_of_another_camera(
    client: httpx.AsyncClient, yard: CameraTree, hung: HungDisk, clock: FixedClock
) -> None:
    yard.record("2026-07-14T14:00:00+02:00", 60)
    with anyio.fail_after(HANG):
        wanted = [client.get(f"/recordings/front/2026-07-14/14/{minute:02}.ts") for minute in range(MANY)]
        answers = await asyncio.gather(*wanted)
        clock.advance(2)
        served = [
            await client.get(f"/{path}")
            for path in ("stream/yard/live.m3u8", "stream/yard/segment1.ts", "recordings/yard/2026-07-14/14/00.ts")
        ]
    assert [answer.status_code for answer in served] == [200, 200, 200]
    assert {answer.status_code for answer in answers} == {503}
    assert answers[7].json()["detail"] == "07.ts cannot be read (its disk does not answer); check the storage's disk."
    assert hung.hanging() == [f"disk {hung.place}"]


async def test_a_file_that_was_open_when_its_disk_hung_is_closed_when_it_answers(
    front: CameraTree, hung: HungDisk
) -> None:
    path = front.layout.recordings / "00.ts"
    hung.proceed.set()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"first")
    opened: List[BinaryIO] = []

    def opener(path: Path, *, inside: Optional[Path]) -> BinaryIO:
        hung.touch(path)
        opened.append(path.open("rb"))
        return opened[-1]

    cache = MediaCache(400_000, opener=opener)
    with anyio.fail_after(HANG):
        file = await cache.open(path)
        hung.proceed.clear()
        with pytest.raises(DiskHangs):
            await cache.get(path, 0.2)
        with pytest.raises(DiskHangs):
            await file.read(0, 5)
        await file.close()
    hung.proceed.set()
    wait_for(lambda: all(each.closed for each in opened), "the file to be closed")
    cache.close()
