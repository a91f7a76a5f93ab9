"""What the files say about a camera: with a running supervisor, after a killed one, and without any."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Iterator, List, Optional

import pytest

from cctv_cli.core import files
from cctv_cli.core.clock import parse_instant, zone
from cctv_cli.core.config.settings import Camera, DemoSource, Settings
from cctv_cli.core.hls.playlist import LiveSegment, LiveWindow, render_live
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording import lock as supervision
from cctv_cli.core.recording import status as status_module
from cctv_cli.core.recording.published import Published
from cctv_cli.core.recording.state import RecorderState, Run, State, to_json
from cctv_cli.core.recording.status import CameraStatus, StatusReader
from cctv_cli.core.storage.entries import GapEntry, SegmentEntry
from cctv_cli.core.storage.journal import Journal

BERLIN = zone("Europe/Berlin")
NOW = parse_instant("2026-11-23T12:00:00+01:00")
TODAY = "2026-11-23"
RUN = "0123456789abcdef"
CAMERA = Camera("cam1", "Gate", DemoSource(tone=False))
RUNNING = RecorderState(State.RUNNING, "recording", NOW - 600, restarts=2, codec="h264", audio="pcma")

HOLD_THE_CAMERA = """
import sys
from pathlib import Path
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording.lock import take

