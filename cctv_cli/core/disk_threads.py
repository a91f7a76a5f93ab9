"""Calls on disks that may hang: each disk has its own thread, and callers wait for a limited time.

A mount that no longer answers (a network share, a dying USB disk) blocks stat, statvfs and open, and such a call cannot
be cancelled. So calls run on daemon threads, one per disk: a call that hangs blocks only that thread. A thread stays
for a while after its last call, because a system that is short of memory may not give another one.
"""

from __future__ import annotations

import asyncio
import errno
import math
import os
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future, wait
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Callable, Dict, Generic, Hashable, Optional, Tuple, TypeVar

from cctv_cli.core.system import DaemonThread, mount_points

T = TypeVar("T")

LIMIT = 5.0  # seconds that one call may take; a sleeping disk spins up within them
_MOUNTS_FRESH = 10.0  # seconds
_STAYS = 120.0  # seconds after its last call for which a thread stays: viewers of a live stream ask more often


class DiskHangs(OSError):
    """A disk did not answer in time."""

    def __init__(self) -> None:
        super().__init__(errno.ETIMEDOUT, "its disk does not answer")


class DiskThreads:
    """Makes calls one after the other on one thread per disk. Thread-safe.

    A call that takes more than `limit` seconds, or its own limit, counts as hanging: until it returns, no other call is
    made on its disk, and all callers get DiskHangs at once.
    """

    def __init__(self, limit: float = LIMIT) -> None:
        self._limit = limit
        self._queues: Dict[str, _Queue] = {}
        self._lock = threading.Lock()
        self._mounts: Tuple[str, ...] = ()
        self._listed: Optional[float] = None  # when `_mounts` was read, monotonic
        self._found: Dict[Path, str] = {}  # the disk of each place asked for since then

    def submit(self, place: Path, what: Hashable, call: Callable[[], T], *, limit: Optional[float] = None) -> Answer[T]:
        """Queue a call on the disk of `place`; concurrent callers with the same `what` share it."""
        disk = self._disk(place)
        with self._lock:
            queue = self._queues.setdefault(disk, _Queue(disk))
        return Answer(disk, queue, queue.submit(what, call, self._limit if limit is None else limit))

    def ask(self, place: Path, what: Hashable, call: Callable[[], T], *, limit: Optional[float] = None) -> T:
        """Return the result of a call on the disk of `place`. Raises what it raises, and DiskHangs."""
        return self.submit(place, what, call, limit=limit).get()

    def _disk(self, place: Path) -> str:
        """The mount point above a path, found without touching its disk; the path itself if they cannot be listed."""
        now = time.monotonic()
        if self._listed is None or now - self._listed > _MOUNTS_FRESH:
            self._mounts, self._listed, self._found = mount_points(), now, {}
        found = self._found.get(place)
        if found is None:
            path = os.path.abspath(place)
            above = (mount for mount in self._mounts if path == mount or path.startswith(mount.rstrip("/") + "/"))
            found = self._found[place] = max(above, key=len, default=path)
        return found


class Answer(Generic[T]):
    """The future result of a call on the disk `disk`."""

    def __init__(self, disk: str, queue: _Queue, future: Future[T]) -> None:
        self.disk = disk
        self._queue = queue
        self._future = future

    def get(self, until: float = math.inf) -> T:
        """Wait for the result, at most until the instant `until` (monotonic).

        Raises what the call raises, and DiskHangs.
        """
        while not self._future.done():
            left = until - time.monotonic()
            wait([self._future], timeout=max(0.0, min(self._queue.remaining(), left)))
            if left <= 0 and not self._future.done():
                raise DiskHangs()
        return self._future.result()

    async def arrives(self) -> T:
        """Wait for the result without occupying a thread. Raises what the call raises, and DiskHangs."""
        future = asyncio.wrap_future(self._future)
        while not future.done():
            await asyncio.wait([future], timeout=self._queue.remaining())
        return future.result()


class _Call:
    def __init__(self, call: Callable[[], Any], limit: float) -> None:
        self.call = call
        self.limit = limit
        self.future: Future[Any] = Future()
        self.future.set_running_or_notify_cancel()  # a cancelled caller must not cancel it for the others


class _Queue:
    """The calls that wait for one disk, and the thread that makes them."""

    def __init__(self, disk: str) -> None:
        self._disk = disk
        self._limit = LIMIT  # of the call in progress
        self._calls: OrderedDict[Hashable, _Call] = OrderedDict()  # the first one is in progress
        self._started: Optional[float] = None  # when that one began, monotonic; None while there is none
        self._has_thread = False
        self._woken: SimpleQueue[None] = SimpleQueue()  # unlike an Event, it needs no memory to wait
        self._lock = threading.Lock()

    def submit(self, what: Hashable, call: Callable[[], T], limit: float) -> Future[T]:
        with self._lock:
            if self._left() <= 0:
                hung = _Call(call, limit)
                hung.future.set_exception(DiskHangs())
                return hung.future
            queued = self._calls.get(what)
            if queued is None:
                queued = self._calls[what] = _Call(call, limit)
            if self._started is None:
                self._begin(limit)
            return queued.future

    def _begin(self, limit: float) -> None:
        """Let the thread work. Raises RuntimeError if the system has none left; then nothing waits."""
        self._started, self._limit = time.monotonic(), limit
        if self._has_thread:
            self._woken.put(None)
            return
        try:
            DaemonThread(self._work, f"disk {self._disk}").start()
            self._has_thread = True
        except RuntimeError:
            self._started = None
            self._calls.clear()
            raise

    def remaining(self) -> float:
        """The seconds left for the call in progress; when none are left, all calls that wait fail."""
        with self._lock:
            left = self._left()
            failed = [] if left > 0 else list(self._calls.values())
            if failed:
                self._calls.clear()
        for each in failed:
            each.future.set_exception(DiskHangs())
        return max(0.0, left)

    def _left(self) -> float:
        return self._limit if self._started is None else self._started + self._limit - time.monotonic()

    def _work(self) -> None:
        try:
            while True:
                call = self._next()
                if call is not None:
                    self._make(*call)
                elif not self._is_woken():
                    return
        except BaseException:  # no memory, not even to look for a call
            with self._lock:
                self._has_thread, self._started = False, None
            raise

    def _next(self) -> Optional[Tuple[Hashable, _Call]]:
        """The call that comes first, which begins now; None if there is none."""
        with self._lock:
            self._started = None
            for what, call in self._calls.items():
                self._started, self._limit = time.monotonic(), call.limit
                return what, call
        return None

    def _make(self, what: Hashable, current: _Call) -> None:
        result, error = None, None
        try:
            result = current.call()
        except BaseException as raised:  # passed on to the callers
            error = raised
        with self._lock:
            if self._calls.get(what) is not current:  # it took too long, and no caller waits any more
                return
            del self._calls[what]
        if error is None:
            current.future.set_result(result)
        else:
            current.future.set_exception(error)

    def _is_woken(self) -> bool:
        """Wait until there may be a call; False if there was none for so long that the thread ends."""
        try:
            self._woken.get(timeout=_STAYS)
        except Empty:
            with self._lock:
                self._has_thread = bool(self._calls)
                return self._has_thread
        return True
