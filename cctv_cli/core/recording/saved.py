"""What earlier processes saved for the next one. Nothing that lies on the disk keeps a recorder from starting."""

from __future__ import annotations

import errno
import logging
import os
import stat
from pathlib import Path
from typing import Any, Dict, List, Optional, Type

from cctv_cli.core import files, records
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording.state import FORMAT, Outage, Record, from_json
from cctv_cli.core.units import CameraName

log = logging.getLogger("cctv.recorder")


def read_record(kind: Type[Record], path: Path, camera: CameraName) -> Optional[Record]:
    """The record in a file; None when there is none, and, with a line in the log, when it cannot be read.

    Raises NewerFormat.
    """
    return from_json(kind, _read(path, camera))


def read_outages(path: Path, camera: CameraName) -> List[Outage]:
    """The outages in a file; see `read_record`. Those of a newer cctv are passed over, too, and stay."""
    try:
        left = _read(path, camera).get("gaps")
    except records.NewerFormat as error:
        log.error("%s: %s", camera, error)
        return []
    found = (from_json(Outage, each) for each in (left if isinstance(left, list) else []) if isinstance(each, dict))
    return [outage for outage in found if outage is not None]


def _read(path: Path, camera: CameraName) -> Dict[str, Any]:
    try:
        return files.read_json(path, FORMAT)
    except records.NewerFormat:
        raise  # what a newer cctv wrote must not be written over
    except OSError as error:
        log.error("%s: %s cannot be read and is passed over: %s", camera, path, error)
        return {}


def clear_the_way(layout: CameraLayout) -> None:
    """Set aside what is of the wrong kind where a recorder must write: a folder for a file, a file for a folder.

    A link to a folder that is not there yet stays: its disk may be mounted, or filled again, at any moment.
    """
    for path in (layout.folder, layout.incoming, layout.live):
        if _is_no_folder(path):
            _set_aside(path, "a folder", layout.camera_id)
    locks = (layout.supervisor_lock, layout.supervisor_file, layout.journal_lock)
    for path in (layout.run_file, layout.state_file, layout.waiting_gaps, *locks):
        if os.path.isdir(path) and not os.path.islink(path):
            _set_aside(path, "a file", layout.camera_id)


def _is_no_folder(path: Path) -> bool:
    """Whether something else lies there, or a link that leads to nothing but itself."""
    try:
        return not stat.S_ISDIR(os.stat(path).st_mode)
    except FileNotFoundError:
        return False
    except OSError as error:
        return error.errno == errno.ELOOP


def _set_aside(path: Path, expected: str, camera: CameraName) -> None:
    try:
        log.error("%s: %s is not %s; it is now called %s", camera, path, expected, files.set_aside(path).name)
    except OSError as error:
        log.error("%s: %s is not %s and cannot be set aside: %s", camera, path, expected, error)
