"""Puts a plan in order of execution: hour by hour, the oldest days of all cameras first. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple

from cctv_cli.core.retention.inventory import CameraPlan, Plan, RetentionRules, Verdict, phrase
from cctv_cli.core.retention.scan import CameraScan
from cctv_cli.core.storage.entries import DeletionEntry


class Hour(NamedTuple):
    """An hour of one camera with something to delete."""

    day: str
    camera: int  # the number of the camera in the plan
    hour: str
    deletions: List[DeletionEntry]
    leftovers: Tuple[str, ...]


def hours_of(plan: Plan, scans: Sequence[CameraScan]) -> Iterator[Hour]:
    """The hours with something to delete, the oldest days of all cameras first."""
    unfinished: Dict[Tuple[str, int], Dict[str, Tuple[str, ...]]] = {}
    for number, scan in enumerate(scans):
        for left in scan.unfinished:
            unfinished.setdefault((left.day, number), {})[left.hour] = left.files
    going = {
        (day.date, number): at
        for number, camera in enumerate(plan.cameras)
        for at, day in enumerate(camera.facts.days)
        if any(verdict in camera.verdicts[at] for verdict in Verdict if verdict.deletes)
    }
    for key in sorted({*unfinished, *going}):
        date, number = key
        leftovers = unfinished.get(key, {})
        deletions: Dict[str, List[DeletionEntry]] = {}
        if key in going:
            deletions = _by_hour(plan.cameras[number], going[key], plan.facts.limits)
        for hour in sorted({*leftovers, *deletions}):
            yield Hour(date, number, hour, deletions.get(hour, []), leftovers.get(hour, ()))


def _by_hour(camera: CameraPlan, at: int, limits: RetentionRules) -> Dict[str, List[DeletionEntry]]:
    """A day's deletions by their hour, oldest first."""
    day = camera.facts.days[at]
    reasons = {int(verdict): phrase(verdict, camera.facts, limits) for verdict in Verdict if verdict.deletes}
    found: Dict[str, List[DeletionEntry]] = defaultdict(list)
    for name, start, end, size, verdict in zip(day.names, day.starts, day.ends, day.sizes, camera.verdicts[at]):
        if verdict in reasons:
            found[name[:2]].append(DeletionEntry(name, start, end - start, size, reasons[verdict]))
    return found
