"""What the recorders of this process do now, for readers in the same process.

Other processes read the same from files, which are out of date while a disk refuses writes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict, NamedTuple, Optional

from cctv_cli.core import files
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording.state import RecorderState, Run, from_json


class Shown(NamedTuple):
    """What one stream's recorder does, and its latest run; `is_here` if it runs in this process."""

    state: Optional[RecorderState]
    run: Optional[Run]
    is_here: bool


class Published:
    """The latest state of each recorder of this process, by its stream. Thread-safe: each entry is replaced whole."""

    def __init__(self) -> None:
        self._shown: Dict[Path, Shown] = {}

    def put(self, layout: CameraLayout, state: RecorderState, run: Optional[Run]) -> None:
        """Publish what a recorder does now."""
        self._shown[layout.folder] = Shown(state, run, is_here=True)

    def withdraw(self, layout: CameraLayout) -> None:
        """Forget a recorder that has ended."""
        self._shown.pop(layout.folder, None)

    def read(self, layout: CameraLayout) -> Shown:
        """What a stream's recorder does: from memory if it runs here, from its files otherwise. Raises OSError."""
        return self._shown.get(layout.folder) or Shown(
            from_json(RecorderState, files.read_json(layout.state_file)),
            from_json(Run, files.read_json(layout.run_file)),
            is_here=False,
        )
