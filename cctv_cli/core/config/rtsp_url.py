"""Parses RTSP URLs as people write them. Pure; no error repeats any part of the URL.

The rules for user name and password:

- They end at the `@` that is followed by a host, an optional port, and "/" or the end of the URL. The first
  ":" separates them: with nothing after it the password is empty, and without a ":" there is no password.
  The password may contain `@ : / ? #` unencoded as long as the URL can be read in only one way; an ambiguous
  URL is refused.
- If every `%` is followed by two hexadecimal digits, they are percent-encoded (RFC 3986 § 2.1, UTF-8).
  If none is, a `%` is a plain `%`. A mixture is refused: guessing may produce a wrong password, and cameras
  lock an account after a few of those.
"""

from __future__ import annotations

import ipaddress
import re
from typing import List, Optional, Tuple
from urllib.parse import unquote_to_bytes

from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.config.values import in_quotes, is_wrong_ipv4
from cctv_cli.core.units import Secret

_DEFAULT_PORT = {"rtsp": 554, "rtsps": 322}
_SCHEME = re.compile(r"(rtsps?)://", re.IGNORECASE)
_ADDRESS = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?))"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<target>/.*|)\Z"
)
_TARGET = re.compile(r"[!$-&(-;=?-\[\]^_`a-~]*\Z")  # printable ASCII without space " # ' < > \
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

Address = Tuple[str, Optional[int], str]  # host, port, target
Login = Tuple[Optional[str], Optional[Secret]]


def parse_rtsp_url(url: str) -> RtspSource:
    """Parse an RTSP URL by the rules above. Raises ValueError with cause and cure, without the URL."""
    url = url.strip()
    if in_quotes(url):
        raise ValueError("has a quote at its start or end, which would be part of the URL; remove it")
    scheme = _SCHEME.match(url)
    if scheme is None:
        raise ValueError("is not an RTSP URL; write rtsp://host:port/path")
    if any(not char.isprintable() or char in " \"'\\" for char in url):
        raise ValueError(
            "has a space, quote, backslash or control character; percent-encode it "
            "(a space is %20), or use the key password"
        )
    (userinfo, (host, port, target)) = _unambiguous(url[scheme.end() :])
    if _TARGET.match(target) is None:
        raise ValueError("has a character in its path that a URL cannot hold; percent-encode it (# is %23)")
    username, password = _login(userinfo)
    kind = scheme.group(1).lower()
    return RtspSource(host, port or _DEFAULT_PORT[kind], target, username, password, tls=kind == "rtsps")


def parse_host(text: str) -> str:
    """Parse a host name or address, IPv6 with or without brackets, into the form of `RtspSource.host`.

    Raises ValueError with cause and cure.
    """
    bare_ipv6 = text.count(":") > 1 and not text.startswith("[")
    address = _address(f"[{text}]" if bare_ipv6 else text)
    if address is None or address[1:] != (None, ""):
        raise ValueError("is not a host; write only a name or address, such as 192.168.1.200, without rtsp:// and port")
    return address[0]


def _unambiguous(rest: str) -> Tuple[Optional[str], Address]:
    readings: List[Tuple[Optional[str], Address]] = []
    address = _address(rest)
    if address is not None:
        readings.append((None, address))
    for at in (index for index, char in enumerate(rest) if char == "@"):
        address = _address(rest[at + 1 :])
        if address is not None and not re.search("[/?#]", rest[:at].partition(":")[0]):
            readings.append((rest[:at], address))
    if not readings:
        raise ValueError(
            "has no usable host and port; write rtsp://host:port/path with a name or a whole address such as "
            "192.168.1.64 (IPv6 in brackets) and a port from 1 to 65535"
        )
    if len(readings) > 1:
        raise ValueError(
            "can be read in more than one way; percent-encode the password (@ is %40, / is %2F), "
            "or use the key password"
        )
    return readings[0]


def _address(text: str) -> Optional[Address]:
    match = _ADDRESS.match(text)
    if match is None:
        return None
    port = None if match.group("port") is None else int(match.group("port"))
    if port is not None and not 1 <= port <= 65535:
        return None
    if match.group("ipv6") is not None:
        try:
            return str(ipaddress.IPv6Address(match.group("ipv6"))), port, match.group("target")
        except ValueError:
            return None
    if is_wrong_ipv4(match.group("name")):
        return None
    return match.group("name"), port, match.group("target")


def _login(userinfo: Optional[str]) -> Login:
    if userinfo in (None, "", ":"):
        return None, None
    username, colon, password = userinfo.partition(":")
    return _decoded(username) or None, Secret(_decoded(password)) if colon else None


def _decoded(text: str) -> str:
    encoded = len(_ENCODED.findall(text))
    if encoded == 0:
        return text
    if encoded != text.count("%"):
        raise ValueError(
            "has a user name or password in which some % are encoded and some are not; "
            "write each plain % as %25, or use the key password"
        )
    try:
        plain = unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(
            "has a user name or password that is not UTF-8 when decoded; use the keys username and password"
        ) from None
    if _CONTROL.search(plain):
        raise ValueError("has a control character in its user name or password; remove it")
    return plain
