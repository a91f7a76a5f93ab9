"""Which recordings go and which stay, each with its reason. Pure: facts and the time in, a frozen plan out.

Four rules, one after the other, and each takes the oldest recordings first:

    age           what ended more than the camera's `retention_days` times 24 hours ago
    camera size   until the camera's recordings fit into its `max_size`
    total size    until all cameras' recordings fit into `max_size`
    free space    until `min_free` of a disk is free

Nothing takes a recording that a hold covers. One that is dated in the future goes by free space alone, before the
newest day does, or with force by any limit, before all others. "The future" begins after now or the last cleanup that
believed the clock, whichever is later: what that cleanup saw is true footage, though the clock was set back since.

A brake holds back the rules whose judgement it doubts, never more: a disk that runs full ends every
recording, so only a storage that may be another one stops the rule of free space wholly.

    storage   the storage root is not the one that it was     all rules; all but the rescue where this process began
                                                              to record on a disk too full for a marker
    disk      a camera's own disk is not mounted              all rules but the rescue, for that camera; free space but
                                                              the rescue, on the disk that takes its place
    policy    no days of retention at all                     all rules, for that camera
    policy    no camera is configured                         all rules but the rescue
    clock     the wall clock jumped                           age
    past      dated before all that the last cleanup saw      age, for those recordings
    future    most of a camera's footage lies in the future   age and sizes, for that camera
    share     a rule takes too much of a camera's bytes       that rule; of free space, all beyond the rescue

The rescue is what keeps recorders going: one percent of the disk, or `min_free` if that is less.
"""

from __future__ import annotations

import heapq
import math
from array import array
from dataclasses import dataclass
from enum import IntEnum
from sys import intern
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from cctv_cli.core.clock import DAY, HOUR
from cctv_cli.core.storage.entries import BriefSegment, HoldEntry
from cctv_cli.core.units import FreeSpace, format_size

JUMP = 10 * DAY  # seconds without a cleanup after which the clock, not time, may have passed
SET_BACK = HOUR  # seconds that the clock may lie before the last cleanup, or a new recording before the oldest
FUTURE = 300.0  # seconds that a recording may begin after now
RESCUE = FreeSpace(percent=1)
_SPARE = 10  # a short disk gets this part of `min_free` more, so that not every look finds it short again


class Verdict(IntEnum):
    """What becomes of a recording, and by which rule."""

    KEPT = 0
    HELD = 1
    FUTURE = 2
    REFUSED = 3
    AGE = 4
    CAMERA_SIZE = 5
    TOTAL_SIZE = 6
    FREE_SPACE = 7

    @property
    def deletes(self) -> bool:
        """Whether the recording goes."""
        return self >= Verdict.AGE


_UNDECIDED = bytes((Verdict.KEPT, Verdict.REFUSED))  # a limit may take these
_DATED_AHEAD = bytes((Verdict.FUTURE,))


@dataclass(frozen=True)
class DayInventory:
    """The recordings of one local day in the order of their absolute start, one column for each fact.

    `names` as the journal writes them, `starts` and `ends` instants, `sizes` bytes (0 when the file is
    missing), `holds` those that touch the day.
    """

    date: str
    names: Tuple[str, ...]
    starts: Sequence[float]
    ends: Sequence[float]
    sizes: Sequence[int]
    holds: Tuple[HoldEntry, ...] = ()


def make_day(date: str, segments: Iterable[BriefSegment], holds: Iterable[HoldEntry] = ()) -> DayInventory:
    """A day of recordings in any order."""
    ordered = sorted(segments, key=lambda segment: segment.start)
    return DayInventory(
        date,
        tuple(intern(segment.file) for segment in ordered),  # the same names in every day: one text for all
        array("d", [segment.start for segment in ordered]),
        array("d", [segment.start + segment.duration for segment in ordered]),
        array("q", [segment.bytes for segment in ordered]),
        tuple(holds),
    )


