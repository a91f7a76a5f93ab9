"""What may happen while two FFmpegs record a camera side by side."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil
import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from tests.e2e.side_by_side import (
    assert_nothing_lost,
    both_record,
    end,
    reload,
    run_file,
    runs,
    successor,
    supervising,
    wait_handed_over,
)
from tests.e2e.site import MakeClip, Site
from tests.support.evidence import segments
from tests.support.rtsp_camera import RtspCamera
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")]


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
            wait_for(lambda: successor(site).get("pid"), "a second FFmpeg")
        assert successor(site)["anchor"] is None, "no frame yet"
        camera.withhold_keys(False)
        with supervising(site, ffmpeg, live=3) as supervisor:
            wait_handed_over(site, first)
            stopped_at = end(supervisor)
        assert_nothing_lost(site, stopped_at, 2)


def test_a_reload_while_both_record_loses_no_frame(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    with RtspCamera(clip_of()) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(1)
        reload(site)
        with both_record(site) as before:
            second = before["successor"]["run"]
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
            with both_record(site) as before:
                new = before["successor"]["run"]
            wait_for(lambda: not psutil.pid_exists(before["pid"]), "the end of the first FFmpeg")
            (first / "in the way").rmdir()
            first.rmdir()
            wait_for(lambda: new in runs(site), "a recording of the new run")
        with supervising(site, ffmpeg, live=3) as supervisor:
            site.wait_recordings(len(segments(site.layout)) + 1)
            stopped_at = end(supervisor)
        assert_nothing_lost(site, stopped_at, 2)


def test_a_reload_costs_no_frame_though_a_killed_supervisor_saved_no_times(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    with RtspCamera(clip_of()) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        with supervising(site, ffmpeg, live=2):
            site.wait_recordings(1)
        first = run_file(site)
        site.layout.run_file.write_text(json.dumps({**first, "anchor": None}))  # as before its first commit was saved
        with supervising(site, ffmpeg, live=3) as supervisor:
            wait_handed_over(site, first["run"])
            stopped_at = end(supervisor)
        assert_nothing_lost(site, stopped_at, 2)
