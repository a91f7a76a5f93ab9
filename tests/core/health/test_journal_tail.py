from __future__ import annotations

from pathlib import Path
from typing import List

import pytest

from cctv_cli.core.clock import parse_instant, zone
from cctv_cli.core.health.journal_tail import JournalTail
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.storage.entries import GapEntry, SegmentEntry, render_line
from cctv_cli.core.storage.journal import Journal

BERLIN = zone("Europe/Berlin")
RUN = "0123456789abcdef"
NOON = parse_instant("2026-07-14T12:00:00+02:00")
DAY = 86400.0


def segment(start: float) -> SegmentEntry:
    return SegmentEntry("12/00.ts", start, 60.0, 1000, "0" * 64, RUN, "000000.ts")


@pytest.fixture
def layout(tmp_path: Path) -> CameraLayout:
    return CameraLayout(tmp_path, "cam1")


def append(layout: CameraLayout, day: str, *starts: float) -> None:
    layout.day(day).mkdir(parents=True, exist_ok=True)
    for start in starts:
        Journal(layout.journal(day)).append(segment(start), BERLIN)


def starts(tail: JournalTail, layout: CameraLayout, since: float) -> List[float]:
    return [piece.start for piece in tail.read(layout, since).pieces]


def test_appended_entries_are_read(layout: CameraLayout) -> None:
    tail = JournalTail(BERLIN)
    assert starts(tail, layout, NOON - DAY) == []
    append(layout, "2026-07-14", NOON)
    assert starts(tail, layout, NOON - DAY) == [NOON]
    append(layout, "2026-07-14", NOON + 60, NOON + 120)
    assert starts(tail, layout, NOON - DAY) == [NOON, NOON + 60, NOON + 120]
    assert starts(tail, layout, NOON - DAY) == [NOON, NOON + 60, NOON + 120]


def test_only_added_entries_are_read(layout: CameraLayout) -> None:
    tail = JournalTail(BERLIN)
    append(layout, "2026-07-14", NOON)
    assert starts(tail, layout, NOON - DAY) == [NOON]
    path = layout.journal("2026-07-14")
    data = path.read_bytes()
    with path.open("r+b") as file:  # the same file, whose beginning is now unreadable
        file.write(b"x" * (len(data) - 1))
    append(layout, "2026-07-14", NOON + 60)
    assert starts(tail, layout, NOON - DAY) == [NOON, NOON + 60]


def test_an_incomplete_line_is_read_when_it_is_complete(layout: CameraLayout) -> None:
    tail = JournalTail(BERLIN)
    append(layout, "2026-07-14", NOON)
    line = render_line(segment(NOON + 60), BERLIN, "0" * 64)
    with layout.journal("2026-07-14").open("ab", buffering=0) as file:
        file.write(line[:100])
        assert starts(tail, layout, NOON - DAY) == [NOON]
        file.write(line[100:])
        assert starts(tail, layout, NOON - DAY) == [NOON]
        file.write(b"\n")
    assert starts(tail, layout, NOON - DAY) == [NOON, NOON + 60]


def test_a_replaced_journal_is_read_from_the_start(layout: CameraLayout) -> None:
    tail = JournalTail(BERLIN)
    append(layout, "2026-07-14", NOON, NOON + 60)
    assert starts(tail, layout, NOON - DAY) == [NOON, NOON + 60]
    path = layout.journal("2026-07-14")
    draft = path.with_name("draft")
    draft.write_bytes(render_line(segment(NOON + 300), BERLIN, "0" * 64) + b"\n")
    draft.replace(path)
    assert starts(tail, layout, NOON - DAY) == [NOON + 300]
    path.write_bytes(b"")
    assert starts(tail, layout, NOON - DAY) == []


def test_old_entries_are_dropped_and_the_first_recording_stays_known(layout: CameraLayout) -> None:
    tail = JournalTail(BERLIN)
    append(layout, "2026-07-13", NOON - DAY)
    append(layout, "2026-07-14", NOON)
    assert tail.read(layout, NOON - DAY).first == NOON - DAY
    recent = tail.read(layout, NOON - DAY + 3600)
    assert ([piece.start for piece in recent.pieces], recent.first) == ([NOON], NOON - DAY)
    recent = tail.read(layout, NOON - 3600)  # yesterday is no longer read
    assert ([piece.start for piece in recent.pieces], recent.first) == ([NOON], 0.0)


def test_a_gap_is_not_a_first_recording(layout: CameraLayout) -> None:
    layout.day("2026-07-14").mkdir(parents=True)
    Journal(layout.journal("2026-07-14")).append(GapEntry(NOON, 60.0, "silent"), BERLIN)
    recent = JournalTail(BERLIN).read(layout, NOON - DAY)
    assert ([piece.cause for piece in recent.pieces], recent.first) == (["silent"], None)


def test_future_days_are_read_and_other_folders_are_not(layout: CameraLayout) -> None:
    append(layout, "2027-01-01", NOON + 171 * DAY)
    layout.day("notes").mkdir()
    layout.day("2026-07-14").mkdir()  # without a journal
    assert starts(JournalTail(BERLIN), layout, NOON - DAY) == [NOON + 171 * DAY]


def test_cameras_do_not_mix(tmp_path: Path) -> None:
    tail = JournalTail(BERLIN)
    one, two = CameraLayout(tmp_path, "one"), CameraLayout(tmp_path, "two")
    append(one, "2026-07-14", NOON)
    append(two, "2026-07-14", NOON + 60)
    for _ in range(2):
        assert starts(tail, one, NOON - DAY) == [NOON]
        assert starts(tail, two, NOON - DAY) == [NOON + 60]
