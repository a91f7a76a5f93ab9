"""Which findings are worth a message, and when: one when it starts, one when it ends, a reminder now and then. Pure.

A finding starts and ends for people only after it has lasted or been away for a while: what comes and goes is quiet.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import tzinfo
from enum import Enum
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from cctv_cli.core.clock import format_instant
from cctv_cli.core.health.findings import Finding, Severity

Key = Tuple[str, Optional[str]]  # name and camera of a finding


class Event(str, Enum):
    """Why a message is sent."""

    STARTED = "started"
    ENDED = "ended"
    REMINDER = "reminder"
    TEST = "test"


@dataclass(frozen=True)
class Message:
    """What people are told at the instant `at`; `since` is the instant at which the finding was first seen.

    `worse`: it is more severe than when it was told last.
    """

    event: Event
    finding: Finding
    since: float
    at: float
    worse: bool = False

    @property
    def key(self) -> Key:
        """The finding that it tells of."""
        return _key(self.finding)


@dataclass(frozen=True)
class Tracked:
    """A finding that was seen: since when, what was sent last, and since when it is away."""

    finding: Finding
    since: float
    sent_at: Optional[float] = None
    sent_severity: Severity = Severity.OK
    gone_since: Optional[float] = None

    @property
    def key(self) -> Key:
        """What makes it the same finding, however its severity and its words change."""
        return _key(self.finding)


def decide(
    tracked: Sequence[Tracked], findings: Sequence[Finding], now: float, *, after: float, reminder: float
) -> Tuple[Tuple[Tracked, ...], Tuple[Message, ...]]:
    """What to remember and what to send at the instant `now`.

    A message goes when a finding has lasted `after` seconds, when it has been away as long, every `reminder`
    seconds in between, and at once when it got worse. A clock that was set back delays nothing.
    """
    known = {item.key: _not_in_future(item, now) for item in tracked}
    seen = {_key(finding): finding for finding in findings if finding.severity is not Severity.OK}
    kept: List[Tracked] = []
    messages: List[Message] = []
    for key, finding in seen.items():
        before = known.get(key, Tracked(finding, now))
        item = replace(before, finding=finding, gone_since=None)
        event = _event(item, now, after, reminder)
        if event is not None:
            messages.append(Message(event, finding, item.since, now, worse=_is_worse(item)))
            item = replace(item, sent_at=now, sent_severity=finding.severity)
        kept.append(item)
    for key, item in known.items():
        if key in seen or item.sent_at is None:
            continue
        gone = now if item.gone_since is None else item.gone_since
        if now - gone >= after:
            messages.append(Message(Event.ENDED, item.finding, item.since, now))
        else:
            kept.append(replace(item, gone_since=gone))
    return tuple(kept), tuple(messages)


def _key(finding: Finding) -> Key:
    return finding.name, finding.camera


def _event(item: Tracked, now: float, after: float, reminder: float) -> Optional[Event]:
    if item.sent_at is None:
        return Event.STARTED if now - item.since >= after else None
    return Event.REMINDER if _is_worse(item) or now - item.sent_at >= reminder else None


def _is_worse(item: Tracked) -> bool:
    return item.sent_at is not None and item.finding.severity.exit_code > item.sent_severity.exit_code


def _not_in_future(item: Tracked, now: float) -> Tracked:
    return replace(
        item,
        since=min(item.since, now),
        sent_at=None if item.sent_at is None else min(item.sent_at, now),
        gone_since=None if item.gone_since is None else min(item.gone_since, now),
    )


def message_json(message: Message, host: str, tz: Optional[tzinfo]) -> Dict[str, Any]:
    """What a webhook gets. `host` is the name of this machine."""
    finding = message.finding
    return {
        "event": message.event.value,
        "name": finding.name,
        "severity": finding.severity.value,
        "camera": finding.camera,
        "sentence": finding.sentence,
        "since": format_instant(message.since, tz),
        "at": format_instant(message.at, tz),
        "host": host,
    }


def told(tracked: Sequence[Tracked], ended: Sequence[Tracked], waiting: Mapping[Key, Event]) -> Tuple[Tracked, ...]:
    """What people know: it must outlive a restart, so that nothing is told twice, and nothing is left untold.

    `waiting` are the messages that were not taken yet: what started was not told, a reminder is due again, and what
    `ended` is not over for people.
    """
    known = [item for item in tracked if item.sent_at is not None and waiting.get(item.key) is not Event.STARTED]
    kept = [replace(item, sent_at=0.0) if waiting.get(item.key) is Event.REMINDER else item for item in known]
    return (*kept, *(item for item in ended if waiting.get(item.key) is Event.ENDED))


def to_json(tracked: Sequence[Tracked]) -> str:
    """The text of the file that keeps them."""
    return json.dumps({"open": [asdict(item) for item in tracked]}) + "\n"


def from_json(values: Mapping[str, Any]) -> Tuple[Tracked, ...]:
    """What a parsed file keeps; entries that are odd are passed over."""
    entries = values.get("open")
    found = (_tracked(entry) for entry in (entries if isinstance(entries, list) else []))
    return tuple(item for item in found if item is not None)


def _tracked(entry: Any) -> Optional[Tracked]:
    try:
        finding = entry["finding"]
        camera = finding["camera"]
        return Tracked(
            Finding(
                str(finding["name"]),
                Severity(finding["severity"]),
                str(finding["sentence"]),
                None if camera is None else str(camera),
            ),
            float(entry["since"]),
            float(entry["sent_at"]),
            Severity(entry["sent_severity"]),
            None if entry["gone_since"] is None else float(entry["gone_since"]),
        )
    except (KeyError, TypeError, ValueError):
        return None
