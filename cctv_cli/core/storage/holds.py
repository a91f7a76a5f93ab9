"""Holds: times of a camera that no cleanup deletes. They are in the journals of the days that they touch."""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import datetime, timezone, tzinfo
from typing import Iterable, List, Optional

from cctv_cli.core.clock import local_time
from cctv_cli.core.errors import HoldError
from cctv_cli.core.layout import CameraLayout, is_day
from cctv_cli.core.storage.commit import journal_lock
from cctv_cli.core.storage.days import FAR, days_near, recorded_days
from cctv_cli.core.storage.entries import HoldEntry, ReleaseEntry, SegmentEntry
from cctv_cli.core.storage.journal import Journal

LONGEST_NOTE = 200  # characters
_LONGEST_SEGMENT = 3600.0  # seconds; a recording belongs to the day in which it began,
_EARLY = 2.0  # or that many seconds before it
_NOTHING = "Camera {} has no recordings of that time; check the date and the times"
_DELETED = "Retention has deleted everything that {} recorded in that time (recordings: {}); nothing is left to hold"


def add_hold(layout: CameraLayout, start: float, end: float, note: str, now: float, tz: Optional[tzinfo]) -> HoldEntry:
    """Keep the recordings between two instants. Raises HoldError if there are none or they cannot be kept, OSError.

    `end` may be later than `now`, but not later than today.
    """
    if end <= start:
        raise HoldError("The hold would end before it begins; write the earlier time first")
    if local_time(end - 1, tz).date() > local_time(now, tz).date():
        raise HoldError("The hold would end after today; end it today, and hold the rest once it is recorded")
    if len(note) > LONGEST_NOTE or not note.isprintable():
        raise HoldError(f"The note must be one line of at most {LONGEST_NOTE} characters; shorten it")
    hold = HoldEntry(secrets.token_hex(4), start, end - start, note)
    first, last = (_day(at, tz) for at in (start - _LONGEST_SEGMENT, end + _EARLY))
    if not layout.recordings.is_dir():
        raise HoldError(_NOTHING.format(layout.camera_id))
    with journal_lock(layout):
        near = days_near(layout, start, end, tz)
        covering = {day for day in near if _covers(hold, Journal(layout.journal(day)).segments())}
        if end <= now and not covering:
            gone = deleted_count(layout, hold, tz)
            raise HoldError(_DELETED.format(layout.camera_id, gone) if gone else _NOTHING.format(layout.camera_id))
        days = covering.union(day for day in near if first <= day <= last)
        today = _day(now, tz)
        if last >= today:  # its folder is missing while its first minute is being recorded
            days.add(today)
        _write(layout, hold, sorted(days), tz)
    return hold


def _write(layout: CameraLayout, hold: HoldEntry, days: List[str], tz: Optional[tzinfo]) -> None:
    """Write a hold into each of these days, or into none if one fails. Raises HoldError."""
    try:
        for day in days:
            layout.day(day).mkdir(exist_ok=True)
            Journal(layout.journal(day)).append(hold, tz)
    except OSError as error:
        for day in days:
            with suppress(OSError):  # if this fails, too, the hold stays for part of the time
                _release(Journal(layout.journal(day)), hold.id, tz)
        raise HoldError(
            f"The hold of {layout.camera_id} could not be written ({error.strerror or error}); "
            "free space on its disk or correct the permissions, then hold again"
        ) from error


def _release(journal: Journal, hold_id: str, tz: Optional[tzinfo]) -> bool:
    """End a hold in one day; False if the day has none with that id. Raises OSError."""
    found = [hold for hold in journal.holds() if hold.id == hold_id]
    for hold in found:
        journal.append(ReleaseEntry(hold.id, hold.start, hold.duration), tz)
    return bool(found)


def deleted_count(layout: CameraLayout, hold: HoldEntry, tz: Optional[tzinfo]) -> int:
    """How many recordings of a held time retention had already deleted, by the journals. Raises OSError."""
    near = _day(hold.start - FAR, tz), _day(hold.end + FAR, tz)
    days = (path.name for path in layout.recordings.iterdir() if is_day(path.name) and near[0] <= path.name <= near[1])
    deletions = (entry for day in days for entry in Journal(layout.journal(day)).deletions().values())
    return sum(hold.covers(entry.start, entry.start + entry.duration) for entry in deletions)


def _covers(hold: HoldEntry, segments: Iterable[SegmentEntry]) -> bool:
    return any(hold.covers(segment.start, segment.end) for segment in segments)


def holds_near(layout: CameraLayout, day: str) -> List[HoldEntry]:
    """The holds in the journals of a day and of the days around it. Raises OSError.

    A hold of several days is in the journal of each, so one lost journal does not lose it.
    """
    noon = datetime.strptime(day, "%Y-%m-%d").replace(hour=12, tzinfo=timezone.utc).timestamp()
    first, last = (_day(noon + shift, timezone.utc) for shift in (-FAR, FAR))
    near = (each for each in recorded_days(layout) if first <= each <= last)
    return list({hold.id: hold for each in near for hold in Journal(layout.journal(each)).holds()}.values())


def list_holds(layout: CameraLayout) -> List[HoldEntry]:
    """A camera's holds that were not released, by their start. Raises OSError."""
    found = {hold.id: hold for day in recorded_days(layout) for hold in Journal(layout.journal(day)).holds()}
    return sorted(found.values(), key=lambda hold: hold.start)


def release_hold(layout: CameraLayout, hold_id: str, tz: Optional[tzinfo]) -> bool:
    """End a hold, so that retention may delete what it kept; False if there is none with that id. Raises OSError."""
    with journal_lock(layout):
        released = [_release(Journal(layout.journal(day)), hold_id, tz) for day in recorded_days(layout)]
    return any(released)


def _day(instant: float, tz: Optional[tzinfo]) -> str:
    return local_time(instant, tz).strftime("%Y-%m-%d")
