"""Limits of processes and memory, as a container or a service manager sets them."""

from __future__ import annotations

import signal
from functools import partial
from typing import Tuple

from tests.faults.fault import Fault
from tests.faults.groups import MEMORY, PROCESSES, group, needs_group
from tests.faults.site import Site

_MOST_PROCESSES, _MOST_MEMORY = "pids.max", "memory.limit_in_bytes"
_LITTLE = 4 << 20  # bytes: less than an FFmpeg needs


def _no_more_processes(site: Site) -> None:
    """Let the server start neither a thread nor a process, and make it need to."""
    folder = group(site, PROCESSES, [site.server_pid()])
    (folder / _MOST_PROCESSES).write_text((folder / "pids.current").read_text())
    site.signal_ffmpegs(signal.SIGKILL)


def _lift_processes(site: Site) -> None:
    (group(site, PROCESSES) / _MOST_PROCESSES).write_text("max")


def _little_memory(site: Site) -> None:
    """Leave a little memory to the server and what it starts, and make it start an FFmpeg: the system kills some."""
    folder = group(site, MEMORY, [site.server_pid()])
    used = int((folder / "memory.usage_in_bytes").read_text())
    (folder / _MOST_MEMORY).write_text(str(used + _LITTLE))
    site.signal_ffmpegs(signal.SIGKILL)


def _lift_memory(site: Site) -> None:
    """Give all memory back, and start the server again if it was killed."""
    (group(site, MEMORY) / _MOST_MEMORY).write_text("-1")
    assert site.process is not None
    if site.process.poll() is not None:
        site.serve()


FAULTS: Tuple[Fault, ...] = (
    Fault(
        "processes",
        "server may start no more processes or threads for 15 s, and FFmpeg is killed: recording returns when it may",
        _no_more_processes,
        _lift_processes,
        seconds=15.0,
        may_lose=35.0,
        recovers_within=35.0,
        missing=partial(needs_group, PROCESSES),
    ),
    Fault(
        "container-memory",
        "FFmpeg killed, and its container has no memory for another one for 15 s: recording returns when it has",
        _little_memory,
        _lift_memory,
        seconds=15.0,
        may_lose=35.0,
        recovers_within=35.0,
        missing=partial(needs_group, MEMORY),
    ),
)
