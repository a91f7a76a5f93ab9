"""Planned changes of FFmpeg: the next one takes over from the current one while it runs."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Any, Dict, Iterable, Optional, Tuple

from cctv_cli.core.files import read_json
from tests.faults.fault import Fault
from tests.faults.serve import ROTATE_AFTER
from tests.faults.site import Site, pause
from tests.support.waiting import wait_for

_OPTIONS = '[stream]\naudio_bitrate = "96k"\n\n'  # another command for FFmpeg
_FAULTS_IN_A_ROUND = 12
_START = 2.0  # seconds that a second FFmpeg may need to start
_HIT = 0.5  # chance of each kind of process to be hit
_LONGEST_STOP = 6.0  # seconds
_FFMPEG_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM)
_SERVER_SIGNALS = (*_FFMPEG_SIGNALS, signal.SIGUSR1)


def _run_files(site: Site) -> Dict[str, Dict[str, Any]]:
    return {name: read_json(site.layout(name).run_file) for name in site.victims}


def _wait_for_others(site: Site, before: Dict[str, Dict[str, Any]]) -> None:
    """Wait until each camera is recorded by another FFmpeg alone."""

    def changed() -> bool:
        now = _run_files(site)
        return all(now[name]["run"] != before[name]["run"] and not now[name]["successor"] for name in before)

    wait_for(changed, "another FFmpeg for each camera")


def _reload(site: Site) -> None:
    before = _run_files(site)
    site.reload(_OPTIONS)
    _wait_for_others(site, before)


def _rotate_soon(site: Site) -> None:
    site.environ[ROTATE_AFTER] = str(3 * site.cut)


def _rotate_twice(site: Site) -> None:
    for _ in range(2):
        _wait_for_others(site, _run_files(site))


def _kill_while_both_record(site: Site) -> None:
    site.reload(_OPTIONS)
    wait_for(lambda: all((run["successor"] or {}).get("anchor") for run in _run_files(site).values()), "two FFmpegs")
    site.signal_server(signal.SIGKILL)


def _serve_until_done(site: Site) -> None:
    before = _run_files(site)
    site.serve()
    _wait_for_others(site, before)


def _random_faults(site: Site) -> None:
    """Do one random fault after another, each at a random instant of a handover."""
    for number in range(_FAULTS_IN_A_ROUND):
        site.reload(f'[stream]\naudio_bitrate = "{64 + number}k"\n\n')
        pause(site.chance.uniform(0.0, site.cut + _START))
        _random_fault(site)
        if site.has_ended():
            site.serve()
        wait_for(lambda: not any(run["successor"] for run in _run_files(site).values()), "the end of the handover")
        site.wait_recordings()


def _random_fault(site: Site) -> None:
    """Hit some of the server and the current and second FFmpegs of all cameras, or drop their connections."""
    chance, runs = site.chance, _run_files(site).values()
    processes = {
        "server": [site.server_pid()],
        "old": [run["pid"] for run in runs],
        "new": [(run["successor"] or {}).get("pid") for run in runs],
    }
    hit = [name for name in processes if chance.random() < _HIT]
    signals = {name: chance.choice(_SERVER_SIGNALS if name == "server" else _FFMPEG_SIGNALS) for name in hit}
    for name, number in signals.items():
        _signal(processes[name], number)
    if not hit:
        for camera in site.cameras.values():
            camera.drop()
    pause(chance.uniform(0.0, _LONGEST_STOP))
    for name, number in signals.items():
        if number == signal.SIGSTOP:
            _signal(processes[name], signal.SIGCONT)
    if signals.get("server") in (signal.SIGTERM, signal.SIGUSR1):
        wait_for(site.has_ended, "the end of the server")


def _signal(pids: Iterable[Optional[int]], number: int) -> None:
    for pid in filter(None, pids):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


FAULTS: Tuple[Fault, ...] = (
    Fault(
        "reload",
        "configuration reloaded with another command for FFmpeg: the next FFmpeg takes over without losing a frame",
        _reload,
        loses_while_it_lasts=False,
    ),
    Fault(
        "rotation",
        "FFmpeg replaced before its times wrap, twice: no frame is lost or recorded twice",
        _rotate_twice,
        prepare=_rotate_soon,
        loses_while_it_lasts=False,
    ),
    Fault(
        "kill-in-handover",
        "server killed (kill -9) while one FFmpeg takes over from another: the next one completes it without a loss",
        _kill_while_both_record,
        _serve_until_done,
        loses_while_it_lasts=False,
    ),
    Fault(
        "handover-faults",
        "12 handovers with processes killed or frozen, or connections dropped, at random instants: no frame is doubled",
        _random_faults,
    ),
)
