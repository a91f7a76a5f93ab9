"""Signals: handlers record what was asked, the main loop acts.

SIGTERM and SIGINT stop the recorders, SIGUSR1 leaves them to the next supervisor, SIGHUP reads the
configuration again. Windows knows SIGINT and SIGBREAK alone.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Optional


class Signals:
    """What signals have asked of this process."""

    def __init__(self) -> None:
        self.ended = False
        self.leave_running = False
        self._reload = False

    def install(self) -> None:
        """Take over the handlers. Call from the main thread."""
        signal.signal(signal.SIGINT, self._end)
        if sys.platform == "win32":
            signal.signal(signal.SIGBREAK, self._end)
            return
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGUSR1, self._leave)
        signal.signal(signal.SIGHUP, self._ask_reload)

    def take_reload(self) -> bool:
        """Whether a reload was asked since the last call."""
        asked, self._reload = self._reload, False
        return asked

    def _end(self, number: int, frame: Optional[FrameType]) -> None:
        self.ended = True

    def _leave(self, number: int, frame: Optional[FrameType]) -> None:
        self.ended = self.leave_running = True

    def _ask_reload(self, number: int, frame: Optional[FrameType]) -> None:
        self._reload = True
