"""A live window that stops is revived, and costs the recording no frame."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Optional

import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.files import read_json, read_text
from cctv_cli.core.hls.playlist import LiveWindow, parse_live
from tests.e2e.site import MakeClip, Site, sent
from tests.support.evidence import assert_explained, assert_whole, gaps
from tests.support.rtsp_camera import RtspCamera
from tests.support.waiting import wait_for

pytestmark = pytest.mark.e2e

A_MOMENT = 10.0  # seconds, less than the 15 s after which a window that stopped is noticed


def test_a_live_path_that_cannot_be_written_costs_no_recording(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    blocked = tmp_path / "ram"
    blocked.write_text("")  # no folder can be made, as on a mount point that belongs to root
    with RtspCamera(clip_of(audio=None)) as camera:
        site = Site(tmp_path / "hls", ffmpeg, camera, live_path=blocked / "cctv")
        site.supervisor.start()
        site.wait_recordings(2)
        shown = read_json(site.layout.state_file)
        assert (shown["state"], "LIVE_PATH" in shown["reason"]) == ("running", True)
        blocked.unlink()  # its disk is mounted
        wait_for(site.layout.live_playlist.is_file, "a live window")
        wait_for(lambda: read_json(site.layout.state_file)["reason"] == "recording", "normal recording")
        assert_whole(site.layout, sent(camera, site.stop()))
        assert gaps(site.layout) == []


def test_a_live_window_that_stops_is_revived_without_a_lost_frame(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    with RtspCamera(clip_of(audio=None)) as camera:
        site = Site(tmp_path / "hls", ffmpeg, camera, live_path=tmp_path / "ram")
        site.supervisor.start()
        wait_for(site.layout.live_playlist.is_file, "a live window")
        before = parse_live(site.layout.live_playlist.read_text())
        shutil.rmtree(tmp_path / "ram")  # its disk is not mounted any more
        wait_for(site.layout.live_playlist.is_file, "a playlist")

        def returned() -> Optional[LiveWindow]:
            window = parse_live(read_text(site.layout.live_playlist) or "")
            return window if window is not None and window.segments else None

        after = wait_for(returned, "a live segment")
        assert before is not None
        assert after.media_sequence > before.media_sequence
        assert [segment.discontinuity for segment in after.segments[:1]] == [True]
        assert_whole(site.layout, sent(camera, site.stop()))
        assert gaps(site.layout) == []
        assert read_json(site.layout.state_file)["restarts"] == 0


def test_a_camera_with_one_session_loses_a_moment_to_revive_its_live_window(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    with RtspCamera(clip_of(audio=None), max_sessions=1) as camera:
        site = Site(tmp_path / "hls", ffmpeg, camera, live_path=tmp_path / "ram")
        site.supervisor.start()
        wait_for(site.layout.live_playlist.is_file, "a live window")
        pid = site.pid()
        shutil.rmtree(tmp_path / "ram")
        site.wait_new_pid(pid)
        wait_for(lambda: len(list(site.layout.live.glob("*.ts"))) > 1, "a live segment")
        assert_explained(site.layout, site.stop())
        assert [gap.cause for gap in gaps(site.layout)] == ["live stalled"]
        assert gaps(site.layout)[0].duration < A_MOMENT
        assert read_json(site.layout.state_file)["restarts"] == 0
