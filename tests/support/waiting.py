"""Waiting for what other threads and processes do: longer on a busy machine, and loud when it does not happen.

`wait_for` is how tests wait. Its patience is given in seconds of an idle machine; each second of a busy one
counts for less, by a measurement that is repeated while waiting. Calls that can only take a number of seconds
(sockets, `subprocess.run`, barriers) take HANG.
"""

from __future__ import annotations

import subprocess
import threading
import time
from typing import Callable, Optional, TypeVar

Found = TypeVar("Found")

HANG = 300.0  # seconds; what takes an idle machine a few hangs when it is not done after these on a busy one
PATIENCE = 30.0  # seconds of an idle machine; starting an FFmpeg and recording two files take about ten

_LOOK = 0.05  # seconds between polls
_MEASURE = 1.0  # seconds between measurements: one takes about 0.5 % of that
_WORK = 100_000  # additions, which ...
_WORK_SECONDS = 0.006  # ... take an idle core so long; a few milliseconds, as shorter ones need not queue

_now, _pause = time.monotonic, threading.Event().wait  # tests replace the clock


def slowness() -> float:
    """How many times longer this thread needs now for a piece of work than on an idle machine; 1 at least."""
    begin = _now()
    total = 0
    for number in range(_WORK):
        total += number
    return max(1.0, (_now() - begin) / _WORK_SECONDS)


def crowding() -> float:
    """How many times longer this thread takes now than it computes: 1 on an idle machine, however slow that is."""
    begin, computed = time.monotonic(), time.thread_time()
    total = 0
    for number in range(20 * _WORK):
        total += number
    return max(1.0, (time.monotonic() - begin) / (time.thread_time() - computed))


def wait_for(
    look: Callable[[], Found], what: str, seconds: float = PATIENCE, shown: Optional[Callable[[], object]] = None
) -> Found:
    """The first true answer of `look`, which is asked again and again.

    `seconds` are those of an idle machine. AssertionError naming `what` when they have passed, with what
    `shown` returns then: whatever helps to see why.
    """
    begin = measured = _now()
    left = seconds
    while True:
        found = look()
        if found:
            return found
        if left <= 0:
            raise AssertionError(_sentence(what, seconds, _now() - begin, shown))
        _pause(_LOOK)
        if _now() - measured >= min(_MEASURE, left):
            speed = 1 / slowness()
            left -= (_now() - measured) * speed
            measured = _now()


def _sentence(what: str, seconds: float, passed: float, shown: Optional[Callable[[], object]]) -> str:
    said = f"{what}: not within {passed:.0f} s, which on this machine count as {seconds:.0f}"
    return said if shown is None else f"{said}; now there is {shown()}"


def end_of(process: subprocess.Popen, seconds: float = PATIENCE) -> int:  # type: ignore[type-arg]
    """The exit code of a process, once it has ended by itself."""
    wait_for(lambda: process.poll() is not None, f"the end of process {process.pid} ({process.args})", seconds)
    return int(process.returncode)
