"""Runs reloads of the configuration one after the other, each for a limited time."""

from __future__ import annotations

import logging
import threading
from typing import Callable, List, Optional

from cctv_cli.core.errors import CctvError
from cctv_cli.core.recording.reload import RELOAD_LIMIT, Reloaded
from cctv_cli.core.system import DaemonThread

log = logging.getLogger("cctv.runtime")


class ReloadOnce:
    """Calls `reload`, on a thread of its own because it may hang on a disk, and says what it did."""

    def __init__(self, reload: Callable[[], Reloaded]) -> None:
        self._reload = reload
        self._running: Optional[threading.Thread] = None
        self._lock = threading.Lock()  # so that a signal's and a file's request are obeyed one after the other

    def run(self) -> Reloaded:
        """Raises nothing: errors are logged. Takes at most RELOAD_LIMIT seconds, twice that after another reload."""
        with self._lock:
            return self._in_time()

    def _in_time(self) -> Reloaded:
        if self._running is not None and self._running.is_alive():
            return _failed("the previous reload still hangs on a disk; restart cctv to use the changed configuration")
        outcomes: List[Reloaded] = []
        self._running = DaemonThread(lambda: outcomes.append(self._or_failed()), "reload")
        try:
            self._running.start()
        except RuntimeError as error:
            return _failed(f"the configuration is not reloaded: {error}; raise the limits of cctv, or free memory")
        self._running.join(RELOAD_LIMIT)
        if self._running.is_alive():
            return _failed("the reload hangs on a disk and continues once the disk answers")
        return outcomes[0]

    def _or_failed(self) -> Reloaded:
        try:
            return self._reload()
        except CctvError as error:
            return _failed(*(f"the configuration is unchanged: {problem}" for problem in str(error).splitlines()))
        except Exception:  # a bug must not end recording
            log.exception("unexpected error in a reload")
            return Reloaded(problems=("unexpected error in a reload; see the log of cctv",))


def _failed(*problems: str) -> Reloaded:
    for problem in problems:
        log.error("%s", problem)
    return Reloaded(problems=problems)
