"""The days for which a camera has recordings."""

from __future__ import annotations

import os
from typing import List

from cctv_cli.core.layout import CameraLayout, is_day, is_hour


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


def _has_hours(layout: CameraLayout, day: str) -> bool:
    with os.scandir(layout.day(day)) as entries:
        return any(is_hour(entry.name) for entry in entries)
