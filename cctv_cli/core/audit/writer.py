"""Writes the audit log of a server on a thread of its own, so that no request waits for a disk."""

from __future__ import annotations

import logging
import threading
from collections import deque
from pathlib import Path
from typing import Deque, Iterable, Optional

from cctv_cli.core.audit.counting import Media, Repeats, Views
from cctv_cli.core.audit.entries import LOST, Entry, Who
from cctv_cli.core.audit.log import AuditLog
from cctv_cli.core.clock import Clock
from cctv_cli.core.system import DaemonThread

_EVERY = 1.0  # seconds
_MOST_WAITING = 1000  # entries, while the disk refuses or hangs
_ENDS_WITHIN = 2.0  # seconds

log = logging.getLogger("cctv.audit")


class AuditWriter:
    """Takes what happens, from any thread and at once, and writes it every second.

    While the disk takes nothing, entries wait. What is beyond that is lost, which the log says once, and the audit log
    itself as soon as it can.
    """

    def __init__(self, storage: Path, clock: Clock) -> None:
        self._log = AuditLog(storage)
        self._clock = clock
        self._lock = threading.Lock()  # of all that follows
        self._repeats = Repeats()
        self._views = Views()
        self._waiting: Deque[Entry] = deque()
        self._lost = 0
        self._trouble = ""
        self._ended = threading.Event()
        self._thread: Optional[DaemonThread] = None

    def note(self, entry: Entry) -> None:
        """Write an entry, or count it if it is like others of the last minute."""
        with self._lock:
            self._queue(self._repeats.note(entry, self._clock.monotonic()))

    def watched(self, who: Who, media: Media, size: int) -> None:
        """Count an answer of so many bytes to a request for media."""
        with self._lock:
            self._views.note(who, media, size, self._clock.now(), self._clock.monotonic())

    def start(self) -> None:
        """Begin to write. Raises RuntimeError if the system gives no thread."""
        self._thread = DaemonThread(self._work, "audit")
        self._thread.start()

    def end(self) -> None:
        """Write what is left, which takes two seconds at most."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(_ENDS_WITHIN)

    def _work(self) -> None:
        while not self._ended.wait(_EVERY):
            self._write(ends=False)
        self._write(ends=True)

    def _write(self, *, ends: bool) -> None:
        with self._lock:
            self._queue(self._repeats.due(self._clock.monotonic(), all_=ends))
            self._queue(self._views.due(self._clock.monotonic(), all_=ends))
        try:
            while self._waiting:
                self._log.append(self._waiting[0])
                with self._lock:
                    self._waiting.popleft()
                    self._tell_lost()
            self._trouble = ""
        except OSError as error:
            self._tell(f"the audit log cannot be written ({error.strerror or error}); check the disk of the storage")

    def _queue(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if len(self._waiting) < _MOST_WAITING:
                self._waiting.append(entry)
                continue
            if not self._lost:
                log.error("entries of the audit log are lost, because its disk takes none")
            self._lost += 1

    def _tell_lost(self) -> None:
        if self._lost:
            self._waiting.append(Entry(self._clock.now(), LOST, count=self._lost))
            self._lost = 0

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.error("%s", trouble)
        self._trouble = trouble
