"""Decides which findings are sent, and when: when one starts, when it ends, and as a reminder in between. Pure.

A finding is sent only after it has lasted, or been gone, for a while, so that flapping sends nothing. A finding that
several cameras share is one message: a dead switch does not send a hundred.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import tzinfo
from enum import Enum
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from pydantic import OnErrorOmit

from cctv_cli.core import records
from cctv_cli.core.clock import format_instant, parse_instant
from cctv_cli.core.health.findings import Finding, Severity
from cctv_cli.core.records import Instant

FORMAT = 1  # of .alerts.json

Key = Tuple[str, Optional[str]]  # name and camera of a finding
Body = Dict[str, Any]  # the JSON that a webhook gets

_MOST_NAMED = 5  # cameras in a sentence; `cameras` has all of them


class Event(str, Enum):
    """Why a message is sent."""

    STARTED = "started"
    ENDED = "ended"
    REMINDER = "reminder"
    TEST = "test"


@dataclass(frozen=True)
class Message:
    """A message sent at the instant `at`; `since` is the instant at which the finding was first seen.

    `worse`: it is more severe than in the last message.
    """

    event: Event
    finding: Finding
    since: float
    at: float
    worse: bool = False

    @property
    def key(self) -> Key:
        """The finding that the message is about."""
        return _key(self.finding)


@dataclass(frozen=True)
class Tracked:
    """An observed finding: when it was first seen, what was sent last, and since when it has been gone."""

    finding: Finding
    since: Instant
    sent_at: Optional[Instant] = None
    sent_severity: Severity = Severity.OK
    gone_since: Optional[Instant] = None

    @property
    def key(self) -> Key:
        """Identifies the finding, whatever its severity and sentence."""
        return _key(self.finding)


@dataclass(frozen=True)
class _Kept:
    """`.alerts.json`."""

    open: Tuple[OnErrorOmit[Tracked], ...] = ()


def decide(
    tracked: Sequence[Tracked], findings: Sequence[Finding], now: float, *, after: float, reminder: float
) -> Tuple[Tuple[Tracked, ...], Tuple[Message, ...]]:
    """Return what to remember and what to send at the instant `now`.

    A message is due when a finding has lasted `after` seconds, when it has been gone as long, every `reminder`
    seconds in between, and at once if it got worse. A clock that was set back does not delay messages.
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


def message_json(message: Message, host: str, tz: Optional[tzinfo]) -> Body:
    """The message about one finding, as sent to a webhook. `host` is the name of this machine."""
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


def together(bodies: Sequence[Body]) -> List[Body]:
    """The messages that can be merged with the first: the same event and finding for other cameras."""
    first = bodies[0]
    if first.get("camera") is None:
        return [first]
    kind = _kind(first)
    return [body for body in bodies if body.get("camera") is not None and _kind(body) == kind]


def _kind(body: Body) -> Tuple[object, ...]:
    return body.get("event"), body.get("name"), body.get("severity")


def merged(bodies: Sequence[Body]) -> Body:
    """Merge messages into one; a single one stays unchanged, several list their cameras in `cameras`."""
    first = bodies[0]
    if len(bodies) == 1:
        return first
    cameras = [body["camera"] for body in bodies]
    named = ", ".join(cameras[:_MOST_NAMED])
    more = f" and {len(cameras) - _MOST_NAMED} more" if len(cameras) > _MOST_NAMED else ""
    which = "" if all(body["sentence"] == first["sentence"] for body in bodies) else f"; {first['camera']}"
    return {
        **first,
        "camera": None,
        "cameras": cameras,
        "sentence": f"{len(cameras)} cameras, {named}{more}{which}: {first['sentence']}",
        "since": min((body["since"] for body in bodies), key=parse_instant),
        "at": max((body["at"] for body in bodies), key=parse_instant),
    }


def delivered(
    tracked: Sequence[Tracked], ended: Sequence[Tracked], waiting: Mapping[Key, Event]
) -> Tuple[Tracked, ...]:
    """What to remember over a restart, so that nothing is sent twice or missed.

    `waiting` are the messages that were not accepted yet: after a restart a start is sent again, a reminder is due
    again, and a finding that `ended` still counts as open.
    """
    known = [item for item in tracked if item.sent_at is not None and waiting.get(item.key) is not Event.STARTED]
    kept = [replace(item, sent_at=0.0) if waiting.get(item.key) is Event.REMINDER else item for item in known]
    return (*kept, *(item for item in ended if waiting.get(item.key) is Event.ENDED))


def to_json(tracked: Sequence[Tracked]) -> str:
    """The content of the alerts file."""
    return records.encode(_Kept(tuple(tracked)), FORMAT)


def from_json(values: Mapping[str, Any]) -> Tuple[Tracked, ...]:
    """Restore from a parsed alerts file; damaged entries are skipped."""
    kept = records.decode(_Kept, values)
    return () if kept is None else tuple(item for item in kept.open if item.sent_at is not None)
