"""How a client sees a server behind a proxy: from which address, by which scheme and under which path. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Optional, Sequence, Tuple

from cctv_cli.core.access.addresses import LOOPBACK, Network, clients, is_forwarding, is_in, parse_address

_LONGEST_BASE = 200  # characters
# unreserved characters of RFC 3986 § 2.3, which need no escape in JSON, HTML, headers and paths
_BASE = re.compile(r"(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9._~-]+)+", re.ASCII)
# a base path that begins with one of our own paths could not be told from it
OWN_PATHS = frozenset(
    {"cameras", "stream", "recordings", "health", "metrics", "cleanup", "openapi.json", "login", "logout", "t"}
)


@dataclass(frozen=True)
class Outside:
    """`client` is an IP address or "-", `scheme` http or https; `base_path` has no slash at its end, or is empty."""

    client: str
    scheme: str
    base_path: str

    @property
    def in_clear(self) -> bool:
        """Whether others on the way can read the request: it has no TLS, and comes from another machine."""
        address = parse_address(self.client)
        return self.scheme == "http" and address is not None and not is_in(address, LOOPBACK)

    def inner(self, path: str) -> str:
        """The path of a request without the base path, whether or not the proxy has removed it."""
        below = path[len(self.base_path) :]
        return below or "/" if path.startswith(self.base_path) and below[:1] in ("", "/") else path


def parse_base_path(text: str) -> Optional[str]:
    """A base path without the slash at its end; None if it is not one.

    It is part of URLs in answers, so it must not be able to name another server ("//") or to end a header.
    """
    path = text[:-1] if text.endswith("/") else text
    is_one = len(path) <= _LONGEST_BASE and _BASE.fullmatch(path) is not None
    return path if is_one and path.split("/")[1] not in OWN_PATHS else None


def outside_of(
    peer: Optional[str],
    headers: Sequence[Tuple[bytes, bytes]],
    scheme: str,
    trusted: Tuple[Network, ...],
    base_path: Optional[str],
) -> Outside:
    """What is known of a request that came from `peer`, to a server whose configured base path is `base_path`.

    Only trusted proxies can say something else: by X-Forwarded-For and its like, by X-Forwarded-Proto, and by
    X-Forwarded-Prefix if no base path is configured. What they pass on twice, or is not valid, does not count.
    """
    nearest = None if peer is None else parse_address(peer)
    if peer is None or nearest is None or not is_in(nearest, trusted):
        return Outside(peer or "-", scheme, base_path or "")
    return _said_by_proxy(peer, tuple(filter(_is_about_client, headers)), scheme, trusted, base_path)


@lru_cache(maxsize=128)  # a few clients send most requests
def _said_by_proxy(
    peer: str,
    headers: Tuple[Tuple[bytes, bytes], ...],
    scheme: str,
    trusted: Tuple[Network, ...],
    base_path: Optional[str],
) -> Outside:
    found = set(clients(peer, headers, trusted) or ())
    client = str(found.pop()) if len(found) == 1 else peer
    said = _single(headers, b"x-forwarded-proto")
    prefix = base_path or parse_base_path(_single(headers, b"x-forwarded-prefix"))
    return Outside(client, said if said in ("http", "https") else scheme, prefix or "")


def _is_about_client(header: Tuple[bytes, bytes]) -> bool:
    return is_forwarding(header[0])


def _single(headers: Sequence[Tuple[bytes, bytes]], wanted: bytes) -> str:
    """The value of a header that is there once, "" for any other."""
    values = [value.decode("latin-1") for name, value in headers if name == wanted]
    return values[0] if len(values) == 1 else ""
