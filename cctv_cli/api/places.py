"""Who may be connected: at most so many clients, so that viewers and attackers leave recording its descriptors. Pure.

A client that is being answered keeps its place. One that waits without a complete request, or takes nothing of its
answer, gives its place to a new client when all are taken: an attacker who holds connections open pushes out their own.
"""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Protocol, Tuple

_DESCRIPTORS_BASE = 64  # of the process itself, with a margin for connections that are being closed
_DESCRIPTORS_CAMERA = 16  # a recorder has three open, and more for moments: while FFmpeg starts, while it commits
_DESCRIPTORS_CLIENT = 2  # the connection, and a file that is too large to be sent from memory
_MOST = 1024  # with what each may have in flight (`media`), they fill the largest media cache
_LEAST = 8  # however few descriptors the system grants
_SHARE = 4  # one address gets one in so many places

_REQUEST_WITHIN = 10.0  # seconds for a TLS handshake and a request's head; also between two requests
_TAKES_WITHIN = 30.0  # seconds for which a client may take nothing of its answer


def most_places(descriptors: Optional[int], recordings: int) -> int:
    """How many clients may be connected, beside so many recorders, with this limit of open files (None: no limit)."""
    if descriptors is None:
        return _MOST
    left = descriptors - _DESCRIPTORS_BASE - _DESCRIPTORS_CAMERA * recordings
    return min(_MOST, max(_LEAST, left // _DESCRIPTORS_CLIENT))


class Client(Protocol):
    """A connection that takes a place."""

    @property
    def address(self) -> Optional[str]:
        """The address that it counts for; None: any number of clients may come from there."""

    def end(self) -> None:
        """Close the connection at once."""


class _Group:
    """Clients that share a limit. Those that wait, and those that take nothing, are in the order since when."""

    def __init__(self) -> None:
        self.size = 0
        self.waiting: Dict[Client, float] = {}  # monotonic seconds
        self.stuck: Dict[Client, float] = {}

    def give_way(self) -> Optional[Client]:
        """Who has to leave for a new client."""
        return next(iter(self.waiting), None) or next(iter(self.stuck), None)


class Places:
    """The places of all clients, and of each address. `most` is asked for each new client; `clock` is monotonic."""

    def __init__(self, most: Callable[[], int], clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._everyone = _Group()
        self._by_address: Dict[str, _Group] = {}
        self._groups: Dict[Client, Tuple[_Group, ...]] = {}

    def __len__(self) -> int:
        return self._everyone.size

    def enter(self, client: Client) -> bool:
        """Give a new client a place, if need be that of another, which is ended. False: all are in use."""
        most = self._most()
        known = None if client.address is None else self._by_address.get(client.address)
        own = known or _Group()
        for group, limit in ((own, max(1, most // _SHARE)), (self._everyone, most)):
            while group.size >= limit:
                leaves = group.give_way()
                if leaves is None:
                    return False
                self._end(leaves)
        if client.address is not None:
            self._by_address[client.address] = own
        self._groups[client] = (own, self._everyone)
        own.size += 1
        self._everyone.size += 1
        self.waits(client)
        return True

    def make_room(self) -> None:
        """End the client that would give way to a new one, if there is one."""
        leaves = self._everyone.give_way()
        if leaves is not None:
            self._end(leaves)

    def leave(self, client: Client) -> None:
        """Free the place of a client; nothing if it has none."""
        for group in self._groups.pop(client, ()):
            group.waiting.pop(client, None)
            group.stuck.pop(client, None)
            group.size -= 1
            if client.address is not None and not group.size:
                self._by_address.pop(client.address, None)

    def waits(self, client: Client) -> None:
        """The client has no request in progress from now on."""
        now = self._clock()
        for group in self._groups.get(client, ()):
            group.stuck.pop(client, None)
            group.waiting[client] = now

    def sticks(self, client: Client) -> None:
        """The client takes nothing from now on."""
        now = self._clock()
        for group in self._groups.get(client, ()):
            group.waiting.pop(client, None)
            group.stuck[client] = now

    def works(self, client: Client) -> None:
        """The client is being answered."""
        for group in self._groups.get(client, ()):
            group.waiting.pop(client, None)
            group.stuck.pop(client, None)

    def end_overdue(self) -> None:
        """End the clients that have waited, or taken nothing, for too long."""
        now, overdue = self._clock(), []
        for since, limit in ((self._everyone.waiting, _REQUEST_WITHIN), (self._everyone.stuck, _TAKES_WITHIN)):
            overdue += _before(since, now - limit)
        for client in overdue:
            self._end(client)

    def _end(self, client: Client) -> None:
        self.leave(client)
        client.end()


def _before(since: Dict[Client, float], instant: float) -> List[Client]:
    found = []
    for client, began in since.items():  # in this order
        if began > instant:
            break
        found.append(client)
    return found
