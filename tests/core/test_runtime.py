"""Start, reload and stop of a supervised system. No camera is reached."""

from __future__ import annotations

import errno
import logging
import os
import sys
import tempfile
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Iterator, List, Sequence, Set

import pytest

from cctv_cli.core.config.settings import Camera, DemoSource, Settings
from cctv_cli.core.errors import CleanupRuns, ConfigError, StopIncomplete, UnknownCamera
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.layout import CameraLayout, reload_files, storage_marker
from cctv_cli.core.recording import reload_once
from cctv_cli.core.recording import supervisor as supervisor_module
from cctv_cli.core.recording.lock import holder
from cctv_cli.core.recording.recorder import Recorder
from cctv_cli.core.recording.reload import Answer, Reloaded, request_reload
from cctv_cli.core.recording.state import State
from cctv_cli.core.recording.supervisor import Supervisor
from cctv_cli.core.retention import schedule as cleanup_schedule
from cctv_cli.core.retention.cleaner import Cleaner
from cctv_cli.core.runtime import Runtime
from cctv_cli.core.storage.marker import read_marker, remembered_days
from tests.support.hung_disk import HungDisk
from tests.support.storage_tree import CameraTree
from tests.support.waiting import HANG, wait_for

UNUSED = Ffmpeg("ffmpeg", "9.0", 9, frozenset())
ONE, TWO = (Camera(name, name, DemoSource(tone=False), enabled=False) for name in ("one", "two"))


