from __future__ import annotations

import os
import threading
from dataclasses import replace
from typing import Any, List

import anyio
import httpx
import pytest

from cctv_cli.api import cleanup
from cctv_cli.api.app import create_app
from cctv_cli.core import locks
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.layout import cleanup_files, storage_marker
from cctv_cli.core.retention.cleaner import Cleaner, Cleanup
from cctv_cli.core.runtime import Runtime
from cctv_cli.core.storage.marker import ensure_marker
from cctv_cli.core.units import FreeSpace
from tests.api.conftest import LOCAL
from tests.support.storage_tree import CameraTree, FixedClock
from tests.support.waiting import HANG

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, min_free=FreeSpace(bytes=1))


@pytest.fixture
def trees(settings: Settings) -> List[CameraTree]:
    made = [CameraTree(settings, name) for name in ("front", "yard")]
    for tree in made:
        for start in ("2026-05-01T10:00:00+02:00", "2026-07-14T14:00:00+02:00", "2026-07-14T15:00:00+02:00"):
            tree.record(start, 60)
    ensure_marker(settings.storage)
    return made


def counts(trees: List[CameraTree]) -> List[int]:
    return [len(list(tree.layout.recordings.rglob("*.ts"))) for tree in trees]


async def test_a_preview_counts_by_camera_and_day_with_reasons(
    client: httpx.AsyncClient, trees: List[CameraTree]
) -> None:
    (trees[0].layout.recordings / "notes.txt").touch()
    response = await client.get("/cleanup/preview")
    assert response.status_code == 200
    answer = response.json()
    assert (answer["executed"], answer["deletes"]["files"], answer["deleted"]["files"]) == (False, 2, 0)
    front = answer["cameras"][0]
    assert (front["id"], front["retention_days"], front["max_size"]) == ("front", 30, None)
    assert (front["foreign_files"], front["foreign"]) == (1, ["notes.txt"])
    (old, today) = front["days"]
    assert old["date"] == "2026-05-01" and old["keeps"] == []
    assert [(reason["reason"], reason["files"]) for reason in old["deletes"]] == [("older than 30 days", 1)]
    assert [(reason["reason"], reason["files"]) for reason in today["keeps"]] == [("within retention", 2)]
    (disk,) = answer["disks"]
    assert disk["free_after"] == disk["free"] + answer["deletes"]["bytes"]
    assert counts(trees) == [3, 3]


async def test_a_run_deletes_what_the_preview_showed(client: httpx.AsyncClient, trees: List[CameraTree]) -> None:
    previewed = (await client.get("/cleanup/preview")).json()
    response = await client.post("/cleanup/run")
    assert response.status_code == 200
    answer = response.json()
    assert answer["executed"] and answer["deleted"] == previewed["deletes"]
    assert answer["cameras"] == previewed["cameras"]
    assert counts(trees) == [2, 2]
    days = (await client.get("/recordings/front")).json()["days"]
    assert [day["date"] for day in days] == ["2026-07-14"]
    assert (await client.get("/recordings/front", params={"date": "2026-05-01"})).status_code == 404


async def test_one_camera_alone(client: httpx.AsyncClient, trees: List[CameraTree]) -> None:
    response = await client.post("/cleanup/camera/yard")
    assert response.status_code == 200
    assert [camera["id"] for camera in response.json()["cameras"]] == ["yard"]
    assert counts(trees) == [3, 2]
    unknown = await client.post("/cleanup/camera/attic2")
    assert unknown.status_code == 404 and "'attic2'" in unknown.json()["detail"]
    never_recorded = await client.post("/cleanup/camera/attic")
    assert (never_recorded.status_code, never_recorded.json()["cameras"]) == (200, [])


async def test_a_brake_is_a_conflict_with_its_reason_and_force_overrules_it(
    client: httpx.AsyncClient, trees: List[CameraTree], settings: Settings
) -> None:
    storage_marker(settings.storage).unlink()
    response = await client.post("/cleanup/run")
    assert response.status_code == 409
    assert "no file .cctv-storage" in response.json()["detail"]
    assert counts(trees) == [3, 3]
    preview = (await client.get("/cleanup/preview")).json()
    assert [refusal["brake"] for refusal in preview["refusals"]] == ["storage"]
    assert (await client.post("/cleanup/run", params={"force": "true"})).status_code == 200
    assert counts(trees) == [2, 2]


async def test_a_cleanup_by_another_process_is_a_conflict(
    client: httpx.AsyncClient, trees: List[CameraTree], settings: Settings
) -> None:
    _, lock = cleanup_files(settings.storage)
    with locks.holding(lock):
        response = await client.post("/cleanup/run")
    assert response.status_code == 409 and "is already cleaning up this storage" in response.json()["detail"]
    assert counts(trees) == [3, 3]


async def test_a_missing_storage_is_unavailable(client: httpx.AsyncClient, settings: Settings) -> None:
    for response in (await client.get("/cleanup/preview"), await client.post("/cleanup/run")):
        assert response.status_code == 503
        assert "cannot be cleaned up" in response.json()["detail"]
    assert not settings.storage.exists()


