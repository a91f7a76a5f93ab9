"""Ends answers whose token or link is revoked, or expires, while they are being sent."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Callable, Set, Tuple

from cctv_cli.core.access.admission import grant_of
from cctv_cli.core.access.known import Known
from cctv_cli.core.clock import Clock
from cctv_cli.core.units import Secret

Client = Tuple[str, int]  # address and port: the other end of one connection

_EVERY = 1.0  # seconds; `Known` reads the tokens as often

log = logging.getLogger("cctv.access")


@dataclass(eq=False, frozen=True)
class Running:
    """An answer that is being sent to a client, and the token or link that let it in."""

    secret: Secret
    client: Client


class RunningAnswers:
    """The answers that tokens and links let in. `cut` ends the connection of a client at once.

    Must be used from one event loop.
    """

    def __init__(self, known: Known, clock: Clock, cut: Callable[[Client], None]) -> None:
        self._known = known
        self._clock = clock
        self._cut = cut
        self._running: Set[Running] = set()

    def begin(self, secret: Secret, client: Client) -> Running:
        """Note that an answer begins; the caller must `end` it."""
        running = Running(secret, client)
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
                    self._cut_all(secret)

    def _cut_all(self, secret: Secret) -> None:
        for running in [each for each in self._running if each.secret == secret]:
            log.info("an answer to %s was cut: its token or link was revoked or has expired", running.client[0])
            self.end(running)
            self._cut(running.client)
