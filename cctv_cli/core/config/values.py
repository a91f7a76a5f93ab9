"""Single values of the configuration: as a layer has them, their parsers, and the sentence for a bad one.

A parser takes a `Raw` and returns the value, or raises ValueError with the rest of a sentence that begins
with the value: "is not a whole number from 1 to 65535; write one such as 8000".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Callable, Generic, List, Optional, Sequence, Tuple, TypeVar
from urllib.parse import urlsplit

from cctv_cli.core import clock
from cctv_cli.core.layout import is_camera_id
from cctv_cli.core.units import (
    FreeSpace,
    Secret,
    format_duration,
    parse_bit_rate,
    parse_duration,
    parse_free_space,
    parse_size,
)

T = TypeVar("T")

_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_WINDOWS_DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9._:%-]+")
_WEBHOOK = re.compile(r"https?://[^\s/]+\S*", re.IGNORECASE)
_ACCEL = re.compile(r"/(?:[\w-][\w.-]*/)+", re.ASCII)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Layer(IntEnum):
    """Where values come from; the higher one wins."""

    DEFAULT = 0
    FILE = 1
    DOTENV = 2
    ENVIRONMENT = 3
    COMMAND_LINE = 4


@dataclass(frozen=True)
class Origin:
    """Where a value came from: a source such as "environment" or "cameras.toml", and its key there."""

    source: str
    key: str

    def __str__(self) -> str:
        return f"{self.source}: {self.key}" if self.key else self.source


DEFAULT = Origin("default", "")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Raw:
    """A value as one layer has it, unchecked. Relative paths start from `folder`; a secret is not shown."""

    value: object = field(repr=False)
    origin: Origin
    layer: Layer
    folder: Path
    secret: bool = False

    @property
    def is_text(self) -> bool:
        """Whether this layer has only text, also for numbers and booleans."""
        return self.layer in (Layer.DOTENV, Layer.ENVIRONMENT)


@dataclass(frozen=True)
class Picked(Generic[T]):
    """A checked value and where it came from."""

    value: T
    origin: Origin
    layer: Layer


Parser = Callable[[Raw], T]


def pick(raws: Sequence[Raw], parse: Parser[T], problems: List[str]) -> Optional[Picked[T]]:
    """Check one setting in all its layers, the lowest first; the highest is the effective one.

    A bad value is a problem even if a higher layer overrides it.
    """
    found = None
    for raw in raws:
        try:
            if not _is_utf8(raw.value):
                raise ValueError("is not UTF-8; write it in UTF-8")
            found = Picked(parse(raw), raw.origin, raw.layer)
        except ValueError as reason:
            problems.append(f"{raw.origin}{_shown(raw)} {reason}.")
    return found


def _is_utf8(value: object) -> bool:
    """Whether a value, if it is text, can be encoded: the environment may hold any bytes (PEP 383)."""
    return not isinstance(value, str) or not _SURROGATE.search(value)


def _shown(raw: Raw) -> str:
    """` = value`, or nothing if the value may contain a password or is neither text nor a number."""
    value = str(raw.value) if isinstance(raw.value, Path) else raw.value
    if raw.secret or not isinstance(value, (str, int, float)):
        return ""
    if isinstance(value, str) and ("://" in value or "@" in value):  # a URL in the wrong place
        return ""
    if not _is_utf8(value):
        return ""
    text = json.dumps(value, ensure_ascii=False)
    return f" = {text if len(text) <= 80 else text[:79] + '…'}"


def whole_number(low: int, high: int, example: int) -> Parser[int]:
    """A parser of whole numbers from `low` to `high`."""

    def parse(raw: Raw) -> int:
        value = raw.value
        if isinstance(value, str):
            if not raw.is_text:
                raise ValueError(f"is text; write a whole number without quotes, such as {example}")
            value = int(value) if re.fullmatch(r"\s*[0-9]{1,9}\s*", value) else None
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise ValueError(f"is not a whole number from {low} to {high}; write one such as {example}")

    return parse


def bit_rate(low: int, high: int) -> Parser[int]:
    """A parser of bit rates from `low` to `high` bit/s: text such as "2000k", or a number."""

    def parse(raw: Raw) -> int:
        value = raw.value
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise ValueError('is not a bit rate; write one such as "2000k", or a number of bit/s')
        try:
            rate = parse_bit_rate(str(value))
        except ValueError as reason:
            raise ValueError(f"is not a bit rate; {reason}") from None
        if not low <= rate <= high:
            raise ValueError(f"is out of range; write {low // 1000}k to {high // 1000}k (k is 1000 bit/s)")
        return rate

    return parse


def duration(low: float, high: float, example: str) -> Parser[float]:
    """A parser of durations from `low` to `high` seconds: text such as "6h", or a number of seconds."""

    def parse(raw: Raw) -> float:
        if isinstance(raw.value, bool) or not isinstance(raw.value, (str, int, float)):
            raise ValueError(f'is not a duration; write one such as "{example}"')
        try:
            seconds = parse_duration(str(raw.value))
        except ValueError as reason:
            raise ValueError(f"is not a duration; {reason}") from None
        if not low <= seconds <= high:
            raise ValueError(f"is out of range; write one from {format_duration(low)} to {format_duration(high)}")
        return seconds

    return parse


def size(raw: Raw) -> int:
    """A size in bytes, from text such as "500GB"."""
    if not isinstance(raw.value, str):
        raise ValueError('is not a size; write one such as "500GB", in quotes')
    try:
        return parse_size(raw.value)
    except ValueError as reason:
        raise ValueError(f"is not a size; {reason}") from None


def free_space(raw: Raw) -> FreeSpace:
    """A share of a disk or a size, from text such as "5%" or "20GB"."""
    if not isinstance(raw.value, str):
        raise ValueError('is not an amount of free space; write one such as "5%" or "20GB", in quotes')
    try:
        return parse_free_space(raw.value)
    except ValueError as reason:
        raise ValueError(f"is not an amount of free space; {reason}") from None


def webhooks(raw: Raw) -> Tuple[Secret, ...]:
    """URLs that receive alerts; in the environment separated by commas."""
    items = raw.value.split(",") if isinstance(raw.value, str) and raw.is_text else raw.value
    if not isinstance(items, list):
        raise ValueError('is not a list; write URLs, such as ["https://example.org/hook"]')
    urls = [str(item).strip() for item in items if str(item).strip()]
    if not all(map(_is_webhook, urls)):
        raise ValueError("has an entry that is not an http or https URL; write URLs such as https://example.org/hook")
    return tuple(map(Secret, urls))


def _is_webhook(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return _WEBHOOK.fullmatch(url) is not None and bool(parts.hostname) and parts.port != 0
    except ValueError:  # bad brackets or port; the error's own text may contain the URL
        return False


def choice(*words: str) -> Parser[str]:
    """A parser of one of these words."""

    def parse(raw: Raw) -> str:
        if raw.value not in words:
            raise ValueError(f"is not one of {', '.join(words)}; write one of them")
        return str(raw.value)

    return parse


def accel_redirect(raw: Raw) -> str:
    """The path of a proxy's internal location, which begins and ends with a slash."""
    value = text(raw)
    if _ACCEL.fullmatch(value) is None:
        raise ValueError("is not an internal location; write a path with a slash at both ends, such as /cctv-media/")
    return value


