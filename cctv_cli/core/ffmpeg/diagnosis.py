"""Why FFmpeg ended, from its last lines: its exit codes say too little. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from cctv_cli.core.config.settings import RtspSource, hide_password

_AGAIN_AND_AGAIN = 5  # a run may begin with a few such lines
_BACKWARDS = re.compile(r"(?i)non-monoton|out of order")
_URL_USER = re.compile(r"(?i)\b(rtsps?://)[^\s/@]*@")


@dataclass(frozen=True)
class Diagnosis:
    """`cause` as the journal calls it, `reason` as one sentence for the operator."""

    cause: str
    reason: str


NO_FIRST_TIME = "no first time"

_SIGNS: Tuple[Tuple[str, str, str], ...] = (
    (
        r"(?:failed:|returned) 401\b|Unauthorized",
        "unauthorized",
        "the camera refuses the login; correct user name and password",
    ),
    (r"first pts and dts value must be set", NO_FIRST_TIME, "the camera sends B-frames; FFmpeg is told to expect them"),
    (r"No space left on device", "disk full", "the disk is full; free space or shorten the retention"),
    (r"(?:failed:|returned) 404\b", "not found", "the camera has no stream at this URL; check the channel number"),
    (
        # a recorder at its ceiling of sessions says 453, or 500 at SETUP
        r"failed: (?:453|503)\b|SETUP failed: 500\b|Not Enough Bandwidth",
        "busy",
        "the camera serves too many viewers; close some or restart it",
    ),
    (r"(?:failed:|returned) 403\b", "forbidden", "the camera forbids this user the stream; grant it live view"),
    (r"Connection refused", "refused", "the camera refuses connections; check its port and that RTSP is on"),
    (
        r"Failed to resolve|Name or service not known|nodename nor servname",
        "unreachable",
        "the camera's name is unknown",
    ),
    (
        r"No route to host|Network is unreachable",
        "unreachable",
        "no network leads to the camera; check its address",
    ),
    (r"timed out|Invalid data found", "silent", "the camera stopped answering; check its network and power"),
    (
        r"Permission denied|Read-only file system",
        "storage",
        "the storage cannot be written; check its permissions",
    ),
    (r"Input/output error", "storage or network", "reading or writing failed; see ffmpeg.log"),
)


def diagnose(lines: Sequence[str], exit_code: Optional[int]) -> Diagnosis:
    """Name the cause of an FFmpeg's end from its latest log lines and exit code (None when it is not known)."""
    if exit_code is not None and exit_code < 0:
        return Diagnosis("killed", f"FFmpeg was ended by signal {-exit_code}")
    text = "\n".join(lines)
    for pattern, cause, reason in _SIGNS:
        if re.search(pattern, text):
            return Diagnosis(cause, reason)
    if exit_code == 0:
        return Diagnosis("closed", "the camera closed the connection")
    code = "" if exit_code is None else f" with code {exit_code}"
    return Diagnosis("ended", f"FFmpeg ended{code}; see ffmpeg.log")


def complains_of_times(lines: Sequence[str]) -> bool:
    """Whether FFmpeg says again and again that a stream's times go back: it squeezes them then."""
    return sum(_BACKWARDS.search(line) is not None for line in lines) >= _AGAIN_AND_AGAIN


def redact(text: str, source: Optional[RtspSource]) -> str:
    """What FFmpeg says of a source without its password: it prints the whole URL on errors.

    Without the source, as when a camera was just removed, the user part of every RTSP URL goes all the same.
    """
    if source is not None and source.password is not None and source.password.reveal():
        text = text.replace(source.userinfo().reveal(), "***")
    return hide_password(_URL_USER.sub(r"\1***@", text))
