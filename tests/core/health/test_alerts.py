from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict, List, Sequence, Tuple

import pytest

from cctv_cli.core.clock import parse_instant, zone
from cctv_cli.core.health.alerts import (
    Event,
    Message,
    Tracked,
    decide,
    delivered,
    from_json,
    merged,
    message_json,
    to_json,
    together,
)
from cctv_cli.core.health.findings import Finding, Severity

DISK = Finding("disk_space", Severity.WARNING, "The disk is filling; free space")
FULL = replace(DISK, severity=Severity.CRITICAL, sentence="The disk is full; free space")
DOWN = Finding("camera_not_recording", Severity.CRITICAL, "It is not recorded; fix it", "front")
YARD = replace(DOWN, camera="yard")
STOPPED = Finding("camera_stopped", Severity.OK, "It is not recorded: an operator stopped it", "attic")
AFTER, REMINDER, EVERY = 60.0, 3600.0, 15.0

Sent = List[Tuple[float, str, str, str]]


def sent_by(story: Sequence[Tuple[float, Sequence[Finding]]], until: float) -> Sent:
    """The messages of polls every 15 s from 0 on; each element of `story` has the findings from an instant on."""
    tracked: Tuple[Tracked, ...] = ()
    found: Sent = []
    at = 0.0
    while at <= until:
        findings = [findings for begin, findings in story if begin <= at][-1]
        tracked, messages = decide(tracked, findings, at, after=AFTER, reminder=REMINDER)
        found += [(at, m.event.value, m.finding.name, m.finding.camera or m.finding.severity.value) for m in messages]
        at += EVERY
    return found


def test_one_message_when_it_starts_and_one_when_it_ends() -> None:
    assert sent_by([(0, [DOWN]), (600, [])], 2000) == [
        (60, "started", "camera_not_recording", "front"),
        (660, "ended", "camera_not_recording", "front"),
    ]


def test_a_finding_that_does_not_last_sends_nothing() -> None:
    assert sent_by([(0, []), (30, [DOWN]), (75, []), (90, [DOWN]), (135, [])], 1000) == []


def test_flapping_sends_two_messages() -> None:
    """Down for two minutes, then up and down every 45 s for half an hour, then up."""
    story: List[Tuple[float, Sequence[Finding]]] = [(0, [DOWN])]
    story += [(120 + 45 * step, [] if step % 2 == 0 else [DOWN]) for step in range(40)]
    story.append((120 + 45 * 40, []))
    assert [(event, at) for at, event, _, _ in sent_by(story, 4000)] == [("started", 60), ("ended", 1980)]


def test_reminders() -> None:
    assert [(at, event) for at, event, _, _ in sent_by([(0, [DOWN])], 8000)] == [
        (60, "started"),
        (3660, "reminder"),
        (7260, "reminder"),
    ]


def test_a_finding_that_gets_worse_is_sent_at_once_and_only_once() -> None:
    story = [(0, [DISK]), (300, [FULL]), (330, [DISK]), (360, [FULL]), (600, [])]
    assert sent_by(story, 2000) == [
        (60, "started", "disk_space", "warning"),
        (300, "reminder", "disk_space", "critical"),
        (660, "ended", "disk_space", "critical"),
    ]


def test_each_camera_has_its_own_message_and_ok_has_none() -> None:
    assert sent_by([(0, [DOWN, STOPPED]), (100, [DOWN, YARD, STOPPED])], 300) == [
        (60, "started", "camera_not_recording", "front"),
        (165, "started", "camera_not_recording", "yard"),
    ]


def test_the_newest_sentence_is_sent_with_the_first_instant() -> None:
    tracked, messages = decide((), [DISK], 100.0, after=AFTER, reminder=REMINDER)
    assert messages == ()
    later = replace(DISK, sentence="Even less; free space")
    _, messages = decide(tracked, [later], 160.0, after=AFTER, reminder=REMINDER)
    assert messages == (Message(Event.STARTED, later, since=100.0, at=160.0),)


def test_a_restart_sends_nothing_twice() -> None:
    tracked, messages = decide((Tracked(DOWN, 0.0),), [DOWN], 100.0, after=AFTER, reminder=REMINDER)
    assert len(messages) == 1
    kept = from_json(json.loads(to_json(delivered(tracked, (), {}))))
    assert kept == tracked
    again, messages = decide(kept, [DOWN], 200.0, after=AFTER, reminder=REMINDER)
    assert messages == ()
    gone, _ = decide(again, [], 215.0, after=AFTER, reminder=REMINDER)
    kept = from_json(json.loads(to_json(delivered(gone, (), {}))))
    assert kept == gone
    _, messages = decide(kept, [], 275.0, after=AFTER, reminder=REMINDER)
    assert [message.event for message in messages] == [Event.ENDED]


