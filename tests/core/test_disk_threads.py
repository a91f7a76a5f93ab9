"""Disks that hang, simulated by threads that wait for an event: what hangs, and what continues."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import Iterator, List

import pytest

from cctv_cli.core import disk_threads
from cctv_cli.core.disk_threads import DiskHangs, DiskThreads
from cctv_cli.core.system import mount_points
from tests.support.waiting import HANG, wait_for

HUNG, FINE = Path("/mnt/hung/hls/front"), Path("/mnt/fine/hls/yard")
LIMIT = 0.2  # seconds


class Time:
    """The monotonic clock of the threads under test, which only calls advance."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(disk_threads, "time", made)
    monkeypatch.setattr(disk_threads, "mount_points", lambda: ("/", "/mnt/hung", "/mnt/fine", "/mnt/hung2"))
    return made


class Hang:
    """A call that waits until a test releases it, for too long if `hangs`; notes which threads made it."""

    def __init__(self, clock: Time) -> None:
        self.proceed = threading.Event()
        self.hangs = True
        self.threads: List[str] = []
        self._clock = clock

    def __call__(self) -> str:
        self.threads.append(threading.current_thread().name)
        if self.hangs:
            self._clock.now += LIMIT
        self.proceed.wait(HANG)
        return "late"


@pytest.fixture
def hang(clock: Time) -> Iterator[Hang]:
    made = Hang(clock)
    yield made
    made.proceed.set()


@pytest.fixture
def threads() -> DiskThreads:
    return DiskThreads(LIMIT)


def test_a_caller_gets_what_its_call_returns_or_raises(threads: DiskThreads) -> None:
    def fail() -> None:
        raise KeyError("a bug")

    assert threads.ask(FINE, "a", lambda: 5) == 5
    with pytest.raises(KeyError, match="a bug"):
        threads.ask(FINE, "a", fail)
    assert threads.ask(FINE, "a", lambda: 6) == 6


def test_a_disk_that_hangs_occupies_one_thread_and_affects_no_other_disk(threads: DiskThreads, hang: Hang) -> None:
    with pytest.raises(DiskHangs, match="its disk does not answer"):
        threads.ask(HUNG, "a", hang)
    for name in ("a", "b", "c"):
        with pytest.raises(DiskHangs):
            threads.ask(HUNG / name, name, hang)
        assert threads.ask(FINE, name, lambda: "here") == "here"
        assert threads.ask(Path("/mnt/hung2/hls"), name, lambda: "here, too") == "here, too"
    assert hang.threads == ["disk /mnt/hung"]


def test_calls_that_wait_behind_a_hanging_call_fail_with_it(threads: DiskThreads, hang: Hang) -> None:
    made: List[str] = []
    answers = [threads.submit(HUNG, "first", hang), threads.submit(HUNG, "next", lambda: made.append("next"))]
    for answer in answers:
        assert answer.disk == "/mnt/hung"
        with pytest.raises(DiskHangs):
            answer.get()
    hang.proceed.set()
    assert wait_for(lambda: answers_again(threads), "the disk") and made == []


def answers_again(threads: DiskThreads) -> bool:
    try:
        return threads.ask(HUNG, "again", lambda: True)
    except DiskHangs:
        return False


def test_callers_with_the_same_key_share_one_call(threads: DiskThreads, hang: Hang) -> None:
    hang.hangs = False
    answers = [threads.submit(HUNG, "same", hang) for _ in range(3)]
    hang.proceed.set()
    assert [answer.get() for answer in answers] == ["late"] * 3
    assert len(hang.threads) == 1


def test_many_calls_together_may_take_longer_than_the_limit(threads: DiskThreads, clock: Time) -> None:
    def slow() -> str:
        clock.now += LIMIT * 0.9
        return "here"

    answers = [threads.submit(FINE, number, slow) for number in range(10)]
    assert [answer.get() for answer in answers] == ["here"] * 10


def test_a_caller_waits_for_a_slow_disk_no_longer_than_it_wants(threads: DiskThreads, hang: Hang, clock: Time) -> None:
    def slow() -> str:
        clock.now += LIMIT * 0.9  # too long for this caller, but not a hang
        hang.hangs = False
        return hang()

    answer = threads.submit(FINE, "slow", slow)
    with pytest.raises(DiskHangs):
        answer.get(until=1000.0 + LIMIT * 0.5)
    hang.proceed.set()
    assert answer.get() == "late"  # the disk continues, and so do other callers
    assert threads.ask(FINE, "next", lambda: "here") == "here"


def test_an_event_loop_waits_without_a_thread_and_a_cancelled_caller_cancels_no_other(
    threads: DiskThreads, hang: Hang
) -> None:
    hang.hangs = False

    async def ask() -> List[object]:
        answer = threads.submit(HUNG, "same", hang)
        leaves = asyncio.ensure_future(answer.arrives())
        stays = asyncio.ensure_future(answer.arrives())
        await asyncio.sleep(0)
        leaves.cancel()
        hang.proceed.set()
        return list(await asyncio.gather(leaves, stays, return_exceptions=True))

    left, stayed = asyncio.run(ask())
    assert isinstance(left, asyncio.CancelledError)
    assert stayed == "late"

    async def ask_and_fail() -> None:
        hang.hangs = True
        hang.proceed.clear()
        await threads.submit(HUNG, "hung", hang).arrives()

    with pytest.raises(DiskHangs):
        asyncio.run(ask_and_fail())


def test_without_a_list_of_mounts_each_path_counts_as_a_disk(
    threads: DiskThreads, hang: Hang, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_threads, "mount_points", tuple)
    with pytest.raises(DiskHangs):
        threads.ask(HUNG, "a", hang)
    assert threads.ask(HUNG.with_name("yard"), "a", lambda: "here") == "here"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists them without accessing the disks")
def test_mount_points_of_this_machine() -> None:
    found = mount_points()
    assert "/" in found and "/proc" in found


def _no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_disk_is_asked_again_once_the_system_has_threads_again(monkeypatch: pytest.MonkeyPatch) -> None:
    disks = DiskThreads(LIMIT)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _no_thread)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            disks.ask(FINE, "size", lambda: 1)
    assert disks.ask(FINE, "size", lambda: 2) == 2


def test_a_disk_that_is_in_use_needs_no_new_thread(threads: DiskThreads, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = threads.ask(FINE, "thread", threading.current_thread)
    monkeypatch.setattr(threading.Thread, "start", _no_thread)
    assert threads.ask(FINE, "thread", threading.current_thread) is thread


def test_a_thread_without_calls_ends_and_another_one_makes_the_next(
    threads: DiskThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_threads, "_STAYS", 0.01)
    thread = threads.ask(FINE, "thread", threading.current_thread)
    wait_for(lambda: not thread.is_alive(), "the end of the thread")
    assert threads.ask(FINE, "thread", threading.current_thread) is not thread
