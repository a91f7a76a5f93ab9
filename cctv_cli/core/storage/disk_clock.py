"""The clock that dates files: that of a file server may differ from this machine's.

A modification time is compared with this machine's time only after the difference was measured with a file that was
just written, and corrected. On a local disk it is exactly 0.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple, Optional

from cctv_cli.core import files
from cctv_cli.core.layout import CLOCK_FILE

_TICK = 0.02  # seconds by which a local disk's times may be late: systems take them from the last tick of a timer
_WHOLE_SECONDS = 2.0  # the same for file systems that store only whole, or even, seconds
_NARROW = 0.05  # seconds between bounds that are exact enough
_TRIES = 5
_EVERY = 60.0  # seconds between measurements
_SOON = 1.0  # seconds between measurements because of doubt
_SET = 0.25  # seconds by which this machine's clock must be set, against monotonic time, to measure again
_DOUBT = 2.0  # seconds that the time of a write which just happened may differ from now


class Bounds(NamedTuple):
    """A disk's clock is at least and at most so many seconds ahead of this machine's."""

    least: float
    most: float


def probe(folder: Path) -> Bounds:
    """Write a tiny file into a folder and remove it; returns how its date compares with now.

    Raises OSError if the disk refuses the write.
    """
    with files.Folder.at(folder) as opened, files.scratch(opened, CLOCK_FILE) as handle:
        before = time.time()
        os.write(handle, b"?")
        written = os.fstat(handle).st_mtime_ns
        after = time.time()
    late = _TICK if written % 1_000_000_000 else _WHOLE_SECONDS
    return Bounds(written / 1e9 - after, written / 1e9 + late - before)


def measure(folder: Path) -> Bounds:
    """The narrowest bounds that a few probes find: a probe that took long says little. Raises OSError."""
    found = probe(folder)
    for _ in range(1, _TRIES):
        if found.most - found.least <= _NARROW + _TICK:
            break
        again = probe(folder)
        found = Bounds(max(found.least, again.least), min(found.most, again.most))
        if found.least > found.most:  # a clock was set in between
            found = again
    return found


def estimate(bounds: Bounds, before: float = 0.0) -> float:
    """How far a disk's clock is ahead: 0 if that is possible, else unchanged if that is, else the middle. Pure."""
    possible = (ahead for ahead in (0.0, before) if bounds.least <= ahead <= bounds.most)
    return next(possible, (bounds.least + bounds.most) / 2)


class DiskClock:
    """Follows the clock of the disk of a folder. Not thread-safe.

    `ahead` is how many seconds it is ahead of this machine's clock, as last measured.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._measured_at: Optional[float] = None  # monotonic
        self._offset = 0.0  # of this machine's clock from monotonic time, at the last measurement
        self.ahead = 0.0

    def instant(self, written: float, *, just_now: bool = False) -> float:
        """The instant, by this machine's clock, of a modification time; `just_now` if the write must be recent."""
        if self._is_due():
            self._measure()
        elif just_now and self._is_due(_SOON) and abs(written - self.ahead - time.time()) > _DOUBT:
            self._measure()  # the server's clock was set
        return written - self.ahead

    def _is_due(self, every: float = _EVERY) -> bool:
        monotonic = time.monotonic()
        if self._measured_at is None or monotonic - self._measured_at >= every:
            return True
        return abs(time.time() - monotonic - self._offset) > _SET

    def _measure(self) -> None:
        self._measured_at = time.monotonic()
        self._offset = time.time() - self._measured_at
        try:
            self.ahead = estimate(measure(self._folder), self.ahead)
        except OSError:  # it accepts no writes at present, so nothing new is dated
            pass
