"""What waits to be committed and journalled: files of runs that ended, and outages between them.

The next FFmpeg's start is more urgent, so it all waits, in the order in which it happened, and is worked
off one file per look.
"""

from __future__ import annotations

import logging
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Callable, List, Optional, Union

from cctv_cli.core import files, records
from cctv_cli.core.clock import Clock
from cctv_cli.core.ffmpeg import process as processes
from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.layout import CameraLayout, is_run, parse_incoming
from cctv_cli.core.recording.reasons import UNSUPERVISED
from cctv_cli.core.recording.run import ActiveRun
from cctv_cli.core.recording.saved import read_outages, read_record
from cctv_cli.core.recording.state import FORMAT, Outage, Run
from cctv_cli.core.records import NewerFormat
from cctv_cli.core.storage.commit import RecordingStore

STORAGE_RETRY = 5.0  # seconds until the storage is tried again after it failed
GRACE = 5.0  # seconds that an FFmpeg gets to end by itself
_LAST_PATIENCE = 30.0  # seconds for which a process that ends commits what waits: systems kill those that linger

log = logging.getLogger("cctv.recorder")


class Backlog:
    """The commit backlog of one camera, and why nothing is recorded now.

    Without a store, of a stream for viewing only, nothing is committed or journalled.
    """

    def __init__(self, layout: CameraLayout, store: Optional[RecordingStore], clock: Clock) -> None:
        self._layout = layout
        self._store = store
        self._clock = clock
        self._items: List[Union[ActiveRun, Outage]] = []
        self._store_is_open = False
        self._retry_at = 0.0  # monotonic
        self.fault = ""  # why everything waits still
        self.why_not: Optional[Diagnosis] = None  # why nothing is recorded now; None while it is

    def __len__(self) -> int:
        return len(self._items)

    def recover(self, last: Optional[Run], living: Optional[str], open_run: Callable[[Run], ActiveRun]) -> None:
        """Take up what ended runs left in their folders; `last` is the latest run, `living` the one that goes on.

        A folder that cannot be read waits for the next process.
        """
        self._items, self._store_is_open = [], False
        for folder in leftovers(self._layout, living):
            try:
                self._items.append(self._take_up(folder, last, open_run))
            except OSError as error:
                log.error("%s: earlier minutes wait in %s: %s", self._layout.camera_id, folder, error)
        for outage in read_outages(self._layout.waiting_gaps, self._layout.camera_id):
            later = (n for n, item in enumerate(self._items) if _begins(item) >= outage.until)
            self._items.insert(next(later, len(self._items)), outage)

    def _take_up(self, folder: Path, last: Optional[Run], open_run: Callable[[Run], ActiveRun]) -> ActiveRun:
        run = folder.name
        is_last = last is not None and last.run == run
        record = last if is_last else read_record(Run, self._layout.ended_run(run), self._layout.camera_id)
        if record is None or record.run != run:
            record = Run(run, "", _began(folder), 0, cause=UNSUPERVISED.cause, detail=UNSUPERVISED.reason)
        stray = processes.find(run, self._layout.folder, None)
        if stray is not None:  # its run file was lost: two recorders would share the live window
            processes.stop(stray, GRACE)
        dead = open_run(record)
        dead.waiting(alive=False)  # Raises OSError: a folder that cannot be read must hold up no other
        if is_last:
            self._end_live_of(dead)
        return dead

    def _end_live_of(self, dead: ActiveRun) -> None:
        """Finish the live window of the last run; what the next one writes goes on from there."""
        try:
            if not dead.placed:
                dead.place()
            dead.remember()
        except OSError as error:
            log.error("%s: earlier minutes wait in %s: %s", self._layout.camera_id, self._layout.incoming, error)
        dead.update_live(alive=False)

    def add(self, run: ActiveRun, why: Diagnosis) -> None:
        """A run ended, and nothing is recorded from now on."""
        self._items.append(run)
        if run.placed:
            self.why_not = None
        self.stops_because(why)

    def stops_because(self, why: Diagnosis, *, explains: Optional[Diagnosis] = None) -> None:
        """From now on nothing is recorded because of `why`; what another cause explains is journalled.

        `explains` is what `why` is the deeper cause of: it takes its place.
        """
        before = self.why_not
        if self._store is not None and before is not None and before != explains and before.cause != why.cause:
            # it begins where the last recording ends
            self._items.append(Outage(self._clock.now(), before.cause, before.reason))
            self._remember_outages()
        self.why_not = why

    def commit_next(self, active: Optional[ActiveRun]) -> bool:
        """Commit one file of those that wait, the oldest first; returns whether more can be at once.

        `active` is the run that goes on. One at a time, between looks: hours of them may wait. A storage that
        takes none is reported by `fault` and tried again soon; meanwhile FFmpeg goes on.
        """
        monotonic = self._clock.monotonic()
        if self.fault and monotonic < self._retry_at:
            return False
        try:
            more = self._commit_some(active)
        except OSError as error:
            self._retry_at = monotonic + STORAGE_RETRY
            self._store_is_open = False  # what the disk holds is read again
            if str(error) != self.fault:
                log.error("%s: minutes wait in %s: %s", self._layout.camera_id, self._layout.incoming, error)
            self.fault = str(error)
            return False
        self.fault = ""
        return more

    def commit_last(self, active: Optional[ActiveRun]) -> None:
        """Commit what waits before this process ends; what takes too long waits for the next one. Raises OSError."""
        patience = self._clock.monotonic() + _LAST_PATIENCE
        while self._commit_some(active) and self._clock.monotonic() < patience:
            pass

    def _commit_some(self, active: Optional[ActiveRun]) -> bool:
        """Commit one file, of ended runs first; returns whether more wait. Raises OSError."""
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
        self._remember_outages()
        return bool(self._items)

    def _remember_outages(self) -> None:
        """Keep those that wait to be journalled for the next process, should this one end before."""
        waiting = [asdict(item) for item in self._items if isinstance(item, Outage)]
        try:
            self._keep_newer_outages()
            if waiting:
                files.replace_text(self._layout.waiting_gaps, records.write({"gaps": waiting}, FORMAT), durable=False)
            else:
                files.remove(self._layout.waiting_gaps)
        except OSError as error:
            log.warning("%s: %s cannot be written: %s", self._layout.camera_id, self._layout.waiting_gaps, error)

    def _keep_newer_outages(self) -> None:
        """Raise NewerFormat for what a newer cctv wrote; whatever else cannot be read is replaced."""
        try:
            files.read_json(self._layout.waiting_gaps, FORMAT)
        except NewerFormat:
            raise
        except OSError as error:
            log.warning("%s: %s is replaced: %s", self._layout.camera_id, self._layout.waiting_gaps, error)


