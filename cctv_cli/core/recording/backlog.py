"""The commit backlog of one camera: files of ended runs, and the outages between them.

Starting the next FFmpeg is more urgent than committing, so the backlog is worked off in order, one file per poll.
"""

from __future__ import annotations

import logging
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Callable, Collection, List, Optional, Union

from cctv_cli.core import files, records
from cctv_cli.core.clock import Clock
from cctv_cli.core.ffmpeg import process as processes
from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.layout import CameraLayout, is_run, parse_incoming
from cctv_cli.core.recording.patience import grace
from cctv_cli.core.recording.reasons import UNSUPERVISED
from cctv_cli.core.recording.run import ActiveRun
from cctv_cli.core.recording.saved import read_outages, read_record
from cctv_cli.core.recording.state import FORMAT, Outage, Run
from cctv_cli.core.records import NewerFormat
from cctv_cli.core.storage.commit import RecordingStore
from cctv_cli.core.storage.disk_clock import DiskClock
from cctv_cli.core.storage.disk_errors import explained_at

STORAGE_RETRY = 5.0  # seconds between retries after the storage failed
_LAST_PATIENCE = 30.0  # seconds for commits while the process exits: a service manager kills one that takes too long

log = logging.getLogger("cctv.recorder")


class Backlog:
    """The commit backlog of one camera, and why nothing is recorded now.

    A stream for viewing only has no store: nothing is committed or journalled.
    """

    def __init__(self, layout: CameraLayout, store: Optional[RecordingStore], clock: Clock) -> None:
        self._layout = layout
        self._store = store
        self._clock = clock
        self._items: List[Union[ActiveRun, Outage]] = []
        self._store_is_open = False
        self._retry_at = 0.0  # monotonic
        self.fault = ""  # why nothing can be committed; empty if it can
        self.idle_reason: Optional[Diagnosis] = None  # why nothing is recorded now; None while it is

    def __len__(self) -> int:
        return len(self._items)

    def recover(self, last: Optional[Run], living: Collection[str], open_run: Callable[[Run], ActiveRun]) -> None:
        """Queue what ended runs left in their folders; `last` is the latest run, `living` are ids of those that run.

        A folder that cannot be read is left for the next process.
        """
        self._items, self._store_is_open = [], False
        for folder in leftovers(self._layout, living, None if last is None else last.run):
            try:
                self._items.append(self._recover_run(folder, last, open_run))
            except OSError as error:
                log.error("%s: earlier recordings wait in %s: %s", self._layout.camera_id, folder, error)
        for outage in read_outages(self._layout.waiting_gaps, self._layout.camera_id):
            later = (n for n, item in enumerate(self._items) if _begins(item) >= outage.until)
            self._items.insert(next(later, len(self._items)), outage)

    def _recover_run(self, folder: Path, last: Optional[Run], open_run: Callable[[Run], ActiveRun]) -> ActiveRun:
        run = folder.name
        is_last = last is not None and last.run == run
        record = last if is_last else read_record(Run, self._layout.ended_run(run), self._layout.camera_id)
        if record is None or record.run != run:
            began = DiskClock(self._layout.folder).instant(_began(folder))
            record = Run(run, "", began, 0, cause=UNSUPERVISED.cause, detail=UNSUPERVISED.reason)
        stray = processes.find(run, self._layout.folder, None)
        if stray is not None:  # its run file was lost, and two FFmpegs must not share the live window
            processes.stop(stray, grace(record.interval))
        dead = open_run(record)
        dead.waiting(alive=False)  # raises OSError here, so that this folder does not block the others
        if is_last:
            self._finish_live_window(dead)
        return dead

    def _finish_live_window(self, dead: ActiveRun) -> None:
        """Finish the live window of the last run; the next run continues it."""
        try:
            if dead.timeline is None:
                dead.place()
            dead.save_beside_files()
        except OSError as error:
            log.error("%s: earlier recordings wait in %s: %s", self._layout.camera_id, self._layout.incoming, error)
        dead.update_live(alive=False)

    def add(self, run: ActiveRun, why: Diagnosis) -> None:
        """Queue a run that ended; from now on nothing is recorded because of `why`."""
        self._items.append(run)
        if run.timeline is not None:
            self.idle_reason = None
        self.set_idle(why)

    def set_idle(self, why: Diagnosis, *, replaces: Optional[Diagnosis] = None) -> None:
        """Set why nothing is recorded from now on; an outage with another cause ends here and is queued.

        `replaces` is an earlier reason that `why` explains better: it is not journalled.
        """
        before = self.idle_reason
        if self._store is not None and before is not None and before != replaces and before.cause != why.cause:
            # the outage begins where the last recording ends
            self._items.append(Outage(self._clock.now(), before.cause, before.reason))
            self._save_outages()
        self.idle_reason = why

    def commit_next(self, active: Optional[ActiveRun]) -> bool:
        """Commit the oldest waiting file; returns whether another one can be committed at once.

        `active` is the current run. Each call commits one file, because hours of them may wait. When the storage
        fails, `fault` says why, FFmpeg keeps recording, and the commit is retried after STORAGE_RETRY.
        """
        monotonic = self._clock.monotonic()
        if self.fault and monotonic < self._retry_at:
            return False
        try:
            more = self._commit_some(active)
        except OSError as error:
            self._retry_at = monotonic + STORAGE_RETRY
            self._store_is_open = False  # the next try rereads what the disk holds
            fault = explained_at(error)
            if fault != self.fault:
                log.error("%s: recordings wait in %s: %s", self._layout.camera_id, self._layout.incoming, error)
            self.fault = fault
            return False
        self.fault = ""
        return more

    def commit_last(self, active: Optional[ActiveRun]) -> None:
        """Commit what waits before this process exits; what takes too long is left to the next one. Raises OSError."""
        patience = self._clock.monotonic() + _LAST_PATIENCE
        while self._commit_some(active) and self._clock.monotonic() < patience:
            pass

    def _commit_some(self, active: Optional[ActiveRun]) -> bool:
        """Commit one file, those of ended runs first; returns whether more wait. Raises OSError."""
        if self._store is not None and not self._store_is_open:
            self._store.open()
            self._store_is_open = True
        if not self._items:
            return active is not None and active.commit(alive=True, most=1) > 0 and active.waiting(alive=True) > 0
        first = self._items[0]
        if isinstance(first, ActiveRun):
            first.commit(alive=False, most=1)
            if first.waiting(alive=False):
                return True
            first.close()
        elif self._store is not None:
            self._store.explain(first.until, first.cause, first.detail)
        self._items.pop(0)
        self._save_outages()
        return bool(self._items)

    def _save_outages(self) -> None:
        """Save the outages that wait to be journalled, in case this process ends first."""
        waiting = [asdict(item) for item in self._items if isinstance(item, Outage)]
        try:
            self._refuse_newer_outages()
            if waiting:
                files.replace_text(self._layout.waiting_gaps, records.write({"gaps": waiting}, FORMAT), durable=False)
            else:
                files.remove(self._layout.waiting_gaps)
        except OSError as error:
            log.warning("%s: %s cannot be written: %s", self._layout.camera_id, self._layout.waiting_gaps, error)

    def _refuse_newer_outages(self) -> None:
        """Raise NewerFormat if a newer cctv wrote the file; any other file that cannot be read is replaced."""
        try:
            files.read_json(self._layout.waiting_gaps, FORMAT)
        except NewerFormat:
            raise
        except OSError as error:
            log.warning("%s: %s is replaced: %s", self._layout.camera_id, self._layout.waiting_gaps, error)


