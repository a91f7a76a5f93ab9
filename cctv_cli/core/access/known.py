"""What a server knows of tokens and links: read every second, so that no request waits for a disk."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Callable, Dict, Optional, Tuple

from cctv_cli.core.access.admission import Keys
from cctv_cli.core.access.exposure import Configured, control, holders, rules_of, viewing
from cctv_cli.core.access.policy import Access, Rules
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.access.tokens import InClear
from cctv_cli.core.clock import Clock
from cctv_cli.core.disk_threads import DiskThreads
from cctv_cli.core.errors import TokenError
from cctv_cli.core.system import DaemonThread

_WARNED_AGAIN = 3600.0  # seconds
_MOST_WARNED = 1000  # names
_EVERY = 1.0  # seconds; a token that is revoked must not work for long

log = logging.getLogger("cctv.access")


class Known:
    """The tokens and the key of links as they were read last. While they cannot be read, they stay as they are.

    Who may do what is logged at the first reading, and whenever it changes.
    """

    def __init__(self, storage: Path, configured: Callable[[], Configured], clock: Clock) -> None:
        self.keys = Keys()
        self.proxy_seen: Optional[float] = None  # the instant at which a proxy on this machine was seen first
        self._storage = storage
        self._configured = configured
        self._clock = clock
        self._told: Tuple[str, ...] = ()
        self._store = AccessStore(storage)
        self._disks = DiskThreads()
        self._noted: Optional[float] = None  # a proxy that is not saved yet
        self._in_clear: Optional[InClear] = None  # a token that is not saved yet
        self._warned: Dict[str, float] = {}  # the holders who were warned of, and when, on the monotonic clock
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
        self._tell_who_may()

    def rules(self) -> Rules:
        """The rules for requests without a token."""
        return rules_of(self._configured(), self.keys.tokens, self.proxy_seen)

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

    def note_in_clear(self, name: str, client: str) -> None:
        """Warn that a token or link of this name came from another machine without TLS; once an hour for each."""
        now = self._clock.monotonic()
        if now - self._warned.get(name, -_WARNED_AGAIN) < _WARNED_AGAIN:
            return
        if len(self._warned) >= _MOST_WARNED:
            self._warned.clear()
        self._warned[name] = now
        is_token = any(each.name == name for each in self.keys.tokens or ())
        if is_token:
            self._in_clear = InClear(name, self._clock.now())
        log.warning(
            "%s came from %s without TLS, so others on the way can read it; use https, with a proxy that sends "
            "X-Forwarded-Proto",
            f"the token {name}" if is_token else f"a {name}",
            client,
        )

    def _files(self) -> Tuple[Keys, Optional[float]]:
        if self._noted is not None:
            self._store.note_proxy(self._noted)
            self._noted = None
        if self._in_clear is not None:
            self._store.note_in_clear(self._in_clear)
            self._in_clear = None
        return Keys(self._store.tokens(), self._store.link_key()), self._store.proxy_seen()

    def _tell_who_may(self) -> None:
        configured, tokens = self._configured(), self.keys.tokens
        told = (
            viewing(configured),
            control(configured, tokens, self.proxy_seen),
            holders(tokens, self._clock.now()),
        )
        is_open = Access(configured.access) is Access.OPEN
        for level, sentence in zip((logging.WARNING if is_open else logging.INFO, logging.INFO, logging.INFO), told):
            if sentence not in self._told:
                log.log(level, "%s", sentence)
        self._told = told

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.error("%s", trouble)
        self._trouble = trouble
