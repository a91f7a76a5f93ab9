"""The threads of requests that wait for all disks: a fixed number, all of which begin before the first request.

The threads of an HTTP library begin when a request comes, and the event loop waits for that: without memory for one
more it would wait for ever. What concerns one camera is done on the thread of its disk (`core/disk_threads`), for which
requests wait without a thread; so these threads delay neither control of a camera, nor live streams or recordings.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Generic, Optional, TypeVar

T = TypeVar("T")

_THREADS = 8
_BEGIN_WITHIN = 10.0  # seconds


def begun_threads() -> ThreadPoolExecutor:
    """An executor for `on_thread` that needs no more threads. Raises RuntimeError if the system does not give them."""
    executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="request")
    begun = threading.Barrier(_THREADS + 1)
    try:
        for _ in range(_THREADS):
            executor.submit(begun.wait)
        begun.wait(_BEGIN_WITHIN)
    except RuntimeError:
        begun.abort()  # the end of this process waits for those that have begun
        executor.shutdown(wait=False)
        raise
    return executor


async def on_thread(call: Callable[[], T]) -> T:
    """Make a call that may wait for disks on a thread of the event loop's executor. Raises what it raises."""
    return await asyncio.get_running_loop().run_in_executor(None, call)


class SharedCall(Generic[T]):
    """A call that is made by one thread at a time: who asks meanwhile gets the same result.

    Must be used from one event loop.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._made: Optional[asyncio.Future[T]] = None

    async def result(self) -> T:
        """The result of the call that is being made, or of a new one. Raises what it raises."""
        if self._made is None or self._made.done():
            self._made = asyncio.ensure_future(on_thread(self._call))
        return await asyncio.shield(self._made)  # a client that leaves must not cancel the answer of others
