"""Reads the variables of the environment and of `.env` into raw values, and reports unknown ones.

`.env` is read by python-dotenv without interpolation: a `$` is a `$`. In single quotes every character except
`'` and a backslash is literal; without quotes a `#` after a space begins a comment. A name that is repeated
with another value is refused, because either value may be the one that was meant.
"""

from __future__ import annotations

import os.path
import re
from io import StringIO
from pathlib import Path
from typing import Dict, List, Mapping, Sequence, Tuple

from dotenv.parser import Binding, parse_stream

from cctv_cli.core.config import names
from cctv_cli.core.config.entries import Written
from cctv_cli.core.config.login import PASSWORD
from cctv_cli.core.config.schema import Fields, Table
from cctv_cli.core.config.settings import SETTINGS
from cctv_cli.core.config.text_file import read_text
from cctv_cli.core.config.values import Layer, Origin, Raw, is_blank

DOTENV_NAME = ".env"
Raws = Dict[str, Raw]  # by variable or by dotted key


def read_environment(environ: Mapping[str, str], cwd: Path, problems: List[str]) -> Raws:
    """The variables of the environment. Unknown ones are reported only if they are numbered: others may belong to
    other programs.
    """
    for name in environ:
        if names.numbered_variable(name.upper()) is not None and not names.is_known_variable(name):
            problems.append(names.unknown_variable(Origin("environment", name)))
    return _raws(environ, "environment", Layer.ENVIRONMENT, cwd)


def read_dotenv(cwd: Path, problems: List[str]) -> Tuple[Raws, bool]:
    """The variables of `.env`, and whether all of it could be read. A missing file is an empty one."""
    path = cwd / DOTENV_NAME
    if not os.path.exists(path) or os.path.isdir(path):  # a folder named .env is a virtual environment
        return {}, True
    text = read_text(path, DOTENV_NAME, "let the user that runs cctv read it", problems)
    if text is None:
        return {}, False
    bindings = list(parse_stream(StringIO(text)))
    bad = [binding for binding in bindings if binding.error]
    for binding in bad:
        problems.append(f".env: line {_line(binding)} is not KEY=value; correct it, and close any quote that it opens.")
    named = [binding for binding in bindings if binding.key is not None and names.is_known_variable(binding.key)]
    _check_lines(named, problems)
    found = {binding.key: binding.value or "" for binding in bindings if binding.key is not None}
    for name in found:
        if names.looks_like_ours(name) and not names.is_known_variable(name):
            problems.append(names.unknown_variable(Origin(DOTENV_NAME, name)))
    return _raws(found, DOTENV_NAME, Layer.DOTENV, cwd), not bad


def _line(binding: Binding) -> int:
    """The line number of a binding, without the blank lines that its text begins with."""
    text = binding.original.string
    blank = text[: len(text) - len(text.lstrip())]
    return int(binding.original.line) + len(re.findall(r"\r\n|\r|\n", blank))


def _check_lines(bindings: Sequence[Binding], problems: List[str]) -> None:
    """Report lines of `.env` that may mean something other than what is read."""
    first: Dict[str, Binding] = {}
    for binding in bindings:
        known = first.setdefault(binding.key or "", binding)
        if known.value != binding.value:
            problems.append(
                f".env: {binding.key} is on line {_line(known)} and, with another value, on line {_line(binding)}; "
                "remove one of the two lines."
            )
        if binding.value is None:
            problems.append(
                f".env: line {_line(binding)} has {binding.key} without a value; write {binding.key}=value."
            )
        if _is_cut_off(binding):
            problems.append(
                f".env: the password on line {_line(binding)} ends before a #, which begins a comment there; "
                "put the password in single quotes, or the comment on a line of its own."
            )


def _is_cut_off(binding: Binding) -> bool:
    """Whether a password is followed by a comment, which may be the rest of the password."""
    variable = names.numbered_variable(binding.key or "")
    written = binding.original.string.partition("=")[2].strip()
    is_password = variable is not None and variable.key == PASSWORD.name.upper()
    return is_password and written[:1] not in ("'", '"') and re.search(r"\s#", written) is not None


def _raws(found: Mapping[str, str], source: str, layer: Layer, cwd: Path) -> Raws:
    raws = {}
    for name, value in found.items():
        if not is_blank(value) and names.is_known_variable(name):
            variable = names.numbered_variable(name)
            raws[name] = Raw(value, Origin(source, name), layer, cwd, variable is not None and variable.is_secret())
    return raws


def by_key(variables: Raws) -> Raws:
    """The variables of general settings, by dotted key."""
    return {setting.key: variables[setting.variable] for setting in SETTINGS.values() if setting.variable in variables}


def numbered(table: Table, dotenv: Raws, environment: Raws) -> List[Written]:
    """The table's numbered variables as entries, by number; `.env` before the environment, which overrides it."""
    groups: Dict[Tuple[int, str, str], Fields] = {}
    for name, raw in [*dotenv.items(), *environment.items()]:
        variable = names.numbered_variable(name)
        if variable is not None and variable.table is table:
            group = (int(variable.number), variable.number, variable.spelling.prefix)
            groups.setdefault(group, {}).setdefault(variable.key.lower(), []).append(raw)
    return [Written(f"{prefix}_<n>", groups[number, text, prefix]) for number, text, prefix in sorted(groups)]
