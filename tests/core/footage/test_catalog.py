from __future__ import annotations

import threading
from pathlib import Path
from typing import List, Optional, Tuple, Union

import pytest

from cctv_cli.core.clock import parse_instant, zone
from cctv_cli.core.footage.catalog import Catalog, Hour, day_segments
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.storage.entries import DeletionEntry, GapEntry, SegmentEntry
from cctv_cli.core.storage.journal import Journal
from tests.support.odd_files import bounded, odd_files, posix, put

BERLIN = zone("Europe/Berlin")
NOON = parse_instant("2026-11-23T12:00:00+01:00")
TODAY, YESTERDAY = "2026-11-23", "2026-11-22"


@pytest.fixture
def layout(tmp_path: Path) -> CameraLayout:
    return CameraLayout(tmp_path, "cam1")


def segment(file: str, start: float, duration: float = 60.0, size: int = 1000) -> SegmentEntry:
    return SegmentEntry(file, start, duration, size, "ab" * 32, "0123456789abcdef", "000000.ts")


def write(layout: CameraLayout, day: str, *entries: Union[SegmentEntry, GapEntry, DeletionEntry]) -> None:
    layout.day(day).mkdir(parents=True, exist_ok=True)
    for entry in entries:
        Journal(layout.journal(day)).append(entry, BERLIN)


def dates(catalog: Catalog, layout: CameraLayout) -> List[str]:
    return [day.date for day in catalog.days(layout)]


def test_a_day_counts_its_hours(layout: CameraLayout) -> None:
    gap = GapEntry(NOON + 120, 30.0, "silent", "the camera stopped answering")
    write(
        layout,
        TODAY,
        segment("12/01.ts", NOON + 60, 60.04, 1500),
        segment("12/00.ts", NOON, 59.96, 1000),
        gap,
        segment("13/00.ts", NOON + 3600, 60.0, 2000),
    )
    day = Catalog().day(layout, TODAY)
    assert day is not None
    assert day.hours == (
        Hour("12", 2, 120.0, 2500, NOON, NOON + 120.04),
        Hour("13", 1, 60.0, 2000, NOON + 3600, NOON + 3660),
    )
    assert day.gaps == (gap,)
    assert (day.segments, day.seconds, day.missing_seconds, day.bytes) == (3, 180.0, 30.0, 4500)


def test_days_come_newest_first(layout: CameraLayout) -> None:
    for day in ("2026-02-28", "2026-11-23", "2025-12-31", "2026-11-22"):
        write(layout, day, segment("12/00.ts", NOON))
    assert dates(Catalog(), layout) == ["2026-11-23", "2026-11-22", "2026-02-28", "2025-12-31"]


def test_other_files_and_folders_are_ignored(layout: CameraLayout) -> None:
    write(layout, TODAY, segment("12/00.ts", NOON))
    for name in ("lost+found", "2026-02-30", "2026-11-23.bak", YESTERDAY):
        layout.day(name).mkdir()
    assert dates(Catalog(), layout) == [TODAY]


@posix
@odd_files
def test_a_journal_that_is_not_a_regular_file_costs_only_its_day(layout: CameraLayout, kind: str) -> None:
    for day in ("2026-11-22", "2026-11-23"):
        write(layout, day, segment("12/00.ts", NOON))
    put(kind, layout.journal("2026-11-22"))
    assert bounded(lambda: dates(Catalog(), layout)) == ["2026-11-23"]


def test_a_camera_that_never_recorded_has_no_days(layout: CameraLayout) -> None:
    assert Catalog().days(layout) == []
    assert Catalog().day(layout, TODAY) is None
    assert day_segments(layout, TODAY) == []


def test_a_day_of_gaps_alone_is_a_day(layout: CameraLayout) -> None:
    write(layout, TODAY, GapEntry(NOON, 86_400.0, "disabled"))
    day = Catalog().day(layout, TODAY)
    assert day is not None
    assert (day.hours, day.segments, day.missing_seconds) == ((), 0, 86_400.0)


def test_order_is_by_absolute_start_in_the_repeated_hour(layout: CameraLayout) -> None:
    first = parse_instant("2026-10-25T02:30:00+02:00")
    late = [segment("02/30-1.ts", first + 3600), segment("02/30.ts", first)]
    gaps = [GapEntry(first + 3660, 1.0, "second"), GapEntry(first + 60, 1.0, "first")]
    write(layout, "2026-10-25", *late, *gaps)
    assert day_segments(layout, "2026-10-25") == [late[1], late[0]]
    day = Catalog().day(layout, "2026-10-25")
    assert day is not None
    assert [gap.cause for gap in day.gaps] == ["first", "second"]


