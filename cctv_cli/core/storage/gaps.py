"""Time that no recording covers, as gaps for the journal. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Iterable, Iterator, List, NamedTuple, Optional, Tuple

from cctv_cli.core.clock import DAY, local_time
from cctv_cli.core.storage.entries import JOINT, GapEntry

NO_FRAMES = ("no frames", "the camera sent no frames")  # cause and detail of a gap

_MOST_DAYS = 62  # a longer gap is one line: a clock that jumps by years must not write thousands


class Reason(NamedTuple):
    """Why nothing was recorded up to the instant `until`. `cause` is the journal's word, `detail` is for people."""

    until: float
    cause: str
    detail: str = ""


def gaps_after(covered_until: Optional[float], reasons: Iterable[Reason], least: float = JOINT) -> List[GapEntry]:
    """The successive gaps after the instant up to which all time is covered, None before the first recording.

    Anything that is not longer than `least` seconds is not a gap: times are not exact.
    """
    gaps = []
    for reason in reasons:
        if covered_until is not None and reason.until - covered_until > least:
            gaps.append(GapEntry(covered_until, reason.until - covered_until, reason.cause, reason.detail))
            covered_until = reason.until
    return gaps


def by_day(gaps: Iterable[GapEntry], tz: Optional[tzinfo]) -> Iterator[Tuple[str, GapEntry]]:
    """The gaps cut at local midnights, each with its day, so that each day's journal covers its own day."""
    for gap in gaps:
        start, end = gap.start, gap.end
        while start < end:
            local = local_time(start, tz)
            stop = end if gap.duration > _MOST_DAYS * DAY else _end_of_day(local, start, end, tz)
            yield local.strftime("%Y-%m-%d"), GapEntry(start, stop - start, gap.cause, gap.detail)
            start = stop


def _end_of_day(local: datetime, start: float, end: float, tz: Optional[tzinfo]) -> float:
    """The midnight after the instant `start`, but no later than `end`."""
    tomorrow = (local.replace(tzinfo=None) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    midnight = (tomorrow if tz is None else tomorrow.replace(tzinfo=tz)).timestamp()
    return min(end, midnight) if midnight > start else end
