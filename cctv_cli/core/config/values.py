"""Single values of the configuration: raw values, their parsers, and the sentence for a bad one.

A parser takes a `Raw` and returns the value, or raises ValueError with the rest of a sentence that begins
with the value: "is not a whole number from 1 to 65535; write one such as 8000".
"""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Callable, Generic, List, Optional, Sequence, TypeVar

from cctv_cli.core import clock
from cctv_cli.core.access.outside import parse_base_path
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
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_COMMENT = re.compile(r"\s#")
_QUOTES = tuple("\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb")
_VARIABLE = re.compile(r"\$[A-Za-z_({]|%[A-Za-z_][A-Za-z0-9_()]*%")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
# zero-width characters, marks and overrides of the writing direction, soft hyphen, byte order mark
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_ACCEL = re.compile(r"/(?:[\w-][\w.-]*/)+", re.ASCII)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Layer(IntEnum):
    """Where values come from; a higher layer overrides a lower one."""

    DEFAULT = 0
    FILE = 1
    DOTENV = 2
    ENVIRONMENT = 3
    COMMAND_LINE = 4


@dataclass(frozen=True)
class Origin:
    """Where a value comes from: a source such as "environment" or "cameras.toml", and the key there."""

    source: str
    key: str

    def __str__(self) -> str:
        return f"{self.source}: {self.key}" if self.key else self.source


DEFAULT = Origin("default", "")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Raw:
    """An unchecked value of one layer. Relative paths start from `folder`; a secret is never shown."""

    value: object = field(repr=False)
    origin: Origin
    layer: Layer
    folder: Path
    secret: bool = False

    @property
    def is_text(self) -> bool:
        """Whether this layer writes numbers and booleans as text, too."""
        return self.layer in (Layer.DOTENV, Layer.ENVIRONMENT)


@dataclass(frozen=True)
class Picked(Generic[T]):
    """A checked value and its origin."""

    value: T
    origin: Origin
    layer: Layer


Parser = Callable[[Raw], T]


def pick(raws: Sequence[Raw], parse: Parser[T], problems: List[str]) -> Optional[Picked[T]]:
    """Check one setting in all its layers, the lowest first, and return the highest.

    A bad value is a problem even if a higher layer overrides it.
    """
    found = None
    for raw in raws:
        try:
            if not _is_utf8(raw.value):
                raise ValueError("is not UTF-8; write it in UTF-8")
            found = Picked(parse(raw), raw.origin, raw.layer)
        except ValueError as reason:
            problems.append(f"{raw.origin}{_shown(raw)} {reason}{_comment_hint(raw)}.")
    return found


def is_blank(value: object) -> bool:
    """Whether a value is empty text or only whitespace, which counts as not set."""
    return isinstance(value, str) and not value.strip()


def in_quotes(text: str) -> bool:
    """Whether text begins or ends with a quote, straight or typographic."""
    return text.startswith(_QUOTES) or text.endswith(_QUOTES)


def _comment_hint(raw: Raw) -> str:
    """The cure for a comment after a value: `.env` allows it, other files of variables do not."""
    if raw.layer is Layer.ENVIRONMENT and isinstance(raw.value, str) and _COMMENT.search(raw.value):
        return "; docker --env-file and systemd take a comment only on a line of its own"
    return ""


def _is_utf8(value: object) -> bool:
    """Whether text can be encoded; in the environment it may be any bytes (PEP 383)."""
    return not isinstance(value, str) or not _SURROGATE.search(value)


def _shown(raw: Raw) -> str:
    """` = value`, or "" if the value may contain a password or is neither text nor a number."""
    value = str(raw.value) if isinstance(raw.value, Path) else raw.value
    if raw.secret or not isinstance(value, (str, int, float)):
        return ""
    if isinstance(value, str) and ("://" in value or "@" in value):  # may be a URL with a password
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
    return _quantity(raw, parse_size, "a size", '"500GB"')


def free_space(raw: Raw) -> FreeSpace:
    """A share of a disk or a size, from text such as "5%" or "20GB"."""
    return _quantity(raw, parse_free_space, "an amount of free space", '"5%" or "20GB"')


def _quantity(raw: Raw, parse: Callable[[str], T], what: str, examples: str) -> T:
    if not isinstance(raw.value, str):
        raise ValueError(f"is not {what}; write one such as {examples}, in quotes")
    try:
        return parse(raw.value)
    except ValueError as reason:
        raise ValueError(f"is not {what}; {reason}") from None


def choice(*words: str) -> Parser[str]:
    """A parser of one of these words."""

    def parse(raw: Raw) -> str:
        word = raw.value.strip() if isinstance(raw.value, str) else raw.value
        if word not in words:
            raise ValueError(f"is not one of {', '.join(words)}; write one of them")
        return str(word)

    return parse


