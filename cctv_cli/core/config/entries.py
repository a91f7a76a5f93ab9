"""What repeats in the configuration, cameras and recorders: their keys, and merging by id from all layers.

Order: as they stand in cameras.toml, then those that only the environment or `.env` names, by their number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, FrozenSet, List, Optional, Sequence, Tuple

from cctv_cli.core.config.settings import Origin
from cctv_cli.core.config.values import Parser, Picked, Raw, pick

Fields = Dict[str, List[Raw]]  # one entry's field: its values, the lowest layer first
Origins = Dict[str, Origin]


@dataclass(frozen=True)
class Table:
    """A table that may repeat: [[cameras]] in cameras.toml, CAMERA_<n>_… in the environment and `.env`.

    `word` names one entry in sentences, and in capitals its variables. `fields` are its keys, of which
    `secrets` may hold a password and `only_in_file` have no variable. `example_id` and `least` tell
    what to write.
    """

    name: str
    word: str
    fields: Tuple[str, ...]
    secrets: FrozenSet[str]
    parse_id: Parser[str]
    example_id: str
    least: str
    only_in_file: FrozenSet[str] = frozenset()

    def variables(self, number: str = "1") -> List[str]:
        """The variables of entry `number`."""
        keys = [key for key in self.fields if key not in self.only_in_file]
        return [f"{self.word}_{number}_{key}".upper() for key in keys]


@dataclass
class Entry:
    """What belongs to one camera or recorder. Without a usable id it is only checked."""

    id: Optional[Picked[str]]
    fields: Fields
    numbered: bool  # the environment has had its say on it


def merge(
    table: Table, in_file: Sequence[Fields], numbered: Sequence[Fields], complete: bool, problems: List[str]
) -> List[Entry]:
    """The entries of cameras.toml and of the environment's variables, sorted by number, as one list.

    With `complete` false a file could not be read, so that what is missing is no news.
    """
    entries: List[Entry] = []
    by_id: Dict[str, Tuple[Picked[str], Entry]] = {}  # ids by folder: most file systems ignore case
    found = [Entry(_id(table, fields, complete, problems), fields, numbered=False) for fields in in_file]
    found += [Entry(_id(table, fields, complete, problems), fields, numbered=True) for fields in numbered]
    for entry in found:
        if entry.id is None:
            entries.append(entry)
            continue
        first_id, first = by_id.setdefault(entry.id.value.lower(), (entry.id, entry))
        if first is entry:
            entries.append(entry)
        elif first_id.value == entry.id.value and entry.numbered and not first.numbered:
            first.numbered = True
            for key, raws in entry.fields.items():
                first.fields.setdefault(key, []).extend(raws)
        else:
            problems.append(_duplicate(table, entry.id, first_id))
            entries.append(Entry(None, entry.fields, entry.numbered))
    return entries


def _id(table: Table, fields: Fields, complete: bool, problems: List[str]) -> Optional[Picked[str]]:
    if "id" not in fields and complete:
        origin = next(iter(fields.values()))[-1].origin
        problems.append(f"{origin} is set for a {table.word} without an id; set its id, such as {table.example_id}.")
    return pick(fields.get("id", ()), table.parse_id, problems)


def _duplicate(table: Table, second: Picked[str], first: Picked[str]) -> str:
    return (
        f'{second.origin} = "{second.value}" is taken by {first.origin} = "{first.value}"; '
        f"give each {table.word} an id of its own, upper and lower case counting as the same."
    )
