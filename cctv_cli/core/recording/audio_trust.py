"""Whether a recorder asks the camera for audio. Pure.

Audio must never cost video. It is left out once it is known to be at fault, or after two runs with it failed in a row,
and asked for again at the first start after an hour.
"""

from __future__ import annotations

from dataclasses import dataclass

from cctv_cli.core.ffmpeg.diagnosis import AUDIO, Diagnosis
from cctv_cli.core.ffmpeg.refusals import BUSY, FORBIDDEN, NOT_FOUND, REFUSED_REQUEST
from cctv_cli.core.recording.backoff import HEALTHY_AFTER

TRIED_AGAIN = 3600.0  # seconds
_FAILURES = 2  # in a row
# causes that audio may have, of a run that recorded no frame, and of one that recorded for less than a minute
_SOON = ("ended", "clock jumped")
_BEFORE_A_FRAME = (*_SOON, "silent", "closed", "stalled", NOT_FOUND, BUSY, FORBIDDEN, REFUSED_REQUEST)


@dataclass(frozen=True)
class AudioTrust:
    """`fault` is why audio is left out, with the cure, since the instant `since`; empty if it is asked for.

    `failures` counts the runs with audio in a row that failed; with a fault, that it is a guess from these.
    """

    fault: str = ""
    since: float = 0.0
    failures: int = 0

    def at_start(self, now: float) -> AudioTrust:
        """What a run that starts now goes by."""
        return self if not self.fault or 0 <= now - self.since < TRIED_AGAIN else AudioTrust()

    def without(self, fault: str, now: float) -> AudioTrust:
        """After the audio was found to be at fault."""
        return AudioTrust(fault, now)

    def failed(self, why: Diagnosis, audio: str, healthy_for: float, now: float) -> AudioTrust:
        """After a run failed that had recorded for so many seconds, with audio in this codec; empty for none."""
        suspicious = why.cause in (_SOON if healthy_for else _BEFORE_A_FRAME) and healthy_for < HEALTHY_AFTER
        if not audio:
            return AudioTrust() if suspicious and self.failures else self  # audio was not at fault
        if why.cause == AUDIO:
            return self.without(why.reason, now)
        failures = self.failures + 1 if suspicious else 0
        if failures < _FAILURES:
            return AudioTrust(failures=failures)
        fault = (
            f"FFmpeg failed twice with the camera's {audio} audio ({why.reason}), so it is left out; "
            "set the camera to AAC-LC or G.711, or switch its audio off"
        )
        return AudioTrust(fault, now, failures)
