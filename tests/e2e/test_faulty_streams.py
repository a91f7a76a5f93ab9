"""Cameras with faulty streams: a recording with true times, or a state with a reason, but never an unexplained hole."""

from __future__ import annotations

import math
import shlex
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.files import read_json
from cctv_cli.core.recording.state import State
from tests.e2e.site import FPS, IN_TRANSIT, SETTLED, MakeClip, Site, sent
from tests.support.evidence import assert_explained, assert_times_true, assert_whole, gaps, recorded_frames, segments
from tests.support.rtsp_camera import RtspCamera
from tests.support.waiting import PATIENCE, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("no_process_left")]

PAUSE = 3  # seconds


def reason(site: Site) -> str:
    return str(read_json(site.layout.state_file).get("reason"))


def wait_reason(site: Site, words: str) -> None:
    wait_for(lambda: words in reason(site), f"the reason {words!r}")


def plays(ffmpeg: Ffmpeg, site: Site) -> str:
    """FFmpeg's complaints when it plays every recording."""
    complaints = ""
    for day, entry in segments(site.layout):
        argv = [ffmpeg.path, "-v", "error", "-i", str(site.layout.day(day) / entry.file), "-f", "null", "-"]
        complaints += subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stderr
    # FFmpeg must guess the times of a run's first frames, and then finds two equal ones
    return "".join(line for line in complaints.splitlines(True) if "non monotonically increasing dts" not in line)


def test_a_clock_that_steps_while_video_is_transcoded_costs_nothing(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip
) -> None:
    with RtspCamera(clip_of(audio="pcmu")) as camera:
        site = Site(tmp_path, ffmpeg, camera, transcode=True)
        site.supervisor.start()
        for step, recorded in ((-5.0, 2), (10.0, SETTLED)):
            site.wait_recordings(recorded, 2 * PATIENCE)
            camera.step_clock(step)
        site.wait_recordings(len(segments(site.layout)) + 2)
        until = site.stop()
        recorded = segments(site.layout)
        first, last = recorded[0][1], recorded[-1][1]
        assert len({entry.run for _, entry in recorded}) == 1
        assert not gaps(site.layout)
        assert last.end - first.start == pytest.approx(sum(entry.plays for _, entry in recorded), abs=0.5)
        assert last.end == pytest.approx(until, abs=1)


def test_a_step_ahead_at_the_start_of_a_run_may_be_lost_frames_and_ends_it(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip
) -> None:
    with RtspCamera(clip_of()) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(1)
        pid = site.pid()
        camera.step_clock(10.0)
        site.wait_new_pid(pid)
        site.wait_recordings(len(segments(site.layout)) + 2)
        until = site.stop()
        assert max(entry.end for _, entry in segments(site.layout)) < until + 1
        assert_explained(site.layout, until)


@pytest.mark.parametrize("step", [10.0, -3600.0])
def test_a_clock_that_steps_in_a_pause_leaves_the_pause(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, step: float
) -> None:
    with RtspCamera(clip_of()) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(SETTLED, 2 * PATIENCE)
        camera.hang()
        ends = time.monotonic() + PAUSE
        wait_for(lambda: time.monotonic() >= ends, "the end of the pause")
        camera.step_clock(step)
        camera.resume()
        site.wait_recordings(len(segments(site.layout)) + 3)
        until = site.stop()
        assert_whole(site.layout, sent(camera, until))
        frames = recorded_frames(site.layout)
        assert max(abs(frame.at - camera.started_at - frame.number / FPS) for frame in frames) < 1
        assert len({frame.run for frame in frames}) == 1
        sent_at = [frame.sent_at for frame in camera.ledger]
        pause = max(after - before for before, after in zip(sent_at, sent_at[1:]))
        assert sum(gap.duration for gap in gaps(site.layout)) == pytest.approx(pause, abs=0.5)
        assert_explained(site.layout, until)


def test_timestamps_that_wrap_at_32_bits(tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip) -> None:
    with RtspCamera(clip_of(audio=None), rtp_offset=(1 << 32) - 90_000 * 8) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(4)
        until = site.stop()
        assert_whole(site.layout, sent(camera, until))
        assert_times_true(site.layout, camera)
        assert len({entry.run for _, entry in segments(site.layout)}) == 1


