"""Starts the run that will continue a camera's current one, as soon as it may begin beside it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Optional

from cctv_cli.core.clock import DAY
from cctv_cli.core.config.settings import Camera, RtspSource
from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.recording.backlog import STORAGE_RETRY
from cctv_cli.core.recording.handover import Handover
from cctv_cli.core.recording.run import ActiveRun
from cctv_cli.core.recording.start import NoFfmpeg, Starter
from cctv_cli.core.recording.state import Run

_SPREAD = 0.1  # of the time after which a run is replaced, so that cameras that began together do not rotate together
_ALONE_FOR = DAY  # seconds for which a camera that refused a second session is not asked for one

log = logging.getLogger("cctv.recorder")


def is_due(run: Run, media_time: float, rotate_after: float) -> bool:
    """Whether a run must be replaced that has recorded so many seconds of media; for each run it is another time."""
    return media_time >= rotate_after * (1 - _SPREAD * int(run.run[:4], 16) / 0xFFFF)


def may_overlap(camera: Camera, current: Run, now: float) -> bool:
    """Whether a second FFmpeg beside that of the current run can record the same frames."""
    refused = current.alone_since is not None and 0 <= now - current.alone_since < _ALONE_FOR
    return isinstance(camera.source, RtspSource) and not camera.transcode and not refused


class Successors:
    """Starts and forgets the second runs of one camera."""

    def __init__(self, starter: Starter) -> None:
        self._starter = starter
        self._turns = starter.tools.turns
        self._retry_at = 0.0  # monotonic
        self._failed_once = False  # since the current run began

    def may_begin(self, current: ActiveRun) -> bool:
        """Whether a run may begin beside the current one."""
        starter = self._starter
        may = may_overlap(starter.camera, current.record, starter.tools.clock.now())
        return may and starter.main is None and current.timeline is not None

    def begin(self, current: ActiveRun, why: Diagnosis) -> Optional[Handover]:
        """Start the next run beside the current one; None if that must be tried again later."""
        monotonic, source = self._starter.tools.clock.monotonic, self._starter.camera.source
        assert isinstance(source, RtspSource)
        camera_id = self._starter.layout.camera_id
        if monotonic() < self._retry_at or not self._turns.take(camera_id, source, monotonic()):
            return None
        try:
            return Handover(current, self._starter.start(why, beside=current), why, self._starter)
        except (NoFfmpeg, OSError) as error:
            log.error("%s: no FFmpeg can be started beside the current one: %s", camera_id, error)
            self._retry_at = monotonic() + STORAGE_RETRY
            self.release()
            return None

    def resume(self, current: ActiveRun, beside: Run) -> Handover:
        """Continue a handover that an earlier supervisor began."""
        source = self._starter.camera.source
        if isinstance(source, RtspSource):
            self._turns.take(self._starter.layout.camera_id, source, self._starter.tools.clock.monotonic())
        new = self._starter.adopt(beside, self._starter.find(beside))
        return Handover(current, new, Diagnosis(beside.cause, beside.detail), self._starter)

    def drop(self, pair: Handover) -> bool:
        """Forget a second run that failed, so that another one is tried; returns whether that makes sense."""
        if pair.was_refused:
            pair.new.record = replace(pair.new.record, alone_since=self._starter.tools.clock.now())
            return False
        if self._failed_once or pair.new_lives or not pair.drop():
            return False
        self._failed_once = True
        self.release()
        return True

    def settled(self) -> None:
        """The current run has ended; the next one may be replaced as well."""
        self._failed_once = False
        self.release()

    def release(self) -> None:
        """Let another camera have a second session."""
        self._turns.give_back(self._starter.layout.camera_id)
