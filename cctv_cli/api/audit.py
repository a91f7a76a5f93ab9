"""Tells the audit log what requests did, what they looked at, and which were refused."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Tuple

from cctv_cli.api.caller import CALLER, caller_of
from cctv_cli.api.outside import outside
from cctv_cli.core.access.addresses import named
from cctv_cli.core.audit.entries import DONE, REFUSED, Entry, Who
from cctv_cli.core.audit.writer import AuditWriter
from cctv_cli.core.runtime import Runtime

if TYPE_CHECKING:
    from starlette.types import Scope

_MOST_ADDRESSES = 8


class AuditTrail:
    """What happens is only counted here; a thread of the writer's own writes it."""

    def __init__(self, runtime: Runtime, writer: AuditWriter) -> None:
        self._runtime = runtime
        self._writer = writer

    def acted(self, scope: Scope, what: str, *, name: str = "", camera: str = "", outcome: str = DONE) -> None:
        """Somebody did something, or was refused."""
        entry = Entry(self._runtime.clock.now(), what, _who(scope, name), camera, outcome)
        self._writer.note(entry)

    def answered(self, scope: Scope, status: int, sent: int) -> None:
        """A request was answered with so many bytes."""
        if CALLER not in scope:
            return
        caller = caller_of(scope)
        if caller.act:
            outcome = DONE if 200 <= status < 400 else REFUSED if status == 403 else f"failed with {status}"
            self.acted(scope, caller.act, name=caller.grant.name, camera=caller.camera, outcome=outcome)
        elif caller.media is not None and scope["method"] == "GET" and 200 <= status < 400:
            self._writer.watched(_who(scope, caller.grant.name), caller.media, sent)


def _who(scope: Scope, name: str) -> Who:
    peer = scope.get("client")
    return _known(name, outside(scope).client, (*named(scope["headers"]), *(peer[:1] if peer else ())))


@lru_cache(maxsize=1024)  # a few clients send most requests
def _known(name: str, address: str, others: Tuple[str, ...]) -> Who:
    return Who(name, address=address, chain=tuple(sorted({*others} - {address})[:_MOST_ADDRESSES]))