def test_a_finding_that_was_not_sent_is_not_kept() -> None:
    tracked, _ = decide((), [DOWN], 0.0, after=AFTER, reminder=REMINDER)
    assert (len(tracked), delivered(tracked, (), {})) == (1, ())


def test_messages_that_no_webhook_accepted_are_sent_after_a_restart() -> None:
    started, reminded, ended = Tracked(DOWN, 0.0, 60.0), Tracked(DISK, 0.0, 60.0), Tracked(YARD, 0.0, 60.0)
    waiting = {started.key: Event.STARTED, reminded.key: Event.REMINDER, ended.key: Event.ENDED}
    kept = delivered((started, reminded), (ended,), waiting)
    _, messages = decide(kept, [DOWN, DISK], 70.0, after=0, reminder=REMINDER)
    assert [(message.event, message.finding) for message in messages] == [
        (Event.STARTED, DOWN),
        (Event.REMINDER, DISK),
        (Event.ENDED, YARD),
    ]
    assert delivered((started, reminded), (ended,), {}) == (started, reminded)


def test_a_clock_that_was_set_back_delays_nothing() -> None:
    tracked, _ = decide((Tracked(DOWN, 9000.0),), [DOWN], 9060.0, after=AFTER, reminder=REMINDER)
    tracked, messages = decide(tracked, [DOWN, DISK], 100.0, after=AFTER, reminder=REMINDER)
    assert messages == ()
    tracked, messages = decide(tracked, [DISK], 160.0, after=AFTER, reminder=REMINDER)
    assert [message.finding for message in messages] == [DISK]
    _, messages = decide(tracked, [DISK], 220.0, after=AFTER, reminder=REMINDER)
    assert [message.event for message in messages] == [Event.ENDED]


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"open": 5}',
        '{"open": [1, null, "x", [], {}]}',
        '{"open": [{"finding": {"name": "a", "severity": "odd", "sentence": "", "camera": null}}]}',
        '{"open": [{"finding": null, "since": 1, "sent_at": 1, "sent_severity": "ok", "gone_since": null}]}',
    ],
)
def test_a_damaged_file_counts_as_empty(text: str) -> None:
    assert from_json(json.loads(text)) == ()


def test_the_json_of_a_message() -> None:
    at = parse_instant("2026-07-14T15:30:00+02:00")
    message = Message(Event.STARTED, DOWN, at - 60, at)
    assert message_json(message, "nvr1", zone("Europe/Berlin")) == {
        "event": "started",
        "name": "camera_not_recording",
        "severity": "critical",
        "camera": "front",
        "sentence": "It is not recorded; fix it",
        "since": "2026-07-14T15:29:00.000+02:00",
        "at": "2026-07-14T15:30:00.000+02:00",
        "host": "nvr1",
    }


def body_of(finding: Finding, event: Event = Event.STARTED, since: float = 0.0) -> Dict[str, Any]:
    return message_json(Message(event, finding, since, since + 60), "nvr1", zone("Europe/Berlin"))


def test_only_the_same_event_of_the_same_finding_is_merged() -> None:
    others = [
        body_of(DISK),
        body_of(YARD, Event.ENDED),
        body_of(replace(YARD, severity=Severity.WARNING)),
        body_of(replace(YARD, name="old_segment")),
    ]
    assert together([body_of(DOWN), *others, body_of(YARD)]) == [body_of(DOWN), body_of(YARD)]
    assert together([body_of(DISK), body_of(DOWN)]) == [body_of(DISK)]


def test_a_single_message_stays_unchanged_and_several_list_their_cameras() -> None:
    assert merged([body_of(DOWN)]) == body_of(DOWN)
    group = merged([body_of(DOWN, since=30), body_of(YARD, since=15)])
    assert group == {
        **body_of(DOWN, since=15),
        "camera": None,
        "cameras": ["front", "yard"],
        "sentence": "2 cameras, front, yard: It is not recorded; fix it",
        "at": body_of(DOWN, since=30)["at"],
    }


def test_a_long_list_names_a_few_cameras_and_whose_cause_is_given() -> None:
    downs = [replace(DOWN, camera=f"cam{n}", sentence=f"It is not recorded: reason {n}") for n in range(300)]
    sentence = merged([body_of(down) for down in downs])["sentence"]
    assert sentence == ("300 cameras, cam0, cam1, cam2, cam3, cam4 and 295 more; cam0: It is not recorded: reason 0")
