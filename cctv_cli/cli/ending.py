"""Ends the process, even if a thread hangs on a disk."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import List

from cctv_cli.cli.output import flush
from cctv_cli.core.errors import StopIncomplete

PATIENCE = 3.0  # seconds to wait for threads that are about to end
_FLUSH = 2.0  # seconds to flush the log, which may be on the hung disk

log = logging.getLogger("cctv")


def leave(code: int) -> None:
    """Return if the interpreter can exit by itself: it waits for all non-daemon threads.

    Otherwise exit at once: with `code`, or with that of StopIncomplete if it is 0.
    """
    until = time.monotonic() + PATIENCE
    for thread in _awaited():
        thread.join(max(0.0, until - time.monotonic()))
    hung = _awaited()
    if not hung:
        return
    log.error("threads still hang on a disk; the process ends without them: %s", ", ".join(t.name for t in hung))
    flushing = threading.Thread(target=_flush, daemon=True)
    flushing.start()
    flushing.join(_FLUSH)
    os._exit(code or StopIncomplete.exit_code)


def _awaited() -> List[threading.Thread]:
    """The threads that the interpreter would wait for; on Python 3.8 those of executors are daemons."""
    from concurrent.futures import thread as executors  # imported here: `cctv --help` does not need it

    of_executors = set(getattr(executors, "_threads_queues", ()))
    return [
        thread
        for thread in threading.enumerate()
        if thread is not threading.main_thread() and (not thread.daemon or thread in of_executors)
    ]


def _flush() -> None:
    logging.shutdown()
    flush()
