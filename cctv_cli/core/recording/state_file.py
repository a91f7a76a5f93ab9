"""Writes a recorder's `.state.json`, which every front shows."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Callable, Optional, Tuple

from cctv_cli.core import files
from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording.saved import read_record
from cctv_cli.core.recording.state import RecorderState, Run, State, to_json
from cctv_cli.core.records import NewerFormat

FAILURES = (State.BACKOFF, State.AUTH_FAILED, State.STALLED)

log = logging.getLogger("cctv.recorder")


class StateFile:
    """What a recorder does and why, on disk: written when something in it changed."""

    def __init__(self, layout: CameraLayout, now: Callable[[], float]) -> None:
        self._layout = layout
        self._now = now
        self._written: Optional[RecorderState] = None
        self._last_exit: Tuple[str, Optional[float]] = ("", None)  # why the last FFmpeg ended, and the instant
        self.restarts = 0

    @property
    def has_failed(self) -> bool:
        """Whether a failure is what it shows."""
        return self._written is not None and self._written.state in FAILURES

    def load(self) -> Optional[Diagnosis]:
        """Why nothing was recorded when the process before this one ended; counts go on from there.

        What a newer cctv showed is not known: the file belongs to the process that supervises now.
        """
        earlier: Optional[RecorderState] = None
        with suppress(NewerFormat):
            earlier = read_record(RecorderState, self._layout.state_file, self._layout.camera_id)
        if earlier is None:
            return None
        self.restarts, self._last_exit = earlier.restarts, (earlier.last_exit, earlier.last_exit_at)
        return Diagnosis(earlier.cause, earlier.reason) if earlier.cause else None

    def note_exit(self, reason: str) -> None:
        """An FFmpeg ended just now."""
        self._last_exit = (reason, self._now())

    def show(
        self, state: State, reason: str, cause: str = "", retry_at: Optional[float] = None, *, run: Optional[Run]
    ) -> None:
        """Write what the recorder does now; `run` is the one that goes on, or else the last. Errors are logged."""
        before = self._written
        goes_on = before is not None and before.state is state
        shown = RecorderState(
            state=state,
            reason=reason,
            since=before.since if before is not None and goes_on else self._now(),
            cause=cause,
            restarts=self.restarts,
            codec=run.codec if run else "",
            audio=run.audio if run else "",
            retry_at=retry_at,
            last_exit=self._last_exit[0],
            last_exit_at=self._last_exit[1],
            failure=self._failure(state, reason),
        )
        if shown == before:
            return
        if not goes_on and state not in FAILURES:  # failures are logged as they happen
            log.info("%s: %s: %s", self._layout.camera_id, state.value, reason)
        if self._write(shown):
            self._written = shown

    def _failure(self, state: State, reason: str) -> str:
        """Why it failed last, while nothing is recorded yet: tries follow each other, and each one is a start."""
        if state in FAILURES:
            return reason
        return self._written.failure if state is State.STARTING and self._written is not None else ""

    def _write(self, shown: RecorderState) -> bool:
        try:
            files.replace_text(self._layout.state_file, to_json(shown), durable=False)
        except OSError:
            try:  # a full disk has no room for a second file, but the old one can be written over
                files.overwrite_text(self._layout.state_file, to_json(shown))
            except OSError as error:
                log.error("%s: the state cannot be written: %s", self._layout.camera_id, error)
                return False
        return True
