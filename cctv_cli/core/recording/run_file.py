"""Writes `.run.json`: the current run of a camera and, while two run side by side, the one that continues it."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from cctv_cli.core import files
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording.state import Run, to_json


class RunFile:
    """The run file of one camera. Its methods raise OSError."""

    def __init__(self, layout: CameraLayout) -> None:
        self._layout = layout
        self._current: Optional[Run] = None
        self._successor: Optional[Run] = None

    def describe(self, current: Run, successor: Optional[Run] = None) -> None:
        """Describe these runs from the next `save` on."""
        self._current, self._successor = current, successor

    def describes(self, run: Run) -> bool:
        """Whether it describes this run, as one of the two."""
        return any(each is not None and each.run == run.run for each in (self._current, self._successor))

    def save(self, run: Run, *, durable: bool) -> None:
        """Write what is new of one of the two; without `durable` it may be lost in a power cut."""
        if self._successor is not None and run.run == self._successor.run:
            self._successor = run
        else:
            self._current = run
        assert self._current is not None
        text = to_json(replace(self._current, successor=self._successor))
        files.replace_text(self._layout.run_file, text, durable=durable)
