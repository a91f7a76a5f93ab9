"""Signals: the handlers record a request, and the main loop acts on it.

SIGTERM and SIGINT end all recording, SIGUSR1 leaves FFmpeg running for the next supervisor, SIGHUP reads the
configuration again. On Windows there are only SIGINT and SIGBREAK.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Optional

from cctv_cli.core.system import END_SIGNALS, LEAVE_SIGNAL, RELOAD_SIGNAL


class Signals:
    """What signals have requested of this process."""

    def __init__(self) -> None:
        self.ended = False
        self.leave_running = False
        self._reload = False
        self._arrived: SimpleQueue[None] = SimpleQueue()  # unlike an event, a handler may use it while its thread waits

    def install(self) -> None:
        """Install the handlers. Call from the main thread."""
        for number in END_SIGNALS:
            signal.signal(number, self._end)
        if LEAVE_SIGNAL is not None:
            signal.signal(LEAVE_SIGNAL, self._leave)
        if RELOAD_SIGNAL is not None:
            signal.signal(RELOAD_SIGNAL, self._request_reload)

    def wait(self, seconds: float) -> None:
        """Wait until a signal arrives, at most so many seconds."""
        with suppress(Empty):
            self._arrived.get(timeout=seconds)

    def take_reload(self) -> bool:
        """Whether a reload was requested since the last call."""
        requested, self._reload = self._reload, False
        return requested

    def _end(self, number: int, frame: Optional[FrameType]) -> None:
        self.ended = True
        self._arrived.put(None)

    def _leave(self, number: int, frame: Optional[FrameType]) -> None:
        self.ended = self.leave_running = True
        self._arrived.put(None)

    def _request_reload(self, number: int, frame: Optional[FrameType]) -> None:
        self._reload = True
        self._arrived.put(None)