@dataclass(frozen=True)
class CameraInventory:
    """One camera: the policy that holds for it, the disk (a key of `Inventory.disks`) and its days in order.

    `oldest` is the earliest start that the last cleanup that believed the clock saw, None if there was none.
    `lacks_disk`: it had a disk of its own, and lies on the storage root's now.
    """

    camera_id: str
    retention_days: int
    max_size: Optional[int]
    disk: int
    days: Tuple[DayInventory, ...]
    oldest: Optional[float] = None
    lacks_disk: bool = False


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

    `cleaned_at` is the instant of the last cleanup whose clock was believed, None if there was none.
    `whole`: these are all cameras of the storage; else the rules for all cameras together do not apply.
    `storage_doubt` says why this may not be the storage that it should be; empty if it is. `records_here`:
    this process itself began to record into it, unmarked as it is. `unconfigured`: no camera is configured,
    so this may be a cleanup that did not find the configuration.
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
        Verdict.AGE: f"older than {camera.retention_days} days",
        Verdict.CAMERA_SIZE: f"over {format_size(camera.max_size or 0)} of this camera",
        Verdict.TOTAL_SIZE: f"over {format_size(limits.max_size or 0)} of all cameras",
        Verdict.FREE_SPACE: f"less than {limits.min_free} of the disk free",
    }
    return phrases[verdict]


def plan(facts: Inventory, *, force: bool = False) -> Plan:
    """Decide what becomes of every recording. With `force` no brake holds, but that of an empty policy."""
    believed = facts.now if force or facts.cleaned_at is None else max(facts.now, facts.cleaned_at)
    drafts = [_Draft(camera, facts.now, believed) for camera in facts.cameras]
    if any(draft.future.files for draft in drafts):
        for draft in drafts:
            draft.newest = believed - DAY
    for draft in drafts:
        draft.set_back = believed > facts.now + SET_BACK
    refusals = _doubts(facts, drafts, force=force)
    shortfalls: List[str] = []
    for draft in drafts:
        if draft.stopped < _STOP_SIZES and draft.facts.max_size is not None:
            short = draft.bytes - draft.deleted - draft.facts.max_size
            rule = _Rule(Verdict.CAMERA_SIZE, [draft], f"max_size of {draft.facts.camera_id}", draft.facts.camera_id)
            _apply(rule, short, facts.limits, refusals, shortfalls, force=force)
    if facts.whole and facts.limits.max_size is not None:
        short = sum(draft.bytes - draft.deleted for draft in drafts) - facts.limits.max_size
        free_to_go = [draft for draft in drafts if draft.stopped < _STOP_SIZES]
        rule = _Rule(Verdict.TOTAL_SIZE, free_to_go, "max_size of all recordings", None)
        _apply(rule, short, facts.limits, refusals, shortfalls, force=force)
    only_rescue = not force and bool(facts.storage_doubt or facts.unconfigured)
    if facts.whole:
        for key, disk in facts.disks.items():
            there = [draft for draft in drafts if draft.facts.disk == key]
            careful = only_rescue or (not force and any(draft.facts.lacks_disk for draft in there))
            _free_space(disk, there, facts.limits, refusals, shortfalls, only_rescue=careful, force=force)
    cameras = tuple(CameraPlan(draft.facts, tuple(map(bytes, draft.verdicts))) for draft in drafts)
    return Plan(facts, cameras, tuple(refusals), tuple(shortfalls), tuple(_notes(drafts)))


# ---- age


_STOP_AGE, _STOP_SIZES, _STOP_ALL = 1, 2, 3


class _Draft:
    """A camera's verdicts while they are made; age comes first."""

    def __init__(self, facts: CameraInventory, now: float, believed: float) -> None:
        self.facts = facts
        self.stopped = 0  # how much a brake holds back here
        self.bytes = sum(sum(day.sizes) for day in facts.days)
        self.deleted = 0
        self.limited = 0  # bytes of `deleted` that age does not explain
        self.future = Count()
        self.newest = math.inf  # what ends later goes after what is dated in the future
        self.set_back = False  # whether the clock was, so that what is dated before all else is new
        self._before = -math.inf if facts.oldest is None else facts.oldest - SET_BACK
        cutoff = now - facts.retention_days * DAY
        self.verdicts = [self._judge(day, believed + FUTURE, cutoff) for day in facts.days]

    def _judge(self, day: DayInventory, horizon: float, cutoff: float) -> bytearray:
        verdicts = bytearray(len(day.names))
        if not day.holds and day.ends and min(day.ends) > cutoff and day.starts[-1] <= horizon:
            return verdicts
        for i, (start, end) in enumerate(zip(day.starts, day.ends)):
            if any(hold.covers(start, end) for hold in day.holds):
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
        if some_are_late:
            yield from self._of(3, number, _UNDECIDED, late=True)

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


