"""Cleanups of real trees: what goes, what stays, what an interruption leaves, and what is never touched."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Set

import pytest

from cctv_cli.core import files
from cctv_cli.core.clock import zone
from cctv_cli.core.config.settings import Camera, DemoSource, Settings
from cctv_cli.core.drafts import draft_of
from cctv_cli.core.errors import CleanupIncomplete, CleanupRefused, CleanupRuns, StorageError, UnknownCamera
from cctv_cli.core.files import Folder
from cctv_cli.core.footage.catalog import Catalog, day_segments
from cctv_cli.core.layout import storage_marker
from cctv_cli.core.retention import eraser as eraser_module
from cctv_cli.core.retention.cleaner import Cleaner, Cleanup
from cctv_cli.core.retention.eraser import Eraser
from cctv_cli.core.retention.report import report, summary
from cctv_cli.core.storage.entries import DeletionEntry, HoldEntry, line_hash
from cctv_cli.core.storage.holds import add_hold, release_hold
from cctv_cli.core.storage.journal import Journal
from cctv_cli.core.storage.marker import ensure_marker, place, read_marker, remember_days, write_marker
from cctv_cli.core.units import FreeSpace
from tests.support.hung_disk import HungDisk
from tests.support.odd_files import bounded, odd_files, posix, put
from tests.support.storage_tree import CameraTree, FixedClock, instant
from tests.support.waiting import HANG, wait_for

BERLIN = zone("Europe/Berlin")
NOW = "2026-07-14T15:30:00+02:00"
OLD, EDGE, YESTERDAY, TODAY = "2026-05-01", "2026-06-14", "2026-07-13", "2026-07-14"


class Usage(NamedTuple):
    total: int
    used: int
    free: int


class Site:
    """A storage with cameras, and a cleaner with a clock that stands still."""

    def __init__(self, folder: Path) -> None:
        self.clock = FixedClock(instant(NOW))
        self.settings = Settings(
            cameras=(Camera("front", "Front", DemoSource(tone=False)), Camera("yard", "Yard", DemoSource(tone=False))),
            storage=folder / "hls",
            timezone="Europe/Berlin",
            min_free=FreeSpace(bytes=1),
        )
        self.trees: Dict[str, CameraTree] = {}
        self.settings.storage.mkdir()
        ensure_marker(self.settings.storage)

    def tree(self, camera_id: str = "front") -> CameraTree:
        if camera_id not in self.trees:
            self.trees[camera_id] = CameraTree(self.settings, camera_id)
        return self.trees[camera_id]

    def lay(self, camera_id: str = "front") -> None:
        """Two minutes two months ago, one on each side of the edge of 30 days, two minutes of today."""
        tree = self.tree(camera_id)
        for start in (
            f"{OLD}T10:00:00+02:00",
            f"{OLD}T10:01:00+02:00",
            f"{EDGE}T15:28:00+02:00",
            f"{EDGE}T15:30:00+02:00",
            f"{TODAY}T14:00:00+02:00",
            f"{TODAY}T14:01:00+02:00",
        ):
            tree.record(start, 60)

    def cleaner(self, storage_id: Optional[str] = None, **changes: Any) -> Cleaner:
        return Cleaner(replace(self.settings, **changes), BERLIN, self.clock, storage_id)

    def run(self, **changes: Any) -> Cleanup:
        return self.cleaner(**changes).run()

    def files(self, camera_id: str = "front") -> Set[str]:
        """Everything below the camera's recordings folder but journals and playlists."""
        top = self.tree(camera_id).layout.recordings
        found = {str(path.relative_to(top).as_posix()) for path in top.rglob("*") if not path.is_dir()}
        return {name for name in found if not name.endswith((".jsonl", ".m3u8"))}

    def deletions(self, day: str, camera_id: str = "front") -> List[DeletionEntry]:
        entries = Journal(self.tree(camera_id).layout.journal(day)).entries()
        return [entry for entry in entries if isinstance(entry, DeletionEntry)]

    def playlist(self, day: str, hour: str) -> List[str]:
        text = self.tree().layout.hour_playlist(day, hour).read_text()
        return [line for line in text.splitlines() if line and not line.startswith("#")]


