"""A disk that hangs: a thread that accesses a file on it really waits.

The time limit of this disk expires as soon as a thread hangs on it, that of other disks never. So no test waits
for seconds or depends on the speed of the machine.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Callable, List, Set

import pytest

from cctv_cli.core import disk_threads

_SOON = 0.05  # seconds after which callers check whether it hangs
_PATIENCE = 60.0  # seconds after which a thread continues, even if a test forgets to release it


class HungDisk:
    """The disk mounted at `place`; it answers while `proceed` is set."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = place
        self.proceed = threading.Event()
        self.threads: Set[str] = set()
        monkeypatch.setattr(disk_threads._Queue, "_left", self._left)
        monkeypatch.setattr(disk_threads, "mount_points", lambda: ("/", str(place)))
        for name in ("open", "stat", "lstat", "scandir", "listdir", "mkdir"):
            self._hold(os, name, monkeypatch)
        self._hold(Path, "open", monkeypatch)
        self._hold(Path, "read_text", monkeypatch)
        self._hold(Path, "stat", monkeypatch)

    def _hold(self, owner: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        real = getattr(owner, name)

        def held(path: Any = ".", *args: Any, **options: Any) -> Any:
            self.touch(path)
            return real(path, *args, **options)

        monkeypatch.setattr(owner, name, held)

    def touch(self, path: Any) -> None:
        """Wait while the disk hangs, if this path is on it."""
        if self.proceed.is_set() or not isinstance(path, (str, Path)) or not self._has(Path(path)):
            return
        self.threads.add(threading.current_thread().name)
        self.proceed.wait(_PATIENCE)

    def _has(self, path: Path) -> bool:
        return path == self.place or self.place in path.parents

    @property
    def _left(self) -> Callable[[disk_threads._Queue], float]:
        """Replaces `_Queue._left`: the seconds left for the call in progress."""
        return lambda queue: queue._limit if queue._disk != str(self.place) else 0.0 if self._hangs() else _SOON

    def _hangs(self) -> bool:
        return bool(self.threads) and not self.proceed.is_set()

    def hanging(self) -> List[str]:
        """The threads that hang on it, or did."""
        return sorted(self.threads)
