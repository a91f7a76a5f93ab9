"""Two runs of one camera side by side: the next one begins before the current one ends, so that nothing is lost.

`.run.json` names both. When both have begun a file with the same key frame, the current run ends, and the next one
continues it from that frame (see `cut`). Until that decision is saved, no file of either is changed or committed, so
after a crash at any moment the files of both say the same to the next supervisor; afterwards it reads the decision.
"""

from __future__ import annotations

import hashlib
import logging
import math
import threading
from contextlib import suppress
from dataclasses import replace
from typing import List, Optional

from cctv_cli.core.ffmpeg import process as processes
from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.layout import media_suffix
from cctv_cli.core.media.segment_file import first_pts, first_sample, key_frames, measure, written_before
from cctv_cli.core.recording.cut import (
    Cut,
    Limits,
    Opening,
    common_cut,
    inner_cut,
    limits_after,
    limits_without_cut,
)
from cctv_cli.core.recording.incoming import incoming_files, remove_repeated
from cctv_cli.core.recording.patience import PATIENT, grace
from cctv_cli.core.recording.reasons import UNSUPERVISED
from cctv_cli.core.recording.run import ActiveRun
from cctv_cli.core.recording.start import Starter
from cctv_cli.core.recording.state import FileEnd, Run

PATIENCE = 300.0  # seconds until both must have cut at the same frame; some cameras send a key frame a minute
_CATCH_UP = 3.0  # seconds that the next run may take to reach as far as the one that has ended
_LOOK = 0.1  # seconds between looks at that
_NEWEST = 4  # files of a run that are compared while it records

log = logging.getLogger("cctv.recorder")


def continued(last: Optional[Run], starter: Starter) -> Optional[Run]:
    """The run to continue with after the `last` one on disk: the one beside it, if it ended unwatched.

    Raises OSError.
    """
    if last is None or last.successor is None or starter.find(last) is not None:
        return last
    old, new = starter.run_of(replace(last, successor=None)), starter.run_of(last.successor)
    new.process = starter.find(new.record)
    if Handover(old, new, UNSUPERVISED, starter).settle(UNSUPERVISED):
        # before any commit: afterwards the files of both no longer say the same
        starter.file.describe(new.record)
        starter.file.save(new.record, durable=True)
    return new.record


