"""Ends answers whose token or link is revoked, or expires, while they are being sent."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Set

from cctv_cli.api.connection import Connection
from cctv_cli.core.access.admission import grant_of
from cctv_cli.core.access.known import Known
from cctv_cli.core.clock import Clock
from cctv_cli.core.units import Secret

_EVERY = 1.0  # seconds; `Known` reads the tokens as often

log = logging.getLogger("cctv.access")


@dataclass(eq=False, frozen=True)
class Running:
    """An answer that is being sent, and the token or link that let it in."""

    secret: Secret
    connection: Connection


class RunningAnswers:
    """The answers that tokens and links let in. Must be used from one event loop."""

    def __init__(self, known: Known, clock: Clock) -> None:
        self._known = known
        self._clock = clock
        self._running: Set[Running] = set()

    def begin(self, secret: Secret, connection: Connection) -> Running:
        """Note that an answer begins; the caller must `end` it."""
        running = Running(secret, connection)
        self._running.add(running)
        return running

    def end(self, running: Running) -> None:
        """Note that an answer has ended."""
        self._running.discard(running)

    async def watch(self) -> None:
        """Cut every second what is no longer allowed, for ever."""
        while True:
            await asyncio.sleep(_EVERY)
            now = self._clock.now()
            for secret in {each.secret for each in self._running}:
                if grant_of(secret, self._known.keys, now) is None:
                    self._cut(secret)

    def _cut(self, secret: Secret) -> None:
        for running in [each for each in self._running if each.secret == secret]:
            log.info("an answer was cut: its token or link was revoked or has expired")
            self.end(running)
            running.connection.end()
