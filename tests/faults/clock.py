"""Faults of the recording machine's clock, which a preloaded library shows to the server alone.

FFmpeg keeps the true clock, by which it decides when to cut its files and whether a frame came when its time says.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable, Optional, Tuple

from tests.faults.fault import Fault, nothing
from tests.faults.site import Site
from tests.support.waiting import HANG

_SOURCE = Path(__file__).with_name("clock.c")
_HOUR = 3600.0
_SOON = 15.0  # seconds from the start of a site to the hour that comes twice or never


def needs_compiler() -> Optional[str]:
    """What is missing for another clock; None when nothing."""
    return None if sys.platform.startswith("linux") and shutil.which("cc") else "needs Linux and a C compiler"


def _with_clock(site: Site) -> None:
    """Let the server read a clock that can be set."""
    library = site.folder / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, _SOURCE, "-ldl"], check=True, timeout=HANG)
    site.environ.update(LD_PRELOAD=str(library), CCTV_CLOCK_STEPS=str(site.folder / "steps"))


def _set(site: Site, seconds: float) -> None:
    """Set the clock by so many whole seconds."""
    site.steps.append((time.time(), seconds))
    new = site.folder / "steps.new"
    new.write_text("".join(f"{at:.6f} {step:.0f}\n" for at, step in site.steps))
    new.replace(site.folder / "steps")


def _by(seconds: float) -> Callable[[Site], None]:
    return lambda site: _set(site, seconds)


def _shortly_before(instant: datetime) -> Callable[[Site], None]:
    def prepare(site: Site) -> None:
        _with_clock(site)
        site.environ["TIMEZONE"] = "Europe/Berlin"
        _set(site, round(instant.timestamp() - _SOON - time.time()))

    return prepare


def _serve_in(site: Site, zone: str) -> None:
    """Start the server again where the machine has this time zone."""
    site.environ["TZ"] = zone
    site.serve()


_AUTUMN = datetime(2026, 10, 25, 1, tzinfo=timezone.utc)
_SPRING = datetime(2027, 3, 28, 1, tzinfo=timezone.utc)

_OF_THE_CLOCK = tuple(
    Fault(
        name,
        promise,
        inject,
        prepare=prepare,
        seconds=seconds,
        may_lose=may_lose,
        loses_while_it_lasts=False,
        causes=("clock set",),
        missing=needs_compiler,
    )
    for name, promise, prepare, inject, seconds, may_lose in (
        (
            "clock-ahead",
            "clock of the machine set ahead by an hour: nothing is lost, and the step is a gap",
            _with_clock,
            _by(_HOUR),
            10.0,
            5.0,
        ),
        (
            "clock-back",
            "clock of the machine set back by an hour: nothing is lost or overwritten",
            _with_clock,
            _by(-_HOUR),
            10.0,
            5.0,
        ),
        (
            "clock-autumn",
            "the hour that comes twice in autumn: nothing is lost or overwritten",
            _shortly_before(_AUTUMN),
            nothing,
            25.0,
            0.0,
        ),
        (
            "clock-spring",
            "the hour that is left out in spring: nothing is lost, and no gap is invented",
            _shortly_before(_SPRING),
            nothing,
            25.0,
            0.0,
        ),
    )
)

FAULTS: Tuple[Fault, ...] = (
    *_OF_THE_CLOCK,
    Fault(
        "zone-changed",
        "zone of the machine changed by 16 hours while the server is down: nothing is lost or overwritten",
        lambda site: site.signal_server(signal.SIGKILL),
        lambda site: _serve_in(site, "America/Los_Angeles"),
        lambda site: site.environ.update(TZ="Asia/Tokyo"),
        loses_while_it_lasts=False,
    ),
)
