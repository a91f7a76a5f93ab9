"""Who may be connected: at most so many clients, so that viewers and attackers leave recording its descriptors. Pure.

A client that is being answered keeps its place. One that waits without a complete request, or takes nothing of its
answer, gives its place to a new client when all are taken: an attacker who holds connections open pushes out their own.
"""

from __future__ import annotations

from typing import Callable, Dict, Optional, Protocol, Set

_DESCRIPTORS_BASE = 64  # of the process itself, with a margin for connections that are being closed
_DESCRIPTORS_CAMERA = 16  # a recorder has three open, and more for moments: while FFmpeg starts, while it commits
_DESCRIPTORS_CLIENT = 2  # the connection, and a file that is too large to be sent from memory
_LEAST = 8  # however few descriptors the system grants
_SHARE = 4  # one address gets one in so many places

_REQUEST_WITHIN = 10.0  # seconds for a TLS handshake and a request's head; also between two requests
_TAKES_WITHIN = 30.0  # seconds for which a client may take nothing of its answer


def most_places(descriptors: Optional[int], recordings: int, answers: int) -> int:
    """How many clients may be connected beside so many recorders.

    `descriptors` is the limit of open files (None: no limit), `answers` how many can be in memory at a time.
    """
    if descriptors is None:
        return answers
    left = descriptors - _DESCRIPTORS_BASE - _DESCRIPTORS_CAMERA * recordings
    return max(_LEAST, min(answers, left // _DESCRIPTORS_CLIENT))


class Client(Protocol):
    """A connection that takes a place. Instants are monotonic seconds."""

    waiting_since: Optional[float]  # None: a complete request is being answered
    stuck_since: Optional[float]  # None: it takes what it is sent

    @property
    def address(self) -> Optional[str]:
        """The address that it counts for; None: any number of clients may come from there."""

    def end(self) -> None:
        """Close the connection at once."""


class Places:
    """The places of all clients, and of each address. `most` is asked for each new client; `clock` is monotonic.

    Who has to leave is looked for when a place is needed, so that a request costs nothing here.
    """

    def __init__(self, most: Callable[[], int], clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._everyone: Set[Client] = set()
        self._by_address: Dict[str, Set[Client]] = {}

    def __len__(self) -> int:
        return len(self._everyone)

    def enter(self, client: Client) -> bool:
        """Give a new client a place, if need be that of another, which is ended. False: all are in use."""
        most = self._most()
        neighbours = set() if client.address is None else self._by_address.get(client.address, set())
        for clients, limit in ((neighbours, max(1, most // _SHARE)), (self._everyone, most)):
            while len(clients) >= limit:
                if not self._make_room(clients):
                    return False
        self._everyone.add(client)
        if client.address is not None:
            self._by_address.setdefault(client.address, set()).add(client)
        return True

    def make_room(self) -> None:
        """End the client that would give way to a new one, if there is one."""
        self._make_room(self._everyone)

    def leave(self, client: Client) -> None:
        """Free the place of a client; nothing if it has none."""
        self._everyone.discard(client)
        neighbours = self._by_address.get(client.address or "", set())
        neighbours.discard(client)
        if client.address is not None and not neighbours:
            self._by_address.pop(client.address, None)

    def end_overdue(self) -> None:
        """End the clients that have waited, or taken nothing, for too long."""
        now = self._clock()
        for client in list(self._everyone):
            if client.stuck_since is not None:
                is_overdue = now - client.stuck_since > _TAKES_WITHIN
            else:
                is_overdue = client.waiting_since is not None and now - client.waiting_since > _REQUEST_WITHIN
            if is_overdue:
                self._end(client)

    def _make_room(self, clients: Set[Client]) -> bool:
        stuck = [(client.stuck_since, id(client), client) for client in clients if client.stuck_since is not None]
        waiting = [
            (client.waiting_since, id(client), client)
            for client in clients
            if client.waiting_since is not None and client.stuck_since is None
        ]
        if not waiting and not stuck:
            return False
        self._end(min(waiting or stuck)[2])
        return True

    def _end(self, client: Client) -> None:
        self.leave(client)
        client.end()
