"""Parses the request headers that select what is sent: Range, If-None-Match, Accept-Encoding. Pure, in linear time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

# a single range of bounded length: lists of ranges can exhaust a server (RFC 9110 § 17.15)
_SINGLE_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)
_ENTITY_TAG = re.compile(r'"[^"]*"')
_WEIGHT = re.compile(r"[ \t]*q=([01](?:\.[0-9]{0,3})?)[ \t]*")


@dataclass(frozen=True)
class ByteRange:
    """Bytes `start` (inclusive) to `stop` (exclusive) of a file."""

    start: int
    stop: int


class RangeNotSatisfiable(ValueError):
    """The file does not have the requested bytes: the answer is 416 (RFC 9110 § 15.5.17)."""


def parse_range(value: str, size: int) -> Optional[ByteRange]:
    """The range of a Range header in a file of `size` bytes (RFC 9110 § 14.2).

    None means the whole file: the header is malformed, in another unit, or has several ranges. Raises
    RangeNotSatisfiable for a range beyond the end, and for a suffix of zero bytes.
    """
    match = _SINGLE_RANGE.fullmatch(value)
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if first == "":
        return _suffix(int(last), size)
    start = int(first)
    stop = int(last) + 1 if last else size
    if last and stop <= start:
        return None
    if start >= size:
        raise RangeNotSatisfiable(value)
    return ByteRange(start, min(stop, size))


def _suffix(length: int, size: int) -> Optional[ByteRange]:
    if length == 0:
        raise RangeNotSatisfiable("a suffix of zero bytes")
    if size == 0:
        return None  # the whole, empty file: Content-Range has no way to write it
    return ByteRange(max(0, size - length), size)


def matches_etag(value: str, etag: str) -> bool:
    """Whether an If-None-Match header names the strong `etag`, by weak comparison (RFC 9110 § 13.1.2)."""
    return value.strip() == "*" or etag in _ENTITY_TAG.findall(value)


def accepts_gzip(value: str) -> bool:
    """Whether an Accept-Encoding header allows gzip (RFC 9110 § 12.5.3); False if it cannot be parsed."""
    weights = {}
    for item in value.lower().split(","):
        coding, _, parameter = item.partition(";")
        weights[coding.strip()] = _weight(parameter)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weight(parameter: str) -> float:
    if not parameter:
        return 1.0
    match = _WEIGHT.fullmatch(parameter)
    return float(match.group(1)) if match else 0.0
