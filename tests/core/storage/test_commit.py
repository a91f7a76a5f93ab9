"""Commits and gaps on a real disk, with scripted times and simulated crashes."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
import time
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable, List, Optional, Sequence, Set, Tuple

import pytest

from cctv_cli.core import files
from cctv_cli.core.clock import DAY, HOUR, format_instant, parse_instant, zone
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.media.span import Hole, MediaSpan
from cctv_cli.core.storage.commit import RecordingStore, as_played
from cctv_cli.core.storage.entries import NO_LINE, DeletionEntry, Entry, GapEntry, HoldEntry, SegmentEntry, line_hash
from cctv_cli.core.storage.gaps import Reason, gaps_after
from cctv_cli.core.storage.journal import Journal

BERLIN = zone("Europe/Berlin")
RUN, OTHER_RUN = "0123456789abcdef", "fedcba9876543210"
NOON = parse_instant("2026-11-23T12:00:00+01:00")
TODAY, YESTERDAY = "2026-11-23", "2026-11-22"


class Camera:
    """A camera's folder and operations on it; each recording has different content."""

    def __init__(self, folder: Path) -> None:
        self.now = parse_instant("2030-01-01T00:00:00+00:00")  # after all recordings here
        self.layout = CameraLayout(folder, "cam1")
        self.store = self.opened()
        self._files = 0

    def opened(self) -> RecordingStore:
        """The store of the next supervisor."""
        store = RecordingStore(self.layout, BERLIN, lambda: self.now)
        self.layout.folder.mkdir(parents=True, exist_ok=True)
        store.open()
        return store

    def incoming(self, run: str = RUN) -> Path:
        path = self.layout.incoming_file(run, self._files)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"recording %d" % self._files)
        self._files += 1
        return path

    def record(
        self,
        start: float,
        seconds: float = 60.0,
        *,
        run: str = RUN,
        cut: bool = True,
        holes: Tuple[Hole, ...] = (),
        source: Optional[Path] = None,
    ) -> SegmentEntry:
        span = MediaSpan(first=0, duration=seconds, frames=1, holes=holes)
        gaps = gaps_after(self.store.covered_until, [Reason(start, "unknown")])
        return self.store.commit(source or self.incoming(run), start, span, run, cut=cut, gaps=gaps)

    def journal(self, day: str = TODAY) -> List[Entry]:
        return list(Journal(self.layout.journal(day)).entries())

    def gaps(self, *days: str) -> List[GapEntry]:
        return [e for day in days or (TODAY,) for e in self.journal(day) if isinstance(e, GapEntry)]

    def content(self, entry: SegmentEntry, day: str = TODAY) -> bytes:
        return (self.layout.day(day) / entry.file).read_bytes()

    def playlist(self, hour: str, day: str = TODAY) -> List[str]:
        """The files that the hour's playlist names."""
        text = self.layout.hour_playlist(day, hour).read_text()
        return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    return Camera(tmp_path)


def times(gaps: Sequence[GapEntry]) -> List[Tuple[str, float]]:
    return [(format_instant(gap.start, BERLIN), round(gap.duration, 3)) for gap in gaps]


# ---- recordings


def test_a_finished_file_becomes_a_recording(camera: Camera) -> None:
    source = camera.incoming()
    content = source.read_bytes()
    entry = camera.record(NOON + 60, 60.04, source=source)
    assert entry == SegmentEntry(
        "12/01.ts", NOON + 60, 60.04, len(content), hashlib.sha256(content).hexdigest(), RUN, "000000.ts"
    )
    assert camera.journal() == [entry]
    assert camera.content(entry) == content
    assert camera.playlist("12") == ["01.ts"]
    assert not source.exists()


def test_names_are_local_time_and_the_truth_is_the_instant(camera: Camera) -> None:
    midnight_in_berlin = datetime(2026, 11, 23, 23, 30, tzinfo=timezone.utc).timestamp()
    entry = camera.record(midnight_in_berlin)
    assert entry.file == "00/30.ts"
    assert camera.journal("2026-11-24") == [entry]


