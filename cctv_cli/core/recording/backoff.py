"""When a recorder that ended is started again. Pure."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST = 30.0  # seconds
HEALTHY_AFTER = 60.0  # seconds of recording that forgive earlier failures
JITTER = 0.2  # share of the delay that chance takes off, so that cameras do not come back in step


@dataclass(frozen=True)
class Backoff:
    """Grows 1, 2, 4 ... 30 s with each failure in a row."""

    failures: int = 0

    def failed(self, healthy_for: float) -> Backoff:
        """After one more failure of a run that recorded for `healthy_for` seconds."""
        return Backoff(1 if healthy_for >= HEALTHY_AFTER else self.failures + 1)

    def delay(self, chance: float) -> float:
        """Seconds until the next start; `chance` lies in 0..1."""
        if self.failures == 0:
            return 0.0
        full = min(LONGEST, 2.0 ** min(self.failures - 1, 10))
        return full * (1 - JITTER * chance)
