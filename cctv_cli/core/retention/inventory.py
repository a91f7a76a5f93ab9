"""The values of a cleanup: recordings, cameras and disks as found, and the verdicts. Pure."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from enum import IntEnum
from sys import intern
from typing import Dict, Iterable, Mapping, Optional, Sequence, Tuple

from cctv_cli.core.storage.entries import BriefSegment, HoldEntry
from cctv_cli.core.units import FreeSpace, counted, format_size


class Verdict(IntEnum):
    """What becomes of a recording, and by which rule."""

    KEPT = 0
    HELD = 1
    FUTURE = 2
    REFUSED = 3
    UNJOURNALLED = 4
    AGE = 5
    CAMERA_SIZE = 6
    TOTAL_SIZE = 7
    FREE_SPACE = 8
    UNJOURNALLED_SPACE = 9  # free space, too, but of a file that no journal knows

    @property
    def deletes(self) -> bool:
        """Whether the recording is deleted."""
        return self >= Verdict.AGE


@dataclass(frozen=True)
class DayInventory:
    """The recordings of one local day in the order of their absolute start, one column for each fact.

    `names` as the journal writes them, `starts` and `ends` instants, `sizes` bytes (0 when the file is
    missing), `holds` those that touch the day. Behind all others stand `unjournalled` files that have the names of
    recordings, but are in no journal: one was lost or damaged. Their starts and ends enclose all that their names and
    their last writes may mean.
    """

    date: str
    names: Tuple[str, ...]
    starts: Sequence[float]
    ends: Sequence[float]
    sizes: Sequence[int]
    holds: Tuple[HoldEntry, ...] = ()
    unjournalled: int = 0

    @property
    def journalled(self) -> int:
        """How many recordings the journal knows; they come first."""
        return len(self.names) - self.unjournalled


def make_day(
    date: str,
    segments: Iterable[BriefSegment],
    holds: Iterable[HoldEntry] = (),
    unjournalled: Iterable[BriefSegment] = (),
) -> DayInventory:
    """A day of recordings in any order."""
    unknown = sorted(unjournalled, key=lambda segment: segment.start)
    ordered = [*sorted(segments, key=lambda segment: segment.start), *unknown]
    return DayInventory(
        date,
        tuple(intern(segment.file) for segment in ordered),  # the same names in every day: one text for all
        array("d", [segment.start for segment in ordered]),
        array("d", [segment.start + segment.duration for segment in ordered]),
        array("q", [segment.bytes for segment in ordered]),
        tuple(holds),
        len(unknown),
    )


@dataclass(frozen=True)
class CameraInventory:
    """One camera: its policy, its disk (a key of `Inventory.disks`) and its days in order.

    `oldest` is the earliest start that the last cleanup that believed the clock saw, None if there was none.
    `lacks_disk`: it had a disk of its own, and is on that of the storage root now.
    """

    camera_id: str
    retention_days: int
    max_size: Optional[int]
    disk: int
    days: Tuple[DayInventory, ...]
    oldest: Optional[float] = None
    lacks_disk: bool = False


def unjournalled(camera: CameraInventory) -> str:
    """What of a camera's recordings no journal knows, and what to do, as the end of a sentence; empty if nothing."""
    days = [day for day in camera.days if day.unjournalled]
    if not days:
        return ""
    count = sum(day.unjournalled for day in days)
    size = format_size(sum(sum(day.sizes[day.journalled :]) for day in days))
    when = days[0].date if len(days) == 1 else f"{days[0].date} to {days[-1].date}"
    return (
        f"{counted(count, 'recording')} of {when} ({size}) that its journal does not know, because it was lost or "
        "damaged; such recordings are in no listing, and only a short disk deletes them, last: restore journal.jsonl "
        "from a backup, or move them elsewhere"
    )


@dataclass(frozen=True)
class Disk:
    """A disk by one of its folders; bytes."""

    path: str
    total: int
    free: int


@dataclass(frozen=True)
class RetentionRules:
    """What holds for all cameras together; see `Settings`."""

    max_size: Optional[int]
    min_free: FreeSpace
    most_deleted: int


@dataclass(frozen=True)
class Inventory:
    """All that a plan depends on.

    `cleaned_at` is the instant of the last cleanup whose clock was trusted, None if there was none.
    `whole`: these are all cameras of the storage that can be read; else the rules for all cameras together do not
    apply. A camera that cannot be read is not counted in the size of all recordings, so less is deleted.
    `storage_doubt` says why this may not be the right storage; empty if it is. `records_here`: this process itself
    began to record into it, although it has no marker. `unconfigured`: no camera is configured, so this may be a
    cleanup that did not find the configuration.
    """

    cameras: Tuple[CameraInventory, ...]
    disks: Mapping[int, Disk]
    limits: RetentionRules
    now: float
    cleaned_at: Optional[float] = None
    whole: bool = True
    storage_doubt: str = ""
    records_here: bool = False
    unconfigured: bool = False


@dataclass(frozen=True)
class BrakeRefusal:
    """What a brake held back, in one sentence; `camera_id` is None when it concerns all."""

    brake: str
    camera_id: Optional[str]
    reason: str


@dataclass(frozen=True)
class Count:
    """Recordings and their bytes."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.files + other.files, self.bytes + other.bytes)


NOTHING = Count()


@dataclass(frozen=True)
class CameraPlan:
    """One camera's facts with a verdict for every recording: a byte each, a string of bytes for each day."""

    facts: CameraInventory
    verdicts: Tuple[bytes, ...]

    def counts(self, index: int) -> Dict[Verdict, Count]:
        """The recordings of day number `index` by their verdict."""
        day, verdicts = self.facts.days[index], self.verdicts[index]
        found = {}
        for verdict in Verdict:
            files = verdicts.count(verdict)
            if files == len(verdicts) > 0:
                return {verdict: Count(files, sum(day.sizes))}
            if files:
                found[verdict] = Count(files, sum(s for s, v in zip(day.sizes, verdicts) if v == verdict))
        return found


@dataclass(frozen=True)
class Plan:
    """What a cleanup does; `shortfalls` say which limit cannot be kept, `notes` what else an operator should know."""

    facts: Inventory
    cameras: Tuple[CameraPlan, ...]
    refusals: Tuple[BrakeRefusal, ...]
    shortfalls: Tuple[str, ...]
    notes: Tuple[str, ...]


def phrase(verdict: Verdict, camera: CameraInventory, limits: RetentionRules) -> str:
    """The reason behind a verdict, as a preview and the journal say it."""
    phrases = {
        Verdict.KEPT: "within retention",
        Verdict.HELD: "on hold",
        Verdict.FUTURE: "dated in the future",
        Verdict.REFUSED: "a brake keeps it",
        Verdict.UNJOURNALLED: "not in the journal",
        Verdict.AGE: f"older than {camera.retention_days} days",
        Verdict.CAMERA_SIZE: f"over {format_size(camera.max_size or 0)} of this camera",
        Verdict.TOTAL_SIZE: f"over {format_size(limits.max_size or 0)} of all cameras",
        Verdict.FREE_SPACE: f"less than {limits.min_free} of the disk free",
        Verdict.UNJOURNALLED_SPACE: f"less than {limits.min_free} of the disk free, and not in the journal",
    }
    return phrases[verdict]
