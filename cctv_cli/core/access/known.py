"""What a server knows of tokens and links: read every second, so that no request waits for a disk."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Optional, Tuple

from cctv_cli.core.access.admission import Keys
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.disk_threads import DiskThreads
from cctv_cli.core.errors import TokenError
from cctv_cli.core.system import DaemonThread

_EVERY = 1.0  # seconds; a token that is revoked must not work for long

log = logging.getLogger("cctv.access")


class Known:
    """The tokens and the key of links as they were read last. While they cannot be read, they stay as they are."""

    def __init__(self, storage: Path) -> None:
        self.keys = Keys()
        self.proxy_seen: Optional[float] = None  # the instant at which a proxy on this machine was seen first
        self._storage = storage
        self._store = AccessStore(storage)
        self._disks = DiskThreads()
        self._noted: Optional[float] = None  # a proxy that is not saved yet
        self._trouble = ""
        self._ended = threading.Event()
        self._follow: Optional[DaemonThread] = None

    def read(self) -> None:
        """Read what has changed; takes a few seconds at most. What goes wrong is logged once."""
        try:
            self.keys, self.proxy_seen = self._disks.ask(self._storage, "access", self._files)
            self._trouble = ""
        except TokenError as error:
            self.keys = Keys()
            self._tell(str(error))
        except OSError as error:
            self._tell(f"the tokens cannot be read, so changes have no effect ({error.strerror or error})")

    def follow(self) -> None:
        """Read again every second, on a thread of its own. Raises RuntimeError if the system gives no thread."""
        self._follow = DaemonThread(self._read_again, "access")
        self._follow.start()

    def end(self) -> None:
        """Stop reading."""
        self._ended.set()

    def _read_again(self) -> None:
        while not self._ended.wait(_EVERY):
            self.read()

    def note_proxy(self, now: float) -> None:
        """Remember, also across restarts, that a proxy on this machine passes requests on."""
        if self.proxy_seen is None:
            self.proxy_seen = self._noted = now

    def _files(self) -> Tuple[Keys, Optional[float]]:
        if self._noted is not None:
            self._store.note_proxy(self._noted)
            self._noted = None
        return Keys(self._store.tokens(), self._store.link_key()), self._store.proxy_seen()

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.error("%s", trouble)
        self._trouble = trouble
