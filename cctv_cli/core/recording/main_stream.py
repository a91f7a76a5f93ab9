"""The main stream of a camera, as the recorder of its sub stream sees it."""

from __future__ import annotations

from typing import Optional

from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording.saved import read_record
from cctv_cli.core.recording.state import Run


class MainStream:
    """Follows the runs of the main stream.

    Players that switch between the two streams rely on media time and on the count of discontinuities
    (RFC 8216 6.2.4). So the sub stream's media time counts from the start of the main stream's run, and its
    FFmpeg is restarted whenever the main stream's is.
    """

    def __init__(self, layout: CameraLayout) -> None:
        self._layout = layout
        self._run: Optional[Run] = None
        self.restarted = False  # whether the last change was a restart, not the first run seen

    def changed(self) -> bool:
        """Read the run file; returns whether another run has begun since the last call."""
        run = read_record(Run, self._layout.run_file, self._layout.camera_id)
        if run is None or (self._run is not None and run.run == self._run.run):
            return False
        self.restarted = self._run is not None
        self._run = run
        return True

    @property
    def audio(self) -> Optional[str]:
        """The codec of its recorded audio, empty for none; None if it is unknown."""
        if self._run is None:
            return None
        return self._run.audio if self._run.has_audio else ""

    def media_time(self, now: float) -> float:
        """Its media time at the instant `now`, in seconds."""
        return 0.0 if self._run is None else max(0.0, now - self._run.started)
