"""Gathers the facts of a system's health from its files and from the machine: with the server up or down the same."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from cctv_cli.core import files
from cctv_cli.core.clock import DAY, HOUR, Clock
from cctv_cli.core.config.settings import Camera, Settings
from cctv_cli.core.footage.catalog import day_segments
from cctv_cli.core.footage.coverage import Coverage, Piece, coverage, growth, runs
from cctv_cli.core.health.capacity import promise
from cctv_cli.core.health.facts import (
    CameraFacts,
    CameraStorage,
    DiskFacts,
    Facts,
    ProcessFacts,
    StorageFacts,
)
from cctv_cli.core.health.journal_tail import JournalTail
from cctv_cli.core.health.live_meter import LiveMeter
from cctv_cli.core.health.usage import Meter
from cctv_cli.core.hls.playlist import parse_live
from cctv_cli.core.layout import CameraLayout, parse_incoming, storage_marker
from cctv_cli.core.recording.state import RecorderState, Run, State, from_json
from cctv_cli.core.recording.status import CameraStatus, StatusReader, carries
from cctv_cli.core.storage.days import recorded_days
from cctv_cli.core.storage.journal import Journal
from cctv_cli.core.storage.marker import Marker, read_marker
from cctv_cli.core.system import is_read_only

_FRESH = 1.0  # seconds for which the facts are told again: many may ask
_COUNT_EVERY = 60.0  # seconds between looks at what all the days of a camera take
_FUTURE = 60.0  # seconds by which a recording may end in the future: clocks are set by little steps
_LATE = 300.0  # seconds in which a finished file should be committed


class _Day(NamedTuple):
    """What the recordings of a day take, while its journal is this file of this size."""

    file: int
    size: int
    bytes: int


class _Count(NamedTuple):
    """The days that a camera has journals of, oldest first, and the start of the oldest recording."""

    at: float  # monotonic
    days: Dict[str, _Day]
    oldest: Optional[float]


class FactsReader:
    """Gathers facts, and remembers what did not change. Safe to use from many threads.

    `device` is the storage's disk (st_dev), when an earlier reader has seen it.
    """

    def __init__(self, settings: Settings, tz: Optional[tzinfo], clock: Clock, device: Optional[int] = None) -> None:
        self._settings = settings
        self._tz = tz
        self._clock = clock
        self._statuses = StatusReader(settings, tz)
        self._meter = Meter()
        self._tail = JournalTail(tz)
        self._live = LiveMeter()
        self._counted: Dict[str, _Count] = {}
        self.device = device  # of the storage root, when it was first seen
        self._latest: Optional[Tuple[float, float, Facts]] = None
        self._lock = threading.Lock()

    def read(self) -> Tuple[float, Facts]:
        """The facts, and the instant of which they tell: up to a second ago."""
        with self._lock:
            monotonic = self._clock.monotonic()
            if self._latest is None or not 0 <= monotonic - self._latest[0] < _FRESH:
                now = self._clock.now()
                self._latest = (monotonic, now, self._gather(now, monotonic))
            return self._latest[1:]

    def _gather(self, now: float, monotonic: float) -> Facts:
        statuses = [self._statuses.read(camera, now) for camera in self._settings.cameras]
        supervisors = {status.supervisor_pid for status in statuses if status.supervisor_pid is not None}
        disk = self._disk(may_write=os.getpid() in supervisors)
        cameras: List[CameraFacts] = []
        kept: List[CameraStorage] = []
        for camera, status in zip(self._settings.cameras, statuses):
            try:
                facts, storage = self._camera(camera, status, now, monotonic)
            except OSError as error:
                facts, storage = _unreadable(camera, status, error), CameraStorage(camera.id, self._days_kept(camera))
            cameras.append(facts)
            kept.append(storage)
        processes = tuple(process for camera in self._settings.cameras for process in self._processes(camera))
        self._meter.forget_ended()
        system = self._meter.system(supervisors)
        devices, marker = self._devices(), _marker(self._settings.storage)
        others = self._others(devices)
        storage_facts = StorageFacts(
            disk,
            tuple(kept),
            promise(disk, others, kept, self._settings.max_size),
            marker.cleaned_at,
            others,
            marker.problems,
            tuple(name for name in marker.own_disks if devices.get(name, -1) == self.device),
        )
        return Facts(system, processes, tuple(cameras), storage_facts)

    # ---- one camera

    def _camera(
        self, camera: Camera, status: CameraStatus, now: float, monotonic: float
    ) -> Tuple[CameraFacts, CameraStorage]:
        layout = self._statuses.layout(camera.id)
        run = from_json(Run, files.read_json(layout.run_file))
        running_since = run.started if run is not None and status.state is State.RUNNING else None
        recent = self._tail.read(layout, now - DAY)
        last_hour = [piece for piece in recent.pieces if piece.end > now - HOUR]
        facts = self._stream(camera, status, layout, monotonic)

        def covered(pieces: Sequence[Piece], span: float) -> Coverage:
            begin, first, wanted = now - span, recent.first, facts.wanted
            return coverage(pieces, begin, now, first=first, running_since=running_since, wanted=wanted)

        facts = replace(
            facts,
            last_hour=covered(last_hour, HOUR),
            last_day=covered(recent.pieces, DAY),
            restarts_last_hour=max(0, runs(last_hour) - 1),
            future_until=_future(recent.pieces, now),
            waiting=_waiting(layout, now),
        )
        days, oldest = self._count(layout, monotonic)
        grown = growth(recent.pieces, now, running=running_since is not None)
        return facts, CameraStorage(camera.id, self._days_kept(camera), days, grown, oldest, camera.max_size)

    def _stream(self, camera: Camera, status: CameraStatus, layout: CameraLayout, monotonic: float) -> CameraFacts:
        """What the camera does and sends now."""
        shown = from_json(RecorderState, files.read_json(layout.state_file))
        look = self._live.look(layout, parse_live(files.read_text(layout.live_playlist) or ""), monotonic)
        return CameraFacts(
            id=camera.id,
            name=camera.name,
            wanted=camera.enabled and not layout.stopped_file.exists(),
            supervised=status.supervisor_pid is not None,
            state=status.state,
            reason=status.reason,
            since=status.since,
            failure=shown.failure if shown is not None and status.supervisor_pid is not None else "",
            codec=status.codec,
            audio=status.audio,
            width=None if look.picture is None else look.picture.width,
            height=None if look.picture is None else look.picture.height,
            bit_rate=status.bit_rate,
            frame_rate=look.rhythm.frame_rate,
            gop=look.rhythm.gop,
            last_segment_at=status.last_segment_at,
        )

    def _processes(self, camera: Camera) -> Iterator[ProcessFacts]:
        """The FFmpegs of a camera's streams that ever ran."""
        for stream in ("main", "sub"):
            layout = self._statuses.layout(camera.id, sub=stream == "sub")
            try:
                run = from_json(Run, files.read_json(layout.run_file))
                shown = from_json(RecorderState, files.read_json(layout.state_file))
            except OSError:  # told as the camera's reason
                continue
            if run is None:
                continue
            pid = run.pid if run.pid is not None and carries(run.pid, run.run) else None
            use = None if pid is None else self._meter.process(pid)
            yield ProcessFacts(
                camera=camera.id,
                stream=stream,
                pid=pid,
                cpu=None if use is None else use.cpu,
                memory=None if use is None else use.memory,
                started=None if pid is None else run.started,
                restarts=0 if shown is None else shown.restarts,
                last_exit="" if shown is None else shown.last_exit,
                last_exit_at=None if shown is None else shown.last_exit_at,
            )

    # ---- storage

    def _days_kept(self, camera: Camera) -> int:
        return self._settings.days_of(camera)

    def _count(self, layout: CameraLayout, monotonic: float) -> Tuple[Tuple[Tuple[str, int], ...], Optional[float]]:
        """The bytes of each day, oldest first, and the start of the oldest recording. Raises OSError."""
        known = self._counted.get(layout.camera_id)
        if known is None or not 0 <= monotonic - known.at < _COUNT_EVERY:
            before = {} if known is None else known.days
            days = {day: _count_day(layout, day, before.get(day)) for day in recorded_days(layout)}
            first = next((day for day, counted in days.items() if counted.bytes), None)
            if known is None or first is None or days[first] != before.get(first):
                oldest = None if first is None else next((s.start for s in day_segments(layout, first)), None)
            else:
                oldest = known.oldest
            known = self._counted[layout.camera_id] = _Count(monotonic, days, oldest)
        return tuple((day, counted.bytes) for day, counted in known.days.items() if counted.bytes), known.oldest

    def _disk(self, *, may_write: bool) -> DiskFacts:
        """The storage root and its disk; `may_write`: this process records, so it must be able to write."""
        disk = self._usage(_existing(self._settings.storage))
        return disk if disk.fault else replace(disk, fault=self._fault(may_write))

    def _devices(self) -> Dict[str, int]:
        """The disk (st_dev) on which each camera's recordings lie."""
        found = {}
        for camera in self._settings.cameras:
            with suppress(OSError):  # none yet, or told as the camera's reason
                found[camera.id] = self._statuses.layout(camera.id).recordings.stat().st_dev
        return found

    def _others(self, devices: Mapping[str, int]) -> Tuple[DiskFacts, ...]:
        """Each disk, but for the storage root's, that has recordings."""
        found: Dict[int, List[str]] = {}
        for camera_id, device in devices.items():
            if device != self.device:
                found.setdefault(device, []).append(camera_id)
        return tuple(
            replace(self._usage(self._statuses.layout(names[0]).recordings), cameras=tuple(names))
            for names in found.values()
        )

    def _usage(self, place: Path) -> DiskFacts:
        try:
            usage = shutil.disk_usage(place)
        except OSError as error:
            return DiskFacts(0, 0, 0, 0, f"its disk cannot be asked ({error.strerror or error})")
        return DiskFacts(usage.total, usage.used, usage.free, self._settings.min_free.of(usage.total))

    def _fault(self, may_write: bool) -> str:
        storage = self._settings.storage
        try:
            device = storage.stat().st_dev
            if not storage.is_dir():
                return "it is no folder"
        except OSError as error:
            return f"it is not there ({error.strerror or error})"
        if self.device is None:
            self.device = device
        if self.device != device:
            return "another disk is there than when cctv began"
        if is_read_only(storage):
            return "its disk is mounted read-only"
        if may_write and not os.access(storage, os.W_OK):
            return "this process may not write to it"
        return ""


