"""FFmpeg's standard error in one run: written to the log; the latest lines are kept for diagnosis."""

from __future__ import annotations

import threading
from collections import deque
from typing import Callable, Deque, List, Tuple

from cctv_cli.core.clock import Clock
from cctv_cli.core.config.settings import RtspSource, Source
from cctv_cli.core.ffmpeg.diagnosis import redact
from cctv_cli.core.ffmpeg.stderr_log import BoundedLog

_LINES = 50
_REST = 2.0  # seconds; on a busy machine the reading thread may be late
RECENT = 15.0  # seconds for which a message of FFmpeg counts as an explanation


class Stderr:
    """The standard error of one run, read on its own thread. Passwords are removed from its lines."""

    def __init__(self, log: BoundedLog, clock: Clock, source: Source, wake: Callable[[], None]) -> None:
        self._log = log
        self._clock = clock
        self._source = source if isinstance(source, RtspSource) else None
        self._wake = wake
        self._lines: Deque[Tuple[float, str]] = deque(maxlen=_LINES)  # with their monotonic times
        self._closed = threading.Event()
        self._read = threading.Event()  # to its end

    def was_closed(self) -> bool:
        """Whether FFmpeg has closed it since the last call: FFmpeg is probably exiting."""
        closed = self._closed.is_set()
        self._closed.clear()
        return closed

    def wait_until_read(self) -> None:
        """Wait for a moment until all is read that FFmpeg wrote before it ended."""
        self._read.wait(_REST)

    def recent_lines(self, within: float = RECENT) -> List[str]:
        """The lines of the last `within` seconds."""
        now = self._clock.monotonic()
        return [line for at, line in list(self._lines) if now - at <= within]

    def on_line(self, line: str) -> None:
        """Handle a line that FFmpeg wrote."""
        line = redact(line, self._source)
        self._lines.append((self._clock.monotonic(), line))
        self._log.write(line, self._clock.now())

    def on_closed(self) -> None:
        """Handle the end of the stream."""
        self._read.set()
        self._closed.set()
        self._wake()
