"""How settings are declared: each one once, with its names, parser, text form and meaning.

`Settings` declares the general ones, `cameras` and `nvrs` the keys of their tables. Loading, `cctv config`,
the hints for unknown names, and the tests of README and cameras.toml all use these declarations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Generic, List, Optional, Tuple

from cctv_cli.core.config.values import Origin, Parser, Picked, Raw, T, pick

Fields = Dict[str, List[Raw]]  # one camera or NVR: the values of each key, the lowest layer first
Origins = Dict[str, Origin]


@dataclass(frozen=True)
class Setting:
    """A general setting.

    `key` is its dotted key in cameras.toml, `variable` its environment variable. `show` formats a value as
    text; `unset` is the text if there is no value. `meaning` describes the value with its unit.
    """

    key: str
    variable: str
    parse: Parser[Any]
    meaning: str
    show: Callable[[Any], str]
    unset: str

    def text(self, value: object) -> str:
        """The value for people; `unset` in parentheses if there is none."""
        return f"({self.unset})" if value is None or value == () else self.show(value)


def setting(
    default: T,
    key: str,
    variable: str,
    parse: Parser[T],
    meaning: str,
    *,
    show: Callable[[Any], str] = str,
    unset: str = "none",
) -> T:
    """A field of `Settings` that the user may set; see `Setting`."""
    declared = Setting(key, variable, parse, meaning, show, unset)
    return field(default=default, metadata={"setting": declared})


@dataclass(frozen=True)
class Key(Generic[T]):
    """A key of a camera or an NVR. `default` describes what applies if it is not set, `meaning` the value.

    The value of a `secret` key may contain a password. Without `has_variable` a key exists only in cameras.toml.
    """

    name: str
    parse: Parser[T]
    meaning: str
    default: str = ""
    secret: bool = False
    has_variable: bool = True

    def read(self, fields: Fields, problems: List[str]) -> Optional[Picked[T]]:
        """The effective value, checked in every layer; None if it is not set or not usable."""
        return pick(fields.get(self.name, ()), self.parse, problems)


@dataclass(frozen=True)
class Spelling:
    """One way to write the entries of a table: [[nvrs]] in cameras.toml, NVR_<n>_… as variables."""

    table: str
    word: str

    @property
    def prefix(self) -> str:
        """The first part of the names of its variables."""
        return self.word.upper()


@dataclass(frozen=True)
class Table:
    """A table that may repeat, with one entry for each camera or NVR.

    All `spellings` mean the same; the first is the documented one. `noun` with its `article` names an
    entry in messages; `example_id` and `needs` say what to write. `id` is one of the `keys`.
    """

    noun: str
    article: str
    spellings: Tuple[Spelling, ...]
    id: Key[str]
    keys: Tuple[Key[Any], ...]
    example_id: str
    needs: str

    def key(self, name: str) -> Optional[Key[Any]]:
        """The key with this name."""
        return next((key for key in self.keys if key.name == name), None)

    def variables(self, spelling: Spelling, number: str = "1") -> List[str]:
        """The variables of entry `number`."""
        return [f"{spelling.prefix}_{number}_{key.name.upper()}" for key in self.keys if key.has_variable]
