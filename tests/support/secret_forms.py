"""In how many forms a secret may lie around: a search for it must find all of them."""

from __future__ import annotations

import base64
import codecs
import hashlib
import html
import json
import quopri
import shlex
from typing import Dict
from urllib.parse import quote, quote_plus

_LEAST = 6  # bytes; shorter ones are found by chance


def forms(secret: str) -> Dict[bytes, str]:
    """The bytes of a secret in every form, and the name of the form."""
    plain = secret.encode()
    percent = quote(secret, safe="")
    every = "".join(f"%{byte:02x}" for byte in plain)
    json_text = json.dumps(secret)[1:-1]
    found = {
        "plain": plain,
        "latin-1": secret.encode("latin-1", "replace"),
        "UTF-16LE": secret.encode("utf-16-le"),
        "UTF-16BE": secret.encode("utf-16-be"),
        "UTF-32": secret.encode("utf-32-le"),
        "upper case": secret.upper().encode(),
        "lower case": secret.lower().encode(),
        "percent-encoded": percent.encode(),
        "percent-encoded for a path": quote(secret).encode(),
        "percent-encoded for a form": quote_plus(secret).encode(),
        "percent-encoded twice": quote(percent, safe="").encode(),
        "each byte percent-encoded": every.encode(),
        "each byte percent-encoded, upper case": every.upper().encode(),
        "JSON": json_text.encode(),
        "JSON in JSON": json.dumps(json_text)[1:-1].encode(),
        "HTML": html.escape(secret).encode(),
        "Python": repr(secret)[1:-1].encode(),
        "Python bytes": repr(plain)[2:-1].encode(),
        "unicode escapes": secret.encode("unicode_escape"),
        "shell": shlex.quote(secret).encode(),
        "C": codecs.escape_encode(plain)[0],  # type: ignore[attr-defined]
        "quoted-printable": quopri.encodestring(plain),
        "backwards": secret[::-1].encode(),
        "rot13": codecs.encode(secret, "rot13").encode(),
        "hex": plain.hex().encode(),
        "hex, upper case": plain.hex().upper().encode(),
        "hex with colons": ":".join(f"{byte:02x}" for byte in plain).encode(),
        "base32": base64.b32encode(plain).rstrip(b"="),
        "MD5": hashlib.md5(plain).hexdigest().encode(),
        "SHA-1": hashlib.sha1(plain).hexdigest().encode(),
        "SHA-1, base64": base64.b64encode(hashlib.sha1(plain).digest()),
    }
    for offset in range(3):  # what precedes the secret shifts its base64; the characters at the ends depend on others
        whole = base64.b64encode(b"\0" * offset + plain + b"\0" * (-(offset + len(plain)) % 3))
        inner = whole[4 if offset else 0 : -4]
        found[f"base64 at {offset}"] = inner
        found[f"base64url at {offset}"] = inner.replace(b"+", b"-").replace(b"/", b"_")
    return {data: name for name, data in found.items() if len(data) >= _LEAST}


def login_forms(user: str, password: str, realm: str) -> Dict[bytes, str]:
    """What is as good as the password: the hash of Digest (RFC 2617 § 3.2.2.2), and the header of Basic."""
    login = f"{user}:{password}"
    secret = hashlib.md5(f"{user}:{realm}:{password}".encode()).hexdigest()
    return {secret.encode(): "HA1 of Digest", base64.b64encode(login.encode()): "Basic"}
