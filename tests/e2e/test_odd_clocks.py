"""The clock of a camera costs no frame: what arrives is recorded at the time at which it arrives."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict

import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.hls.playlist import parse_live
from tests.e2e.odd_cameras import OddCameras
from tests.e2e.site import FPS, MakeClip
from tests.support.clip import Clip
from tests.support.evidence import TICKS, gaps, recorded_frames, segments, ticks_between
from tests.support.rtsp_camera import RtspCamera

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("no_process_left")]

TRUE_WITHIN = 1.0  # seconds by which a recorded time may be wrong
GUESSED = 2  # frames at the start of a run whose times FFmpeg guesses
STOPPED = 0xE5000000_00000000  # an NTP time


@dataclass(frozen=True)
class Case:
    """A camera, the words of its state, and by how many seconds its clock steps once it is recorded."""

    clip: Clip
    words: str = ""
    step: float = 0.0
    options: Dict[str, Any] = field(default_factory=dict)


def steps(clip_of: MakeClip) -> Dict[str, Case]:
    """Cameras whose clock steps, as after a time sync or when a second client joins, or whose reports have no clock."""
    clips = {
        "none": clip_of(audio=None),
        "pcmu": clip_of(audio="pcmu"),
        "aac": clip_of(audio="aac"),
        "hevc": clip_of(video="hevc", audio=None),
    }
    stepped = {f"{name}{by:+g}": Case(clip, step=by) for name, clip in clips.items() for by in (-1.7, -86400.0, 3600.0)}
    reports = {
        f"{name}-{what}": Case(clips[name], options={"ntp_time": time})
        for name in ("pcmu", "aac")
        for what, time in (("stopped", STOPPED), ("zero", 0))
    }
    return {**stepped, **reports}


def assert_dated(site: OddCameras, name: str, since: float) -> None:
    """Frames that came after the instant `since` have the times at which they came, and no gap."""
    camera, layout = site.cameras[name], site.layouts[name]
    came = set(site.came(name, since))
    placed = [frame for frame in recorded_frames(layout) if frame.number in came]
    wrong = [frame.at - camera.started_at - frame.number / FPS for frame in placed]
    assert max(map(abs, wrong)) < TRUE_WITHIN, f"{name}: times are off by {min(wrong):.2f} to {max(wrong):.2f} s"
    assert not [gap for gap in gaps(layout) if gap.end > since], name


def assert_even(site: OddCameras, name: str) -> None:
    """All frames are of one run, and one frame's time apart in their files."""
    frames = recorded_frames(site.layouts[name])[GUESSED:]
    assert len({frame.run for frame in frames}) == 1, name
    odd = [
        after.number
        for before, after in zip(frames, frames[1:])
        if abs(ticks_between(before.pts, after.pts) / TICKS - (after.number - before.number) / FPS) > 0.5 / FPS
    ]
    assert not odd, f"{name}: odd times before the frames {odd[:9]}"


def test_a_clock_that_steps_or_is_not_reported_costs_nothing(tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip) -> None:
    table = steps(clip_of)
    words = {name: case.words for name, case in table.items()}
    with ExitStack() as stack:
        served = {name: stack.enter_context(RtspCamera(case.clip, **case.options)) for name, case in table.items()}
        with OddCameras(tmp_path, ffmpeg, served) as site:
            since = site.wait_words(words)
            for name, camera in served.items():
                camera.step_clock(table[name].step)
            site.record_more()
            assert not site.others_than(words)
            live = {name: parse_live(site.layouts[name].live_playlist.read_text()) for name in table}
        for name in table:
            site.assert_recorded(name, since)
            assert_dated(site, name, since)
            assert_even(site, name)
            window = live[name]
            assert window is not None and not any(each.discontinuity for each in window.segments), name
            assert len(segments(site.layouts[name])) >= 3