@pytest.mark.parametrize(
    ("start", "cut", "file"),
    [
        (NOON + 59.8, True, "12/01.ts"),
        (NOON + 59.8, False, "12/00.ts"),
        (NOON + 57.9, True, "12/00.ts"),
        (NOON + 60.2, True, "12/01.ts"),
    ],
    ids=["just before the boundary", "first of a run", "well before", "just after"],
)
def test_a_file_that_was_cut_at_a_boundary_takes_the_new_minutes_name(
    camera: Camera, start: float, cut: bool, file: str
) -> None:
    assert camera.record(start, cut=cut).file == file


def test_a_file_cut_just_before_midnight_belongs_to_the_new_day(camera: Camera) -> None:
    entry = camera.record(parse_instant("2026-11-23T23:59:59.800+01:00"))
    assert entry.file == "00/00.ts"
    assert camera.journal("2026-11-24") == [entry]
    assert camera.playlist("00", "2026-11-24") == ["00.ts"]


def test_a_taken_minute_gets_the_next_suffix(camera: Camera) -> None:
    entries = [camera.record(NOON + 15 * turn, 10.0, cut=False) for turn in range(4)]
    assert [entry.file for entry in entries] == ["12/00.ts", "12/00-1.ts", "12/00-2.ts", "12/00-3.ts"]
    assert [camera.content(entry) for entry in entries] == [b"recording %d" % turn for turn in range(4)]
    assert camera.playlist("12") == ["00.ts", "00-1.ts", "00-2.ts", "00-3.ts"]


def test_a_file_that_is_in_no_journal_is_not_overwritten(camera: Camera) -> None:
    foreign = camera.layout.hour(TODAY, "12") / "00.ts"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"foreign")
    assert camera.record(NOON).file == "12/00-1.ts"
    assert foreign.read_bytes() == b"foreign"
    assert camera.playlist("12") == ["00-1.ts"]


def test_the_name_of_a_missing_recording_is_not_reused(camera: Camera) -> None:
    removed = camera.record(NOON, 20)
    (camera.layout.day(TODAY) / removed.file).unlink()
    assert camera.record(NOON + 20, 20, cut=False).file == "12/00-1.ts"
    assert camera.playlist("12") == ["00-1.ts"]


def test_the_name_of_a_deleted_recording_is_not_reused(camera: Camera) -> None:
    removed = camera.record(NOON, 20)
    (camera.layout.day(TODAY) / removed.file).unlink()
    deletion = DeletionEntry(removed.file, removed.start, removed.duration, removed.bytes, "older than 30 days")
    Journal(camera.layout.journal(TODAY)).append(deletion, BERLIN)
    assert camera.record(NOON + 20, 20, cut=False).file == "12/00-1.ts"
    assert camera.playlist("12") == ["00-1.ts"]


def test_a_hold_covers_no_time(camera: Camera) -> None:
    camera.record(NOON)
    Journal(camera.layout.journal(TODAY)).append(HoldEntry("0badcafe", NOON, 600.0), BERLIN)
    assert camera.opened().covered_until == NOON + 60.0


def test_the_recordings_of_a_repeated_hour_stay_in_order(camera: Camera) -> None:
    day, first = "2026-10-25", parse_instant("2026-10-25T02:58:00+02:00")
    entries = [camera.record(first + 60 * minute) for minute in (0, 1, 2, 3)]
    again = [camera.record(first + 60 * minute) for minute in (60, 61, 62)]
    assert [e.file for e in entries] == ["02/58.ts", "02/59.ts", "02/00.ts", "02/01.ts"]
    assert [e.file for e in again] == ["02/58-1.ts", "02/59-1.ts", "03/00.ts"]
    assert [camera.content(e, day) for e in entries + again] == [b"recording %d" % number for number in range(7)]
    assert camera.playlist("02", day) == ["58.ts", "59.ts", "00.ts", "01.ts", "58-1.ts", "59-1.ts"]
    text = camera.layout.hour_playlist(day, "02").read_text()
    assert text.index("2026-10-25T02:59:00.000+02:00") < text.index("2026-10-25T02:00:00.000+01:00")
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1  # one run, with a gap for the minutes left out here
    assert times(camera.gaps(day)) == [("2026-10-25T02:02:00.000+01:00", 3360.0)]


