"""One camera's login, as its recorder uses it; `LoginGuard` counts the logins of all cameras."""

from __future__ import annotations

from typing import Optional

from cctv_cli.core.clock import Clock
from cctv_cli.core.config.settings import RtspSource, Source
from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.rtsp.login_guard import AGAIN, LoginGuard
from cctv_cli.core.rtsp.result import Outcome


def is_refusal(reason: Diagnosis) -> bool:
    """Whether the camera refused the login of the probe or of FFmpeg."""
    return reason.cause == Outcome.UNAUTHORIZED.value


class CameraLogin:
    """Whether a camera's login was refused, and when it may be tried again."""

    def __init__(self, guard: Optional[LoginGuard], clock: Clock) -> None:
        self._guard = guard
        self._clock = clock
        self._unproven: Optional[RtspSource] = None  # whose login our FFmpeg sent, until frames arrive
        self.retry_at: Optional[float] = None  # instant

    def sent(self, source: Source) -> None:
        """Note that an FFmpeg was started with this login."""
        self._unproven = source if isinstance(source, RtspSource) else None

    def accepted(self) -> None:
        """Note that frames arrived, so the login that our FFmpeg sent is good. An adopted FFmpeg logged in long ago."""
        source, self._unproven = self._unproven, None
        if self._guard is not None and source is not None:
            self._guard.accepted(source, by_ffmpeg=True)

    def refused(self, source: Source) -> None:
        """Note that the camera refused the login that our FFmpeg sent."""
        if self._guard is not None and isinstance(source, RtspSource):
            self._guard.refused(source, by_ffmpeg=True)
            self.retry_at = self._guard.standing(source).silent_until

    def forget(self, source: Source) -> None:
        """Forget a refusal, because an operator asked for another try."""
        if self._guard is not None and isinstance(source, RtspSource):
            self._guard.forget(source)

    def is_refused(self, source: Source) -> bool:
        """Whether the login still counts as refused: an operator may have retried it for another camera."""
        if self._guard is None or not isinstance(source, RtspSource):
            return True
        return self._guard.standing(source).refused_at is not None

    def wait(self) -> float:
        """Seconds until the next try after a refusal; tries of other cameras of the same NVR count too."""
        return AGAIN if self.retry_at is None else max(0.0, self.retry_at - self._clock.now())
