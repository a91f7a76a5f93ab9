"""Waiting for other threads and processes: longer on a busy machine, with a clear error if nothing happens.

Tests wait with `wait_for`. Its limit is in seconds of an idle machine; each second of a busy one counts
for less, by a measurement that is repeated while waiting. Calls that take a fixed number of seconds
(sockets, `subprocess.run`, barriers) get HANG.
"""

from __future__ import annotations

import subprocess
import threading
import time
from typing import Callable, Optional, TypeVar

Found = TypeVar("Found")

HANG = 300.0  # seconds after which something that takes an idle machine a few counts as hanging
PATIENCE = 120.0  # seconds of an idle machine; the longest wait, for two handovers, takes about thirty

_POLL = 0.05  # seconds between polls
_MEASURE = 2.0  # seconds between measurements: one takes at most 1 % of that
_WORK = 300_000  # additions, which ...
_WORK_SECONDS = 0.018  # ... take an idle core so long; a third of that, after a rest, need not queue on a busy one

_now, _pause = time.monotonic, threading.Event().wait  # tests replace the clock


def slowness() -> float:
    """How many times longer this thread now needs for some work than on an idle machine; at least 1."""
    begin = _now()
    total = 0
    for number in range(_WORK):
        total += number
    return max(1.0, (_now() - begin) / _WORK_SECONDS)


def crowding() -> float:
    """Wall time divided by CPU time of some work of this thread: 1 on an idle machine, of any speed."""
    begin, computed = time.monotonic(), time.thread_time()
    total = 0
    for number in range(7 * _WORK):
        total += number
    return max(1.0, (time.monotonic() - begin) / (time.thread_time() - computed))


def wait_for(
    poll: Callable[[], Found], what: str, seconds: float = PATIENCE, shown: Optional[Callable[[], object]] = None
) -> Found:
    """Call `poll` until it returns something true; returns that.

    `seconds` are those of an idle machine. When they have passed, raises AssertionError naming `what`, with the
    result of `shown`, which should help to see why.
    """
    begin = measured = _now()
    left = seconds
    while True:
        found = poll()
        if found:
            return found
        if left <= 0:
            raise AssertionError(_sentence(what, seconds, _now() - begin, shown))
        _pause(_POLL)
        if _now() - measured >= min(_MEASURE, left):
            speed = 1 / slowness()
            left -= (_now() - measured) * speed
            measured = _now()


def _sentence(what: str, seconds: float, passed: float, shown: Optional[Callable[[], object]]) -> str:
    text = f"{what}: not within {passed:.0f} s, which on this machine count as {seconds:.0f}"
    return text if shown is None else f"{text}; now there is {shown()}"


def end_of(process: subprocess.Popen, seconds: float = PATIENCE) -> int:  # type: ignore[type-arg]
    """Wait until a process ends by itself; returns its exit code."""
    wait_for(lambda: process.poll() is not None, f"the end of process {process.pid} ({process.args})", seconds)
    return int(process.returncode)
