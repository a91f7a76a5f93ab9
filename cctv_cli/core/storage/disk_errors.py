"""Why a disk refuses something, as the end of a sentence: what the system reports, and the cure. Pure."""

from __future__ import annotations

import errno

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
if hasattr(errno, "EDQUOT"):
    _CURES[errno.EDQUOT] = "raise the quota, or keep recordings for fewer days (RETENTION_DAYS)"
if hasattr(errno, "ESTALE"):
    _CURES[errno.ESTALE] = "mount the network share again"


def explained(error: OSError) -> str:
    """An error without its path, and the cure: "Input/output error; check the disk, its cable and its power supply"."""
    if error.errno is None or error.strerror is None:
        return str(error)  # a sentence of ours
    return f"{error.strerror}; {_CURES.get(error.errno, _DISK)}"
