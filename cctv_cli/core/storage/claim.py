"""What a supervisor writes into its storage, so that cleanups recognize it: not another one or an empty mount point."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import List, Optional, Tuple

from cctv_cli.core import files
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.disk_threads import DiskThreads
from cctv_cli.core.layout import CameraLayout, login_files
from cctv_cli.core.storage.marker import ensure_marker, place, remember_days, remember_own_disks

log = logging.getLogger("cctv.storage")


class StorageClaim:
    """The storage in which this process records: `storage_id` is the id in its marker, None before `begin`.

    `unmarked` is the `place` of that storage, needed while its disk has no room for a marker. A hung disk
    delays `begin` and `remember_days` by no more than the limit of `disks`.
    """

    def __init__(self, storage: Path, disks: DiskThreads) -> None:
        self._storage = storage
        self._disks = disks
        self.storage_id: Optional[str] = None
        self.unmarked: Optional[Tuple[int, int]] = None

    def begin(self, settings: Settings) -> None:
        """Mark the storage, and note which cameras have their own disks; errors are logged."""
        own_disks = partial(remember_own_disks, self._storage, self._answering(settings))
        try:
            self._disks.ask(self._storage, "mark", self._mark_first)
            self._disks.ask(self._storage, "own disks", own_disks)
        except OSError as error:
            log.error("the storage %s cannot be marked for now: %s", self._storage, error)

    def _mark_first(self) -> None:
        """Raises OSError."""
        self.unmarked = place(self._storage)
        self.storage_id = ensure_marker(self._storage)
        for path in (self._storage, login_files(self._storage)[0].parent):
            with suppress(FileNotFoundError), files.Folder.at(path) as folder:
                files.remove_drafts(folder)

    def _answering(self, settings: Settings) -> List[str]:
        """The cameras whose disks answer."""
        found = []
        for camera in settings.cameras:
            recordings = CameraLayout(self._storage, camera.id).recordings
            with suppress(OSError):
                self._disks.ask(recordings, ("exists", camera.id), recordings.exists)
                found.append(camera.id)
        return found

    def mark(self) -> None:
        """Mark the storage once its disk has room, unless it has a marker or is now an empty mount point."""
        if self.storage_id is None and self.unmarked is not None:
            with suppress(OSError):
                self._disks.ask(self._storage, "mark late", self._mark_late)

    def _mark_late(self) -> None:
        if place(self._storage) == self.unmarked:
            self.storage_id = ensure_marker(self._storage)

    def remember_days(self, settings: Settings) -> None:
        """Store each camera's retention days for cleanups that run without the configuration."""
        for camera in settings.cameras:
            layout = CameraLayout(self._storage, camera.id)
            days = settings.days_of(camera)
            try:
                self._disks.ask(layout.recordings, ("days", camera.id), partial(_remember_days, layout, days))
            except OSError as error:
                log.warning("%s: its retention days cannot be stored: %s", layout.camera_id, error)


def _remember_days(layout: CameraLayout, days: int) -> None:
    if layout.folder.is_dir():
        remember_days(layout, days)
