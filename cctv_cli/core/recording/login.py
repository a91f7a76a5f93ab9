"""One camera's login as its recorder uses it; the guard counts those of all cameras together."""

from __future__ import annotations

from typing import Optional

from cctv_cli.core.clock import Clock
from cctv_cli.core.config.settings import RtspSource, Source
from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.rtsp.login_guard import AGAIN, LoginGuard
from cctv_cli.core.rtsp.result import Outcome


def is_refusal(reason: Diagnosis) -> bool:
    """Whether the camera refused the login, be it the probe's or FFmpeg's."""
    return reason.cause == Outcome.UNAUTHORIZED.value


class CameraLogin:
    """What is known of a camera's login, and when it may be tried again after it was refused."""

    def __init__(self, guard: Optional[LoginGuard], clock: Clock) -> None:
        self._guard = guard
        self._clock = clock
        self._unproven: Optional[RtspSource] = None  # whose login our FFmpeg sent, until frames come
        self.retry_at: Optional[float] = None  # instant

    def sent(self, source: Source) -> None:
        """An FFmpeg was started with it."""
        self._unproven = source if isinstance(source, RtspSource) else None

    def accepted(self) -> None:
        """Frames came: the login that our FFmpeg sent is good; an adopted one sent its own long ago."""
        source, self._unproven = self._unproven, None
        if self._guard is not None and source is not None:
            self._guard.accepted(source, by_ffmpeg=True)

    def refused(self, source: Source) -> None:
        """The camera refused the login that our FFmpeg sent."""
        if self._guard is not None and isinstance(source, RtspSource):
            self._guard.refused(source, by_ffmpeg=True)
            self.retry_at = self._guard.standing(source).silent_until

    def forget(self, source: Source) -> None:
        """An operator wants it tried again."""
        if self._guard is not None and isinstance(source, RtspSource):
            self._guard.forget(source)

    def is_refused(self, source: Source) -> bool:
        """Whether it still counts as refused: an operator may have had a neighbour's tried again."""
        if self._guard is None or not isinstance(source, RtspSource):
            return True
        return self._guard.standing(source).refused_at is not None

    def silence(self) -> float:
        """Seconds without a try after a refused password, which other cameras of that NVR may have spent too."""
        return AGAIN if self.retry_at is None else max(0.0, self.retry_at - self._clock.now())
