"""Restarts for less than the recording, a changed picture or a stopped live window, are kept rare. Pure."""

from __future__ import annotations

from typing import Optional

from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.recording import stall
from cctv_cli.core.recording.stall import Observation

_LIVE_MOST = 1800.0  # maximum seconds between restarts for the live window alone


class Restraint:
    """Remembers when the runs of a camera were restarted for such a reason."""

    def __init__(self) -> None:
        self._live_patience = 0.0  # seconds, in place of the usual ones
        self._picture_changed_at = -stall.PICTURE_LASTS  # monotonic

    def verdict(self, seen: Observation, healthy_for: float, monotonic: float) -> Optional[Diagnosis]:
        """Why a run must be restarted that has had frames for `healthy_for` seconds; see `stall.verdict`."""
        trouble = stall.verdict(
            seen, live_patience=self._live_patience, picture_changed_for=monotonic - self._picture_changed_at
        )
        if trouble is stall.PICTURE_CHANGED:
            self._picture_changed_at = monotonic
        elif trouble is not None and seen.live_still_for < seen.patience and healthy_for > _LIVE_MOST:
            self._live_patience = 0.0
        return trouble

    def revives_live(self, seen: Observation) -> None:
        """A restart for the live window costs a second of recording, so it is tried less and less often."""
        self._live_patience = min(2 * max(self._live_patience, seen.patience), _LIVE_MOST)