AFTER = {f"{EDGE}/15/30.ts", f"{TODAY}/14/00.ts", f"{TODAY}/14/01.ts"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def make_short(monkeypatch: pytest.MonkeyPatch, total: int, free: int) -> None:
    """Let every disk have these bytes."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(total, total - free, free))


def chain_holds(site: Site, day: str) -> bool:
    lines = Journal(site.tree().layout.journal(day)).lines()
    return all(json.loads(after)["prev"] == line_hash(before) for before, after in zip(lines, lines[1:]))


# ---- what a cleanup does


def test_what_is_too_old_goes_and_its_journal_says_why(site: Site) -> None:
    site.lay()
    recorded = day_segments(site.tree().layout, OLD)
    size = recorded[0].bytes
    done = site.run()
    assert site.files() == AFTER
    assert (done.done.files, done.done.bytes, done.failed) == (3, 3 * size, ())
    assert site.deletions(OLD) == [
        DeletionEntry(s.file, s.start, s.duration, s.bytes, "older than 30 days") for s in recorded
    ]
    assert chain_holds(site, OLD) and chain_holds(site, EDGE)
    layout = site.tree().layout
    assert os.listdir(layout.day(OLD)) == ["journal.jsonl"]
    assert site.playlist(EDGE, "15") == ["30.ts"]
    done.raise_troubles()


def test_what_is_gone_is_in_no_list_and_is_no_gap(site: Site) -> None:
    site.lay()
    layout, catalog = site.tree().layout, Catalog()
    gaps = {day.date: day.gaps for day in catalog.days(layout)}
    site.run()
    days = {day.date: day for day in catalog.days(layout)}
    assert OLD not in days and day_segments(layout, OLD) == []
    assert (days[EDGE].segments, days[EDGE].bytes) == (1, day_segments(layout, EDGE)[0].bytes)
    assert {date: day.gaps for date, day in days.items()} == {date: gaps[date] for date in days}
    emptied = catalog.day(layout, OLD)
    assert emptied is not None and emptied.emptied


def test_a_second_cleanup_finds_nothing_to_do(site: Site) -> None:
    site.lay()
    site.run()
    journal = site.tree().layout.journal(OLD).read_bytes()
    again = site.run()
    assert (again.to_delete.files, again.done.files) == (0, 0)
    assert site.tree().layout.journal(OLD).read_bytes() == journal


def test_a_name_that_was_deleted_is_not_given_again(site: Site) -> None:
    site.lay()
    site.run()
    again = site.tree().record(f"{OLD}T10:00:00+02:00", 60)
    assert again.file == "10/00-1.ts"
    assert site.playlist(OLD, "10") == ["00-1.ts"]


def test_a_preview_is_the_plan_of_the_run_and_deletes_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    make_short(monkeypatch, 1_000_000, 500_000)  # other programs' files come and go on the real disk
    site.lay()
    site.lay("yard")
    before = {name: site.files(name) for name in ("front", "yard")}
    previewed = site.cleaner().preview()
    assert {name: site.files(name) for name in before} == before
    assert not previewed.executed and previewed.done.files == 0
    done = site.run()
    assert done.plan == previewed.plan
    assert done.done == previewed.to_delete


def test_each_camera_has_its_own_retention_and_one_without_configuration_the_general(site: Site) -> None:
    for name in ("front", "yard", "gone"):
        site.lay(name)
    cameras = (replace(site.settings.cameras[0], retention_days=365), site.settings.cameras[1])
    site.run(cameras=cameras)
    assert [len(site.files(name)) for name in ("front", "yard", "gone")] == [6, 3, 3]


def test_one_camera_alone(site: Site) -> None:
    site.lay()
    site.lay("yard")
    done = site.cleaner().run(["yard"])
    assert [len(site.files(name)) for name in ("front", "yard")] == [6, 3]
    assert [camera.facts.camera_id for camera in done.plan.cameras] == ["yard"]
    with pytest.raises(UnknownCamera, match="'attic'"):
        site.cleaner().run(["attic"])


def test_a_full_disk_loses_the_oldest_of_all_cameras(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("front", "yard"):
        site.tree(name).record(f"{TODAY}T10:00:00+02:00", 60)
        site.tree(name).record(f"{TODAY}T11:00:00+02:00", 60)
    size = day_segments(site.tree().layout, TODAY)[0].bytes
    make_short(monkeypatch, 1_000_000, 0)
    done = site.run(min_free=FreeSpace(bytes=2 * size))
    assert [site.files(name) for name in ("front", "yard")] == [{f"{TODAY}/11/00.ts"}] * 2
    assert {d.reason for d in site.deletions(TODAY)} == {f"less than {2 * size}B of the disk free"}
    assert done.free_after(next(iter(done.plan.facts.disks))) == 2 * size


def test_what_is_being_written_is_out_of_reach(site: Site) -> None:
    site.lay()
    growing = site.tree().layout.incoming_file("00c0ffee00c0ffee", 99)
    growing.write_bytes(b"growing")
    os.utime(growing, (0, 0))
    live = site.tree().layout.live_segment(0)
    live.parent.mkdir()
    live.write_bytes(b"live")
    site.run(max_size=1, most_deleted=100)
    assert site.files() == set()
    assert growing.read_bytes() == b"growing" and live.read_bytes() == b"live"


def test_a_recorder_commits_while_a_cleanup_runs(site: Site) -> None:
    site.lay()
    seen: List[int] = []

    def record_more(done: int, total: int) -> None:
        site.tree().record(f"{TODAY}T15:{len(seen):02d}:00+02:00", 60)
        seen.append(total)

    site.cleaner().run(progress=record_more)
    assert seen == [3, 3]
    assert site.files() == AFTER | {f"{TODAY}/15/00.ts", f"{TODAY}/15/01.ts"}


def test_a_cleanup_ends_between_hours_when_it_is_asked_to(site: Site) -> None:
    site.lay()
    done = site.cleaner().run(ended=lambda: not site.tree().layout.hour(OLD, "10").exists())
    assert done.done.files == 2
    assert f"{EDGE}/15/28.ts" in site.files()


# ---- holds


def test_a_hold_keeps_its_files_until_it_is_released(site: Site) -> None:
    site.lay()
    layout = site.tree().layout
    hold = add_hold(
        layout, instant(f"{OLD}T10:00:30+02:00"), instant(f"{OLD}T10:01:00+02:00"), "", instant(NOW), BERLIN
    )
    done = site.run()
    assert site.files() == AFTER | {f"{OLD}/10/00.ts"}
    assert site.playlist(OLD, "10") == ["00.ts"]
    assert "on hold" in json.dumps(report(done, BERLIN))
    release_hold(layout, hold.id, BERLIN)
    site.run()
    assert site.files() == AFTER


def test_a_hold_that_comes_after_the_plan_is_kept(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.lay()
    execute = Cleaner._execute

    def hold_first(self: Cleaner, planned: Cleanup, *more: Any) -> Cleanup:
        times = (instant(f"{OLD}T10:01:00+02:00"), instant(f"{OLD}T10:02:00+02:00"))
        add_hold(site.tree().layout, *times, "", instant(NOW), BERLIN)
        return execute(self, planned, *more)

    monkeypatch.setattr(Cleaner, "_execute", hold_first)
    done = site.run()
    assert done.done.files == 2
    assert site.files() == AFTER | {f"{OLD}/10/01.ts"}
    assert [d.file for d in site.deletions(OLD)] == ["10/00.ts"]


def test_a_disk_full_of_holds_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.lay()
    add_hold(site.tree().layout, instant(f"{OLD}T00:00:00+02:00"), instant(NOW), "all", instant(NOW), BERLIN)
    make_short(monkeypatch, 1_000_000, 0)
    done = site.run(min_free=FreeSpace(bytes=1000))
    assert len(site.files()) == 6
    with pytest.raises(CleanupIncomplete, match="holds keep"):
        done.raise_troubles()


# ---- interruptions


class Crash(BaseException):
    """The process ends here."""


def crash(*arguments: object, **named: object) -> None:
    raise Crash


@pytest.mark.parametrize(
    ("where", "name"),
    [(eraser_module, "render_playlist_in"), (eraser_module, "_remove"), (eraser_module, "_remove_folder")],
    ids=["after the journal", "after the playlist", "after the files"],
)
def test_the_next_cleanup_finishes_what_a_crash_interrupted(
    site: Site, monkeypatch: pytest.MonkeyPatch, where: Any, name: str
) -> None:
    site.lay()
    with monkeypatch.context() as patched:
        patched.setattr(where, name, crash)
        with pytest.raises(Crash):
            site.run()
    interrupted = [d.file for d in site.deletions(OLD)]
    assert interrupted == ["10/00.ts", "10/01.ts"]
    assert site.tree().layout.hour(OLD, "10").is_dir()
    assert day_segments(site.tree().layout, OLD) == []
    site.run()
    assert site.files() == AFTER
    assert os.listdir(site.tree().layout.day(OLD)) == ["journal.jsonl"]
    assert [d.file for d in site.deletions(OLD)] == interrupted


def test_a_crash_between_two_files_of_an_hour_is_finished(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.lay()
    remove = Folder.remove

    def crash_at_the_second(self: Folder, name: str) -> None:
        if name == "01.ts":
            raise Crash
        remove(self, name)

    with monkeypatch.context() as patched:
        patched.setattr(Folder, "remove", crash_at_the_second)
        with pytest.raises(Crash):
            site.run()
    assert f"{OLD}/10/01.ts" in site.files() and f"{OLD}/10/00.ts" not in site.files()
    planned = site.cleaner().preview()
    assert [(u.day, u.hour, u.files) for u in planned.scans[0].unfinished] == [(OLD, "10", ("10/01.ts",))]
    site.run()
    assert site.files() == AFTER


def test_a_file_that_cannot_be_deleted_is_told_and_the_others_go(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.lay()
    remove = Folder.remove

    def refuse(self: Folder, name: str) -> None:
        if name == "00.ts" and OLD in str(self.path):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        remove(self, name)

    with monkeypatch.context() as patched:
        patched.setattr(Folder, "remove", refuse)
        done = site.run()
        assert site.files() == AFTER | {f"{OLD}/10/00.ts"}
        assert done.failed == ((f"front/recordings/{OLD}/10/00.ts", "Operation not permitted"),)
        assert done.done.files == 2
        with pytest.raises(CleanupIncomplete, match=r"front/recordings/2026-05-01/10/00\.ts could not be deleted"):
            done.raise_troubles()
        assert len(site.run().failed) == 1
    assert site.run().done.files == 1
    assert site.files() == AFTER


def test_a_disk_that_takes_not_a_line_more_is_freed_nevertheless(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal is written once a file is gone; at no time does a playlist name what is missing."""
    site.lay()
    append, layout = Journal.append_all, site.tree().layout

    def full(self: Journal, entries: Any, tz: Any) -> None:
        if (layout.day(OLD) / "10/00.ts").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        assert not layout.hour_playlist(OLD, "10").exists()
        append(self, entries, tz)

    monkeypatch.setattr(Journal, "append_all", full)
    done = site.run()
    assert (done.failed, site.files()) == ((), AFTER)
    assert [d.file for d in site.deletions(OLD)] == ["10/00.ts", "10/01.ts"]


def test_a_playlist_for_which_there_is_no_room_is_rendered_by_the_next_cleanup(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.lay()
    replace_in = files.replace_in

    def full(folder: Folder, name: str, data: bytes, **named: Any) -> None:
        if name == "playlist.m3u8":
            raise OSError(errno.ENOSPC, "No space left on device")
        replace_in(folder, name, data, **named)

    with monkeypatch.context() as patched:
        patched.setattr(files, "replace_in", full)
        assert site.run().failed == ()
    assert site.files() == AFTER
    assert not site.tree().layout.hour_playlist(EDGE, "15").exists()
    site.run()
    assert site.playlist(EDGE, "15") == ["30.ts"]


def test_a_file_that_somebody_removed_is_journalled_when_its_time_comes(site: Site) -> None:
    site.lay()
    (site.tree().layout.day(OLD) / "10/00.ts").unlink()
    done = site.run()
    assert [(d.file, d.bytes > 0) for d in site.deletions(OLD)] == [("10/00.ts", False), ("10/01.ts", True)]
    assert site.files() == AFTER and done.failed == ()


# ---- what is not ours


def test_foreign_files_are_told_and_never_touched(site: Site) -> None:
    site.lay()
    recordings = site.tree().layout.recordings
    foreign = [
        "notes.txt",
        f"{OLD}/clip.mp4",
        f"{OLD}/10/clip.mp4",
        f"{OLD}/10/99.ts",
        "2026-02-30/10/00.ts",
        "1999-01-01/10/00.mov",  # a day without a journal
    ]
    for name in foreign:
        (recordings / name).parent.mkdir(parents=True, exist_ok=True)
        (recordings / name).write_bytes(b"foreign")
    done = site.run(max_size=1, most_deleted=100)
    assert site.files() == set(foreign)
    assert set(done.scans[0].foreign) == {*foreign, "2026-02-30"} - {"2026-02-30/10/00.ts"}
    assert done.scans[0].foreign_count == 6


def test_what_a_crash_left_of_a_playlist_goes_with_its_hour(site: Site) -> None:
    site.lay()
    layout = site.tree().layout
    (layout.hour(OLD, "10") / draft_of("playlist.m3u8")).touch()
    done = site.run()
    assert os.listdir(layout.day(OLD)) == ["journal.jsonl"]
    assert done.scans[0].foreign_count == 0


# ---- journals that were lost


def lose(site: Site, day: str) -> None:
    site.tree().layout.journal(day).unlink()


def test_without_its_journal_a_day_is_told_and_kept_while_there_is_room(site: Site) -> None:
    site.lay()
    lose(site, OLD)
    site.run(max_size=1, most_deleted=100)
    assert site.files() == {f"{OLD}/10/00.ts", f"{OLD}/10/01.ts"}
    marker = read_marker(site.settings.storage)
    assert marker is not None
    assert marker.unjournalled["front"].startswith(f"2 recordings of {OLD} (")
    shown = report(site.cleaner().preview(), BERLIN)
    assert shown["cameras"][0]["days"][0]["keeps"][0]["reason"] == "not in the journal"
    assert any(note.startswith("front has 2 recordings") for note in shown["notes"])


def test_a_short_disk_deletes_what_no_journal_knows_before_the_newest_day_and_journals_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.lay()
    lose(site, OLD)
    size = day_segments(site.tree().layout, TODAY)[0].bytes
    make_short(monkeypatch, 1_000_000, 0)
    limits = {"min_free": FreeSpace(bytes=3 * size), "most_deleted": 100}
    previewed = report(site.cleaner(**limits).preview(), BERLIN)
    done = site.run(**limits)
    assert previewed["cameras"] == report(done, BERLIN)["cameras"]
    assert site.files() == {f"{OLD}/10/01.ts", f"{TODAY}/14/00.ts", f"{TODAY}/14/01.ts"}
    (deleted,) = site.deletions(OLD)
    assert (deleted.file, deleted.bytes) == ("10/00.ts", size)
    assert deleted.reason.endswith("of the disk free, and not in the journal")
    assert deleted.start <= instant(f"{OLD}T10:00:00+02:00") < deleted.start + deleted.duration
    site.run(**limits)
    assert site.files() == set()


def test_a_line_that_was_torn_out_of_a_journal_costs_its_own_recording_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.lay()
    journal = site.tree().layout.journal(TODAY)
    journal.write_bytes(b"".join(line + b"\n" for line in journal.read_bytes().splitlines() if b"14/00.ts" not in line))
    planned = site.cleaner().preview()
    today = planned.plan.cameras[0].facts.days[-1]
    assert (today.names, today.unjournalled) == (("14/01.ts", "14/00.ts"), 1)
    before = site.playlist(TODAY, "14")
    site.run()
    assert site.playlist(TODAY, "14") == before == ["00.ts", "01.ts"]


@posix
@odd_files
def test_a_journal_that_cannot_be_read_is_told_and_its_day_is_not_touched(site: Site, kind: str) -> None:
    site.lay()
    put(kind, site.tree().layout.journal(OLD))
    done = bounded(lambda: site.run(min_free=FreeSpace(percent=100), most_deleted=100))
    assert site.files() - {f"{OLD}/journal.jsonl.outside"} == {f"{OLD}/10/00.ts", f"{OLD}/10/01.ts"}
    (trouble,) = done.troubles
    assert f"recordings of front on {OLD} stay: their journal cannot be read (not a regular file)" in trouble


def test_a_hold_of_a_day_whose_journal_was_lost_stands_in_the_next_one(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.tree().record("2026-05-01T23:58:00+02:00", 60)
    site.tree().record("2026-05-02T00:01:00+02:00", 60)
    site.tree().record(f"{TODAY}T14:00:00+02:00", 60)
    layout = site.tree().layout
    night = instant("2026-05-01T23:00:00+02:00"), instant("2026-05-02T01:00:00+02:00")
    add_hold(layout, *night, "night", instant(NOW), BERLIN)
    lose(site, OLD)
    make_short(monkeypatch, 1_000_000, 0)
    site.run(min_free=FreeSpace(bytes=900_000), most_deleted=100)
    assert site.files() == {f"{OLD}/23/58.ts", "2026-05-02/00/01.ts"}
    deletion = DeletionEntry("23/58.ts", instant("2026-05-01T23:58:00+02:00"), 60.0, 1, "a plan made before the hold")
    Eraser(layout, BERLIN).erase(OLD, "23", [deletion])
    assert (layout.hour(OLD, "23") / "58.ts").exists()


def test_the_name_of_a_deleted_recording_that_no_journal_knew_is_not_given_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.tree().record(f"{TODAY}T14:00:00+02:00", 60)
    lose(site, TODAY)
    make_short(monkeypatch, 1_000_000, 0)
    site.run(most_deleted=100)
    assert site.files() == set()
    assert site.tree().record(f"{TODAY}T14:00:10+02:00", 20).file == "14/00-1.ts"


def test_a_folder_in_a_recordings_place_is_foreign(site: Site) -> None:
    site.lay()
    path = site.tree().layout.day(OLD) / "10/00.ts"
    path.unlink()
    path.mkdir()
    (path / "precious").touch()
    done = site.run()
    assert site.files() == AFTER | {f"{OLD}/10/00.ts/precious"}
    assert done.scans[0].foreign == [f"{OLD}/10/00.ts"]
    assert done.failed == () and [d.file for d in site.deletions(OLD)] == ["10/01.ts"]


@pytest.mark.parametrize("level", ["file", "hour", "day"])
def test_a_symbolic_link_among_the_recordings_is_foreign(site: Site, tmp_path: Path, level: str) -> None:
    site.lay()
    layout = site.tree().layout
    inside = {"file": layout.day(OLD) / "10/00.ts", "hour": layout.hour(OLD, "10"), "day": layout.day(OLD)}[level]
    outside = tmp_path / "outside"
    shutil.move(str(inside), str(outside))
    inside.symlink_to(outside)
    before = sorted(path for path in outside.rglob("*")) if outside.is_dir() else outside.read_bytes()
    done = site.run(max_size=1, most_deleted=100)
    after = sorted(path for path in outside.rglob("*")) if outside.is_dir() else outside.read_bytes()
    assert after == before and inside.is_symlink() and done.failed == ()
    assert str(inside.relative_to(layout.recordings).as_posix()) in done.scans[0].foreign


@pytest.mark.parametrize("level", ["camera", "recordings"])
def test_a_camera_behind_a_symbolic_link_is_not_cleaned_and_that_is_told(
    site: Site, tmp_path: Path, level: str
) -> None:
    site.lay()
    site.lay("yard")
    layout = site.tree().layout
    inside = layout.folder if level == "camera" else layout.recordings
    shutil.move(str(inside), str(tmp_path / "outside"))
    inside.symlink_to(tmp_path / "outside")
    done = site.run()
    with pytest.raises(CleanupIncomplete, match="is a symbolic link"):
        done.raise_troubles()
    assert len(list((tmp_path / "outside").rglob("*.ts"))) == 6
    assert len(site.files("yard")) == 3


def test_a_folder_that_becomes_a_link_after_the_scan_is_not_entered(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.lay()
    hour, execute = site.tree().layout.hour(OLD, "10"), Cleaner._execute

    def link_first(self: Cleaner, planned: Cleanup, *more: Any) -> Cleanup:
        shutil.move(str(hour), str(tmp_path / "outside"))
        hour.symlink_to(tmp_path / "outside")
        return execute(self, planned, *more)

    monkeypatch.setattr(Cleaner, "_execute", link_first)
    done = site.run()
    assert sorted(os.listdir(tmp_path / "outside")) == ["00.ts", "01.ts", "playlist.m3u8"]
    assert [path for path, _ in done.failed] == [f"front/recordings/{OLD}/10"]
    assert site.deletions(OLD) == []


def lay_hour_outside(site: Site, outside: Path) -> List[str]:
    """An hour of 60 recordings that goes, and 60 files of the same names outside the storage, at every depth."""
    names = [f"{minute:02}.ts" for minute in range(60)]
    for name in names:
        site.tree().record(f"{OLD}T10:{name[:2]}:00+02:00", 60)
    site.tree().record(f"{TODAY}T14:00:00+02:00", 60)
    for below in ("", "10", f"{OLD}/10", f"recordings/{OLD}/10"):
        (outside / below).mkdir(parents=True, exist_ok=True)
        for name in (*names, "playlist.m3u8"):
            (outside / below / name).write_bytes(b"somebody else's")
    return names


@posix
@pytest.mark.parametrize("level", ["camera", "recordings", "day", "hour"])
@pytest.mark.parametrize("moment", ["_write_journal", "_render"])
def test_a_folder_that_is_swapped_for_a_link_amid_a_deletion_costs_nothing_outside(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str, moment: str
) -> None:
    outside = tmp_path / "outside"
    lay_hour_outside(site, outside)
    before = sorted(outside.rglob("*"))
    layout, step = site.tree().layout, getattr(Eraser, moment)
    swapped = {
        "camera": layout.folder,
        "recordings": layout.recordings,
        "day": layout.day(OLD),
        "hour": layout.hour(OLD, "10"),
    }[level]

    def swap_after(self: Eraser, *arguments: Any) -> Any:
        answer = step(self, *arguments)
        if not swapped.is_symlink():
            swapped.rename(tmp_path / "aside")
            swapped.symlink_to(outside)
        return answer

    monkeypatch.setattr(Eraser, moment, swap_after)
    site.run()
    assert swapped.is_symlink()
    assert sorted(path for path in outside.rglob("*") if path.name != "journal.jsonl") == before


@posix
def test_folders_that_are_swapped_again_and_again_cost_nothing_outside(site: Site, tmp_path: Path) -> None:
    outside, aside = tmp_path / "outside", tmp_path / "aside"
    names = lay_hour_outside(site, outside)
    hour, over = site.tree().layout.hour(OLD, "10"), threading.Event()

    def swap() -> None:
        while not over.is_set():
            with suppress(OSError):
                hour.rename(aside)
                hour.symlink_to(outside)
                hour.unlink()
            with suppress(OSError):
                aside.rename(hour)

    eraser, day = Eraser(site.tree().layout, BERLIN), Journal(site.tree().layout.journal(OLD))
    deletions = [DeletionEntry(s.file, s.start, s.duration, s.bytes, "old") for s in day.segments()]

    def erase() -> bool:
        for deletion in deletions:
            eraser.erase(OLD, "10", [deletion])
        return bool(day.deletions())

    thread = threading.Thread(target=swap, daemon=True)
    thread.start()
    try:
        wait_for(erase, "a deletion in the right folder")
    finally:
        over.set()
        thread.join(HANG)
    assert all((outside / name).read_bytes() == b"somebody else's" for name in (*names, "playlist.m3u8"))


@posix
@odd_files
def test_what_is_not_a_regular_file_is_not_deleted(site: Site, kind: str) -> None:
    site.lay()
    layout, step = site.tree().layout, Cleaner._execute
    odd = layout.day(OLD) / "10/00.ts"
    planned = site.cleaner()._plan((), force=False)
    put(kind, odd)
    done = step(site.cleaner(), planned, lambda done, total: None, lambda: False)
    assert done.failed == ((f"front/recordings/{OLD}/10/00.ts", "not a regular file"),)
    assert os.path.lexists(odd) and not (layout.day(OLD) / "10/01.ts").exists()


def test_a_storage_root_that_is_a_link_is_the_users_choice(site: Site, tmp_path: Path) -> None:
    site.lay()
    (tmp_path / "link").symlink_to(site.settings.storage)
    site.run(storage=tmp_path / "link")
    assert site.files() == AFTER


def test_a_camera_that_cannot_be_read_holds_up_no_other(site: Site) -> None:
    site.lay("yard")
    broken = site.settings.storage / "broken"
    broken.mkdir()
    (broken / "recordings").touch()
    done = site.run()
    assert len(site.files("yard")) == 3
    with pytest.raises(CleanupIncomplete, match="recordings of broken cannot be read"):
        done.raise_troubles()


# ---- the storage and the clock


def test_a_storage_without_its_marker_is_refused_until_forced(site: Site) -> None:
    site.lay()
    storage_marker(site.settings.storage).unlink()
    done = site.run()
    assert len(site.files()) == 6
    with pytest.raises(CleanupRefused, match=r"no file \.cctv-storage"):
        done.raise_troubles()
    assert read_marker(site.settings.storage) is None
    site.cleaner().run(force=True)
    assert site.files() == AFTER
    assert read_marker(site.settings.storage) is not None


def test_a_refusal_hides_no_other_trouble(site: Site) -> None:
    site.lay()
    (site.settings.storage / "broken").mkdir()
    (site.settings.storage / "broken" / "recordings").touch()
    with pytest.raises(CleanupRefused) as refused:
        site.run(max_size=1, most_deleted=10).raise_troubles()
    limit, trouble = str(refused.value).splitlines()
    assert "max_size of all recordings" in limit and "recordings of broken" in trouble


def test_a_storage_without_recordings_needs_no_marker(site: Site) -> None:
    storage_marker(site.settings.storage).unlink()
    site.run().raise_troubles()


def test_another_storage_than_at_the_start_is_refused(site: Site) -> None:
    site.lay()
    done = site.cleaner(storage_id="another").run()
    assert len(site.files()) == 6
    with pytest.raises(CleanupRefused, match="not the one in which this process began"):
        done.raise_troubles()
    own = read_marker(site.settings.storage)
    assert own is not None
    site.cleaner(storage_id=own.id).run().raise_troubles()
    assert site.files() == AFTER


def test_a_refused_storage_is_not_even_tidied(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.lay()
    with monkeypatch.context() as patched:
        patched.setattr(Folder, "remove", crash)
        with pytest.raises(Crash):
            site.run()
    before = site.files()
    site.cleaner(storage_id="another").run()
    assert site.files() == before


def test_the_clock_is_remembered_and_a_jump_refused_until_forced(site: Site) -> None:
    site.tree().record(f"{TODAY}T14:00:00+02:00", 60)
    site.run()
    site.clock.advance(365 * 86400)
    site.tree().record("2027-07-14T15:00:00+02:00", 60)  # the recorder runs on with the wrong clock
    for _ in range(2):
        with pytest.raises(CleanupRefused, match="365 days after the last cleanup"):
            site.run().raise_troubles()
    assert len(site.files()) == 2
    site.cleaner().run(force=True).raise_troubles()
    assert site.files() == {"2027-07-14/15/00.ts"}
    site.run().raise_troubles()


def test_a_storage_that_is_not_there_is_an_error_and_is_not_made(site: Site, tmp_path: Path) -> None:
    for act in (Cleaner.run, Cleaner.preview):
        with pytest.raises(StorageError, match="nowhere"):
            act(site.cleaner(storage=tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


# ---- one at a time


def test_a_second_cleanup_is_told_who_is_at_work(site: Site) -> None:
    site.lay()
    second: List[str] = []

    def try_too(done: int, total: int) -> None:
        with pytest.raises(CleanupRuns) as refused:
            site.run()
        second.append(str(refused.value))

    site.cleaner().run(progress=try_too)
    assert second == [f"Process {os.getpid()} is already cleaning up this storage; wait until it is done"] * 2
    assert site.run().done.files == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no flock")
def test_a_storage_without_locks_is_cleaned_by_nobody(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int, how: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    site.lay()
    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(StorageError, match="cannot be cleaned up: its file system supports no locks, and without them"):
        site.run()
    assert site.cleaner().preview().to_delete.files == 3


def test_a_preview_does_not_wait_for_a_cleanup(site: Site) -> None:
    site.lay()
    seen: List[int] = []
    site.cleaner().run(progress=lambda done, total: seen.append(site.cleaner().preview().to_delete.files))
    assert seen == [1, 0]


# ---- what is said


def test_the_line_for_the_log_says_what_went_why_and_whose(site: Site) -> None:
    site.lay()
    site.lay("yard")
    line = summary(site.run())
    assert line.startswith("deleted 6 recordings, ") and line.endswith("(6 older than 30 days; front 3, yard 3)")


def test_the_report_counts_by_camera_and_day(site: Site) -> None:
    site.lay()
    values = report(site.cleaner().preview(), BERLIN)
    assert json.loads(json.dumps(values)) == values
    assert (values["executed"], values["at"], values["deletes"]["files"]) == (False, "2026-07-14T15:30:00.000+02:00", 3)
    (front,) = values["cameras"]
    told = {
        day["date"]: [(each["reason"], each["files"]) for each in day["deletes"] + day["keeps"]]
        for day in front["days"]
    }
    assert told == {
        OLD: [("older than 30 days", 2)],
        EDGE: [("older than 30 days", 1), ("within retention", 1)],
        TODAY: [("within retention", 2)],
    }
    (disk,) = values["disks"]
    assert disk["path"] == str(site.settings.storage)
    assert disk["free_after"] == disk["free"] + values["deletes"]["bytes"]


# ---- a full disk without a marker


def fill(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk take nothing until the oldest recording is gone."""
    oldest, replace_in = site.tree().layout.day(OLD) / "10/00.ts", files.replace_in

    def full(folder: Folder, name: str, data: bytes, **named: Any) -> None:
        if oldest.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        replace_in(folder, name, data, **named)

    monkeypatch.setattr(files, "replace_in", full)
    make_short(monkeypatch, 1_000_000, 0)


def test_a_full_disk_without_a_marker_is_cleaned_by_force_and_marked_then(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.lay()
    storage_marker(site.settings.storage).unlink()
    fill(site, monkeypatch)
    done = site.cleaner().run(force=True)
    assert site.files() == AFTER and done.failed == ()
    assert read_marker(site.settings.storage) is not None


def test_a_full_disk_without_a_marker_is_rescued_by_who_records_there(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not age, not sizes: one percent of the disk, or min_free if that is less."""
    site.lay()
    storage_marker(site.settings.storage).unlink()
    fill(site, monkeypatch)
    here = Cleaner(site.settings, BERLIN, site.clock, None, place(site.settings.storage))
    with pytest.raises(CleanupRefused, match=r"no file \.cctv-storage"):
        here.run().raise_troubles()
    assert len(site.files()) == 5
    elsewhere = Cleaner(site.settings, BERLIN, site.clock, None, (0, 0))
    elsewhere.run()
    assert len(site.files()) == 5


# ---- without the configuration


def test_a_cleanup_without_any_configured_camera_is_refused_but_the_rescue(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.lay()
    with pytest.raises(CleanupRefused, match=r"No camera is configured.*--config"):
        site.run(cameras=(), max_size=1, most_deleted=100).raise_troubles()
    assert len(site.files()) == 6
    make_short(monkeypatch, 1_000_000, 0)
    site.run(cameras=())
    assert len(site.files()) == 5
    site.cleaner(cameras=()).run(force=True).raise_troubles()
    assert site.files() == AFTER


@pytest.mark.parametrize(("remembered", "left"), [(365, 6), (30, 3), (7, 3)])
def test_a_camera_without_configuration_keeps_the_days_that_it_last_had_or_more(
    site: Site, remembered: int, left: int
) -> None:
    site.lay("gone")
    remember_days(site.tree("gone").layout, remembered)
    site.run()
    assert len(site.files("gone")) == left


def test_a_folder_whose_name_no_camera_can_have_is_not_cleaned(site: Site) -> None:
    site.lay("old backup")
    site.run(max_size=1, most_deleted=100)
    assert len(site.files("old backup")) == 6


# ---- cameras' own disks


def lose_disk(site: Site, camera_id: str) -> None:
    """As at a start without the camera's own disk: an empty folder where that was."""
    ensure_marker(site.settings.storage)
    marker = read_marker(site.settings.storage)
    assert marker is not None
    write_marker(site.settings.storage, replace(marker, own_disks=(camera_id,)))
    shutil.rmtree(site.tree(camera_id).layout.recordings)


def test_a_camera_whose_disk_is_not_mounted_is_left_alone_until_force_forgets_the_disk(site: Site) -> None:
    site.tree().record(f"{YESTERDAY}T14:00:00+02:00", 60)
    site.run().raise_troubles()
    oldest = instant(f"{YESTERDAY}T14:00:00+02:00")
    lose_disk(site, "front")
    site.tree().record(f"{TODAY}T15:00:00+02:00", 60)
    site.lay("yard")
    small = {"cameras": (replace(site.settings.cameras[0], max_size=1), site.settings.cameras[1]), "most_deleted": 100}
    done = site.run(**small)
    with pytest.raises(CleanupRefused, match="The disk of front is not mounted"):
        done.raise_troubles()
    assert [refusal.brake for refusal in done.plan.refusals] == ["disk"]
    assert (site.files(), site.files("yard")) == ({f"{TODAY}/15/00.ts"}, AFTER)
    marker = read_marker(site.settings.storage)
    assert marker is not None and (marker.own_disks, marker.oldest["front"]) == (("front",), oldest)
    site.cleaner(**small).run(force=True).raise_troubles()
    assert site.files() == set()
    marker = read_marker(site.settings.storage)
    assert marker is not None and (marker.own_disks, marker.oldest["front"]) == ((), instant(f"{TODAY}T15:00:00+02:00"))


# ---- what a cleanup remembers


def test_a_clock_that_fell_back_and_came_again_costs_no_footage(site: Site) -> None:
    """A dead battery: the year 2000 for an hour. What was recorded then is there until somebody looked at it."""
    now = instant(NOW)
    site.tree().record(f"{YESTERDAY}T14:00:00+02:00", 60)
    site.run().raise_troubles()
    remembered = read_marker(site.settings.storage)
    assert remembered is not None and remembered.oldest == {"front": instant(f"{YESTERDAY}T14:00:00+02:00")}
    site.clock.advance(instant("2000-01-01T01:00:00+01:00") - now)
    site.tree().record("2000-01-01T00:30:00+01:00", 60)
    site.run().raise_troubles()
    assert read_marker(site.settings.storage) == remembered
    site.clock.advance(now + 7200 - site.clock.now())
    for _ in range(2):
        with pytest.raises(
            CleanupRefused, match=r"front has 1 recording .* before everything that the last cleanup saw"
        ):
            site.run().raise_troubles()
    assert len(site.files()) == 2
    site.cleaner().run(force=True).raise_troubles()
    assert site.files() == {f"{YESTERDAY}/14/00.ts"}
    site.run().raise_troubles()


def problems(site: Site) -> List[str]:
    marker = read_marker(site.settings.storage)
    assert marker is not None
    return list(marker.problems)


def test_what_the_last_cleanup_of_all_did_not_do_is_remembered_until_one_does(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.tree().record(f"{TODAY}T10:00:00+02:00", 60)
    site.tree().record(f"{TODAY}T11:00:00+02:00", 60)
    small = {"max_size": day_segments(site.tree().layout, TODAY)[0].bytes // 2}
    site.run(**small)
    (refused,) = problems(site)
    assert "max_size of all recordings asks to delete 100 %" in refused and "correct the setting" in refused
    site.cleaner().run(["front"])
    assert problems(site) == [refused]
    site.run()
    assert problems(site) == []
    site.run(**small)
    with monkeypatch.context() as patched:
        patched.setattr(Folder, "remove", not_permitted)
        site.cleaner(**small).run(force=True)
    (failed,) = problems(site)
    assert "could not be deleted (Operation not permitted); correct the permissions" in failed
    site.run()
    assert problems(site) == []


def not_permitted(folder: Folder, name: str) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


def test_a_cleanup_that_does_not_believe_the_clock_says_so_and_believes_it_no_more_for_that(site: Site) -> None:
    site.lay()
    site.run()
    before = read_marker(site.settings.storage)
    assert before is not None
    site.clock.advance(40 * 86400)
    site.run()
    after = read_marker(site.settings.storage)
    assert after is not None and after == replace(before, problems=after.problems)
    (refused,) = after.problems
    assert "The clock is 40 days after the last cleanup" in refused


def test_of_many_problems_the_first_are_remembered(site: Site) -> None:
    for number in range(30):
        (site.settings.storage / f"cam{number}").mkdir()
        (site.settings.storage / f"cam{number}" / "recordings").symlink_to("elsewhere")
    assert len(site.run().problems) == 30
    assert len(problems(site)) == 20


def test_one_camera_alone_or_half_a_cleanup_believes_no_clock(site: Site) -> None:
    site.lay()
    before = read_marker(site.settings.storage)
    site.cleaner().run(["front"])
    site.cleaner().run(["front"], force=True)
    site.cleaner().run(ended=lambda: True)
    assert read_marker(site.settings.storage) == before
    site.run()
    assert read_marker(site.settings.storage) != before


def test_a_batch_of_lines_that_a_full_disk_tore_is_not_written_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.lay()
    append, layout = Journal.append_all, site.tree().layout

    def tear(self: Journal, entries: Any, tz: Any) -> None:
        if self.path == layout.journal(OLD) and (layout.day(OLD) / "10/00.ts").exists():
            append(self, entries, tz)
            whole = self.path.read_bytes()
            self.path.write_bytes(whole[:-20])  # the first line and a part of the second
            raise OSError(errno.ENOSPC, "No space left on device")
        append(self, entries, tz)

    monkeypatch.setattr(Journal, "append_all", tear)
    assert site.run().failed == ()
    assert [d.file for d in site.deletions(OLD)] == ["10/00.ts", "10/01.ts"]
    assert Journal(layout.journal(OLD)).kept_bytes() == 0
    assert site.files() == AFTER


def test_a_hold_keeps_what_is_journalled_as_deleted_but_there(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.lay()
    with monkeypatch.context() as patched:
        patched.setattr(Folder, "remove", crash)
        with pytest.raises(Crash):
            site.run()
    layout = site.tree().layout
    held = HoldEntry("0badcafe", instant(f"{OLD}T10:01:00+02:00"), 30.0)
    Journal(layout.journal(OLD)).append(held, BERLIN)
    for _ in range(2):
        assert site.run().failed == ()
        assert site.files() == AFTER | {f"{OLD}/10/01.ts"}
    release_hold(layout, held.id, BERLIN)
    site.run()
    assert site.files() == AFTER


def test_an_hour_that_goes_while_it_is_scanned_is_empty(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.lay()
    hour, scandir = site.tree().layout.hour(OLD, "10"), os.scandir

    def remove_first(path: Any) -> Any:
        if path == hour and hour.exists():
            (hour / "00.ts").unlink()
            (hour / "01.ts").unlink()
            (hour / "playlist.m3u8").unlink()
            hour.rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", remove_first)
    previewed = site.cleaner().preview()
    assert not hour.exists() and previewed.troubles == ()
    assert [scan.camera_id for scan in previewed.scans] == ["front"]


def test_every_unfinished_hour_of_several_days_and_cameras_is_finished(site: Site) -> None:
    playlists = []
    for name in ("front", "yard"):
        for day in (YESTERDAY, TODAY):
            for hour in ("10", "11"):
                site.tree(name).record(f"{day}T{hour}:00:00+02:00", 60)
                playlists.append(site.tree(name).layout.hour_playlist(day, hour))
    for playlist in playlists:
        playlist.unlink()
    site.run()
    assert all(playlist.is_file() for playlist in playlists)


def test_a_disk_that_hangs_costs_its_own_camera_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.lay("front")
    site.lay("yard")
    site.clock.advance(-60)
    site.run(retention_days=365)
    before = read_marker(site.settings.storage)
    site.clock.advance(60)
    hung = HungDisk(site.tree("yard").layout.folder, monkeypatch)
    try:
        done = site.run()
        assert hung.hanging() and not any("MainThread" in name for name in hung.hanging())
        with pytest.raises(CleanupIncomplete, match=r"^The recordings of yard are not cleaned up: their disk does not"):
            done.raise_troubles()
    finally:
        hung.proceed.set()
    assert site.files("front") == AFTER
    assert len(site.files("yard")) == 6
    after = read_marker(site.settings.storage)
    assert before is not None and after is not None
    assert after.cleaned_at == site.clock.now() and after.oldest["yard"] == before.oldest["yard"]
    assert "yard" in after.problems[0]
    site.run().raise_troubles()
    assert site.files("yard") == AFTER


def test_a_disk_that_hangs_during_a_cleanup_costs_one_hour_that_it_finishes_later(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.lay("front")
    site.lay("yard")
    hung = HungDisk(site.tree("front").layout.folder, monkeypatch)
    hung.proceed.set()
    steps: List[int] = []

    def hang(done: int, total: int) -> None:
        steps.append(done)
        hung.proceed.clear()

    try:
        with pytest.raises(CleanupIncomplete, match="The recordings of front are not cleaned up"):
            site.cleaner().run(progress=hang).raise_troubles()
    finally:
        hung.proceed.set()
    assert steps[-1] == 6 and len(steps) == 4  # two hours each
    assert site.files("yard") == AFTER
    wait_for(lambda: site.files("front") == AFTER, "the hour that hung")
    site.run().raise_troubles()
    assert len(site.deletions(OLD)) == 2 and len(site.deletions(EDGE)) == 1


def test_a_storage_that_hangs_is_an_error(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.lay()
    hung = HungDisk(site.settings.storage, monkeypatch)
    try:
        for clean in (site.cleaner().preview, site.cleaner().run):
            with pytest.raises(StorageError, match="its disk does not answer"):
                clean()
        assert "MainThread" not in hung.hanging()
    finally:
        hung.proceed.set()
    site.run().raise_troubles()
    assert site.files() == AFTER
