"""The result of a probe: an outcome for machines, a sentence for people."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Optional

from cctv_cli.core.rtsp.sdp import AudioStream, VideoStream


class Outcome(enum.Enum):
    """What a probe found; the values are for machines, `ProbeResult.reason` is for people."""

    OK = "ok"
    UNREACHABLE = "unreachable"  # the name does not resolve, no route, or no connection in time
    REFUSED = "refused"  # no program accepts connections on the port
    UNAUTHORIZED = "unauthorized"  # the login is missing, wrong, withheld, or of a kind that FFmpeg does not support
    NOT_FOUND = "not_found"
    BUSY = "busy"
    SILENT = "silent"  # connected, but no complete answer
    NOT_RTSP = "not_rtsp"
    NO_VIDEO = "no_video"
    REDIRECTED = "redirected"
    OVERSIZED = "oversized"
    FAILED = "failed"  # any other status


@dataclass(frozen=True)
class ProbeResult:
    """What a camera answered. `reason` is one sentence for the operator, with the cure.

    `status` is the RTSP status of the last complete answer, None if there was none. `video` and `audio` are what
    the camera announces; `video` is None unless the outcome is OK. `retry_at` is the instant before which the
    password is not sent again, None if it is not withheld.
    """

    outcome: Outcome
    reason: str
    status: Optional[int] = None
    video: Optional[VideoStream] = None
    audio: Optional[AudioStream] = None
    retry_at: Optional[float] = None


class Problem(Exception):
    """Ends a probe. `text` continues a sentence that begins with the camera's host and port."""

    def __init__(
        self, outcome: Outcome, text: str, status: Optional[int] = None, retry_at: Optional[float] = None
    ) -> None:
        super().__init__(text)
        self.outcome = outcome
        self.text = text
        self.status = status
        self.retry_at = retry_at
