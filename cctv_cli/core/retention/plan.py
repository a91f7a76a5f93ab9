"""Decides which recordings are deleted and which stay, each with its reason. Pure: facts and time in, a plan out.

Four rules apply in this order, and each deletes the oldest recordings first:

    age           what ended more than the camera's `retention_days` times 24 hours ago
    camera size   until the camera's recordings fit into its `max_size`
    total size    until all cameras' recordings fit into `max_size`
    free space    until `min_free` of a disk is free

A file that has the name of a recording but is in no journal, because one was lost or damaged, is deleted for free space
alone, after everything but the newest day: its age is uncertain.

No rule deletes a recording that a hold covers. One that is dated in the future is deleted for free space alone, before
the newest day, or with force by any limit, before all others. "The future" begins after now or after the last cleanup
that trusted the clock, whichever is later: what that cleanup saw is true footage, even if the clock was set back since.

A brake holds back only the rules that it cannot trust: a full disk ends every recording, so the rule of free space
stops completely only if the storage may be the wrong one.

    storage   the storage root is not the one from before     all rules; all but the rescue where this process began
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
from dataclasses import dataclass
from typing import Iterator, List, NamedTuple, Optional, Sequence

from cctv_cli.core.clock import DAY
from cctv_cli.core.retention.brakes import doubts
from cctv_cli.core.retention.draft import SET_BACK, STOP_ALL, STOP_SIZES, Draft
from cctv_cli.core.retention.inventory import (
    BrakeRefusal,
    CameraPlan,
    Disk,
    Inventory,
    Plan,
    RetentionRules,
    Verdict,
    unjournalled,
)
from cctv_cli.core.units import FreeSpace, counted, format_size

RESCUE = FreeSpace(percent=1)
_SPARE = 10  # a short disk gets this part of `min_free` more, so that it is not short again at the next poll


def plan(facts: Inventory, *, force: bool = False) -> Plan:
    """Decide about every recording. With `force` no brake applies except that of an empty policy."""
    believed = facts.now if force or facts.cleaned_at is None else max(facts.now, facts.cleaned_at)
    drafts = [Draft(camera, facts.now, believed) for camera in facts.cameras]
    if any(draft.future.files or draft.unjournalled for draft in drafts):
        for draft in drafts:
            draft.newest = believed - DAY
    for draft in drafts:
        draft.set_back = believed > facts.now + SET_BACK
    refusals = doubts(facts, drafts, force=force)
    shortfalls: List[str] = []
    for draft in drafts:
        if draft.stopped < STOP_SIZES and draft.facts.max_size is not None:
            short = draft.bytes - draft.deleted - draft.facts.max_size
            rule = _Rule(Verdict.CAMERA_SIZE, [draft], f"max_size of {draft.facts.camera_id}", draft.facts.camera_id)
            _apply(rule, short, facts.limits, refusals, shortfalls, force=force)
    if facts.whole and facts.limits.max_size is not None:
        short = sum(draft.bytes - draft.deleted for draft in drafts) - facts.limits.max_size
        free_to_go = [draft for draft in drafts if draft.stopped < STOP_SIZES]
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


@dataclass(frozen=True)
class _Rule:
    verdict: Verdict
    drafts: Sequence[Draft]
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
    """Take the oldest until `short` bytes are freed, and `spare` more if possible; False if a brake held all back."""
    if short <= 0:
        return True
    before = [[bytearray(verdicts) for verdicts in draft.verdicts] for draft in rule.drafts]
    taken = _take(rule, short, spare, force=force)
    shares = [_share(draft, bytes_taken) for draft, bytes_taken in zip(rule.drafts, taken)]
    greedy = braked and not force and max(shares, default=0.0) > limits.most_deleted
    if greedy and spare:
        for draft, verdicts in zip(rule.drafts, before):
            draft.verdicts = verdicts
        return _apply(rule, short, limits, refusals, shortfalls, force=force, braked=braked)
    if greedy:
        for draft in rule.drafts:
            draft.replace(rule.verdict, Verdict.REFUSED)
            draft.replace(Verdict.UNJOURNALLED_SPACE, Verdict.UNJOURNALLED)
        refusals.append(_too_much(rule, shares, limits))
        return False
    for draft, bytes_taken in zip(rule.drafts, taken):
        draft.deleted += bytes_taken.all
        draft.limited += bytes_taken.journalled
    freed = sum(bytes_taken.all for bytes_taken in taken)
    if freed < short:
        shortfalls.append(
            f"The limit {rule.setting} cannot be kept: {format_size(short - freed)} too much "
            f"is stored, but nothing more may be deleted{_held(rule.drafts)}"
        )
    return True


def _too_much(rule: _Rule, shares: Sequence[float], limits: RetentionRules) -> BrakeRefusal:
    """Why a rule takes too much of the cameras' bytes; `shares` are in percent."""
    share = max(shares)
    worst = rule.drafts[shares.index(share)].facts.camera_id
    reason = (
        f"The limit {rule.setting} asks to delete {share:.0f} % of the recordings of {worst} beyond what age explains, "
        f"and at most {limits.most_deleted} % are allowed; correct the setting, or clean up with --force"
    )
    return BrakeRefusal("share", rule.camera_id, reason)


