"""Two runs of one camera side by side: the next one begins before the current one ends, so that nothing is lost.

`.run.json` names both. When both have begun a file with the same key frame, the current run ends, and the next one
continues it from that frame (see `cut`). Nothing more must be remembered: after a crash at any moment, the files of
both say the same to the next supervisor.
"""

from __future__ import annotations

import hashlib
import logging
import math
import threading
from contextlib import suppress
from dataclasses import replace
from typing import List, Optional

from cctv_cli.core.clock import DAY
from cctv_cli.core.config.settings import Camera, RtspSource
from cctv_cli.core.ffmpeg import process as processes
from cctv_cli.core.ffmpeg.diagnosis import Diagnosis, diagnose
from cctv_cli.core.media.segment_file import first_pts, first_sample, measure
from cctv_cli.core.media.span import MediaSpan
from cctv_cli.core.recording.backlog import GRACE
from cctv_cli.core.recording.cut import Cut, Limits, Opening, common_cut, limits_after, limits_without_cut
from cctv_cli.core.recording.reasons import UNSUPERVISED
from cctv_cli.core.recording.run import ActiveRun, incoming_files, remove_repeated
from cctv_cli.core.recording.start import Starter
from cctv_cli.core.recording.state import Run

PATIENCE = 300.0  # seconds until both must have cut at the same frame; some cameras send a key frame a minute
_SPREAD = 0.1  # of the time after which a run is replaced, so that cameras that began together do not rotate together
_ALONE_FOR = DAY  # seconds for which a camera that refused a second session is not asked for one
_CATCH_UP = 3.0  # seconds that the next run may take to reach as far as the one that has ended
_LOOK = 0.1  # seconds between looks at that
_NEWEST = 4  # files of a run that are compared while it records

log = logging.getLogger("cctv.recorder")


def is_due(run: Run, media_time: float, rotate_after: float) -> bool:
    """Whether a run must be replaced that has recorded so many seconds of media; for each run it is another time."""
    return media_time >= rotate_after * (1 - _SPREAD * int(run.run[:4], 16) / 0xFFFF)


def may_overlap(camera: Camera, current: Run, now: float) -> bool:
    """Whether a second FFmpeg beside that of the current run can record the same frames."""
    refused = current.alone_since is not None and 0 <= now - current.alone_since < _ALONE_FOR
    is_copied = isinstance(camera.source, RtspSource) and not camera.transcode
    return is_copied and current.anchor is not None and not refused


def continued(last: Optional[Run], starter: Starter) -> Optional[Run]:
    """The run to continue with after the `last` one on disk: the one beside it, if it ended unwatched."""
    if last is None or last.successor is None or starter.find(last) is not None:
        return last
    old, new = starter.run_of(replace(last, successor=None)), starter.run_of(last.successor)
    new.process = starter.find(new.record)
    for run in (old, new):
        if run.timeline is None:
            with suppress(OSError):
                run.place()
    Handover(old, new, UNSUPERVISED, starter).settle(UNSUPERVISED)
    return new.record


