"""Facts from real files: with a supervisor (this process), without one, and with a wrong disk or clock."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator, List, Optional

import pytest

from cctv_cli.core import disk_threads, files
from cctv_cli.core.access.roles import Role
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.access.tokens import InClear
from cctv_cli.core.clock import zone
from cctv_cli.core.config.settings import Camera, DemoSource, Settings
from cctv_cli.core.footage.coverage import Coverage
from cctv_cli.core.health import gather
from cctv_cli.core.health.camera_reader import CameraLook, CameraReader
from cctv_cli.core.health.facts import AccessFacts, CameraFacts, CameraStorage, Facts, ProcessFacts
from cctv_cli.core.health.facts import HungDisk as HungDiskFact
from cctv_cli.core.health.gather import FactsReader
from cctv_cli.core.health.journal_tail import JournalTail
from cctv_cli.core.layout import CameraLayout, access_files, storage_marker
from cctv_cli.core.recording.state import RecorderState, Run, State, to_json
from cctv_cli.core.storage import disk_clock
from cctv_cli.core.storage.entries import ClockEntry
from cctv_cli.core.storage.journal import Journal
from cctv_cli.core.storage.marker import Marker, ensure_marker, remember_own_disks, write_marker
from cctv_cli.core.units import FreeSpace
from tests.support.hung_disk import HungDisk
from tests.support.odd_files import bounded
from tests.support.refusing_disk import RefusingDisk
from tests.support.storage_tree import CameraTree, FixedClock, instant
from tests.support.waiting import HANG, wait_for

NOW = "2026-07-14T15:30:00+02:00"
RUN = "0123456789abcdef"
RECORD = "import sys; print('ready', flush=True); sys.stdin.read()"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    cameras = (Camera("front", "Front", DemoSource(tone=False)), Camera("yard", "Yard", DemoSource(tone=False)))
    return Settings(cameras=cameras, storage=tmp_path / "hls", timezone="Europe/Berlin")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(instant(NOW))


@pytest.fixture
def front(settings: Settings) -> CameraTree:
    return CameraTree(settings, "front")


@pytest.fixture
def reader(settings: Settings, clock: FixedClock) -> FactsReader:
    return FactsReader(settings, zone(settings.timezone), clock)


@pytest.fixture
def recorder(front: CameraTree) -> Iterator[subprocess.Popen[str]]:
    """A child process instead of the camera's FFmpeg, started 20 minutes ago."""
    child = subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", RECORD, f".incoming/{RUN}/%06d.ts"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    run = Run(RUN, "", instant("2026-07-14T15:10:00+02:00"), 0, pid=child.pid)
    files.replace_text(front.layout.run_file, to_json(run))
    yield child
    child.kill()
    child.communicate()


def read(reader: FactsReader) -> Facts:
    return reader.read()[1]


def camera(reader: FactsReader) -> CameraFacts:
    return read(reader).cameras[0]


def test_the_current_minute_of_a_recorded_camera_counts(
    reader: FactsReader, front: CameraTree, recorder: subprocess.Popen[str]
) -> None:
    front.record("2026-07-14T14:00:00+02:00", 60)
    front.miss("2026-07-14T15:12:00+02:00", "silent", "no answer")
    for minute in range(12, 29):
        front.record(f"2026-07-14T15:{minute}:00+02:00", 60)
    front.begin_stream(0, instant(NOW) - 21)
    front.stream(2)
    front.show(State.RUNNING, "recording", since=instant(NOW) - 1080)
    found = camera(reader)
    assert (found.state, found.wanted, found.supervised) == (State.RUNNING, True, True)
    assert (found.codec, found.audio) == ("h264", "pcm_alaw")
    assert found.last_segment_at == pytest.approx(instant(NOW) - 1, abs=0.01)
    assert found.frame_rate == pytest.approx(5.0)
    assert found.bit_rate is not None and found.bit_rate > 0
    # 42 minutes of the last hour are missing; nothing is missing before the first recording
    assert found.last_hour == Coverage(18 * 60.0, 42 * 60.0, 0.0)
    assert found.last_day == Coverage(19 * 60.0, 71 * 60.0, 0.0)
    assert found.restarts_last_hour == 0
    assert found.future_until is None