@pytest.mark.parametrize("file", ["../../x.ts", "12/../00.ts", "25/00.ts", "12/60.ts", "00.ts", "/etc/passwd", ""])
def test_a_segment_with_an_invalid_name_is_ignored(layout: CameraLayout, file: str) -> None:
    good = segment("12/00.ts", NOON)
    write(layout, TODAY, segment(file, NOON + 60), good)
    assert day_segments(layout, TODAY) == [good]
    day = Catalog().day(layout, TODAY)
    assert day is not None
    assert day.segments == 1


@pytest.mark.parametrize(
    "damage",
    [b'{"type": "segment", "sta', bytes(100), b'{"type": "hold", "start": 1}\n', b"\xff\xfe\n"],
    ids=["torn", "zeros", "later version", "not text"],
)
def test_a_damaged_line_costs_only_itself(layout: CameraLayout, damage: bytes) -> None:
    write(layout, TODAY, segment("12/00.ts", NOON))
    with layout.journal(TODAY).open("ab") as file:
        file.write(damage)
    write(layout, TODAY, segment("12/01.ts", NOON + 60))
    assert [entry.file for entry in day_segments(layout, TODAY)] == ["12/00.ts", "12/01.ts"]


def test_a_day_that_grew_is_read_again(layout: CameraLayout) -> None:
    catalog = Catalog()
    write(layout, TODAY, segment("12/00.ts", NOON))
    before = catalog.day(layout, TODAY)
    write(layout, TODAY, segment("12/01.ts", NOON + 60))
    after = catalog.day(layout, TODAY)
    assert before is not None
    assert after is not None
    assert (before.segments, after.segments) == (1, 2)


