"""Signed links: what a link allows is written in it, so the server keeps nothing about it. Pure.

The signature is HMAC with SHA-256 (RFC 2104), made by itsdangerous.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timezone
from typing import Any, Optional

from itsdangerous import BadData, URLSafeSerializer

from cctv_cli.core.access.roles import Grant, Period, Role
from cctv_cli.core.clock import EARLIEST, LATEST, format_instant
from cctv_cli.core.units import Secret

_SALT = "cctv link 1"  # separates these signatures from others with the same key, and numbers the format


@dataclass(frozen=True)
class Link:
    """What a link allows until the instant `expires`: to look at one camera and play what it recorded.

    With a `period` it allows to play that period only, and nothing live.
    """

    camera: str
    expires: float
    period: Optional[Period] = None

    @property
    def grant(self) -> Grant:
        """What its holder may do."""
        return Grant(Role.VIEWER, frozenset({self.camera}), self.period, self.name)

    @property
    def name(self) -> str:
        """What the audit log calls it."""
        return f"link until {format_instant(self.expires, timezone.utc)}"


def sign(link: Link, key: Secret) -> Secret:
    """The text of a link, which needs no encoding in a URL. It always contains a dot; a token never does."""
    start, end = link.period or (None, None)
    text = _serializer(key).dumps([link.camera, link.expires, start, end])
    return Secret(text if isinstance(text, str) else text.decode("ascii"))


def is_link(presented: str) -> bool:
    """Whether this can be a link and no token."""
    return "." in presented


def verify(presented: str, key: Secret, now: float) -> Optional[Link]:
    """The link that was presented; None if it was not signed with this key, or has expired."""
    try:
        fields = _serializer(key).loads(presented.encode("utf-8", "replace"))
    except BadData:
        return None
    link = _decoded(fields)
    return link if link is not None and now < link.expires else None


def _decoded(fields: Any) -> Optional[Link]:
    """A link from what was signed. Other versions of cctv may sign something else with the same key."""
    if not isinstance(fields, list) or len(fields) != 4:
        return None
    camera, expires, start, end = fields
    if not isinstance(camera, str) or not _is_instant(expires):
        return None
    if start is None and end is None:
        return Link(camera, expires)
    return Link(camera, expires, Period(start, end)) if _is_instant(start) and _is_instant(end) else None


def _is_instant(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and EARLIEST <= value < LATEST


def _serializer(key: Secret) -> URLSafeSerializer:
    options = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    return URLSafeSerializer(key.reveal(), salt=_SALT, signer_kwargs=options)