def test_after_ffmpeg_ended_time_is_missing(reader: FactsReader, front: CameraTree, clock: FixedClock) -> None:
    front.record("2026-07-14T15:10:00+02:00", 60)
    front.show(State.BACKOFF, "no answer", since=instant(NOW) - 60, cause="silent")
    assert camera(reader).last_hour == Coverage(60.0, 19 * 60.0, 0.0)
    clock.advance(60)
    assert camera(reader).last_hour == Coverage(60.0, 20 * 60.0, 0.0)


def test_the_next_try_still_reports_why_the_last_one_failed(reader: FactsReader, front: CameraTree) -> None:
    front.show(State.STARTING, "asking the camera", since=instant(NOW))
    shown = RecorderState(State.STARTING, "asking the camera", instant(NOW), failure="no answer")
    files.replace_text(front.layout.state_file, to_json(shown))
    assert camera(reader).failure == "no answer"


def test_a_stopped_camera_is_not_wanted_and_nothing_is_missing(reader: FactsReader, front: CameraTree) -> None:
    front.record("2026-07-14T15:10:00+02:00", 60)
    front.layout.stopped_file.touch()
    found = camera(reader)
    assert (found.wanted, found.last_hour) == (False, Coverage(60.0, 0.0, 19 * 60.0))


def test_a_new_run_is_a_restart(reader: FactsReader, front: CameraTree, settings: Settings) -> None:
    front.record("2026-07-14T15:00:00+02:00", 60)
    path = front.layout.journal("2026-07-14")
    line = path.read_text()
    for number in range(3):
        path.write_text(path.read_text() + line.replace("00c0ffee00c0ffee", f"{number:016x}"))
    assert camera(reader).restarts_last_hour == 3


def test_an_ffmpeg_is_reported_with_its_usage_and_the_last_exit(
    reader: FactsReader, front: CameraTree, recorder: subprocess.Popen[str]
) -> None:
    front.show(State.RUNNING, "recording", since=instant(NOW) - 1200)
    state = RecorderState(
        State.RUNNING, "recording", instant(NOW) - 1200, restarts=3, last_exit="it was killed", last_exit_at=1000.0
    )
    files.replace_text(front.layout.state_file, to_json(state))
    sub = CameraLayout(front.layout.folder.parent, "front", sub=True)
    sub.folder.mkdir()
    files.replace_text(sub.run_file, to_json(Run("f" * 16, "", instant(NOW), 0, pid=recorder.pid)))
    main, small = read(reader).processes
    assert main.cpu is not None and main.memory is not None and main.memory > 1_000_000
    assert replace(main, cpu=None, memory=None) == ProcessFacts(
        camera="front",
        stream="main",
        pid=recorder.pid,
        cpu=None,
        memory=None,
        started=instant("2026-07-14T15:10:00+02:00"),
        restarts=3,
        last_exit="it was killed",
        last_exit_at=1000.0,
    )
    # a process id that another program has now
    assert small == ProcessFacts("front", "sub", None, None, None, None, 0, "", None)


def test_storage_is_counted_by_camera_and_day(
    reader: FactsReader, front: CameraTree, clock: FixedClock, settings: Settings
) -> None:
    yesterday = front.record("2026-07-13T23:58:00+02:00", 60)
    today = [front.record(f"2026-07-14T15:{minute}:00+02:00", 60) for minute in (10, 11)]
    storage = read(reader).storage
    assert storage.disk.total >= storage.disk.used > 0
    assert storage.disk.min_free == round(storage.disk.total * 0.05)
    assert storage.disk.fault == ""
    size = sum(entry.bytes for entry in today)
    # FFmpeg does not run, so growth is measured from the first recording until now
    grown = (yesterday.bytes + size) * 86400 / (instant(NOW) - yesterday.start)
    days = (("2026-07-13", yesterday.bytes), ("2026-07-14", size))
    assert storage.cameras == (
        CameraStorage("front", 30, days, pytest.approx(grown), yesterday.start),
        CameraStorage("yard", 30),
    )
    assert storage.oldest == yesterday.start
    assert storage.promise is not None and storage.promise.kept
    later = front.record("2026-07-14T15:29:00+02:00", 60)
    clock.advance(301)
    assert read(reader).storage.cameras[0].bytes == yesterday.bytes + size + later.bytes