def _begins(item: Union[ActiveRun, Outage]) -> float:
    return item.record.started if isinstance(item, ActiveRun) else item.until


def leftovers(layout: CameraLayout, living: Optional[str]) -> List[Path]:
    """Folders of earlier runs that still hold something, oldest first."""
    try:
        names = os.listdir(layout.incoming)
    except OSError as error:
        log.error("%s: earlier minutes wait in %s: %s", layout.camera_id, layout.incoming, error)
        return []
    folders = [layout.incoming / name for name in names if is_run(name) and name != living]
    return sorted((folder for folder in folders if os.path.isdir(folder)), key=_began)


def _began(folder: Path) -> float:
    """The instant at which the oldest file in a run's folder was written last, or the folder if it has none.

    What is committed, or noted beside the files, changes the folder's own time. Infinite if it cannot be read.
    """
    try:
        written = [path.stat().st_mtime for path in folder.iterdir() if parse_incoming(path.name) is not None]
        return min(written, default=folder.stat().st_mtime)
    except OSError:
        return math.inf


def read_last_run(layout: CameraLayout) -> Optional[Run]:
    """The latest run, by `.run.json`; None when nothing is known of it.

    While the FFmpeg of a newer cctv records, NewerFormat is raised: it is neither stopped nor doubled. When it has
    ended, the file is laid beside what it recorded, for a newer cctv to take up, and this one records.
    """
    try:
        return read_record(Run, layout.run_file, layout.camera_id)
    except NewerFormat:
        run = records.parse(files.read_bytes(layout.run_file)).get("run")  # every version names it so
        if isinstance(run, str) and is_run(run):
            if processes.find(run, layout.folder, None) is not None:
                raise
            if layout.run_folder(run).is_dir():
                os.replace(layout.run_file, layout.ended_run(run))
        return None


def stop_last_run(layout: CameraLayout) -> None:
    """Stop an FFmpeg that could not be taken up; its minutes wait for the next start. Raises OSError."""
    run = read_last_run(layout)
    process = None if run is None else processes.find(run.run, layout.folder, run.pid)
    if process is not None:
        processes.stop(process, GRACE)
