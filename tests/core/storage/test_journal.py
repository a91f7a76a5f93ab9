from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctv_cli.core.clock import format_instant, zone
from cctv_cli.core.records import NewerFormat
from cctv_cli.core.storage.entries import (
    LONGEST_LINE,
    NO_LINE,
    BriefSegment,
    ClockEntry,
    DeletionEntry,
    Entry,
    GapEntry,
    HoldEntry,
    ReleaseEntry,
    SegmentEntry,
    line_hash,
    parse_line,
    read_brief,
    render_line,
)
from cctv_cli.core.storage.journal import LARGEST, Journal

BERLIN = zone("Europe/Berlin")
START = 1792888200.0  # 2026-10-25T02:30:00+02:00, in the repeated hour

SEGMENT = SegmentEntry("02/30.ts", START, 60.04, 1_234_567, "ab" * 32, "0123456789abcdef", "000001.ts")
GAP = GapEntry(START, 12.5, "silent", "the camera stopped answering; check its network and power")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    folder = tmp_path / "2026-10-25"
    folder.mkdir()
    return Journal(folder / "journal.jsonl")


def previous_hash(line: bytes) -> str:
    return str(json.loads(line)["prev"])


def previous_hashes(journal: Journal) -> List[str]:
    return [previous_hash(line) for line in journal.lines()]


def test_a_segments_line_has_all_fields() -> None:
    assert json.loads(render_line(SEGMENT, BERLIN, NO_LINE)) == {
        "type": "segment",
        "start": "2026-10-25T02:30:00.000+02:00",
        "duration": 60.04,
        "file": "02/30.ts",
        "bytes": 1_234_567,
        "sha256": "ab" * 32,
        "run": "0123456789abcdef",
        "source": "000001.ts",
        "prev": NO_LINE,
    }


def test_a_gaps_line_has_all_fields() -> None:
    assert json.loads(render_line(GAP, BERLIN, NO_LINE)) == {
        "type": "gap",
        "start": "2026-10-25T02:30:00.000+02:00",
        "duration": 12.5,
        "cause": "silent",
        "detail": "the camera stopped answering; check its network and power",
        "prev": NO_LINE,
    }


@pytest.mark.parametrize(
    "entry",
    [
        SEGMENT,
        GAP,
        GapEntry(START + 3600, 0.001, "unknown"),
        ClockEntry(START, 0.0, -3600.25),
        GapEntry(START, 1.0, "storage", 'Kamera "Süd"\nantwortet\r nicht \u2028 \x85 \x00 \\'),
    ],
    ids=["segment", "gap", "no detail", "clock", "odd characters"],
)
def test_an_entry_reads_back_from_its_one_line(entry: Entry) -> None:
    line = render_line(entry, BERLIN, NO_LINE)
    assert line.splitlines() == [line]
    assert parse_line(line) == entry


@pytest.mark.parametrize("entry", [SEGMENT, replace(SEGMENT, file="02/30-1.mp4", header=812)], ids=["ts", "mp4"])
def test_a_line_in_another_style_reads_the_same(entry: SegmentEntry) -> None:
    line = render_line(entry, BERLIN, NO_LINE)
    fields = json.loads(line)
    for other in (
        json.dumps(fields, separators=(",", ":")),
        json.dumps(fields, sort_keys=True),
        json.dumps({**fields, "note": "of a later version"}),
        line.decode() + " ",
    ):
        assert parse_line(other.encode()) == parse_line(line) == entry


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"T02:30:00.000+02:00", b"T02:30:00.000"),
        (b"2026-10-25T", b"2026-13-25T"),
        (b'"prev"', b'"prev'),
        (b'"type": "segment"', b'"type": "deletion"'),
    ],
    ids=["no offset", "no date", "torn", "another kind"],
)
def test_a_line_that_is_almost_a_recording_is_none(old: bytes, new: bytes) -> None:
    line = render_line(SEGMENT, BERLIN, NO_LINE)
    assert old in line
    assert parse_line(line.replace(old, new)) is None


