"""Publishes what a recorder does: to this process at once, and in `.state.json`, which every front end shows."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Callable, Optional, Tuple

from cctv_cli.core import files
from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording.published import Published
from cctv_cli.core.recording.saved import read_record
from cctv_cli.core.recording.state import RecorderState, Run, State, to_json
from cctv_cli.core.records import NewerFormat

FAILURES = (State.BACKOFF, State.AUTH_FAILED, State.STALLED)

log = logging.getLogger("cctv.recorder")


class StateFile:
    """What a recorder does and why; written when it changes, and retried while the disk refuses it."""

    def __init__(
        self,
        layout: CameraLayout,
        now: Callable[[], float],
        published: Published,
        last_run: Callable[[], Optional[Run]],
    ) -> None:
        """`last_run` gives the current run, or else the last."""
        self._layout = layout
        self._now = now
        self._published = published
        self._last_run = last_run
        self._shown: Optional[RecorderState] = None
        self._written: Optional[RecorderState] = None
        self._last_exit: Tuple[str, Optional[float]] = ("", None)  # why the last FFmpeg ended, and the instant
        self.restarts = 0

    @property
    def has_failed(self) -> bool:
        """Whether the state shown is a failure."""
        return self._shown is not None and self._shown.state in FAILURES

    def load(self) -> Optional[Diagnosis]:
        """Continue the counts of the previous process; returns why nothing was recorded when it ended.

        A newer cctv's file is ignored and later replaced, because it belongs to the current supervisor.
        """
        earlier: Optional[RecorderState] = None
        with suppress(NewerFormat):
            earlier = read_record(RecorderState, self._layout.state_file, self._layout.camera_id)
        if earlier is None:
            return None
        self.restarts, self._last_exit = earlier.restarts, (earlier.last_exit, earlier.last_exit_at)
        return Diagnosis(earlier.cause, earlier.reason) if earlier.cause else None

    def note_exit(self, reason: str) -> None:
        """Note that an FFmpeg ended just now."""
        self._last_exit = (reason, self._now())

    def show(self, state: State, reason: str, cause: str = "", retry_at: Optional[float] = None) -> None:
        """Show what the recorder does now. Errors are logged."""
        before, run = self._shown, self._last_run()
        is_same_state = before is not None and before.state is state
        shown = RecorderState(
            state=state,
            reason=reason,
            since=before.since if before is not None and is_same_state else self._now(),
            cause=cause,
            restarts=self.restarts,
            codec=run.codec if run else "",
            audio=run.audio if run else "",
            retry_at=retry_at,
            last_exit=self._last_exit[0],
            last_exit_at=self._last_exit[1],
            failure=self._failure(state, reason),
        )
        self._shown = shown
        self._published.put(self._layout, shown, run)
        if not is_same_state and state not in FAILURES:  # failures are logged as they happen
            log.info("%s: %s: %s", self._layout.camera_id, state.value, reason)
        if shown != self._written and self._write(shown):
            self._written = shown

    def _failure(self, state: State, reason: str) -> str:
        """The last failure, kept while nothing is recorded: each retry passes through STARTING."""
        if state in FAILURES:
            return reason
        return self._shown.failure if state is State.STARTING and self._shown is not None else ""

    def _write(self, shown: RecorderState) -> bool:
        try:
            files.replace_text(self._layout.state_file, to_json(shown), durable=False)
        except OSError:
            try:  # a full disk has no room for a second file, but the old one can be overwritten
                files.overwrite_text(self._layout.state_file, to_json(shown))
            except OSError as error:
                log.error("%s: the state cannot be written: %s", self._layout.camera_id, error)
                return False
        return True
