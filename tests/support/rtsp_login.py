"""How the test camera requests a password (RFC 2617): Digest with MD5, Basic, or the client's choice."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from typing import List

REALM = "IP Camera"
_SCHEMES = {"digest": ("Digest",), "basic": ("Basic",), "both": ("Digest", "Basic")}


class Login:
    """One connection's login: `auth` is "digest", "basic" or "both"."""

    def __init__(self, auth: str) -> None:
        self._schemes = _SCHEMES[auth]
        self._renew()

    def challenges(self, *, stale: bool = False) -> List[str]:
        """The WWW-Authenticate headers; a `stale` nonce is replaced by a new one."""
        if stale:
            self._renew()
        digest = f'Digest realm="{REALM}", nonce="{self._nonce}"' + (", stale=true" if stale else "")
        texts = {"Digest": digest, "Basic": f'Basic realm="{REALM}"'}
        return [texts[scheme] for scheme in self._schemes]

    def is_valid(self, method: str, url: str, given: str, username: str, password: str) -> bool:
        """Whether the Authorization header `given` matches the request and the login."""
        scheme = given.partition(" ")[0]
        if scheme not in self._schemes:
            return False
        if scheme == "Basic":
            login = base64.b64encode(f"{username}:{password}".encode()).decode()
            return hmac.compare_digest(given.encode(), f"Basic {login}".encode())
        fields = {name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', given)}
        secret = _md5(f"{username}:{REALM}:{password}")
        expected = _md5(f"{secret}:{self._nonce}:{_md5(f'{method}:{url}')}")  # § 3.2.2, without qop
        return fields.get("username") == username and fields.get("response") == expected

    def _renew(self) -> None:
        self._nonce = secrets.token_hex(16)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