# ---- brakes


def _doubts(facts: Inventory, drafts: Sequence[_Draft], *, force: bool) -> List[BrakeRefusal]:
    refusals = []
    if facts.storage_doubt and not force:
        refusals.append(BrakeRefusal("storage", None, facts.storage_doubt))
        for draft in drafts:
            draft.stop(_STOP_SIZES if facts.records_here else _STOP_ALL)
        return refusals
    if facts.unconfigured and not force and any(draft.facts.days for draft in drafts):
        reason = (
            "No camera is configured, so nobody knows for how long recordings are kept; name the configuration with "
            "--config, or clean up by the general rules with --force"
        )
        refusals.append(BrakeRefusal("policy", None, reason))
        for draft in drafts:
            draft.stop(_STOP_SIZES)
    clock = "" if force else clock_doubt(facts)
    if clock:
        aged = [draft.stop(_STOP_AGE) for draft in drafts]
        if any(aged):
            refusals.append(BrakeRefusal("clock", None, clock))
    for draft in drafts:
        name = draft.facts.camera_id
        if draft.facts.lacks_disk and not force:
            draft.stop(_STOP_SIZES)
            reason = (
                f"The disk of {name} is not mounted, so its recordings lie on the storage's own; mount it, or, if it "
                "was removed for good, clean up once with --force"
            )
            refusals.append(BrakeRefusal("disk", name, reason))
        past = NOTHING if force else draft.refuse_past()
        if past.files:
            reason = (
                f"{past.files} recordings of {name} ({format_size(past.bytes)}) are dated before all that the last "
                "cleanup saw, so the clock was wrong when they were made; look at the preview, then clean up "
                "with --force"
            )
            refusals.append(BrakeRefusal("past", name, reason))
        if draft.facts.retention_days < 1:
            draft.stop(_STOP_ALL)
            reason = f"The retention of {name} is less than a day, which keeps nothing; set retention_days"
            refusals.append(BrakeRefusal("policy", name, reason))
        elif draft.future.bytes * 2 > draft.bytes and not force:
            draft.stop(_STOP_SIZES)
            reason = (
                f"Most recordings of {name} ({draft.future.files}, {format_size(draft.future.bytes)}) are dated in the "
                "future, so the clock is or was wrong; set the clock, or clean up with --force"
            )
            refusals.append(BrakeRefusal("future", name, reason))
    return refusals


def clock_doubt(facts: Inventory) -> str:
    """Why the wall clock is not believed, in one sentence; empty if it is."""
    cure = "check the date of this machine, then clean up once with --force"
    if facts.cleaned_at is not None and facts.now < facts.cleaned_at - SET_BACK:
        return f"The clock lies {_span(facts.cleaned_at - facts.now)} before the last cleanup; {cure}"
    ends = [max(day.ends) for camera in facts.cameras for day in camera.days if day.ends]
    known = facts.cleaned_at or max((end for end in ends if end <= facts.now + FUTURE), default=facts.now)
    if facts.now - known > JUMP:
        before = "last cleanup" if facts.cleaned_at else "newest recording"
        return f"The clock lies {_span(facts.now - known)} after the {before}, so it may have jumped; {cure}"
    return ""


def _span(seconds: float) -> str:
    return f"{seconds / DAY:.0f} days" if seconds >= 2 * DAY else f"{seconds / HOUR:.0f} hours"


# ---- limits


@dataclass(frozen=True)
class _Rule:
    verdict: Verdict
    drafts: Sequence[_Draft]
    setting: str
    camera_id: Optional[str]