def test_instants_of_a_repeated_hour_are_kept() -> None:
    for later in (0, 3600):
        entry = GapEntry(START + later, 1.0, "unknown")
        assert parse_line(render_line(entry, BERLIN, NO_LINE)) == entry


def test_an_entry_ends_after_its_duration() -> None:
    assert (SEGMENT.end, GAP.end) == (START + 60.04, START + 12.5)


def changed(**changes: Any) -> bytes:
    fields: Dict[str, Any] = {**json.loads(render_line(SEGMENT, BERLIN, NO_LINE)), **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        render_line(SEGMENT, BERLIN, NO_LINE)[:-1],
        render_line(SEGMENT, BERLIN, NO_LINE)[40:],
        bytes(200),
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        changed(type="hold"),
        changed(start="2026-10-25T02:30:00"),
        changed(start=7),
        changed(duration="long"),
        changed(duration=...),
        changed(sha256=...),
        changed(file=7),
        changed(bytes="many"),
        changed(duration=float("nan")),
    ],
    ids=[
        "empty",
        "torn at once",
        "torn at its end",
        "without its beginning",
        "zeros after a power cut",
        "no text",
        "null",
        "list",
        "number",
        "text",
        "unknown kind",
        "no UTC offset",
        "start of another type",
        "duration of another type",
        "no duration",
        "no hash",
        "file of another type",
        "bytes of another type",
        "duration that is no number",
    ],
)
def test_a_line_that_is_no_entry_is_ignored(line: bytes) -> None:
    assert parse_line(line) is None


def test_a_field_of_a_later_version_is_ignored() -> None:
    assert parse_line(changed(camera="cam1")) == SEGMENT


def test_a_journal_that_does_not_exist_is_empty(journal: Journal) -> None:
    assert journal.lines() == []
    assert list(journal.entries()) == []
    assert journal.hour_segments("02") == []


def test_entries_come_in_the_order_of_writing(journal: Journal) -> None:
    for entry in (SEGMENT, GAP):
        journal.append(entry, BERLIN)
    assert list(journal.entries()) == [SEGMENT, GAP]


def test_every_line_has_the_hash_of_the_line_before(journal: Journal) -> None:
    for entry in (SEGMENT, GAP, SEGMENT):
        journal.append(entry, BERLIN)
    lines = journal.lines()
    assert previous_hashes(journal) == [NO_LINE, *map(line_hash, lines[:-1])]
    assert len(lines) == 4


def test_the_chain_continues_across_days(journal: Journal) -> None:
    for day in ("2026-10-23", "2026-10-24", "2026-10-26"):
        folder = journal.path.parent.parent / day
        folder.mkdir()
        Journal(folder / "journal.jsonl").append(GapEntry(START, 1.0, day), BERLIN)
    journal.append(SEGMENT, BERLIN)
    yesterday = Journal(journal.path.parent.parent / "2026-10-24" / "journal.jsonl")
    assert previous_hashes(journal)[0] == line_hash(yesterday.lines()[-1])


def test_a_day_whose_journal_is_gone_does_not_break_the_chain(journal: Journal) -> None:
    before = journal.path.parent.parent / "2026-10-23"
    before.mkdir()
    (journal.path.parent.parent / "2026-10-24").mkdir()
    Journal(before / "journal.jsonl").append(GAP, BERLIN)
    journal.append(SEGMENT, BERLIN)
    assert previous_hashes(journal)[0] == line_hash(Journal(before / "journal.jsonl").lines()[-1])


@pytest.mark.parametrize(
    "torn",
    [render_line(GAP, BERLIN, NO_LINE)[:50], bytes(300), b"{", render_line(GAP, BERLIN, NO_LINE)],
    ids=["half", "zeros", "one byte", "all but the line end"],
)
def test_a_torn_line_is_kept_and_ignored(journal: Journal, torn: bytes) -> None:
    journal.append(SEGMENT, BERLIN)
    with journal.path.open("ab") as file:
        file.write(torn)
    journal.append(GAP, BERLIN)
    first, kept, after = journal.lines()[1:]
    assert kept == torn
    assert json.loads(after)["prev"] == line_hash(torn)
    assert parse_line(first) == SEGMENT
    assert parse_line(after) == GAP


