"""All names that can be set in cameras.toml and as variables, and the hint for an unknown one."""

from __future__ import annotations

import re
from difflib import SequenceMatcher, get_close_matches
from typing import Iterable, NamedTuple, Optional

from cctv_cli.core.config.cameras import CAMERAS
from cctv_cli.core.config.nvrs import NVRS
from cctv_cli.core.config.schema import Spelling, Table
from cctv_cli.core.config.settings import SETTINGS
from cctv_cli.core.config.values import Origin

CONFIG_VARIABLE = "CCTV_CONFIG"
TABLES = (CAMERAS, NVRS)
SPELLINGS = {spelling.table: (table, spelling) for table in TABLES for spelling in table.spellings}
KEYS = frozenset(setting.key for setting in SETTINGS.values())
SECTIONS = frozenset(key.partition(".")[0] for key in KEYS if "." in key)
VARIABLES = frozenset(setting.variable for setting in SETTINGS.values()) | {CONFIG_VARIABLE}

_BY_PREFIX = {spelling.prefix: (table, spelling) for table, spelling in SPELLINGS.values()}
_NUMBERED = re.compile(rf"({'|'.join(_BY_PREFIX)})_([0-9]{{1,9}})_(.+)", re.DOTALL)
_SHARED = frozenset({"LOG"})  # many other programs that share a `.env` have variables such as LOG_LEVEL
_CLOSE = 0.9  # similarity; 1.0 is the same name
_LEAD = re.compile(r"\W*(?:env:)?", re.IGNORECASE)  # PowerShell's `$env:`, or invisible characters
_OURS = {name.partition("_")[0] for name in VARIABLES if "_" in name} - _SHARED | set(_BY_PREFIX)


class NumberedVariable(NamedTuple):
    """A variable of one camera or NVR, such as CAMERA_1_NAME: its number, and its key in capitals."""

    table: Table
    spelling: Spelling
    number: str
    key: str

    def is_secret(self) -> bool:
        """Whether the value may contain a password."""
        key = self.table.key(self.key.lower())
        return key is not None and key.secret


def numbered_variable(name: str) -> Optional[NumberedVariable]:
    """The parts of a numbered variable, known or not; None for any other name."""
    match = _NUMBERED.fullmatch(name)
    return match and NumberedVariable(*_BY_PREFIX[match.group(1)], match.group(2), match.group(3))


def is_known_variable(name: str) -> bool:
    """Whether a variable of this name is read."""
    variable = numbered_variable(name)
    if variable is None:
        return name in VARIABLES
    return name in variable.table.variables(variable.spelling, variable.number)


def looks_like_ours(name: str) -> bool:
    """Whether a variable begins like one of ours, so that an unknown one is probably a mistake."""
    bare = _LEAD.sub("", name, count=1).upper().replace("-", "_").replace(".", "_")
    prefix, underscore, _ = bare.partition("_")
    return bool(underscore) and prefix in _OURS


def meant_variable(name: str) -> Optional[str]:
    """The variable that an unknown one is almost: in another case, with CCTV_ before it, or a letter or two apart."""
    if is_known_variable(name) or not looks_like_ours(name):
        return None
    bare = re.sub("^CCTV_", "", name.upper())
    if is_known_variable(bare):
        return bare
    return next(iter(get_close_matches(name.upper(), sorted(VARIABLES), n=1, cutoff=_CLOSE)), None)


def unknown_variable(origin: Origin) -> str:
    """The sentence for a variable that is not read."""
    variable = numbered_variable(origin.key.upper())
    if variable is not None:
        return _unknown(origin, variable.table.variables(variable.spelling, variable.number), "variable")
    numbered = [name for table, spelling in SPELLINGS.values() for name in table.variables(spelling)]
    return _unknown(origin, [*VARIABLES, *numbered], "variable")


def unknown_key(origin: Origin) -> str:
    """The sentence for a key of cameras.toml outside the tables that repeat."""
    return _unknown(origin, [*KEYS, *SECTIONS, *SPELLINGS], "key")


def unknown_field(origin: Origin, key: str, table: Table, spelling: Spelling) -> str:
    """The sentence for a key of a camera or NVR."""
    for other in TABLES:
        if other.key(key) is not None:
            return f"{origin} is a key of [[{other.spellings[0].table}]], not of [[{spelling.table}]]; write it there."
    return _unknown(origin, [known.name for known in table.keys], "key")


def _unknown(origin: Origin, known: Iterable[str], what: str) -> str:
    written = origin.key.rpartition(" ")[2].lower()
    nearest = max(sorted(known), key=lambda name: SequenceMatcher(None, written, name.lower()).ratio())
    return f"{origin} is not a known {what}; the nearest is {nearest}."
