"""Writes `ffmpeg.log`: the lines of FFmpeg's standard error, each with the time, of bounded size."""

from __future__ import annotations

import os
from pathlib import Path

from cctv_cli.core import files
from cctv_cli.core.clock import format_instant
from cctv_cli.core.units import printable

_BYTES = 1_000_000
_LINES_A_MINUTE = 200


class BoundedLog:
    """Writes lines to a file of about 1 MB, with one older file (`ffmpeg.log.1`) beside it.

    Repetitions of the last line, and lines beyond 200 a minute, are counted instead of written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = ""
        self._unwritten = 0
        self._minute = 0.0
        self._in_minute = 0

    def write(self, line: str, now: float) -> None:
        """Log one line at the instant `now`. If it cannot be written, only this line is lost."""
        if not 0 <= now - self._minute < 60:
            self._minute, self._in_minute = now, 0
            self._last = ""  # a line that repeats for hours is written once a minute
        self._in_minute += 1
        if line == self._last or self._in_minute > _LINES_A_MINUTE:
            self._unwritten += 1
            return
        lines = [f"({self._unwritten} more lines)", line] if self._unwritten else [line]
        self._last, self._unwritten = line, 0
        stamp = format_instant(now, None)
        self._append("".join(f"{stamp} {printable(text)}\n" for text in lines))

    def _append(self, text: str) -> None:
        try:
            with files.open_to_append(self._path) as file:
                file.write(text.encode("utf-8", "replace"))
                size = file.tell()
            if size > _BYTES:
                os.replace(self._path, self._path.with_name(self._path.name + ".1"))
        except OSError:
            pass
