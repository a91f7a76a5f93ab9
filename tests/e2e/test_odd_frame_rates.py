"""Cameras that send a frame every few seconds are recorded whole, and the state says how many they send."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Dict

import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.hls.playlist import parse_live
from tests.e2e.odd_cameras import LASTS, OddCameras, dated
from tests.e2e.site import MakeClip
from tests.support.clip import Clip
from tests.support.evidence import gaps, segments
from tests.support.rtsp_camera import RtspCamera

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.usefixtures("no_process_left"),
    pytest.mark.skipif(not LASTS, reason="takes minutes: set CCTV_TEST_SECONDS to how many seconds to record"),
]

INTERVAL = int(os.environ.get("CCTV_TEST_INTERVAL", "8"))  # seconds
CUT = 60  # seconds of a recording
SOON = 2.5  # seconds by which a frame may be dated late because it was written late


def slow(clip_of: MakeClip) -> Dict[str, Clip]:
    """Clips whose parameter sets claim two frames a second, although a camera sends fewer."""
    kinds = {f"{video}-{audio}": (video, audio) for video in ("h264", "hevc") for audio in (None, "pcmu", "aac")}
    clips = {
        name: clip_of(video=video, audio=audio, fps=2, gop=1, seconds=16) for name, (video, audio) in kinds.items()
    }
    clips["h264-gop"] = clip_of(audio=None, fps=2, gop=3, seconds=18)
    return {name: replace(clip, fps=1 / INTERVAL) for name, clip in clips.items()}


def test_few_frames_are_all_recorded(tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip) -> None:
    clips = slow(clip_of)
    words = dict.fromkeys(clips, f"recording one frame every {INTERVAL} s, as the camera sends them")
    with ExitStack() as stack:
        served = {name: stack.enter_context(RtspCamera(clip)) for name, clip in clips.items()}
        with OddCameras(tmp_path, ffmpeg, served, CUT) as site:
            since = site.wait_words(words, 3 * CUT + 12 * INTERVAL)
            site.record_more(2, max(LASTS, 3 * CUT))
            assert not site.others_than(words)
            live = {name: parse_live(layout.live_playlist.read_text()) for name, layout in site.layouts.items()}
        for name, camera in served.items():
            layout = site.layouts[name]
            # FFmpeg has a frame only when the next one begins
            site.assert_recorded(name, since, 2 * INTERVAL)
            # the first recording may have too few frames to show their interval
            came = set(site.came(name, since + CUT))
            late = [at - camera.started_at - number * INTERVAL for number, at in dated(layout) if number in came]
            assert max(map(abs, late)) < SOON, f"{name}: frames are dated {min(late):.2f} to {max(late):.2f} s late"
            assert not [gap for gap in gaps(layout) if gap.end > since], name
            runs = {entry.run for _, entry in segments(layout) if entry.end > since}
            assert len(runs) == 1, f"{name}: a run was restarted"
            window = live[name]
            assert window is not None
            gop = 3 if name == "h264-gop" else 1
            durations = [segment.duration for segment in window.segments[1:]]
            assert max(abs(each - gop * INTERVAL) for each in durations) < SOON, f"{name}: {durations}"
