"""Tokens: random secrets that let their holder in. Only a hash of each is kept. Pure.

A plain SHA-256 is enough: a token has 192 random bits, so nobody can guess it from its hash, and a slow hash would run
for each segment that is played.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Iterable, Optional, Tuple

from cctv_cli.core.access.roles import Grant, Role
from cctv_cli.core.records import FileName, Instant, Text
from cctv_cli.core.units import Secret

_BYTES = 24
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z", re.ASCII)
NAME_RULE = "letters, digits, dots, dashes and underscores, at most 64, the first one a letter or digit"


@dataclass(frozen=True)
class Token:
    """A token as it is kept. `cameras` is None for all; `expires` is None for never. Instants are in Unix time."""

    name: FileName
    digest: FileName  # SHA-256 of the secret, in hexadecimal
    role: Role
    created: Instant
    cameras: Optional[Tuple[FileName, ...]] = None
    expires: Optional[Instant] = None

    def is_valid(self, now: float) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires

    @property
    def grant(self) -> Grant:
        """What its holder may do."""
        return Grant(self.role, None if self.cameras is None else frozenset(self.cameras), name=self.name)


@dataclass(frozen=True)
class InClear:
    """The token that came without TLS last, and when."""

    token: Text
    at: Instant


def new_secret() -> Secret:
    """The text of a new token: 32 characters that need no encoding in a URL (RFC 4648 § 5)."""
    return Secret(secrets.token_urlsafe(_BYTES))


def digest_of(presented: str) -> str:
    """The hash of a token, as it is kept."""
    return hashlib.sha256(presented.encode("utf-8", "replace")).hexdigest()


def is_name(text: str) -> bool:
    """Whether a token may have this name."""
    return _NAME.match(text) is not None


def find(tokens: Iterable[Token], presented: str, now: float) -> Optional[Token]:
    """The valid token that was presented; None if there is none. How long it takes does not depend on the digits."""
    digest = digest_of(presented)
    found = None
    for token in tokens:
        if hmac.compare_digest(token.digest, digest) and token.is_valid(now):
            found = token
    return found
