"""Cameras whose disk answers late or cannot be written. They are disabled, so no FFmpeg is started."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Iterator, List

import pytest

from cctv_cli.core import files, locks
from cctv_cli.core.clock import SystemClock
from cctv_cli.core.config.settings import Camera, DemoSource, Settings
from cctv_cli.core.errors import StorageError
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording import lock, supervisor
from cctv_cli.core.recording.reasons import of_error
from cctv_cli.core.recording.recorder import Recorder
from cctv_cli.core.recording.supervisor import Supervisor
from cctv_cli.core.recording.tools import Tools
from tests.support.hung_disk import HungDisk
from tests.support.waiting import wait_for

NAMES = ("one", "two")


class Site:
    """A supervisor of two cameras."""

    def __init__(self, storage: Path) -> None:
        cameras = tuple(Camera(name, name, DemoSource(tone=False), enabled=False) for name in NAMES)
        self.settings = Settings(cameras=cameras, storage=storage)
        self.layouts = [CameraLayout(storage, name) for name in NAMES]
        self.supervisor = Supervisor(
            self.settings, Tools(Ffmpeg("no-ffmpeg", "9.0", 9, frozenset()), None, SystemClock()), whole=True
        )

    def supervised(self) -> List[str]:
        """The cameras whose recorders have shown what they do."""
        return [layout.camera_id for layout in self.layouts if files.read_json(layout.state_file).get("state")]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(supervisor, "_TAKE_AGAIN", 0.05)
    site = Site(tmp_path)
    yield site
    site.supervisor.stop(leave_running=False)


def test_cameras_on_a_disk_that_answers_late_are_supervised_once_it_does(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk = HungDisk(tmp_path, monkeypatch)
    try:
        site.supervisor.start()
        for name in NAMES:
            assert caplog.text.count(f"Camera {name} is not recorded: its disk does not answer") == 1
    finally:
        disk.proceed.set()
    wait_for(lambda: site.supervised() == [*NAMES], "both cameras are supervised")
    assert [lock.holder(layout) for layout in site.layouts] == [os.getpid()] * 2


def test_a_camera_whose_disk_answers_after_a_stop_is_released(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = HungDisk(tmp_path, monkeypatch)
    try:
        site.supervisor.start()
        site.supervisor.stop(leave_running=False)
    finally:
        disk.proceed.set()
    other = Site(tmp_path)
    other.supervisor.start()
    try:
        wait_for(lambda: other.supervised() == [*NAMES], "another supervisor has the cameras")
    finally:
        other.supervisor.stop(leave_running=False)


def test_a_stop_needs_no_more_threads(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.supervisor.start()
    wait_for(lambda: site.supervised() == [*NAMES], "both cameras are supervised")

    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        assert site.supervisor.stop(leave_running=False) == []
    assert [lock.holder(layout) for layout in site.layouts] == [None, None]


def test_a_reload_changes_a_camera_whose_disk_has_not_answered_yet(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = HungDisk(tmp_path, monkeypatch)
    try:
        site.supervisor.start()
        site.supervisor.reload(Settings(cameras=site.settings.cameras[:1], storage=tmp_path, segment_duration=4))
    finally:
        disk.proceed.set()
    wait_for(lambda: site.supervised() == [*NAMES], "both are supervised: the second one is stopped")


def test_a_camera_whose_folder_cannot_be_written_is_supervised_once_it_can(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = lock.take

    def take(layout: CameraLayout) -> lock.Lock:
        if layout.camera_id == "one":
            raise StorageError("The storage one cannot be written")
        return real(layout)

    with monkeypatch.context() as patch:
        patch.setattr(lock, "take", take)
        site.supervisor.start()
        wait_for(lambda: site.supervised() == ["two"], "the other camera is supervised")
        assert caplog.text.count("The storage one cannot be written") == 1
    wait_for(lambda: site.supervised() == [*NAMES], "both cameras are supervised")


@pytest.mark.parametrize("name", ["", ".supervisor.lock", ".supervisor", ".journal.lock"])
def test_something_in_place_of_a_cameras_folder_or_lock_is_set_aside(site: Site, name: str) -> None:
    folder = site.layouts[0].folder
    if name:
        (folder / name).mkdir(parents=True)
    else:
        folder.write_text("")
    site.supervisor.start()
    wait_for(lambda: site.supervised() == [*NAMES], "both cameras are supervised")
    assert lock.holder(site.layouts[0]) == os.getpid()
    odd = folder / name if name else folder
    assert odd.with_name(f"{odd.name}.unreadable").exists()


def test_a_start_fails_when_no_camera_can_be_written(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def take(layout: CameraLayout) -> lock.Lock:
        raise StorageError(f"The storage of {layout.camera_id} cannot be written")

    monkeypatch.setattr(lock, "take", take)
    with pytest.raises(StorageError, match="The storage of two cannot be written"):
        site.supervisor.start()
    monkeypatch.undo()
    assert site.supervised() == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no flock")
def test_a_disk_without_locks_is_refused_by_a_sentence(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    sentence = f"^The storage {site.layouts[1].folder} cannot be used: its file server grants no locks; mount it as NFS"
    with pytest.raises(StorageError, match=sentence):
        site.supervisor.start()


@pytest.mark.parametrize("error", [MemoryError(), RecursionError(), RuntimeError("can't start new thread")])
def test_no_unexpected_error_ends_the_supervision_of_a_camera(
    site: Site, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Not even if there is no memory to log it."""
    run_once, fails = Recorder.run_once, 3 * len(NAMES)
    shown: List[str] = []

    def failing(recorder: Recorder) -> float:
        nonlocal fails
        shown.extend(str(files.read_json(layout.state_file).get("reason")) for layout in site.layouts)
        fails -= 1
        if fails >= 0:
            raise error
        return run_once(recorder)

    def no_memory(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(supervisor, "_AFTER_DEFECT", 0.01)
    monkeypatch.setattr(Recorder, "run_once", failing)
    monkeypatch.setattr(supervisor.log, "exception", no_memory)
    site.supervisor.start()

    def disabled() -> bool:
        return all(files.read_json(layout.state_file).get("state") == "stopped" for layout in site.layouts)

    wait_for(disabled, "both cameras after the errors")
    assert of_error(error).reason in shown


def test_a_start_on_a_full_disk_waits_until_it_has_room(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise nothing would be recorded when a cleanup, or a person, has made room."""
    with monkeypatch.context() as patch:
        patch.setattr(locks, "take", _full)
        site.supervisor.start()
        assert caplog.text.count("has no room; No space left on device; free space") == len(NAMES)
    wait_for(lambda: site.supervised() == [*NAMES], "both cameras are supervised")


def _full(path: Path, _: float) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", str(path))
