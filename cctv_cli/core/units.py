"""Value types and their text forms: secrets, bit rates, durations."""

from __future__ import annotations

import re
from typing import Optional

_BIT_RATE = re.compile(r"^\s*(\d+)\s*([kKmM]?)\s*$")
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(s|m|h|d)?\s*$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, None: 1}


class Secret:
    """A text that prints as stars; only `reveal()` gives it away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself: for the moment of use, never for print."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> str:
        raise TypeError("a Secret is never pickled")


def parse_bit_rate(text: str) -> int:
    """Read "2000k", "2M" or "128000" into bit/s. Raises ValueError for anything else or zero."""
    match = _BIT_RATE.match(text)
    if match is None:
        raise ValueError("write a bit rate such as 2000k, 2M or 2000000")
    value = int(match.group(1)) * {"": 1, "k": 1000, "m": 1_000_000}[match.group(2).lower()]
    if value == 0:
        raise ValueError("a bit rate is more than zero")
    return value


def parse_duration(text: str) -> float:
    """Read "90", "90s", "10m", "24h" or "7d" into seconds. Raises ValueError otherwise or for zero."""
    match = _DURATION.match(text)
    if match is None:
        raise ValueError("write a duration such as 90s, 10m, 24h or 7d")
    value = float(match.group(1)) * _SECONDS[match.group(2)]
    if value <= 0:
        raise ValueError("a duration is more than zero")
    return value


def write_bit_rate(value: int) -> str:
    """Write bit/s as `parse_bit_rate` reads it back, exactly: "2000k", "128500"."""
    return str(value) if value % 1000 else f"{value // 1000}k"


def format_bit_rate(value: Optional[float]) -> str:
    """Write bit/s the way people say it: "2.0 Mb/s", "256 kb/s"; "-" for None."""
    if value is None:
        return "-"
    if value >= 1_000_000:
        return f"{value / 1_000_000:.1f} Mb/s"
    return f"{value / 1000:.0f} kb/s"
