"""Resource usage of this machine and its processes: CPU, memory, load, open files."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Dict, Iterable, Optional, Tuple

import psutil

from cctv_cli.core.health.facts import SystemFacts
from cctv_cli.core.system import load, open_files

_SHORTEST = 0.3  # minimum seconds for a meaningful CPU share


@dataclass(frozen=True)
class ProcessUse:
    """Usage of a process: percent of one core, and resident bytes."""

    cpu: float
    memory: int


class Meter:
    """Measures CPU usage between polls. Not thread-safe."""

    def __init__(self) -> None:
        self._at = time.monotonic()
        self._busy, self._total = _cpu_times()
        self._cpu: Optional[float] = None
        self._processes: Dict[Tuple[int, float], Tuple[float, float, float]] = {}

    def system(self, supervisors: Iterable[int]) -> SystemFacts:
        """Measure the machine, with the open files of these processes. Waits up to 0.3 s, the first time only."""
        memory = psutil.virtual_memory()
        files = [found for found in map(open_files, supervisors) if found is not None]
        return SystemFacts(
            cpu=self._cpu_percent(),
            cores=psutil.cpu_count() or 1,
            memory=memory.percent,
            memory_total=memory.total,
            memory_available=memory.available,
            load=load(),
            open_files=sum(count for count, _ in files) if files else None,
            open_files_limit=min((limit for _, limit in files if limit is not None), default=None),
        )

    def process(self, pid: int) -> Optional[ProcessUse]:
        """Usage of a process since the last poll, or since its start; None if it has ended or may not be queried."""
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                started, times, memory = process.create_time(), process.cpu_times(), process.memory_info().rss
        except psutil.Error:
            return None
        used, at, key = times.user + times.system, time.monotonic(), (pid, started)
        before = self._processes.get(key)
        if before is None:
            percent = 100 * used / max(_SHORTEST, time.time() - started)
        elif at - before[1] < _SHORTEST:
            return ProcessUse(before[2], memory)
        else:
            percent = 100 * (used - before[0]) / (at - before[1])
        self._processes[key] = (used, at, percent)
        return ProcessUse(percent, memory)

    def forget_ended(self) -> None:
        """Forget processes that have ended."""
        self._processes = {key: value for key, value in self._processes.items() if psutil.pid_exists(key[0])}

    def _cpu_percent(self) -> float:
        left = _SHORTEST - (time.monotonic() - self._at)
        if left > 0:
            if self._cpu is not None:
                return self._cpu
            threading.Event().wait(left)
        busy, total = _cpu_times()
        share = (busy - self._busy) / (total - self._total) if total > self._total else 0.0
        self._at, self._busy, self._total = time.monotonic(), busy, total
        self._cpu = min(100.0, max(0.0, 100 * share))
        return self._cpu


def _cpu_times() -> Tuple[float, float]:
    """Busy and total seconds of the cores. Waiting for a disk does not count as busy."""
    times = psutil.cpu_times()
    # on Linux `user` and `nice` include guests
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total - times.idle - getattr(times, "iowait", 0.0), total
