"""Signed links: what a link allows is written in it, so the server keeps nothing about it. Pure.

The signature is HMAC with SHA-256 (RFC 2104), made by itsdangerous.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Optional

from itsdangerous import BadSignature, URLSafeSerializer

from cctv_cli.core.access.roles import Grant, Role
from cctv_cli.core.units import Secret

_SALT = "cctv link 1"  # separates these signatures from others with the same key, and numbers the format


@dataclass(frozen=True)
class Link:
    """What a link allows: to look at one camera, and to play what it recorded, between two instants if they are given.

    Instants are in Unix time.
    """

    camera: str
    expires: float
    start: Optional[float] = None
    end: Optional[float] = None

    @property
    def grant(self) -> Grant:
        """What its holder may do."""
        return Grant(f"link to {self.camera}", Role.VIEWER, frozenset({self.camera}), self.start, self.end)


def sign(link: Link, key: Secret) -> Secret:
    """The text of a link, which needs no encoding in a URL. It always contains a dot; a token never does."""
    text = _serializer(key).dumps([link.camera, link.expires, link.start, link.end])
    return Secret(text if isinstance(text, str) else text.decode("ascii"))


def verify(presented: str, key: Secret, now: float) -> Optional[Link]:
    """The link that was presented; None if it was not signed with this key, or has expired."""
    try:
        fields = _serializer(key).loads(presented)
    except BadSignature:
        return None
    link = _decoded(fields)
    return link if link is not None and now < link.expires else None


def _decoded(fields: Any) -> Optional[Link]:
    """A link from what was signed. Other versions of cctv may sign something else with the same key."""
    if not isinstance(fields, list) or len(fields) != 4 or not isinstance(fields[0], str):
        return None
    camera, times = fields[0], fields[1:]
    if not isinstance(times[0], (int, float)) or not all(_is_time(each) for each in times):
        return None
    return Link(camera, *times)


def _is_time(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _serializer(key: Secret) -> URLSafeSerializer:
    options = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    return URLSafeSerializer(key.reveal(), salt=_SALT, signer_kwargs=options)
