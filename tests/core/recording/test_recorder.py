"""What a recorder writes into `.state.json` from try to try. No camera is reached: end-to-end tests do that."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import pytest

from cctv_cli.core import files
from cctv_cli.core.config.settings import Camera, DemoSource, RtspSource, Settings
from cctv_cli.core.ffmpeg import process as processes
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.layout import CameraLayout, login_files
from cctv_cli.core.recording import desired
from cctv_cli.core.recording.recorder import Recorder
from cctv_cli.core.recording.state import Run, State, to_json
from cctv_cli.core.recording.tools import Tools
from cctv_cli.core.rtsp.login_guard import LoginGuard
from cctv_cli.core.rtsp.result import Outcome, ProbeResult
from cctv_cli.core.rtsp.sdp import VideoStream
from cctv_cli.core.storage.commit import RecordingStore
from cctv_cli.core.units import Secret
from tests.support.evidence import gaps
from tests.support.media import Media
from tests.support.storage_tree import CameraTree, FixedClock
from tests.support.waiting import HANG

CAMERA = Camera("cam1", "Gate", RtspSource("192.168.1.100", 554, "/101"))


def test_a_failure_is_shown_during_further_tries_until_an_operator_stops_the_camera(tmp_path: Path) -> None:
    layout, clock = CameraLayout(tmp_path, "cam1"), FixedClock(1_800_000_000.0)
    while_asking: List[Dict[str, Any]] = []

    def probe(source: RtspSource, *, setup: Optional[bool] = None, audio: bool = True) -> ProbeResult:
        while_asking.append(files.read_json(layout.state_file))
        return ProbeResult(Outcome.REFUSED, "It refuses the connection.")

    tools = Tools(Ffmpeg("ffmpeg", "9.0", 9, frozenset()), None, clock, probe=probe)
    recorder = Recorder(CAMERA, Settings(storage=tmp_path, cameras=(CAMERA,)), tools, lambda: None)
    for _ in range(3):
        clock.advance(recorder.run_once())
    assert [state["state"] for state in while_asking] == ["starting", "backoff", "backoff"]
    assert [state["failure"] for state in while_asking] == ["", *["It refuses the connection"] * 2]
    state = files.read_json(layout.state_file)
    assert (state["state"], state["failure"]) == ("backoff", "It refuses the connection")
    layout.stopped_file.touch()
    recorder.run_once()
    state = files.read_json(layout.state_file)
    assert (state["state"], state["failure"]) == ("stopped", "")


def test_a_restart_tries_a_refused_login_once_more_at_once(tmp_path: Path) -> None:
    layout, clock = CameraLayout(tmp_path, "cam1"), FixedClock(1_800_000_000.0)
    source = RtspSource("192.168.1.100", 554, "/101", "admin", Secret("wrong"))
    camera = Camera("cam1", "Gate", source)
    logins, asked = LoginGuard(*login_files(tmp_path), clock), []

    def probe(source: RtspSource, *, setup: Optional[bool] = None, audio: bool = True) -> ProbeResult:
        asked.append(clock.now())
        logins.refused(source)
        return ProbeResult(Outcome.UNAUTHORIZED, "It refuses.", retry_at=logins.standing(source).silent_until)

    tools = Tools(Ffmpeg("ffmpeg", "9.0", 9, frozenset()), None, clock, probe=probe, logins=logins)
    recorder = Recorder(camera, Settings(storage=tmp_path, cameras=(camera,)), tools, lambda: None)
    for _ in range(3):
        recorder.run_once()
    assert len(asked) == 1
    desired.restart(layout)
    for _ in range(3):
        recorder.run_once()
    assert len(asked) == 2
    assert not layout.restart_file.exists()
    assert files.read_json(layout.state_file)["state"] == "auth_failed"


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for FFmpeg is a shell script")
def test_a_full_disk_stays_the_cause_however_long_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\necho '[error] av_interleaved_write_frame(): No space left on device' >&2\nexit 228\n")
    script.chmod(0o755)
    camera = Camera("cam1", "Gate", DemoSource(tone=False))
    layout, clock, ended = CameraLayout(tmp_path, "cam1"), FixedClock(1_800_000_000.0), threading.Event()
    tools = Tools(Ffmpeg(str(script), "9.0", 9, frozenset({"libx264"})), None, clock)
    recorder = Recorder(camera, Settings(storage=tmp_path, cameras=(camera,)), tools, ended.set)
    recorder.run_once()
    assert ended.wait(HANG)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "replace_text", full)
        for _ in range(4):
            clock.advance(recorder.run_once())
    assert files.read_json(layout.state_file)["cause"] == "storage"
    recorder.run_once()
    assert files.read_json(layout.run_file)["cause"] == "disk full"
    recorder.release(leave_running=False)


def test_a_changed_codec_does_not_explain_why_a_camera_was_unreachable(tmp_path: Path) -> None:
    settings = Settings(storage=tmp_path, cameras=(CAMERA,))
    tree = CameraTree(settings, "cam1")
    end = tree.record("2027-01-15T09:00:00+00:00", 60.0).end
    files.replace_text(tree.layout.run_file, to_json(Run("00c0ffee00c0ffee", "", end - 60.0, 0, codec="h264")))
    tree.show(State.BACKOFF, "It cannot be reached", since=end, cause="unreachable")
    tree.leave()
    found = ProbeResult(Outcome.OK, "It sends hevc video.", video=VideoStream("hevc"))
    tools = Tools(
        Ffmpeg("no-ffmpeg", "9.0", 9, frozenset()), None, FixedClock(end + 1200.0), probe=lambda *_, **__: found
    )
    recorder = Recorder(CAMERA, settings, tools, lambda: None)
    recorder.run_once()
    recorder.release(leave_running=False)
    assert [(gap.start, gap.end, gap.cause) for gap in gaps(tree.layout)] == [(end, end + 1200.0, "unreachable")]


def test_why_nothing_was_recorded_outlives_a_process_that_could_not_journal_it(
    tmp_path: Path, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, clock = Settings(storage=tmp_path, cameras=(CAMERA,)), FixedClock(1_800_000_000.0)
    layout = CameraLayout(tmp_path, "cam1")
    file = layout.incoming_file("0123456789abcdef", 0)  # left by a crash ten minutes ago
    file.parent.mkdir(parents=True)
    shutil.copy(media.run[0], file)
    os.utime(file, (clock.now() - 600,) * 2)
    refused = ProbeResult(Outcome.REFUSED, "It refuses the connection.")
    tools = Tools(Ffmpeg("ffmpeg", "9.0", 9, frozenset()), None, clock, probe=lambda *_, **__: refused)

    def process() -> None:
        recorder = Recorder(CAMERA, settings, tools, lambda: None)
        recorder.run_once()
        clock.advance(60)
        recorder.run_once()
        recorder.release(leave_running=False)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(RecordingStore, "commit", full)
        process()
    assert gaps(layout) == []
    clock.advance(30)
    process()
    assert [(gap.cause, round(gap.duration)) for gap in gaps(layout)] == [
        ("unsupervised", 600),
        ("refused", 60),
        ("shut down", 30),
        ("refused", 60),
    ]
    assert not layout.waiting_gaps.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for FFmpeg is a shell script")
def test_a_stderr_reader_that_ends_late_does_not_delay_polls_of_the_next_ffmpeg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\nexec sleep 600\n")
    script.chmod(0o755)
    camera = Camera("cam1", "Gate", DemoSource(tone=False))
    tools = Tools(Ffmpeg(str(script), "9.0", 9, frozenset({"libx264"})), None, FixedClock(1_800_000_000.0))
    recorder = Recorder(camera, Settings(storage=tmp_path, cameras=(camera,)), tools, lambda: None)
    ended: List[Callable[[], None]] = []
    waits: List[float] = []
    real_spawn, real_wait = processes.spawn, processes.OwnProcess.wait

    def spawn(*args: Any) -> processes.OwnProcess:
        ended.append(args[-1])
        return real_spawn(*args)

    def wait(process: processes.OwnProcess, timeout: float) -> bool:
        waits.append(timeout)
        return real_wait(process, timeout)

    monkeypatch.setattr(processes, "spawn", spawn)
    recorder.run_once()
    desired.restart(CameraLayout(tmp_path, "cam1"))
    while len(ended) < 2:
        recorder.run_once()
    ended[0]()  # something held the standard error of the first one open
    monkeypatch.setattr(processes.OwnProcess, "wait", wait)
    for _ in range(3):
        recorder.run_once()
    assert waits == []
    ended[1]()
    for _ in range(3):
        recorder.run_once()
    assert waits == [1.0], "an FFmpeg that closed it and keeps running is waited for once"
    recorder.release(leave_running=False)
