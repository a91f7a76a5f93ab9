"""The errors that a user may see.

    CctvError                     exit code 1
    ├── ConfigError               3   the configuration cannot be used
    ├── FfmpegError               4   FFmpeg is missing, too old or unusable
    ├── AlreadySupervised         5   another process supervises this camera
    ├── StorageError              6   the storage cannot be read or written
    ├── UnknownCamera             7   no camera of that id is configured
    ├── AddressError              8   the HTTP address cannot be had
    ├── CameraTrouble             9   a camera that was checked cannot be recorded as it is
    ├── CleanupRefused           10   a brake held a cleanup back
    ├── CleanupIncomplete        11   a cleanup could not delete everything that it should
    ├── CleanupRuns              12   another cleanup is at work
    ├── HoldError                13   a hold cannot be made or found
    ├── CameraDisabled           14   the configuration disables the camera that is to be started
    ├── HealthUnknown             20  the health cannot be told: a server does not answer, or a defect
    └── AlertNotTaken             21  a webhook did not take a test message

Exit code 2 is a wrong command line; `cctv health` ends with 0, 1 or 2 for what it found. Ctrl-C ends `serve` and
`record` in order, with 0. Every message is one sentence for the user that names the thing, the cause and the cure,
and never holds a password.
"""

from __future__ import annotations

from typing import Sequence, Tuple


class CctvError(Exception):
    """Base of every error that is meant for the user's eyes."""

    exit_code = 1


class ConfigError(CctvError):
    """The configuration cannot be used; carries every problem found at once."""

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
    """The storage root cannot be created, read or written."""

    exit_code = 6


class UnknownCamera(CctvError):
    """No camera of that id is configured."""

    exit_code = 7


class AddressError(CctvError):
    """The HTTP server's address or port cannot be had."""

    exit_code = 8


class CameraTrouble(CctvError):
    """A check found cameras that cannot be recorded as they are."""

    exit_code = 9


class CleanupRefused(CctvError):
    """A brake held back some or all of a cleanup; `--force` goes on."""

    exit_code = 10


class CleanupIncomplete(CctvError):
    """A cleanup could not delete some files, or a limit cannot be kept without deleting what is held."""

    exit_code = 11


class CleanupRuns(CctvError):
    """Another cleanup of this storage is at work."""

    exit_code = 12


class HoldError(CctvError):
    """A hold cannot be made, or there is none of that id."""

    exit_code = 13


class CameraDisabled(CctvError):
    """The camera that is to be started or restarted is disabled in the configuration."""

    exit_code = 14


class HealthUnknown(CctvError):
    """The health cannot be told: codes 1 and 2 would mean that it was."""

    exit_code = 20


class AlertNotTaken(CctvError):
    """A webhook did not take a test message."""

    exit_code = 21