def test_the_skipped_hour_in_spring_is_no_gap(camera: Camera) -> None:
    before = parse_instant("2026-03-29T01:59:00+01:00")
    entries = [camera.record(before), camera.record(before + 60)]
    assert [entry.file for entry in entries] == ["01/59.ts", "03/00.ts"]
    assert camera.gaps("2026-03-29") == []


def test_a_recording_recovered_late_is_in_its_place(camera: Camera) -> None:
    camera.record(NOON)
    camera.record(NOON + 120)
    late = camera.record(NOON + 60, run=OTHER_RUN)
    assert late.file == "12/01.ts"
    assert camera.playlist("12") == ["00.ts", "01.ts", "02.ts"]
    assert camera.layout.hour_playlist(TODAY, "12").read_text().count("#EXT-X-DISCONTINUITY\n") == 2


def test_a_recording_recovered_late_does_not_reopen_a_gap(camera: Camera) -> None:
    camera.record(NOON)
    camera.record(NOON + 120)  # the time between is journalled as a gap
    camera.record(NOON + 60, run=OTHER_RUN)
    gaps = camera.gaps()
    camera.record(NOON + 180)
    assert camera.gaps() == gaps


def test_hour_playlists_have_an_end(camera: Camera) -> None:
    camera.record(NOON)
    assert camera.layout.hour_playlist(TODAY, "12").read_text().endswith("#EXT-X-ENDLIST\n")


def test_a_playlist_names_no_file_that_is_missing(camera: Camera) -> None:
    entries = [camera.record(NOON + 60 * minute) for minute in range(3)]
    (camera.layout.day(TODAY) / entries[1].file).unlink()
    camera.record(NOON + 180)
    assert camera.playlist("12") == ["00.ts", "02.ts", "03.ts"]


def test_the_chain_of_hashes_runs_through_midnight(camera: Camera) -> None:
    evening = parse_instant("2026-11-23T23:59:00+01:00")
    for minute in range(2):
        camera.record(evening + 60 * minute)
    first = Journal(camera.layout.journal("2026-11-23")).lines()
    second = Journal(camera.layout.journal("2026-11-24")).lines()
    assert f'"prev": "{NO_LINE}"' in first[0].decode()
    assert f'"prev": "{line_hash(first[-1])}"' in second[0].decode()


# ---- gaps


def test_there_is_no_gap_before_the_first_recording(camera: Camera) -> None:
    camera.store.explain(NOON, "silent")
    camera.record(NOON + 60)
    assert camera.gaps() == []
    assert camera.store.covered_until == NOON + 120


def test_a_gap_has_its_cause(camera: Camera) -> None:
    camera.record(NOON)
    camera.store.explain(NOON + 75, "silent", "the camera stopped answering")
    camera.record(NOON + 75, cut=False)
    assert camera.gaps() == [GapEntry(NOON + 60, 15.0, "silent", "the camera stopped answering")]