def test_only_new_lines_are_read(layout: CameraLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog()
    for day in (TODAY, YESTERDAY):
        write(layout, day, segment("12/00.ts", NOON))
    catalog.days(layout)
    read: List[Tuple[Path, bytes]] = []
    read_on = Journal.read_on

    def counted(journal: Journal, offset: int) -> bytes:
        text = read_on(journal, offset)
        read.append((journal.path, text))
        return text

    monkeypatch.setattr(Journal, "read_on", counted)
    catalog.days(layout)
    assert read == []
    write(layout, TODAY, segment("12/01.ts", NOON + 60))
    assert catalog.days(layout) == Catalog().days(layout)
    path, text = read[0]
    assert (path, text.count(b"\n"), b"12/01.ts" in text) == (layout.journal(TODAY), 1, True)


def test_a_day_read_in_pieces_equals_the_day_read_at_once(layout: CameraLayout) -> None:
    catalog = Catalog()
    entries = [
        segment("12/01.ts", NOON + 60, 50.0),
        GapEntry(NOON + 70, 5.0, "lost"),
        segment("12/00.ts", NOON),
        GapEntry(NOON + 110, 10.0, "stopped"),
        segment("13/00.ts", NOON + 3600),
    ]
    for entry in entries:
        write(layout, TODAY, entry)
        assert catalog.day(layout, TODAY) == Catalog().day(layout, TODAY)
        assert catalog.day(layout, YESTERDAY) is None
    day = catalog.day(layout, TODAY)
    assert day is not None
    assert [(hour.hour, hour.segments, hour.seconds) for hour in day.hours] == [("12", 2, 105.0), ("13", 1, 60.0)]


def test_a_line_that_is_read_while_it_is_written_counts_once(layout: CameraLayout) -> None:
    catalog = Catalog()
    write(layout, TODAY, segment("12/00.ts", NOON), segment("12/01.ts", NOON + 60), segment("12/02.ts", NOON + 120))
    text = layout.journal(TODAY).read_bytes()
    ends = [index + 1 for index, byte in enumerate(text) if byte == 0x0A]
    seen = []
    for size in (ends[1] + 40, ends[2] - 1, ends[2], ends[3]):  # the first line is the journal's format
        layout.journal(TODAY).write_bytes(text[:size])
        day = catalog.day(layout, TODAY)
        seen.append(day and day.segments)
    assert seen == [1, 2, 2, 3]


def test_a_replaced_journal_is_read_from_the_start(layout: CameraLayout) -> None:
    catalog = Catalog()
    write(layout, TODAY, segment("12/00.ts", NOON), segment("12/01.ts", NOON + 60))
    catalog.days(layout)
    layout.journal(TODAY).unlink()
    write(layout, TODAY, segment("14/00.ts", NOON + 7200, size=7))
    day = catalog.day(layout, TODAY)
    assert day is not None
    assert [(hour.hour, hour.bytes) for hour in day.hours] == [("14", 7)]


def test_pages_are_cut_by_date(layout: CameraLayout) -> None:
    for day in ("2026-11-20", "2026-11-21", YESTERDAY, TODAY):
        write(layout, day, segment("12/00.ts", NOON))
    layout.day("2026-11-19").mkdir()
    catalog = Catalog()

    def page(before: Optional[str], limit: int) -> List[str]:
        return [day.date for day in catalog.days(layout, before=before, limit=limit)]

    assert page(None, 2) == [TODAY, YESTERDAY]
    assert page(YESTERDAY, 2) == ["2026-11-21", "2026-11-20"]
    assert page("2026-11-20", 2) == []
    assert page("2030-01-01", 9) == [TODAY, YESTERDAY, "2026-11-21", "2026-11-20"]


def test_gaps_inside_a_recording_reduce_its_seconds(layout: CameraLayout) -> None:
    holes = [
        GapEntry(NOON + 10, 5.0, "lost"),
        GapEntry(NOON + 58, 4.0, "restart"),  # between two recordings, inside neither
        GapEntry(NOON + 62, 1.0, "lost"),
        GapEntry(NOON + 121, 1.0, "lost"),  # where the second ends
    ]
    write(layout, TODAY, *holes, segment("12/00.ts", NOON, 58.0), segment("12/01.ts", NOON + 62, 60.0))
    day = Catalog().day(layout, TODAY)
    assert day is not None
    assert day.seconds == 58.0 - 5.0 + 60.0 - 2.0


def test_a_day_that_retention_removed_is_gone(layout: CameraLayout) -> None:
    catalog = Catalog()
    write(layout, TODAY, segment("12/00.ts", NOON))
    assert dates(catalog, layout) == [TODAY]
    layout.journal(TODAY).unlink()
    assert dates(catalog, layout) == []


def deleted(entry: SegmentEntry) -> DeletionEntry:
    return DeletionEntry(entry.file, entry.start, entry.duration, entry.bytes, "older than 30 days")


def test_a_deleted_recording_does_not_count(layout: CameraLayout) -> None:
    old, new = segment("12/00.ts", NOON), segment("12/01.ts", NOON + 60)
    write(layout, TODAY, old, new, deleted(old))
    assert day_segments(layout, TODAY) == [new]
    day = Catalog().day(layout, TODAY)
    assert day is not None
    assert (day.segments, day.bytes, day.seconds, day.missing_seconds, day.emptied) == (1, 1000, 60.0, 0, False)


def test_a_day_that_retention_emptied_is_not_listed(layout: CameraLayout) -> None:
    for name in (TODAY, YESTERDAY):
        write(layout, name, segment("12/00.ts", NOON))
    write(layout, YESTERDAY, deleted(segment("12/00.ts", NOON)))
    assert dates(Catalog(), layout) == [TODAY]
    emptied = Catalog().day(layout, YESTERDAY)
    assert emptied is not None and emptied.emptied


def test_days_before_the_oldest_that_has_files_are_not_read(
    layout: CameraLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("2026-01-01", YESTERDAY, TODAY):
        write(layout, name, segment("12/00.ts", NOON))
    layout.hour(YESTERDAY, "12").mkdir()
    write(layout, "2025-12-31", GapEntry(NOON, 60.0, "stopped"))
    monkeypatch.setattr(Journal, "read_on", lambda journal, offset: pytest.fail(f"{journal.path} was read"))
    with pytest.raises(pytest.fail.Exception, match=TODAY):
        Catalog().days(layout)
    monkeypatch.undo()
    assert dates(Catalog(), layout) == [TODAY, YESTERDAY]


def test_cameras_are_not_mixed_up(tmp_path: Path) -> None:
    one, two = CameraLayout(tmp_path, "cam1"), CameraLayout(tmp_path, "cam2")
    write(one, TODAY, segment("12/00.ts", NOON, size=1))
    write(two, TODAY, segment("12/00.ts", NOON, size=2))
    catalog = Catalog()
    assert [catalog.days(layout)[0].bytes for layout in (one, two)] == [1, 2]


def test_many_threads_read_the_same(layout: CameraLayout) -> None:
    write(layout, TODAY, *(segment(f"12/{minute:02d}.ts", NOON + 60 * minute) for minute in range(60)))
    catalog = Catalog()
    found: List[Optional[int]] = []

    def look() -> None:
        day = catalog.day(layout, TODAY)
        found.append(day and day.segments)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [60] * 8
