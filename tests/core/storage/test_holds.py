from __future__ import annotations

import errno
from datetime import tzinfo
from pathlib import Path
from typing import List, Optional

import pytest

from cctv_cli.core.clock import format_instant, parse_time, zone
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.errors import HoldError
from cctv_cli.core.storage.entries import DeletionEntry, Entry, HoldEntry
from cctv_cli.core.storage.holds import add_hold, deleted_count, list_holds, release_hold
from cctv_cli.core.storage.journal import Journal
from tests.support.storage_tree import CameraTree, instant

BERLIN = zone("Europe/Berlin")
NOW = instant("2026-11-04T12:30:00+01:00")


@pytest.fixture
def tree(tmp_path: Path) -> CameraTree:
    """Minutes around two midnights, and one today."""
    made = CameraTree(Settings(storage=tmp_path, timezone="Europe/Berlin"), "front")
    for start in (
        "2026-11-02T23:59:00+01:00",
        "2026-11-03T00:00:00+01:00",
        "2026-11-03T14:30:00+01:00",
        "2026-11-03T23:59:30+01:00",
        "2026-11-04T12:00:00+01:00",
    ):
        made.record(start, 60)
    return made


def hold(tree: CameraTree, start: str, end: str, note: str = "") -> HoldEntry:
    return add_hold(tree.layout, parse_time(start, BERLIN), parse_time(end, BERLIN, end=True), note, NOW, BERLIN)


def days_with(tree: CameraTree, found: HoldEntry) -> List[str]:
    days = sorted(path.parent.name for path in tree.layout.recordings.glob("*/journal.jsonl"))
    return [day for day in days if found in Journal(tree.layout.journal(day)).holds()]


@pytest.mark.parametrize(
    ("text", "end", "expected"),
    [
        ("2026-11-03 14:00", False, "2026-11-03T14:00:00.000+01:00"),
        ("2026-11-03T14:00:30", False, "2026-11-03T14:00:30.000+01:00"),
        ("2026-11-03 14:00+00:00", False, "2026-11-03T15:00:00.000+01:00"),
        ("2026-11-03T14:00:00Z", False, "2026-11-03T15:00:00.000+01:00"),
        ("2026-10-25 02:30", False, "2026-10-25T02:30:00.000+02:00"),
        ("2026-10-25 02:30", True, "2026-10-25T02:30:00.000+01:00"),
    ],
)
def test_times_are_local_unless_they_have_an_offset(text: str, end: bool, expected: str) -> None:
    assert format_instant(parse_time(text, BERLIN, end=end), BERLIN) == expected
    assert parse_time(text, None, end=end) == parse_time(text, BERLIN, end=end)  # the tests' system zone


@pytest.mark.parametrize(
    ("name", "text", "begin", "end"),
    [
        ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00"),
        ("Europe/Berlin", "2026-10-25 02:30", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"),
        ("America/New_York", "2026-03-08 02:30", "2026-03-08T01:30:00-05:00", "2026-03-08T03:30:00-04:00"),
        ("America/New_York", "2026-11-01 01:30", "2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00"),
    ],
)
def test_a_time_that_occurs_twice_or_never_makes_a_hold_longer(name: str, text: str, begin: str, end: str) -> None:
    assert parse_time(text, zone(name)) == instant(begin)
    assert parse_time(text, zone(name), end=True) == instant(end)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-03", "14:00", "2026-13-03 14:00", "3.11.2026 14:00"])
def test_an_invalid_time_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="write a time as 2026-11-03 14:00"):
        parse_time(text, BERLIN)


def test_a_hold_is_listed_until_it_is_released(tree: CameraTree) -> None:
    first = hold(tree, "2026-11-03 14:00", "2026-11-03 15:00", "break-in")
    second = hold(tree, "2026-11-02 23:00", "2026-11-04 12:10")
    assert list_holds(tree.layout) == [second, first]
    assert (first.start, first.duration, first.note) == (instant("2026-11-03T14:00:00+01:00"), 3600.0, "break-in")
    assert release_hold(tree.layout, first.id, BERLIN)
    assert list_holds(tree.layout) == [second]
    assert not release_hold(tree.layout, first.id, BERLIN)


def test_a_hold_is_in_every_day_whose_recordings_it_may_touch(tree: CameraTree) -> None:
    across = hold(tree, "2026-11-02 23:59", "2026-11-04 12:10")
    assert days_with(tree, across) == ["2026-11-02", "2026-11-03", "2026-11-04"]
    inside = hold(tree, "2026-11-03 14:00", "2026-11-03 15:00")
    assert days_with(tree, inside) == ["2026-11-03"]
    early = hold(tree, "2026-11-04 00:00:10", "2026-11-04 00:00:20")  # the recording began the day before
    assert days_with(tree, early) == ["2026-11-03", "2026-11-04"]
    release_hold(tree.layout, across.id, BERLIN)
    assert days_with(tree, across) == []


