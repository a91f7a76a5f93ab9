"""Things that may be in the place of a file, and calls that must not hang on them."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path
from typing import Callable, Dict, List, TypeVar

import pytest

from tests.support.waiting import HANG

Answer = TypeVar("Answer")

OUTSIDE = b"nobody may read this"


def _link(path: Path) -> None:
    outside = path.with_name(f"{path.name}.outside")
    outside.write_bytes(OUTSIDE)
    path.symlink_to(outside)


def _device(path: Path) -> None:
    """A device like /dev/zero, which can be read endlessly."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root can make devices")


_KINDS: Dict[str, Callable[[Path], None]] = {
    "fifo": lambda path: os.mkfifo(path),
    "link": _link,
    "folder": lambda path: path.mkdir(),
    "device": _device,
}

odd_files = pytest.mark.parametrize("kind", list(_KINDS))
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither FIFOs in folders nor devices")


def put(kind: str, path: Path) -> None:
    """Put something odd at a path, in place of any file there."""
    if path.exists():
        path.unlink()
    _KINDS[kind](path)


def bounded(call: Callable[[], Answer]) -> Answer:
    """What a call returns or raises; AssertionError if it hangs."""
    answers: List[Answer] = []
    errors: List[BaseException] = []

    def run() -> None:
        try:
            answers.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(HANG)  # a call that waits for the other end of a FIFO waits forever
    assert not thread.is_alive(), "it hangs"
    if errors:
        raise errors[0]
    return answers[0]
