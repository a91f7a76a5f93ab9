"""How long to wait before FFmpeg is restarted. Pure."""

from __future__ import annotations

from dataclasses import dataclass

SHORTEST, LONGEST = 1.0, 30.0  # seconds
HEALTHY_AFTER = 60.0  # seconds of recording after which earlier failures no longer count
JITTER = 0.2  # the share of the delay that is random, so that cameras do not retry in step


@dataclass(frozen=True)
class Backoff:
    """A delay that grows with each failure in a row: 1, 2, 4 ... 30 s, of which the time that was recorded counts.

    So an unsteady camera is not started more often than a dead one, but is recorded most of the time.
    """

    failures: int = 0
    recorded: float = 0.0  # seconds, by the run that failed

    def failed(self, healthy_for: float) -> Backoff:
        """The back-off after one more failure, of a run that recorded for `healthy_for` seconds."""
        return Backoff(1 if healthy_for >= HEALTHY_AFTER else self.failures + 1, healthy_for)

    def delay(self, chance: float) -> float:
        """Seconds until the next start; `chance` is a random number in 0..1."""
        if self.failures == 0:
            return 0.0
        full = min(LONGEST, 2.0 ** min(self.failures - 1, 10))
        return max(SHORTEST, full - self.recorded) * (1 - JITTER * chance)
