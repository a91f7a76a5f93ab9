"""Lets a request in, or says why not: by what it presents, or by where it comes from. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple, Union

from cctv_cli.core.access import tokens
from cctv_cli.core.access.policy import (
    READING_METHODS,
    Request,
    Rules,
    control_refusal,
    cross_site_refusal,
    read_refusal,
)
from cctv_cli.core.access.roles import Grant, Role
from cctv_cli.core.access.tokens import Token
from cctv_cli.core.units import Secret

_INVALID = "This token is unknown, expired or revoked; ask the operator for a new one."
_ANYBODY = Grant(Role.VIEWER)  # who needs no token to look
_LOCAL = Grant(Role.ADMIN)  # a program on this machine


@dataclass(frozen=True)
class Refusal:
    """Why a request does not get in, as one sentence."""

    sentence: str


@dataclass(frozen=True)
class Presented:
    """A token that a request presents. A browser sends a cookie by itself, even for another site's page."""

    text: Secret
    in_cookie: bool = False


def admit(
    request: Request,
    presented: Optional[Presented],
    rules: Rules,
    known: Optional[Tuple[Token, ...]],
    now: float,
) -> Union[Grant, Refusal]:
    """What a request may do, or why it does not get in. `known` are all tokens, None if they cannot be read."""
    reading = request.method in READING_METHODS
    if presented is None:
        refusal = read_refusal(request, rules) if reading else control_refusal(request, rules)
        return Refusal(refusal) if refusal else _ANYBODY if reading else _LOCAL
    token = tokens.find(known or (), presented.text.reveal(), now)
    if token is None:
        return Refusal(_INVALID)
    refusal = cross_site_refusal(request) if presented.in_cookie and not reading else None
    return Refusal(refusal) if refusal else token.grant