def test_a_trickle_is_shown_until_it_ends(tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip) -> None:
    with RtspCamera(clip_of(audio=None)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(1)
        camera.trickle(True)
        wait_for(lambda: "late" in reason(site) or site.state() in ("stalled", "backoff"), "the trickle to be shown")
        camera.trickle(False)
        wait_reason(site, "recording")
        wait_for(lambda: reason(site) == "recording", "normal recording")
        until = site.stop()
        assert_explained(site.layout, until)


@pytest.mark.parametrize("audio", [None, "pcmu"])
def test_a_camera_without_key_frames_is_shown(tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, audio: str) -> None:
    with RtspCamera(clip_of(audio=audio)) as camera:
        camera.withhold_keys(True)
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_shown(State.STARTING, "no key frame")
        camera.withhold_keys(False)
        site.wait_state(State.RUNNING)
        site.stop()


@pytest.mark.parametrize("video", ["h264", "hevc"])
def test_rare_key_frames_are_recorded_and_shown(tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, video: str) -> None:
    clip = clip_of(video=video, audio=None, gop=180 * 25, seconds=180, size="64x64", bit_rate="64k")
    with RtspCamera(clip, key_on_play=True) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        wait_reason(site, "key frames are rare")
        assert site.state() == "running"
        killed_at = time.time()
        site.kill_ffmpeg()
        site.wait_recordings(1)
        recorded = {frame.number for frame in recorded_frames(site.layout)}
        lost = {f.number for f in camera.ledger if f.sent_at < killed_at} - recorded
        assert len(lost) < FPS
        site.stop()


@pytest.mark.parametrize("video", ["h264", "hevc"])
def test_b_frames(tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, video: str) -> None:
    with RtspCamera(clip_of(video=video, audio=None, bframes=True)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(3)
        until = site.stop()
        # the first FFmpeg for H.264 with B-frames fails, and the second gets another option
        tries = sorted({frame.session for frame in camera.ledger})
        assert len(tries) <= (2 if video == "h264" else 1)
        kept = {frame.number for frame in camera.ledger if frame.session == tries[-1]}
        assert_whole(site.layout, [number for number in sent(camera, until - 0.5) if number in kept])
        assert_times_true(site.layout, camera, guessed=4)
        assert_explained(site.layout, until)
        assert plays(ffmpeg, site) == ""


@pytest.mark.parametrize("what", ["payload", "framing"])
def test_garbage_for_a_while(tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, what: str) -> None:
    with RtspCamera(clip_of()) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(1)
        camera.garble(what)
        camera.wait_for(lambda: camera.garbled > 50 or not camera.sessions)
        camera.garble(None)
        before = len(segments(site.layout))
        site.wait_recordings(before + 2)
        site.wait_state(State.RUNNING)
        until = site.stop()
        assert_explained(site.layout, until)
        assert len(segments(site.layout)) < 12


@pytest.mark.parametrize("audio", ["pcmu", "aac"])
def test_sound_that_comes_and_goes(tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, audio: str) -> None:
    with RtspCamera(clip_of(audio=audio)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(1)
        for pause in (True, False):
            camera.pause_sound(pause)
            before = len(segments(site.layout))
            site.wait_recordings(before + 2)
        until = site.stop()
        assert_whole(site.layout, sent(camera, until))
        assert_times_true(site.layout, camera)
        assert len({entry.run for _, entry in segments(site.layout)}) == 1


@pytest.mark.parametrize("video", ["h264", "hevc"])
def test_another_resolution_in_mid_stream(tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, video: str) -> None:
    with RtspCamera(clip_of(video=video, audio=None)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(1)
        camera.switch_clip(clip_of(video=video, audio=None, size="160x120"))
        before = len(segments(site.layout))
        site.wait_recordings(before + 3)
        runs = 2 if video == "hevc" else 1  # H.265 needs a new run
        wait_for(lambda: len({entry.run for _, entry in segments(site.layout)}) == runs, "a recording of the new run")
        until = site.stop()
        recorded = {frame.number for frame in recorded_frames(site.layout)}
        assert len(set(sent(camera, until)) - recorded) <= IN_TRANSIT * FPS
        # the next run may begin before a gap counts
        assert {gap.cause for gap in gaps(site.layout)} <= ({"picture changed"} if video == "hevc" else set())
        assert len({entry.run for _, entry in segments(site.layout)}) == runs
        assert_explained(site.layout, until)
        assert plays(ffmpeg, site) == ""


def test_another_codec_begins_a_new_run_in_the_right_format(
    tmp_path: Path,
    ffmpeg: Ffmpeg,
    clip_of: MakeClip,
) -> None:
    with RtspCamera(clip_of(audio=None)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        for video, suffix in (("hevc", ".mp4"), ("h264", ".ts")):
            site.wait_recordings(len(segments(site.layout)) + 1)
            camera.switch_clip(clip_of(video=video, audio=None))
            wait_for(lambda s=suffix: segments(site.layout)[-1][1].file.endswith(s), f"a recording in {suffix}")
        until = site.stop()
        assert "codec changed" in {gap.cause for gap in gaps(site.layout)}
        assert_explained(site.layout, until)
        assert plays(ffmpeg, site) == ""


@pytest.mark.parametrize("video", ["h264", "hevc"])
def test_media_time_that_wraps_at_33_bits(tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, video: str) -> None:
    # a run of 26.5 h is too long for a test, so this one begins 6 s before the wrap
    script = tmp_path / "ffmpeg"
    script.write_text(
        "#!/bin/bash\n"
        'for word in "$@"; do [ "$word" = -max_interleave_delta ] && words+=(-output_ts_offset 95437.7); '
        'words+=("$word"); done\n'
        f'exec {shlex.quote(ffmpeg.path)} "${{words[@]}}"\n'
    )
    script.chmod(0o755)
    with RtspCamera(clip_of(video=video)) as camera:
        site = Site(tmp_path / "hls", replace(ffmpeg, path=str(script)), camera, rotate_after=math.inf)
        site.supervisor.start()
        site.wait_recordings(5)
        until = site.stop()
        assert_whole(site.layout, sent(camera, until))
        assert_times_true(site.layout, camera)
        assert_explained(site.layout, until)
        assert len({entry.run for _, entry in segments(site.layout)}) == 1
        before, after = recorded_frames(site.layout)[0].pts, recorded_frames(site.layout)[-1].pts
        assert (after < before) == (video == "h264")  # MP4 has 64-bit times