def _count_day(layout: CameraLayout, day: str, before: Optional[_Day]) -> _Day:
    journal = Journal(layout.journal(day))
    try:
        status = journal.path.stat()
        if before is not None and (before.file, before.size) == (status.st_ino, status.st_size):
            return before
        return _Day(status.st_ino, status.st_size, journal.kept_bytes())
    except FileNotFoundError:
        return _Day(0, 0, 0)


def _marker(storage: Path) -> Marker:
    """What the storage's marker remembers; cleaned up was a storage first when it was begun."""
    try:
        marker = read_marker(storage)
        if marker is not None and marker.cleaned_at is None:
            return replace(marker, cleaned_at=storage_marker(storage).stat().st_mtime)
    except OSError:  # a storage that cannot be read is a finding of its own
        marker = None
    return marker or Marker("")


def _existing(path: Path) -> Path:
    """The path or its nearest parent that is there."""
    return next((place for place in (path, *path.absolute().parents) if place.exists()), path)


def _future(pieces: Sequence[Piece], now: float) -> Optional[float]:
    latest = max((piece.end for piece in pieces), default=now)
    return latest if latest > now + _FUTURE else None


def _waiting(layout: CameraLayout, now: float) -> int:
    files = (path for path in layout.incoming.glob("*/*") if parse_incoming(path.name) is not None)
    return sum(now - written > _LATE for written in _times(files))


def _times(files: Iterable[Path]) -> Iterator[float]:
    """When files were last written, but for those that are committed meanwhile."""
    for path in files:
        with suppress(FileNotFoundError):
            yield path.stat().st_mtime


def _unreadable(camera: Camera, status: CameraStatus, error: OSError) -> CameraFacts:
    """What is left to say of a camera whose folder cannot be read."""
    return CameraFacts(
        id=camera.id,
        name=camera.name,
        wanted=camera.enabled,
        supervised=status.supervisor_pid is not None,
        state=State.STOPPED,
        reason=f"its storage cannot be read ({error.strerror or error}); check the disk and permissions",
        since=None,
    )
