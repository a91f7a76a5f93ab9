"""What operators want of a camera, in files of its folder: who may write there controls it, also while nothing runs.

`.stopped` lasts until the camera is started again. `.restart` names the run that shall be replaced, so however often a
supervisor reads it, and whichever supervisor does, there is one restart.
"""

from __future__ import annotations

import logging
from typing import Optional

from cctv_cli.core import files
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording.saved import read_record
from cctv_cli.core.recording.state import Run

_LONGEST = 100  # bytes that are read of a request; more is none of cctv

log = logging.getLogger("cctv.recorder")


def stop(layout: CameraLayout) -> None:
    """Stop the camera until `start`. Raises OSError."""
    layout.folder.mkdir(parents=True, exist_ok=True)
    files.replace_text(layout.stopped_file, "")


def start(layout: CameraLayout) -> None:
    """Let a stopped camera record again. Raises OSError."""
    files.remove(layout.stopped_file)


def is_stopped(layout: CameraLayout) -> bool:
    """Whether an operator stopped the camera. Raises OSError."""
    return layout.stopped_file.exists()


def restart(layout: CameraLayout) -> None:
    """Ask for another FFmpeg in place of the current one, or for a new try if none runs. Raises OSError."""
    run = read_record(Run, layout.run_file, layout.camera_id)
    files.replace_text(layout.restart_file, "" if run is None else run.run)


class RestartRequest:
    """The request to restart a camera, as its recorder sees it."""

    def __init__(self, layout: CameraLayout) -> None:
        self._layout = layout
        self._done: Optional[str] = None  # though the file could not be removed

    def run(self) -> Optional[str]:
        """The run that shall be replaced, empty for none; None without a request that can be read."""
        try:
            text = files.read_text(self._layout.restart_file, most=_LONGEST)
        except OSError:
            return None
        return None if text == self._done else text

    def done(self, run: str) -> None:
        """Forget the request to replace this run."""
        try:
            files.remove(self._layout.restart_file)
        except OSError as error:
            log.error("%s: a request stays that is done: %s", self._layout.camera_id, error)
            self._done = run
