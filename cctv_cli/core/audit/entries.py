"""The entries of the audit log, and their lines. Pure.

There are three series, so that many entries of one cannot push out those of another: what people did, what they looked
at, and what was refused.
"""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass, field
from datetime import timezone, tzinfo
from typing import Any, Dict, Optional, Tuple

from cctv_cli.core import records
from cctv_cli.core.clock import format_instant, parse_instant
from cctv_cli.core.records import Bytes, Instant, Number, Text

_FORMAT = 1
DONE, REFUSED = "done", "refused"
WATCHED, PLAYED = "watched", "played"  # live, and what was recorded
LOST = "entries lost"


class Series(enum.Enum):
    """Each has files of its own."""

    ACTS = "acts"
    VIEWS = "views"
    REFUSALS = "refusals"


@dataclass(frozen=True)
class Who:
    """Somebody, as far as is known; what is not known is empty.

    `name` is that of a token, `user` of a user of this machine. `address` is the client's, by what the connection or a
    trusted proxy says; `chain` are the other addresses that the connection and forwarding headers name.
    """

    name: Text = ""
    user: Text = ""
    address: Text = ""
    chain: Tuple[Text, ...] = ()


@dataclass(frozen=True)
class View:
    """What somebody looked at between two instants, with no pause of a minute.

    `bytes` are those that this server sent itself. `first` and `last` are names of recordings, empty for live.
    """

    began: Instant
    ended: Instant
    bytes: Bytes
    answers: Number
    first: Text = ""
    last: Text = ""


@dataclass(frozen=True)
class Entry:
    """What happened at the instant `at`, or `count` times within the minute before it."""

    at: Instant
    what: Text
    who: Who = field(default_factory=Who)
    camera: Text = ""
    outcome: Text = DONE
    detail: Text = ""
    count: Number = 1
    view: Optional[View] = None

    @property
    def series(self) -> Series:
        """Where it is written."""
        if self.view is not None:
            return Series.VIEWS
        return Series.REFUSALS if self.outcome == REFUSED else Series.ACTS


def values_of(entry: Entry, tz: Optional[tzinfo]) -> Dict[str, Any]:
    """The entry as JSON; instants in ISO 8601 with an offset."""
    values = asdict(entry)
    values["at"] = format_instant(entry.at, tz)
    if entry.view is not None:
        began, ended = (format_instant(each, tz) for each in (entry.view.began, entry.view.ended))
        values["view"].update(began=began, ended=ended)
    return values


def encode(entry: Entry) -> bytes:
    """The entry's line; what is empty is left out."""
    values = values_of(entry, timezone.utc)
    values["who"] = _without_empty(values["who"])
    return records.write(_without_empty(values), _FORMAT).encode()


def _without_empty(values: Dict[str, Any]) -> Dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def decode(line: bytes) -> Optional[Entry]:
    """The entry in a line; None if it is torn or damaged."""
    values = records.parse(line)
    try:
        values["at"] = parse_instant(values["at"])
        view = values.get("view")
        if view is not None:
            view.update(began=parse_instant(view["began"]), ended=parse_instant(view["ended"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return records.decode(Entry, values)
