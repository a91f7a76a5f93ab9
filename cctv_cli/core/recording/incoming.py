"""The files that FFmpeg writes in one run, until they are recordings."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import List, Set, Tuple

from cctv_cli.core import files
from cctv_cli.core.layout import CameraLayout, parse_incoming
from cctv_cli.core.recording.state import Run
from cctv_cli.core.storage.disk_errors import explained

log = logging.getLogger("cctv.recorder")


def incoming_files(folder: Path) -> List[Tuple[int, Path]]:
    """The files in a run's folder with their numbers, in the order in which they were written. Raises OSError."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        if not folder.parent.is_dir():
            raise  # the disk is gone, with files that wait to be committed
        return []  # a person removed the folder
    numbered = sorted((parse_incoming(name), name) for name in names if parse_incoming(name) is not None)
    return [(number, folder / name) for number, name in numbered if number is not None]


def remove_repeated(folder: Path, run: Run) -> None:
    """Remove the files of a run that do not count, because another run has the same footage. Raises OSError."""
    for number, path in incoming_files(folder):
        if not run.owns(number):
            files.remove(path)


def finished(found: List[Tuple[int, Path]], unreadable: Set[int], *, alive: bool) -> List[Tuple[int, Path]]:
    """Those that FFmpeg writes no longer and that can be read: without the newest, if it is `alive`."""
    return [file for file in (found[:-1] if alive else found) if file[0] not in unreadable]


def is_about(path: Path, error: OSError) -> bool:
    """Whether an error concerns this file alone: it cannot be read, or cannot be moved out of its folder."""
    if isinstance(error, FileExistsError) and error.filename is None:
        return True  # it is committed already, as in a copy of a storage in use
    stays = error.filename2 is None or Path(error.filename2).parent == path.parent
    return str(error.filename) == str(path) and stays


def sync_or_log(path: Path, layout: CameraLayout) -> None:
    """Put the bytes of the file that FFmpeg is writing on the disk; if that fails, its commit tries again."""
    try:
        files.sync_file(path)
    except OSError as error:
        log.warning("%s: %s is not synced: %s", layout.camera_id, path, explained(error))
