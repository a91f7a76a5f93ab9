"""The power fails: what was not yet on the disk is lost, and a new start adopts the rest."""

from __future__ import annotations

import shutil
import signal
import uuid
from typing import Tuple

from tests.faults.disk import Disk, needs_disks
from tests.faults.fault import Fault
from tests.faults.site import Site

_ALL = "all"


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


FAULTS: Tuple[Fault, ...] = (
    Fault(
        "power-cut",
        "power fails: nothing is named that is not there, at most the open minute's unsynced tail is lost",
        _cut_power,
        prepare=_all_on_a_disk,
        may_lose=40.0,
        recovers_within=6.0,
        missing=needs_disks,
    ),
)
