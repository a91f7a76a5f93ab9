"""Recording a real RTSP session with real FFmpeg: every frame once, at its true time, even after kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Iterator, List

import psutil
import pytest

from cctv_cli.core.clock import SystemClock
from cctv_cli.core.config.rtsp_url import parse_rtsp_url
from cctv_cli.core.config.settings import Camera, Settings
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.files import read_json, read_text
from cctv_cli.core.hls.playlist import parse_live
from cctv_cli.core.layout import CameraLayout, login_files
from cctv_cli.core.recording.run import ActiveRun
from cctv_cli.core.recording.state import State
from cctv_cli.core.recording.supervisor import Supervisor
from cctv_cli.core.recording.tools import Tools
from cctv_cli.core.rtsp.login_guard import LoginGuard
from cctv_cli.core.storage.commit import RecordingStore
from cctv_cli.core.storage.entries import SegmentEntry
from tests.e2e.site import AAC, CUT, PASSWORD, MakeClip, Site, sent
from tests.support.evidence import (
    assert_explained,
    assert_times_true,
    assert_whole,
    gaps,
    recorded_frames,
    segments,
)
from tests.support.media import make_video
from tests.support.rtsp_camera import RtspCamera
from tests.support.ts_frames import audio_stream_type, continuity_errors, read_frames
from tests.support.waiting import end_of, wait_for

pytestmark = pytest.mark.e2e

RESUMES = 25.0  # seconds: the third back-off takes 4, the longest 30

Supervise = Callable[[RtspCamera], "subprocess.Popen[bytes]"]


@pytest.fixture
def supervise(tmp_path: Path, ffmpeg: Ffmpeg, no_process_left: None) -> Iterator[Supervise]:
    """Starts supervisors of `tmp_path`, each in a process that ends with the test. A failed test shows their logs."""
    started: List[subprocess.Popen[bytes]] = []

    def start(camera: RtspCamera) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "tests.support.supervise", ffmpeg.path, str(tmp_path), camera.login_url, str(CUT)]
        started.append(subprocess.Popen(argv, cwd=Path(__file__).parents[2], stdin=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"audio": "pcmu"}, id="g711"),
        pytest.param({"audio": None, "sps_fps": 12}, id="silent-and-wrong-sps"),
        pytest.param({"audio": "aac"}, id="aac"),
        pytest.param({"audio": "pcmu", "fps": 8, "gop": 8}, id="few-frames"),
    ],
)
def test_every_frame_once_at_its_true_time(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, options: dict, no_process_left: None
) -> None:
    with RtspCamera(clip_of(**options), username="admin", password=PASSWORD) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(3)
        live = parse_live(read_text(site.layout.live_playlist) or "")
        stopped_at = site.stop()
        assert site.state() == "stopped"
        assert_whole(site.layout, sent(camera, stopped_at))
        assert_times_true(site.layout, camera)
        assert_explained(site.layout, stopped_at)
        assert live is not None
        assert len(live.segments) >= 2
        files = [site.layout.day(day) / entry.file for day, entry in segments(site.layout)]
        assert continuity_errors(*files) == []
        if options["audio"]:
            assert {audio_stream_type(path) for path in files} == {AAC}
            assert {audio_stream_type(path) for path in site.layout.live.glob("*.ts")} == {AAC}
        assert camera.refused_attempts == 0
        assert max(len(c.methods) for c in camera.connections) > 1


def test_sound_that_ffmpeg_does_not_support_costs_no_frame(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    clip = clip_of(audio="pcmu")
    assert clip.audio is not None
    # G.722.1, which Hikvision offers besides G.711
    other = replace(clip.audio, encoding="G7221/16000", payload_type=98, fmtp="bitrate=32000")
    with RtspCamera(replace(clip, audio=other)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(2)
        reason = read_json(site.layout.state_file)["reason"]
        stopped_at = site.stop()
        assert "cannot read g7221" in reason
        assert_whole(site.layout, sent(camera, stopped_at))
        assert_times_true(site.layout, camera)
        assert gaps(site.layout) == []


def test_three_ffmpegs_in_one_minute_lose_only_the_outages(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    with RtspCamera(clip_of(audio=None)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        outages = []
        for _ in range(3):
            site.wait_state(State.RUNNING)
            killed_at = time.time()
            old = site.kill_ffmpeg()
            site.wait_new_pid(old)
            site.wait_state(State.RUNNING)
            outages.append(killed_at)
        stopped_at = site.stop()
        frames = recorded_frames(site.layout)
        numbers = [frame.number for frame in frames]
        assert numbers == sorted(set(numbers))
        assert_times_true(site.layout, camera)
        assert_explained(site.layout, stopped_at)
        runs = [[f for f in frames if f.run == run] for run in dict.fromkeys(f.run for f in frames)]
        assert len(runs) == 4
        for killed_at, before, after in zip(outages, runs, runs[1:]):
            assert killed_at - before[-1].at < 1.0, "more than a second of media that had arrived is lost"
            assert after[0].at - killed_at < RESUMES, "recording did not resume in time"
        for run in runs:
            assert [f.number for f in run] == list(range(run[0].number, run[-1].number + 1))
        assert [gap.cause for gap in gaps(site.layout)] == ["killed"] * 3
        assert_discontinuities(site.layout, 4)


def assert_discontinuities(layout: CameraLayout, runs: int) -> None:
    """Hour and live playlists mark every new run once; the hour names every file."""
    playlists = sorted(layout.recordings.glob("*/*/playlist.m3u8"))
    text = "".join(path.read_text() for path in playlists)
    named = [line for line in text.splitlines() if line.endswith(".ts")]
    assert sorted(named) == sorted(path.name for path in layout.recordings.glob("*/*/*.ts"))
    assert text.count("#EXT-X-DISCONTINUITY\n") <= runs - 1
    live = parse_live(layout.live_playlist.read_text())
    assert live is not None
    assert live.discontinuity_sequence + sum(s.discontinuity for s in live.segments) == runs - 1
    assert [s.number for s in live.segments] == list(range(live.segments[0].number, live.next_number))


def test_killed_supervisor_costs_no_frame(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, supervise: Supervise
) -> None:
    with RtspCamera(clip_of(audio="pcmu"), username="admin", password=PASSWORD) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        first = supervise(camera)
        site.wait_recordings(1)
        pid = site.pid()
        first.kill()
        first.wait()
        boundary = len(list(site.layout.run_folder(read_json(site.layout.run_file)["run"]).glob("*.ts")))
        wait_for(
            lambda: len(list(site.layout.incoming.glob("*/*.ts"))) > boundary,
            "a recording to be cut while no supervisor runs",
        )
        second = supervise(camera)
        site.wait_recordings(3)
        assert site.pid() == pid
        assert psutil.pid_exists(pid)
        stopped_at = time.time()
        second.send_signal(signal.SIGTERM)
        assert end_of(second) == 0
        assert len(camera.connections) == len([c for c in camera.connections if "DESCRIBE" in c.methods])
        assert_whole(site.layout, sent(camera, stopped_at))
        assert_times_true(site.layout, camera)
        assert gaps(site.layout) == []


def test_upgrade_signal_leaves_recorders_running(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, supervise: Supervise
) -> None:
    with RtspCamera(clip_of(audio=None)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        first = supervise(camera)
        site.wait_state(State.RUNNING)
        pid = site.pid()
        first.send_signal(signal.SIGUSR1)
        assert end_of(first) == 0
        assert psutil.pid_exists(pid)
        site.supervisor.start()
        site.wait_recordings(2)
        assert site.pid() == pid
        stopped_at = site.stop()
        assert_whole(site.layout, sent(camera, stopped_at))
        assert gaps(site.layout) == []


def test_an_adopted_recorder_does_not_prove_its_login_again(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, supervise: Supervise
) -> None:
    with RtspCamera(clip_of(audio=None), username="admin", password=PASSWORD) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        first = supervise(camera)
        site.wait_state(State.RUNNING)
        pid = site.pid()
        first.send_signal(signal.SIGUSR1)
        assert end_of(first) == 0
        site.layout.state_file.unlink()
        source, logins = parse_rtsp_url(camera.login_url), LoginGuard(*login_files(tmp_path), SystemClock())
        logins.refused(source)  # like another channel's
        tools = Tools(ffmpeg, None, SystemClock(), logins=logins, recording_seconds=CUT)
        second = Supervisor(site.settings, tools, whole=True)
        second.start()
        site.wait_state(State.RUNNING)
        assert site.pid() == pid
        second.stop(leave_running=False)
        assert logins.standing(source).refused_at is not None


def test_a_camera_with_an_empty_password(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    with RtspCamera(clip_of(audio=None), username="admin", password="") as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_state(State.RUNNING)
        site.stop()
        assert camera.refusals == []


def test_everything_killed_at_once_loses_less_than_a_second(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, supervise: Supervise
) -> None:
    with RtspCamera(clip_of(audio=None, bit_rate="256k")) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        first = supervise(camera)
        site.wait_recordings(1)
        killed_at = time.time()
        first.kill()
        first.wait()
        site.kill_ffmpeg()
        second = supervise(camera)  # starts later than the shortest gap
        site.wait_recordings(3)
        stopped_at = time.time()
        second.send_signal(signal.SIGTERM)
        assert end_of(second) == 0
        before = [f for f in recorded_frames(site.layout) if f.at < killed_at]
        assert killed_at - before[-1].at < 1.0
        assert [gap.cause for gap in gaps(site.layout)] == ["unsupervised"]
        assert_times_true(site.layout, camera)
        assert_explained(site.layout, stopped_at)


def test_transcoded_and_with_its_live_window_elsewhere(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    with RtspCamera(clip_of(audio="pcmu", sps_fps=12, fps=8, gop=8)) as camera:
        settings = Settings(
            cameras=(Camera("cam1", "Camera 1", parse_rtsp_url(camera.url), transcode=True),),
            storage=tmp_path / "my storage",
            live_path=tmp_path / "ram 50% d'isk|x",
            segment_duration=2,
        )
        layout = CameraLayout(settings.storage, "cam1", settings.live_path)
        supervisor = Supervisor(settings, Tools(ffmpeg, None, SystemClock(), recording_seconds=CUT), whole=True)
        supervisor.start()
        wait_for(lambda: len(segments(layout)) >= 2, "two recordings")
        supervisor.stop(leave_running=False)
        live = parse_live(layout.live_playlist.read_text())
        assert live is not None
        assert all(layout.live_segment(segment.number).is_file() for segment in live.segments)
        first = camera.ledger[0]
        assert abs(segments(layout)[0][1].start - (camera.started_at + camera.taken_at(first.number))) <= 0.5
        steps = set()
        for day, entry in segments(layout):
            frames = read_frames(layout.day(day) / entry.file)
            assert frames[0].key
            steps |= {after.pts - before.pts for before, after in zip(frames[2:], frames[3:])}
        assert steps == {90_000 // 8}


def test_files_that_a_crash_left_wait_until_the_camera_is_recorded(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, monkeypatch: pytest.MonkeyPatch, no_process_left: None
) -> None:
    with RtspCamera(clip_of(audio=None)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        left = site.layout.run_folder("0123456789abcdef")
        left.mkdir(parents=True)
        for number in range(5):
            path = make_video(ffmpeg, site.layout.incoming_file(left.name, number), 1)
            os.utime(path, (camera.started_at - 3600 + number,) * 2)
        recorded_by: List[int] = []
        commit = RecordingStore.commit

        def watched(store: RecordingStore, *args: Any, **options: Any) -> SegmentEntry:
            recorded_by.append(site.pid())
            return commit(store, *args, **options)

        monkeypatch.setattr(RecordingStore, "commit", watched)
        site.supervisor.start()
        site.wait_recordings(7)
        site.stop()
        assert all(recorded_by[:5])
        runs = [entry.run for _, entry in segments(site.layout)]
        assert runs[:5] == [left.name] * 5
        assert {gap.cause for gap in gaps(site.layout) if gap.duration > 60} == {"unsupervised"}
        assert not left.exists()


def test_recordings_wait_for_a_storage_that_cannot_be_written_and_nothing_is_lost(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    with RtspCamera(clip_of(audio=None)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        wait_for(site.layout.state_file.exists, "a state")
        site.layout.recordings.write_text("")  # no day's folder can be made
        wait_for(lambda: "recordings wait" in read_json(site.layout.state_file)["reason"], "the reason")
        assert site.state() == "running"
        folder = site.layout.run_folder(read_json(site.layout.run_file)["run"])
        wait_for(lambda: len(list(folder.glob("*.ts"))) > 2, "two files that wait")
        site.layout.recordings.unlink()
        site.wait_recordings(3)
        wait_for(lambda: read_json(site.layout.state_file)["reason"] == "recording", "normal recording")
        stopped_at = site.stop()
        assert_whole(site.layout, sent(camera, stopped_at))
        assert_times_true(site.layout, camera)
        assert gaps(site.layout) == []


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        pytest.param(lambda camera: camera.refuse(True), "refused", id="refuses"),
        pytest.param(lambda camera: camera.answer(404), "not found", id="404"),
        pytest.param(lambda camera: camera.answer(453), "busy", id="453"),
    ],
)
def test_a_camera_that_goes_away_has_its_cause_and_comes_back(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, fault: Callable[[RtspCamera], None], cause: str
) -> None:
    with RtspCamera(clip_of(audio=None)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_state(State.RUNNING)
        fault(camera)
        camera.drop()
        wait_for(lambda: read_json(site.layout.state_file).get("cause") == cause, f"the cause {cause}")
        camera.refuse(False)
        camera.answer(None)
        site.wait_state(State.RUNNING)
        stopped_at = site.stop()
        assert cause in [gap.cause for gap in gaps(site.layout)] + [read_json(site.layout.state_file)["cause"]]
        assert_explained(site.layout, stopped_at)


def test_a_refused_password_is_tried_once(tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip) -> None:
    with RtspCamera(clip_of(audio=None), username="admin", password=PASSWORD) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        camera_url = camera.login_url.replace("admin", "wrong")
        settings = Settings(
            cameras=(Camera("cam1", "Camera 1", parse_rtsp_url(camera_url)),), storage=tmp_path, segment_duration=2
        )
        supervisor = Supervisor(settings, Tools(ffmpeg, None, SystemClock()), whole=True)
        supervisor.start()
        site.wait_state(State.AUTH_FAILED)
        supervisor.stop(leave_running=False)
        assert camera.refused_attempts == 1


def test_an_unexpected_error_leaves_one_ffmpeg(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, monkeypatch: pytest.MonkeyPatch, no_process_left: None
) -> None:
    errors = iter([True, True])
    real = ActiveRun.poll

    def poll(run: ActiveRun, *args: Any, **options: Any) -> None:
        if next(errors, False):
            raise RuntimeError("a bug")
        real(run, *args, **options)

    monkeypatch.setattr(ActiveRun, "poll", poll)
    with RtspCamera(clip_of(audio=None)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_state(State.RUNNING)
        assert len(camera.connections) == 2, "one probe and one FFmpeg, adopted after each error"
        stopped_at = site.stop()
        assert_whole(site.layout, sent(camera, stopped_at))
        assert gaps(site.layout) == []


def test_the_password_is_nowhere(tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip) -> None:
    with RtspCamera(clip_of(audio="pcmu"), username="admin", password=PASSWORD) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_state(State.RUNNING)
        process = psutil.Process(site.pid())
        forms = (PASSWORD, camera.login_url.split("@")[0].split("//")[1].split(":", 1)[1])
        shown = " ".join(process.cmdline()) + json.dumps(process.environ())
        assert not [form for form in forms if form in shown]
        assert set(process.environ()) <= {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH"}
        camera.drop()
        camera.answer(404)
        site.wait_state(State.BACKOFF)
        site.stop()
        for path in tmp_path.rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                assert not [form for form in forms if form.encode() in data], path