def accel_redirect(raw: Raw) -> str:
    """The path of an internal location of nginx; it begins and ends with a slash."""
    value = text(raw)
    if _ACCEL.fullmatch(value) is None:
        raise ValueError("is not an internal location; write a path with a slash at both ends, such as /cctv-media/")
    return value


def base_path(raw: Raw) -> str:
    """The path under which a proxy shows this server, without a slash at its end."""
    value = parse_base_path(text(raw))
    if value is None:
        raise ValueError("is not a path that can precede the server's own; write letters and digits, such as /cctv")
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
    """Text without control characters; surrounding whitespace is removed."""
    return _without_control(_written(raw).strip())


def secret(raw: Raw) -> Secret:
    """A password. Surrounding spaces belong to it; a line end does not."""
    return Secret(_without_control(_written(raw).strip("\r\n")))


def _written(raw: Raw) -> str:
    if not isinstance(raw.value, str):
        raise ValueError("is not text; write it in quotes")
    return raw.value


def _without_control(value: str) -> str:
    if CONTROL.search(value):
        raise ValueError("contains a control character or a line break; remove it")
    return value


def path(raw: Raw) -> Path:
    """A path, made absolute from the folder of its layer; a leading `~` is the home folder."""
    written = raw.value if isinstance(raw.value, Path) else Path(_path_text(text(raw)))
    try:
        bytes(written)  # raises UnicodeEncodeError if file names cannot have it
        return raw.folder / written.expanduser()
    except UnicodeEncodeError:
        raise ValueError("has a character that file names cannot have in this locale; set LC_ALL=C.UTF-8") from None
    except RuntimeError:
        raise ValueError("begins with ~, but the home folder is unknown; write the whole path") from None


def _path_text(value: str) -> str:
    """The text of a path. Raises ValueError if it is probably not the path that was meant."""
    if in_quotes(value):
        raise ValueError("has a quote at its start or end, which would be part of the path; remove it")
    if _VARIABLE.search(value):
        raise ValueError("contains a variable, which is not replaced by its value here; write the whole path")
    if _COMMENT.search(value):
        raise ValueError("contains a comment, which would be part of the path; put it on a line of its own")
    if _INVISIBLE.search(value):
        raise ValueError("contains an invisible character; type the path again")
    if _URL.match(value):
        raise ValueError(
            "is a URL; write the path of a file or folder on this machine, such as the mount point of a share"
        )
    if _DRIVE.match(value) and not Path(value).is_absolute():
        raise ValueError("is a Windows path; write a path on this machine, such as /srv/cctv")
    return value


def host(raw: Raw) -> str:
    """A host name or address to listen on."""
    value = text(raw)
    if not (_is_ipv6(value) or (_HOST.fullmatch(value) and not is_wrong_ipv4(value))):
        raise ValueError(
            "is not a host; write only a name or address, such as 0.0.0.0, :: or 127.0.0.1; "
            "the port has its own setting"
        )
    return value


def _is_ipv6(value: str) -> bool:
    try:
        ipaddress.IPv6Address(value.partition("%")[0])  # after the % comes the name of a network interface
    except ValueError:
        return False
    return True


def is_wrong_ipv4(host: str) -> bool:
    """Whether a host is meant as an IPv4 address but is not one: 10.0.0.300, 10.0.0.x, 10.1, 10.0.0.064 (octal)."""
    parts = host.lower().split(".")
    if not all(re.fullmatch("[0-9]+|x+", part) for part in parts) or not (host.isdigit() or "." in host):
        return False
    return len(parts) != 4 or not all(re.fullmatch("0|[1-9][0-9]{0,2}", part) and int(part) < 256 for part in parts)


retention_days = whole_number(1, 36500, 30)


def time_zone(raw: Raw) -> str:
    """The IANA name of a time zone that this system knows."""
    name = text(raw)
    try:
        clock.zone(name)
    except (KeyError, ValueError, OSError):  # an unknown name, an absolute path, a folder of zones
        nearest = clock.similar_zone(name) or "Europe/Berlin"
        raise ValueError(f"is not a known time zone; write an IANA name such as {nearest}") from None
    return name


def camera_id(raw: Raw) -> str:
    """An id that is a legal folder name on every system."""
    value = text(raw)
    if not is_camera_id(value):
        raise ValueError("is not a camera id; write letters a-z, digits, _ and -, at most 64, such as camera_01")
    if _WINDOWS_DEVICE.fullmatch(value):
        raise ValueError(f"is a device name on Windows; write another id such as camera_{value}")
    return value