class Handover:
    """The current run `old`, and the run `new` that records beside it and will continue it because of `why`.

    Methods raise OSError.
    """

    def __init__(self, old: ActiveRun, new: ActiveRun, why: Diagnosis, starter: Starter) -> None:
        self.old = old
        self.new = new
        self.why = why
        self._layout = starter.layout
        self._file = starter.file
        self._live = starter.live
        self._clock = starter.tools.clock
        self._gives_up_at = self._clock.monotonic() + PATIENCE
        old.catches_up = new.catches_up = False  # their files wait for the cut

    @property
    def new_lives(self) -> bool:
        """Whether the new run's FFmpeg is alive."""
        return self.new.process is not None and self.new.process.alive()

    @property
    def was_refused(self) -> bool:
        """Whether the camera seems to refuse a second session: FFmpeg ended by itself before its first frame."""
        code = None if self.new.process is None else self.new.process.exit_code()
        return self.new.timeline is None and code is not None and code >= 0

    def failure(self) -> str:
        """Poll the new run; returns why it cannot continue the old one, empty if it still may."""
        if self.new.stderr.was_closed() and self.new.process is not None:
            self.new.process.wait(1.0)
        self.new.poll(self._clock.monotonic(), self._clock.now())
        if not self.new_lives:
            self.new.stderr.wait_until_read()
            code = None if self.new.process is None else self.new.process.exit_code()
            return f"a second FFmpeg failed: {self.new.stderr.why_ended(code).reason}"
        with suppress(OSError):  # the disk of the live window does not matter to the recording
            self._live.prune_beside(self.new.record)
        gives_up = self._clock.monotonic() >= self._gives_up_at
        return "a second FFmpeg began no file with the same key frame" if gives_up else ""

    def is_ready(self) -> bool:
        """Whether the new run can continue the old one: both have cut at the same frame, and the new one keeps up."""
        cut = common_cut(self._openings(self.old, _NEWEST), self._openings(self.new, _NEWEST))
        if cut is None:
            return False
        frames = self._frames(self.old, cut.old)
        return self._reached(cut, frames, _CATCH_UP) >= frames

    def drop(self) -> bool:
        """Forget the new run, which has ended, if the old one has all that it recorded; returns whether it has."""
        until = self._clock.monotonic() + _CATCH_UP
        while self._limits().new_end != 0:
            if self._clock.monotonic() >= until:
                return False
            threading.Event().wait(_LOOK)
        self.new.record = replace(self.new.record, end_file=0)
        remove_repeated(self._layout.run_folder(self.new.record.run), self.new.record)
        self.new.close()
        self._live.drop(self.new.record)
        self._file.describe(self.old.record)
        self.old.save()
        return True

    def end_new(self) -> None:
        """End the new run too. This comes before the old one ends, which thus has all that the new one recorded."""
        if self.new.process is not None:
            processes.stop(self.new.process, grace(self.new.record.interval))
        self.new.finish(self._clock.monotonic(), self._clock.now(), read_time=True, ends_live=False)
        try:
            self._live.drop(self.new.record)
        except OSError as error:
            log.error("%s: live segments of run %s stay: %s", self._layout.camera_id, self.new.record.run, error)

    def settle(self, why: Diagnosis) -> bool:
        """Decide which files of both count, once the old run has ended because of `why`; the new run is the last one.

        A new run that stands still is ended. If the decision cannot be saved, this is logged, and no file of the two is
        committed until it is. Returns whether it is saved.
        """
        limits = self._limits()
        new = self.new
        self.old.record = replace(self.old.record, end_file=limits.old_end, ends_at=self._ends_at(limits))
        new.record = replace(
            new.record,
            first_file=limits.new_first,
            end_file=limits.new_end,
            joined=limits.joined,
            cause=why.cause,
            detail=why.reason,
        )
        try:
            self._save()
        except OSError as error:
            log.error("%s: run %s is not saved: %s", self._layout.camera_id, new.record.run, error)
            self.old.save_first = self._save
            return False
        return True

    def _ends_at(self, limits: Limits) -> Optional[FileEnd]:
        if limits.rest is None or limits.old_end is None:
            return None
        run = self.old.record
        last = self._layout.incoming_file(run.run, limits.old_end - 1, media_suffix(run.codec))
        return FileEnd(limits.rest.at, written_before(last, limits.rest))

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
        cut = self._last_cut()
        if cut is None:
            new_until = math.inf if self.new_lives else self._until(self.new)
            return limits_without_cut(self._until(self.old), self._openings(self.new), new_until)
        frames = self._frames(self.old, cut.old)
        reached = self._reached(cut, frames, PATIENT * self.new.record.silence)
        if reached < frames and self.new_lives:
            log.error("%s: run %s stands still and is ended", self._layout.camera_id, self.new.record.run)
            assert self.new.process is not None
            processes.stop(self.new.process, grace(self.new.record.interval))
            reached = self._reached(cut, frames, 0.0)
        return limits_after(cut, frames, reached)

    def _last_cut(self) -> Optional[Cut]:
        """Where the new run continues the old one, which has ended. Waits for the first frame of a living new run."""
        patience = self._clock.monotonic() + PATIENT * self.new.record.silence
        _place(self.old)
        while True:
            lives = self.new_lives
            _place(self.new)
            openings = self._openings(self.new)
            if openings or not lives or self._clock.monotonic() >= patience:
                break
            threading.Event().wait(_LOOK)
        return common_cut(self._openings(self.old), openings) or inner_cut(self._key_frames(self.old), openings)

    def _reached(self, cut: Cut, frames: int, patience: float) -> int:
        """How many frames the new run has from the cut on. A living one gets `patience` seconds to have `frames`."""
        until = self._clock.monotonic() + patience
        while True:
            lives = self.new_lives
            reached = self._frames(self.new, cut.new, frames) + (self.new.record.frames_late if lives else 0)
            if reached >= frames or not lives or self._clock.monotonic() >= until:
                return reached
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

    def _key_frames(self, run: ActiveRun) -> List[Opening]:
        """Every key frame of a run, with which another run may begin; files that cannot be read are left out."""
        found: List[Opening] = []
        line = run.timeline
        if line is None:
            return found
        for number, path in incoming_files(self._layout.run_folder(run.record.run)):
            with suppress(OSError):
                for frame in key_frames(path):
                    digest, at = hashlib.sha256(frame.sample).digest(), line.instant(frame.time)
                    found.append(Opening(number, digest, at, frame if frame.before else None))
        return found

    def _frames(self, run: ActiveRun, begin: Opening, enough: Optional[int] = None) -> int:
        """How many frames a run has written from this one on; no more are counted than are `enough`."""
        count = 0 if begin.frame is None else -begin.frame.before
        for number, path in incoming_files(self._layout.run_folder(run.record.run)):
            with suppress(OSError):
                span = measure(path) if number >= begin.number else None
                count += 0 if span is None else span.frames
            if enough is not None and count >= enough:
                break
        return count

    def _until(self, run: ActiveRun) -> float:
        """The instant up to which a run has recorded, as far as its files show."""
        line = run.timeline
        for _, path in reversed(incoming_files(self._layout.run_folder(run.record.run))):
            with suppress(OSError):
                span = measure(path)
                if span is not None and line is not None:
                    return line.instant(span.first) + span.duration
        return 0.0


def _place(run: ActiveRun) -> None:
    """Map a run's media time to wall time if it was not polled since its first frame."""
    if run.timeline is None:
        with suppress(OSError):
            run.place()
