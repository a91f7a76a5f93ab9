"""The real `cctv`, but for a recording's length and the cache: python -m tests.faults.serve SECONDS serve --port 8000

A fault has to meet many commits in little time, so recordings are cut every few seconds; 60 is the product's length.
The cache of media is small, and so is full at once: what the server's memory grows by later is something else.
With DIE_AT=N in the environment, the process kills itself right before the N-th change of a commit to the disk; with
ROTATE_AFTER=N it replaces each FFmpeg after N seconds.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from functools import partial
from typing import Any, Callable

from cctv_cli.api import app as api
from cctv_cli.cli import app
from cctv_cli.core import runtime
from cctv_cli.core.recording import tools
from cctv_cli.core.storage import commit

DIE_AT = "CCTV_FAULTS_DIE_AT"
ROTATE_AFTER = "CCTV_FAULTS_ROTATE_AFTER"
_CACHE = 8 << 20  # bytes
_CHANGES = ("fsync", "rename", "replace", "unlink", "remove")  # of `os`


def main() -> None:
    """Run a command of cctv whose recordings have the length of the first argument."""
    seconds = int(sys.argv.pop(1))
    api._CACHE_BYTES = _CACHE
    rotate_after = float(os.environ.get(ROTATE_AFTER) or tools.ROTATE_AFTER)
    runtime.Tools = partial(  # type: ignore[assignment,misc]
        runtime.Tools, recording_seconds=seconds, rotate_after=rotate_after
    )
    if DIE_AT in os.environ:
        _die_at(int(os.environ[DIE_AT]))
    app.main()


def _die_at(step: int) -> None:
    committing = threading.local()
    seen = []

    def in_commit(real: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        committing.now = True
        try:
            return real(*arguments, **options)
        finally:
            committing.now = False

    def counted(real: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if getattr(committing, "now", False):
            seen.append(real)
            if len(seen) == step:
                os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)

    real_commit = commit.RecordingStore.commit
    commit.RecordingStore.commit = lambda *given, **options: in_commit(real_commit, *given, **options)  # type: ignore[method-assign]
    for name in _CHANGES:
        setattr(os, name, partial(counted, getattr(os, name)))


if __name__ == "__main__":
    main()