async def test_during_a_cleanup_other_requests_are_answered_and_the_same_one_is_a_conflict(
    client: httpx.AsyncClient, trees: List[CameraTree], monkeypatch: pytest.MonkeyPatch
) -> None:
    began, proceed, execute = threading.Event(), threading.Event(), Cleaner._execute

    def wait(self: Cleaner, planned: Cleanup, *more: object) -> Cleanup:
        began.set()
        assert proceed.wait(HANG)
        return execute(self, planned, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Cleaner, "_execute", wait)
    answers: List[httpx.Response] = []

    async def clean() -> None:
        answers.append(await client.post("/cleanup/run"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clean)
        await anyio.to_thread.run_sync(began.wait, 30)
        assert (await client.get("/cameras")).status_code == 200
        second = await client.post("/cleanup/run")
        assert answers == []
        proceed.set()
    assert second.status_code == 409
    assert f"Process {os.getpid()} is already cleaning up this storage" in second.json()["detail"]
    assert answers[0].json()["deleted"]["files"] == 2


async def test_a_cleanup_that_hangs_is_answered_and_does_not_block_a_server_thread(
    runtime: Runtime, trees: List[CameraTree], monkeypatch: pytest.MonkeyPatch
) -> None:
    began, proceed, threads, execute = threading.Event(), threading.Event(), set(), Cleaner._execute

    def hang(self: Cleaner, *args: Any) -> Cleanup:
        threads.add(threading.current_thread())
        began.set()
        assert proceed.wait(HANG)
        return execute(self, *args)

    monkeypatch.setattr(Cleaner, "_execute", hang)
    monkeypatch.setattr(cleanup, "_LIMIT", 0.05)
    transport = httpx.ASGITransport(create_app(runtime), client=("127.0.0.1", 50000))
    answers: List[httpx.Response] = []

    async def ask(client: httpx.AsyncClient, path: str) -> None:
        answers.append(await client.post(path))

    try:
        with anyio.fail_after(30):
            async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as client:
                first = await client.post("/cleanup/run")
                await anyio.to_thread.run_sync(began.wait, HANG)  # a busy machine may take longer than the limit
                async with anyio.create_task_group() as tasks:
                    for _ in range(30):
                        tasks.start_soon(ask, client, "/cleanup/run")
                        tasks.start_soon(ask, client, "/cleanup/camera/yard")
                assert (await client.get("/cameras")).status_code == 200
    finally:
        proceed.set()
    assert first.status_code == 503 and first.json()["detail"].startswith("The cleanup is not done after")
    assert {answer.status_code for answer in answers} <= {409, 503} and len(answers) == 60
    (thread,) = threads
    assert thread.daemon
    thread.join(HANG)
    assert counts(trees) == [2, 2]


async def test_a_server_that_ends_does_not_wait_for_a_cleanup(
    client: httpx.AsyncClient, trees: List[CameraTree], runtime: Runtime
) -> None:
    runtime.stop()
    response = await client.post("/cleanup/run")
    assert (response.status_code, response.json()["deleted"]["files"]) == (200, 0)
    assert counts(trees) == [3, 3]


async def test_only_this_machine_may_clean_up(runtime: Runtime, trees: List[CameraTree]) -> None:
    transport = httpx.ASGITransport(create_app(runtime), client=("192.168.1.50", 50000))
    async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as neighbour:
        assert (await neighbour.get("/cleanup/preview")).status_code == 200
        assert (await neighbour.post("/cleanup/run")).status_code == 401
        assert (await neighbour.post("/cleanup/camera/front")).status_code == 401
    assert counts(trees) == [3, 3]


async def test_many_previews_share_one_scan_and_delay_no_other_request(
    client: httpx.AsyncClient, trees: List[CameraTree], monkeypatch: pytest.MonkeyPatch
) -> None:
    began, proceed, scans, scan = threading.Event(), threading.Event(), [0], Cleaner.preview

    def wait(self: Cleaner, *args: object, **options: bool) -> Cleanup:
        scans[0] += 1
        began.set()
        assert proceed.wait(HANG)
        return scan(self, **options)

    monkeypatch.setattr(Cleaner, "preview", wait)
    answers: List[httpx.Response] = []

    async def ask() -> None:
        answers.append(await client.get("/cleanup/preview"))

    async with anyio.create_task_group() as tasks:
        for _ in range(60):
            tasks.start_soon(ask)
        await anyio.to_thread.run_sync(began.wait, 30)
        assert (await client.get("/cameras")).status_code == 200
        assert answers == []
        proceed.set()
    assert len(answers) == 60 and {answer.content for answer in answers} == {answers[0].content}
    assert scans == [1]


async def test_a_preview_is_reused_for_some_seconds_or_until_a_cleanup(
    client: httpx.AsyncClient, trees: List[CameraTree], clock: FixedClock
) -> None:
    async def files(**params: str) -> int:
        return int((await client.get("/cleanup/preview", params=params)).json()["deletes"]["files"])

    assert await files() == 2
    trees[0].record("2026-05-01T11:00:00+02:00", 60)
    assert (await files(), await files(force="true")) == (2, 3)
    clock.advance(6)
    assert await files() == 3
    assert (await client.post("/cleanup/run")).status_code == 200
    assert await files() == 0
