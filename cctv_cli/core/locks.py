"""Locks between processes: a locked file, which the system unlocks when its holder ends.

Whether a file system supports locks is known only by trying: network file systems may not.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from cctv_cli.core.system import FILE_FLAGS, give_to_owner, make_private, try_lock, unlock

_POLL = 0.05  # seconds between tries to take a lock that is held
_NO_LOCKD = (
    "its file server grants no locks; mount it as NFS version 4, or with the option nolock if only this machine "
    "writes there"
)
_UNSUPPORTED = (
    "its file system supports no locks, and without them two processes could record the same camera; "
    "use another file system, or mount options that enable locks"
)
_CURES = {
    errno.ENOLCK: _NO_LOCKD,
    errno.ENOSYS: _UNSUPPORTED,
    errno.EOPNOTSUPP: _UNSUPPORTED,
    errno.ENOTSUP: _UNSUPPORTED,
    errno.EINVAL: _UNSUPPORTED,
}


class LockHeld(OSError):
    """Another process or thread holds the lock."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EAGAIN, "another process holds the lock", str(path))


class LocksRefused(OSError):
    """The file system grants no locks; `strerror` has the cause and the cure."""


class Lock:
    """A lock that this process holds until `release`."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def release(self) -> None:
        """Let others take the lock."""
        try:
            unlock(self._handle)
        finally:
            os.close(self._handle)


def take(path: Path, patience: float = 0.0) -> Lock:
    """Lock a file, which is created if it is missing; waits at most `patience` seconds.

    Raises LockHeld, LocksRefused, and other OSErrors.
    """
    until = time.monotonic() + patience
    handle = _open(path)
    try:
        while not _try(handle, path):
            if time.monotonic() >= until:
                raise LockHeld(path)
            time.sleep(_POLL)  # no system has file locks with a time limit
    except BaseException:
        os.close(handle)
        raise
    return Lock(handle)


@contextmanager
def holding(path: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold a lock; see `take` for the errors."""
    lock = take(path, patience)
    try:
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock; needs no permission to write. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | FILE_FLAGS)
    try:
        if not _try(handle, path, shared=True):
            return True
        unlock(handle)
        return False
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    try:
        return _create(path)
    except FileExistsError:
        pass
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | FILE_FLAGS, 0o600)
    except PermissionError:  # another user made it; most file systems can lock it all the same
        try:
            return os.open(path, os.O_RDONLY | FILE_FLAGS)
        except FileNotFoundError:
            pass
        raise
    make_private(handle)  # whoever can open a lock file can hold it
    return handle


def _create(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | FILE_FLAGS, 0o600)
    give_to_owner(handle, path.parent)  # what root makes, the server of another user must be able to lock
    return handle


def _try(handle: int, path: Path, *, shared: bool = False) -> bool:
    try:
        return try_lock(handle, shared=shared)
    except OSError as error:
        if error.errno in _CURES:
            raise LocksRefused(error.errno, _CURES[error.errno], str(path)) from error
        raise OSError(error.errno, error.strerror, str(path)) from error
