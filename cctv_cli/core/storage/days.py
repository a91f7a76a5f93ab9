"""The days for which a camera has recordings."""

from __future__ import annotations

import os
from datetime import tzinfo
from typing import List, Optional

from cctv_cli.core.clock import DAY, local_time
from cctv_cli.core.layout import CameraLayout, is_day, is_hour

FAR = 2 * DAY  # seconds by which the name of a day's folder may differ in another time zone


def recorded_days(layout: CameraLayout) -> List[str]:
    """The days from the oldest one with recordings on, in order; all days if none has any.

    Earlier days were emptied by retention and have only their journals left. Symbolic links are ignored.
    """
    try:
        with os.scandir(layout.recordings) as entries:
            days = sorted(entry.name for entry in entries if is_day(entry.name) and entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []
    oldest = next((day for day in days if _has_hours(layout, day)), "")
    return [day for day in days if day >= oldest]


def days_near(layout: CameraLayout, start: float, end: float, tz: Optional[tzinfo]) -> List[str]:
    """The recorded days that may have something of the time between two instants, whatever the time zone was then."""
    first, last = (local_time(at, tz).strftime("%Y-%m-%d") for at in (start - FAR, end + FAR))
    return [day for day in recorded_days(layout) if first <= day <= last]


def _has_hours(layout: CameraLayout, day: str) -> bool:
    with os.scandir(layout.day(day)) as entries:
        return any(is_hour(entry.name) for entry in entries)
