"""Decides who may do what without a token: by the address that a request comes from. Pure.

An address cannot tell everything: a proxy on this machine that speaks HTTP/1.1, adds no header and rewrites `Host` to
ours looks like a program on this machine. Such a machine needs tokens.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import FrozenSet, List, Optional, Sequence, Tuple

from cctv_cli.core.access.addresses import (
    LAN,
    LOOPBACK,
    SHARED,
    Network,
    clients,
    is_forwarded,
    is_in,
    names_client,
    parse_address,
)

READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_LOCAL_NAMES = (".local", ".lan", ".home.arpa", ".internal")  # RFC 6762, RFC 8375, and names that no registry sells
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+?)\.?(?::([0-9]{1,5}))?\Z")
_USUAL_PORT = {"http": 80, "https": 443}

_READ_ELSEWHERE = (
    "Only clients in the networks of server.lan_networks may view cameras without a token, and this request comes "
    "from elsewhere; ask the operator for a token, or use the local network."
)
_READ_SHARED = (
    "Addresses in 100.64.0.0/10, as Tailscale gives out, are not in server.lan_networks, so this request needs a "
    "token; ask for one, or add that network."
)
_READ_TOKEN = "Nobody may view cameras without a token here (server.access is token); ask the operator for one."
_READ_HIDDEN = (
    "This request comes from a program on this machine that may be a proxy, which hides its client; let the proxy set "
    "X-Forwarded-For and pass on Host, or use localhost with the port of the server."
)
_READ_HOST = (
    "The name in this request's Host header could belong to somebody else; add it to server.server_names if it is "
    "this server's, or use the server's IP address."
)
_CONTROL_TOKEN = "Cameras can be controlled only with a token; add one: cctv token add NAME --role operator."
_CONTROL_ELSEWHERE = (
    "Without a token, cameras can be controlled only from the machine that runs the server, and this request comes "
    "from elsewhere; send it there, to 127.0.0.1, or use a token."
)
_CONTROL_FORWARDED = (
    "Without a token, cameras cannot be controlled through a proxy, and this request has a forwarding header; "
    "send it to the server itself, to 127.0.0.1 on the machine that runs it, or use a token."
)
_CONTROL_HIDDEN = (
    "Without a token, cameras cannot be controlled by HTTP/1.0, which proxies use; send HTTP/1.1, or use a token."
)
_CONTROL_HOST = (
    "Without a token, cameras can be controlled only under the names localhost, 127.0.0.1 and [::1] with the port of "
    "the server, and this request's Host header has another one; use one of these names, or a token."
)
_CROSS_SITE = (
    "Pages of other web sites cannot control cameras, and this request comes from one; "
    "send it with a program such as curl."
)


class Access(enum.Enum):
    """Who may view cameras without a token."""

    LAN = "lan"
    TOKEN = "token"
    OPEN = "open"


@dataclass(frozen=True)
class Request:
    """What is known of a request. `peer` is the other end of its connection, `port` the one that it reached."""

    method: str
    peer: Optional[str]
    headers: Sequence[Tuple[bytes, bytes]]
    scheme: str
    http_version: str
    port: Optional[int]

    def values(self, wanted: bytes) -> List[str]:
        """The values of a header, in lower case."""
        return [value.decode("latin-1").lower() for name, value in self.headers if name == wanted]


@dataclass(frozen=True)
class Rules:
    """What the configuration says, and whether local programs may control without a token.

    `local_control` is false once there is a token, or anything says that a proxy stands in front of the server.
    """

    access: Access = Access.LAN
    lan: Tuple[Network, ...] = LAN
    trusted_proxies: Tuple[Network, ...] = ()
    server_names: FrozenSet[str] = frozenset()
    local_control: bool = True


def read_refusal(request: Request, rules: Rules) -> Optional[str]:
    """Why a request without a token may not read, as one sentence; None if it may."""
    if rules.access is Access.OPEN:
        return None
    if rules.access is Access.TOKEN:
        return _READ_TOKEN
    found = clients(request.peer, request.headers, rules.trusted_proxies)
    if found is None:
        return _READ_ELSEWHERE
    for address in found:
        if not is_in(address, rules.lan):
            return _READ_SHARED if address in SHARED else _READ_ELSEWHERE
    if _hides_client(request, rules):
        return _READ_HIDDEN
    return None if _is_own_name(request, rules) else _READ_HOST


def control_refusal(request: Request, rules: Rules) -> Optional[str]:
    """Why a request without a token may not control, as one sentence; None if it may."""
    if not _is_local(request):
        return _CONTROL_ELSEWHERE
    if is_forwarded(request.headers):
        return _CONTROL_FORWARDED
    if not rules.local_control:
        return _CONTROL_TOKEN
    if _is_old(request):
        return _CONTROL_HIDDEN
    if not _is_direct(request):
        return _CONTROL_HOST
    return cross_site_refusal(request)


def cross_site_refusal(request: Request) -> Optional[str]:
    """Why a request that changes something comes from another site's page, as one sentence; None if it does not.

    Browsers say it in Sec-Fetch-Site (W3C Fetch Metadata), but not to a server without TLS. Then Origin (RFC 6454 § 7)
    must be ours; behind a proxy with TLS, which may change scheme and port, it need not look so.
    """
    sites = request.values(b"sec-fetch-site")
    if sites:
        return _CROSS_SITE if any(site not in ("same-origin", "none") for site in sites) else None
    own = {f"{request.scheme}://{host}" for host in request.values(b"host")}
    return _CROSS_SITE if any(origin not in own for origin in request.values(b"origin")) else None


def shows_proxy(request: Request) -> bool:
    """Whether a request proves that a proxy on this machine stands in front of the server."""
    return _is_local(request) and (is_forwarded(request.headers) or _is_old(request))


def is_from_local_proxy(request: Request) -> bool:
    """Whether a proxy on this machine says that it passed the request on; a local program could pretend to be one."""
    return _is_local(request) and is_forwarded(request.headers)


def _is_local(request: Request) -> bool:
    peer = parse_address(request.peer or "")
    return peer is not None and is_in(peer, LOOPBACK)


def _is_old(request: Request) -> bool:
    return request.http_version in ("0.9", "1.0")


def _is_direct(request: Request) -> bool:
    """Whether a program on this machine seems to want this server itself: no proxy, HTTP/1.1, our own name and port."""
    is_proxied = is_forwarded(request.headers) or _is_old(request)
    return _is_local(request) and not is_proxied and _names_this_server(request)


def _names_this_server(request: Request) -> bool:
    """Whether Host is what a program on this machine writes: a loopback name with our own port."""
    hosts = request.values(b"host")
    named = _name_and_port(hosts[0], request.scheme) if len(hosts) == 1 else None
    if named is None:
        return False
    name, port = named
    address = parse_address(name)
    is_loopback = name == "localhost" if address is None else is_in(address, LOOPBACK)
    return is_loopback and port == request.port


def _hides_client(request: Request, rules: Rules) -> bool:
    """Whether a request comes from a proxy, or what may be one, that does not say for whom.

    A proxy that replaces Host by our own address has the defaults of its kind: it adds no header either, and passes on
    what its client wrote there.
    """
    peer = parse_address(request.peer or "")
    may_be_proxy = peer is not None and (is_in(peer, LOOPBACK) or is_in(peer, rules.trusted_proxies))
    hides = not names_client(request.headers) or _names_this_server(request)
    return may_be_proxy and hides and not _is_direct(request)


def _is_own_name(request: Request, rules: Rules) -> bool:
    """Whether a request names a host that no web site can own: its page could read what we answer (DNS rebinding)."""
    hosts = request.values(b"host")
    if not hosts:
        return True  # browsers always send one
    named = _name_and_port(hosts[0], request.scheme) if len(hosts) == 1 else None
    if named is None:
        return False
    name = named[0]
    is_ours = name in rules.server_names or name.endswith(_LOCAL_NAMES)
    return is_ours or "." not in name or parse_address(name) is not None


def _name_and_port(host: str, scheme: str) -> Optional[Tuple[str, Optional[int]]]:
    """The name and the port of a Host header in lower case (RFC 9110 § 7.2); None if it is not one."""
    match = _HOST.match(host)
    if match is None:
        return None
    port = _USUAL_PORT.get(scheme) if match.group(2) is None else int(match.group(2))
    return match.group(1), port
