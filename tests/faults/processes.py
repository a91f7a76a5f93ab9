"""Faults of processes: killed and stopped ones."""

from __future__ import annotations

import signal
from typing import Tuple

from tests.faults.fault import Fault
from tests.faults.site import Site


def kill_ffmpeg(site: Site) -> None:
    site.signal_ffmpegs(signal.SIGKILL)


def kill_server(site: Site) -> None:
    site.signal_server(signal.SIGKILL)


def kill_both(site: Site) -> None:
    kill_server(site)
    kill_ffmpeg(site)


FAULTS: Tuple[Fault, ...] = (
    Fault(
        "kill-ffmpeg",
        "FFmpeg killed (kill -9): a new one records within seconds, and the gap names the cause",
        kill_ffmpeg,
        may_lose=5.0,
        recovers_within=5.0,
    ),
    Fault(
        "kill-server",
        "server killed (kill -9): recording continues without it, and the next one takes over",
        kill_server,
        Site.serve,
        loses_while_it_lasts=False,
    ),
    Fault(
        "kill-both",
        "server and FFmpeg killed (kill -9): nothing that was written is lost, the gap is explained",
        kill_both,
        Site.serve,
        may_lose=6.0,
        recovers_within=6.0,
    ),
    Fault(
        "stop-ffmpeg",
        "FFmpeg stands still (SIGSTOP) for good: it is replaced within half a minute, and the gap is explained",
        lambda site: site.signal_ffmpegs(signal.SIGSTOP),
        seconds=35.0,
        may_lose=32.0,
        loses_while_it_lasts=False,
    ),
    Fault(
        "stop-server",
        "server stands still (SIGSTOP) for 10 s: recording continues",
        lambda site: site.signal_server(signal.SIGSTOP),
        lambda site: site.signal_server(signal.SIGCONT),
        seconds=10.0,
        loses_while_it_lasts=False,
    ),
)
