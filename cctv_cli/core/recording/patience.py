"""How long a camera may be silent before that is a fault. Pure.

Cameras can be set to send one frame in 16 s or less. So all patience follows one number, the *silence*: the seconds
without a frame that are normal for the camera. FFmpeg gives up after it, and a recorder after PATIENT times as long.
"""

from __future__ import annotations

from cctv_cli.core.ffmpeg.command import USUAL_SILENCE

PATIENT = 3  # silences without a frame, a byte or the first audio, after which a recorder acts
_FRAMES = 2.5  # frame intervals: FFmpeg has a frame only when the next one begins, and must not give up before
_LONGEST = 45.0  # seconds; the silence of a camera that may send a frame only now and then
_GRACE = 5.0  # seconds in which FFmpeg ends that gets a frame at once
_LONGEST_GRACE = 30.0  # seconds; a service manager kills a supervisor that takes much longer
_SLOW = 2.0  # seconds between frames from which on the state names them


def silence(interval: float) -> float:
    """The silence of a camera that sends a frame every `interval` seconds; 0 if that is unknown."""
    return max(USUAL_SILENCE, _FRAMES * interval)


def silence_of_run(interval: float, without_frame: int) -> float:
    """The silence that a new run accepts, after so many runs in a row without a frame.

    Every other run after such a run waits for long: the camera may have become slow. The others stay as they are, so
    that a session that is dead from its beginning costs only some seconds.
    """
    return max(silence(interval), _LONGEST if without_frame % 2 else 0.0)


def grace(interval: float) -> float:
    """How many seconds FFmpeg gets to exit when it is told to, with a frame every `interval` seconds; 0 if unknown.

    It obeys when the next frame comes. Told again before that it ends at once, but loses the frames that it holds back.
    """
    return min(_GRACE + interval, _LONGEST_GRACE)


def waiting(accepted: float) -> str:
    """What a run does until it has a frame, in words."""
    if accepted <= USUAL_SILENCE:
        return "waiting for the first frames"
    return f"waiting up to {accepted:.0f} s for each frame, because the camera seems to send few"


def recording(interval: float) -> str:
    """What a run does that has frames, in words."""
    return "recording" if interval < _SLOW else f"recording one frame every {interval:.0f} s, as the camera sends them"
