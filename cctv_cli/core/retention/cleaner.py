"""A cleanup: scan the storage, plan, execute. A preview is the same without the last step."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from functools import partial
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from cctv_cli.core import files, locks
from cctv_cli.core.clock import Clock
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.disk_threads import DiskHangs, DiskThreads
from cctv_cli.core.errors import (
    CctvError,
    CleanupIncomplete,
    CleanupRefused,
    CleanupRuns,
    StorageError,
    UnknownCamera,
)
from cctv_cli.core.layout import CameraLayout, cleanup_files
from cctv_cli.core.locks import LockHeld, LocksRefused
from cctv_cli.core.retention.brakes import clock_doubt
from cctv_cli.core.retention.eraser import Erased, Eraser
from cctv_cli.core.retention.hours import Hour, hours_of
from cctv_cli.core.retention.inventory import (
    NOTHING,
    CameraInventory,
    Count,
    Disk,
    Inventory,
    Plan,
    RetentionRules,
    Verdict,
    unjournalled,
)
from cctv_cli.core.retention.plan import plan
from cctv_cli.core.retention.scan import CameraScan
from cctv_cli.core.retention.survey import PATIENCE, CameraSurvey, Surveyor, trouble
from cctv_cli.core.storage.marker import (
    Marker,
    ensure_marker,
    place,
    read_marker,
    refuse_newer,
    write_marker,
)

log = logging.getLogger("cctv.cleanup")

Progress = Callable[[int, int], None]  # files done, files in all

_MOST_PROBLEMS = 20  # sentences that are remembered


@dataclass(frozen=True)
class Cleanup:
    """What a cleanup does, or did: the plan, what else the scans found, and the result.

    `unseen` are the ids of cameras that could not be read, and `troubles` say why; `failed` are (path below the
    storage, reason) of what could not be deleted; `done` counts what was deleted (nothing in a preview).
    """

    plan: Plan
    scans: Tuple[CameraScan, ...]
    troubles: Tuple[str, ...]
    unseen: Tuple[str, ...] = ()
    executed: bool = False
    done: Count = NOTHING
    failed: Tuple[Tuple[str, str], ...] = ()

    def counts(self, *, deletes: bool) -> Dict[Tuple[str, Verdict], Count]:
        """The plan's recordings that go or stay, by camera and verdict."""
        found: Dict[Tuple[str, Verdict], Count] = defaultdict(Count)
        for camera in self.plan.cameras:
            for index in range(len(camera.verdicts)):
                for verdict, count in camera.counts(index).items():
                    if verdict.deletes == deletes:
                        found[(camera.facts.camera_id, verdict)] += count
        return dict(found)

    @property
    def to_delete(self) -> Count:
        """The recordings that the plan deletes."""
        return sum(self.counts(deletes=True).values(), NOTHING)

    def free_after(self, key: int) -> int:
        """The bytes that are free on a disk after the plan is executed."""
        counts = self.counts(deletes=True)
        there = {camera.facts.camera_id for camera in self.plan.cameras if camera.facts.disk == key}
        disk = self.plan.facts.disks[key]
        return min(disk.total, disk.free + sum(count.bytes for (name, _), count in counts.items() if name in there))

    @property
    def problems(self) -> Tuple[str, ...]:
        """Sentences about what is not deleted although the settings ask for it; refusals of brakes come first."""
        problems = [*(refusal.reason for refusal in self.plan.refusals), *self.troubles]
        if self.failed:
            path, reason = self.failed[0]
            more = f" and {len(self.failed) - 1} more" if len(self.failed) > 1 else ""
            problems.append(
                f"{path}{more} could not be deleted ({reason}); "
                "correct the permissions or the disk, the next cleanup tries again"
            )
        return (*problems, *self.plan.shortfalls)

    @property
    def error(self) -> Optional[CctvError]:
        """The problems as CleanupRefused or CleanupIncomplete; None when there are none."""
        if not self.problems:
            return None
        return (CleanupRefused if self.plan.refusals else CleanupIncomplete)("\n".join(self.problems))

    def raise_troubles(self) -> None:
        """Raise the error, if there is one."""
        if self.error is not None:
            raise self.error


@dataclass
class _Tally:
    files: int = 0
    bytes: int = 0
    failed: List[Tuple[str, str]] = field(default_factory=list)

    def add(self, erased: Erased) -> None:
        self.files += erased.files
        self.bytes += erased.bytes
        self.failed += erased.failed


