"""Access control: local clients may read, only this machine may control.

Loopback, private and link-local clients may read (GET, HEAD, OPTIONS). Loopback clients may control (all other
methods), but not through a proxy and not from a page of another web site. All other requests get 401.

Limitation: if a proxy on this machine adds no forwarding header, its clients look like local ones. Every such
proxy must set X-Forwarded-For or X-Real-IP.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Iterable, List, Optional, Sequence, Tuple, Union

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

Address = Union[IPv4Address, IPv6Address]
Headers = Iterable[Tuple[bytes, bytes]]

READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# written out, because is_private of `ipaddress` differs between Python versions and includes much more
_LOOPBACK = tuple(ip_network(text) for text in ("127.0.0.0/8", "::1/128"))
_PRIVATE = tuple(ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
_LINK_LOCAL = tuple(ip_network(text) for text in ("169.254.0.0/16", "fe80::/10"))
_NEARBY = _LOOPBACK + _PRIVATE + _LINK_LOCAL

# headers with one client address, or a list of addresses from the client to the nearest proxy
_ADDRESS_LISTS = frozenset({b"x-forwarded-for", b"x-real-ip", b"cf-connecting-ip", b"true-client-ip"})
_FORWARDING = _ADDRESS_LISTS | {b"forwarded", b"via"}

_LONGEST_FORWARDING_VALUE = 2048  # characters; about fifty addresses
_LONGEST_ADDRESS = 64  # characters; IPv6 with a zone and a port
_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::[0-9]{1,5})?")
_IPV4_WITH_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}")
# RFC 7239 § 4: token "=" ( token / quoted-string ), followed by ";", "," or the end
_FORWARDED_PAIR = re.compile(r'[ \t]*([\w!#$%&\'*+.^`|~-]+)=("[^"\\]*"|[^\s",;]+)[ \t]*(;|,|$)', re.ASCII)

_READ_ELSEWHERE = (
    "Only clients on this machine and in its private networks may view cameras, "
    "and this request comes from elsewhere; use the local network or a VPN."
)
_CONTROL_ELSEWHERE = (
    "Cameras can be controlled only from the machine that runs the server, "
    "and this request comes from elsewhere; send it there, to 127.0.0.1."
)
_CONTROL_FORWARDED = (
    "Cameras cannot be controlled through a proxy, and this request has a forwarding header; "
    "send it to the server itself, to 127.0.0.1 on the machine that runs it."
)
_CONTROL_HOST = (
    "Cameras can be controlled only under the names localhost, 127.0.0.1 and [::1], "
    "and this request's Host header has another one; use one of these names."
)
_CONTROL_CROSS_SITE = (
    "Pages of other web sites cannot control cameras, and this request comes from one; "
    "send it with a program such as curl."
)


def parse_address(text: str) -> Optional[Address]:
    """Parse an IP address: bare, with a port, in brackets, or with an IPv6 zone ("fe80::1%eth0").

    An IPv4 address that is mapped into IPv6 (RFC 4291 § 2.5.5.2) is returned as IPv4. None for anything else, such
    as "unknown" and "_hidden" (RFC 7239 § 6).
    """
    return _parse_short(text) if len(text) <= _LONGEST_ADDRESS else None


@lru_cache(maxsize=1024)  # a few clients send most requests
def _parse_short(text: str) -> Optional[Address]:
    match = _BRACKETED.fullmatch(text) or _IPV4_WITH_PORT.fullmatch(text)
    host, _, zone = (match.group(1) if match else text).partition("%")
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return None if zone else address
    return address.ipv4_mapped or address


def is_loopback(address: Address) -> bool:
    """Whether the address is loopback (127.0.0.0/8, ::1)."""
    return any(address in network for network in _LOOPBACK)


@lru_cache(maxsize=1024)
def is_nearby(address: Address) -> bool:
    """Whether the address is loopback, private (RFC 1918, RFC 4193) or link-local (RFC 3927, RFC 4291)."""
    return any(address in network for network in _NEARBY)


def client_addresses(peer: Optional[str], headers: Headers) -> Optional[List[Address]]:
    """Every address that the request names as its origin: the peer's and each forwarded one.

    `peer` is the other end of the connection, `headers` are ASGI headers (lower-case names). None if there is no peer
    (a Unix socket does not identify the client) or any of the addresses cannot be parsed.
    """
    texts = [peer]
    for name, value in headers:
        if name in _ADDRESS_LISTS:
            texts += _listed(value.decode("latin-1"))
        elif name == b"forwarded":
            texts += _forwarded_for(value.decode("latin-1"))
    addresses = [parse_address(text) for text in texts if text is not None]
    known = [address for address in addresses if address is not None]
    return known if len(known) == len(texts) else None


def _listed(value: str) -> Sequence[Optional[str]]:
    """The entries of a comma-separated list; [None] if it is too long."""
    if len(value) > _LONGEST_FORWARDING_VALUE:
        return [None]
    return [entry.strip(" \t") for entry in value.split(",")]


def _forwarded_for(value: str) -> Sequence[Optional[str]]:
    """The `for` of each element of a Forwarded header (RFC 7239 § 4), None for an element without one.

    [None] for a header that cannot be parsed.
    """
    if len(value) > _LONGEST_FORWARDING_VALUE:
        return [None]
    nodes: List[Optional[str]] = [None]
    position, separator = 0, ","
    while separator:
        match = _FORWARDED_PAIR.match(value, position)
        if match is None:
            return [None]
        if match.group(1).lower() == "for":
            if nodes[-1] is not None:
                return [None]
            nodes[-1] = match.group(2).strip('"')
        position, separator = match.end(), match.group(3)
        if separator == ",":
            nodes.append(None)
    return nodes


def read_refusal(scope: Scope) -> Optional[str]:
    """Why this request may not read, as one sentence; None if it may.

    All addresses that it names must be nearby. Any Host is allowed: a proxy in the local network legitimately
    passes on its public name.
    """
    addresses = client_addresses(_peer(scope), scope["headers"])
    if addresses is None or not all(is_nearby(address) for address in addresses):
        return _READ_ELSEWHERE
    return None


def control_refusal(scope: Scope) -> Optional[str]:
    """Why this request may not control, as one sentence; None if it may.

    The peer must be loopback, and there must be no forwarding header. The Host must be a loopback name (another
    name that resolves to 127.0.0.1 is DNS rebinding), and the request must not come from a page of another site
    (Origin, RFC 6454 § 7; Sec-Fetch-Site, W3C Fetch Metadata).
    """
    headers = scope["headers"]
    if _is_forwarded(headers):
        return _CONTROL_FORWARDED
    if not _is_from_this_machine(scope):
        return _CONTROL_ELSEWHERE
    hosts = _values(headers, b"host")
    if len(hosts) != 1 or not _is_loopback_host(hosts[0]):
        return _CONTROL_HOST
    own_origin = f"{scope['scheme']}://{hosts[0]}"
    if any(origin != own_origin for origin in _values(headers, b"origin")):
        return _CONTROL_CROSS_SITE
    if any(site not in ("same-origin", "none") for site in _values(headers, b"sec-fetch-site")):
        return _CONTROL_CROSS_SITE
    return None


def came_through_local_proxy(scope: Scope) -> bool:
    """Whether a proxy on this machine forwarded the request; a local client could pretend to be one."""
    return _is_forwarded(scope["headers"]) and _is_from_this_machine(scope)


def _is_forwarded(headers: Headers) -> bool:
    return any(name in _FORWARDING or name.startswith(b"x-forwarded-") for name, _ in headers)


def _is_from_this_machine(scope: Scope) -> bool:
    peer = parse_address(_peer(scope) or "")
    return peer is not None and is_loopback(peer)


def _peer(scope: Scope) -> Optional[str]:
    client = scope.get("client")
    return client[0] if client else None


def _values(headers: Headers, wanted: bytes) -> List[str]:
    return [value.decode("latin-1").lower() for name, value in headers if name == wanted]


def _is_loopback_host(host: str) -> bool:
    address = parse_address(host)
    if address is not None:
        return is_loopback(address)
    return re.fullmatch(r"localhost(:[0-9]{1,5})?", host) is not None


class AccessGate:
    """ASGI middleware: passes on allowed requests and answers others with 401 and the reason in `detail`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        reading = scope.get("method") in READING_METHODS  # WebSockets have no method and count as control
        refusal = read_refusal(scope) if reading else control_refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            # RFC 9110 § 15.5.2 requires a challenge with every 401; for Bearer, browsers show no password dialog
            await send_detail(send, 401, refusal, [(b"www-authenticate", b'Bearer realm="cctv"')])
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})


async def send_detail(send: Send, status: int, detail: str, headers: Sequence[Tuple[bytes, bytes]] = ()) -> None:
    """Answer with the status and `{"detail": detail}`; not cacheable, because the reason may be temporary."""
    body = json.dumps({"detail": detail}).encode()
    own = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": own + list(headers)})
    await send({"type": "http.response.body", "body": body})
