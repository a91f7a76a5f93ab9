"""Reads what earlier processes saved. Nothing on the disk can keep a recorder from starting."""

from __future__ import annotations

import errno
import logging
import os
import stat
from pathlib import Path
from typing import Any, Dict, List, Optional, Type

from cctv_cli.core import files, records
from cctv_cli.core.layout import CameraLayout, is_run
from cctv_cli.core.media.segment_file import cut_off, is_header_only
from cctv_cli.core.recording.state import FORMAT, Outage, Record, Run, from_json
from cctv_cli.core.units import CameraName

log = logging.getLogger("cctv.recorder")


def read_record(kind: Type[Record], path: Path, camera: CameraName) -> Optional[Record]:
    """The record in a file; None if the file is missing, or cannot be read, which is logged. Raises NewerFormat."""
    return from_json(kind, _read(path, camera))


def read_outages(path: Path, camera: CameraName) -> List[Outage]:
    """The outages in a file. A file that cannot be read, or that a newer cctv wrote, is logged and ignored."""
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
        raise  # a newer cctv's file must not be overwritten
    except OSError as error:
        log.error("%s: %s cannot be read and is ignored: %s", camera, path, error)
        return {}


def prepare(layout: CameraLayout) -> None:
    """Make a camera's folder ready for its recorder. Raises OSError."""
    set_aside_obstacles(layout)
    _remove_drafts(layout)
    layout.incoming.mkdir(parents=True, exist_ok=True)


def set_aside_obstacles(layout: CameraLayout) -> None:
    """Rename anything that blocks a recorder's files and folders: a file in place of a folder, or the reverse.

    A link to a missing folder stays: its disk may be mounted, or filled again, at any moment.
    """
    for path in (layout.folder, layout.incoming, layout.live):
        if _blocks_folder(path):
            _set_aside(path, "a folder", layout.camera_id)
    locks = (layout.supervisor_lock, layout.supervisor_file, layout.journal_lock)
    for path in (layout.run_file, layout.state_file, layout.restart_file, layout.waiting_gaps, *locks):
        if os.path.isdir(path) and not os.path.islink(path):
            _set_aside(path, "a file", layout.camera_id)


def _remove_drafts(layout: CameraLayout) -> None:
    """Remove what a process left that was killed while it replaced a file of this camera. Errors are logged."""
    runs = (path for path in layout.incoming.glob("*") if is_run(path.name))
    for path in (layout.folder, layout.live, layout.incoming, *runs):
        try:
            with files.Folder.at(path) as folder:
                files.remove_drafts(folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            log.error("%s: unfinished files stay in %s: %s", layout.camera_id, path, error)


def _blocks_folder(path: Path) -> bool:
    """Whether the path is something other than a folder, or a link that leads to itself."""
    try:
        return not stat.S_ISDIR(os.stat(path).st_mode)
    except FileNotFoundError:
        return False
    except OSError as error:
        return error.errno == errno.ELOOP


def _set_aside(path: Path, expected: str, camera: CameraName) -> None:
    try:
        log.error("%s: %s is not %s and was renamed to %s", camera, path, expected, files.set_aside(path).name)
    except OSError as error:
        log.error("%s: %s is not %s and cannot be set aside: %s", camera, path, expected, error)


def cut_as_decided(path: Path, number: int, run: Run) -> None:
    """Cut a file of a run where the next run continues it, if that is inside this file. Raises OSError."""
    if run.ends_at is not None and number + 1 == run.end_file:
        cut_off(path, run.ends_at.size, run.ends_at.written)


def set_aside_frameless(path: Path, camera: CameraName) -> None:
    """Remove a file without a frame if it is empty or only a header.

    Any other is kept under another name: it may hold footage that cctv cannot read. Raises OSError.
    """
    if not path.stat().st_size or is_header_only(path):
        files.remove(path)
        return
    files.move(path, path.with_name(path.name + ".unreadable"))
    log.error("%s: %s holds no readable video and is kept under another name", camera, path)