def test_a_cameras_own_retention_and_the_limits_of_the_settings(
    settings: Settings, front: CameraTree, clock: FixedClock
) -> None:
    front.record("2026-07-14T15:10:00+02:00", 60)
    mine = replace(settings.cameras[0], retention_days=7, max_size=1000)
    limited = replace(settings, cameras=(mine,), max_size=500, min_free=FreeSpace(bytes=1))
    storage = read(FactsReader(limited, None, clock)).storage
    assert (storage.cameras[0].retention_days, storage.cameras[0].max_size, storage.disk.min_free) == (7, 1000, 1)
    assert storage.promise is not None
    assert (storage.promise.room, storage.promise.kept, storage.promise.short) == (500, False, ("front",))


def test_facts_are_reused_for_a_second(reader: FactsReader, front: CameraTree, clock: FixedClock) -> None:
    first = reader.read()
    front.show(State.RUNNING, "recording", since=instant(NOW))
    clock.advance(0.9)
    assert reader.read() == first
    clock.advance(0.2)
    at, facts = reader.read()
    assert at == clock.now()
    assert facts.cameras[0].state is State.RUNNING


def test_a_clock_that_was_set_is_reported_for_a_day(reader: FactsReader, front: CameraTree, clock: FixedClock) -> None:
    front.record("2026-07-14T14:00:00+02:00", 60)
    step = ClockEntry(instant("2026-07-14T14:01:00+02:00"), 0.0, -3600.0)
    later = ClockEntry(instant("2026-07-20T14:00:00+02:00"), 0.0, 3600.0)  # by a clock that was wrong
    Journal(front.layout.journal("2026-07-14")).append_all([step, later], zone("Europe/Berlin"))
    assert camera(reader).clock_steps == (step,)
    clock.advance(86_400)
    assert camera(reader).clock_steps == ()


def test_future_footage_is_reported(reader: FactsReader, front: CameraTree, clock: FixedClock) -> None:
    front.record("2026-07-14T15:29:30+02:00", 60)
    assert camera(reader).future_until is None  # half a minute: clocks are corrected in small steps
    front.record("2026-07-20T10:00:00+02:00", 60)
    clock.advance(2)
    assert camera(reader).future_until == instant("2026-07-20T10:01:00+02:00")


def test_recordings_that_wait_too_long_are_counted(reader: FactsReader, front: CameraTree, clock: FixedClock) -> None:
    front.layout.run_folder(RUN).mkdir(parents=True)
    for number, written in enumerate(("15:24:59", "15:25:01", "15:29:59")):
        path = front.layout.incoming_file(RUN, number)
        path.touch()
        os.utime(path, (instant(f"2026-07-14T{written}+02:00"),) * 2)
    front.layout.ended_run(RUN).touch()  # not a recording
    assert read(reader).cameras[0].waiting == 1
    clock.advance(2)
    assert read(reader).cameras[0].waiting == 2


def test_files_that_were_set_aside_are_counted(reader: FactsReader, front: CameraTree) -> None:
    front.layout.run_folder(RUN).mkdir(parents=True)
    for folder, name in [
        (front.layout.folder, ".run.json.unreadable"),
        (front.layout.run_folder(RUN), "000001.ts.unreadable"),
        (front.layout.run_folder(RUN), "000002.ts"),
    ]:
        (folder / name).touch()
    assert read(reader).cameras[0].set_aside == 2


@pytest.mark.parametrize("lost", ["2026-07-09", "2026-07-14"])
def test_a_journal_that_cannot_be_read_costs_only_its_day(reader: FactsReader, front: CameraTree, lost: str) -> None:
    for day in ("2026-07-09", "2026-07-13", "2026-07-14"):
        front.record(f"{day}T15:10:00+02:00", 60)
    front.show(State.RUNNING, "recording", since=instant(NOW))
    front.layout.journal(lost).unlink()
    front.layout.journal(lost).mkdir()
    found = read(reader)
    seen = found.cameras[0]
    assert (seen.unread, seen.state, seen.supervised, seen.unreadable_days) == ("", State.RUNNING, True, (lost,))
    assert [day for day, _ in found.storage.cameras[0].days] == sorted(
        {"2026-07-09", "2026-07-13", "2026-07-14"} - {lost}
    )


