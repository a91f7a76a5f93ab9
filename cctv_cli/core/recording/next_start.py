"""When a camera's FFmpeg is started next."""

from __future__ import annotations

from typing import Optional

from cctv_cli.core.config.settings import Source
from cctv_cli.core.recording.backoff import Backoff
from cctv_cli.core.recording.login import CameraLogin
from cctv_cli.core.recording.tools import Tools

_CHECK_LOGIN = 60.0  # seconds between checks whether the NVR accepted the login meanwhile
_ASK_AGAIN = 3.0  # seconds between probes of an absent camera: it must record within 10 s of its return


class NextStart:
    """The next start of one camera's FFmpeg, which is later after each failure in a row."""

    def __init__(self, tools: Tools, login: CameraLogin, first: float) -> None:
        """`first`: seconds until the first start."""
        self._tools = tools
        self._login = login
        self._backoff = Backoff()
        self._at = tools.clock.monotonic() + first

    def at_once(self) -> None:
        """Start without delay, and forget earlier failures."""
        self._backoff, self._at = Backoff(), 0.0

    def wait(self, source: Source) -> float:
        """Seconds until the start, or until it must be asked again; not above 0 if it is due."""
        wait = self._at - self._tools.clock.monotonic()
        if wait > _CHECK_LOGIN and self._login.retry_at is not None:
            return _CHECK_LOGIN if self._login.is_refused(source) else 0.0
        return wait

    def failed(self, healthy_for: float, ended: Optional[float], *, refused: bool) -> float:
        """Put it off after a failure; returns the seconds until then.

        `ended` is when FFmpeg ended (monotonic), None if none was started. The delay counts from then, because commits
        can be slow. A camera that sent no frame is tried often, so that it records again soon; one that sends a few
        frames and fails would leave many short files. After a `refused` login the login guard decides.
        """
        self._backoff = self._backoff.failed(healthy_for)
        delay = self._login.wait() if refused else self._backoff.delay(self._tools.chance())
        if not refused and not healthy_for:
            delay = min(delay, _ASK_AGAIN)
        monotonic = self._tools.clock.monotonic()
        self._at = (monotonic if ended is None else ended) + delay
        return max(0.0, self._at - monotonic)
