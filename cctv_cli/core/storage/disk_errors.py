"""Why a disk or the system refuses something, in words: what is wrong, and the cure. Pure."""

from __future__ import annotations

import errno
from typing import Optional

_READ_ONLY = (
    "an error made its file system or its share read-only, dmesg says which; check the disk or the file server, "
    "then mount it again"
)
_DISK = "check the disk, its cable and its power supply"
_CURES = {
    errno.EROFS: _READ_ONLY,
    errno.ENOSPC: "free space, or keep recordings for fewer days (RETENTION_DAYS)",
    errno.EACCES: "correct the permissions of its folders",
    errno.EPERM: "correct the permissions of its folders",
    errno.EIO: _DISK,
}
FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})  # retention may make room
if hasattr(errno, "EDQUOT"):
    _CURES[errno.EDQUOT] = "raise the quota, or keep recordings for fewer days (RETENTION_DAYS)"
if hasattr(errno, "ESTALE"):
    _CURES[errno.ESTALE] = "mount the network share again"

_MEMORY = "cctv gets no more memory; raise its limit (MemoryMax= of the service, --memory of the container)"
_FILES = "cctv may open no more files; raise its limit (LimitNOFILE= of the service, --ulimit nofile of the container)"
_PROCESSES = (
    "cctv gets no more processes, threads or memory; raise its limits (TasksMax= and MemoryMax= of the service, "
    "--pids-limit and --memory of the container)"
)
_SHORTAGES = {
    errno.ENOMEM: _MEMORY,
    errno.EMFILE: _FILES,
    errno.ENFILE: "the system can open no more files; raise its limit (sysctl fs.file-max)",
    errno.EAGAIN: _PROCESSES,  # of fork(2)
}
_NO_THREAD = "can't start new thread"  # the RuntimeError of Thread.start


def explained(error: OSError) -> str:
    """An error without its path, and the cure: "Input/output error; check the disk, its cable and its power supply"."""
    return _explained(error, "")


def explained_at(error: OSError) -> str:
    """Like `explained`, with the path."""
    return _explained(error, f" ({error.filename})" if error.filename else "")


def _explained(error: OSError, where: str) -> str:
    lack = shortage(error)
    if lack is not None:
        return lack
    if error.errno is None or error.strerror is None:
        return str(error)  # a sentence of ours
    return f"{error.strerror}{where}; {_CURES.get(error.errno, _DISK)}"


def shortage(error: BaseException) -> Optional[str]:
    """What this process lacks, and the cure; None if the error has another cause."""
    if isinstance(error, MemoryError):
        return _MEMORY
    if isinstance(error, RuntimeError) and str(error) == _NO_THREAD:
        return _PROCESSES
    return _SHORTAGES.get(error.errno or 0) if isinstance(error, OSError) else None
