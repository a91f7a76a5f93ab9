"""One client's connection, between the transport and uvicorn's parser: counts what arrives, and says what it waits for.

The parser gets a request's head only when it is complete, and none that is too large: a parser takes seconds for
megabytes of headers, and keeps a list of millions.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Callable, Optional, cast

from cctv_cli.api.places import Places
from cctv_cli.core.system import reset_at_close

if TYPE_CHECKING:
    pass

MOST_HEAD = 32 * 1024  # bytes of a request's line and headers
_MOST_AFTER = 64 * 1024  # bytes after the head until the answer ends: far more than any body, and chunks with trailers
_MOST_UNSENT = 64 * 1024  # bytes of an answer that the client has not taken yet
_END_OF_HEAD = re.compile(rb"\n\r?\n")  # RFC 9112 § 2.2: a server may take a bare LF for a line's end
_LONGEST_END = 3  # bytes
_TOO_LARGE = json.dumps({"detail": f"A request's line and headers may have {MOST_HEAD} bytes, and these have more."})
_ANSWER_TOO_LARGE = (
    "HTTP/1.1 431 Request Header Fields Too Large\r\n"
    "content-type: application/json\r\n"
    f"content-length: {len(_TOO_LARGE)}\r\n"
    "connection: close\r\n\r\n"
    f"{_TOO_LARGE}"
).encode()


class Connection(asyncio.Protocol):
    """A client with a place. `make` returns uvicorn's protocol for it; `address` is the one that it counts for."""

    def __init__(self, address: Optional[str], places: Places, make: Callable[[Connection], asyncio.Protocol]) -> None:
        self.address = address
        self.waiting_since: Optional[float] = time.monotonic()
        self.stuck_since: Optional[float] = None
        self.opening: Optional[asyncio.Task[None]] = None  # until the transport is there: the TLS handshake
        self._places = places
        self._inner = make(self)
        self._transport: Optional[asyncio.Transport] = None
        self._head = bytearray()  # what has arrived of the next request's head
        # bytes that may arrive before the answer ends; None: no head is complete; negative: more came, and was dropped
        self._room: Optional[int] = None
        self._answers = 0  # in progress; two, while a file is closed after the first and the next has begun

    @property
    def was_open(self) -> bool:
        """Whether the transport has been there."""
        return self._transport is not None

    def end(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            # in an answer, or if the client takes nothing: the system would go on sending what it has
            if self.waiting_since is None or self._transport.get_write_buffer_size():
                opened = self._transport.get_extra_info("socket")
                with suppress(OSError):  # it is closed already
                    if opened is not None:  # TLS forgets it a moment before it says that the connection is lost
                        reset_at_close(opened)
            self._transport.abort()
        elif self.opening is not None:
            self.opening.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client is connected, after a TLS handshake if there is TLS."""
        self._transport = cast(asyncio.Transport, transport)  # that of uvloop inherits nothing
        self._transport.set_write_buffer_limits(high=_MOST_UNSENT)  # TLS would keep half a megabyte for each client
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """The connection is closed, by whomever."""
        self._places.leave(self)
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass on what may be: nothing of an incomplete head, and only so much of what follows."""
        if self._room is None and not self._head and len(data) <= MOST_HEAD and data.endswith(b"\r\n\r\n"):
            self._room = MOST_HEAD + _MOST_AFTER  # as almost all requests arrive
        elif self._room is None:
            begin = max(0, len(self._head) - _LONGEST_END)
            self._head += data
            end = _END_OF_HEAD.search(self._head, begin)
            if (len(self._head) if end is None else end.end()) > MOST_HEAD:
                self._refuse()
                return
            if end is None:
                return
            data, self._head = bytes(self._head), bytearray()
            self._room = end.end() + _MOST_AFTER
        allowed, self._room = data[: self._room], self._room - len(data)
        self._inner.data_received(allowed)
        if self._room < 0:
            self._stop_reading()

    def begins(self) -> None:
        """A complete request is being answered."""
        self._answers += 1
        self._room = _MOST_AFTER
        self.waiting_since = None

    def ends(self) -> None:
        """The answer to a request is complete, or failed."""
        self._answers -= 1
        if not self._answers:
            if self._room is not None and self._room < 0 and self._transport is not None:
                self._transport.close()  # what was not read began in the middle of something
            self._room = None
            self.waiting_since = time.monotonic()

    def eof_received(self) -> Optional[bool]:
        """The client sends no more."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """The client takes less than it is sent."""
        self.stuck_since = time.monotonic()
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The client has taken most of what it was sent."""
        self.stuck_since = None
        if self.waiting_since is not None:  # the last answer is under way until now
            self.waiting_since = time.monotonic()
        self._inner.resume_writing()

    def _refuse(self) -> None:
        assert self._transport is not None
        self._head = bytearray()
        self._room = -1
        self._transport.write(_ANSWER_TOO_LARGE)
        self._stop_reading()
        self._transport.close()

    def _stop_reading(self) -> None:
        self._room = -1
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
