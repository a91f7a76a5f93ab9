"""The judge, held against evidence that is right and evidence that was doctored: it must report each fault."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import List, Sequence, Tuple

import pytest

from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.storage.entries import GapEntry, SegmentEntry
from cctv_cli.core.storage.journal import Journal
from tests.faults.gather import check_files, entries_of, recording_of
from tests.faults.judge import Evidence, Recording, judge
from tests.support.media import Media
from tests.support.ts_frames import RecordedFrame

FPS = 25.0
BORN = 1_000_000.0
TICKS = 3600  # of a frame
DAY = "2026-01-01"
LATER = "2026-01-02"


def recording(name: str, numbers: Sequence[int], late: float = 0.0) -> Recording:
    """A file of these frames, dated and timed as they were sent."""
    frames = tuple(RecordedFrame(number, number * TICKS, number * TICKS, False) for number in numbers)
    length = numbers[-1] - numbers[0] + 1
    return Recording(name, BORN + numbers[0] / FPS + late, length / FPS, frames)


def right() -> Evidence:
    """Ten seconds; from the fourth to the sixth FFmpeg was dead, which the journal says."""
    gap = GapEntry(BORN + 4.0, 2.0, "killed")
    return Evidence(
        fps=FPS,
        born=BORN,
        until=BORN + 10.0,
        sent=frozenset([*range(110), *range(150, 250)]),
        recordings=[
            recording("00.ts", range(50)),
            recording("01.ts", range(50, 100)),
            recording("02.ts", range(150, 250)),
        ],
        gaps=[gap],
    )


def without(each: Recording, *numbers: int) -> Recording:
    return replace(each, frames=tuple(frame for frame in each.frames if frame.number not in numbers))


def test_what_is_right_has_no_complaint() -> None:
    account = judge(right(), healed=BORN + 5.0)
    assert account.complaints == ()
    assert (account.lost, account.unexplained, account.gaps) == (2.0, 0.0, {"killed": 2.0})
    assert account.recovery == pytest.approx(1.0)
    assert account.dated == pytest.approx(0.0)


def complaints(evidence: Evidence) -> str:
    return " | ".join(judge(evidence).complaints)


def test_one_lost_frame() -> None:
    evidence = right()
    first, *others = evidence.recordings
    found = judge(replace(evidence, recordings=[without(first, 20), *others]))
    assert found.unexplained == 1 / FPS
    assert "0.04 s are lost without a gap, from frame 20 to 20" in " | ".join(found.complaints)


def test_frames_lost_between_two_files() -> None:
    evidence = right()
    first, *others = evidence.recordings
    assert judge(replace(evidence, recordings=[without(first, *range(45, 50)), *others])).unexplained == 5 / FPS


def test_frames_lost_at_the_end() -> None:
    evidence = right()
    *others, last = evidence.recordings
    found = judge(replace(evidence, recordings=[*others, without(last, *range(230, 250))]))
    assert found.unexplained == 20 / FPS


def test_frames_lost_beyond_their_gap() -> None:
    evidence = right()
    first, second, third = evidence.recordings
    found = judge(replace(evidence, recordings=[first, without(second, *range(80, 100)), third]))
    assert found.unexplained == 19 / FPS  # the one beside the gap may belong to it


def test_a_gap_that_is_not_journalled() -> None:
    found = complaints(replace(right(), gaps=[]))
    assert "0.40 s are lost without a gap" in found
    assert "2.00 s are neither recorded nor explained" in found


def test_a_gap_that_is_journalled_elsewhere() -> None:
    found = complaints(replace(right(), gaps=[GapEntry(BORN + 7.0, 2.0, "killed")]))
    assert "0.40 s are lost without a gap" in found


def test_a_doubled_frame() -> None:
    evidence = right()
    found = judge(replace(evidence, recordings=[*evidence.recordings, recording("03.ts", [99])]))
    assert found.doubled == 1
    assert "1 frames are recorded twice, the first is 99" in " | ".join(found.complaints)


def test_recordings_in_another_order_than_their_frames() -> None:
    first, second, third = right().recordings
    moved = [replace(first, start=second.start), replace(second, start=first.start), third]
    assert "the order of the recordings is not the order of the frames" in complaints(
        replace(right(), recordings=moved)
    )


def test_a_wrong_time() -> None:
    evidence = right()
    moved = [replace(each, start=each.start + 1.5) for each in evidence.recordings]
    assert "a recorded time is 1.50 s off" in complaints(replace(evidence, recordings=moved))


def test_a_time_that_is_wrong_beside_a_gap_counts_as_part_of_it() -> None:
    first, second, third = right().recordings
    stray = RecordedFrame(149, 100 * TICKS, 100 * TICKS, False)  # FFmpeg gave it the time of the frame that it lost
    torn = [first, replace(second, frames=(*second.frames, stray), duration=4.0), third]
    assert complaints(replace(right(), recordings=torn)) == ""


def test_a_wrong_length() -> None:
    *others, last = right().recordings
    wrong = [*others, replace(last, duration=last.duration + 2.0)]
    assert "02.ts claims 6.00 s, its frames are 4.00 s" in complaints(replace(right(), recordings=wrong))


def test_a_jump_inside_a_file() -> None:
    *others, last = right().recordings
    shifted = tuple(replace(frame, pts=frame.pts + (frame.number or 0) // 200 * TICKS) for frame in last.frames)
    wrong = [*others, replace(last, frames=shifted)]
    assert "in 02.ts two frames are 0.080 s apart" in complaints(replace(right(), recordings=wrong))


def test_a_jump_that_a_gap_explains() -> None:
    numbers = [*range(100), *range(150, 250)]
    whole = recording("00.ts", numbers)
    assert complaints(replace(right(), recordings=[whole])) == ""


def test_nothing_recorded() -> None:
    assert complaints(replace(right(), recordings=[])) == "nothing was recorded"


# What is gathered from a folder.


@pytest.fixture
def layout(tmp_path: Path) -> CameraLayout:
    return CameraLayout(tmp_path, "cam1")


def entry(file: str) -> SegmentEntry:
    return SegmentEntry(file, BORN, 1.0, bytes=3, sha256="ab" * 32, run="0123456789abcdef", source="000000.ts")


def written(layout: CameraLayout, *names: str) -> Journal:
    journal = Journal(layout.journal(DAY))
    journal.path.parent.mkdir(parents=True)
    journal.append_all([entry(name) for name in names], None)
    return journal


def read(layout: CameraLayout) -> Tuple[int, List[str]]:
    found: List[str] = []
    return len(list(entries_of(layout, found))), found


def test_a_chain_that_holds(layout: CameraLayout) -> None:
    written(layout, "12/00.ts", "12/01.ts")
    assert read(layout) == (2, [])


def test_a_day_that_grew_after_the_next_one_began(layout: CameraLayout) -> None:
    journal = written(layout, "12/00.ts", "12/01.ts")
    later = Journal(layout.journal(LATER))
    later.path.parent.mkdir(parents=True)
    later.append_all([replace(entry("12/00.ts"), start=BORN + 86_400.0)], None)
    journal.append(entry("12/02.ts"), None)
    assert read(layout) == (4, [])
    journal.path.write_bytes(b"".join(journal.path.read_bytes().splitlines(keepends=True)[:1]))
    assert read(layout) == (1, [f"line 1 of {LATER}/journal.jsonl does not follow the one before"])


def test_a_line_that_was_changed(layout: CameraLayout) -> None:
    journal = written(layout, "12/00.ts", "12/01.ts", "12/02.ts")
    journal.path.write_bytes(journal.path.read_bytes().replace(b"12/01.ts", b"12/09.ts"))
    assert read(layout) == (3, [f"line 4 of {DAY}/journal.jsonl does not follow the one before"])


def test_a_line_that_is_missing(layout: CameraLayout) -> None:
    journal = written(layout, "12/00.ts", "12/01.ts", "12/02.ts")
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(b"".join([*lines[:2], lines[3]]))
    assert read(layout) == (2, [f"line 3 of {DAY}/journal.jsonl does not follow the one before"])


def test_a_line_that_a_full_disk_tore(layout: CameraLayout) -> None:
    journal = written(layout, "12/00.ts", "12/01.ts")
    journal.path.write_bytes(journal.path.read_bytes()[:-20])
    journal.append(entry("12/01.ts"), None)
    assert read(layout) == (2, [])


def test_a_missing_file(layout: CameraLayout) -> None:
    found: List[str] = []
    assert recording_of(layout.day(DAY) / "12/00.ts", entry("12/00.ts"), "12/00.ts", found).frames == ()
    assert len(found) == 1 and "No such file" in found[0]


def test_a_file_that_is_not_what_the_journal_says(layout: CameraLayout, media: Media) -> None:
    found: List[str] = []
    assert recording_of(media.plain, entry("12/00.ts"), "12/00.ts", found).frames
    assert found == ["12/00.ts is not what its journal line says"]


def test_a_file_that_no_journal_and_no_playlist_knows(layout: CameraLayout) -> None:
    hour = layout.hour(DAY, "12")
    hour.mkdir(parents=True)
    (hour / "00.ts").write_bytes(b"ts")
    (hour / "playlist.m3u8").write_text("#EXTM3U\n01.ts\n#EXT-X-ENDLIST\n")
    found: List[str] = []
    check_files(layout, {}, found)
    assert found == [
        f"{DAY}/12/00.ts is in no journal",
        "a playlist names 01.ts, which is missing",
        "no playlist names 00.ts",
    ]


def test_a_gap_that_covers_what_is_recorded() -> None:
    wide = GapEntry(BORN + 2.5, 3.5, "killed")
    assert "a gap of 3.50 s (killed) covers 1.46 s that are recorded" in complaints(replace(right(), gaps=[wide]))


def test_a_gap_that_covers_less_than_a_second_of_footage_may_be_rounded() -> None:
    assert complaints(replace(right(), gaps=[GapEntry(BORN + 3.2, 2.8, "killed")])) == ""


def test_a_file_in_which_time_goes_back() -> None:
    first, *others = right().recordings
    frames = [replace(frame, pts=frame.pts - 10 * TICKS) if frame.number == 30 else frame for frame in first.frames]
    assert "in 00.ts frame 30 is 0.360 s before frame 29" in complaints(
        replace(right(), recordings=[replace(first, frames=tuple(frames)), *others])
    )


def test_a_frame_whose_number_is_damaged() -> None:
    first, *others = right().recordings
    frames = (*first.frames[:-1], replace(first.frames[-1], number=None))
    assert "1 frames of 00.ts have no number" in complaints(
        replace(right(), recordings=[replace(first, frames=frames), *others])
    )


def set_ahead(by: float, dated_by: float) -> Evidence:
    """The clock was set ahead after three seconds; the second file is dated `dated_by` seconds ahead."""
    evidence = right()
    first, second, third = evidence.recordings
    moved = [first, replace(second, start=second.start + dated_by), replace(third, start=third.start + by)]
    gap = GapEntry(BORN + 2.0 if dated_by else BORN + 4.0, by + (0.0 if dated_by else 2.0), "clock set")
    lost = GapEntry(BORN + 4.0 + by, 2.0, "killed")
    return replace(evidence, recordings=moved, gaps=[gap, lost], steps=[(BORN + 3.0, by)])


@pytest.mark.parametrize("dated_by", [0.0, 3600.0])
def test_a_file_in_which_the_clock_was_set_may_be_dated_by_either_clock(dated_by: float) -> None:
    assert complaints(set_ahead(3600.0, dated_by)) == ""


def test_a_time_that_is_wrong_by_both_clocks() -> None:
    assert "a recorded time is 20.00 s off" in complaints(set_ahead(3600.0, 3620.0))


def test_what_is_lost_before_a_fault() -> None:
    evidence = right()
    account = judge(evidence, BORN + 5.0, BORN + 5.5)
    assert account.tail == pytest.approx(1.04)
