"""Whether a run must be restarted, and what to report if not. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from cctv_cli.core.ffmpeg.command import USUAL_SILENCE
from cctv_cli.core.ffmpeg.diagnosis import AUDIO, FEW_FRAMES, Diagnosis
from cctv_cli.core.recording.patience import PATIENT, recording
from cctv_cli.core.recording.state import State

FIRST_KEY_FRAME = 300.0  # seconds to wait for the first frame; FFmpeg itself gives up on a silent camera after 10
SQUEEZED = 3.0  # seconds within which FFmpeg repeats its complaint when a stream's clock was set back
RUNAWAY_FOR = 3.0  # seconds for which media time may differ from real time before a restart
LATE_FOR = 60.0  # seconds that media may lag before a restart is worth its gap
PICTURE_LASTS = 60.0  # minimum seconds between restarts for a changed picture, so that a fickle camera is recorded
RARE_KEY_FRAMES = 2  # silences by which a live segment may exceed its duration before the state says why
_TRUE_FPS = "set its frame rate to what it can send, and update its firmware"
CURE_OF_RARE_KEY_FRAMES = "switch off H.264+/H.265+ (smart codec) in the camera or shorten its I-frame interval"

NO_KEY_FRAME = Diagnosis(
    "no key frame",
    "the camera sent no key frame for 5 minutes; shorten its I-frame interval and switch off H.264+/H.265+",
)
PICTURE_CHANGED = Diagnosis("picture changed", "the camera changed its picture; FFmpeg was restarted to match")
NO_AUDIO = Diagnosis(
    AUDIO,
    "no usable audio arrives, although the camera announces it, so it is left out; "
    "switch its microphone on, or its audio off",
)
STALLED = Diagnosis("stalled", "FFmpeg ran but no bytes arrived")
RAN_AWAY = Diagnosis("clock jumped", "the camera's clock jumped; FFmpeg was restarted to keep times true")
LATE = Diagnosis("late", "frames came later and later; FFmpeg was restarted to catch up with the camera")
LIVE_STALLED = Diagnosis("live stalled", "the live window stopped; another FFmpeg was started to revive it")


@dataclass(frozen=True)
class Observation:
    """The result of polling a running FFmpeg. Fields whose names end in `_for` are in seconds."""

    watched_for: float
    has_frames: bool
    has_begun: bool = True  # FFmpeg knows the stream and has begun a file
    catching_up: bool = False  # files from before the adoption come first; until they are committed, times mean nothing
    recording_still_for: float = 0.0
    live_still_for: float = 0.0
    live_segment_for: float = 0.0  # since the newest live segment began
    interval: float = 0.0  # seconds between two frames; 0 if that is unknown
    silence: float = USUAL_SILENCE  # seconds without a frame that are normal (see `patience`)
    squeezed: bool = False  # FFmpeg keeps complaining that times go back
    astray_for: float = 0.0  # since media time began to differ from real time by more than 2 s
    lags: bool = False  # media time is behind real time
    speed: float = 1.0  # of the camera's clock; other than 1 while it runs steadily fast or slow
    clock_fault: str = ""  # why frames are dated by their arrival alone; empty if they are not
    has_audio: bool = False  # the camera's audio is recorded
    media_time: float = 0.0  # of the newest frame, in seconds
    audio_missing_for: float = 0.0  # since the run began, while audio that the camera announced has not come
    picture_changed: bool = False  # the run's initialization section no longer describes it

    @property
    def patience(self) -> float:
        """Seconds without a frame, a byte or the first audio, after which something is done about it."""
        return PATIENT * self.silence


def verdict(
    seen: Observation, *, live_patience: float = 0.0, picture_changed_for: float = PICTURE_LASTS
) -> Optional[Diagnosis]:
    """Why the run must be restarted; None if it need not be.

    `live_patience` is how many seconds the live window alone may stand still at least, `picture_changed_for` how many
    have passed since the last restart for a changed picture.
    """
    if seen.picture_changed and picture_changed_for >= PICTURE_LASTS:
        return PICTURE_CHANGED
    if seen.audio_missing_for > seen.patience and not seen.catching_up:
        return NO_AUDIO
    if seen.speed != 1 and seen.has_audio:
        return Diagnosis(AUDIO, f"{_wrong_speed(seen.speed)}, so its audio does not match and is left out; {_TRUE_FPS}")
    if not seen.has_begun and seen.silence <= USUAL_SILENCE and seen.watched_for > seen.patience:
        return FEW_FRAMES
    if not seen.has_frames:
        # copying begins at a key frame, and some cameras send one every few minutes
        return NO_KEY_FRAME if seen.watched_for > FIRST_KEY_FRAME and not seen.catching_up else None
    if seen.recording_still_for > seen.patience:
        return STALLED
    if seen.squeezed and seen.recording_still_for > SQUEEZED:
        return RAN_AWAY  # FFmpeg writes nothing until the times of audio and video match again
    # media that is behind without complaints is delayed by a busy machine or network, not wrong
    is_late = seen.lags and not seen.squeezed
    if seen.astray_for >= (LATE_FOR if is_late else RUNAWAY_FOR):
        return LATE if is_late else RAN_AWAY
    return LIVE_STALLED if seen.live_still_for > max(live_patience, seen.patience) else None


def progress(
    seen: Observation,
    segment_duration: int,
    *,
    commit_fault: str = "",
    playlist_fault: str = "",
    live_fault: str = "",
    audio_fault: str = "",
) -> Optional[Tuple[State, str]]:
    """State and reason of a run that continues, with its most important fault; None if nothing changed."""
    if not seen.has_frames:
        if seen.catching_up or seen.watched_for <= seen.patience:
            return None
        return State.STARTING, f"connected, but no key frame has arrived yet; {CURE_OF_RARE_KEY_FRAMES}"
    reason = recording(seen.interval)
    if commit_fault:
        reason += f", but finished recordings wait because the storage failed: {commit_fault}"
    elif seen.speed != 1:
        reason += f", but {_wrong_speed(seen.speed)}, so frames are dated by their arrival; {_TRUE_FPS}"
    elif seen.clock_fault:
        reason += f", but {seen.clock_fault}"
    elif seen.lags:
        reason += ", but frames arrive late: the camera or the network is too slow"
    elif live_fault:
        reason += f", but {live_fault}"
    elif seen.live_still_for > seen.patience:
        reason += ", but the live window stopped; another FFmpeg will revive it"
    elif seen.live_segment_for > segment_duration + RARE_KEY_FRAMES * seen.silence:
        reason += f", but key frames are rare, so live segments are long; {CURE_OF_RARE_KEY_FRAMES}"
    elif playlist_fault:
        reason += f", but an hour's playlist cannot be written: {playlist_fault}"
    elif audio_fault:
        reason += f", but {audio_fault}"
    return State.RUNNING, reason


def _wrong_speed(speed: float) -> str:
    return f"the time stamps of the camera run {abs(speed - 1):.0%} too {'fast' if speed > 1 else 'slow'}"
