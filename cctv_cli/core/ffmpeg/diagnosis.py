"""Finds why FFmpeg exited from its last log lines; its exit codes say too little. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.ffmpeg.refusals import redirection, refusal

_MANY = 5  # a healthy run may start with a few such lines
_BACKWARDS = re.compile(r"(?i)non-monoton|out of order")
# an RTSP URL: scheme; login; host and port; the rest, up to a blank, a quote, or the colon after which FFmpeg goes on
_URL = re.compile(
    r"(?i)\b(rtsps?://)(?:[^\s/@]*@)?((?:\[[^\s\]]*\]|[^\s/?#'\":])*(?::[0-9]+)?)[^\s'\"]*?(?=:?(?:[\s'\"]|$))"
)


@dataclass(frozen=True)
class Diagnosis:
    """Why FFmpeg exited: `cause` as the journal has it, `reason` as a sentence for the operator."""

    cause: str
    reason: str


NO_FIRST_TIME = "no first time"
AUDIO = "audio"
FEW_FRAMES = Diagnosis(
    "few frames",
    "the camera sent too few frames to begin with, so FFmpeg is restarted to wait for them longer; "
    "if this stays, restart the camera",
)
_REDIRECTING = re.compile(r"\[info\] Status (\d{3}): Redirecting to (.*)")
_INFO = re.compile(r"(?:\[[^\]]*\] )*\[info\]")
_REFUSED = re.compile(r"(?:method (\w+) failed:|Server returned) (\d{3})\b")

_UNAUTHORIZED = Diagnosis("unauthorized", "the camera refuses the login; check the user name and the password")

_SIGNS: Tuple[Tuple[str, str, str], ...] = (
    (
        r"first pts and dts value must be set",
        NO_FIRST_TIME,
        "the camera sends B-frames; cctv restarts FFmpeg with an option for them",
    ),
    (r"No space left on device", "disk full", "the disk is full; free space or keep recordings for fewer days"),
    (r"[Qq]uota exceeded", "disk full", "the disk quota is used up; raise it or keep recordings for fewer days"),
    (
        r"(?:not allowed|illegal) in ADTS|AAC bitstream not in ADTS format",
        AUDIO,
        "FFmpeg cannot record the camera's audio, so it is left out; set the camera to AAC-LC or G.711",
    ),
    (
        r"Connection refused",
        "refused",
        "the camera refuses the connection; check its port, and that RTSP is enabled in the camera",
    ),
    (
        r"Failed to resolve|Name or service not known|nodename nor servname",
        "unreachable",
        "the camera's host name cannot be resolved; check its address",
    ),
    (
        r"No route to host|Network is unreachable",
        "unreachable",
        "the camera cannot be reached; check its address and the network",
    ),
    (r"dimensions not set", FEW_FRAMES.cause, FEW_FRAMES.reason),
    (r"timed out|Invalid data found", "silent", "the camera stopped responding; check its network and power"),
    (
        r"Read-only file system",
        "storage",
        "the storage refuses writes; check its disk or share, and mount it again",
    ),
    (
        r"Permission denied",
        "storage",
        "the storage is not writable; check its permissions",
    ),
    (r"Input/output error", "storage or network", "a read or write failed; see ffmpeg.log"),
)


def diagnose(lines: Sequence[str], exit_code: Optional[int]) -> Diagnosis:
    """Find why FFmpeg exited, from its latest log lines and its exit code (None if unknown)."""
    if exit_code is not None and exit_code < 0:
        return Diagnosis("killed", f"FFmpeg was killed by signal {-exit_code}")
    text = "\n".join(lines)
    refused = _REFUSED.search(text)
    if refused is not None and refused.group(2) == "401":
        return _UNAUTHORIZED
    if refused is not None:
        found = refusal(int(refused.group(2)), refused.group(1) or "DESCRIBE")
        return Diagnosis(found.cause, f"the camera {found.text}")
    for pattern, cause, reason in _SIGNS:
        if re.search(pattern, text):
            return Diagnosis(cause, reason)
    if exit_code == 0:
        return Diagnosis("closed", "the camera closed the connection")
    code = "" if exit_code is None else f" with code {exit_code}"
    return Diagnosis("ended", f"FFmpeg exited{code}; see ffmpeg.log")


def redirected(line: str) -> Optional[Diagnosis]:
    """Where the camera redirects FFmpeg, if this line of its log says so: FFmpeg follows, and takes the login along."""
    match = _REDIRECTING.search(line)
    if match is None:
        return None
    found = redirection(int(match.group(1)), match.group(2))
    return Diagnosis(found.cause, f"the camera {found.text}")


def is_chatter(line: str) -> bool:
    """Whether a line of FFmpeg's log reports neither a warning nor an error."""
    return _INFO.match(line) is not None


def complains_of_times(lines: Sequence[str]) -> bool:
    """Whether FFmpeg keeps reporting timestamps that go backwards: it then compresses the timeline."""
    return sum(_BACKWARDS.search(line) is not None for line in lines) >= _MANY


def redact(text: str, source: Optional[RtspSource]) -> str:
    """A line of FFmpeg's log with only scheme, host and port of every RTSP URL: FFmpeg prints whole URLs in its errors.

    The login is removed from the rest of the line too, unless the `source` is unknown, as after its camera was removed.
    """
    if source is not None and source.password is not None and source.password.reveal():
        text = text.replace(source.userinfo().reveal(), "***")
    return _URL.sub(r"\1\2", text)
