"""Waiting for what another process does: bounded, and loud when it does not happen."""

from __future__ import annotations

import threading
import time
from typing import Callable, TypeVar

Found = TypeVar("Found")

_LOOK = 0.05  # seconds between looks


def wait_for(look: Callable[[], Found], timeout: float, what: str) -> Found:
    """The first true answer of `look`; AssertionError naming `what` after `timeout` seconds."""
    pause = threading.Event()
    end = time.monotonic() + timeout
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {timeout:.0f} s")
        pause.wait(_LOOK)
