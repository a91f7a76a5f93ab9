"""The end of the process, which no thread may prevent that hangs on a disk."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import List

from cctv_cli.core.errors import StopIncomplete

PATIENCE = 3.0  # seconds for threads that are about to end
_FLUSH = 2.0  # seconds for the log, which may lie on the disk that hangs

log = logging.getLogger("cctv")


def leave(code: int) -> None:
    """Return if the interpreter can end by itself, which waits for all threads that are not daemons.

    Else end at once: with `code`, or with that of StopIncomplete where it is 0.
    """
    until = time.monotonic() + PATIENCE
    for thread in _awaited():
        thread.join(max(0.0, until - time.monotonic()))
    hung = _awaited()
    if not hung:
        return
    log.error("threads still hang on a disk, and the process ends without them: %s", ", ".join(t.name for t in hung))
    flush = threading.Thread(target=_flush, daemon=True)
    flush.start()
    flush.join(_FLUSH)
    os._exit(code or StopIncomplete.exit_code)


def _awaited() -> List[threading.Thread]:
    """The threads that the interpreter would wait for; those of executors are daemons on Python 3.8."""
    from concurrent.futures import thread as executors  # here: `cctv --help` needs none

    of_executors = set(getattr(executors, "_threads_queues", ()))
    return [
        thread
        for thread in threading.enumerate()
        if thread is not threading.main_thread() and (not thread.daemon or thread in of_executors)
    ]


def _flush() -> None:
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
