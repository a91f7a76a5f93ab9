"""The errors that users may see.

    CctvError                     exit code 1
    ├── ConfigError               3   the configuration cannot be used
    ├── FfmpegError               4   FFmpeg is missing, too old or unusable
    ├── AlreadySupervised         5   another process supervises this camera
    ├── StorageError              6   the storage cannot be read or written
    ├── UnknownCamera             7   no camera of that id is configured
    ├── AddressError              8   the HTTP address is not available
    ├── CameraTrouble             9   a checked camera cannot be recorded as it is configured
    ├── CleanupRefused           10   a brake stopped a cleanup
    ├── CleanupIncomplete        11   a cleanup could not delete everything that it should have
    ├── CleanupRuns              12   another cleanup is running
    ├── HoldError                13   a hold cannot be made or found
    ├── CameraDisabled           14   the configuration disables the camera that is to be started
    ├── StopIncomplete           15   threads still hung on a disk when cctv ended
    ├── TokenError               16   a token or link cannot be made, read or found
    ├── ReloadUnanswered         17   a process did not say in time whether it reloaded its configuration
    ├── HealthUnknown             20  the health is unknown: a server does not answer, or a bug
    └── AlertNotTaken             21  a webhook did not accept a test message

Exit code 2 is a wrong command line; `cctv health` exits with 0, 1 or 2 for what it found. Ctrl-C stops `serve` and
`record` cleanly, with 0. Every message is one sentence that names the thing, the cause and the cure, and never
contains a password.
"""

from __future__ import annotations

from typing import Sequence, Tuple


class CctvError(Exception):
    """Base of every error that is meant for users."""

    exit_code = 1


class ConfigError(CctvError):
    """The configuration cannot be used; `problems` has every problem that was found."""

    exit_code = 3

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems: Tuple[str, ...] = tuple(problems)
        super().__init__("\n".join(self.problems))


class FfmpegError(CctvError):
    """FFmpeg is missing, too old, or lacks something that is needed."""

    exit_code = 4


class AlreadySupervised(CctvError):
    """Another living process supervises the camera."""

    exit_code = 5


class StorageError(CctvError):
    """The storage root cannot be created, read or written. If it is `full`, a cleanup may make room."""

    exit_code = 6

    def __init__(self, message: str, *, full: bool = False) -> None:
        super().__init__(message)
        self.full = full


class UnknownCamera(CctvError):
    """No camera of that id is configured."""

    exit_code = 7


class AddressError(CctvError):
    """The HTTP server's address or port is not available."""

    exit_code = 8


class CameraTrouble(CctvError):
    """A check found cameras that cannot be recorded as they are configured."""

    exit_code = 9


class CleanupRefused(CctvError):
    """A brake stopped some or all of a cleanup; `--force` overrides it."""

    exit_code = 10


class CleanupIncomplete(CctvError):
    """A cleanup could not delete some files, or a limit cannot be met without deleting what a hold keeps."""

    exit_code = 11


class CleanupRuns(CctvError):
    """Another cleanup of this storage is running."""

    exit_code = 12


class HoldError(CctvError):
    """A hold cannot be created, or none has that id."""

    exit_code = 13


class CameraDisabled(CctvError):
    """The camera that is to be started or restarted is disabled in the configuration."""

    exit_code = 14


class StopIncomplete(CctvError):
    """Some threads still hung on a disk when cctv ended; it ended without them."""

    exit_code = 15


class TokenError(CctvError):
    """A token or link cannot be made, read or found."""

    exit_code = 16


class ReloadUnanswered(CctvError):
    """A process did not say in time whether it has reloaded its configuration."""

    exit_code = 17


class HealthUnknown(CctvError):
    """The health is unknown, so the exit code must not be 1 or 2."""

    exit_code = 20


class AlertNotTaken(CctvError):
    """A webhook did not accept a test message."""

    exit_code = 21
