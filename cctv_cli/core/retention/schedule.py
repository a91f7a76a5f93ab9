"""When `cctv serve` and `cctv record` clean up: at intervals, and at once when a disk runs short of space."""

from __future__ import annotations

import logging
import threading
from typing import Callable, Optional, Sequence, Set

from cctv_cli.core.clock import Clock
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.errors import CctvError, CleanupRuns
from cctv_cli.core.retention.cleaner import Cleaner, Cleanup
from cctv_cli.core.retention.inventory import Disk
from cctv_cli.core.retention.plan import RESCUE
from cctv_cli.core.retention.report import summary
from cctv_cli.core.system import DaemonThread

log = logging.getLogger("cctv.cleanup")

END_LIMIT = 10.0  # seconds: an hour of recordings is deleted in less
_LOOK = 30.0  # seconds between polls of the free space
_FIRST = 60.0  # seconds after the start: recorders come first
_AGAIN = 300.0  # seconds between cleanups for free space, unless less than the rescue is left


class CleanupSchedule:
    """A thread that cleans up until it is stopped. `settings` and `cleaner` return the current ones.

    With `cameras` it cleans up these alone, by their own limits, and does not watch the free space.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        cleaner: Callable[[], Cleaner],
        clock: Clock,
        cameras: Sequence[str] = (),
    ) -> None:
        self._settings = settings
        self._cleaner = cleaner
        self._clock = clock
        self._cameras = cameras
        self._ended = threading.Event()
        self._due = clock.monotonic() + _FIRST
        self._ran: Optional[float] = None  # monotonic
        self._logged: Set[str] = set()
        self._thread = DaemonThread(self._work, "cleanup")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def ask_to_end(self) -> None:
        """Ask the thread to end; a running cleanup stops after the current hour."""
        self._ended.set()

    def join(self) -> None:
        """Wait at most END_LIMIT seconds for the thread that was asked to end."""
        self._thread.join(END_LIMIT)
        if self._thread.is_alive():
            log.error("the cleanup still hangs on a disk, and cctv ends without it; the next cleanup continues it")

    def _work(self) -> None:
        while not self._ended.wait(_LOOK):
            self.look()

    def look(self) -> bool:
        """Clean up if it is time; returns whether it was. Errors are logged, and the next poll tries again."""
        try:
            if not self._is_time():
                return False
            self._run()
        except CleanupRuns as error:
            log.info("%s", error)
        except (CctvError, OSError) as error:
            self._log_new({str(error)})
        except Exception:
            log.exception("unexpected error in a cleanup")
        return True

    def _is_time(self) -> bool:
        monotonic = self._clock.monotonic()
        return monotonic >= self._due or (not self._cameras and self._is_short(monotonic))

    def _is_short(self, monotonic: float) -> bool:
        lately = self._ran is not None and monotonic < self._ran + _AGAIN
        return any(self._lacks(disk, lately) for disk in self._cleaner().disks().values())

    def _lacks(self, disk: Disk, lately: bool) -> bool:
        least = self._settings().min_free.of(disk.total)
        return disk.free < (min(least, RESCUE.of(disk.total)) if lately else least)

    def _run(self) -> None:
        self._ran = self._clock.monotonic()
        self._due = self._ran + self._settings().cleanup_interval
        done = self._cleaner().run(cameras=self._cameras, ended=self._ended.is_set)
        if done.done.files:
            log.info("%s", summary(done))
        self._log_new(_complaints(done))

    def _log_new(self, complaints: Set[str]) -> None:
        """Log complaints that are new; one that ended and comes back is new."""
        for complaint in sorted(complaints - self._logged):
            log.warning("cleanup: %s", complaint)
        self._logged = complaints


def _complaints(done: Cleanup) -> Set[str]:
    try:
        done.raise_troubles()
    except CctvError as error:
        return {*str(error).splitlines(), *done.plan.notes}
    return set(done.plan.notes)