def test_nothing_that_was_written_is_changed_by_an_append(journal: Journal) -> None:
    for number in range(5):
        before = journal.path.read_bytes() if number else b""
        journal.append(GapEntry(START + number, 1.0, "unknown"), BERLIN)
        assert journal.path.read_bytes().startswith(before)


def test_an_hours_segments_are_ordered_by_absolute_start(journal: Journal) -> None:
    second = SegmentEntry("02/30-1.ts", START + 3600, 60.0, 1, "cd" * 32, "0123456789abcdef", "000061.ts")
    late = SegmentEntry("02/29.ts", START - 60, 60.0, 1, "ef" * 32, "fedcba9876543210", "000000.ts")
    other = SegmentEntry("03/00.ts", START + 5400, 60.0, 1, "01" * 32, "0123456789abcdef", "000091.ts")
    for entry in (second, SEGMENT, GAP, other, late):
        journal.append(entry, BERLIN)
    assert journal.hour_segments("02") == [late, SEGMENT, second]
    assert journal.hour_segments("03") == [other]
    assert journal.hour_segments("04") == []


def test_a_gap_that_mentions_a_file_is_no_segment(journal: Journal) -> None:
    journal.append(GapEntry(START, 1.0, "unknown", 'lost "file": "02/30.ts"'), BERLIN)
    assert journal.hour_segments("02") == []


def test_the_chain_continues_from_the_last_of_many_lines(journal: Journal) -> None:
    for number in range(200):  # more than the block that is read from the end
        journal.append(GapEntry(START + number, 1.0, "unknown", "x" * 200), BERLIN)
    lines = journal.lines()
    assert previous_hashes(journal)[1:] == [line_hash(line) for line in lines[:-1]]


def test_appending_in_a_missing_folder_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Journal(tmp_path / "2026-10-25" / "journal.jsonl").append(GAP, BERLIN)


def test_reading_starts_at_an_offset(journal: Journal) -> None:
    assert journal.read_on(0) == b""
    journal.append(SEGMENT, BERLIN)
    whole = journal.path.read_bytes()
    assert (journal.read_on(0), journal.read_on(len(whole))) == (whole, b"")
    journal.append(GAP, BERLIN)
    assert journal.read_on(len(whole)) == journal.path.read_bytes()[len(whole) :]


def test_kept_bytes_do_not_count_deleted_recordings(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    for number, size in enumerate((1000, 200, 30)):
        start = 1_800_000_000.0 + 60 * number
        journal.append(SegmentEntry(f"14/0{number}.ts", start, 60.0, size, "0" * 64, "f" * 16, "000000.ts"), None)
        journal.append(GapEntry(start + 60, 1.0, "silent", '"bytes": 7'), None)
    assert journal.kept_bytes() == 1230
    deleted = journal.lines()[3].replace(b'"segment"', b'"deletion"', 1)
    with journal.path.open("ab") as file:
        file.write(deleted + b"\n")
    assert journal.kept_bytes() == 1030


def test_entries_after_an_offset_include_no_unfinished_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    first, second = (GapEntry(1_800_000_000.0 + number, 1.0, "silent") for number in range(2))
    journal.append(first, None)
    found, offset = journal.entries_after(0)
    assert (found, offset) == ([first], journal.path.stat().st_size)
    journal.append(second, None)
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole[:-1])
    assert journal.entries_after(offset) == ([], offset)
    journal.path.write_bytes(whole)
    assert journal.entries_after(offset) == ([second], len(whole))


# ---- deletions and holds

DELETION = DeletionEntry("02/30.ts", START, 60.04, 1_234_567, "older than 30 days")
HOLD = HoldEntry("0badcafe", START - 5, 3600.0, "for the police, Straße")
RELEASE = ReleaseEntry("0badcafe", START - 5, 3600.0)


