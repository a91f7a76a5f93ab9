"""Parsers of lists: networks, host names, origins of web pages. In the environment they are separated by commas."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Callable, List, Tuple, TypeVar

from cctv_cli.core.access.addresses import Network
from cctv_cli.core.config.values import Parser, Raw

T = TypeVar("T")

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\Z")
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?\Z")  # RFC 6454 § 6.1


def networks(raw: Raw) -> Tuple[Network, ...]:
    """IP addresses and networks, such as 192.168.0.0/16."""
    return _list_of(_network, "an IP address or a network", '["192.168.0.0/16", "fd00::/8"]')(raw)


def names(raw: Raw) -> Tuple[str, ...]:
    """Host names, in lower case."""
    return _list_of(_matching(_NAME), "a host name", '["cctv.example.org"]')(raw)


def origins(raw: Raw) -> Tuple[str, ...]:
    """Origins of web pages: scheme, host and port, if it is not the usual one, in lower case."""
    return _list_of(_matching(_ORIGIN), "an origin of web pages", '["https://app.example.org"]')(raw)


def _list_of(parse: Callable[[str], T], what: str, example: str) -> Parser[Tuple[T, ...]]:
    def parse_all(raw: Raw) -> Tuple[T, ...]:
        items = raw.value.split(",") if isinstance(raw.value, str) and raw.is_text else raw.value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise ValueError(f"is not a list; write one such as {example}")
        found: List[T] = []
        for item in filter(None, map(str.strip, items)):
            try:
                found.append(parse(item))
            except ValueError:
                raise ValueError(f"has an entry that is not {what}; write a list such as {example}") from None
        return tuple(found)

    return parse_all


def _network(text: str) -> Network:
    return ip_network(text)


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if pattern.match(text.lower()) is None:
            raise ValueError
        return text.lower()

    return parse