class _Taken(NamedTuple):
    """The bytes that a camera loses, of recordings that its journals know and of others."""

    journalled: int = 0
    unjournalled: int = 0

    @property
    def all(self) -> int:
        return self.journalled + self.unjournalled


def _take(rule: _Rule, short: int, spare: int, *, force: bool) -> List[_Taken]:
    """Give the oldest recordings the rule's verdict; returns what each camera loses. Unknown files are not spare."""
    taken = [_Taken()] * len(rule.drafts)
    freed = 0
    order = (draft.candidates(n, rule.verdict, force=force) for n, draft in enumerate(rule.drafts))
    for _, _, number, at, i in heapq.merge(*order):
        draft = rule.drafts[number]
        size = draft.facts.days[at].sizes[i]
        known = draft.verdicts[at][i] != Verdict.UNJOURNALLED
        if freed >= (short + spare if known else short):
            break
        draft.verdicts[at][i] = rule.verdict if known else Verdict.UNJOURNALLED_SPACE
        journalled, unjournalled = taken[number]
        taken[number] = _Taken(journalled + size, unjournalled) if known else _Taken(journalled, unjournalled + size)
        freed += size
    return taken


def _share(draft: Draft, more: _Taken) -> float:
    """The percentage of the camera's bytes that limits take, of those in its journals or of the others."""
    known = 100 * (draft.limited + more.journalled) / draft.bytes if more.journalled else 0.0
    return max(known, 100 * more.unjournalled / draft.unjournalled if more.unjournalled else 0.0)


def _held(drafts: Sequence[Draft]) -> str:
    held = sum(draft.of(Verdict.HELD).bytes for draft in drafts)
    return f"; holds keep {format_size(held)}, see cctv holds" if held else ""


def _free_space(
    disk: Disk,
    drafts: Sequence[Draft],
    limits: RetentionRules,
    refusals: List[BrakeRefusal],
    shortfalls: List[str],
    *,
    only_rescue: bool,
    force: bool,
) -> None:
    drafts = [draft for draft in drafts if draft.stopped < STOP_ALL]
    if not drafts:
        return
    free = disk.free + sum(draft.deleted for draft in drafts)
    rule = _Rule(Verdict.FREE_SPACE, drafts, f"min_free of the disk of {disk.path}", None)
    wanted = limits.min_free.of(disk.total)
    spare = wanted // _SPARE
    if only_rescue or not _apply(rule, wanted - free, limits, refusals, shortfalls, force=force, spare=spare):
        rescue = min(wanted, RESCUE.of(disk.total))
        _apply(rule, rescue - free, limits, refusals, shortfalls, force=force, braked=False)


def _notes(drafts: Sequence[Draft]) -> Iterator[str]:
    for draft in drafts:
        future = draft.of(Verdict.FUTURE)
        if future.files:
            yield (
                f"{draft.facts.camera_id} has {counted(future.files, 'recording')} ({format_size(future.bytes)}) dated "
                "in the future, because the clock was wrong; such recordings are kept"
            )
        unknown = unjournalled(draft.facts)
        if unknown:
            yield f"{draft.facts.camera_id} has {unknown}"