lock = take(CameraLayout(Path(sys.argv[1]), "cam1"))
print("ready", flush=True)
sys.stdin.read()
"""
RECORD = "import sys; print('ready', flush=True); sys.stdin.read()"


class Stage:
    """A camera's files and the processes behind them."""

    def __init__(self, storage: Path) -> None:
        self.settings = Settings(storage=storage, cameras=(CAMERA,))
        self.layout = CameraLayout(storage, "cam1")
        self.layout.folder.mkdir(parents=True)
        self.layout.live.mkdir()
        self.reader = StatusReader(self.settings, BERLIN)
        self._children: List[subprocess.Popen[str]] = []

    def read(self, camera: Camera = CAMERA, now: float = NOW) -> CameraStatus:
        return self.reader.read_one(camera, now)

    def show(self, state: RecorderState) -> None:
        files.replace_text(self.layout.state_file, to_json(state))

    def record_as(self, pid: Optional[int]) -> None:
        files.replace_text(self.layout.run_file, to_json(Run(RUN, "", NOW - 600, 0, pid=pid)))

    def start(self, *argv: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        self._children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        return child

    def ffmpeg(self, run: str = RUN) -> subprocess.Popen[str]:
        """A child in place of FFmpeg."""
        return self.start("-S", "-E", "-c", RECORD, f".incoming/{run}/%06d.ts")

    def close(self) -> None:
        for child in self._children:
            child.kill()
            child.communicate()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.close()


@pytest.fixture
def supervised(stage: Stage) -> Iterator[Stage]:
    """This process supervises the camera."""
    lock = supervision.take(stage.layout)
    yield stage
    supervision.give_up(stage.layout, lock)


# ---- with a supervisor


def test_a_supervised_camera_has_the_state_its_supervisor_wrote(supervised: Stage) -> None:
    supervised.show(RUNNING)
    supervised.record_as(4711)
    assert supervised.read() == CameraStatus(
        id="cam1",
        name="Gate",
        enabled=True,
        state=State.RUNNING,
        reason="recording",
        since=NOW - 600,
        supervisor_pid=os.getpid(),
        ffmpeg_pid=4711,
        restarts=2,
        retry_at=None,
        codec="h264",
        audio="pcma",
        bit_rate=None,
        last_segment_at=None,
        recorded_today=0.0,
        audio_enabled=True,
    )


@pytest.mark.parametrize("state", [State.BACKOFF, State.AUTH_FAILED])
def test_a_camera_that_failed_has_the_time_of_the_next_try(supervised: Stage, state: State) -> None:
    supervised.show(RecorderState(state, "the camera refuses connections", NOW - 5, retry_at=NOW + 8))
    supervised.record_as(4711)
    status = supervised.read()
    assert (status.state, status.reason, status.retry_at) == (state, "the camera refuses connections", NOW + 8)
    assert status.ffmpeg_pid is None


def test_without_a_state_file_a_supervised_camera_is_starting(supervised: Stage) -> None:
    assert supervised.read().state is State.STARTING


def test_damaged_files_do_not_matter(supervised: Stage) -> None:
    supervised.layout.state_file.write_bytes(b'{"state": "run')
    supervised.layout.run_file.write_bytes(bytes(100))
    supervised.layout.live_playlist.write_text("damaged")
    assert supervised.read().state is State.STARTING


def test_a_disabled_camera_is_stopped_despite_its_files(supervised: Stage) -> None:
    supervised.show(RUNNING)
    status = supervised.read(replace(CAMERA, enabled=False))
    assert (status.state, status.reason) == (State.STOPPED, "the camera is disabled in the configuration")
    assert status.ffmpeg_pid is None


def test_another_process_supervises(stage: Stage) -> None:
    supervisor = stage.start("-c", HOLD_THE_CAMERA, str(stage.settings.storage))
    stage.show(RUNNING)
    status = stage.read()
    assert (status.state, status.supervisor_pid) == (State.RUNNING, supervisor.pid)


# ---- without


def test_a_killed_supervisor_no_longer_supervises(stage: Stage) -> None:
    supervisor = stage.start("-c", HOLD_THE_CAMERA, str(stage.settings.storage))
    stage.show(RUNNING)
    supervisor.kill()
    supervisor.wait()
    assert stage.layout.supervisor_file.exists()
    status = stage.read()
    assert (status.state, status.supervisor_pid) == (State.STOPPED, None)
    assert status.reason == "no supervisor is running; start cctv serve or cctv record"


def test_the_pid_of_another_process_is_no_supervisor(stage: Stage) -> None:
    files.replace_text(stage.layout.supervisor_file, f"{os.getpid()}\n")
    stage.show(RUNNING)
    status = stage.read()
    assert (status.state, status.supervisor_pid) == (State.STOPPED, None)


@pytest.mark.parametrize("text", ["", "none\n", "-1\n", "1 2\n", "²\n", "99999999999999999999\n"])
def test_an_invalid_pid_file_is_no_supervisor(stage: Stage, text: str) -> None:
    files.replace_text(stage.layout.supervisor_file, text)
    assert stage.read().supervisor_pid is None


def test_what_the_recorder_of_this_process_does_outweighs_its_files(supervised: Stage) -> None:
    supervised.show(RUNNING)
    published = Published()
    reader = StatusReader(supervised.settings, BERLIN, published=published)
    failed = replace(RUNNING, state=State.BACKOFF, reason="the storage failed")
    published.put(supervised.layout, failed, None)
    found = reader.read_one(CAMERA, NOW)
    assert (found.state, found.reason, found.supervisor_pid) == (State.BACKOFF, "the storage failed", os.getpid())
    published.withdraw(supervised.layout)
    assert reader.read_one(CAMERA, NOW).state is State.RUNNING


def test_an_ended_ffmpeg_outweighs_the_state_that_another_supervisor_wrote(stage: Stage) -> None:
    holder = stage.start("-c", HOLD_THE_CAMERA, str(stage.settings.storage), "cctv", "serve")
    stage.show(RUNNING)
    ffmpeg = stage.ffmpeg()
    stage.record_as(ffmpeg.pid)
    assert stage.read().state is State.RUNNING
    ffmpeg.kill()
    ffmpeg.wait()
    found = stage.read()
    assert (found.state, found.ffmpeg_pid, found.supervisor_pid) == (State.BACKOFF, None, holder.pid)
    assert found.reason.startswith(f"FFmpeg has ended, and its supervisor (process {holder.pid}) has not written")
    stage.record_as(None)  # it is starting the next one
    assert stage.read().state is State.RUNNING


def test_the_ffmpeg_of_a_supervisor_that_cannot_be_seen_is_not_judged(stage: Stage) -> None:
    stage.start("-c", HOLD_THE_CAMERA, str(stage.settings.storage))
    files.replace_text(stage.layout.supervisor_file, "1\n")  # that of a container, say
    stage.show(RUNNING)
    stage.record_as(4711)
    assert stage.read().state is State.RUNNING


def test_a_user_who_cannot_test_the_lock_sees_a_supervisor_while_its_process_runs(stage: Stage) -> None:
    stage.layout.supervisor_lock.symlink_to("elsewhere")  # as for another user, who may not open it
    stage.show(RUNNING)
    for pid in (os.getpid(), stage.start("-c", RECORD).pid):  # whatever has the id after a reboot
        files.replace_text(stage.layout.supervisor_file, f"{pid}\n")
        assert stage.read().supervisor_pid is None
    process = stage.start("-c", RECORD, "cctv", "serve")
    files.replace_text(stage.layout.supervisor_file, f"{process.pid}\n")
    assert stage.read().supervisor_pid == process.pid
    process.kill()
    process.wait()
    assert stage.read().supervisor_pid is None


def test_reading_a_status_does_not_prevent_supervision(stage: Stage) -> None:
    stage.read()
    lock = supervision.take(stage.layout)
    assert stage.read().supervisor_pid == os.getpid()
    supervision.give_up(stage.layout, lock)
    assert stage.read().supervisor_pid is None


def test_a_recorder_that_outlived_its_supervisor_is_seen(stage: Stage) -> None:
    ffmpeg = stage.ffmpeg()
    stage.show(RUNNING)
    stage.record_as(ffmpeg.pid)
    status = stage.read()
    assert (status.state, status.ffmpeg_pid) == (State.RUNNING, ffmpeg.pid)
    assert status.reason == "recording without a supervisor; start cctv serve or cctv record"


def test_a_recorder_that_ended_is_seen_too(stage: Stage) -> None:
    ffmpeg = stage.ffmpeg()
    stage.show(RUNNING)
    stage.record_as(ffmpeg.pid)
    ffmpeg.kill()
    os.waitid(os.P_PID, ffmpeg.pid, os.WEXITED | os.WNOWAIT) if hasattr(os, "waitid") else ffmpeg.wait()
    status = stage.read()  # a zombie records nothing
    assert (status.state, status.ffmpeg_pid) == (State.STOPPED, None)


def test_the_pid_of_another_run_is_no_recorder(stage: Stage) -> None:
    other = stage.ffmpeg(run="fedcba9876543210")
    stage.record_as(other.pid)
    assert stage.read().state is State.STOPPED


def test_a_stop_by_an_operator_is_shown_without_a_supervisor(stage: Stage) -> None:
    stage.layout.stopped_file.touch()
    status = stage.read()
    assert (status.state, status.reason) == (State.STOPPED, "an operator stopped the camera")


def test_without_a_supervisor_there_is_no_next_try(stage: Stage) -> None:
    stage.show(RecorderState(State.BACKOFF, "refused", NOW - 3600, retry_at=NOW - 3592))
    assert stage.read().retry_at is None


def test_a_stopped_camera_does_not_keep_the_time_of_its_running_state(stage: Stage) -> None:
    stage.show(RUNNING)
    status = stage.read()
    assert status.state is State.STOPPED
    assert status.since != RUNNING.since


def test_a_camera_that_never_ran_has_a_status(tmp_path: Path) -> None:
    status = StatusReader(Settings(storage=tmp_path / "none"), BERLIN).read_one(CAMERA, NOW)
    assert (status.state, status.since, status.recorded_today) == (State.STOPPED, None, 0.0)


# ---- what tables show besides the state


def test_bit_rate_and_age_come_from_the_live_window(stage: Stage) -> None:
    window = LiveWindow(10, (LiveSegment(7, NOW - 30, 10.0), LiveSegment(8, NOW - 20, 8.0)))
    files.replace_text(stage.layout.live_playlist, render_live(window, BERLIN))
    stage.layout.live_segment(8).write_bytes(bytes(2_000_000))
    status = stage.read()
    assert status.bit_rate == 2_000_000.0
    assert status.last_segment_at == NOW - 12


@pytest.mark.parametrize("duration", [10.0, 0.0], ids=["file gone", "no length"])
def test_an_unknown_bit_rate_is_none(stage: Stage, duration: float) -> None:
    window = LiveWindow(10, (LiveSegment(8, NOW - 20, duration),))
    files.replace_text(stage.layout.live_playlist, render_live(window, BERLIN))
    if not duration:
        stage.layout.live_segment(8).write_bytes(bytes(1000))
    assert stage.read().bit_rate is None


def test_the_live_window_may_be_elsewhere(tmp_path: Path) -> None:
    settings = Settings(storage=tmp_path / "hls", live_path=tmp_path / "ram")
    layout = CameraLayout(settings.storage, "cam1", settings.live_path)
    layout.live.mkdir(parents=True)
    window = LiveWindow(10, (LiveSegment(8, NOW - 20, 10.0),))
    files.replace_text(layout.live_playlist, render_live(window, BERLIN))
    assert StatusReader(settings, BERLIN).read_one(CAMERA, NOW).last_segment_at == NOW - 10


def segment(minute: int, start: float, duration: float = 60.0) -> SegmentEntry:
    return SegmentEntry(f"11/{minute:02d}.ts", start, duration, 1, "ab" * 32, RUN, "000000.ts")


def test_what_was_recorded_today_is_counted_and_grows(stage: Stage) -> None:
    for day, minutes in ((TODAY, 3), ("2026-11-22", 5)):
        stage.layout.day(day).mkdir(parents=True)
        for minute in range(minutes):
            Journal(stage.layout.journal(day)).append(segment(minute, NOW - 3600 + 60 * minute), BERLIN)
    journal = Journal(stage.layout.journal(TODAY))
    journal.append(GapEntry(NOW - 300, 100.0, "silent"), BERLIN)
    assert stage.read().recorded_today == 180.0
    journal.append(segment(30, NOW - 120, 59.5), BERLIN)
    assert stage.read().recorded_today == 239.5


def test_a_new_day_begins_at_local_midnight(stage: Stage) -> None:
    stage.layout.day(TODAY).mkdir(parents=True)
    Journal(stage.layout.journal(TODAY)).append(segment(0, NOW), BERLIN)
    midnight = parse_instant("2026-11-24T00:00:00+01:00")
    assert stage.read(now=midnight - 0.001).recorded_today == 60.0
    assert stage.read(now=midnight).recorded_today == 0.0


def test_a_bug_or_damage_of_one_camera_does_not_hide_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = status_module.parse_live

    def damaged(text: str) -> Optional[LiveWindow]:
        if text == "damaged":
            raise RecursionError("too deep")
        return real(text)

    monkeypatch.setattr(status_module, "parse_live", damaged)
    other = replace(CAMERA, id="cam2")
    stage.show(RUNNING)
    CameraLayout(stage.settings.storage, "cam2").live.mkdir(parents=True)
    CameraLayout(stage.settings.storage, "cam2").live_playlist.write_text("damaged")
    fine, bad = stage.reader.read([CAMERA, other], NOW)
    assert fine.reason.startswith("no supervisor is running")
    assert (bad.state, bad.reason) == (
        State.STOPPED,
        "its files are damaged (RecursionError); the log of cctv says where",
    )
    assert "cam2: its files cannot be read" in caplog.text


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e15])
def test_a_value_that_cannot_be_shown_counts_as_damage(
    stage: Stage, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = LiveWindow(10, (LiveSegment(0, value, 10.0),))
    monkeypatch.setattr(status_module, "parse_live", lambda text: window)
    assert stage.read().reason.startswith("its files are damaged")