class System:
    """A running system whose next configuration a test chooses."""

    def __init__(self, storage: Path, cameras: Sequence[str] = ()) -> None:
        self.answers: List[object] = []
        self.settings = Settings(cameras=(ONE, TWO), storage=storage)
        self.runtime = Runtime(self.settings, cameras=cameras, load=self._load)

    def _load(self) -> Settings:
        answer = self.answers.pop()
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Settings)
        return answer

    def reload(self, answer: object) -> Settings:
        self.answers.append(answer)
        self.runtime.reload()
        return self.runtime.settings


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    made = System(tmp_path)
    made.runtime.start(ffmpeg=UNUSED)
    yield made
    made.runtime.stop()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConfigError(["bad"]), "the configuration is unchanged: bad"),
        (UnknownCamera("gone"), "the configuration is unchanged: gone"),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory"),
            "the configuration is unchanged: It cannot be read (No such file or directory); check that the working "
            "directory still exists",
        ),
        (ValueError("a bug"), "unexpected error in a reload"),
    ],
    ids=["bad", "a camera that is gone", "no working directory", "a bug"],
)
def test_a_configuration_with_an_error_is_refused(
    system: System, error: Exception, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert system.reload(error) == system.settings
    assert [r.getMessage() for r in caplog.records if r.name == "cctv.runtime" and r.levelno >= logging.ERROR] == [
        message
    ]
    assert holder(system.runtime.layout("one")) == os.getpid()


def fail_of(monkeypatch: pytest.MonkeyPatch, storage: Path, camera_id: str) -> None:
    """Make the camera's own disk fail with an error."""
    is_file = Path.is_file

    def failing(path: Path) -> bool:
        if storage / camera_id in path.parents:
            raise OSError(errno.EIO, "Input/output error")
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", failing)


def test_a_reload_applies_to_all_cameras_whose_disks_work(
    system: System, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail_of(monkeypatch, system.settings.storage, "one")
    asked = replace(system.settings, cameras=(ONE, TWO, replace(ONE, id="three")), segment_duration=3)
    assert system.reload(asked) == asked
    assert [holder(system.runtime.layout(name)) for name in ("one", "two", "three")] == [os.getpid()] * 3
    logged = [record.getMessage() for record in caplog.records if record.name == "cctv.supervisor"]
    assert (
        [line for line in logged if "cannot be read (Input/output error)" in line and "/one/" in line] == logged != []
    )


def test_a_start_leaves_out_a_camera_whose_disk_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = System(tmp_path)
    fail_of(monkeypatch, tmp_path, "one")
    made.runtime.start(ffmpeg=UNUSED)
    assert [holder(made.runtime.layout(name)) for name in ("one", "two")] == [None, os.getpid()]
    made.runtime.stop()


def test_a_configuration_without_cameras_is_refused(system: System) -> None:
    assert system.reload(Settings(storage=system.settings.storage)) == system.settings


def test_a_reload_does_not_change_settings_that_require_a_restart(system: System, tmp_path: Path) -> None:
    wanted = replace(system.settings, storage=tmp_path / "other", port=1, timezone="Asia/Tokyo", segment_duration=3)
    assert system.reload(wanted) == replace(system.settings, segment_duration=3)


@pytest.mark.parametrize("moved", [False, True])
def test_recorders_are_left_running_only_in_the_storage_of_the_next_supervisor(
    tmp_path: Path, moved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: List[bool] = []
    stop = Supervisor.stop

    def watched(supervisor: Supervisor, *, leave_running: bool) -> List[str]:
        left.append(leave_running)
        return stop(supervisor, leave_running=leave_running)

    monkeypatch.setattr(Supervisor, "stop", watched)
    made = System(tmp_path)
    made.runtime.start(ffmpeg=UNUSED)
    made.answers.append(replace(made.settings, storage=tmp_path / "new") if moved else made.settings)
    made.runtime.stop(leave_running=True)
    assert left == [not moved]


def test_a_folder_that_is_no_camera_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir(mode=0o000)
    (tmp_path / "a file").touch()
    made = System(tmp_path)
    made.runtime.start(ffmpeg=UNUSED)
    made.runtime.stop()
    assert sorted(os.listdir(tmp_path)) == [".cctv-storage", ".reload", "a file", "lost+found", "one", "two"]


def test_named_cameras_are_used_once_in_their_order(tmp_path: Path) -> None:
    made = System(tmp_path, ["two", "one", "two"])
    assert made.runtime.settings.cameras == (TWO, ONE)
    with pytest.raises(UnknownCamera, match="known: one, two"):
        System(tmp_path, ["three"])


def test_a_start_marks_the_storage_and_a_cleanup_recognizes_it(system: System) -> None:
    CameraTree(system.settings, "three").record("2026-07-14T14:00:00+02:00", 60)
    assert brakes(system) == []
    storage_marker(system.settings.storage).write_text('{"id": "another"}')
    assert brakes(system) == ["storage"]


def brakes(system: System) -> List[str]:
    return [refusal.brake for refusal in system.runtime.cleaner().preview().plan.refusals if refusal.brake != "clock"]


@pytest.mark.parametrize(("cameras", "services"), [((), {"cleanup", "health"}), (("one",), {"cleanup"})])
def test_health_is_watched_only_for_all_cameras_and_cleanups_always_run(
    tmp_path: Path, cameras: Sequence[str], services: Set[str]
) -> None:
    def running() -> Set[str]:
        return {"cleanup", "health"} & {thread.name for thread in threading.enumerate()}

    made = System(tmp_path, cameras)
    made.runtime.start(ffmpeg=UNUSED)
    assert running() == services
    made.runtime.stop()
    assert running() == set()


def test_a_reload_without_the_only_supervised_camera_is_refused(tmp_path: Path) -> None:
    made = System(tmp_path, ["one"])
    made.runtime.start(ffmpeg=UNUSED)
    assert made.reload(replace(made.settings, cameras=(TWO,))).cameras == (ONE,)
    made.runtime.stop()


def test_recorders_end_before_a_running_cleanup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = System(tmp_path)
    began, held = threading.Event(), []

    def run(self: Cleaner, **options: object) -> None:
        began.set()
        wait_for(lambda: holder(made.runtime.layout("one")) is None, "the supervisor to end")
        held.append(holder(made.runtime.layout("one")))
        raise CleanupRuns("enough")

    monkeypatch.setattr(Cleaner, "run", run)
    monkeypatch.setattr(cleanup_schedule, "_LOOK", 0.01)
    monkeypatch.setattr(cleanup_schedule, "_FIRST", 0.0)
    made.runtime.start(ffmpeg=UNUSED)
    assert began.wait(HANG)
    assert holder(made.runtime.layout("one")) == os.getpid()
    made.runtime.stop()
    assert held[:1] == [None]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows asks for a privilege to make symbolic links")
def test_a_reload_does_not_forget_which_disk_the_storage_was(tmp_path: Path) -> None:
    other = Path("/dev/shm")
    storage = tmp_path / "hls"
    made = System(storage)
    made.runtime.start(ffmpeg=UNUSED)
    try:
        if not other.is_dir() or other.stat().st_dev == storage.stat().st_dev:
            pytest.skip("this machine has no second file system")
        assert made.runtime.health().facts.storage.disk.fault == ""
        storage.rename(tmp_path / "away")
        storage.symlink_to(other)
        made.reload(made.settings)
        assert made.runtime.health().facts.storage.disk.fault == "a different disk is mounted than when cctv started"
    finally:
        if storage.is_symlink():
            storage.unlink()
            (tmp_path / "away").rename(storage)
        made.runtime.stop()


def test_a_storage_keeps_its_marker_across_restarts(system: System) -> None:
    before = read_marker(system.settings.storage)
    assert before is not None
    system.runtime.stop()
    system.runtime.start(ffmpeg=UNUSED)
    assert read_marker(system.settings.storage) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows asks for a privilege to make symbolic links")
def test_a_start_notes_which_cameras_have_their_own_disks(tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has no second file system")
    with tempfile.TemporaryDirectory(dir=str(other)) as mounted:  # stands for a mounted disk
        (Path(mounted) / "recordings").mkdir()
        (tmp_path / "two").symlink_to(mounted)
        made = System(tmp_path)
        made.runtime.start(ffmpeg=UNUSED)
        made.runtime.stop()
    marker = read_marker(tmp_path)
    assert marker is not None and marker.own_disks == ("two",)


def test_a_storage_that_could_not_be_marked_is_marked_before_a_cleanup_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = System(tmp_path / "hls")
    made.settings.storage.mkdir()
    with monkeypatch.context() as patched:
        patched.setattr("cctv_cli.core.storage.marker.write_marker", no_room)
        made.runtime.start(ffmpeg=UNUSED)
        made.runtime.cleaner()
        assert read_marker(made.settings.storage) is None
    made.settings.storage.rename(tmp_path / "away")  # the disk is unmounted: its mount point is not marked
    made.settings.storage.mkdir()
    made.runtime.cleaner()
    assert read_marker(made.settings.storage) is None
    made.settings.storage.rmdir()
    (tmp_path / "away").rename(made.settings.storage)
    made.runtime.cleaner()
    assert read_marker(made.settings.storage) is not None
    made.runtime.stop()


def no_room(*arguments: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_supervision_of_some_cameras_stores_only_their_days(tmp_path: Path) -> None:
    made = System(tmp_path, ["one"])
    made.runtime.start(ffmpeg=UNUSED)
    made.runtime.stop()
    assert [remembered_days(CameraLayout(tmp_path, name)) for name in ("one", "two")] == [30, 0]


def test_supervision_of_all_cameras_stores_their_days_of_retention(system: System) -> None:
    def days() -> List[int]:
        return [remembered_days(system.runtime.layout(name)) for name in ("one", "two")]

    assert days() == [30, 30]
    system.reload(replace(system.settings, cameras=(replace(ONE, retention_days=90), TWO), retention_days=60))
    assert days() == [90, 60]


def hang_of(monkeypatch: pytest.MonkeyPatch, camera_id: str, proceed: threading.Event) -> threading.Event:
    """Make the thread of one camera hang, as on a disk that does not answer; returns an event set once it hangs."""
    real, hangs = Recorder.run_once, threading.Event()

    def hung(recorder: Recorder) -> float:
        if recorder._camera.id == camera_id:
            hangs.set()
            proceed.wait(HANG)
        return real(recorder)

    monkeypatch.setattr(Recorder, "run_once", hung)
    return hangs


def test_a_stop_ends_in_time_and_names_the_camera_whose_thread_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor_module, "STOP_LIMIT", 3.0)
    proceed = threading.Event()
    hangs = hang_of(monkeypatch, "one", proceed)
    made = System(tmp_path)
    made.runtime.start(ffmpeg=UNUSED)
    try:
        assert hangs.wait(HANG)
        with pytest.raises(StopIncomplete, match=r"ended without the threads of .*one.*, which hang on a disk"):
            made.runtime.stop()
        assert f"one: its thread still hangs on the storage {tmp_path / 'one'}" in caplog.text
    finally:
        proceed.set()


def test_a_start_leaves_out_a_camera_whose_disk_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "one").mkdir()
    disk = HungDisk(tmp_path / "one", monkeypatch)
    made = System(tmp_path)
    try:
        made.runtime.start(ffmpeg=UNUSED)
        assert made.runtime.status("two").get().supervisor_pid == os.getpid()
        assert "Camera one is not recorded: its disk does not answer; check its cable" in caplog.text
        made.runtime.stop()
    finally:
        disk.proceed.set()


def test_a_start_with_a_storage_that_hangs_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk = HungDisk(tmp_path, monkeypatch)
    made = System(tmp_path)
    starts = threading.Thread(target=partial(made.runtime.start, ffmpeg=UNUSED), name="starts", daemon=True)
    starts.start()
    try:
        wait_for(lambda: not starts.is_alive(), "the start to return")
        assert disk.hanging() and "starts" not in disk.hanging()
        assert "is not checked: its disk does not answer" in caplog.text
        made.runtime.stop()
    finally:
        disk.proceed.set()


def test_every_process_answers_a_request_to_reload_with_what_changed(system: System) -> None:
    storage, three = system.settings.storage, Camera("three", "Three", DemoSource(tone=False), enabled=False)

    def ask(answer: object) -> List[Answer]:
        system.answers.append(answer)
        answers, silent = request_reload(storage, system.runtime.supervised, HANG)
        assert silent == {}
        return answers

    changed = replace(system.settings, cameras=(replace(ONE, name="First"), three), segment_duration=3, port=9)
    (answer,) = ask(changed)
    assert answer.pid == os.getpid()
    assert set(answer.cameras) == {"one", "two", "three"}
    assert answer.outcome == Reloaded(
        ("added three", "removed two", "changed one, stream.segment_duration"), ("server.port",)
    )
    assert system.runtime.settings.segment_duration == 3
    (answer,) = ask(ConfigError(["bad"]))
    assert answer.outcome == Reloaded(problems=("the configuration is unchanged: bad",))

    other = System(storage, cameras=["two"])
    system.runtime.stop()
    assert request_reload(storage, system.runtime.supervised, HANG) == ([], {}), "nobody is asked"
    other.runtime.start(ffmpeg=UNUSED)
    try:
        other.answers.append(other.settings)
        (answer,), silent = request_reload(storage, other.runtime.supervised, HANG)
        assert (answer.cameras, answer.outcome, silent) == (("two",), Reloaded(), {})
        assert other.answers == [], "an older request is not for a process that starts later"
    finally:
        other.runtime.stop()


def test_a_process_that_does_not_answer_is_named(tmp_path: Path) -> None:
    tree = CameraTree(Settings(storage=tmp_path), "one")
    tree.show(State.RUNNING, "recording", since=1.0)
    try:
        supervised = Runtime(Settings(storage=tmp_path)).supervised
        reload_files(tmp_path).folder.mkdir()
        assert request_reload(tmp_path, supervised, 0.5) == ([], {"one": os.getpid()})
    finally:
        tree.leave()


def test_a_reload_that_hangs_returns_in_time(
    system: System, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reload_once, "RELOAD_LIMIT", 0.1)
    proceed = threading.Event()
    monkeypatch.setattr(Supervisor, "reload", lambda supervisor, settings: proceed.wait(HANG))
    try:
        system.reload(system.settings)
        assert "the reload hangs on a disk" in caplog.text
        system.runtime.reload()
        assert "the previous reload still hangs on a disk" in caplog.text
    finally:
        proceed.set()
