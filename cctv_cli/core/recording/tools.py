"""The dependencies of a recorder that tests replace."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Callable, Optional, Protocol

from cctv_cli.core.clock import Clock
from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.ffmpeg.command import RECORDING_SECONDS, Ffmpeg
from cctv_cli.core.recording.published import Published
from cctv_cli.core.recording.turns import Turns
from cctv_cli.core.rtsp.login_guard import LoginGuard
from cctv_cli.core.rtsp.probe import probe
from cctv_cli.core.rtsp.result import ProbeResult

_TICK = 1.5  # seconds
ROTATE_AFTER = 86400.0  # seconds of media in one run at most: in MPEG-TS times wrap after 26.5 hours


class Probe(Protocol):
    """How to ask a camera what it sends."""

    def __call__(self, source: RtspSource, *, setup: Optional[bool] = None, audio: bool = True) -> ProbeResult:
        """See `rtsp.probe.probe`."""


@dataclass(frozen=True)
class Tools:
    """FFmpeg, the clock, randomness, the camera probe, the login guard, and what recorders share."""

    ffmpeg: Ffmpeg
    tz: Optional[tzinfo]
    clock: Clock
    chance: Callable[[], float] = random.random
    probe: Probe = probe
    logins: Optional[LoginGuard] = None
    recording_seconds: int = RECORDING_SECONDS
    rotate_after: float = ROTATE_AFTER
    published: Published = field(default_factory=Published)
    turns: Turns = field(default_factory=Turns)

    def tick(self) -> float:
        """Seconds until the next poll of a running FFmpeg, varied so that cameras are not polled in step."""
        return _TICK * (0.9 + 0.2 * self.chance())
