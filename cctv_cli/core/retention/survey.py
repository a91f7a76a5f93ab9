"""Surveys a storage for a cleanup. Each camera is read on its disk's thread: a disk that hangs holds up no other."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from cctv_cli.core.disk_threads import DiskHangs, DiskThreads
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.retention.inventory import Disk
from cctv_cli.core.retention.scan import CameraScan, camera_names, linked_folder, scan_camera
from cctv_cli.core.storage.marker import remembered_days

PATIENCE = 300.0  # seconds for one camera's scan or one hour's deletion: a slow network share lists years in minutes


@dataclass(frozen=True)
class CameraSurvey:
    """One camera: what the scan found, the device number (st_dev) of its disk, and its remembered retention days."""

    scan: CameraScan
    device: int
    remembered_days: int


@dataclass(frozen=True)
class Survey:
    """The cameras that could be surveyed; `unseen` are the ids of the others, and `troubles` say why, and the cure."""

    cameras: Tuple[CameraSurvey, ...]
    unseen: Tuple[str, ...] = ()
    troubles: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where a camera's recordings are: its layout, device number and disk."""

    layout: CameraLayout
    device: int
    disk: Disk


@dataclass(frozen=True)
class Found:
    """The cameras with recordings, configured or not: their places, or why these cannot be reached, by id."""

    places: Dict[str, Place]
    unreachable: Dict[str, OSError]

    @property
    def cameras(self) -> List[str]:
        """Their ids."""
        return sorted({*self.places, *self.unreachable})

    @property
    def disks(self) -> Dict[int, Disk]:
        """The disks that answer, by device number."""
        found: Dict[int, Disk] = {}
        for place in self.places.values():
            found.setdefault(place.device, place.disk)
        return found


class _Linked(OSError):
    """A symbolic link leads to a camera's recordings."""


class Surveyor:
    """Surveys one storage. `disks` makes every call; a disk that does not answer costs its own cameras only."""

    def __init__(self, storage: Path, tz: Optional[tzinfo], disks: DiskThreads) -> None:
        self._storage = storage
        self._tz = tz
        self._disks = disks

    def find(self) -> Found:
        """Find the cameras. Raises OSError if the storage itself cannot be read."""
        root, names = self._disks.ask(self._storage, "cameras", self._names)
        layouts = [CameraLayout(self._storage, name) for name in names]
        answers = [
            self._disks.submit(layout.recordings, ("place", name), partial(_place, layout, root))
            for name, layout in zip(names, layouts)
        ]
        found = Found({}, {})
        for name, answer in zip(names, answers):
            try:
                place = answer.get()
            except OSError as error:
                found.unreachable[name] = error
            else:
                if place is not None:
                    found.places[name] = place
        return found

    def survey(self, found: Found, cameras: Sequence[str]) -> Survey:
        """Scan these cameras."""
        places = {name: found.places[name] for name in cameras if name in found.places}
        answers = {
            name: self._disks.submit(
                place.layout.recordings, ("scan", name), partial(_survey, place, self._tz), limit=PATIENCE
            )
            for name, place in places.items()
        }
        failed = {name: found.unreachable[name] for name in cameras if name in found.unreachable}
        surveys = []
        for name, answer in answers.items():
            try:
                surveys.append(answer.get())
            except OSError as error:
                failed[name] = error
        troubles = [trouble(name, error) for name, error in sorted(failed.items())]
        troubles += [sentence for each in surveys for sentence in each.scan.unreadable]
        return Survey(tuple(surveys), tuple(sorted(failed)), tuple(troubles))

    def _names(self) -> Tuple[int, List[str]]:
        """The storage's device number, and the names in it that may be cameras' folders."""
        return os.stat(self._storage).st_dev, camera_names(self._storage)


def _place(layout: CameraLayout, root: int) -> Optional[Place]:
    """Where a camera's recordings are; None if it has none. `root` is the storage's device number. Raises OSError."""
    if not os.path.lexists(layout.recordings):
        return None
    link = linked_folder(layout)
    if link is not None:
        raise _Linked(
            f"{link} is a symbolic link, and cleanup follows none; mount the disk there, or move HLS_BASE_PATH"
        )
    device = os.stat(layout.recordings).st_dev
    usage = shutil.disk_usage(layout.recordings)
    path = layout.folder.parent if device == root else layout.recordings
    return Place(layout, device, Disk(str(path), usage.total, usage.free))


def _survey(place: Place, tz: Optional[tzinfo]) -> CameraSurvey:
    return CameraSurvey(scan_camera(place.layout, tz), place.device, remembered_days(place.layout))


def trouble(camera_id: str, error: OSError) -> str:
    """Why a camera is not cleaned up, with the cure."""
    if isinstance(error, _Linked):
        return str(error)
    if isinstance(error, DiskHangs):
        return (
            f"The recordings of {camera_id} are not cleaned up: their disk does not answer; "
            "check its cable, power supply or network share"
        )
    return f"The recordings of {camera_id} cannot be read ({error.strerror or error}); check permissions"