@pytest.mark.parametrize(
    ("entry", "more"),
    [
        (DELETION, {"type": "deletion", "file": "02/30.ts", "bytes": 1_234_567, "reason": "older than 30 days"}),
        (HOLD, {"type": "hold", "id": "0badcafe", "note": "for the police, Straße"}),
        (RELEASE, {"type": "release", "id": "0badcafe"}),
    ],
    ids=["deletion", "hold", "release"],
)
def test_lines_of_retention_have_all_fields_and_read_back(entry: Entry, more: Dict[str, Any]) -> None:
    line = render_line(entry, BERLIN, NO_LINE)
    fields = json.loads(line)
    assert {key: fields[key] for key in more} == more
    assert set(fields) == {*more, "start", "duration", "prev"}
    assert parse_line(line) == entry


def test_many_lines_are_chained_like_single_ones(journal: Journal) -> None:
    journal.append_all([SEGMENT, GAP], BERLIN)
    journal.append_all([DELETION, HOLD, RELEASE], BERLIN)
    lines = journal.lines()
    assert previous_hashes(journal) == [NO_LINE, *map(line_hash, lines[:-1])]
    assert list(journal.entries()) == [SEGMENT, GAP, DELETION, HOLD, RELEASE]


def test_a_deleted_recording_keeps_its_name(journal: Journal) -> None:
    other = SegmentEntry("02/31.ts", START + 60, 60.0, 1, "cd" * 32, "0123456789abcdef", "000002.ts")
    journal.append_all([other, SEGMENT, DELETION], BERLIN)
    assert journal.segments() == journal.hour_segments("02") == [other]
    assert journal.hour_names("02") == {"02/30.ts", "02/31.ts"}
    assert journal.hour_names("03") == set()


def test_a_hold_lasts_until_its_release(journal: Journal) -> None:
    second = HoldEntry("12345678", START, 60.0)
    journal.append_all([HOLD, second], BERLIN)
    assert journal.holds() == [HOLD, second]
    journal.append(RELEASE, BERLIN)
    assert journal.holds() == [second]
    assert Journal(journal.path.with_name("none")).holds() == []


def brief(entry: SegmentEntry) -> BriefSegment:
    return BriefSegment(entry.file, entry.start, entry.duration, entry.bytes)


@pytest.mark.parametrize(
    "entry",
    [
        SEGMENT,
        SegmentEntry("02/30-1.mp4", START + 3600, 59.96, 7, "ab" * 32, "0123456789abcdef", "000001.mp4", 1203),
        SegmentEntry("02/31.ts", START, 60.0, 7, "", 'not hexadecimal ü"\\', "000001.ts"),
        SegmentEntry("02/32.ts", START, 0.00001, 7, "ab", "cd", "000001.ts"),
        replace(SEGMENT, media=71.5),
    ],
    ids=["usual", "with a header", "with escapes", "duration rounds to zero", "with another media time"],
)
def test_read_brief_finds_what_parse_line_finds(entry: SegmentEntry) -> None:
    line = render_line(entry, BERLIN, "ab" * 32)
    parsed = parse_line(line)
    assert isinstance(parsed, SegmentEntry)
    assert read_brief(line + b"\n") == ([brief(parsed)], [])


def test_read_brief_ignores_what_parse_line_ignores(journal: Journal) -> None:
    usual = render_line(SEGMENT, BERLIN, "ab" * 32)
    odd = [
        usual.replace(b"2026-10-25", b"2026-13-25"),
        usual.replace(b"+02:00", b""),
        usual.replace(b'"type": "segment"', b'"type": "later"'),
        usual[:-5],
        b"",
        b"\xff\xfe",
    ]
    assert [parse_line(line) for line in odd] == [None] * len(odd)
    others: List[Entry] = [GAP, DELETION, HOLD, RELEASE]
    lines = [*odd, usual, *(render_line(entry, BERLIN, NO_LINE) for entry in others)]
    assert read_brief(b"\n".join(lines)) == ([brief(SEGMENT)], others)


def test_read_brief_reads_a_line_in_another_style() -> None:
    fields = json.loads(render_line(SEGMENT, BERLIN, NO_LINE))
    line = json.dumps(dict(reversed(list(fields.items()))), separators=(",", ":")).encode()
    assert read_brief(line) == ([brief(SEGMENT)], [])


