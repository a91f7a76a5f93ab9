"""The clock of a camera costs no frame: what arrives is recorded at the time at which it arrives."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Collection, Dict, Iterator

import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.hls.playlist import parse_live
from tests.e2e.odd_cameras import OddCameras, dated
from tests.e2e.site import CUT, FPS, SETTLED, MakeClip
from tests.support.clip import Clip
from tests.support.evidence import TICKS, gaps, recorded_frames, segments, ticks_between
from tests.support.rtsp_camera import RtspCamera

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("no_process_left")]

TRUE_WITHIN = 1.0  # seconds by which a recorded time may be wrong
GUESSED = 2  # frames at the start of a run whose times FFmpeg guesses
FAST = 25 / 21
JUMP, BETWEEN_JUMPS = 0.7, 0.08  # seconds
BURST = 20  # jumps
BETWEEN_BURSTS = 4.0  # seconds
STOPPED = 0xE5000000_00000000  # an NTP time


@dataclass(frozen=True)
class Case:
    """A camera, the words of its state, and by how many seconds its clock steps once it is recorded.

    FFmpeg is restarted so many times before its frames are dated right.
    """

    clip: Clip
    words: str = ""
    step: float = 0.0
    options: Dict[str, Any] = field(default_factory=dict)
    restarts: int = 0
    jumps: bool = False


def steps(clip_of: MakeClip) -> Dict[str, Case]:
    """Cameras whose clock steps, as after a time sync or when a second client joins, or whose reports have no clock."""
    clips = {
        "none": clip_of(audio=None),
        "pcmu": clip_of(audio="pcmu"),
        "aac": clip_of(audio="aac"),
        "hevc": clip_of(video="hevc", audio=None),
    }
    stepped = {
        f"{name}{by:+g}": Case(clip, step=by) for name, clip in clips.items() for by in (-1.7, -86400.0, 10.0, 3600.0)
    }
    reports = {
        f"{name}-{what}": Case(clips[name], options={"ntp_time": time})
        for name in ("pcmu", "aac")
        for what, time in (("stopped", STOPPED), ("zero", 0))
    }
    return {**stepped, **reports}


def drifts(clip_of: MakeClip) -> Dict[str, Case]:
    """Cameras that send another frame rate than they stamp, with reports by the true clock or by the wrong one.

    Audio that does not match is left out by one restart. No speed fits a clock that jumps: it is seen by two failures.
    """
    none, pcmu, aac = clip_of(audio=None), clip_of(audio="pcmu"), clip_of(audio="aac")
    hevc = clip_of(video="hevc", audio=None)
    fast, slow = "run 19% too fast, so frames are dated by their arrival", "run 20% too slow, so frames are dated"
    jumps = "its clock jumped or fell behind again after each of two restarts, so frames are dated by their arrival"
    return {
        "fast": Case(none, fast, options={"clock_speed": FAST}),
        "fast-hevc": Case(hevc, fast, options={"clock_speed": FAST}),
        "fast-aac": Case(aac, fast, options={"clock_speed": FAST}, restarts=1),
        "fast-video-pcmu": Case(pcmu, fast, options={"video_speed": FAST}, restarts=1),
        "slow": Case(none, slow, options={"clock_speed": 0.8}),
        "slow-pcmu": Case(pcmu, slow, options={"clock_speed": 0.8}, restarts=1),
        "slow-video-pcmu": Case(pcmu, slow, options={"video_speed": 0.8}, restarts=1),
        "jumps": Case(none, jumps, restarts=2, jumps=True),
        "jumps-hevc": Case(hevc, jumps, restarts=2, jumps=True),
    }


@contextmanager
def jumping(cameras: Collection[RtspCamera]) -> Iterator[None]:
    """The clocks of these cameras run ahead in bursts: each jump is too small to be a step, and no speed fits all."""
    ended = threading.Event()

    def jump() -> None:
        while not ended.wait(BETWEEN_BURSTS):
            for _ in range(BURST):
                for camera in cameras:
                    camera.step_clock(JUMP)
                ended.wait(BETWEEN_JUMPS)

    thread = threading.Thread(target=jump)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def assert_dated(site: OddCameras, name: str, since: float, within: float = TRUE_WITHIN) -> None:
    """Frames that came after the instant `since` have the times at which they came, and no gap."""
    camera, layout = site.cameras[name], site.layouts[name]
    came = set(site.came(name, since))
    wrong = [at - camera.started_at - number / FPS for number, at in dated(layout) if number in came]
    assert max(map(abs, wrong)) < within, f"{name}: times are off by {min(wrong):.2f} to {max(wrong):.2f} s"
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
            site.record_more(SETTLED, lasts=0)
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


def test_a_clock_that_runs_fast_or_slow_or_jumps_costs_nothing(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip
) -> None:
    table = drifts(clip_of)
    words = {name: case.words for name, case in table.items()}
    with ExitStack() as stack:
        served = {name: stack.enter_context(RtspCamera(case.clip, **case.options)) for name, case in table.items()}
        with OddCameras(tmp_path, ffmpeg, served) as site:
            stack.enter_context(jumping([served[name] for name, case in table.items() if case.jumps]))
            site.wait_words(words)
            site.record_more(2, lasts=0)  # the files of the time before that was known
            site.kill_ffmpegs()  # the next runs know it from their first frame on
            since = site.wait_words(dict.fromkeys(table, ""))
            site.record_more()
            site.wait_words(words)
        for name, case in table.items():
            site.assert_recorded(name, since)
            assert_dated(site, name, since, within=CUT if case.jumps else TRUE_WITHIN)
            runs = {entry.run for _, entry in segments(site.layouts[name])}
            assert len(runs) == case.restarts + 2, name
            causes = {gap.cause for gap in gaps(site.layouts[name]) if gap.end > since}
            assert not causes, name
