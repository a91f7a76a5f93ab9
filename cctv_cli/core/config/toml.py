"""Reads cameras.toml into raw values and reports unknown keys."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Mapping, Optional

import tomli

from cctv_cli.core.config import names
from cctv_cli.core.config.entries import Written
from cctv_cli.core.config.login import PASSWORD, USERNAME
from cctv_cli.core.config.schema import Fields, Spelling, Table
from cctv_cli.core.config.text_file import read_text
from cctv_cli.core.config.values import Layer, Origin, Raw, is_blank

# characters that come from web pages and word processors
_PASTED = re.compile("[\u00a0\u00ab\u00bb\u200b-\u200f\u2018-\u201e\u2060\ufeff]")


@dataclass(frozen=True)
class TomlFile:
    """What cameras.toml contains: general settings by dotted key, and the entries of each table by its noun."""

    folder: Path
    general: Dict[str, Raw] = field(default_factory=dict)
    entries: Dict[str, List[Written]] = field(default_factory=dict)


def read_toml(path: Path, cwd: Path, problems: List[str]) -> Optional[TomlFile]:
    """The contents of the file; None if it cannot be read."""
    name = str(path)
    text = read_text(cwd / path, name, "create it, let this user read it, or correct --config or CCTV_CONFIG", problems)
    if text is None:
        return None
    try:
        document = tomli.loads(text)
    except ValueError as error:  # its text has line, column and keys, but never a value
        problems.append(f"{name}: the file is not valid TOML: {error}; {_cure(text, str(error))}.")
        return None
    except RecursionError:
        problems.append(f"{name}: lists or tables are nested too deeply; correct the line with many brackets.")
        return None
    return _Reader(name, (cwd / path).parent, problems).read(document)


def _cure(text: str, error: str) -> str:
    """How to correct the line that an error of tomli names."""
    found = re.search(r"at line ([0-9]+)", error)
    line = text.split("\n")[int(found.group(1)) - 1] if found else ""
    return "type the quotes and spaces of that line again" if _PASTED.search(line) else "correct that line"


class _Reader:
    """Turns one document into raw values."""

    def __init__(self, name: str, folder: Path, problems: List[str]) -> None:
        self._name = name
        self._problems = problems
        self._file = TomlFile(folder)

    def read(self, document: Mapping[str, object]) -> TomlFile:
        for key, value in document.items():
            if key in names.SPELLINGS:
                self._entries(*names.SPELLINGS[key], value)
            elif key in names.SECTIONS:
                self._section(key, value)
            else:
                self._setting(key, value)
        return self._file

    def _section(self, section: str, table: object) -> None:
        if isinstance(table, dict):
            for key, value in table.items():
                self._setting(f"{section}.{key}", value)
        else:
            self._report(f"{section} is not a table; write [{section}] on a line of its own, its keys below")

    def _setting(self, key: str, value: object) -> None:
        if key not in names.KEYS:
            self._problems.append(names.unknown_key(self._origin(key)))
        elif not is_blank(value):
            self._file.general[key] = Raw(value, self._origin(key), Layer.FILE, self._file.folder)

    def _entries(self, table: Table, spelling: Spelling, tables: object) -> None:
        header = f"[[{spelling.table}]]"
        if not isinstance(tables, list) or not all(isinstance(keys, dict) for keys in tables):
            self._report(f"{spelling.table} is not a list of tables; begin each {table.noun} with a line {header}")
            return
        for number, keys in enumerate(tables, start=1):
            fields = self._entry(table, spelling, number, keys)
            if fields:
                self._file.entries.setdefault(table.noun, []).append(Written(header, fields))
            else:
                self._report(f"{spelling.word} {number} is empty; give it {table.needs}, or remove its {header}")

    def _entry(self, table: Table, spelling: Spelling, number: int, keys: Mapping[str, object]) -> Fields:
        fields: Fields = {}
        for name, value in keys.items():
            key = table.key(name)
            origin = self._origin(f"{spelling.word} {number} {name}")
            if key is None:
                self._problems.append(names.unknown_field(origin, name, table, spelling))
            elif not is_blank(value) or (name == PASSWORD.name and keys.get(USERNAME.name, "") != ""):
                fields[name] = [Raw(value, origin, Layer.FILE, self._file.folder, key.secret)]
        return fields

    def _origin(self, key: str) -> Origin:
        return Origin(self._name, key)

    def _report(self, sentence: str) -> None:
        self._problems.append(f"{self._name}: {sentence}.")
