"""Gathers the facts of a system's health from its files and from the machine, whether or not the server is running.

Each disk is queried on its own thread: one that hangs is reported as a fact and hides no camera on another disk.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from dataclasses import dataclass, replace
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from cctv_cli.core.access.exposure import proxy_settings
from cctv_cli.core.access.policy import Access
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.access.tokens import InClear
from cctv_cli.core.clock import Clock
from cctv_cli.core.config.settings import Camera, Settings
from cctv_cli.core.disk_threads import Answer, DiskHangs, DiskThreads
from cctv_cli.core.errors import TokenError
from cctv_cli.core.health.camera_reader import CameraLook, CameraReader, disk_usage, unread
from cctv_cli.core.health.capacity import promise
from cctv_cli.core.health.facts import AccessFacts, DiskFacts, Facts, HungDisk, ProcessFacts, StorageFacts
from cctv_cli.core.health.usage import Meter
from cctv_cli.core.layout import storage_marker
from cctv_cli.core.recording.published import Published
from cctv_cli.core.storage import disk_clock
from cctv_cli.core.storage.disk_errors import explained
from cctv_cli.core.storage.marker import Marker, read_marker

_FRESH = 1.0  # seconds for which gathered facts are reused
LONGEST = 60.0  # seconds for gathering all facts; the first time takes a few tenths of a second for each camera


@dataclass(frozen=True)
class _StorageLook:
    """Result of one check of the storage root; `denied`: this process may not write to it.

    `proxy_seen` is when a proxy on this machine was seen first, `in_clear` the last token that came without TLS.
    """

    disk: DiskFacts
    marker: Marker
    denied: bool = False
    proxy_seen: Optional[float] = None
    in_clear: Optional[InClear] = None


_NO_ANSWER = _StorageLook(DiskFacts(0, 0, 0, 0, "its disk does not answer"), Marker(""))


class FactsReader:
    """Gathers facts, and caches what did not change. Thread-safe.

    `disks` makes the calls that may hang, `published` has the state of this process's recorders, and `device` is the
    storage's disk (st_dev), if an earlier reader has seen it.
    """

    def __init__(
        self,
        settings: Settings,
        tz: Optional[tzinfo],
        clock: Clock,
        disks: Optional[DiskThreads] = None,
        device: Optional[int] = None,
        published: Optional[Published] = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._disks = disks or DiskThreads()
        self._cameras = [(camera, CameraReader(camera, settings, tz, published)) for camera in settings.cameras]
        self._meter = Meter()
        self.device = device  # of the storage root, when it was first seen
        self._latest: Optional[Tuple[float, float, Facts]] = None
        self._lock = threading.Lock()

    def read(self) -> Tuple[float, Facts]:
        """The facts, gathered within the last second, and the instant at which that began.

        Takes at most LONGEST seconds; callers that wait for the same gathering get the same facts.
        """
        with self._lock:
            monotonic = self._clock.monotonic()
            if self._latest is None or not 0 <= monotonic - self._latest[0] < _FRESH:
                now = self._clock.now()
                facts = self._gather(now, monotonic)
                self._latest = (self._clock.monotonic(), now, facts)
            return self._latest[1:]

    def _gather(self, now: float, monotonic: float) -> Facts:
        until = time.monotonic() + LONGEST
        root = self._disks.submit(self._settings.storage, (self, "storage"), self._look_at_storage)
        answers = [
            self._disks.submit(reader.place, reader, partial(reader.look, now, monotonic))
            for _, reader in self._cameras
        ]
        hung: Dict[str, List[str]] = {}
        looks = [self._camera(camera, answer, until, hung) for (camera, _), answer in zip(self._cameras, answers)]
        try:
            found = root.get(until)
        except DiskHangs:
            found = _NO_ANSWER
            hung.setdefault(root.disk, [])
        supervisors = {look.supervisor for look in looks if look.supervisor is not None}
        processes = tuple(self._measured(process) for look in looks for process in look.processes)
        self._meter.forget_ended()
        return Facts(
            self._meter.system(supervisors),
            processes,
            tuple(look.facts for look in looks),
            self._storage(found, looks, hung, root.disk, may_write=os.getpid() in supervisors),
            AccessFacts(
                Access(self._settings.access) is Access.OPEN,
                None if proxy_settings(self._settings) else found.proxy_seen,
                found.in_clear,
            ),
        )

    def _camera(
        self, camera: Camera, answer: Answer[CameraLook], until: float, hung: Dict[str, List[str]]
    ) -> CameraLook:
        """The result of a camera's check; if its disk did not answer, adds the disk to `hung`."""
        try:
            return answer.get(until)
        except DiskHangs as error:
            hung.setdefault(answer.disk, []).append(camera.id)
            return unread(camera, self._settings, error)

    def _measured(self, process: ProcessFacts) -> ProcessFacts:
        use = None if process.pid is None else self._meter.process(process.pid)
        return process if use is None else replace(process, cpu=use.cpu, memory=use.memory)

    def _storage(
        self,
        root: _StorageLook,
        looks: Sequence[CameraLook],
        hung: Mapping[str, Sequence[str]],
        root_disk: str,
        *,
        may_write: bool,
    ) -> StorageFacts:
        disk, marker = root.disk, root.marker
        if may_write and root.denied:
            disk = replace(disk, fault="this process may not write to it")
        kept, others = tuple(look.storage for look in looks), self._others(looks)
        lost = {look.facts.id for look in looks if look.device is not None and look.device == self.device}
        return StorageFacts(
            disk,
            kept,
            promise(disk, others, kept, self._settings.max_size),
            marker.cleaned_at,
            others,
            marker.problems,
            tuple(name for name in marker.own_disks if name in lost),
            tuple(HungDisk(tuple(names), is_root=name == root_disk) for name, names in hung.items()),
            tuple(marker.unjournalled.items()),
        )

    def _others(self, looks: Sequence[CameraLook]) -> Tuple[DiskFacts, ...]:
        """Each disk, except the storage root's, that has recordings."""
        found: Dict[int, List[CameraLook]] = {}
        for look in looks:
            if look.device is not None and look.device != self.device:
                found.setdefault(look.device, []).append(look)
        return tuple(
            replace(there[0].disk, cameras=tuple(look.facts.id for look in there))
            for there in found.values()
            if there[0].disk is not None
        )

    def _look_at_storage(self) -> _StorageLook:
        """The storage root and its disk, on that disk's thread."""
        storage = self._settings.storage
        look = self._look_at_disk(storage)
        access = AccessStore(storage)
        with contextlib.suppress(OSError, TokenError):  # who asks for health may not be allowed to read this
            look = replace(look, proxy_seen=access.proxy_seen())
            look = replace(look, in_clear=access.in_clear())
        return look

    def _look_at_disk(self, storage: Path) -> _StorageLook:
        disk = disk_usage(_existing(storage), self._settings.min_free)
        if not disk.fault:
            disk = replace(disk, fault=self._fault())
        marker = _marker(storage)
        if disk.fault or not marker.id:  # may be another disk: do not write to it
            return _StorageLook(disk, marker)
        try:
            disk_clock.probe(storage)
        except PermissionError:
            return _StorageLook(disk, marker, denied=True)
        except OSError as error:
            is_full = error.errno == errno.ENOSPC and disk.free < disk.min_free  # that is a finding of its own
            disk = disk if is_full else replace(disk, refusal=explained(error))
        return _StorageLook(disk, marker)

    def _fault(self) -> str:
        storage = self._settings.storage
        try:
            device = storage.stat().st_dev
            if not storage.is_dir():
                return "it is not a folder"
        except OSError as error:
            return f"it does not exist ({error.strerror or error})"
        if self.device is None:
            self.device = device
        return "" if self.device == device else "a different disk is mounted than when cctv started"


def _marker(storage: Path) -> Marker:
    """The storage's marker; a storage that was never cleaned counts as cleaned when it was created."""
    try:
        marker = read_marker(storage)
        if marker is not None and marker.cleaned_at is None:
            made = storage_marker(storage).stat().st_mtime
            return replace(marker, cleaned_at=disk_clock.DiskClock(storage).instant(made))
    except OSError:  # an unreadable storage is a separate finding
        marker = None
    return marker or Marker("")


def _existing(path: Path) -> Path:
    """The path or its nearest existing parent."""
    return next((place for place in (path, *path.absolute().parents) if place.exists()), path)
