"""Who supervises a camera: a lock that the system releases when its holder ends, and the holder's process id."""

from __future__ import annotations

import logging
import os
from typing import Optional

import psutil

from cctv_cli.core import files, locks
from cctv_cli.core.errors import AlreadySupervised, StorageError
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.locks import Lock, LockHeld, LocksRefused
from cctv_cli.core.storage.disk_errors import FULL, explained

log = logging.getLogger("cctv.supervisor")

_PATIENCE = 1.0  # seconds; `holder` takes the lock for an instant


def take(layout: CameraLayout) -> Lock:
    """Become the only supervisor of a camera. Raises AlreadySupervised, StorageError."""
    try:
        layout.folder.mkdir(parents=True, exist_ok=True)
        lock = locks.take(layout.supervisor_lock, _PATIENCE)
    except LockHeld:
        pid = (files.read_text(layout.supervisor_file) or "unknown").strip()
        raise AlreadySupervised(
            f"Camera {layout.camera_id} is already supervised by process {pid}; "
            "stop that cctv serve or cctv record first"
        ) from None
    except LocksRefused as error:
        raise StorageError(f"The storage {layout.folder} cannot be used: {error.strerror}") from error
    except OSError as error:
        if error.errno in FULL:
            raise StorageError(f"The storage {layout.folder} has no room; {explained(error)}", full=True) from error
        raise StorageError(
            f"The storage {layout.folder} cannot be written ({error.strerror or error}); "
            "free space, or correct HLS_BASE_PATH, --storage or the folder's permissions"
        ) from error
    try:
        files.replace_text(layout.supervisor_file, f"{os.getpid()}\n")
    except OSError as error:  # the disk is full, but the lock is what counts
        log.warning("%s: the process id cannot be written: %s", layout.camera_id, error)
    return lock


def give_up(layout: CameraLayout, lock: Lock) -> None:
    """Let another process supervise the camera."""
    files.remove(layout.supervisor_file)
    lock.release()


def holder(layout: CameraLayout) -> Optional[int]:
    """The process id of the camera's supervisor; None if none is running."""
    text = (files.read_text(layout.supervisor_file) or "").strip()
    if not text.isdigit():
        return None
    try:
        return int(text) if locks.is_held(layout.supervisor_lock) else None  # free: that supervisor was killed
    except FileNotFoundError:
        return None
    except OSError:  # a user who may not read the lock, or a disk that grants none
        return int(text) if is_other_cctv(int(text)) else None


def is_other_cctv(pid: int) -> bool:
    """Whether a process is alive, is not this one, and looks like cctv: after a reboot another may have its id."""
    try:
        return pid != os.getpid() and "cctv" in " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return False
