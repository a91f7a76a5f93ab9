"""A camera's verdicts while the plan is made: first by age, then brakes hold back, then limits take more. Pure."""

from __future__ import annotations

import math
from typing import Iterator, Optional, Tuple

from cctv_cli.core.clock import DAY, HOUR
from cctv_cli.core.retention.inventory import NOTHING, CameraInventory, Count, DayInventory, Verdict

CLOCK_TOLERANCE = 300.0  # seconds after now up to which a start is not dated in the future
SET_BACK = HOUR  # seconds by which the clock may be before the last cleanup, or a recording before the oldest known
STOP_AGE, STOP_SIZES, STOP_ALL = 1, 2, 3  # how much a brake holds back

_UNDECIDED = bytes((Verdict.KEPT, Verdict.REFUSED))  # a limit may take these
_DATED_AHEAD = bytes((Verdict.FUTURE,))
_UNJOURNALLED = bytes((Verdict.UNJOURNALLED,))


class Draft:
    """A camera's verdicts while the plan is made. They start with those by age."""

    def __init__(self, facts: CameraInventory, now: float, believed: float) -> None:
        self.facts = facts
        self.stopped = 0  # how much a brake holds back here
        self.bytes = sum(sum(day.sizes[: day.journalled]) for day in facts.days)
        self.unjournalled = sum(sum(day.sizes[day.journalled :]) for day in facts.days)
        self._holds = {hold for day in facts.days for hold in day.holds}
        self.deleted = 0
        self.limited = 0  # bytes of `deleted` that age does not explain
        self.future = Count()
        self.newest = math.inf  # recordings that end later are deleted last, after those without a certain date
        self.set_back = False  # the clock was set back, so recordings dated before all others are new
        self._before = -math.inf if facts.oldest is None else facts.oldest - SET_BACK
        cutoff = now - facts.retention_days * DAY
        self.verdicts = [self._judge(day, believed + CLOCK_TOLERANCE, cutoff) for day in facts.days]

    def _judge(self, day: DayInventory, horizon: float, cutoff: float) -> bytearray:
        verdicts = bytearray(len(day.names))
        quiet = not day.holds and not day.unjournalled and bool(day.ends)
        if quiet and min(day.ends) > cutoff and day.starts[-1] <= horizon:
            return verdicts
        for i, (start, end) in enumerate(zip(day.starts, day.ends)):
            if i >= day.journalled:  # the lost journal may have had the hold, but other days have a copy
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
        """How many recordings have this verdict."""
        sizes = [
            size
            for day, verdicts in zip(self.facts.days, self.verdicts)
            if wanted in verdicts
            for size, verdict in zip(day.sizes, verdicts)
            if verdict == wanted
        ]
        return Count(len(sizes), sum(sizes))

    def stop(self, how_much: int) -> bool:
        """Hold rules back; returns whether age would have deleted anything."""
        self.stopped = max(self.stopped, how_much)
        aged = self.replace(Verdict.AGE, Verdict.REFUSED)
        self.deleted = 0
        return aged

    def replace(self, old: Verdict, new: Verdict) -> bool:
        """Replace one verdict by another; returns whether any recording had it."""
        table = bytes(new if value == old else value for value in range(256))
        found = any(old in verdicts for verdicts in self.verdicts)
        self.verdicts = [verdicts.translate(table) for verdicts in self.verdicts]
        return found

    def refuse_past(self) -> Count:
        """Keep what age would delete although it is dated before the oldest known recording; returns how much."""
        refused = NOTHING
        for day, verdicts in zip(self.facts.days, self.verdicts):
            for i, end in enumerate(day.ends):
                if verdicts[i] == Verdict.AGE and end < self._before:
                    verdicts[i] = Verdict.REFUSED
                    refused += Count(1, day.sizes[i])
        self.deleted -= refused.bytes
        return refused

    def candidates(self, number: int, rule: Verdict, *, force: bool) -> Iterator[Tuple[int, float, int, int, int]]:
        """The recordings that a limit may delete, in order: (rank, start, `number`, day, index)."""
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
        """Whether a recording is deleted last: it is new, or seems old only because the clock was set back."""
        return end > self.newest or (self.set_back and end < self._before)
