"""Value types and their text forms: secrets, names of cameras, bit rates, durations, sizes, free space; safe text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

_NUMBER = r"(\d{1,15}(?:\.\d{1,15})?)"  # enough digits for every quantity; whole numbers are exact as floats
_BIT_RATE = re.compile(r"\s*(\d{1,15})\s*([kKmM]?)\s*\Z", re.ASCII)
_DURATION = re.compile(rf"\s*{_NUMBER}\s*(s|m|h|d)?\s*\Z", re.ASCII)
_SIZE = re.compile(rf"\s*{_NUMBER}\s*([kKMGT]?)(i?)B\s*\Z", re.ASCII)
_PERCENT = re.compile(rf"\s*{_NUMBER}\s*%\s*\Z", re.ASCII)
_POWERS = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}
# Characters that could begin a line, control a terminal, reorder a line, or cannot be written: controls, line ends,
# embeddings and overrides of the writing direction, lone surrogates (bytes that are not UTF-8, by PEP 383).
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, None: 1}


class Secret:
    """Text that prints as stars; only `reveal()` returns it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself: use it, never print it."""
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


class CameraName(str):
    """The name of a camera or its sub stream in messages; `camera` is the camera's id.

    As an argument of a log record it says which camera the record is about.
    """

    camera: str

    def __new__(cls, camera: str, *, sub: bool = False) -> CameraName:
        """The name of the camera with this id, or of its sub stream."""
        name = super().__new__(cls, f"{camera} (sub)" if sub else camera)
        name.camera = camera
        return name


def printable(text: str) -> str:
    """The text as one line that is safe in a terminal, a log and JSON: unsafe characters are escaped, as in `\\x1b`."""
    return _UNSAFE.sub(lambda match: ascii(match.group())[1:-1], text)


def parse_bit_rate(text: str) -> int:
    """Read "2000k", "2M" or "128000" into bit/s. Raises ValueError for anything else or zero."""
    match = _BIT_RATE.match(text)
    if match is None:
        raise ValueError("write a bit rate such as 2000k, 2M or 2000000")
    value = int(match.group(1)) * {"": 1, "k": 1000, "m": 1_000_000}[match.group(2).lower()]
    if value == 0:
        raise ValueError("a bit rate must be more than zero")
    return value


def parse_duration(text: str) -> float:
    """Read "90", "90s", "10m", "24h" or "7d" into seconds. Raises ValueError otherwise or for zero."""
    match = _DURATION.match(text)
    if match is None:
        raise ValueError("write a duration such as 90s, 10m, 24h or 7d")
    value = float(match.group(1)) * _SECONDS[match.group(2)]
    if value <= 0:
        raise ValueError("a duration must be more than zero")
    return value


def write_bit_rate(value: int) -> str:
    """Write bit/s so that `parse_bit_rate` reads back exactly the same: "2000k", "128500"."""
    return str(value) if value % 1000 else f"{value // 1000}k"


def format_bit_rate(value: Optional[float]) -> str:
    """Write bit/s for people: "2.0 Mb/s", "256 kb/s"; "-" for None."""
    if value is None:
        return "-"
    if value >= 1_000_000:
        return f"{value / 1_000_000:.1f} Mb/s"
    return f"{value / 1000:.0f} kb/s"


def format_duration(seconds: float) -> str:
    """Write seconds in the largest unit that `parse_duration` reads back exactly, to the microsecond: "6h", "1.5s"."""
    for unit in ("d", "h", "m"):
        if seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def parse_size(text: str) -> int:
    """Read "500GB", "1.5TB" or "20GiB" into bytes. Raises ValueError for anything else or zero."""
    match = _SIZE.match(text)
    if match is None:
        raise ValueError("write a size such as 500GB, 1.5TB or 20GiB")
    value = int(float(match.group(1)) * (1024 if match.group(3) else 1000) ** _POWERS[match.group(2)])
    if value == 0:
        raise ValueError("a size must be more than zero")
    return value


def format_size(value: float) -> str:
    """Write bytes for people: "1.5 TB", "12 GB", "340 MB", "0 B"."""
    size, unit = float(value), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if abs(size) < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.1f} {unit}" if unit != "B" and abs(size) < 10 else f"{size:.0f} {unit}"


@dataclass(frozen=True)
class FreeSpace:
    """How much of a disk to keep free: a share of it in percent, or bytes."""

    percent: float = 0.0
    bytes: int = 0

    def of(self, total: int) -> int:
        """The bytes to keep free on a disk of `total` bytes, at most half of them."""
        return min(round(total * self.percent / 100) + self.bytes, total // 2)

    def __str__(self) -> str:
        return f"{self.percent:g}%" if self.percent else f"{self.bytes}B"


def parse_free_space(text: str) -> FreeSpace:
    """Read "5%" or "20GB". Raises ValueError for anything else."""
    percent = _PERCENT.match(text)
    if percent is None:
        try:
            return FreeSpace(bytes=parse_size(text))
        except ValueError:
            raise ValueError("write a share of the disk or a size, such as 5% or 20GB") from None
    value = float(percent.group(1))
    if not 0 < value <= 50:
        raise ValueError("write a share above 0%, up to 50%")
    return FreeSpace(percent=value)


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 recording", "1,200 recordings"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
