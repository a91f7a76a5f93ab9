"""What Windows does otherwise than POSIX systems: the only module that asks which system this is.

Every function here works on both; where Windows has no twin, it says so.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, Optional, Tuple


class Fifo(NamedTuple):
    """A FIFO that is open at both ends, as two descriptors."""

    reader: int
    writer: int


if sys.platform == "win32":
    END_SIGNALS: Tuple[int, ...] = (signal.SIGINT, signal.SIGBREAK)
    LEAVE_SIGNAL: Optional[int] = None  # there is none: a process that is left behind was killed
    RELOAD_SIGNAL: Optional[int] = None

    CREATION_FLAGS = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    NEW_SESSION = False

    def sync_folder(folder: Path) -> None:
        """Nothing: a folder cannot be opened, and NTFS journals renames itself."""

    def make_fifo(path: Path) -> Optional[Fifo]:
        """None: a pipe has to do."""
        return None

    def open_fifo(path: Path) -> Optional[int]:
        """None: there are none."""
        return None

else:
    END_SIGNALS = (signal.SIGINT, signal.SIGTERM)
    LEAVE_SIGNAL = signal.SIGUSR1
    RELOAD_SIGNAL = signal.SIGHUP

    CREATION_FLAGS = 0
    NEW_SESSION = True

    def sync_folder(folder: Path) -> None:
        """Make renames in a folder last over a power cut. Raises OSError."""
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def make_fifo(path: Path) -> Optional[Fifo]:
        """Make and open a FIFO; None where there are none (some network and USB file systems). Raises OSError."""
        try:
            os.mkfifo(path, 0o600)
        except OSError:
            return None
        # both ways and without blocking: who writes is its own reader and never waits for one
        writer = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        return Fifo(os.open(path, os.O_RDONLY), writer)

    def open_fifo(path: Path) -> Optional[int]:
        """Open a FIFO that somebody writes to, for reading; None when there is none. Raises OSError."""
        if not path.is_fifo():
            return None
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(reader, True)
        return reader
