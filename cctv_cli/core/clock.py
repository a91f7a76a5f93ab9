"""Time: instants, clocks, and local time.

An *instant* is a float: seconds since 1970-01-01T00:00:00 UTC. Wall time is used for names,
journals and retention, monotonic time for uptime, back-off and stalls.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone, tzinfo
from typing import Any, Optional, Protocol

HOUR = 3600.0  # seconds
DAY = 86400.0  # seconds; a local day may have an hour more or less
EARLIEST = 0.0
LATEST = float(1 << 33)  # in the year 2242; up to then a float is exact to the millisecond
# the clocks of Linux and of macOS that go on while the machine sleeps, which `time.monotonic` does only on Windows
_UNSLEEPING: Any = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


class Clock(Protocol):
    """The source of time for all code; tests replace it."""

    def now(self) -> float:
        """The wall time as an instant."""

    def monotonic(self) -> float:
        """Seconds on a clock that is never set, and that goes on while the machine sleeps."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        """The wall time as an instant."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds on a clock that is never set, and that goes on while the machine sleeps."""
        return float(time.clock_gettime(_UNSLEEPING)) if hasattr(time, "clock_gettime") else time.monotonic()


def zone(name: Optional[str]) -> Optional[tzinfo]:
    """The time zone of an IANA name; None means the system's zone.

    Raises KeyError (ZoneInfoNotFoundError) for an unknown name.
    """
    return None if name is None else _zoneinfo().ZoneInfo(name)


def similar_zone(name: str) -> Optional[str]:
    """The zone that a wrong name probably means: one in other case, or that of a city without its region."""
    written = name.strip().lower().replace(" ", "_")
    known = sorted(_zoneinfo().available_timezones())
    return next((each for each in known if written in (each.lower(), each.lower().rpartition("/")[2])), None)


def _zoneinfo() -> Any:
    try:
        import zoneinfo
    except ImportError:  # Python 3.8
        from backports import zoneinfo  # type: ignore[no-redef]
    return zoneinfo


def local_time(instant: float, tz: Optional[tzinfo]) -> datetime:
    """The aware local time of an instant, in `tz` or in the system's zone."""
    return datetime.fromtimestamp(instant, timezone.utc).astimezone(tz)


def format_instant(instant: float, tz: Optional[tzinfo]) -> str:
    """ISO 8601 with milliseconds and the UTC offset: 2026-11-23T14:41:00.040+01:00."""
    return local_time(round(instant, 3), tz).isoformat(timespec="milliseconds")


def parse_instant(text: str) -> float:
    """The instant of an ISO 8601 time with a UTC offset.

    Raises ValueError for anything else, and for years that `format_instant` cannot write in every zone and on
    every system: those before 1970 and after 2241.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no UTC offset")
    instant = moment.timestamp()
    if not EARLIEST <= instant < LATEST:
        raise ValueError(f"{text!r} is not between 1970 and 2242")
    return instant


def parse_time(text: str, tz: Optional[tzinfo], *, end: bool = False) -> float:
    """The instant of "2026-11-03 14:00", local or with a UTC offset. Raises ValueError.

    A local time that occurs twice or never, when summer time ends or begins, means the earlier of the two possible
    instants, or the later with `end`: a period is better too long than too short.
    """
    try:
        if ":" not in text:
            raise ValueError
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise ValueError("write a time as 2026-11-03 14:00, in local time or with a UTC offset") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=tz)
    return (max if end else min)(moment.replace(fold=fold).timestamp() for fold in (0, 1))
