"""The entries of a table (cameras or NVRs), merged by id from all layers and spellings.

Order: as in cameras.toml, then those that are only in the environment or `.env`, by number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Set, Tuple

from cctv_cli.core.config.schema import Fields, Table
from cctv_cli.core.config.values import Picked


@dataclass(frozen=True)
class Written:
    """An entry as it was written. An id may appear once in each `form`, such as "[[cameras]]" or "CAMERA_<n>"."""

    form: str
    fields: Fields


@dataclass
class Entry:
    """All fields of one camera or NVR. An entry without a usable id is checked, but not used."""

    id: Optional[Picked[str]]
    fields: Fields
    forms: Set[str]


def merge(table: Table, written: Sequence[Written], complete: bool, problems: List[str]) -> List[Entry]:
    """Merge the entries by id. Within a layer, forms may repeat a value but not contradict each other.

    Unless `complete`, a file could not be read, and missing keys are not reported.
    """
    entries: List[Entry] = []
    by_id: Dict[str, Tuple[Picked[str], Entry]] = {}  # by lower-case id: most file systems ignore case
    for item in written:
        entry = Entry(_id(table, item.fields, complete, problems), item.fields, {item.form})
        if entry.id is None:
            entries.append(entry)
            continue
        first_id, first = by_id.setdefault(entry.id.value.lower(), (entry.id, entry))
        if first is entry:
            entries.append(entry)
        elif first_id.value == entry.id.value and not entry.forms & first.forms:
            _add(entry, first, problems)
        else:
            problems.append(_duplicate(table, entry.id, first_id))
            entries.append(Entry(None, entry.fields, entry.forms))
    return entries


def _add(entry: Entry, to: Entry, problems: List[str]) -> None:
    to.forms |= entry.forms
    for key, raws in entry.fields.items():
        known = to.fields.setdefault(key, [])
        for raw in raws:
            twin = next((other for other in known if other.layer is raw.layer and other.value != raw.value), None)
            if twin is not None:
                problems.append(f"{raw.origin} contradicts {twin.origin}; keep one of the two.")
        known.extend(raws)
        known.sort(key=lambda raw: raw.layer)


def _id(table: Table, fields: Fields, complete: bool, problems: List[str]) -> Optional[Picked[str]]:
    if "id" not in fields and complete:
        origin = next(iter(fields.values()))[-1].origin
        problems.append(
            f"{origin} is set for {table.article} {table.noun} without an id; set its id, such as {table.example_id}."
        )
    picked = table.id.read(fields, problems)
    lower = next((raw for raw in fields.get("id", ()) if picked and raw.value != picked.value), None)
    if picked is not None and lower is not None and str(lower.value).strip() != picked.value:
        problems.append(
            f'{picked.origin} = "{picked.value}" replaces the id "{lower.value}" of {lower.origin}, '
            f"so that {table.noun} would be lost; give one of the two another number."
        )
    return picked


def _duplicate(table: Table, second: Picked[str], first: Picked[str]) -> str:
    return (
        f'{second.origin} = "{second.value}" is taken by {first.origin} = "{first.value}"; '
        f"give each {table.noun} an id of its own; upper and lower case count as the same."
    )