def boolean(raw: Raw) -> bool:
    """true or false; in the environment also 1/0, yes/no, on/off in any case."""
    if isinstance(raw.value, bool):
        return raw.value
    if not raw.is_text:
        raise ValueError("is not a boolean; write true or false without quotes")
    word = str(raw.value).strip().lower()
    if word not in _TRUE + _FALSE:
        raise ValueError("is not a boolean; write true or false (1/0, yes/no and on/off work too)")
    return word in _TRUE


def text(raw: Raw) -> str:
    """Text without control characters."""
    if not isinstance(raw.value, str):
        raise ValueError("is not text; write it in quotes")
    if CONTROL.search(raw.value):
        raise ValueError("contains a control character or a line break; remove it")
    return raw.value


def secret(raw: Raw) -> Secret:
    """A password."""
    return Secret(text(raw))


def path(raw: Raw) -> Path:
    """A path, made absolute from the folder of its layer; a leading `~` is the home folder."""
    written = raw.value if isinstance(raw.value, Path) else Path(text(raw))
    try:
        return raw.folder / written.expanduser()
    except RuntimeError:
        raise ValueError("begins with ~, but no home folder is known; write the whole path") from None


def host(raw: Raw) -> str:
    """A name or address to listen on."""
    value = text(raw)
    if _HOST.fullmatch(value) is None:
        raise ValueError("is not a host; write a name or address such as 0.0.0.0, :: or 127.0.0.1, without a port")
    return value


retention_days = whole_number(1, 36500, 30)


def time_zone(raw: Raw) -> str:
    """The IANA name of a zone that exists here."""
    name = text(raw)
    try:
        clock.zone(name)
    except (KeyError, ValueError, OSError):  # unknown, not a relative path, a folder of zones
        raise ValueError("is not a known time zone; write an IANA name such as Europe/Berlin") from None
    return name


def camera_id(raw: Raw) -> str:
    """An id that is a legal folder name on every system."""
    value = text(raw)
    if not is_camera_id(value):
        raise ValueError("is not a camera id; write letters a-z, digits, _ and -, at most 64, such as camera_01")
    if _WINDOWS_DEVICE.fullmatch(value):
        raise ValueError(f"is a device name on Windows; write another id such as camera_{value}")
    return value
