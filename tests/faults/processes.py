"""Faults of processes: killed and stopped ones."""

from __future__ import annotations

import signal
from typing import Optional, Tuple

import psutil

from tests.faults.fault import Fault
from tests.faults.serve import DIE_AT
from tests.faults.site import Site
from tests.support.waiting import PATIENCE, end_of

_MANY = 1024  # descriptors
_STEPS = 10  # changes of the disk, in which a commit and the next one begin


def kill_ffmpeg(site: Site) -> None:
    site.signal_ffmpegs(signal.SIGKILL)


def kill_server(site: Site) -> None:
    site.signal_server(signal.SIGKILL)


def kill_both(site: Site) -> None:
    kill_server(site)
    kill_ffmpeg(site)


def _stop_both(site: Site) -> None:
    site.signal_server(signal.SIGSTOP)
    site.signal_ffmpegs(signal.SIGSTOP)


def _continue_both(site: Site) -> None:
    site.signal_server(signal.SIGCONT)
    site.signal_ffmpegs(signal.SIGCONT)


def _die_in_commits(site: Site) -> None:
    """Let one server after the other die in a commit, each one step later."""
    kill_server(site)
    for step in range(1, _STEPS + 1):
        site.environ[DIE_AT] = str(step)
        site.serve()
        assert site.process is not None
        assert end_of(site.process, PATIENCE + site.cut) == -signal.SIGKILL, (
            f"the server did not reach step {step} of a commit"
        )
    del site.environ[DIE_AT]


def _no_more_descriptors(site: Site) -> None:
    """Let the server open nothing more, and make it need to."""
    site.wait_answers()  # one that still starts would only fail to
    server = psutil.Process(site.server_pid())
    server.rlimit(psutil.RLIMIT_NOFILE, (server.num_fds(), _MANY))
    kill_ffmpeg(site)


def _no_more_memory(site: Site) -> None:
    """Give the server no byte more than it has, and make it need some."""
    site.wait_answers()
    server = psutil.Process(site.server_pid())
    server.rlimit(psutil.RLIMIT_AS, (server.memory_info().vms, psutil.RLIM_INFINITY))
    kill_ffmpeg(site)


def _lift_limits(site: Site) -> None:
    server = psutil.Process(site.server_pid())
    server.rlimit(psutil.RLIMIT_NOFILE, (_MANY, _MANY))
    server.rlimit(psutil.RLIMIT_AS, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))


def needs_limits() -> Optional[str]:
    """What is missing for limits of other processes; None when nothing."""
    return None if hasattr(psutil, "RLIMIT_NOFILE") else "needs Linux"


FAULTS: Tuple[Fault, ...] = (
    Fault(
        "kill-ffmpeg",
        "FFmpeg killed (kill -9): a new one records within seconds, and the gap names the cause",
        kill_ffmpeg,
        causes=("killed",),
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
        causes=("unsupervised",),
        may_lose=6.0,
        recovers_within=6.0,
    ),
    Fault(
        "kill-in-commit",
        "server killed (kill -9) at each step of saving a minute: recording continues, nothing is lost or saved twice",
        _die_in_commits,
        Site.serve,
        loses_while_it_lasts=False,
    ),
    Fault(
        "stop-ffmpeg",
        "FFmpeg freezes (SIGSTOP) for good: its replacement records within 25 s, and the gap is explained",
        lambda site: site.signal_ffmpegs(signal.SIGSTOP),
        seconds=25.0,
        causes=("stalled",),
        may_lose=25.0,
        loses_while_it_lasts=False,
    ),
    Fault(
        "stop-server",
        "server freezes (SIGSTOP) for 10 s: recording continues",
        lambda site: site.signal_server(signal.SIGSTOP),
        lambda site: site.signal_server(signal.SIGCONT),
        seconds=10.0,
        loses_while_it_lasts=False,
    ),
    Fault(
        "stop-both",
        "server and FFmpeg freeze (SIGSTOP) for 25 s, as in a suspended container: what came meanwhile is recorded",
        _stop_both,
        _continue_both,
        seconds=25.0,
        loses_while_it_lasts=False,
    ),
    Fault(
        "descriptors",
        "server may open no more files for 15 s, and FFmpeg is killed: recording returns when it may",
        _no_more_descriptors,
        _lift_limits,
        seconds=15.0,
        may_lose=35.0,
        recovers_within=35.0,
        missing=needs_limits,
    ),
    Fault(
        "memory",
        "server gets no more memory for 15 s, and FFmpeg is killed: recording returns at the latest when it does",
        _no_more_memory,
        _lift_limits,
        seconds=15.0,
        may_lose=35.0,
        recovers_within=35.0,
        missing=needs_limits,
    ),
)
