"""H.265 over a real RTSP session: fragmented MP4 tagged hvc1, live and recorded, every frame once."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.files import read_text
from cctv_cli.core.hls.playlist import parse_live
from cctv_cli.core.media.picture import read_picture
from tests.e2e.site import MakeClip, Site, sent
from tests.support.evidence import assert_explained, assert_fragments_valid, assert_times_true, assert_whole, segments
from tests.support.rtsp_camera import RtspCamera

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(("audio", "fps"), [("pcmu", 25), (None, 25), ("pcmu", 8)])
def test_h265_every_frame_once_at_its_true_time(
    tmp_path: Path,
    ffmpeg: Ffmpeg,
    clip_of: MakeClip,
    audio: str,
    fps: int,
    no_process_left: None,
) -> None:
    with RtspCamera(clip_of(video="hevc", audio=audio, fps=fps, gop=fps)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(3)
        live = parse_live(read_text(site.layout.live_playlist) or "")
        stopped_at = site.stop()
        assert [e.file[-4:] for _, e in segments(site.layout)][:3] == [".mp4"] * 3
        assert_whole(site.layout, sent(camera, stopped_at))
        assert_times_true(site.layout, camera)
        assert_explained(site.layout, stopped_at)
        assert_fragments_valid(site.layout)
        assert live is not None
        ended = site.layout.live / "ended.m3u8"  # a player would wait for more of a live playlist
        ended.write_text((read_text(site.layout.live_playlist) or "") + "#EXT-X-ENDLIST\n")
        for playlist in (ended, *site.layout.recordings.glob("*/*/playlist.m3u8")):
            played = subprocess.run(
                [ffmpeg.path, "-v", "warning", "-i", str(playlist), "-f", "null", "-"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=True,
            )
            assert played.stderr == ""


def test_a_first_key_frame_with_its_sps_twice_is_no_change_of_the_picture(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, no_process_left: None
) -> None:
    with RtspCamera(clip_of(video="hevc", audio=None), repeat_sps=True) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(3)
        stopped_at = site.stop()
        assert len({entry.run for _, entry in segments(site.layout)}) == 1
        assert_whole(site.layout, sent(camera, stopped_at))


@pytest.mark.parametrize("announced", ["160x120", "640x480"])
def test_headers_describe_the_picture_that_came_not_the_announced_one(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, announced: str, no_process_left: None
) -> None:
    clip = clip_of(video="hevc")
    stale = replace(clip, parameter_sets=clip_of(video="hevc", audio=None, size=announced).parameter_sets)
    with RtspCamera(stale) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(3)
        stopped_at = site.stop()
        assert_whole(site.layout, sent(camera, stopped_at))
        files = [site.layout.day(day) / entry.file for day, entry in segments(site.layout)]
        (init,) = site.layout.live.glob("init*.mp4")
        for path in (*files, init):
            picture = read_picture(path)
            assert picture is not None
            assert (picture.width, picture.height) == (320, 240), path
            header = path.read_bytes()[:4096]
            assert all(each in header for each in clip.parameter_sets), path
            assert not any(each in header for each in stale.parameter_sets if each not in clip.parameter_sets), path
        for path in files:
            played = subprocess.run(
                [ffmpeg.path, "-v", "warning", "-i", str(path), "-f", "null", "-"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=True,
            )
            assert played.stderr == ""
