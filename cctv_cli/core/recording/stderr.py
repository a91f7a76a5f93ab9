"""FFmpeg's standard error in one run: written to the log; the latest lines are kept for diagnosis.

A camera may redirect FFmpeg to any host, and FFmpeg has no option against it. Its message comes before it connects
there, so it is killed at once.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Callable, Deque, List, Optional, Tuple

from cctv_cli.core.clock import Clock
from cctv_cli.core.config.settings import RtspSource, Source
from cctv_cli.core.ffmpeg.diagnosis import Diagnosis, diagnose, is_chatter, redact, redirected
from cctv_cli.core.ffmpeg.process import Process
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
        self._process: Optional[Process] = None
        self._redirected: Optional[Diagnosis] = None

    def guard(self, process: Process) -> None:
        """Kill the process that writes it as soon as the camera redirects it."""
        self._process = process
        if self._redirected is not None:
            process.kill()

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

    def why_ended(self, exit_code: Optional[int]) -> Diagnosis:
        """Why FFmpeg has ended; `exit_code` is None if unknown."""
        return self._redirected or diagnose(self.recent_lines(), exit_code)

    def on_line(self, line: str) -> None:
        """Handle a line that FFmpeg wrote."""
        found = redirected(line)
        if found is not None:
            self._redirected = found
            if self._process is not None:
                self._process.kill()
        elif is_chatter(line):
            return
        line = redact(line if found is None else found.reason, self._source)
        self._lines.append((self._clock.monotonic(), line))
        self._log.write(line, self._clock.now())

    def on_closed(self) -> None:
        """Handle the end of the stream."""
        self._read.set()
        self._closed.set()
        self._wake()