def _begins(item: Union[ActiveRun, Outage]) -> float:
    return item.record.started if isinstance(item, ActiveRun) else item.until


def leftovers(layout: CameraLayout, living: Collection[str], last: Optional[str] = None) -> List[Path]:
    """The folders that earlier runs left, oldest first, that of the `last` run at the end: it may have begun early."""
    try:
        names = os.listdir(layout.incoming)
    except OSError as error:
        log.error("%s: earlier recordings wait in %s: %s", layout.camera_id, layout.incoming, error)
        return []
    folders = [layout.incoming / name for name in names if is_run(name) and name not in living]
    found = (folder for folder in folders if os.path.isdir(folder))
    return sorted(found, key=lambda folder: (folder.name == last, _began(folder)))


def _began(folder: Path) -> float:
    """About when a run began: the earliest modification time of its files, or the folder's own if it has none.

    Commits change the folder's own time, so it is the last resort. Infinite if the folder cannot be read.
    """
    try:
        written = [path.stat().st_mtime for path in folder.iterdir() if parse_incoming(path.name) is not None]
        return min(written, default=folder.stat().st_mtime)
    except OSError:
        return math.inf


def read_last_run(layout: CameraLayout) -> Optional[Run]:
    """The latest run, from `.run.json`; None if it is unknown.

    Raises NewerFormat while the FFmpeg of a newer cctv records: it must be neither stopped nor doubled. Once it has
    ended, its run file is moved next to its recordings, for a newer cctv to recover, and this version records.
    """
    try:
        return read_record(Run, layout.run_file, layout.camera_id)
    except NewerFormat:
        run = records.parse(files.read_bytes(layout.run_file)).get("run")  # the same key in every version
        if isinstance(run, str) and is_run(run):
            if processes.find(run, layout.folder, None) is not None:
                raise
            if layout.run_folder(run).is_dir():
                os.replace(layout.run_file, layout.ended_run(run))
        return None


def stop_last_run(layout: CameraLayout) -> None:
    """Stop an FFmpeg that was never adopted, or two; its files are left for the next start. Raises OSError.

    The one beside the current one ends first (see `Handover.end_new`).
    """
    last = read_last_run(layout)
    for run in filter(None, () if last is None else (last.successor, last)):
        process = processes.find(run.run, layout.folder, run.pid)
        if process is not None:
            processes.stop(process, grace(run.interval))
