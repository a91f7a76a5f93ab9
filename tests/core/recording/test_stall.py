"""What one poll of FFmpeg leads to, as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Optional

import pytest

from cctv_cli.core.ffmpeg.diagnosis import AUDIO, Diagnosis
from cctv_cli.core.recording.stall import (
    LATE,
    LIVE_STALLED,
    NO_AUDIO,
    NO_KEY_FRAME,
    PICTURE_CHANGED,
    RAN_AWAY,
    STALLED,
    Observation,
    progress,
    verdict,
)
from cctv_cli.core.recording.state import State

HEALTHY = Observation(watched_for=3600.0, has_frames=True)
SLOW = replace(HEALTHY, interval=8.0, silence=20.0)
NO_FRAMES = Observation(watched_for=10.0, has_frames=False)


@pytest.mark.parametrize(
    ("seen", "changes", "expected"),
    [
        pytest.param(HEALTHY, {}, None, id="healthy"),
        pytest.param(NO_FRAMES, {"watched_for": 299.0}, None, id="a key frame is waited for"),
        pytest.param(NO_FRAMES, {"watched_for": 301.0}, NO_KEY_FRAME, id="no key frame for too long"),
        pytest.param(NO_FRAMES, {"watched_for": 301.0, "catching_up": True}, None, id="older minutes come first"),
        pytest.param(NO_FRAMES, {"audio_missing_for": 15.1}, NO_AUDIO, id="audio is missing"),
        pytest.param(NO_FRAMES, {"audio_missing_for": 15.0}, None, id="audio is late"),
        pytest.param(
            NO_FRAMES, {"audio_missing_for": 99.0, "catching_up": True}, None, id="older minutes before audio"
        ),
        pytest.param(NO_FRAMES, {"recording_still_for": 100.0}, None, id="before the first frame nothing stalls"),
        pytest.param(HEALTHY, {"recording_still_for": 15.0}, None, id="still, but not for long"),
        pytest.param(HEALTHY, {"recording_still_for": 15.1}, STALLED, id="stalled"),
        pytest.param(HEALTHY, {"squeezed": True}, None, id="complaints while bytes come"),
        pytest.param(HEALTHY, {"squeezed": True, "recording_still_for": 3.1}, RAN_AWAY, id="FFmpeg holds back"),
        pytest.param(HEALTHY, {"recording_still_for": 3.1}, None, id="a short silence without complaints"),
        pytest.param(HEALTHY, {"astray_for": 2.9}, None, id="astray for a moment"),
        pytest.param(HEALTHY, {"astray_for": 3.0}, RAN_AWAY, id="media time is ahead"),
        pytest.param(HEALTHY, {"astray_for": 59.0, "lags": True}, None, id="late"),
        pytest.param(HEALTHY, {"astray_for": 60.0, "lags": True}, LATE, id="late for too long"),
        pytest.param(
            HEALTHY, {"astray_for": 3.0, "lags": True, "squeezed": True}, RAN_AWAY, id="behind, with complaints"
        ),
        pytest.param(HEALTHY, {"live_still_for": 15.0}, None, id="live is still, but not for long"),
        pytest.param(HEALTHY, {"live_still_for": 15.1}, LIVE_STALLED, id="live stalled"),
        pytest.param(HEALTHY, {"recording_still_for": 20.0, "live_still_for": 20.0}, STALLED, id="both: the recording"),
        pytest.param(SLOW, {"recording_still_for": 60.0, "live_still_for": 60.0}, None, id="slow"),
        pytest.param(SLOW, {"recording_still_for": 60.1}, STALLED, id="slow and stalled"),
        pytest.param(SLOW, {"live_still_for": 60.1}, LIVE_STALLED, id="slow, and live stalled"),
        pytest.param(SLOW, {"audio_missing_for": 60.0}, None, id="slow, and audio is late"),
        pytest.param(SLOW, {"audio_missing_for": 60.1}, NO_AUDIO, id="slow, and audio is missing"),
        pytest.param(HEALTHY, {"picture_changed": True}, PICTURE_CHANGED, id="another picture"),
        pytest.param(
            HEALTHY, {"picture_changed": True, "recording_still_for": 20.0}, PICTURE_CHANGED, id="another picture first"
        ),
    ],
)
def test_verdict(seen: Observation, changes: Dict[str, Any], expected: Optional[Diagnosis]) -> None:
    assert verdict(replace(seen, **changes)) == expected


def test_the_live_window_alone_causes_restarts_less_and_less_often() -> None:
    assert verdict(replace(HEALTHY, live_still_for=29.0), live_patience=30.0) is None
    assert verdict(replace(HEALTHY, live_still_for=31.0), live_patience=30.0) == LIVE_STALLED
    assert verdict(replace(SLOW, live_still_for=59.0), live_patience=30.0) is None


def test_a_camera_that_keeps_changing_its_picture_is_recorded_for_a_minute_between_restarts() -> None:
    changed = replace(HEALTHY, picture_changed=True)
    assert verdict(changed, picture_changed_for=59.0) is None
    assert verdict(changed, picture_changed_for=60.0) == PICTURE_CHANGED


STOPPED = "the live window stopped; another FFmpeg will revive it"
FAULTS = {"commit_fault": "disk full", "live_fault": "live cannot be written", "audio_fault": "its audio is not"}


@pytest.mark.parametrize(
    ("seen", "faults", "words"),
    [
        pytest.param(HEALTHY, {}, "recording", id="healthy"),
        pytest.param(HEALTHY, FAULTS, "recordings wait because the storage failed: disk full", id="recordings wait"),
        pytest.param(replace(HEALTHY, lags=True, live_segment_for=60.0), {}, "frames arrive late", id="late"),
        pytest.param(replace(HEALTHY, live_segment_for=20.0), {}, "recording", id="a long segment"),
        pytest.param(replace(HEALTHY, live_segment_for=20.1), FAULTS, "recordings wait", id="recordings first"),
        pytest.param(replace(HEALTHY, live_segment_for=20.1), {}, "key frames are rare", id="rare key frames"),
        pytest.param(HEALTHY, {**FAULTS, "commit_fault": ""}, "live cannot be written", id="live"),
        pytest.param(replace(HEALTHY, live_still_for=60.0, live_segment_for=60.0), {}, STOPPED, id="live stopped"),
        pytest.param(HEALTHY, {"audio_fault": "its audio is not"}, "recording, but its audio is not", id="audio"),
    ],
)
def test_progress(seen: Observation, faults: Dict[str, str], words: str) -> None:
    news = progress(seen, 10, **faults)
    assert news is not None
    state, reason = news
    assert state is State.RUNNING
    assert words in reason
    assert (reason == "recording") == (words == "recording")


def test_a_missing_first_frame_is_reported_only_after_a_while() -> None:
    assert progress(replace(NO_FRAMES, watched_for=15.0), 10) is None
    assert progress(replace(NO_FRAMES, watched_for=16.0, catching_up=True), 10) is None
    assert progress(replace(NO_FRAMES, watched_for=60.0, silence=20.0), 10) is None
    news = progress(replace(NO_FRAMES, watched_for=16.0), 10)
    assert news is not None
    assert news[0] is State.STARTING and "no key frame" in news[1]


def test_a_slow_camera_is_shown_as_one() -> None:
    slow = "recording one frame every 8 s, as the camera sends them"
    assert progress(replace(SLOW, live_still_for=16.0, live_segment_for=50.0), 10) == (State.RUNNING, slow)
    news = progress(replace(SLOW, live_segment_for=50.1), 10)
    assert news is not None
    assert news[1].startswith(f"{slow}, but key frames are rare")


@pytest.mark.parametrize(("speed", "words"), [(1.19, "run 19% too fast"), (0.8, "run 20% too slow")])
def test_a_camera_whose_clock_drifts_is_recorded_without_its_audio(speed: float, words: str) -> None:
    drifting = replace(HEALTHY, speed=speed)
    trouble = verdict(replace(drifting, has_audio=True))
    assert trouble is not None and trouble.cause == AUDIO and words in trouble.reason
    assert verdict(drifting) is None
    shown = progress(drifting, 10, audio_fault=trouble.reason)
    assert shown is not None and shown[0] is State.RUNNING
    assert words in shown[1] and "dated by their arrival; set its frame rate" in shown[1]
