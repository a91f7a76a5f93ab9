"""Limits of processes and memory, by control groups of our own: what a container or a service manager sets."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Optional, Tuple

from tests.faults.fault import Fault
from tests.faults.private import is_private
from tests.faults.site import Site

_PIDS = Path("/sys/fs/cgroup/pids")  # control groups, version 1
_LIMIT = "pids.max"


def needs_pids() -> Optional[str]:
    """What is missing for a limit of processes; None when nothing."""
    usable = is_private() and os.access(_PIDS, os.W_OK) and os.geteuid() == 0
    return None if usable else "needs root and the control group `pids` (version 1)"


def _group(site: Site) -> Path:
    return _PIDS / f"cctv-faults-{site.server_pid()}-{site.port}"


def _no_more_processes(site: Site) -> None:
    """Let the server start neither a thread nor a process, and make it need to."""
    group = _group(site)
    group.mkdir()
    (group / "cgroup.procs").write_text(str(site.server_pid()))
    (group / _LIMIT).write_text((group / "pids.current").read_text())
    site.signal_ffmpegs(signal.SIGKILL)


def _lift(site: Site) -> None:
    (_group(site) / _LIMIT).write_text("max")
    site.undo.callback(_group(site).rmdir)


FAULTS: Tuple[Fault, ...] = (
    Fault(
        "processes",
        "server may start no more processes or threads for 15 s, and FFmpeg is killed: recording returns when it may",
        _no_more_processes,
        _lift,
        seconds=15.0,
        may_lose=35.0,
        recovers_within=35.0,
        missing=needs_pids,
    ),
)