@pytest.mark.parametrize(
    ("start", "end", "note", "message"),
    [
        ("2026-11-03 15:00", "2026-11-03 14:00", "", "would end before it begins"),
        ("2026-11-03 14:00", "2026-11-03 14:00", "", "would end before it begins"),
        ("2026-11-03 03:00", "2026-11-03 04:00", "", "has no recordings of that time"),
        ("2025-11-03 14:00", "2025-11-03 15:00", "", "has no recordings of that time"),
        ("2026-11-04 12:00", "2026-11-05 00:01", "", "would end after today"),
        ("2026-11-03 14:00", "2026-11-03 15:00", "two\nlines", "one line"),
        ("2026-11-03 14:00", "2026-11-03 15:00", "x" * 201, "at most 200 characters"),
    ],
)
def test_a_hold_that_makes_no_sense_is_refused(tree: CameraTree, start: str, end: str, note: str, message: str) -> None:
    with pytest.raises(HoldError, match=message):
        hold(tree, start, end, note)
    assert list_holds(tree.layout) == []


def test_an_ongoing_event_can_be_held_to_the_end_of_today(tree: CameraTree) -> None:
    made = hold(tree, "2026-11-04 12:20", "2026-11-05 00:00")
    later = tree.record("2026-11-04T20:00:00+01:00", 60)
    assert made.covers(later.start, later.end)
    assert days_with(tree, made) == ["2026-11-04"]


def test_today_is_held_before_its_first_recording(tree: CameraTree) -> None:
    now = instant("2026-11-05T00:00:30+01:00")
    made = add_hold(tree.layout, now - 30, now + 600, "", now, BERLIN)
    assert "2026-11-05" in days_with(tree, made)
    assert list_holds(tree.layout) == [made]


def test_the_minute_that_began_at_midnight_is_held_while_it_is_recorded(tree: CameraTree) -> None:
    tree.record("2026-11-04T23:59:00+01:00", 60)
    now = instant("2026-11-05T00:00:40+01:00")
    made = add_hold(tree.layout, now - 90, now - 10, "", now, BERLIN)
    minute = tree.record("2026-11-05T00:00:00+01:00", 60)
    assert made.covers(minute.start, minute.end)
    assert days_with(tree, made) == ["2026-11-04", "2026-11-05"]


def test_a_hold_that_cannot_be_written_whole_is_undone(tree: CameraTree, monkeypatch: pytest.MonkeyPatch) -> None:
    append = Journal.append

    def full(journal: Journal, entry: Entry, tz: Optional[tzinfo]) -> None:
        if isinstance(entry, HoldEntry) and journal.path.parent.name == "2026-11-03":
            raise OSError(errno.ENOSPC, "No space left on device")
        append(journal, entry, tz)

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "append", full)
        with pytest.raises(HoldError, match=r"not be written \(No space left on device\); free space .* hold again"):
            hold(tree, "2026-11-02 23:59", "2026-11-04 12:10")
    assert list_holds(tree.layout) == []
    made = hold(tree, "2026-11-02 23:59", "2026-11-04 12:10")
    assert list_holds(tree.layout) == [made]


def test_a_camera_that_never_recorded_cannot_be_held(tmp_path: Path) -> None:
    empty = CameraTree(Settings(storage=tmp_path, timezone="Europe/Berlin"), "empty")
    with pytest.raises(HoldError, match="empty has no recordings"):
        hold(empty, "2026-11-04 12:20", "2026-11-04 18:00")
    assert list_holds(empty.layout) == []


@pytest.mark.parametrize(
    ("recorded_in", "folders"),
    [("Pacific/Kiritimati", ["2026-11-04"]), ("Pacific/Pago_Pago", ["2026-11-02", "2026-11-03"])],
)
def test_a_hold_finds_a_day_that_was_named_in_another_time_zone(
    tmp_path: Path, recorded_in: str, folders: List[str]
) -> None:
    tree = CameraTree(Settings(storage=tmp_path, timezone=recorded_in), "front")
    tree.record("2026-11-03T11:30:00+01:00", 60)
    tree.record("2026-11-03T14:30:00+01:00", 60)
    made = hold(tree, "2026-11-03 00:00", "2026-11-03 23:00")
    assert days_with(tree, made) == folders
    assert release_hold(tree.layout, made.id, BERLIN)
    assert days_with(tree, made) == []


def test_deleted_recordings_cannot_be_held_and_the_error_says_so(tree: CameraTree) -> None:
    journal = Journal(tree.layout.journal("2026-11-03"))
    (taken,) = (s for s in journal.segments() if s.file == "14/30.ts")
    journal.append(DeletionEntry(taken.file, taken.start, taken.duration, taken.bytes, "older"), BERLIN)
    with pytest.raises(HoldError, match=r"has deleted everything that front recorded in that time \(recordings: 1\)"):
        hold(tree, "2026-11-03 14:00", "2026-11-03 15:00")
    part = hold(tree, "2026-11-03 14:00", "2026-11-03 23:59:50")
    assert deleted_count(tree.layout, part, BERLIN) == 1
