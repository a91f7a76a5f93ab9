"""Logs in to a camera by Digest (RFC 2617, RFC 7616) or Basic (RFC 7617), as FFmpeg does. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import sys
from dataclasses import dataclass
from typing import Dict, Optional

from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.rtsp.result import Outcome, Problem
from cctv_cli.core.rtsp.wire import BYTES_STAY, Answer
from cctv_cli.core.units import Secret

# a parameter of a challenge, quoted or plain, or the name of the scheme to which the following parameters belong
_CHALLENGE = re.compile(r'([\w-]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))|([\w-]+)', re.ASCII)


@dataclass
class Login:
    """How to answer one challenge: by Digest with these parameters, or by Basic."""

    username: str
    password: Secret
    digest: Optional[Dict[str, str]] = None
    used: int = 0  # requests that carried the nonce

    def header(self, method: str, uri: str) -> str:
        """The value of the next request's Authorization header."""
        if self.digest is None:
            pair = f"{self.username}:{self.password.reveal()}".encode("utf-8", BYTES_STAY)
            return f"Basic {base64.b64encode(pair).decode('ascii')}"
        self.used += 1
        return _digest(self.digest, self.username, self.password.reveal(), method, uri, self.used)


def login_for(answer: Answer, source: RtspSource) -> Login:
    """The login that answers a 401. Raises Problem if it cannot be answered.

    As in FFmpeg, the last of several Digest challenges is used, and it must be MD5: a camera that FFmpeg cannot
    log in to must not look healthy here.
    """
    if source.username is None or source.password is None:
        text = "asks for a login: set username and password of this camera"
        raise Problem(Outcome.UNAUTHORIZED, text, 401)
    challenges = _challenges(answer)
    if "digest" in challenges:
        algorithm = challenges["digest"].get("algorithm", "MD5")
        if algorithm not in ("MD5", "MD5-sess"):
            shown = re.sub(r"[^\w-]", "", algorithm, flags=re.ASCII)[:20]
            text = f"asks for Digest {shown}, but FFmpeg supports only MD5: choose Digest MD5 in its RTSP settings"
            raise Problem(Outcome.UNAUTHORIZED, text, 401)
        return Login(source.username, source.password, challenges["digest"])
    if "basic" in challenges:
        return Login(source.username, source.password)
    text = "asks for a login but offers neither Digest nor Basic: choose Digest (MD5) in its RTSP settings"
    raise Problem(Outcome.UNAUTHORIZED, text, 401)


def is_stale(answer: Answer) -> bool:
    """Whether a 401 means that only the nonce of the login was too old (RFC 7616 § 3.3)."""
    return _challenges(answer).get("digest", {}).get("stale", "").lower() == "true"


def _challenges(answer: Answer) -> Dict[str, Dict[str, str]]:
    """The parameters of each scheme in WWW-Authenticate (RFC 7235 § 4.1); a later challenge replaces an earlier one."""
    value = ", ".join(answer.headers.get("www-authenticate", []))
    challenges: Dict[str, Dict[str, str]] = {}
    parameters: Dict[str, str] = {}
    for name, quoted, plain, scheme in _CHALLENGE.findall(value):
        if scheme:
            parameters = challenges[scheme.lower()] = {}
        else:
            parameters[name.lower()] = quoted or plain
    return challenges


def _digest(challenge: Dict[str, str], username: str, password: str, method: str, uri: str, count: int) -> str:
    """A Digest response: RFC 7616 § 3.4 with qop=auth, or RFC 2069 if the camera offers no qop."""
    realm, nonce = challenge.get("realm", ""), challenge.get("nonce", "")
    algorithm = challenge.get("algorithm", "MD5")
    cnonce = secrets.token_hex(8)
    a1 = _md5(f"{username}:{realm}:{password}")
    if algorithm == "MD5-sess":
        a1 = _md5(f"{a1}:{nonce}:{cnonce}")
    a2 = _md5(f"{method}:{uri}")
    fields = [f'username="{_escaped(username)}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{uri}"']
    if "auth" in re.split(r"[\s,]+", challenge.get("qop", "")):
        response = _md5(f"{a1}:{nonce}:{count:08x}:{cnonce}:auth:{a2}")
        fields += ["qop=auth", f"nc={count:08x}", f'cnonce="{cnonce}"']
    else:
        response = _md5(f"{a1}:{nonce}:{a2}")
    fields.append(f'response="{response}"')
    if "algorithm" in challenge:
        fields.append(f"algorithm={algorithm}")
    if "opaque" in challenge:
        fields.append(f'opaque="{challenge["opaque"]}"')
    return "Digest " + ", ".join(fields)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _md5(text: str) -> str:
    data = text.encode("utf-8", BYTES_STAY)
    if sys.version_info >= (3, 9):
        # the camera chose MD5; systems in FIPS mode refuse it unless it is marked like this
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
    return hashlib.md5(data).hexdigest()