def test_a_repeated_deletion_counts_once(journal: Journal) -> None:
    gone = replace(DELETION, file=SEGMENT.file, bytes=SEGMENT.bytes)
    torn = replace(gone, file="00/00.ts")  # its segment's line was torn by a crash
    journal.append_all([SEGMENT, gone, gone, torn, replace(SEGMENT, file="03/00.ts", bytes=77)], BERLIN)
    assert journal.kept_bytes() == 77
    assert list(journal.deletions()) == [SEGMENT.file, "00/00.ts"]


# ---- damage, and lines that cctv did not write

FIELDS: Dict[str, st.SearchStrategy[str]] = {
    "start": st.sampled_from(
        [
            '"2026-10-25T02:30:00.000+02:00"',
            '"2026-10-25T02:30:00+02:00"',
            '"2026-10-25T02:30:00"',
            '"2026-10-25 02:30:00+02:00"',
            '"2026-10-25T02:30:00Z"',
            '"20261025T023000+02:00"',
            '"2026-W43-7T02:30:00+02:00"',
            '"0001-01-01T00:00:00+14:00"',
            '"9999-12-31T23:59:59-14:00"',
            '"2500-01-01T00:00:00+00:00"',
            '"2026-10-25T02:30:00.000+02:00:00.000001"',
            '"+"',
            "7",
        ]
    ),
    "number": st.from_regex(r"-?[0-9]{0,20}(\.[0-9]{0,22})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    "name": st.from_regex(r'"[0-9a-z_/.\- ]{0,5}"', fullmatch=True)
    | st.integers(95, 105).map(lambda n: f'"{"a" * n}"')
    | st.text(max_size=5).map(lambda text: f'"{text}"'),
}
FIELDS["sane number"] = st.sampled_from(["60.04", "0.0", "1234567", "0", "007", "7.", "999999999999999999", "1e3"])


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_the_regular_expression_and_json_read_the_same(data: st.DataObject) -> None:
    def draw(*kinds: str) -> str:
        return data.draw(st.one_of(*(FIELDS[kind] for kind in kinds)))

    numbers = ("number", "sane number")
    header = data.draw(st.sampled_from(["", ', "header": 12'])) or f', "header": {draw(*numbers)}'
    line = (
        f'{{"type": "segment", "start": {draw("start")}, "duration": {draw(*numbers)}, "file": {draw("name")}, '
        f'"bytes": {draw(*numbers)}, "sha256": {draw("name")}, "run": {draw("name")}, "source": {draw("name")}'
        f'{header}, "prev": {draw("name")}}}'
    ).encode()
    by_json = parse_line(b" " + line)  # does not match the regular expression
    assert parse_line(line) == by_json
    if len(line.splitlines()) == 1:
        assert read_brief(line) == ([brief(by_json)] if isinstance(by_json, SegmentEntry) else [], [])
    if isinstance(by_json, SegmentEntry):
        assert format_instant(by_json.end, zone("Pacific/Kiritimati"))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_reading_any_bytes_raises_nothing(line: bytes) -> None:
    parse_line(line)
    parse_line(b'{"type": "segment", "start": ' + line)
    read_brief(line)


TEXTS = st.text(max_size=30) | st.text(min_size=1).map(lambda text: text * 3000) | st.just("a\ud800b")


@settings(deadline=None)
@given(st.floats(0, 4e9), st.floats(0, 1e9), TEXTS, TEXTS)
def test_entries_with_any_text_read_back(start: float, duration: float, one: str, two: str) -> None:
    for entry in (
        GapEntry(start, duration, one, two),
        HoldEntry("a", start, duration, one),
        DeletionEntry("02/30.ts", start, duration, 5, one),
    ):
        line = render_line(entry, BERLIN, NO_LINE)
        found = parse_line(line)
        assert type(found) is type(entry)
        assert len(line) < LONGEST_LINE
        assert line.splitlines() == [line]


def test_a_line_longer_than_cctv_writes_is_ignored_quickly() -> None:
    for line in (b"[" * 10**7, b"9" * 10**7, render_line(GAP, BERLIN, NO_LINE) + b" " * LONGEST_LINE):
        assert parse_line(line) is None


@pytest.mark.parametrize("size", [100, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 1_000_000])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_the_whole_last_line_is_hashed_whatever_its_length(journal: Journal, size: int, end: bytes) -> None:
    journal.append(SEGMENT, BERLIN)
    long = b"x" * size
    with journal.path.open("ab") as file:
        file.write(long + end)
    journal.append(GAP, BERLIN)
    assert journal.lines()[-2] == long
    assert previous_hash(journal.lines()[-1]) == line_hash(long)


def test_a_single_long_line_is_hashed_whole(journal: Journal) -> None:
    journal.path.write_bytes(b"x" * 300_000)
    journal.append(GAP, BERLIN)
    assert previous_hash(journal.lines()[-1]) == line_hash(b"x" * 300_000)


def test_a_file_too_large_for_a_journal_is_refused_unread(journal: Journal) -> None:
    with journal.path.open("wb") as file:
        file.truncate(LARGEST + 1)
    for ask in (journal.lines, journal.kept_bytes, journal.holds, lambda: journal.append(GAP, BERLIN)):
        with pytest.raises(OSError, match="too large"):
            ask()
    assert journal.path.stat().st_size == LARGEST + 1


def test_an_unreadable_earlier_day_does_not_block_an_append(journal: Journal) -> None:
    days = [journal.path.parent.parent / day / "journal.jsonl" for day in ("2026-10-22", "2026-10-23", "2026-10-24")]
    for path in days:
        path.parent.mkdir()
    Journal(days[0]).append(GAP, BERLIN)
    days[1].write_bytes(b"")
    days[2].mkdir()
    journal.append(GAP, BERLIN)
    assert previous_hash(journal.lines()[0]) == line_hash(Journal(days[0]).lines()[-1])


# ---- the format


def test_a_journal_begins_with_its_format(journal: Journal) -> None:
    journal.append_all([SEGMENT, GAP], BERLIN)
    journal.append(HOLD, BERLIN)
    first, *others = map(json.loads, journal.lines())
    assert first == {"type": "journal", "version": 1, "prev": NO_LINE}
    assert [each["type"] for each in others] == ["segment", "gap", "hold"]


def test_a_journal_of_the_first_version_has_no_format_line_and_gets_none(journal: Journal) -> None:
    first = render_line(SEGMENT, BERLIN, NO_LINE)
    journal.path.write_bytes(first + b"\n")
    journal.append(GAP, BERLIN)
    assert list(journal.entries()) == [SEGMENT, GAP]
    assert previous_hashes(journal) == [NO_LINE, line_hash(first)]


def test_a_journal_of_a_newer_cctv_is_neither_read_nor_written(journal: Journal) -> None:
    newer = b'{"type": "journal", "version": 3, "prev": "%s", "more": 1}\n' % NO_LINE.encode()
    journal.path.write_bytes(newer + render_line(SEGMENT, BERLIN, line_hash(newer[:-1])) + b"\n")
    before = journal.path.read_bytes()
    asks: List[Callable[[], Any]] = [
        journal.lines,
        journal.segments,
        journal.holds,
        journal.kept_bytes,
        lambda: journal.entries_after(0),
        lambda: journal.append(GAP, BERLIN),
    ]
    for ask in asks:
        with pytest.raises(NewerFormat) as caught:
            ask()
        assert str(caught.value) == (
            f"{journal.path} was written by a newer cctv (format 3); upgrade this cctv, or choose another storage"
        )
    assert journal.path.read_bytes() == before


def test_the_chain_continues_after_a_day_of_a_newer_cctv(journal: Journal) -> None:
    newer = b'{"type": "journal", "version": 3, "prev": "%s"}' % NO_LINE.encode()
    yesterday = journal.path.parent.parent / "2026-10-24" / "journal.jsonl"
    yesterday.parent.mkdir()
    yesterday.write_bytes(newer + b"\n")
    journal.append(GAP, BERLIN)
    assert previous_hash(journal.lines()[0]) == line_hash(newer)


def test_reading_takes_as_much_memory_as_the_journal_has_bytes(journal: Journal) -> None:
    journal.append(SEGMENT, BERLIN)
    size = journal.path.stat().st_size
    tracemalloc.start()
    try:
        assert len(journal.read_on(0)) == size
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
