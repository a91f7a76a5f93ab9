"""A new FFmpeg takes over from the current one at a key frame: no frame is lost, and none is recorded twice."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Dict, Optional, Sequence

import pytest

from cctv_cli.core.clock import SystemClock
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.files import read_json, read_text
from cctv_cli.core.hls.playlist import LiveSegment, parse_live
from cctv_cli.core.layout import login_files
from cctv_cli.core.recording import desired, handover
from cctv_cli.core.recording.state import State
from cctv_cli.core.recording.supervisor import Supervisor
from cctv_cli.core.recording.tools import Tools
from cctv_cli.core.rtsp.login_guard import LoginGuard
from tests.e2e.side_by_side import (
    assert_nothing_lost,
    assert_once,
    both_record,
    end,
    reload,
    run_file,
    runs,
    successor,
    supervising,
    wait_handed_over,
    why_ended,
)
from tests.e2e.site import CUT, FPS, MakeClip, Site, sent
from tests.support.evidence import assert_explained, assert_times_true, assert_whole, gaps, segments
from tests.support.rtsp_camera import RtspCamera
from tests.support.waiting import wait_for

pytestmark = pytest.mark.e2e

LONGEST_STEP = 2.5  # seconds between live segments of two runs: half of the longest, and what a busy machine adds
SETTLED = 1.0  # seconds of frames that FFmpeg may not have written when it is killed


class Viewer:
    """Reads a camera's live playlist again and again, like a player."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.seen: Dict[int, LiveSegment] = {}  # by their media sequence numbers

    def look(self) -> int:
        """Read the playlist once; returns how many segments were seen."""
        window = parse_live(read_text(self._site.layout.live_playlist) or "")
        assert window is not None
        for number, segment in enumerate(window.segments, window.media_sequence):
            assert self.seen.setdefault(number, segment) == segment, "a number names one segment for good"
        return len(self.seen)

    def assert_one_discontinuity(self) -> None:
        """Every segment was seen, and one of them breaks with the one before."""
        ordered = [self.seen[number] for number in sorted(self.seen)]
        assert sorted(self.seen) == list(range(min(self.seen), max(self.seen) + 1))
        assert sum(segment.discontinuity for segment in ordered) == 1
        for before, after in zip(ordered, ordered[1:]):
            step = abs(after.start - before.end)
            assert step < (LONGEST_STEP if after.discontinuity else 0.1), f"{step:.3f} s between live segments"


