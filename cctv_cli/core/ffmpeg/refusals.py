"""What an RTSP status of a camera means and what to do about it, for FFmpeg's messages and for the probe. Pure.

401 is not here: logins have rules of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Optional, Tuple

NOT_FOUND, BUSY, FORBIDDEN, REFUSED_REQUEST = "not found", "busy", "forbidden", "refused request"
REDIRECTED = "redirected"
_LOCATION = re.compile(r"rtsps?://([\w.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?(?:/|$)", re.ASCII | re.IGNORECASE)
_BUSY = (BUSY, "is busy ({}): close other viewers of the camera, use its sub-stream, or restart it")
_TOO_OLD = "update the camera's firmware, or record it through its NVR"
_MEANINGS: Dict[int, Tuple[str, str]] = {
    400: (
        REFUSED_REQUEST,
        "calls the request invalid ({}): check the path of the RTSP URL, or update the camera's firmware",
    ),
    403: (
        FORBIDDEN,
        "does not allow this user to view the stream ({}): grant the user the live view permission in the camera",
    ),
    404: (NOT_FOUND, "has no such stream ({}): check the path of the RTSP URL, such as /Streaming/Channels/101"),
    453: _BUSY,
    454: (REFUSED_REQUEST, f"ended the session before it sent anything ({{}}): restart the camera; {_TOO_OLD}"),
    461: (
        REFUSED_REQUEST,
        "sends no RTP over TCP ({}): switch on RTP over RTSP (TCP, interleaved) in the camera's network settings",
    ),
    500: _BUSY,  # also the answer of an NVR at its session limit
    503: _BUSY,
    551: (REFUSED_REQUEST, f"does not support an option that FFmpeg needs ({{}}): {_TOO_OLD}"),
}
_UNKNOWN = (REFUSED_REQUEST, "refuses the stream ({}): check the RTSP URL and the user's rights on the camera")
_NO_OPTIONS = (REFUSED_REQUEST, f"refuses OPTIONS ({{}}), which FFmpeg begins with: {_TOO_OLD}")


@dataclass(frozen=True)
class Refusal:
    """Why a camera refused. `cause` is for machines; `text` continues a sentence about the camera and has the cure."""

    cause: str
    text: str


def refusal(status: int, method: str, track: str = "") -> Refusal:
    """What a status other than 200 and 401 means; `track` names what SETUP was for, if known."""
    cause, text = _NO_OPTIONS if method == "OPTIONS" else _MEANINGS.get(status, _UNKNOWN)
    shown = f"{status}"
    if method == "SETUP":
        shown += f" to SETUP of its {track}" if track else " to SETUP"
    return Refusal(cause, text.format(shown))


def redirection(status: int, location: str) -> Refusal:
    """What a redirection means (RFC 2326 § 11.3). Of the new URL only host and port are shown."""
    match = _LOCATION.match(location)
    to = "another address" if match is None or "@" in location else match.group(1) + (match.group(2) or "")
    return Refusal(REDIRECTED, f"redirects to {to} ({status}): set the new address in the RTSP URL")


def refused_audio(status: Optional[int]) -> str:
    """Why no audio is recorded from a camera that answered the SETUP of its audio with `status` (None: no answer)."""
    return (
        f"the camera refuses to send its audio ({status or 'no answer'} to SETUP of its audio), so it is left out; "
        "switch its audio off or correct it in the camera"
    )