def test_a_recording_and_the_gaps_before_it_are_journalled_at_once(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.record(NOON)
    appended: List[int] = []
    real = Journal.append_all

    def append_all(journal: Journal, entries: Sequence[Entry], tz: object) -> None:
        appended.append(len(entries))
        real(journal, entries, tz)  # type: ignore[arg-type]

    monkeypatch.setattr(Journal, "append_all", append_all)
    entry = camera.record(NOON + 90, cut=False)
    assert camera.journal()[1:] == [GapEntry(NOON + 60, 30.0, "unknown"), entry]
    assert appended == [2]


def test_successive_causes_make_successive_gaps(camera: Camera) -> None:
    camera.record(NOON)
    camera.store.explain(NOON + 100, "refused")
    camera.store.explain(NOON + 160, "unauthorized")
    camera.record(NOON + 180)
    assert [(gap.cause, gap.duration) for gap in camera.gaps()] == [
        ("refused", 40.0),
        ("unauthorized", 60.0),
        ("unknown", 20.0),
    ]


@pytest.mark.parametrize("seconds", [-30.0, -0.1, 0.0, 0.19])
def test_a_joint_within_its_tolerance_is_no_gap(camera: Camera, seconds: float) -> None:
    camera.record(NOON)
    camera.record(NOON + 60 + seconds)
    assert camera.gaps() == []


def test_gaps_are_cut_at_local_midnight(camera: Camera) -> None:
    camera.record(parse_instant("2026-11-23T23:58:00+01:00"))
    camera.store.explain(parse_instant("2026-11-25T00:00:30+01:00"), "silent")
    assert times(camera.gaps("2026-11-23")) == [("2026-11-23T23:59:00.000+01:00", 60.0)]
    assert times(camera.gaps("2026-11-24")) == [("2026-11-24T00:00:00.000+01:00", 86_400.0)]
    assert times(camera.gaps("2026-11-25")) == [("2026-11-25T00:00:00.000+01:00", 30.0)]


@pytest.mark.parametrize(
    ("name", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("Asia/Kathmandu", "2026-10-25", 24),
        ("Africa/Cairo", "2026-04-24", 23),
        ("America/Havana", "2026-11-01", 25),
    ],
    ids=["spring", "autumn", "odd offset", "midnight skipped", "midnight twice"],
)
def test_days_are_as_long_as_the_zone_says(tmp_path: Path, name: str, day: str, hours: int) -> None:
    tz = zone(name)
    layout = CameraLayout(tmp_path, "cam1")
    source = layout.incoming_file(RUN, 0)
    source.parent.mkdir(parents=True)
    source.write_bytes(b"recording")
    store = RecordingStore(layout, tz)
    begin = datetime.fromisoformat(day).replace(hour=12, tzinfo=tz).timestamp() - 24 * 3600
    store.commit(source, begin, MediaSpan(0, 60.0, 1), RUN, cut=True)
    store.explain(begin + 72 * 3600, "silent")
    (gap,) = Journal(layout.journal(day)).entries()
    assert gap.duration == hours * 3600
    assert format_instant(gap.start, tz).startswith(day)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="a process cannot choose its zone here")
def test_gaps_are_cut_in_the_systems_zone_too(tmp_path: Path) -> None:
    camera = Camera(tmp_path)
    camera.store = RecordingStore(camera.layout, None)
    camera.record(parse_instant("2026-10-24T23:59:00+02:00"))
    camera.store.explain(parse_instant("2026-10-26T00:00:00+01:00"), "silent")
    assert times(camera.gaps("2026-10-24", "2026-10-25")) == [("2026-10-25T00:00:00.000+02:00", 90_000.0)]
    assert not camera.layout.day("2026-10-26").exists()


def test_a_hole_inside_a_recording_is_a_gap(camera: Camera) -> None:
    entry = camera.record(NOON, holes=(Hole(20.0, 3.5), Hole(40.0, 2.0)))
    assert camera.journal() == [
        entry,
        GapEntry(NOON + 20, 3.5, "no frames", "the camera sent no frames"),
        GapEntry(NOON + 40, 2.0, "no frames", "the camera sent no frames"),
    ]