def test_a_missing_storage_is_a_fault(reader: FactsReader, settings: Settings) -> None:
    facts = read(reader)
    assert facts.storage.disk.fault.startswith("it does not exist")
    assert facts.storage.disk.free > 0
    assert [c.state for c in facts.cameras] == [State.STOPPED] * 2
    settings.storage.write_text("a file in the way")
    assert read(FactsReader(settings, None, FixedClock(instant(NOW)))).storage.disk.fault == "it is not a folder"


def test_a_proxy_that_no_setting_speaks_of_is_a_fact(settings: Settings, clock: FixedClock) -> None:
    def access(**changed: Any) -> AccessFacts:
        return FactsReader(replace(settings, **changed), None, clock).read()[1].access

    assert access() == AccessFacts()
    AccessStore(settings.storage).note_proxy(clock.now())
    assert access() == AccessFacts(unknown_proxy=clock.now())
    assert access(base_path="/cctv", access="open") == AccessFacts(is_open=True)


def test_a_token_without_tls_is_a_fact_until_it_is_revoked(settings: Settings, clock: FixedClock) -> None:
    store = AccessStore(settings.storage)

    def in_clear() -> Optional[InClear]:
        return FactsReader(settings, None, clock).read()[1].access.in_clear

    store.add("phone", Role.VIEWER, None, None, clock.now())
    assert in_clear() is None
    seen = InClear("phone", clock.now())
    store.note_in_clear(seen)
    assert in_clear() == seen
    store.revoke("phone")
    assert in_clear() is None
    store.add("phone", Role.VIEWER, None, None, clock.now() + 1)
    assert in_clear() is None, "another token of the same name"
    access_files(settings.storage).tokens.write_text("{}")
    assert in_clear() is None


