"""Nothing on the disk keeps a camera from being recorded: a stand-in for FFmpeg is always started."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import psutil
import pytest

from cctv_cli.core import files
from cctv_cli.core.config.settings import Camera, DemoSource, Settings
from cctv_cli.core.ffmpeg import process as processes
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording import desired
from cctv_cli.core.recording.backlog import Backlog
from cctv_cli.core.recording.recorder import Recorder
from cctv_cli.core.recording.saved import read_outages
from cctv_cli.core.recording.state import Run, to_json
from cctv_cli.core.recording.tools import Tools
from cctv_cli.core.storage.commit import RecordingStore
from cctv_cli.core.system import process_ids
from tests.support.evidence import gaps, segments
from tests.support.media import Media
from tests.support.storage_tree import FixedClock
from tests.support.waiting import HANG

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for FFmpeg is a script")

RUN, OTHER_RUN = "0123456789abcdef", "fedcba9876543210"
NOW = 1_800_000_000.0


class Stage:
    """A camera's folder and its recorders, one after the other, whose FFmpeg runs until it is stopped."""

    def __init__(self, folder: Path) -> None:
        script = folder / "ffmpeg"
        script.write_text(f"#!{sys.executable}\nimport signal\nsignal.pause()\n")
        script.chmod(0o755)
        self.camera = Camera("cam1", "Gate", DemoSource(tone=False))
        self.settings = Settings(storage=folder / "hls", cameras=(self.camera,))
        self.layout = CameraLayout(self.settings.storage, "cam1")
        self.layout.incoming.mkdir(parents=True)
        self.clock = FixedClock(NOW)
        self.tools = Tools(Ffmpeg(str(script), "9.0", 9, frozenset({"libx264"})), None, self.clock)
        self.recorders: List[Recorder] = []

    def recorder(self) -> Recorder:
        self.recorders.append(Recorder(self.camera, self.settings, self.tools, lambda: None))
        return self.recorders[-1]

    def lay(self, run: str, source: Path, ended: float, number: int = 0) -> Path:
        """Create a file that a crash left."""
        path = self.layout.incoming_file(run, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, path)
        os.utime(path, (ended, ended))
        return path

    def work(self, recorder: Recorder) -> None:
        """Run the recorder until nothing more is due at once."""
        while recorder.run_once() == 0.0:
            pass

    def is_recorded(self) -> bool:
        pid = files.read_json(self.layout.run_file).get("pid")
        return isinstance(pid, int) and psutil.pid_exists(pid)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    children: List[processes.OwnProcess] = []
    real = processes.spawn

    def spawn(*args: Any) -> processes.OwnProcess:
        children.append(real(*args))
        return children[-1]

    monkeypatch.setattr(processes, "spawn", spawn)
    yield stage
    for recorder in stage.recorders:
        recorder.release(leave_running=False)
    for child in children:
        assert child.wait(HANG), "a stand-in for FFmpeg was left behind"


DAMAGE: List[Tuple[str, bytes]] = [
    ("empty", b""),
    ("zeros", b"\0" * 4096),
    ("torn", b'{"run": "0123456789abcdef", "fingerp'),
    ("not UTF-8", b'{"run": "\xff\xfe", "state": "\xff"}'),
    ("deeply nested", b"[" * 100_000),
    ("nested in a field", b'{"run": ' + b"[" * 100_000),
    ("a list", b"[1, 2, 3]"),
    ("infinite", b'{"run": "0123456789abcdef", "fingerprint": "", "started": 1e999, "first_live": 0}'),
    ("not a number", b'{"state": "backoff", "reason": "", "since": NaN, "restarts": NaN}'),
    ("wrong types", b'{"run": [], "state": {}, "since": "now", "started": {}, "first_live": "0", "gaps": {"a": 1}}'),
    ("gaps of wrong types", b'{"gaps": [1, null, {"until": "x"}, {"until": 1e999, "cause": [], "detail": 3}]}'),
    (
        "a long codec",
        b'{"run": "0123456789abcdef", "fingerprint": "", "started": 1.0, "first_live": 0, "codec": "%s"}'
        % (b"x" * 20_000),
    ),
    (
        "a path as run",
        b'{"run": "../../../elsewhere", "fingerprint": "", "started": 1.0, "first_live": 0, "codec": "h264"}',
    ),
    ("endless digits", b'{"run": "0123456789abcdef", "started": %s, "first_live": 0}' % (b"9" * 5000)),
    (
        "a huge number",
        b'{"run": "0123456789abcdef", "fingerprint": "", "started": -1e308, "first_live": %s}' % (b"9" * 400),
    ),
]
FILES: Dict[str, Callable[[CameraLayout], Path]] = {
    "run": lambda layout: layout.run_file,
    "state": lambda layout: layout.state_file,
    "gaps": lambda layout: layout.waiting_gaps,
    "ended run": lambda layout: layout.ended_run(RUN),
    "live": lambda layout: layout.live_playlist,
    "log": lambda layout: layout.log_file,
    "restart": lambda layout: layout.restart_file,
}


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in DAMAGE])
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_file_does_not_stop_recording(stage: Stage, file: str, data: bytes) -> None:
    path = FILES[file](stage.layout)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    stage.work(stage.recorder())
    assert stage.is_recorded()


