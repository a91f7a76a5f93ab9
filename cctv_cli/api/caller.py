"""The caller of a request that was let in, and what the audit log says about the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from cctv_cli.core.access.roles import Grant
from cctv_cli.core.audit.counting import Media

if TYPE_CHECKING:
    from starlette.types import Scope

CALLER = "cctv.caller"  # in the scope of a request, once it was let in


@dataclass
class Caller:
    """What the caller may do, and what the request turns out to be: an `act` in a word, or a look at `media`.

    `camera` is the one that the act is about, empty for all.
    """

    grant: Grant
    act: str = ""
    camera: str = ""
    media: Optional[Media] = None


def caller_of(scope: Scope) -> Caller:
    """The caller of a request that was let in."""
    caller = scope[CALLER]
    assert isinstance(caller, Caller)
    return caller