class Cleaner:
    """Cleans up one storage according to the settings.

    `storage_id` is the marker that the storage had when this process began to record into it, None
    if it does not. `unmarked` is the `place` of a storage into which it records though the disk was too full
    for a marker. `disks` makes the calls that may hang; cleaners of one process share it, so that a disk that hangs
    holds up one thread and not one for each cleanup.
    """

    def __init__(
        self,
        settings: Settings,
        tz: Optional[tzinfo],
        clock: Clock,
        storage_id: Optional[str] = None,
        unmarked: Optional[Tuple[int, int]] = None,
        disks: Optional[DiskThreads] = None,
    ) -> None:
        self._settings = settings
        self._tz = tz
        self._clock = clock
        self._disks = disks or DiskThreads()
        self._surveyor = Surveyor(settings.storage, tz, self._disks)
        self._storage_id = storage_id
        self._unmarked = unmarked

    def preview(self, cameras: Sequence[str] = (), *, force: bool = False) -> Cleanup:
        """What `run` would do now. `cameras` are ids, none for all; see `run` for the errors."""
        try:
            self._refuse_newer()
            return self._plan(cameras, force=force)
        except OSError as error:
            raise self._unusable(error) from error

    def run(
        self,
        cameras: Sequence[str] = (),
        *,
        force: bool = False,
        progress: Optional[Progress] = None,
        ended: Callable[[], bool] = lambda: False,
    ) -> Cleanup:
        """Delete what the plan says, oldest days first; `force` overrules the brakes.

        With `cameras` the limits of all cameras together do not apply. `ended` is called between hours: true stops
        the cleanup. The answer says what a brake held back and what could not be deleted, see
        `Cleanup.raise_troubles`. Raises CleanupRuns, UnknownCamera, StorageError.
        """
        try:
            self._refuse_newer()
            with self._only_one():
                planned = self._plan(cameras, force=force)
                done = self._execute(planned, progress or (lambda done, total: None), ended)
                if force:
                    with suppress(OSError):  # holds may fill the disk; the next cleanup tries again
                        ensure_marker(self._settings.storage)
                if force or not ended():
                    self._remember(done, force=force)
                return done
        except OSError as error:
            raise self._unusable(error) from error

    def disks(self) -> Dict[int, Disk]:
        """The disks that hold recordings and answer, by device number. Raises OSError."""
        return self._surveyor.find().disks

    # ---- plan

    def _refuse_newer(self) -> None:
        """Raises StorageError, OSError."""
        storage = self._settings.storage
        self._disks.ask(storage, "format", partial(refuse_newer, storage))

    def _plan(self, cameras: Sequence[str], *, force: bool) -> Cleanup:
        settings = self._settings
        found = self._surveyor.find()
        seen = self._surveyor.survey(found, self._wanted(cameras, found.cameras))
        marker = read_marker(settings.storage)
        root = os.stat(settings.storage).st_dev
        facts = Inventory(
            cameras=tuple(self._inventory(camera, marker, root) for camera in seen.cameras),
            disks=found.disks,
            limits=RetentionRules(settings.max_size, settings.min_free, settings.most_deleted),
            now=self._clock.now(),
            cleaned_at=marker.cleaned_at if marker else None,
            whole=not cameras,
            storage_doubt=self._storage_doubt(marker) if any(camera.scan.days for camera in seen.cameras) else "",
            unconfigured=not settings.cameras,
            records_here=self._storage_id is None and self._unmarked == place(settings.storage),
        )
        scans = tuple(camera.scan for camera in seen.cameras)
        return Cleanup(plan(facts, force=force), scans, seen.troubles, seen.unseen)

    def _wanted(self, cameras: Sequence[str], there: Sequence[str]) -> List[str]:
        configured = {camera.id for camera in self._settings.cameras}
        for camera_id in cameras:
            if camera_id not in there and camera_id not in configured:
                known = ", ".join(sorted(configured.union(there))) or "none"
                raise UnknownCamera(f"No camera {camera_id[:80]!r} is configured or has recordings; known: {known}")
        return [camera_id for camera_id in there if not cameras or camera_id in cameras]

    def _inventory(self, seen: CameraSurvey, marker: Optional[Marker], root: int) -> CameraInventory:
        settings, camera_id = self._settings, seen.scan.camera_id
        camera = next((camera for camera in settings.cameras if camera.id == camera_id), None)
        if camera is not None:
            days, max_size = settings.days_of(camera), camera.max_size
        else:
            days, max_size = max(settings.retention_days, seen.remembered_days), None
        oldest = marker.oldest.get(camera_id) if marker else None
        lacks_disk = marker is not None and camera_id in marker.own_disks and seen.device == root
        return CameraInventory(camera_id, days, max_size, seen.device, tuple(seen.scan.days), oldest, lacks_disk)

    def _storage_doubt(self, marker: Optional[Marker]) -> str:
        storage = self._settings.storage
        if self._storage_id is not None and (marker is None or marker.id != self._storage_id):
            return (
                f"The storage {storage} is not the one in which this process began to record; "
                "check that its disk is mounted, then restart cctv"
            )
        if marker is None:
            return (
                f"The storage {storage} has recordings but no file .cctv-storage, as if its disk was not mounted; "
                "check that, then start cctv serve, or clean up once with --force"
            )
        return ""

    # ---- execution

    def _execute(self, planned: Cleanup, progress: Progress, ended: Callable[[], bool]) -> Cleanup:
        facts = planned.plan.facts
        if not facts.records_here and any(refusal.brake == "storage" for refusal in planned.plan.refusals):
            return replace(planned, executed=True)
        total = planned.to_delete.files + sum(len(u.files) for scan in planned.scans for u in scan.unfinished)
        tally, seen = _Tally(), 0
        erasers = [Eraser(CameraLayout(self._settings.storage, s.camera_id), self._tz) for s in planned.scans]
        hung: Dict[int, str] = {}  # why cameras' disks fail, by their numbers in the plan
        for item in hours_of(planned.plan, planned.scans):
            if ended():
                break
            if item.camera not in hung:
                try:
                    tally.add(self._erase(erasers[item.camera], planned.scans[item.camera].camera_id, item))
                except DiskHangs as error:
                    hung[item.camera] = trouble(planned.scans[item.camera].camera_id, error)
            seen += len(item.deletions) + len(item.leftovers)
            progress(seen, total)
        return replace(
            planned,
            executed=True,
            done=Count(tally.files, tally.bytes),
            failed=tuple(tally.failed),
            troubles=(*planned.troubles, *hung.values()),
        )

    def _erase(self, eraser: Eraser, camera_id: str, item: Hour) -> Erased:
        """Delete an hour on its disk's thread. Raises DiskHangs.

        If the disk answers again later, that thread finishes the hour: it holds the camera's lock, so nobody else
        has touched the hour or put a hold on it since.
        """
        call = partial(eraser.erase, item.day, item.hour, item.deletions, item.leftovers)
        place = CameraLayout(self._settings.storage, camera_id).recordings
        return self._disks.ask(place, ("erase", camera_id, item.day, item.hour), call, limit=PATIENCE)

    def _remember(self, done: Cleanup, *, force: bool) -> None:
        """Note what a cleanup of all cameras did not do, what it found in no journal, and, if it trusted the clock,
        when it was and what it saw.

        A cleanup that saw only some of the cameras renews an earlier trust in the clock, for systems in which that is
        all that runs for weeks. Every cleanup notes which cameras have their own disks; force forgets those that are
        not mounted.
        """
        facts, marker = done.plan.facts, read_marker(self._settings.storage)
        if marker is None or (facts.storage_doubt and not force):
            return
        removed = {camera.camera_id for camera in facts.cameras if camera.lacks_disk and force}
        root = os.stat(self._settings.storage).st_dev
        own = {camera.camera_id for camera in facts.cameras if camera.disk != root}
        after = replace(marker, own_disks=tuple(sorted({*marker.own_disks, *own} - removed)))
        if facts.whole:
            unknown = {camera.camera_id: unjournalled(camera) for camera in facts.cameras}
            unknown.update((camera_id, marker.unjournalled.get(camera_id, "")) for camera_id in done.unseen)
            unknown = {camera_id: what for camera_id, what in unknown.items() if what}
            after = replace(after, problems=done.problems[:_MOST_PROBLEMS], unjournalled=unknown)
        saw_all = facts.whole and not done.unseen
        if (saw_all or marker.cleaned_at) and (force or not clock_doubt(facts)):
            after = replace(after, cleaned_at=facts.now, oldest=_oldest(facts, marker, force=force))
        if after == marker:
            return
        try:
            write_marker(self._settings.storage, after)
        except OSError as error:  # a full disk; the old marker is still true
            log.warning("the time of the cleanup cannot be written: %s", error)

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        """Hold the lock of cleanups. Raises CleanupRuns, OSError."""
        file, lock_file = cleanup_files(self._settings.storage)
        try:
            lock = locks.take(lock_file)
        except LockHeld:
            pid = (files.read_text(file) or "unknown").strip()
            raise CleanupRuns(f"Process {pid} is already cleaning up this storage; wait until it is done") from None
        try:
            with suppress(OSError):  # the disk is full, but the lock is what counts
                files.replace_text(file, f"{os.getpid()}\n", durable=False)
            yield
            with suppress(OSError):
                files.remove(file)
        finally:
            lock.release()

    def _unusable(self, error: OSError) -> StorageError:
        if isinstance(error, LocksRefused):
            return StorageError(f"The storage {self._settings.storage} cannot be cleaned up: {error.strerror}")
        return StorageError(
            f"The storage {self._settings.storage} cannot be cleaned up ({error.strerror or error}); "
            "correct HLS_BASE_PATH or --storage, check that its disk is mounted and who may write there"
        )


def _oldest(facts: Inventory, marker: Marker, *, force: bool) -> Dict[str, float]:
    """The earliest start of each camera's recordings, for the marker.

    Recordings that a wrong clock dated before all others do not count, unless an operator has checked them (`force`).
    A camera whose disk is not mounted keeps its earlier value.
    """
    oldest = dict(marker.oldest)
    for camera in facts.cameras:
        starts = [min(day.starts[: day.journalled]) for day in camera.days if day.journalled]
        if starts and (force or not camera.lacks_disk):
            seen = min(starts)
            oldest[camera.camera_id] = seen if force else max(seen, marker.oldest.get(camera.camera_id, seen))
    return oldest
