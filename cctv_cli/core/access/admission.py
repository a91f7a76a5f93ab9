"""Lets a request in, or says why not: by what it presents, or by where it comes from. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple, Union

from cctv_cli.core.access import links, tokens
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

_INVALID = "This token or link is unknown, expired or revoked; ask the operator for a new one."
_ANYBODY = Grant(Role.VIEWER)  # who needs no token to look
_LOCAL = Grant(Role.ADMIN)  # a program on this machine


@dataclass(frozen=True)
class Refusal:
    """Why a request does not get in, as one sentence."""

    sentence: str


@dataclass(frozen=True)
class Keys:
    """What lets in. `tokens` is None if they cannot be read, `link_key` if no link was made yet."""

    tokens: Optional[Tuple[Token, ...]] = None
    link_key: Optional[Secret] = None


@dataclass(frozen=True)
class Presented:
    """A token or link that a request presents. A browser sends a cookie by itself, even for another site's page."""

    text: Secret
    in_cookie: bool = False


def admit(
    request: Request,
    presented: Optional[Presented],
    rules: Rules,
    keys: Keys,
    now: float,
) -> Union[Grant, Refusal]:
    """What a request may do, or why it does not get in."""
    reading = request.method in READING_METHODS
    if presented is None:
        refusal = read_refusal(request, rules) if reading else control_refusal(request, rules)
        return Refusal(refusal) if refusal else _ANYBODY if reading else _LOCAL
    grant = grant_of(presented.text, keys, now)
    if grant is None:
        return Refusal(_INVALID)
    refusal = cross_site_refusal(request) if presented.in_cookie and not reading else None
    return Refusal(refusal) if refusal else grant


def grant_of(presented: Secret, keys: Keys, now: float) -> Optional[Grant]:
    """What a token or link allows; None if it is not valid, or no longer."""
    text = presented.reveal()
    if links.is_link(text):
        link = None if keys.link_key is None else links.verify(text, keys.link_key, now)
        return None if link is None else link.grant
    token = tokens.find(keys.tokens or (), text, now)
    return None if token is None else token.grant
