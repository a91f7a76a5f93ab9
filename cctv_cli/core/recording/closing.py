"""Closing a segment: turns the measurements of a finished file into the value that is committed. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import List, Optional, Tuple

from cctv_cli.core.media.span import SHORTEST_HOLE, Hole, MediaSpan
from cctv_cli.core.recording.drift import TRUE_CLOCK, Drift
from cctv_cli.core.recording.media_clock import RUNAWAY, Timeline, begin, observe, predates_step
from cctv_cli.core.recording.state import Run
from cctv_cli.core.storage.entries import JOINT, ClockEntry, GapEntry
from cctv_cli.core.storage.gaps import NO_FRAMES, Reason, gaps_after

_UNREADABLE = ("unreadable", "a recorded minute could not be read; it waits in .incoming")
_SAME = 0.1  # seconds by which media time and time may differ without a note
_LOST = 0.02  # seconds between a run and the next one in which a frame is lost for certain: what FFmpeg held back
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
    `unreadable` is true if the previous file was skipped because it cannot be read. `clock_step` is by how many seconds
    this machine's clock was set since then. `media_end` is the raw time at
    which the run's previous file ended, None if that is unknown.
    """

    covered_until: Optional[float]
    unreadable: bool = False
    clock_step: float = 0.0
    media_end: Optional[int] = None

    def is_continued(self, by: MediaSpan, within: float) -> bool:
        """Whether a file with this span continues what is covered: at most so many seconds are between them."""
        if self.media_end is None or self.covered_until is None or self.clock_step or self.unreadable:
            return False
        return abs(by.missing_after(self.media_end)) <= within


@dataclass(frozen=True)
class Closed:
    """What is journalled for a finished file: the instant of its first frame, what it covers, and what was before it.

    `clock` has the line for a clock that was set since the previous file; `media` is its duration in media time if that
    differs from the time that it covers, else 0.
    """

    start: float
    span: MediaSpan
    gaps: Tuple[GapEntry, ...]
    clock: Tuple[ClockEntry, ...] = ()
    media: float = 0.0


def place(timeline: Optional[Timeline], file: FinishedFile, expected: Drift = TRUE_CLOCK) -> Timeline:
    """The run's timeline after a finished file, whose last frame was written by its last write.

    This also places files that no supervisor polled while they were written. `expected` is the drift that earlier runs
    showed.
    """
    if timeline is None:
        return begin(file.filmed_until, file.written, None, expected)
    if file.followed and not _is_ahead(timeline, file) and not is_by_old_clock(file, timeline, timeline.clock_set):
        return observe(timeline, file.filmed_until, file.written, None)
    return timeline


def close(run: Run, file: FinishedFile, timeline: Timeline, before: Before) -> Closed:
    """When a finished file begins, what it covers, and why nothing was recorded before it."""
    if is_by_old_clock(file, timeline, before.clock_step):
        timeline, before = timeline.moved(-before.clock_step), replace(before, clock_step=0.0)
    media = file.span
    start, end, holes = timeline.instant(media.first), timeline.instant(media.end), media.holes
    if _is_ahead(timeline, file):
        # the camera's clock jumped ahead, before the file or inside it: no frame is newer than the last write
        jumped_before = start > file.written - RUNAWAY
        start = file.written - media.duration if jumped_before else start
        end, holes = file.written, ()
    covered = before.covered_until
    missing = SHORTEST_HOLE if timeline.drift.by_arrival else JOINT
    if covered is not None and before.is_continued(media, missing) and abs(start - covered) > JOINT and covered < end:
        # the camera's clock ran or stepped ahead or back meanwhile; a step ahead looks like a hole
        holes = tuple(hole for hole in holes if hole.duration > covered - start + JOINT)
        start = covered
    least = JOINT if run.joined or file.number != run.first_file else _LOST
    gaps = gaps_after(covered, _reasons(run, file.number, start, before), least)
    clock = (ClockEntry(start, 0.0, before.clock_step),) if before.clock_step else ()
    if abs(end - start - media.duration) <= _SAME:
        return Closed(start, replace(media, holes=holes), tuple(gaps), clock)
    rate = (end - start) / media.duration
    placed = tuple(Hole(hole.offset * rate, hole.duration * rate) for hole in holes)
    return Closed(start, replace(media, duration=end - start, holes=placed), tuple(gaps), clock, media.duration)


def _reasons(run: Run, number: int, start: float, before: Before) -> List[Reason]:
    reasons = []
    covered = before.covered_until
    if covered is not None and (number == 0 or covered < run.started):
        until = min(start, run.started) if before.unreadable else start - max(0.0, before.clock_step)
        reasons.append(Reason(until, run.cause, run.detail))
    inside = _UNREADABLE if before.unreadable else _CLOCK_SET if before.clock_step else NO_FRAMES
    return [*reasons, Reason(start, *inside)]


def _is_ahead(timeline: Timeline, file: FinishedFile) -> bool:
    return timeline.instant(file.span.end) > file.written + RUNAWAY


def is_by_old_clock(file: FinishedFile, timeline: Timeline, clock_step: float) -> bool:
    """Whether a file was last written before this machine's clock was set by so many seconds."""
    return predates_step(file.written, timeline.instant(file.filmed_until), clock_step)
