"""What may happen while two FFmpegs record a camera side by side."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from tests.e2e.site import MakeClip, Site, sent
from tests.e2e.test_handover import reload, run_file, runs, supervising, wait_beside, wait_handed_over
from tests.support.evidence import assert_explained, assert_whole, gaps, segments
from tests.support.rtsp_camera import RtspCamera
from tests.support.waiting import end_of, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")]


def assert_nothing_lost(site: Site, stopped_at: float, count: int) -> None:
    """Every frame was recorded once, in so many runs, and nothing is left behind."""
    assert_whole(site.layout, sent(site.camera, stopped_at))
    assert_explained(site.layout, stopped_at)
    assert gaps(site.layout) == []
    assert len(runs(site)) == count
    assert list(site.layout.incoming.iterdir()) == []


def test_a_supervisor_killed_before_the_second_ffmpeg_has_a_frame_costs_none(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    with RtspCamera(clip_of()) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        with supervising(site, ffmpeg, live=2):
            site.wait_recordings(1)
            first = run_file(site)["run"]
            camera.withhold_keys(True)
        with supervising(site, ffmpeg, live=3):
            wait_for(lambda: (run_file(site)["successor"] or {}).get("pid"), "a second FFmpeg")
        assert run_file(site)["successor"]["anchor"] is None, "no frame yet"
        camera.withhold_keys(False)
        with supervising(site, ffmpeg, live=3) as supervisor:
            wait_handed_over(site, first)
            stopped_at = time.time()
            supervisor.terminate()
            assert end_of(supervisor) == 0
        assert_nothing_lost(site, stopped_at, 2)


def test_a_reload_while_both_record_loses_no_frame(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    with RtspCamera(clip_of()) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(1)
        reload(site)
        second = wait_beside(site)["successor"]["run"]
        reload(site)
        wait_for(lambda: run_file(site)["run"] == second, "the second run")
        wait_handed_over(site, second)
        assert_nothing_lost(site, site.stop(), 3)


def test_a_decision_that_cannot_be_saved_is_saved_before_the_next_commit(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    with RtspCamera(clip_of()) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        with supervising(site, ffmpeg, live=2):
            site.wait_recordings(1)
            first = site.layout.ended_run(run_file(site)["run"])
            (first / "in the way").mkdir(parents=True)
        with supervising(site, ffmpeg, live=3):
            before = wait_beside(site)
            new = before["successor"]["run"]
            wait_for(lambda: not psutil.pid_exists(before["pid"]), "the end of the first FFmpeg")
            (first / "in the way").rmdir()
            first.rmdir()
            wait_for(lambda: new in runs(site), "a recording of the new run")
        with supervising(site, ffmpeg, live=3) as supervisor:
            site.wait_recordings(len(segments(site.layout)) + 1)
            stopped_at = time.time()
            supervisor.terminate()
            assert end_of(supervisor) == 0
        assert_nothing_lost(site, stopped_at, 2)
