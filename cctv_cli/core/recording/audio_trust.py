"""Whether a recorder asks the camera for audio. Pure.

Audio must never cost video. It is left out once it is known to be at fault, or after two runs with it failed in a row.
"""

from __future__ import annotations

from cctv_cli.core.ffmpeg.diagnosis import AUDIO, FEW_FRAMES, Diagnosis
from cctv_cli.core.ffmpeg.refusals import BUSY, FORBIDDEN, NOT_FOUND, REFUSED_REQUEST
from cctv_cli.core.recording.backoff import HEALTHY_AFTER
from cctv_cli.core.recording.trust import Trust

# causes that audio may have, of a run that recorded no frame, and of one that recorded for less than a minute
_SOON = ("ended", "clock jumped")
_BEFORE_A_FRAME = (*_SOON, "silent", "closed", "stalled", FEW_FRAMES.cause, NOT_FOUND, BUSY, FORBIDDEN, REFUSED_REQUEST)


def after_failure(trust: Trust, why: Diagnosis, audio: str, healthy_for: float, now: float) -> Trust:
    """After a run failed that had recorded for so many seconds, with audio in this codec; empty for none."""
    suspicious = why.cause in (_SOON if healthy_for else _BEFORE_A_FRAME) and healthy_for < HEALTHY_AFTER
    if not audio:
        return Trust() if suspicious and trust.failures else trust  # audio was not at fault
    if why.cause == AUDIO:
        return trust.without(why.reason, now)
    if not suspicious:
        return Trust()
    fault = (
        f"FFmpeg failed twice with the camera's {audio} audio ({why.reason}), so it is left out; "
        "set the camera to AAC-LC or G.711, or switch its audio off"
    )
    return trust.failed(fault, now)
