"""Where a request may have come from: the other end of its connection, and addresses in forwarding headers. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Dict, Iterable, List, Optional, Sequence, Tuple, Union

Address = Union[IPv4Address, IPv6Address]
Network = Union[IPv4Network, IPv6Network]
Headers = Iterable[Tuple[bytes, bytes]]  # of ASGI: lower-case names

LOOPBACK: Tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
# RFC 1918, RFC 4193, RFC 3927, RFC 4291; written out, because is_private of `ipaddress` includes much more
LAN: Tuple[Network, ...] = (
    *LOOPBACK,
    *map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "169.254.0.0/16", "fe80::/10")),
)
SHARED = ip_network("100.64.0.0/10")  # RFC 6598: providers, and Tailscale

# headers with one client address, or a list of addresses from the client to the nearest proxy
_ADDRESS_LISTS = frozenset(
    {
        b"x-forwarded-for",
        b"x-real-ip",
        b"cf-connecting-ip",
        b"true-client-ip",
        b"x-client-ip",
        b"fastly-client-ip",
        b"x-cluster-client-ip",
        b"x-original-forwarded-for",
        b"x-envoy-external-address",
        b"fly-client-ip",
    }
)
_OTHERS = frozenset({b"forwarded", b"via", b"x-original-host", b"x-original-url", b"x-proxyuser-ip"})

_LONGEST_FORWARDING_VALUE = 2048  # characters; about fifty addresses
_LONGEST_ADDRESS = 64  # characters; IPv6 with a zone and a port
_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::[0-9]{1,5})?")
_IPV4_WITH_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}")
# RFC 7239 § 4: token "=" ( token / quoted-string ), followed by ";", "," or the end
_FORWARDED_PAIR = re.compile(r'[ \t]*([\w!#$%&\'*+.^`|~-]+)=("[^"\\]*"|[^\s",;]+)[ \t]*(;|,|$)', re.ASCII)


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


@lru_cache(maxsize=4096)
def is_in(address: Address, networks: Tuple[Network, ...]) -> bool:
    """Whether an address is in one of the networks."""
    return any(address in network for network in networks)


def is_forwarding(name: bytes) -> bool:
    """Whether a header of this name shows that a proxy passed a request on."""
    return name in _ADDRESS_LISTS or name in _OTHERS or name.startswith(b"x-forwarded-")


def is_forwarded(headers: Headers) -> bool:
    """Whether a proxy passed a request on, as far as its headers show."""
    return any(is_forwarding(name) for name, _ in headers)


def names_client(headers: Headers) -> bool:
    """Whether a proxy says for whom it passed a request on."""
    return any(name in _ADDRESS_LISTS or name == b"forwarded" for name, _ in headers)


def clients(peer: Optional[str], headers: Headers, trusted: Tuple[Network, ...] = ()) -> Optional[List[Address]]:
    """Every address that a request may have come from; None if one of them cannot be told.

    `peer` is the other end of the connection; a Unix socket has none, and identifies nobody. A `trusted` proxy is not a
    client: of the addresses in each forwarding header, from the nearest on, only the first that is not trusted counts.
    Without trusted proxies each address counts, so a forged one can only restrict.
    """
    nearest = None if peer is None else parse_address(peer)
    if nearest is None:
        return None
    chains = list(_chains(headers))
    if not is_in(nearest, trusted):
        found: List[Optional[Address]] = [nearest, *(address for chain in chains for address in chain)]
    else:
        found = [_client(chain, trusted) for chain in chains] or [nearest]
    known = [address for address in found if address is not None]
    return known if len(known) == len(found) else None


def named(headers: Headers) -> List[str]:
    """The addresses that the forwarding headers name, true or not; "unknown" for what is none."""
    return [str(address or "unknown") for chain in _chains(headers) for address in chain]


def _client(chain: Sequence[Optional[Address]], trusted: Tuple[Network, ...]) -> Optional[Address]:
    """The nearest address of a forwarding header that is no trusted proxy, or the farthest if all are."""
    for address in reversed(chain):
        if address is None or not is_in(address, trusted):
            return address
    return chain[0]


def _chains(headers: Headers) -> Iterable[Sequence[Optional[Address]]]:
    """The addresses in each kind of forwarding header, the nearest one last; None for what is no address."""
    values: Dict[bytes, List[Optional[str]]] = {}
    for name, value in headers:
        if name in _ADDRESS_LISTS:
            values.setdefault(name, []).extend(_listed(value.decode("latin-1")))
        elif name == b"forwarded":
            values.setdefault(name, []).extend(_forwarded_for(value.decode("latin-1")))
    return [[None if text is None else parse_address(text) for text in texts] for texts in values.values()]


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
