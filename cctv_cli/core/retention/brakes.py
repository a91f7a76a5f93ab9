"""The brakes: they keep a cleanup from mistakes that cannot be undone. `plan` lists what each holds back. Pure."""

from __future__ import annotations

from typing import List, Sequence

from cctv_cli.core.clock import DAY, HOUR
from cctv_cli.core.retention.draft import CLOCK_TOLERANCE, SET_BACK, STOP_AGE, STOP_ALL, STOP_SIZES, Draft
from cctv_cli.core.retention.inventory import NOTHING, BrakeRefusal, Inventory
from cctv_cli.core.units import counted, format_size

JUMP = 10 * DAY  # seconds without a cleanup after which the clock may have jumped


def doubts(facts: Inventory, drafts: Sequence[Draft], *, force: bool) -> List[BrakeRefusal]:
    """Hold back the rules that cannot be trusted, and return the reasons."""
    refusals = []
    if facts.storage_doubt and not force:
        refusals.append(BrakeRefusal("storage", None, facts.storage_doubt))
        for draft in drafts:
            draft.stop(STOP_SIZES if facts.records_here else STOP_ALL)
        return refusals
    if facts.unconfigured and not force and any(draft.facts.days for draft in drafts):
        reason = (
            "No camera is configured, so it is unknown how long recordings are kept; name the configuration with "
            "--config, or clean up by the general rules with --force"
        )
        refusals.append(BrakeRefusal("policy", None, reason))
        for draft in drafts:
            draft.stop(STOP_SIZES)
    clock = "" if force else clock_doubt(facts)
    if clock:
        aged = [draft.stop(STOP_AGE) for draft in drafts]
        if any(aged):
            refusals.append(BrakeRefusal("clock", None, clock))
    for draft in drafts:
        refusals += _doubts_of(draft, force=force)
    return refusals


def _doubts_of(draft: Draft, *, force: bool) -> List[BrakeRefusal]:
    """Hold back the rules that cannot be trusted for one camera, and return the reasons."""
    refusals, name = [], draft.facts.camera_id
    if draft.facts.lacks_disk and not force:
        draft.stop(STOP_SIZES)
        reason = (
            f"The disk of {name} is not mounted, so its recordings are on the storage's disk; mount it, or, if it "
            "was removed for good, clean up once with --force"
        )
        refusals.append(BrakeRefusal("disk", name, reason))
    past = NOTHING if force else draft.refuse_past()
    if past.files:
        reason = (
            f"{name} has {counted(past.files, 'recording')} ({format_size(past.bytes)}) dated before everything "
            "that the last cleanup saw, so the clock was wrong; check the preview, then clean up with --force"
        )
        refusals.append(BrakeRefusal("past", name, reason))
    if draft.facts.retention_days < 1:
        draft.stop(STOP_ALL)
        reason = f"The retention of {name} is less than a day, which keeps nothing; set retention_days"
        refusals.append(BrakeRefusal("policy", name, reason))
    elif draft.future.bytes * 2 > draft.bytes and not force:
        draft.stop(STOP_SIZES)
        reason = (
            f"Most recordings of {name} ({draft.future.files}, {format_size(draft.future.bytes)}) are dated in the "
            "future, so the clock is or was wrong; set the clock, or clean up with --force"
        )
        refusals.append(BrakeRefusal("future", name, reason))
    return refusals


def clock_doubt(facts: Inventory) -> str:
    """Why the wall clock is not trusted, in one sentence; empty if it is."""
    cure = "check the date of this machine, then clean up once with --force"
    if facts.cleaned_at is not None and facts.now < facts.cleaned_at - SET_BACK:
        return f"The clock is {_span(facts.cleaned_at - facts.now)} before the last cleanup; {cure}"
    ends = [max(day.ends[: day.journalled]) for camera in facts.cameras for day in camera.days if day.journalled]
    known = facts.cleaned_at or max((end for end in ends if end <= facts.now + CLOCK_TOLERANCE), default=facts.now)
    if facts.now - known > JUMP:
        before = "last cleanup" if facts.cleaned_at else "newest recording"
        return f"The clock is {_span(facts.now - known)} after the {before}, so it may have jumped; {cure}"
    return ""


def _span(seconds: float) -> str:
    return f"{seconds / DAY:.0f} days" if seconds >= 2 * DAY else f"{seconds / HOUR:.0f} hours"