@pytest.mark.parametrize("video", ["h264", "hevc"])
@pytest.mark.parametrize("audio", [None, "pcmu", "aac"])
def test_a_reload_loses_no_frame_and_repeats_none(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, video: str, audio: Optional[str], no_process_left: None
) -> None:
    with RtspCamera(clip_of(video=video, audio=audio)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(2)
        first, viewer = run_file(site)["run"], Viewer(site)
        reload(site)
        wait_for(lambda: viewer.look() and run_file(site)["run"] != first, "the end of the handover")
        more = viewer.look() + 3
        wait_for(lambda: viewer.look() >= more, "live segments of the new run")
        viewer.assert_one_discontinuity()
        stopped_at = site.stop()
        assert_whole(site.layout, sent(camera, stopped_at))
        assert_times_true(site.layout, camera)
        assert_explained(site.layout, stopped_at)
        assert gaps(site.layout) == []
        assert len(runs(site)) == 2
        assert read_json(site.layout.state_file)["restarts"] == 0


def test_a_restart_that_was_asked_for_while_nothing_supervised_loses_no_frame_and_is_done_once(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None, caplog: pytest.LogCaptureFixture
) -> None:
    with RtspCamera(clip_of()) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        with supervising(site, ffmpeg, 2):
            site.wait_recordings(1)
        first = run_file(site)["run"]
        desired.restart(site.layout)
        camera.redirect("rtsp://127.0.0.1:1/x")  # a new session would be lost
        site.supervisor.start()
        wait_for(lambda: "records on and is not restarted" in caplog.text, "the refusal")
        wait_for(lambda: not site.layout.restart_file.exists(), "the end of the request")
        assert run_file(site)["run"] == first
        camera.redirect(None)
        desired.restart(site.layout)
        wait_handed_over(site, first)
        wait_for(lambda: why_ended(site) == "an operator restarted the camera", "the reason")
        assert not site.layout.restart_file.exists()
        assert_nothing_lost(site, site.stop(), 2)


def test_a_run_is_replaced_before_its_times_wrap(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    with RtspCamera(clip_of()) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        tools = Tools(ffmpeg, None, SystemClock(), recording_seconds=CUT, rotate_after=2 * CUT)
        site.supervisor = Supervisor(site.settings, tools, whole=True)
        site.supervisor.start()
        wait_for(lambda: len(runs(site)) >= 3, "three runs")
        stopped_at = site.stop()
        assert_whole(site.layout, sent(camera, stopped_at))
        assert_explained(site.layout, stopped_at)
        assert gaps(site.layout) == []


def test_a_stop_while_both_record_ends_both_and_keeps_every_frame_once(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    with RtspCamera(clip_of()) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(1)
        reload(site)
        with both_record(site):
            stopped_at = site.stop()
        assert_whole(site.layout, sent(camera, stopped_at))
        assert_explained(site.layout, stopped_at)
        assert list(site.layout.incoming.iterdir()) == []


@pytest.mark.parametrize("status", [453, 500, 503, 401])
def test_a_camera_with_one_session_is_reloaded_by_a_restart_that_says_why(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, status: int, no_process_left: None
) -> None:
    with RtspCamera(clip_of(), max_sessions=1, sessions_status=status) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        logins = LoginGuard(*login_files(tmp_path), SystemClock())
        tools = Tools(ffmpeg, None, SystemClock(), recording_seconds=CUT, logins=logins)
        site.supervisor = Supervisor(site.settings, tools, whole=True)
        site.supervisor.start()
        reasons = []
        for count in (1, 2):
            site.wait_recordings(2 * count)
            reload(site)
            reasons.append(wait_for(lambda: why_ended(site) not in ("", *reasons) and why_ended(site), "a restart"))
            site.wait_state(State.RUNNING)
        site.wait_recordings(len(segments(site.layout)) + 1)
        stopped_at = site.stop()
        assert_once(site)
        assert_explained(site.layout, stopped_at)
        assert {gap.cause for gap in gaps(site.layout)} <= {"reconfigured"}
        assert reasons[0].startswith("the configuration changed; a second FFmpeg failed: ")
        assert reasons[1] == "the configuration changed", "no second session is asked for again"
        assert not login_files(tmp_path)[0].exists(), "no login counts as refused"


def test_a_camera_that_ends_the_first_session_for_the_second_is_recorded_in_the_second(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    with RtspCamera(clip_of(), max_sessions=1, sessions_status=0) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(2)
        first = run_file(site)["run"]
        reload(site)
        wait_handed_over(site, first)
        site.wait_recordings(len(segments(site.layout)) + 2)
        stopped_at = site.stop()
        assert_explained(site.layout, stopped_at)
        assert len(runs(site)) == 2
        recorded = assert_once(site)
        assert len(set(sent(camera, stopped_at)) - set(recorded)) < 4 * FPS


@pytest.mark.parametrize("video", ["h264", "hevc"])
def test_without_a_common_key_frame_ffmpeg_is_restarted(
    tmp_path: Path,
    ffmpeg: Ffmpeg,
    clip_of: MakeClip,
    monkeypatch: pytest.MonkeyPatch,
    video: str,
    no_process_left: None,
) -> None:
    monkeypatch.setattr(handover, "PATIENCE", 3.0)
    with RtspCamera(clip_of(video=video)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        tools = Tools(ffmpeg, None, SystemClock(), recording_seconds=3600)  # neither run begins a second file
        site.supervisor = Supervisor(site.settings, tools, whole=True)
        site.supervisor.start()
        wait_for(lambda: run_file(site).get("anchor") is not None, "frames")
        reload(site)
        ended = "the configuration changed; a second FFmpeg began no file with the same key frame"
        wait_for(lambda: why_ended(site) == ended, "the end of both")
        site.wait_state(State.RUNNING)
        stopped_at = site.stop()
        assert_once(site)
        assert_explained(site.layout, stopped_at)
        assert {gap.cause for gap in gaps(site.layout)} <= {"reconfigured"}
        assert len(runs(site)) == 2
        assert run_file(site)["alone_since"] is None, "the camera allows two sessions"
        assert list(site.layout.incoming.iterdir()) == []


KILLED = [  # at the same instant
    ("supervisor",),
    ("old",),
    ("new",),
    ("supervisor", "old"),
    ("supervisor", "new"),
    ("old", "new"),
    ("supervisor", "old", "new"),
]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_second_ffmpeg_that_is_killed_is_replaced_and_costs_no_frame(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    with RtspCamera(clip_of()) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(1)
        reload(site)
        with both_record(site) as before:
            os.kill(before["successor"]["pid"], signal.SIGKILL)
            wait_for(lambda: successor(site).get("run") not in (None, before["successor"]["run"]), "another one")
        wait_handed_over(site, before["run"])
        assert run_file(site)["alone_since"] is None
        site.wait_recordings(len(segments(site.layout)) + 1)
        assert_nothing_lost(site, site.stop(), 2)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("killed", KILLED, ids="-".join)
@pytest.mark.parametrize("video", ["h264", "hevc"])
def test_kills_in_a_handover_cost_no_more_than_at_any_other_time(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, killed: Sequence[str], video: str, no_process_left: None
) -> None:
    with RtspCamera(clip_of(video=video)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        with supervising(site, ffmpeg, live=2) as first:
            site.wait_recordings(2)
        assert first.wait() != 0
        with supervising(site, ffmpeg, live=3) as second:
            with both_record(site) as before:
                pids = {"supervisor": second.pid, "old": before["pid"], "new": before["successor"]["pid"]}
                killed_at = time.time()
                for name in killed:
                    os.kill(pids[name], signal.SIGKILL)
            if "supervisor" in killed:
                assert second.wait() == -signal.SIGKILL
            else:
                wait_handed_over(site, before["run"])
        with supervising(site, ffmpeg, live=3) as third:
            wait_handed_over(site, before["run"])
            site.wait_recordings(len(segments(site.layout)) + 2)
            stopped_at = end(third)
        assert_explained(site.layout, stopped_at)
        lost = set(sent(camera, stopped_at)) - set(assert_once(site))
        if "new" not in killed or "old" not in killed:
            assert not lost, f"{len(lost)} frames are lost"
        outages = [(gap.start - SETTLED, gap.end + SETTLED) for gap in gaps(site.layout)]
        times = [frame.sent_at for frame in camera.ledger if frame.number in lost]
        assert all(any(start < at < end for start, end in outages) for at in times), "every loss is in a gap"
        assert all(at > killed_at - SETTLED for at in times)
        assert list(site.layout.incoming.iterdir()) == []