def in_the_way(path: Path, kind: str) -> None:
    """Put something of the wrong kind where a file, or a folder, is expected."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    if kind == "folder":
        path.mkdir()
        (path / "inside").write_text("")
    elif kind == "FIFO":
        os.mkfifo(path)
    else:
        path.symlink_to(path if kind == "loop" else path.with_name("nowhere"))


@pytest.mark.parametrize("kind", ["folder", "FIFO", "loop", "dangling"])
@pytest.mark.parametrize("file", FILES)
def test_something_other_than_a_file_does_not_stop_recording(stage: Stage, file: str, kind: str) -> None:
    in_the_way(FILES[file](stage.layout), kind)
    stage.work(stage.recorder())
    assert stage.is_recorded()
    assert files.read_json(stage.layout.state_file)["state"] == "starting"


@pytest.mark.parametrize("kind", ["FIFO", "loop", "file"])
@pytest.mark.parametrize("folder", ["incoming", "live"])
def test_something_other_than_a_folder_does_not_stop_recording(stage: Stage, folder: str, kind: str) -> None:
    path: Path = getattr(stage.layout, folder)
    if kind == "file":
        shutil.rmtree(path, ignore_errors=True)
        path.write_text("")
    else:
        in_the_way(path, kind)
    stage.work(stage.recorder())
    assert stage.is_recorded()
    assert path.is_dir()


def test_a_link_to_a_missing_ram_disk_is_used_once_it_exists(
    stage: Stage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage.layout.live.symlink_to(tmp_path / "ram", target_is_directory=True)
    recorder = stage.recorder()
    stage.work(recorder)
    assert stage.is_recorded()
    assert "the live window cannot be written" in caplog.text
    caplog.clear()
    (tmp_path / "ram").mkdir()
    desired.restart(stage.layout)
    stage.work(recorder)
    assert stage.layout.live.is_symlink()
    assert "the live window cannot be written" not in caplog.text


def test_a_link_to_an_unmounted_disk_stays_until_it_is_mounted(stage: Stage, tmp_path: Path) -> None:
    stage.layout.incoming.rmdir()
    stage.layout.incoming.symlink_to(tmp_path / "disk", target_is_directory=True)
    recorder = stage.recorder()
    recorder.run_once()
    assert files.read_json(stage.layout.state_file)["cause"] == "storage"
    (tmp_path / "disk").mkdir()
    stage.work(recorder)
    assert stage.is_recorded()
    assert stage.layout.incoming.is_symlink()


@pytest.mark.parametrize("kind", ["folder", "FIFO", "loop", "dangling"])
@pytest.mark.parametrize("days_ago", [0, 1])
@pytest.mark.parametrize("name", ["journal.jsonl", "14/playlist.m3u8", "14", ""])
def test_nothing_in_recordings_stops_recording(stage: Stage, media: Media, name: str, days_ago: int, kind: str) -> None:
    day = stage.layout.day("2027-01-15" if days_ago == 0 else "2027-01-14")  # that of NOW, or the one before
    in_the_way(day / name if name else day, kind)
    stage.lay(RUN, media.run[0], NOW - 60)
    stage.work(stage.recorder())
    assert stage.is_recorded()
    if name in ("journal.jsonl", "14/playlist.m3u8", "14"):
        assert len(segments(stage.layout)) == 1


def test_a_start_removes_the_drafts_of_a_killed_process(stage: Stage, media: Media, tmp_path: Path) -> None:
    file = stage.lay(RUN, media.run[0], NOW - 60)
    stage.work(stage.recorder())
    (recorded,) = stage.layout.recordings.glob("*/*/*.ts")
    kept = stage.lay(OTHER_RUN, media.run[0], NOW - 30)
    places = (stage.layout.folder, stage.layout.live, stage.layout.incoming, kept.parent, recorded.parent)
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    for place in places:
        (place / f"some.json.{process_ids()}.{process.pid}.1.tmp").touch()
    stage.work(stage.recorder())
    assert not file.exists() and list(tmp_path.rglob("*.tmp")) == []


@pytest.mark.parametrize("kind", ["folder", "FIFO", "loop", "unreadable"])
def test_ffmpeg_is_restarted_although_its_newest_file_cannot_be_read(
    stage: Stage, media: Media, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = stage.recorder()
    stage.work(recorder)
    before = files.read_json(stage.layout.run_file)
    stage.lay(before["run"], media.run[0], NOW)
    newest = stage.layout.incoming_file(before["run"], 1)
    if kind == "unreadable":
        shutil.copy(media.run[1], newest)
        cannot_be_opened(newest, monkeypatch)
    else:
        in_the_way(newest, kind)
    stage.clock.advance(10)
    stage.work(recorder)
    assert [entry.run for _, entry in segments(stage.layout)] == [before["run"]], "the finished file is committed"
    killed = psutil.Process(before["pid"])
    killed.kill()
    killed.wait(HANG)
    for _ in range(2):
        stage.clock.advance(60)
        stage.work(recorder)
    assert stage.is_recorded()
    assert files.read_json(stage.layout.run_file)["run"] != before["run"]


def cannot_be_opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the disk fail to read one file."""
    real = files.Folder.open

    def open_file(folder: files.Folder, name: str, flags: int) -> int:
        if folder.path / name == path:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return real(folder, name, flags)

    monkeypatch.setattr(files.Folder, "open", open_file)


