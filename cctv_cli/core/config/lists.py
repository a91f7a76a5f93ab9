"""Parsers of lists: networks, host names, origins of web pages, webhooks. The environment separates them by commas."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Callable, Tuple, TypeVar
from urllib.parse import urlsplit

from cctv_cli.core.access.addresses import Network
from cctv_cli.core.config.values import Raw
from cctv_cli.core.units import Secret

T = TypeVar("T")

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")  # RFC 6454 § 6.1
_WEBHOOK = re.compile(r"https?://[^\s/]+\S*", re.IGNORECASE)


def networks(raw: Raw) -> Tuple[Network, ...]:
    """IP addresses and networks, such as 192.168.0.0/16."""
    return _items(raw, _network, "an IP address or a network", "networks", "192.168.0.0/16")


def names(raw: Raw) -> Tuple[str, ...]:
    """Host names, in lower case."""
    return _items(raw, _matching(_NAME), "a host name", "names", "cctv.example.org")


def origins(raw: Raw) -> Tuple[str, ...]:
    """Origins of web pages: scheme, host and port, if it is not the usual one, in lower case."""
    return _items(raw, _matching(_ORIGIN), "an origin of web pages", "origins", "https://app.example.org")


def webhooks(raw: Raw) -> Tuple[Secret, ...]:
    """URLs that receive messages."""
    return _items(raw, _webhook, "an http or https URL", "URLs", "https://example.org/hook")


def _items(raw: Raw, parse: Callable[[str], T], what: str, several: str, example: str) -> Tuple[T, ...]:
    """The parsed entries of a list; empty ones do not count. No entry is repeated in an error: it may be a secret."""
    items = raw.value.split(",") if isinstance(raw.value, str) and raw.is_text else raw.value
    if not isinstance(items, list):
        raise ValueError(f'is not a list; write {several}, such as ["{example}"]')
    try:
        return tuple(map(parse, filter(None, (str(item).strip() for item in items))))
    except ValueError:
        raise ValueError(f"has an entry that is not {what}; write {several} such as {example}") from None


def _network(text: str) -> Network:
    return ip_network(text)


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if pattern.fullmatch(text.lower()) is None:
            raise ValueError
        return text.lower()

    return parse


def _webhook(url: str) -> Secret:
    parts = urlsplit(url)
    if _WEBHOOK.fullmatch(url) is None or not parts.hostname or parts.port == 0:
        raise ValueError
    return Secret(url)
