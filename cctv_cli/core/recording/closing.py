"""Closing a segment: turns the measurements of a finished file into the value that is committed. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import List, Optional, Tuple

from cctv_cli.core.media.span import MediaSpan
from cctv_cli.core.recording.media_clock import RUNAWAY, Timeline, observe
from cctv_cli.core.recording.state import Run
from cctv_cli.core.storage.entries import GapEntry
from cctv_cli.core.storage.gaps import NO_FRAMES, Reason, gaps_after

_UNREADABLE = ("unreadable", "a recorded minute could not be read; it waits in .incoming")
_CLOCK_SET = ("clock set", "the clock of this machine was set")


@dataclass(frozen=True)
class FinishedFile:
    """A file that FFmpeg has finished: its number in the run, what it covers, and the instant of its last write.

    `filmed_until` is the raw time up to which the camera had filmed at that write. `followed` is true if the run
    has a newer file.
    """

    number: int
    span: MediaSpan
    written: float
    filmed_until: int
    followed: bool


@dataclass(frozen=True)
class Before:
    """What came before a file.

    `covered_until` is the instant up to which recordings and gaps cover all time, None before the first recording;
    `unreadable` is true if the previous file was skipped because it cannot be read.
    """

    covered_until: Optional[float]
    unreadable: bool = False
    clock_was_set: bool = False


@dataclass(frozen=True)
class Closed:
    """What is journalled for a finished file: the instant of its first frame, its span, and the gaps before it."""

    start: float
    span: MediaSpan
    gaps: Tuple[GapEntry, ...]


def place(timeline: Optional[Timeline], file: FinishedFile) -> Timeline:
    """The run's timeline after a finished file, whose last frame was written by its last write.

    This also places files that no supervisor polled while they were written.
    """
    if timeline is None or (file.followed and not _is_ahead(timeline, file)):
        return observe(timeline, file.filmed_until, file.written, None)
    return timeline


def close(run: Run, file: FinishedFile, timeline: Timeline, before: Before) -> Closed:
    """When a finished file begins, what it covers, and why nothing was recorded before it."""
    start, span = timeline.instant(file.span.first), file.span
    if _is_ahead(timeline, file):
        # the camera's clock jumped ahead, before the file or inside it: no frame is newer than the last write
        jumped_before = start > file.written - RUNAWAY
        start = file.written - span.duration if jumped_before else start
        span = replace(span, duration=file.written - start, holes=())
    gaps = gaps_after(before.covered_until, _reasons(run, file.number, start, before))
    return Closed(start, span, tuple(gaps))


def _reasons(run: Run, number: int, start: float, before: Before) -> List[Reason]:
    reasons = []
    covered = before.covered_until
    if covered is not None and (number == 0 or covered < run.started):
        until = min(start, run.started) if before.unreadable else start
        reasons.append(Reason(until, run.cause, run.detail))
    inside = _UNREADABLE if before.unreadable else _CLOCK_SET if before.clock_was_set else NO_FRAMES
    return [*reasons, Reason(start, *inside)]


def _is_ahead(timeline: Timeline, file: FinishedFile) -> bool:
    return timeline.instant(file.span.end) > file.written + RUNAWAY