class Handover:
    """The current run `old`, and the run `new` that records beside it and will continue it because of `why`."""

    def __init__(self, old: ActiveRun, new: ActiveRun, why: Diagnosis, starter: Starter) -> None:
        self.old = old
        self.new = new
        self.why = why
        self._layout = starter.layout
        self._file = starter.file
        self._live = starter.live
        self._clock = starter.tools.clock
        self._gives_up_at = self._clock.monotonic() + PATIENCE
        new.catches_up = False  # its files wait for the cut

    @property
    def new_lives(self) -> bool:
        """Whether the new run's FFmpeg is alive."""
        return self.new.process is not None and self.new.process.alive()

    @property
    def was_refused(self) -> bool:
        """Whether the camera seems to refuse a second session: it sent no frame, and nobody killed FFmpeg."""
        code = None if self.new.process is None else self.new.process.exit_code()
        return self.new.timeline is None and (code is None or code >= 0)

    def failure(self) -> str:
        """Poll the new run; returns why it cannot continue the old one, empty if it still may."""
        if self.new.stderr.was_closed() and self.new.process is not None:
            self.new.process.wait(1.0)
        self.new.poll(self._clock.monotonic(), self._clock.now())
        if not self.new_lives:
            self.new.stderr.wait_until_read()
            code = None if self.new.process is None else self.new.process.exit_code()
            return f"a second FFmpeg failed: {diagnose(self.new.stderr.recent_lines(), code).reason}"
        gives_up = self._clock.monotonic() >= self._gives_up_at
        return "a second FFmpeg began no file with the same key frame" if gives_up else ""

    def cut(self) -> Optional[Cut]:
        """The files of both that begin with the same frame; None while there are none."""
        return common_cut(self._openings(self.old, _NEWEST), self._openings(self.new, _NEWEST))

    def end_new(self) -> None:
        """End the new run too. This comes before the old one ends, which thus has all that the new one recorded."""
        if self.new.process is not None:
            processes.stop(self.new.process, GRACE)
        self.new.finish(self._clock.monotonic(), self._clock.now(), read_time=True, ends_live=False)
        try:
            self._live.drop(self.new.record)
        except OSError as error:
            log.error("%s: live segments of run %s stay: %s", self._layout.camera_id, self.new.record.run, error)

    def settle(self, why: Diagnosis) -> None:
        """Decide which files of both count, once the old run has ended because of `why`; the new run is the last one.

        If the decision cannot be saved, this is logged, and no file of the two is committed until it is.
        """
        limits = self._limits()
        new = self.new
        self.old.record = replace(self.old.record, end_file=limits.old_end)
        new.record = replace(
            new.record, first_file=limits.new_first, end_file=limits.new_end, cause=why.cause, detail=why.reason
        )
        try:
            self._save()
        except OSError as error:
            log.error("%s: run %s is not saved: %s", self._layout.camera_id, new.record.run, error)
            self.old.save_first = self._save

    def _save(self) -> None:
        new = self.new
        self.old.save_beside_files(durable=True)
        if self._file.describes(new.record):  # else it has ended too, and its record is beside its files
            self._file.describe(new.record)
            new.save()
        if self.new_lives:
            remove_repeated(self._layout.run_folder(new.record.run), new.record)
        else:
            new.save_beside_files()

    def _limits(self) -> Limits:
        openings = self._openings(self.new)
        cut = common_cut(self._openings(self.old), openings)
        if cut is None:
            new_until = math.inf if self.new_lives else self._until(self.new)
            return limits_without_cut(self._until(self.old), openings, new_until)
        frames = self._frames(self.old, cut[0])
        patience = self._clock.monotonic() + _CATCH_UP
        while True:
            lives = self.new_lives
            reached = self._frames(self.new, cut[1]) + (self.new.record.frames_late if lives else 0)
            if reached >= frames or not lives or self._clock.monotonic() >= patience:
                return limits_after(cut, frames, reached, new_lives=lives)
            threading.Event().wait(_LOOK)

    def _openings(self, run: ActiveRun, newest: int = 0) -> List[Opening]:
        """How the `newest` files of a run begin, or all of them; those that cannot be read are left out."""
        found: List[Opening] = []
        line = run.timeline
        for number, path in [] if line is None else incoming_files(self._layout.run_folder(run.record.run))[-newest:]:
            with suppress(OSError):
                sample, time = first_sample(path), first_pts(path)
                if line is not None and sample and time is not None:
                    found.append(Opening(number, hashlib.sha256(sample).digest(), line.instant(time)))
        return found

    def _frames(self, run: ActiveRun, number: int) -> int:
        """How many frames a run has written since the beginning of this file."""
        return sum(span.frames for span in self._spans(run, number))

    def _until(self, run: ActiveRun) -> float:
        """The instant up to which a run has recorded, as far as its files show."""
        spans = self._spans(run, 0)
        return 0.0 if run.timeline is None or not spans else run.timeline.instant(spans[-1].first) + spans[-1].duration

    def _spans(self, run: ActiveRun, number: int) -> List[MediaSpan]:
        """What the run's files cover from this one on, those that can be read."""
        found: List[MediaSpan] = []
        for each, path in incoming_files(self._layout.run_folder(run.record.run)):
            with suppress(OSError):
                span = measure(path) if each >= number else None
                found += [] if span is None else [span]
        return found
