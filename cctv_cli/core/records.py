"""Records in files: frozen dataclasses to JSON and back; every value has a bound, every format a version. Pure.

Files on disk may be torn, damaged or written by somebody else. Decoding never raises: a record is returned whole or
not at all, unknown fields are ignored, and every returned value can be used as it is. Fields are declared with the
types below, which pydantic checks strictly and mypy reads as plain types.

A format that changes in a way that an older cctv would misread gets the next version. A file without one is version 1.
"""

from __future__ import annotations

import errno
import json
from dataclasses import asdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Dict, Hashable, Mapping, Optional, Type, TypeVar, cast

from pydantic import StrictBool, TypeAdapter, ValidationError, confloat, conint, constr
from pydantic_core import from_json

from cctv_cli.core.clock import EARLIEST, LATEST

LONGEST_TEXT = 2000  # characters
MOST_SECONDS = 5e9  # 158 years; a gap may be as long as a clock was wrong by
MOST_BYTES = 10**18 - 1
_MOST_NUMBER = 10**11
_MOST_PID = 2**31 - 1
_CUT = "…"

if TYPE_CHECKING:
    Text = str
    RunId = str
    FileName = str
    Instant = float
    Seconds = float
    MediaTime = float
    Anchor = float
    Bytes = int
    Number = int
    WholeSeconds = int
    Pid = int
    Flag = bool
else:
    Text = constr(strict=True, max_length=LONGEST_TEXT)
    RunId = constr(strict=True, pattern=r"^[0-9a-f]{16}$")
    FileName = constr(strict=True, pattern=r"^[A-Za-z0-9_./-]{1,100}$")  # each is a valid path
    Instant = confloat(strict=True, allow_inf_nan=False, ge=EARLIEST, lt=LATEST)
    Seconds = confloat(strict=True, allow_inf_nan=False, ge=0.0, le=MOST_SECONDS)
    MediaTime = confloat(strict=True, allow_inf_nan=False, ge=-MOST_SECONDS, le=MOST_SECONDS)
    Anchor = confloat(strict=True, allow_inf_nan=False, ge=-MOST_SECONDS, lt=LATEST)  # media may begin far from 0
    Bytes = conint(strict=True, ge=0, le=MOST_BYTES)
    Number = conint(strict=True, ge=0, le=_MOST_NUMBER)
    WholeSeconds = conint(strict=True, ge=0, le=3600)
    Pid = conint(strict=True, ge=1, le=_MOST_PID)
    Flag = StrictBool

Record = TypeVar("Record")


class NewerFormat(OSError):
    """A file whose format is newer than this program knows; it is neither read nor changed."""

    def __init__(self, file: object, version: int) -> None:
        sentence = (
            f"{file} was written by a newer cctv (format {version}); upgrade this cctv, or choose another storage"
        )
        super().__init__(errno.EINVAL, sentence, str(file))
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


def parse(data: bytes) -> Dict[str, Any]:
    """The JSON object in these bytes; an empty one if there is none. The parser limits nesting and digits."""
    try:
        value = from_json(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def decode(kind: Type[Record], values: Mapping[str, Any], *, forgiving: bool = False) -> Optional[Record]:
    """The record in a parsed object; None if a field is missing or damaged.

    With `forgiving`, a damaged field takes its default. For records whose fields do not depend on each other.
    """
    try:
        record: Record = _adapter(cast(Hashable, kind)).validate_python(values)
        return record
    except ValidationError as error:
        damaged = {problem["loc"][0] for problem in error.errors(include_url=False, include_input=False)}
    if not forgiving or not damaged.intersection(values):
        return None
    return decode(kind, {name: value for name, value in values.items() if name not in damaged})


@lru_cache(maxsize=None)
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, kind))


def encode(record: Any, version: int) -> str:
    """The text of a file that holds a record; see `write`."""
    return write(asdict(record), version)


def write(values: Mapping[str, Any], version: int) -> str:
    """The text of a file that holds these values: one line of JSON. Texts that are too long are cut."""
    return json.dumps({"version": version, **_bounded(values)}) + "\n"


def version_of(values: Mapping[str, Any]) -> int:
    """The format version of a parsed object; 1 if it has none."""
    version = values.get("version")
    return version if isinstance(version, int) and not isinstance(version, bool) else 1


def refuse_newer(file: object, values: Mapping[str, Any], known: int) -> None:
    """Raise NewerFormat if a parsed file has a newer format than the `known` version."""
    if version_of(values) > known:
        raise NewerFormat(file, version_of(values))


def bounded(text: str) -> str:
    """The text as it is written to files: cut with an ellipsis if it is too long, and without lone surrogates."""
    text = text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - len(_CUT)] + _CUT
    return text.encode("utf-8", "replace").decode()


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return bounded(value)
    if isinstance(value, Mapping):
        return {bounded(key): _bounded(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_bounded(each) for each in value]
    return value