def test_a_recording_and_its_gaps_are_journalled_at_once(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(folder: Path) -> None:
        if folder == camera.layout.day(TODAY):
            raise OSError("the process ends here")

    monkeypatch.setattr(files, "sync_folder", end)
    with pytest.raises(OSError, match="ends here"):
        camera.record(NOON, holes=(Hole(20.0, 3.5), Hole(40.0, 2.0)))
    monkeypatch.undo()
    camera.opened()
    assert [gap.start for gap in camera.gaps()] == [NOON + 20, NOON + 40]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is always another disk")
def test_recordings_on_another_disk_are_refused_before_anything_is_journalled(tmp_path: Path) -> None:
    layout = CameraLayout(tmp_path, "cam1")
    layout.folder.mkdir()
    layout.recordings.symlink_to("/proc")
    with pytest.raises(OSError, match=r"another disk.*mount the disk at .*cam1 instead"):
        RecordingStore(layout, BERLIN).open()


def test_a_clock_that_was_set_back_makes_no_gap(camera: Camera) -> None:
    camera.record(NOON)
    camera.record(NOON - 3600)
    camera.record(NOON - 3540)
    assert camera.gaps() == []
    assert camera.playlist("11") == ["00.ts", "01.ts"]


# ---- the next supervisor


def test_the_next_supervisor_knows_what_is_covered(camera: Camera) -> None:
    camera.record(NOON)
    camera.store.explain(NOON + 90, "silent")
    assert camera.opened().covered_until == NOON + 90


def test_a_time_zone_that_moved_west_hides_nothing(camera: Camera) -> None:
    camera.record(NOON - 12 * 3600)  # belongs to today in Berlin
    west = RecordingStore(camera.layout, zone("America/New_York"), lambda: camera.now)
    west.open()
    entry = west.commit(camera.incoming(), NOON - 11 * 3600, MediaSpan(0, 60.0, 1500), RUN, cut=True)
    assert camera.journal("2026-11-22")  # where that is still yesterday
    assert camera.opened().covered_until == entry.end


def test_a_late_recovery_does_not_hide_what_came_after_it(camera: Camera) -> None:
    camera.record(NOON)
    camera.record(NOON + 120)
    camera.record(NOON + 60)
    assert camera.opened().covered_until == NOON + 180


def test_an_empty_folder_covers_nothing(camera: Camera) -> None:
    (camera.layout.recordings / "2026-11-24").mkdir(parents=True)
    (camera.layout.recordings / "lost+found").mkdir()
    assert camera.opened().covered_until is None


def test_the_next_supervisor_journals_the_gap_before_it(camera: Camera) -> None:
    camera.record(NOON)
    store = camera.opened()
    store.explain(NOON + 300, "unsupervised")
    assert camera.gaps() == [GapEntry(NOON + 60, 240.0, "unsupervised")]


def test_a_crash_between_journal_and_move_is_finished_on_open(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    camera.record(NOON)
    source = camera.incoming()
    content = source.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(files, "move", _crash)
        with pytest.raises(_Crash):
            camera.record(NOON + 60, source=source)
    assert camera.playlist("12") == ["00.ts"]
    store = camera.opened()
    assert (camera.layout.hour(TODAY, "12") / "01.ts").read_bytes() == content
    assert not source.exists()
    assert camera.playlist("12") == ["00.ts", "01.ts"]
    assert store.covered_until == NOON + 120


def test_a_crash_just_before_midnight_is_finished_on_the_next_day(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.record(parse_instant("2026-11-24T00:01:00+01:00"))
    source = camera.incoming()
    with monkeypatch.context() as patch:
        patch.setattr(files, "move", _crash)
        with pytest.raises(_Crash):
            camera.record(parse_instant("2026-11-23T23:59:00+01:00"), source=source)
    camera.opened()
    assert camera.playlist("23", "2026-11-23") == ["59.ts"]


def test_a_crash_between_move_and_playlist_is_finished_on_open(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    camera.record(NOON)
    with monkeypatch.context() as patch:
        patch.setattr(files, "replace_in", _crash)
        with pytest.raises(_Crash):
            camera.record(NOON + 60)
    assert camera.playlist("12") == ["00.ts"]
    camera.opened()
    assert camera.playlist("12") == ["00.ts", "01.ts"]


def test_a_journal_line_without_a_file_does_not_matter(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    source = camera.incoming()
    with monkeypatch.context() as patch:
        patch.setattr(files, "move", _crash)
        with pytest.raises(_Crash):
            camera.record(NOON, source=source)
    source.unlink()
    assert camera.opened().covered_until == NOON + 60


@pytest.mark.parametrize("file", ["../../../escaped.ts", "12/../../escaped.ts", "12/60.ts", "41.ts", ""])
def test_a_hostile_name_in_a_journal_moves_nothing(camera: Camera, file: str) -> None:
    camera.record(NOON)
    source = camera.incoming()
    entry = SegmentEntry(file, NOON + 60, 60.0, 1, "ab" * 32, RUN, source.name)
    Journal(camera.layout.journal(TODAY)).append(entry, BERLIN)
    camera.opened()
    assert source.exists()


def test_a_torn_journal_opens(camera: Camera) -> None:
    entry = camera.record(NOON)
    with camera.layout.journal(TODAY).open("ab") as file:
        file.write(b'{"type": "segment", "start": "2026-11-23T12:01')
    camera.store = camera.opened()
    assert camera.store.covered_until == entry.end
    assert camera.record(NOON + 60).file == "12/01.ts"
    assert camera.playlist("12") == ["00.ts", "01.ts"]


# ---- errors of the disk, without a new supervisor


def test_a_full_disk_at_the_playlist_makes_no_false_gap(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    camera.record(NOON)
    with monkeypatch.context() as patch:
        patch.setattr(files, "replace_in", _disk_full)
        camera.record(NOON + 60)
        assert "No space left" in camera.store.playlist_fault
    camera.record(NOON + 120)
    assert camera.store.playlist_fault == ""
    assert camera.gaps() == []
    assert camera.playlist("12") == ["00.ts", "01.ts", "02.ts"]


def test_a_move_that_fails_once_is_journalled_once(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    camera.record(NOON)
    source = camera.incoming()
    with monkeypatch.context() as patch:
        patch.setattr(files, "move", _disk_full)
        with pytest.raises(OSError, match="No space left"):
            camera.record(NOON + 60, source=source)
    camera.record(NOON + 60, source=source)  # the recorder's next step finds the file again
    assert [entry.file for entry in camera.journal() if isinstance(entry, SegmentEntry)] == ["12/00.ts", "12/01.ts"]
    assert camera.playlist("12") == ["00.ts", "01.ts"]


def test_a_journal_that_cannot_be_written_moves_nothing(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    source = camera.incoming()
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append_all", _disk_full)
        with pytest.raises(OSError, match="No space left"):
            camera.record(NOON, source=source)
    assert source.exists()
    assert camera.record(NOON, source=source).file == "12/00.ts"


class _Crash(BaseException):
    """Ends the process; no handler of cctv catches it."""


def _crash(*_: object) -> None:
    raise _Crash


def _disk_full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("reopened", [False, True])
def test_a_recording_from_the_future_hides_no_later_gap(camera: Camera, reopened: bool) -> None:
    camera.now = NOON + 61
    camera.record(NOON)
    camera.record(NOON + 400 * 86_400)  # the clock was wrong for a minute
    camera.now = NOON + 180
    if reopened:
        camera.store = camera.opened()
    camera.record(NOON + 120)
    camera.now = NOON + 600
    camera.store.explain(NOON + 500, "refused")
    assert times(camera.gaps())[-1] == (format_instant(NOON + 180, BERLIN), 320.0)


def test_a_clock_that_jumps_by_years_writes_one_gap(camera: Camera) -> None:
    long_ago = parse_instant("2020-01-01T00:00:00+00:00")
    camera.record(long_ago)
    camera.record(NOON)
    assert len(list(camera.layout.recordings.iterdir())) == 2


def test_a_playlist_that_could_not_be_written_is_written_at_the_next_start(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(files, "replace_in", _disk_full)
        camera.record(NOON + 59 * 60)
    camera.record(NOON + 3600)
    camera.store = camera.opened()
    assert camera.playlist("12") == ["59.ts"]
    assert camera.playlist("13") == ["00.ts"]


AT = 1792888200.0


def played(file: str, start: float, run: str = RUN) -> SegmentEntry:
    return SegmentEntry(file, start, 60.0, 1000, "ab" * 32, run, "000000.ts")


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (played("02/31.ts", AT + 60), True),
        (played("02/31.ts", AT + 60.15), True),
        (played("02/31.ts", AT + 59.85), True),
        (played("02/31.ts", AT + 61), False),
        (played("02/31.ts", AT + 59), False),
        (played("02/31.ts", AT + 60, run=OTHER_RUN), False),
    ],
    ids=["exact", "nearly", "overlapping a little", "a second is missing", "overlapping", "another run"],
)
def test_which_segments_play_without_a_discontinuity(after: SegmentEntry, expected: bool) -> None:
    before = played("02/30.ts", AT)
    assert [segment.joins for segment in as_played([after, before])] == [False, expected]


# ---- unexpected things on the disk


def in_the_way(path: Path, kind: str) -> None:
    """Put something that is not a file where one is expected."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "FIFO":
        os.mkfifo(path)
    else:
        path.symlink_to(path if kind == "loop" else path.with_name("nowhere"))


KINDS = [
    "folder",
    *(
        pytest.param(kind, marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows has none"))
        for kind in ("FIFO", "loop", "dangling")
    ),
]


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes reading and writing a file fail, for root too; its status can still be read."""
    denied: Set[Path] = set()
    real = files.Folder.open

    def open_file(folder: files.Folder, name: str, flags: int) -> int:
        if folder.path / name in denied:
            raise PermissionError(errno.EACCES, "Permission denied", str(folder.path / name))
        return real(folder, name, flags)

    monkeypatch.setattr(files.Folder, "open", open_file)
    return denied.add


@pytest.mark.parametrize("day", ["2026-11-22", TODAY])
@pytest.mark.parametrize("kind", KINDS)
def test_something_other_than_a_journal_blocks_no_commit(camera: Camera, kind: str, day: str) -> None:
    camera.record(NOON - 86_400)
    camera.record(NOON)
    in_the_way(camera.layout.journal(day), kind)
    camera.store = camera.opened()
    entry = camera.record(NOON + 60)
    assert camera.journal()[-1] == entry
    assert times(camera.gaps()) == ([] if day == TODAY else [("2026-11-23T00:00:00.000+01:00", 12 * 3600.0)])
    assert os.path.lexists(camera.layout.day(day) / "journal.jsonl.unreadable") == (day == TODAY)


@pytest.mark.parametrize("kind", KINDS)
def test_something_other_than_a_playlist_affects_only_its_hour(camera: Camera, kind: str) -> None:
    camera.record(NOON - 3600)
    in_the_way(camera.layout.hour_playlist(TODAY, "11"), kind)
    camera.store = camera.opened()
    camera.record(NOON)
    assert camera.playlist("12") == ["00.ts"]
    if kind == "folder":
        assert "playlist.m3u8" in camera.store.playlist_fault
    else:
        assert camera.playlist("11") == ["00.ts"]


def test_an_unreadable_journal_of_yesterday_blocks_nothing(camera: Camera, unreadable: Callable[[Path], None]) -> None:
    yesterday = camera.layout.journal("2026-11-22")
    last = camera.record(NOON - 86_400)
    os.utime(yesterday, (last.end + 5, last.end + 5))
    unreadable(yesterday)
    camera.store = camera.opened()
    camera.record(NOON)
    assert times(camera.gaps("2026-11-23"))[-1] == ("2026-11-23T00:00:00.000+01:00", 12 * 3600.0)
    assert camera.playlist("12") == ["00.ts"]


def test_recordings_of_a_day_whose_journal_cannot_be_read_wait_without_a_false_gap(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = camera.record(NOON)
    path = camera.layout.journal(TODAY)
    source = camera.incoming()
    real = files.Folder.open

    def open_file(folder: files.Folder, name: str, flags: int) -> int:
        if folder.path / name == path:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(folder, name, flags)

    with monkeypatch.context() as patch:
        patch.setattr(files.Folder, "open", open_file)
        camera.store = camera.opened()
        with pytest.raises(PermissionError):
            camera.record(NOON + 60, source=source)
    assert source.exists()
    later = camera.record(NOON + 60, source=source)
    assert camera.journal() == [entry, later]


@pytest.fixture
def yesterday_refuses(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """After a recording yesterday: makes writing that day's journal fail with this error number."""
    camera.record(NOON - DAY)
    path, real = camera.layout.journal(YESTERDAY), files.Folder.open

    def refuse(number: int) -> None:
        def open_file(folder: files.Folder, name: str, flags: int) -> int:
            if folder.path / name == path and flags & os.O_APPEND:
                raise OSError(number, os.strerror(number), str(path))
            return real(folder, name, flags)

        monkeypatch.setattr(files.Folder, "open", open_file)

    return refuse


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_a_journal_of_yesterday_that_cannot_be_written_blocks_nothing_of_today(
    camera: Camera, yesterday_refuses: Callable[[int], None], number: int
) -> None:
    yesterday_refuses(number)
    camera.now = NOON
    camera.store.explain(NOON - 14 * HOUR, "silent")  # wholly in yesterday
    camera.record(NOON)
    gap, recording = camera.journal()
    assert isinstance(gap, GapEntry) and isinstance(recording, SegmentEntry)
    assert (gap.start, gap.end, recording.start) == (NOON - 12 * HOUR, NOON, NOON)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EMFILE])
def test_no_day_is_skipped_for_errors_of_the_disk_or_the_process(
    camera: Camera, yesterday_refuses: Callable[[int], None], number: int
) -> None:
    yesterday_refuses(number)
    camera.now = NOON
    with pytest.raises(OSError, match=os.strerror(number)):
        camera.store.explain(NOON - 14 * HOUR, "silent")
    with pytest.raises(OSError, match=os.strerror(number)):
        camera.record(NOON)


def test_a_day_is_skipped_only_when_the_days_after_it_are_written(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.record(NOON - DAY)
    covered = camera.store.covered_until
    camera.now, source = NOON, camera.incoming()

    def fail(journal: Journal, *args: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(journal.path))

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append_all", fail)
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            camera.record(NOON, source=source)
    assert camera.store.covered_until == covered
    camera.record(NOON, source=source)
    assert times(camera.gaps(YESTERDAY, TODAY)) == times(
        [GapEntry(NOON - DAY + 60, 12 * HOUR - 60, ""), GapEntry(NOON - 12 * HOUR, 12 * HOUR, "")]
    )


def test_a_commit_interrupted_by_a_crash_is_finished_although_there_are_days_in_the_future(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in ("2029-01-01", "2029-01-02", "2029-01-03"):
        camera.record(parse_instant(f"{day}T12:00:00+01:00"), run=OTHER_RUN)
    camera.now = NOON + 3600
    camera.store = camera.opened()
    camera.record(NOON)
    source = camera.incoming()
    with monkeypatch.context() as patch:
        patch.setattr(files, "move", _crash)
        with pytest.raises(_Crash):
            camera.record(NOON + 60, source=source)
    camera.opened()
    assert not source.exists()
    assert camera.playlist("12") == ["00.ts", "01.ts"]


def test_a_file_that_was_promised_on_another_day_is_journalled_once(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = camera.incoming()
    with monkeypatch.context() as patch:
        patch.setattr(files, "move", _disk_full)
        with pytest.raises(OSError, match="No space left"):
            camera.record(NOON, source=source)
    for days in (10, 11, 12, 13):
        camera.record(NOON + days * 86_400, run=OTHER_RUN)
    camera.record(NOON + 14 * 86_400, source=source)  # the clock was set before the next try
    assert [entry.file for entry in camera.journal() if isinstance(entry, SegmentEntry)] == ["12/00.ts"]
    assert camera.journal("2026-12-07") == []
    assert camera.playlist("12") == ["00.ts"]


def test_players_count_media_time() -> None:
    entry = replace(played("02/31.ts", AT), media=71.4)
    assert entry.end == AT + 60
    assert [segment.duration for segment in as_played([entry])] == [71.4]