def _apply(
    rule: _Rule,
    short: int,
    limits: RetentionRules,
    refusals: List[BrakeRefusal],
    shortfalls: List[str],
    *,
    force: bool,
    braked: bool = True,
    spare: int = 0,
) -> bool:
    """Take the oldest until `short` bytes are won, and `spare` if there are; False when a brake held all of it back."""
    if short <= 0:
        return True
    before = [[bytearray(verdicts) for verdicts in draft.verdicts] for draft in rule.drafts]
    taken = _take(rule, short + spare, force=force)
    greedy = (
        [] if force or not braked else [d for d, n in zip(rule.drafts, taken) if _share(d, n) > limits.most_deleted]
    )
    if greedy and spare:
        for draft, verdicts in zip(rule.drafts, before):
            draft.verdicts = verdicts
        return _apply(rule, short, limits, refusals, shortfalls, force=force, braked=braked)
    if greedy:
        for draft in rule.drafts:
            draft.replace(rule.verdict, Verdict.REFUSED)
        worst = max(greedy, key=lambda draft: _share(draft, taken[rule.drafts.index(draft)]))
        share = _share(worst, taken[rule.drafts.index(worst)])
        reason = (
            f"The limit {rule.setting} asks to delete {share:.0f} % of the recordings of "
            f"{worst.facts.camera_id} beyond what age explains, and at most {limits.most_deleted} % are allowed; "
            "correct the setting, or clean up with --force"
        )
        refusals.append(BrakeRefusal("share", rule.camera_id, reason))
        return False
    for draft, bytes_taken in zip(rule.drafts, taken):
        draft.deleted += bytes_taken
        draft.limited += bytes_taken
    if sum(taken) < short:
        shortfalls.append(
            f"The limit {rule.setting} cannot be kept: {format_size(short - sum(taken))} too much "
            f"is there, but nothing more may be deleted{_held(rule.drafts)}"
        )
    return True


def _take(rule: _Rule, short: int, *, force: bool) -> List[int]:
    """Give the oldest recordings the rule's verdict; the bytes that each camera loses."""
    taken = [0] * len(rule.drafts)
    won = 0
    order = (draft.candidates(n, rule.verdict, force=force) for n, draft in enumerate(rule.drafts))
    for _, _, number, at, i in heapq.merge(*order):
        if won >= short:
            break
        draft = rule.drafts[number]
        size = draft.facts.days[at].sizes[i]
        draft.verdicts[at][i] = rule.verdict
        taken[number] += size
        won += size
    return taken


def _share(draft: _Draft, more: int) -> float:
    """The percentage of the camera's bytes that limits take."""
    return 100 * (draft.limited + more) / draft.bytes if more else 0.0


def _held(drafts: Sequence[_Draft]) -> str:
    held = sum(draft.of(Verdict.HELD).bytes for draft in drafts)
    return f"; holds keep {format_size(held)}, see cctv holds" if held else ""


def _free_space(
    disk: Disk,
    drafts: Sequence[_Draft],
    limits: RetentionRules,
    refusals: List[BrakeRefusal],
    shortfalls: List[str],
    *,
    only_rescue: bool,
    force: bool,
) -> None:
    drafts = [draft for draft in drafts if draft.stopped < _STOP_ALL]
    if not drafts:
        return
    free = disk.free + sum(draft.deleted for draft in drafts)
    rule = _Rule(Verdict.FREE_SPACE, drafts, f"min_free of the disk of {disk.path}", None)
    wanted = limits.min_free.of(disk.total)
    spare = wanted // _SPARE
    if only_rescue or not _apply(rule, wanted - free, limits, refusals, shortfalls, force=force, spare=spare):
        rescue = min(wanted, RESCUE.of(disk.total))
        _apply(rule, rescue - free, limits, refusals, shortfalls, force=force, braked=False)


def _notes(drafts: Sequence[_Draft]) -> Iterator[str]:
    for draft in drafts:
        future = draft.of(Verdict.FUTURE)
        if future.files:
            yield (
                f"{future.files} recordings of {draft.facts.camera_id} ({format_size(future.bytes)}) are "
                "dated in the future; they are kept, and the clock was wrong when they were made"
            )
