"""All rows of the fault table."""

from __future__ import annotations

from typing import Tuple

from tests.faults import cameras, clock, disk, handover, limits, network, power, processes
from tests.faults.fault import Fault

FAULTS: Tuple[Fault, ...] = (
    *processes.FAULTS,
    *limits.FAULTS,
    *handover.FAULTS,
    *cameras.FAULTS,
    *network.FAULTS,
    *disk.FAULTS,
    *power.FAULTS,
    *clock.FAULTS,
)
QUICK = (
    "kill-ffmpeg",
    "kill-server",
    "kill-both",
    "reload",
    "camera-reboots",
    "network-cut",
    "disk-full",
    "disk-gone",
    "power-cut",
)
