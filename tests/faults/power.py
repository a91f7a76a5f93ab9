"""The power fails: what was not yet on the disk is lost, and a new start adopts the rest."""

from __future__ import annotations

import shutil
import signal
import uuid
from dataclasses import replace
from typing import Callable, Tuple

from tests.faults.disk import Disk, needs_disks
from tests.faults.fault import Fault
from tests.faults.site import Site

_ALL = "all"
_LONG = 30  # seconds of a recording that is longer than what is synced at once
_LOOK = 2  # seconds between polls of a recorder, and of frames that are under way


def _all_on_a_disk(site: Site) -> None:
    site.disks[_ALL] = Disk(site.folder / "disk.img", site.storage)
    site.undo.callback(site.disks[_ALL].unmount)


def _cut_power(site: Site) -> None:
    """Keep what the disk has at this instant, without what the system holds in memory for it."""
    disk, image = site.disks[_ALL], site.folder / "at-that-instant.img"
    for number in (signal.SIGSTOP, signal.SIGKILL):
        site.signal_server(number)
        site.signal_ffmpegs(number)
        if number == signal.SIGSTOP:
            shutil.copyfile(disk.image, image)
    disk.unmount()
    disk.image = image
    disk.mount()
    site.boot = site.folder / "boot_id"
    site.boot.write_text(f"{uuid.uuid4()}\n")
    site.serve()


def _synced(seconds: int) -> Callable[[Site], None]:
    def prepare(site: Site) -> None:
        _all_on_a_disk(site)
        site.cut = max(site.cut, _LONG)
        site.environ["SYNC_INTERVAL"] = str(seconds)

    return prepare


_CUT = Fault(
    "power-cut",
    "power fails: nothing is named that is not there, at most the current minute is lost",
    _cut_power,
    prepare=_all_on_a_disk,
    may_lose=60.0,
    recovers_within=6.0,
    missing=needs_disks,
)

FAULTS: Tuple[Fault, ...] = (
    _CUT,
    *(
        replace(
            _CUT,
            name=f"power-cut-{seconds}s",
            promise=f"power fails with `SYNC_INTERVAL={seconds}s`: at most the last {seconds + _LOOK} s before it are "
            "lost",
            prepare=_synced(seconds),
            may_lose_before=float(seconds + _LOOK),
        )
        for seconds in (5, 1)
    ),
)