def test_a_run_that_cannot_be_saved_when_it_ends_is_followed_by_the_next(stage: Stage) -> None:
    recorder = stage.recorder()
    stage.work(recorder)
    before = files.read_json(stage.layout.run_file)["run"]
    stage.layout.ended_run(before).mkdir()
    desired.restart(stage.layout)
    stage.work(recorder)
    assert stage.is_recorded()
    assert files.read_json(stage.layout.run_file)["run"] != before


def test_a_folder_that_cannot_be_read_does_not_block_others(
    stage: Stage, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = stage.lay(RUN, media.run[0], NOW - 600).parent
    stage.lay(OTHER_RUN, media.run[1], NOW - 60)
    real = os.listdir

    def listdir(path: Any = ".") -> List[str]:
        if str(path) == str(bad):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    stage.work(stage.recorder())
    assert stage.is_recorded()
    assert [entry.run for _, entry in segments(stage.layout)] == [OTHER_RUN]
    monkeypatch.undo()
    stage.recorders[-1].release(leave_running=False)
    stage.work(stage.recorder())
    assert {entry.run for _, entry in segments(stage.layout)} == {RUN, OTHER_RUN}


def test_recordings_wait_for_a_journal_that_cannot_be_read_while_the_camera_is_recorded(
    stage: Stage, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.lay(RUN, media.run[0], NOW - 600)
    stage.work(stage.recorder())
    stage.recorders[-1].release(leave_running=False)
    before = len(gaps(stage.layout))
    stage.lay(OTHER_RUN, media.run[1], NOW - 60)
    journal = stage.layout.journal("2027-01-15")
    os.utime(journal, (NOW - 590, NOW - 590))
    real = files.Folder.open

    def open_file(folder: files.Folder, name: str, flags: int) -> int:
        if folder.path / name == journal:
            raise PermissionError(errno.EACCES, "Permission denied", str(journal))
        return real(folder, name, flags)

    recorder = stage.recorder()
    with monkeypatch.context() as patch:
        patch.setattr(files.Folder, "open", open_file)
        stage.work(recorder)
        assert stage.is_recorded()
    assert len(segments(stage.layout)) == 1
    stage.clock.advance(10)
    stage.work(recorder)
    assert len(segments(stage.layout)) == 2
    assert [(gap.cause, round(gap.duration)) for gap in gaps(stage.layout)[before:]] == []


def test_a_running_ffmpeg_whose_stderr_cannot_be_read_is_adopted(stage: Stage) -> None:
    stage.work(stage.recorder())
    stage.recorders.pop().release(leave_running=True)
    run = files.read_json(stage.layout.run_file)
    stderr = stage.layout.run_folder(run["run"]) / "stderr"
    stderr.unlink()
    stderr.mkdir()
    stage.work(stage.recorder())
    assert files.read_json(stage.layout.run_file)["pid"] == run["pid"]
    assert stage.is_recorded()


def test_an_adopted_run_whose_record_is_damaged_is_replaced(stage: Stage) -> None:
    stage.work(stage.recorder())
    stage.recorders.pop().release(leave_running=True)
    before = files.read_json(stage.layout.run_file)
    stage.layout.run_file.write_text("{")
    stage.work(stage.recorder())
    assert stage.is_recorded()
    assert files.read_json(stage.layout.run_file)["run"] != before["run"]
    assert not psutil.pid_exists(before["pid"]) or psutil.Process(before["pid"]).status() == psutil.STATUS_ZOMBIE


def test_after_a_run_of_long_ago_segment_numbers_stay_within_32_bits(stage: Stage) -> None:
    files.replace_text(stage.layout.run_file, to_json(Run(RUN, "", -1e15, 10**11, codec="h264")))
    stage.work(stage.recorder())
    assert stage.is_recorded()
    assert files.read_json(stage.layout.run_file)["first_live"] < 2**31


def test_something_other_than_a_file_of_outages_is_replaced(stage: Stage) -> None:
    os.mkfifo(stage.layout.waiting_gaps)
    backlog = Backlog(stage.layout, RecordingStore(stage.layout, None), stage.clock)
    for cause in ("refused", "unreachable"):
        backlog.set_idle(Diagnosis(cause, "It is away"))
    assert [outage.cause for outage in read_outages(stage.layout.waiting_gaps, stage.layout.camera_id)] == ["refused"]


def test_outages_of_a_newer_cctv_stay_and_do_not_block_commits(stage: Stage, media: Media) -> None:
    stage.layout.waiting_gaps.write_text('{"version": 99}')
    stage.lay(RUN, media.run[0], NOW - 60)
    stage.work(stage.recorder())
    assert stage.is_recorded()
    assert len(segments(stage.layout)) == 1
    assert stage.layout.waiting_gaps.read_text() == '{"version": 99}'