def test_another_disk_mounted_as_the_storage_is_a_fault(
    reader: FactsReader, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    other = Path("/dev/shm")
    settings.storage.mkdir()
    if not other.is_dir() or other.stat().st_dev == settings.storage.stat().st_dev:
        pytest.skip("this machine has no second file system at hand")
    assert read(reader).storage.disk.fault == ""
    settings.storage.rmdir()
    settings.storage.symlink_to(other)
    clock.advance(2)
    assert read(reader).storage.disk.fault == "a different disk is mounted than when cctv started"


@pytest.mark.parametrize("code", [errno.EROFS, errno.EIO, errno.EDQUOT])
def test_a_storage_that_refuses_writes_says_why(
    reader: FactsReader, settings: Settings, front: CameraTree, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    ensure_marker(settings.storage)
    front.layout.incoming.mkdir()
    assert (read(reader).storage.disk.refusal, camera(reader).refusal) == ("", "")
    RefusingDisk(settings.storage, monkeypatch, code)
    found = read(FactsReader(settings, None, FixedClock(instant(NOW))))
    assert found.storage.disk.refusal.startswith(f"{os.strerror(code)}; ")
    assert found.cameras[0].refusal == found.storage.disk.refusal
    assert found.cameras[1].refusal == ""  # it has never been recorded


def test_a_full_disk_does_not_count_as_refusing_writes(
    settings: Settings, front: CameraTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_marker(settings.storage)
    RefusingDisk(settings.storage, monkeypatch, errno.ENOSPC)
    for free, refusal in ((1, ""), (900, "No space left on device; ")):  # the second one has no inodes left
        monkeypatch.setattr(shutil, "disk_usage", lambda place, free=free: shutil._ntuple_diskusage(1000, 100, free))
        found = read(FactsReader(settings, None, FixedClock(instant(NOW)))).storage.disk.refusal
        assert found.startswith(refusal) and bool(found) == bool(refusal)


def test_a_folder_that_the_supervisor_may_not_write_is_reported_by_the_supervisor_only(
    reader: FactsReader, front: CameraTree, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    front.layout.incoming.mkdir()
    RefusingDisk(front.layout.folder, monkeypatch, errno.EACCES)
    assert camera(reader).refusal == ""  # no supervisor: this process may belong to any user
    monkeypatch.undo()
    front.show(State.RUNNING, "recording", since=instant(NOW))
    RefusingDisk(front.layout.folder, monkeypatch, errno.EACCES)
    clock.advance(2)
    assert camera(reader).refusal == "Permission denied; correct the permissions of its folders"


def test_health_writes_only_to_the_storage_and_leaves_no_files(
    reader: FactsReader, settings: Settings, front: CameraTree, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrote: List[Path] = []
    real = disk_clock.probe

    def probe(folder: Path) -> disk_clock.Bounds:
        wrote.append(folder)
        return real(folder)

    write_marker(settings.storage, Marker("id", cleaned_at=instant(NOW)))
    marker = storage_marker(settings.storage)
    marker.rename(marker.with_name("away"))
    monkeypatch.setattr(disk_clock, "probe", probe)
    read(reader)
    assert wrote == []  # without its marker or .incoming, a folder may be a mount point
    marker.with_name("away").rename(marker)
    front.layout.incoming.mkdir()
    before = sorted(settings.storage.rglob("*"))
    clock.advance(2)
    read(reader)
    assert sorted(wrote) == [settings.storage, front.layout.folder]
    assert sorted(settings.storage.rglob("*")) == before


def test_a_storage_that_the_supervisor_may_not_write_is_a_fault(
    reader: FactsReader, front: CameraTree, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_marker(settings.storage)
    front.show(State.RUNNING, "recording", since=instant(NOW))
    RefusingDisk(settings.storage, monkeypatch, errno.EACCES)
    assert read(reader).storage.disk.fault == "this process may not write to it"


def test_each_disk_of_single_cameras_is_reported_once(
    reader: FactsReader, settings: Settings, front: CameraTree, clock: FixedClock
) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == settings.storage.parent.stat().st_dev:
        pytest.skip("this machine has no second file system at hand")
    front.record("2026-07-14T15:10:00+02:00", 60)
    assert read(reader).storage.others == ()
    with tempfile.TemporaryDirectory(dir=str(other)) as mounted:  # instead of a mount point
        (Path(mounted) / "recordings").mkdir()
        for name in ("yard", "attic"):
            (settings.storage / name).symlink_to(mounted)
        attic = Camera("attic", "Attic", DemoSource(tone=False))
        found = FactsReader(replace(settings, cameras=(settings.cameras[1], attic)), None, clock)
        CameraTree(settings, "yard").record("2026-07-14T15:10:00+02:00", 60)
        ensure_marker(settings.storage)
        remember_own_disks(settings.storage, ["yard", "attic"])
        storage = read(found).storage
        assert storage.unmounted == ()
        (settings.storage / "attic").unlink()  # its disk is not mounted after the next start
        (settings.storage / "attic" / "recordings").mkdir(parents=True)
        clock.advance(2)
        assert read(found).storage.unmounted == ("attic",)
    (disk,) = storage.others
    assert storage.promise is not None and storage.promise.disk_of == disk.cameras  # nothing grows on the root's disk
    assert disk.cameras == ("yard", "attic")
    assert disk.total == shutil.disk_usage(str(other)).total
    assert disk.min_free == settings.min_free.of(disk.total)


def test_the_last_cleanup_is_in_the_marker_and_before_the_first_it_is_the_storages_creation(
    reader: FactsReader, settings: Settings, clock: FixedClock
) -> None:
    assert read(reader).storage.cleaned_at is None
    settings.storage.mkdir()
    ensure_marker(settings.storage)
    os.utime(storage_marker(settings.storage), (5.0, 5.0))
    clock.advance(2)
    assert read(reader).storage.cleaned_at == 5.0
    write_marker(settings.storage, Marker("id", 7.0, problems=("a brake",)))
    clock.advance(2)
    storage = read(reader).storage
    assert (storage.cleaned_at, storage.problems) == (7.0, ("a brake",))


def test_a_camera_whose_folder_cannot_be_read_hides_no_other(reader: FactsReader, front: CameraTree) -> None:
    front.show(State.RUNNING, "recording", since=instant(NOW))
    (front.layout.folder.parent / "yard").write_text("a file in the way")
    facts = read(reader)
    assert [c.state for c in facts.cameras] == [State.RUNNING, State.STOPPED]
    assert "storage cannot be read" in facts.cameras[1].reason
    assert facts.cameras[1].wanted


@pytest.fixture
def hung(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[HungDisk]:
    """The disk of the camera yard, which hangs."""
    (settings.storage / "yard").mkdir(parents=True)
    disk = HungDisk(settings.storage / "yard", monkeypatch)
    yield disk
    disk.proceed.set()


def test_a_disk_that_hangs_hides_no_camera_of_another_and_costs_one_thread(
    reader: FactsReader, front: CameraTree, hung: HungDisk, clock: FixedClock
) -> None:
    front.show(State.RUNNING, "recording", since=instant(NOW))
    for _ in range(5):
        facts = read(reader)
        assert [(c.state, bool(c.unread)) for c in facts.cameras] == [(State.RUNNING, False), (State.STOPPED, True)]
        assert facts.cameras[1].unread.startswith("its disk does not answer; check its cable")
        assert facts.storage.hung == (HungDiskFact(("yard",), is_root=False),)
        assert facts.storage.disk.fault == ""
        clock.advance(2)
    assert hung.hanging() == [f"disk {hung.place}"]
    hung.proceed.set()
    wait_for(lambda: clock.advance(2) or not read(reader).storage.hung, "the disk to answer again")


def test_a_storage_root_that_hangs_is_reported(
    reader: FactsReader, settings: Settings, front: CameraTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = HungDisk(settings.storage, monkeypatch)
    try:
        storage = read(reader).storage
        assert storage.hung == (HungDiskFact(("front", "yard"), is_root=True),)
        assert (storage.disk.total, storage.disk.fault) == (0, "its disk does not answer")
        assert disk.hanging() == [f"disk {settings.storage}"]
    finally:
        disk.proceed.set()


class SlowDisk:
    """Each check of the camera yard takes two seconds of `monotonic` time, and ends when `proceed` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.proceed = threading.Event()
        real = CameraReader.look

        def look(reader: CameraReader, now: float, monotonic: float) -> CameraLook:
            if reader.place.parent.name == "yard":
                self.now += 2.0  # less than a call may take
                self.proceed.wait(HANG)
            return real(reader, now, monotonic)

        monkeypatch.setattr(CameraReader, "look", look)
        monkeypatch.setattr(disk_threads, "time", self)
        monkeypatch.setattr(gather, "time", self)
        monkeypatch.setattr(gather, "LONGEST", 1.0)

    def monotonic(self) -> float:
        return self.now


def test_gathering_has_a_time_limit_however_slow_a_disk_is(
    reader: FactsReader, front: CameraTree, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    front.show(State.RUNNING, "recording", since=instant(NOW))
    disk = SlowDisk(monkeypatch)
    try:
        facts = bounded(lambda: read(reader))
        assert [(c.state, bool(c.unread)) for c in facts.cameras] == [(State.RUNNING, False), (State.STOPPED, True)]
        assert [disk.cameras for disk in facts.storage.hung] == [("yard",)]
    finally:
        disk.proceed.set()
    monkeypatch.setattr(gather, "LONGEST", HANG)
    clock.advance(2)
    facts = read(reader)
    assert [bool(c.unread) for c in facts.cameras] == [False, False]
    assert facts.storage.hung == ()


def test_callers_that_wait_for_a_long_gathering_share_its_result(
    reader: FactsReader, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = CameraReader.look

    def look(reader: CameraReader, now: float, monotonic: float) -> CameraLook:
        clock.advance(20)
        return real(reader, now, monotonic)

    monkeypatch.setattr(CameraReader, "look", look)
    first = reader.read()
    assert first[0] == instant(NOW)
    assert reader.read() == first


@pytest.mark.parametrize("error", [RecursionError("too deep"), OverflowError("inf"), KeyError("codec")])
def test_a_bug_or_damage_of_one_camera_does_not_affect_others(
    reader: FactsReader,
    front: CameraTree,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    front.show(State.RUNNING, "recording", since=instant(NOW))
    real = JournalTail.read

    def damaged(tail: JournalTail, layout: CameraLayout, since: float) -> Any:
        if layout.camera_id == "yard":
            raise error
        return real(tail, layout, since)

    monkeypatch.setattr(JournalTail, "read", damaged)
    facts = read(reader)
    assert [(c.state, c.unread) for c in facts.cameras] == [
        (State.RUNNING, ""),
        (State.STOPPED, f"its files are damaged ({type(error).__name__}); the log of cctv says where"),
    ]
    assert "yard: its files cannot be read" in caplog.text
