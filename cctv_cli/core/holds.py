"""Holds: times of a camera that no cleanup touches. They lie in the journals of the days that they touch."""

from __future__ import annotations

import secrets
from datetime import datetime, tzinfo
from typing import List, Optional

from cctv_cli.core.archive import journal_lock
from cctv_cli.core.clock import local_time
from cctv_cli.core.errors import HoldError
from cctv_cli.core.journal import HoldEntry, Journal, ReleaseEntry
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.scan import recorded_days

LONGEST_NOTE = 200  # characters
_LONGEST_SEGMENT = 3600.0  # seconds; a recording lies in the day in which it began,
_EARLY = 2.0  # or so much before it
_NOTHING = "Camera {} recorded nothing in that time that is still there; check the date and the times"


def parse_time(text: str, tz: Optional[tzinfo], *, end: bool = False) -> float:
    """The instant of "2026-11-03 14:00", local or with a UTC offset. Raises ValueError.

    Of a local time that comes twice, when summer time ends, the first is meant, with `end` the second.
    """
    try:
        if ":" not in text:
            raise ValueError
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise ValueError("write a time as 2026-11-03 14:00, in local time or with a UTC offset") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=tz, fold=int(end))
    return moment.timestamp()


def add_hold(layout: CameraLayout, start: float, end: float, note: str, now: float, tz: Optional[tzinfo]) -> HoldEntry:
    """Keep what was recorded between two instants. Raises HoldError when nothing was, OSError.

    `end` may lie later than `now`, but not later than today.
    """
    if end <= start:
        raise HoldError("The hold would end before it begins; write the earlier time first")
    if local_time(end - 1, tz).date() > local_time(now, tz).date():
        raise HoldError("The hold would end after today; hold what is recorded by now, and the rest when it is")
    if len(note) > LONGEST_NOTE or not note.isprintable():
        raise HoldError(f"The note must be one line of at most {LONGEST_NOTE} characters; shorten it")
    hold = HoldEntry(secrets.token_hex(4), start, end - start, note)
    first, last = (_day(at, tz) for at in (start - _LONGEST_SEGMENT, end + _EARLY))
    if not layout.recordings.is_dir():
        raise HoldError(_NOTHING.format(layout.camera_id))
    with journal_lock(layout):
        days = [day for day in recorded_days(layout) if first <= day <= last]
        if end > now:  # what is recorded from now on belongs to today, whose folder may not be there yet
            layout.day(_day(now, tz)).mkdir(exist_ok=True)
            days = sorted({*days, _day(now, tz)})
        journals = [Journal(layout.journal(day)) for day in days]
        if end <= now and not any(hold.covers(s.start, s.end) for journal in journals for s in journal.segments()):
            raise HoldError(_NOTHING.format(layout.camera_id))
        for journal in journals:
            journal.append(hold, tz)
    return hold


def list_holds(layout: CameraLayout) -> List[HoldEntry]:
    """A camera's holds that were not released, oldest time first. Raises OSError."""
    found = {hold.id: hold for day in recorded_days(layout) for hold in Journal(layout.journal(day)).holds()}
    return sorted(found.values(), key=lambda hold: hold.start)


def release_hold(layout: CameraLayout, hold_id: str, tz: Optional[tzinfo]) -> bool:
    """End a hold: retention may take what it kept. False when the camera has none of that id. Raises OSError."""
    released = False
    with journal_lock(layout):
        for day in recorded_days(layout):
            journal = Journal(layout.journal(day))
            for hold in journal.holds():
                if hold.id == hold_id:
                    journal.append(ReleaseEntry(hold.id, hold.start, hold.duration), tz)
                    released = True
    return released


def _day(instant: float, tz: Optional[tzinfo]) -> str:
    return local_time(instant, tz).strftime("%Y-%m-%d")
