from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import List

import anyio
import httpx
import pytest

from cctv_cli.api.threads import SharedCall, begun_threads
from tests.support.storage_tree import CameraTree
from tests.support.waiting import HANG

pytestmark = pytest.mark.anyio

PATHS = (
    "/",
    "/cameras",
    "/cameras/front",
    "/stream/front/info",
    "/recordings/front",
    "/health",
    "/health/metrics",
    "/health/processes",
    "/health/storage",
    "/metrics",
    "/cleanup/preview",
    "/openapi.json",
    "/cameras/nosuch",
    "/recordings/front?date=x",
)


def test_if_the_system_refuses_a_thread_those_that_have_begun_end(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: List[threading.Thread] = []
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if len(begun) == 4:
            raise RuntimeError("can't start new thread")
        begun.append(thread)
        real(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError):
            begun_threads()
    for thread in begun:
        thread.join(HANG)
        assert not thread.is_alive()


async def test_one_camera_is_controlled_while_all_threads_of_requests_wait(client: httpx.AsyncClient) -> None:
    proceed = threading.Event()
    busy = ThreadPoolExecutor(1)
    busy.submit(proceed.wait, 2 * HANG)
    asyncio.get_running_loop().set_default_executor(busy)
    try:
        with anyio.fail_after(HANG):
            for action in ("stop", "start", "restart"):
                assert (await client.post(f"/cameras/yard/{action}")).status_code == 202
            assert (await client.get("/cameras/yard")).status_code == 200
            assert (await client.get("/stream/yard/info")).status_code == 200
    finally:
        proceed.set()


async def test_a_server_in_use_answers_without_another_thread(
    client: httpx.AsyncClient, front: CameraTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.get_running_loop().set_default_executor(begun_threads())
    front.record("2026-07-14T14:00:00+02:00", 60.0)
    started: List[str] = []
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        started.append(thread.name)
        real(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        first = [(await client.get(path)).status_code for path in PATHS]
        assert [name for name in started if not name.startswith("disk ")] == []
        started.clear()
        assert [(await client.get(path)).status_code for path in PATHS] == first
        assert started == []


async def test_who_asks_during_a_call_gets_its_result() -> None:
    proceed, calls = threading.Event(), 0

    def call() -> int:
        nonlocal calls
        calls += 1
        assert proceed.wait(HANG)
        return calls

    shared = SharedCall(call)
    left = asyncio.ensure_future(shared.result())
    asked = [asyncio.ensure_future(shared.result()) for _ in range(50)]
    await asyncio.sleep(0)
    left.cancel()
    proceed.set()
    assert await asyncio.gather(*asked) == [1] * 50
    assert await shared.result() == 2
