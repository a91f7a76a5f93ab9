"""The main stream of a camera, as the recorder of its sub stream follows it."""

from __future__ import annotations

from typing import Optional

from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording.saved import read_record
from cctv_cli.core.recording.state import Run


class MainStream:
    """Knows the main stream's run.

    Players that switch between the two streams go by media time, and by the count of discontinuities
    (RFC 8216 6.2.4): the sub stream's media time counts from the start of the main stream, and its FFmpeg
    is restarted with that one's.
    """

    def __init__(self, layout: CameraLayout) -> None:
        self._layout = layout
        self._run: Optional[Run] = None
        self.restarted = False  # at the last change that was seen: not when it was seen first

    def changed(self) -> bool:
        """Look: whether another run has begun since the last look."""
        run = read_record(Run, self._layout.run_file, self._layout.camera_id)
        if run is None or (self._run is not None and run.run == self._run.run):
            return False
        self.restarted = self._run is not None
        self._run = run
        return True

    @property
    def audio(self) -> Optional[str]:
        """Its audio codec; None when it is not known."""
        return None if self._run is None else self._run.audio

    def media_time(self, now: float) -> float:
        """Its media time at the instant `now`, in seconds."""
        return 0.0 if self._run is None else max(0.0, now - self._run.started)
