"""Whether a recorder relies on something of the camera that earlier runs may have shown to be at fault. Pure.

A restart that did not help twice in a row is not tried a third time in the same way: the recorder does without, says
so, and relies on it again at the first start after an hour.
"""

from __future__ import annotations

from dataclasses import dataclass

TRIED_AGAIN = 3600.0  # seconds
_FAILURES = 2  # in a row


@dataclass(frozen=True)
class Trust:
    """`fault` is why the recorder does without, with the cure, since the instant `since`; empty if it does not.

    `failures` counts the runs in a row that failed; with a fault, that it is a guess from these.
    """

    fault: str = ""
    since: float = 0.0
    failures: int = 0

    def at_start(self, now: float) -> Trust:
        """What a run that starts now goes by."""
        return self if not self.fault or 0 <= now - self.since < TRIED_AGAIN else Trust()

    def without(self, fault: str, now: float) -> Trust:
        """After it was found to be at fault."""
        return Trust(fault, now)

    def failed(self, fault: str, now: float) -> Trust:
        """After a run failed that relied on it, perhaps because of that: `fault` says so if it is the last straw."""
        failures = self.failures + 1
        return Trust(failures=failures) if failures < _FAILURES else Trust(fault, now, failures)
