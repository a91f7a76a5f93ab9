"""Whether a run is in trouble, and what to tell of one that is not. Pure: observations in, a verdict out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.recording.state import State

FIRST_KEY_FRAME = 300.0  # seconds to wait for the first frame; a silent camera ends FFmpeg by itself in 10
NO_KEY_FRAME_YET = 15.0  # seconds without a first frame, after which the state says so
STALL = 15.0  # seconds without a byte, after which a branch counts as stalled
SQUEEZED = 3.0  # seconds in which FFmpeg complains again and again when a stream's clock was set back
RUNAWAY_FOR = 3.0  # seconds that media time may be away from real time, before the run is given up
LATE_FOR = 60.0  # seconds that media may lag before a restart is worth its gap
PICTURE_LASTS = 60.0  # seconds between restarts for a changed picture: a camera that goes to and fro is recorded
RARE_KEY_FRAMES = 10.0  # seconds by which a live segment may outlast its duration before the state says why
CURE_OF_RARE_KEY_FRAMES = "switch off H.264+/H.265+ (smart codec) in the camera or shorten its I-frame interval"

NO_KEY_FRAME = Diagnosis(
    "no key frame",
    "the camera sent no key frame for 5 minutes; shorten its I-frame interval and switch off H.264+/H.265+",
)
PICTURE_CHANGED = Diagnosis("picture changed", "the camera changed its picture; FFmpeg was restarted to describe it")
STALLED = Diagnosis("stalled", "FFmpeg ran but no bytes arrived")
RAN_AWAY = Diagnosis("clock jumped", "the camera's clock jumped; FFmpeg was restarted to keep times true")
LATE = Diagnosis("late", "frames came ever later; FFmpeg was restarted to catch up with the camera")
LIVE_STALLED = Diagnosis("live stalled", "the live window stood still; FFmpeg was restarted to revive it")


@dataclass(frozen=True)
class Observation:
    """One look at an FFmpeg that runs. What ends in `_for` is in seconds."""

    watched_for: float
    has_frames: bool
    catching_up: bool = False  # minutes that nobody watched are followed first: until then times say nothing
    recording_still_for: float = 0.0
    live_still_for: float = 0.0
    live_segment_for: float = 0.0  # since the newest live segment was begun
    squeezed: bool = False  # FFmpeg complains again and again that times go back
    astray_for: float = 0.0  # since media time left real time by more than 2 s
    lags: bool = False  # it is astray because it is behind
    picture_changed: bool = False  # the run's initialization section no longer describes it


def verdict(
    seen: Observation, *, live_patience: float = STALL, picture_changed_for: float = PICTURE_LASTS
) -> Optional[Diagnosis]:
    """Why the run must be restarted; None while it may go on.

    `live_patience` is for how many seconds the live window alone may stand still, `picture_changed_for` how many
    have passed since the last restart for a changed picture.
    """
    if seen.picture_changed and picture_changed_for >= PICTURE_LASTS:
        return PICTURE_CHANGED
    if not seen.has_frames:
        # copying begins at a key frame: a camera that stretches them to minutes is waited for
        return NO_KEY_FRAME if seen.watched_for > FIRST_KEY_FRAME and not seen.catching_up else None
    if seen.recording_still_for > STALL:
        return STALLED
    if seen.squeezed and seen.recording_still_for > SQUEEZED:
        return RAN_AWAY  # FFmpeg holds everything back until audio and video go on alike
    # media that is behind, without a complaint, is late on a busy machine or network rather than wrong
    is_late = seen.lags and not seen.squeezed
    if seen.astray_for >= (LATE_FOR if is_late else RUNAWAY_FOR):
        return LATE if is_late else RAN_AWAY
    return LIVE_STALLED if seen.live_still_for > live_patience else None


def progress(
    seen: Observation,
    segment_duration: int,
    *,
    commit_fault: str = "",
    playlist_fault: str = "",
    live_fault: str = "",
    audio_fault: str = "",
) -> Optional[Tuple[State, str]]:
    """State and reason of a run that goes on, with the one thing that an operator should know; None for no news."""
    if not seen.has_frames:
        if seen.catching_up or seen.watched_for <= NO_KEY_FRAME_YET:
            return None
        return State.STARTING, f"connected, but no key frame came yet; {CURE_OF_RARE_KEY_FRAMES}"
    reason = "recording"
    if commit_fault:
        reason += f", but minutes wait, for the storage failed: {commit_fault}"
    elif seen.lags:
        reason += ", but frames come late: the camera or the network is too slow"
    elif seen.live_segment_for > segment_duration + RARE_KEY_FRAMES:
        reason += f", but key frames are rare, so live is slow; {CURE_OF_RARE_KEY_FRAMES}"
    elif playlist_fault:
        reason += f", but an hour's playlist cannot be written: {playlist_fault}"
    elif live_fault:
        reason += f", but {live_fault}"
    elif audio_fault:
        reason += f", but {audio_fault}"
    return State.RUNNING, reason
