"""Whether a recorder relies on the camera's clock, or dates frames by their arrival alone. Pure."""

from __future__ import annotations

from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.recording.stall import LATE, RAN_AWAY
from cctv_cli.core.recording.trust import Trust

_CURED_AFTER = 600.0  # seconds of recording after which a restart has helped
_FAULT = (
    "its clock jumped or fell behind again after each of two restarts, so frames are dated by their arrival; "
    "update the camera's firmware, and check its frame rate and its network"
)


def after_failure(trust: Trust, why: Diagnosis, healthy_for: float, now: float) -> Trust:
    """After a run failed that had recorded for so many seconds."""
    if trust.fault:
        return trust
    is_again = why.cause in (RAN_AWAY.cause, LATE.cause) and healthy_for < _CURED_AFTER
    return trust.failed(_FAULT, now) if is_again else Trust()
