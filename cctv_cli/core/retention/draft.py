"""A camera's verdicts while they are made: age first, then what brakes hold back, then what limits may take. Pure."""

from __future__ import annotations

import math
from typing import Iterator, Optional, Tuple

from cctv_cli.core.clock import DAY, HOUR
from cctv_cli.core.retention.inventory import NOTHING, CameraInventory, Count, DayInventory, Verdict

FUTURE = 300.0  # seconds that a recording may begin after now
SET_BACK = HOUR  # seconds that the clock may lie before the last cleanup, or a new recording before the oldest
STOP_AGE, STOP_SIZES, STOP_ALL = 1, 2, 3  # how much a brake holds back

_UNDECIDED = bytes((Verdict.KEPT, Verdict.REFUSED))  # a limit may take these
_DATED_AHEAD = bytes((Verdict.FUTURE,))
_UNJOURNALLED = bytes((Verdict.UNJOURNALLED,))


class Draft:
    """A camera's verdicts while they are made; age comes first."""

    def __init__(self, facts: CameraInventory, now: float, believed: float) -> None:
        self.facts = facts
        self.stopped = 0  # how much a brake holds back here
        self.bytes = sum(sum(day.sizes[: day.journalled]) for day in facts.days)
        self.unjournalled = sum(sum(day.sizes[day.journalled :]) for day in facts.days)
        self._holds = {hold for day in facts.days for hold in day.holds}
        self.deleted = 0
        self.limited = 0  # bytes of `deleted` that age does not explain
        self.future = Count()
        self.newest = math.inf  # what ends later goes last, after what nobody can date for sure
        self.set_back = False  # whether the clock was, so that what is dated before all else is new
        self._before = -math.inf if facts.oldest is None else facts.oldest - SET_BACK
        cutoff = now - facts.retention_days * DAY
        self.verdicts = [self._judge(day, believed + FUTURE, cutoff) for day in facts.days]

    def _judge(self, day: DayInventory, horizon: float, cutoff: float) -> bytearray:
        verdicts = bytearray(len(day.names))
        quiet = not day.holds and not day.unjournalled and bool(day.ends)
        if quiet and min(day.ends) > cutoff and day.starts[-1] <= horizon:
            return verdicts
        for i, (start, end) in enumerate(zip(day.starts, day.ends)):
            if i >= day.journalled:  # the hold may have stood in the journal that was lost, but in others, too
                held = any(hold.covers(start, end) for hold in self._holds)
                verdicts[i] = Verdict.HELD if held else Verdict.UNJOURNALLED
            elif any(hold.covers(start, end) for hold in day.holds):
                verdicts[i] = Verdict.HELD
            elif start > horizon:
                verdicts[i] = Verdict.FUTURE
                self.future += Count(1, day.sizes[i])
            elif end <= cutoff:
                verdicts[i] = Verdict.AGE
                self.deleted += day.sizes[i]
        return verdicts

    def of(self, wanted: Verdict) -> Count:
        """The recordings with this verdict."""
        sizes = [
            size
            for day, verdicts in zip(self.facts.days, self.verdicts)
            if wanted in verdicts
            for size, verdict in zip(day.sizes, verdicts)
            if verdict == wanted
        ]
        return Count(len(sizes), sum(sizes))

    def stop(self, how_much: int) -> bool:
        """Hold rules back; says whether age would have taken anything."""
        self.stopped = max(self.stopped, how_much)
        aged = self.replace(Verdict.AGE, Verdict.REFUSED)
        self.deleted = 0
        return aged

    def replace(self, old: Verdict, new: Verdict) -> bool:
        """Give recordings another verdict; says whether there were any."""
        table = bytes(new if value == old else value for value in range(256))
        found = any(old in verdicts for verdicts in self.verdicts)
        self.verdicts = [verdicts.translate(table) for verdicts in self.verdicts]
        return found

    def refuse_past(self) -> Count:
        """Keep what age would take although it is dated before all that there was; says how much that is."""
        refused = NOTHING
        for day, verdicts in zip(self.facts.days, self.verdicts):
            for i, end in enumerate(day.ends):
                if verdicts[i] == Verdict.AGE and end < self._before:
                    verdicts[i] = Verdict.REFUSED
                    refused += Count(1, day.sizes[i])
        self.deleted -= refused.bytes
        return refused

    def candidates(self, number: int, rule: Verdict, *, force: bool) -> Iterator[Tuple[int, float, int, int, int]]:
        """(rank, start, `number`, day, index) of what a limit may take, in this order."""
        if force and self.future.files:
            yield from self._of(0, number, _DATED_AHEAD)
        some_are_late = self.set_back or self.newest < math.inf
        yield from self._of(1, number, _UNDECIDED, late=False if some_are_late else None)
        if not force and self.future.files and rule is Verdict.FREE_SPACE:
            yield from self._of(2, number, _DATED_AHEAD)
        if rule is Verdict.FREE_SPACE:
            yield from self._of(3, number, _UNJOURNALLED)
        if some_are_late:
            yield from self._of(4, number, _UNDECIDED, late=True)

    def _of(
        self, rank: int, number: int, wanted: bytes, *, late: Optional[bool] = None
    ) -> Iterator[Tuple[int, float, int, int, int]]:
        for at, (day, verdicts) in enumerate(zip(self.facts.days, self.verdicts)):
            for i, start in enumerate(day.starts):
                if verdicts[i] in wanted and (late is None or late is self._is_late(day.ends[i])):
                    yield rank, start, number, at, i

    def _is_late(self, end: float) -> bool:
        """Whether a recording goes last: it is new, whatever a clock that was set back says."""
        return end > self.newest or (self.set_back and end < self._before)
