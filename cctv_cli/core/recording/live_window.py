"""The live window of one camera: what its playlist names, and which files are pruned."""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path
from typing import List, Optional, Tuple

from cctv_cli.core import files, system
from cctv_cli.core.hls.leaving import Leaving
from cctv_cli.core.hls.playlist import LiveSegment, LiveWindow, parse_live, render_live
from cctv_cli.core.layout import TS, CameraLayout, media_suffix
from cctv_cli.core.recording.live_folder import LARGEST, LiveFolder
from cctv_cli.core.recording.live_segments import RunSegments, is_whole
from cctv_cli.core.recording.media_clock import Timeline
from cctv_cli.core.recording.state import Run
from cctv_cli.core.storage.disk_clock import DiskClock

log = logging.getLogger("cctv.recorder")

_FEWEST = 6  # segments, required by Apple's HLS authoring specification
_BESIDE = 100_000  # segments, more than a day of them, that a run may add while another one records beside it
_UNSAVED = 120  # segments that may have been added since the run was saved, which happens every minute
_JUMP = 1.0  # seconds between two segments that make a discontinuity, as when the clock of this machine is set
_SLACK = 10.0  # seconds by which a busy supervisor may be late to add a segment
_SPAN = 60.0  # seconds that the window covers at least


def window_size(segment_duration: int) -> int:
    """How many segments the playlist names."""
    return max(_FEWEST, math.ceil(_SPAN / segment_duration))


class LiveWriter:
    """Renders and prunes one camera's live window.

    `update` and `unfinished` raise OSError; `fault` says why the window cannot be written.
    """

    def __init__(self, layout: CameraLayout, segment_duration: int, tz: Optional[tzinfo]) -> None:
        self._layout = layout
        self._folder = LiveFolder(layout)
        self.disk = DiskClock(layout.live)
        self.segment_duration = segment_duration
        self._tz = tz
        self._window = LiveWindow(segment_duration)
        self._is_written = True  # the playlist on disk names this window
        self._leaving = Leaving()
        self._next = 0
        self._follows: Optional[int] = None  # the number that continues the newest segment; None before the first
        self._run = RunSegments(layout, self.disk, 0, TS)
        self._overlaps = False  # the run began while another one still filled the window
        self.fault = ""  # why the window cannot be written; empty if it can

    @property
    def outgrew_header(self) -> bool:
        """Whether the run's initialization section no longer describes its picture."""
        return self._run.outgrew_header

    @property
    def window(self) -> LiveWindow:
        """What the playlist names now."""
        return self._window

    def open(self, run: Optional[Run]) -> None:
        """Continue the window that the last supervisor left; `run` has its numbers if the playlist was lost.

        After the machine was started again the playlist counts as lost: the power may have failed, and then segments
        are torn, and newer playlists are missing.
        """
        left: Optional[LiveWindow] = None
        numbers: List[int] = []
        rebooted = run is not None and run.boot not in ("", system.boot())
        try:
            self._folder.make()
            numbers = self._folder.numbers()
            if rebooted:
                files.remove(self._layout.live_playlist)
            left = parse_live(files.read_text(self._layout.live_playlist) or "")
        except OSError as error:
            self.failed(error)
        if left is not None and left.segments:
            self._window = left
        elif run is not None:
            self._window = LiveWindow(
                max(run.target_duration, self.segment_duration),
                (),
                run.discontinuity_sequence + 2,  # the first segments of this run and of the next one
                run.media_sequence + _UNSAVED,
            )
        self._leaving.resumed(self._window, numbers)
        self._next = self._window.next_number
        self._follows = self._next if self._window.segments else None
        if run is not None:
            self.switch(run)
        if rebooted:
            self._next = max([self._next, *(n + 1 for n in numbers)])
        elif not self._window.segments:
            self._next = min((n for n in numbers if n >= self._next), default=self._next)

    def begin_run(self, previous: Optional[Run], now: float, codec: str) -> int:
        """Begin a run with this codec; returns the number of its first segment, higher than any that was used."""
        self.fault = ""
        on_disk = self._on_disk()
        self._next = max([self._next, *(n + 1 for n in on_disk)])
        if self._follows is None:  # the playlist was lost, and segments may have been
            self._window = replace(self._window, media_sequence=max(self._window.media_sequence, int(now)))
            if previous is not None:  # a run writes at most one segment a second
                self._next = max(self._next, previous.first_live + max(0, int(now - previous.started)) + 1)
        if self._next > LARGEST:  # the number comes from a damaged file
            self._window, self._next = self._window.keep(0), max(on_disk, default=-1) + 1
        self._run, self._overlaps = RunSegments(self._layout, self.disk, self._next, media_suffix(codec)), False
        with suppress(OSError):
            files.remove(self._layout.live_init(self._next))  # left by a run that died early
        if self._window.segments:
            try:
                self._publish()  # the disk may have been away, and have an older playlist
            except OSError as error:
                self.failed(error)
        return self._next

    def number_beside(self) -> int:
        """The number of the first segment of a run that begins beside the current one, which continues for minutes."""
        return max([self._next, *(n + 1 for n in self._on_disk())]) + _BESIDE

    def switch(self, run: Run) -> None:
        """Continue with the segments of a run that has begun; the current one has ended.

        If it began beside the current one, the window continues with the segment that begins nearest to its end.
        """
        self._run = RunSegments(self._layout, self.disk, run.first_live, media_suffix(run.codec))
        kept = (number for number in self._on_disk() if number >= run.first_live)  # see `prune_beside`
        self._next = max(self._next, min(kept, default=run.first_live))
        newest = self._window.segments[-1:]
        self._overlaps = any(run.first_live > segment.number and run.started < segment.end for segment in newest)

    def prune_beside(self, run: Run) -> None:
        """Remove what a run wrote beside the current one that a switch to it will not need. Raises OSError.

        The window may be behind by as long as its segments are.
        """
        self._folder.prune_old(run.first_live, 2 * self._window.target_duration + _SLACK)

    def drop(self, run: Run) -> None:
        """Remove what a run wrote that began beside the current one and has ended. Raises OSError."""
        self._folder.prune(lambda number: number >= run.first_live > self._run.first, self._next)

    def _on_disk(self) -> List[int]:
        """The numbers of the segments in the live folder, which is created if it is missing."""
        try:
            self._folder.make()
            return self._folder.numbers()
        except OSError as error:
            self.failed(error)
            return []

    def failed(self, error: OSError) -> None:
        """Note and log an error of the window's disk, such as a full RAM disk. It does not affect the recording."""
        if str(error) != self.fault:
            log.error("%s: the live window cannot be written: %s", self._layout.camera_id, error)
        self.fault = str(error)

    @property
    def fault_sentence(self) -> str:
        """Why the window cannot be written, and what to check; empty if it can."""
        elsewhere = self._layout.folder not in self._layout.live.parents
        where = "LIVE_PATH" if elsewhere else "its folder"
        return f"live cannot be written ({self.fault}); check {where} and its disk" if self.fault else ""

    def newest(self) -> Optional[Tuple[int, int]]:
        """The number and size in bytes of the segment being written; None before the first."""
        sizes = ((number, self._run.size(number)) for number in (self._next + 1, self._next))
        return next(((number, size) for number, size in sizes if size is not None), None)

    def unfinished(self) -> List[Tuple[int, Path]]:
        """The segments that the playlist does not name yet, with their numbers."""
        return [(n, self._run.path(n)) for n in (self._next, self._next + 1) if self._run.exists(n)]

    def update(self, timeline: Timeline, *, alive: bool) -> None:
        """Add newly finished segments, render the playlist, prune."""
        finished = not alive or self._run.exists(self._next + 1) or self._run.exists(self._next + 2)
        if not (finished or self.fault or not self._is_written):
            return  # the usual case: nothing has finished
        if self.fault:  # a full disk needs room first
            self._folder.make()
            self._leaving.released()
            self._prune()
            self._folder.require_room(self._window.segments)
        self._add_finished(timeline, alive)
        if self._window.segments and (self.fault or not self._is_written):
            self._publish()
            self._prune()
        self.fault = ""

    def can_be_revived(self) -> bool:
        """Whether the disk accepts what another run would write, after the window stopped; `fault` says why not."""
        try:
            self._folder.make()
            self._folder.require_room(self._window.segments)
            if self._window.segments:
                self._publish()
        except OSError as error:
            self.failed(error)
        return not self.fault

    def _publish(self) -> None:
        """Write the playlist. It names nothing that a disk lost which was away."""
        torn = (n for n, each in enumerate(self._window.segments, 1) if not is_whole(self._layout, each))
        self._window = self._window.keep(len(self._window.segments) - max(torn, default=0))
        # not durable: after a power cut the window restarts, above every number used before
        files.replace_text(self._layout.live_playlist, render_live(self._window, self._tz), durable=False)
        self._is_written = True
        self._leaving.published(self._window)

    def _add_finished(self, timeline: Timeline, alive: bool) -> None:
        while True:
            segment = self._run.finished(self._next, timeline, alive=alive, follows=self._follows)
            if segment is not None:
                self._add(segment, timeline.drift.rate)
            elif not self._run.exists(self._next + 2):
                return  # else FFmpeg is past this segment: it was deleted, or holds no frame
            self._next += 1

    def _add(self, segment: LiveSegment, rate: float) -> None:
        """Add a segment; a camera's clock that drifts at this `rate` is no jump."""
        newest = self._window.segments[-1:]
        if self._overlaps and any(abs(segment.end - last.end) < abs(segment.start - last.end) for last in newest):
            return  # the next one begins nearer to where the window ends
        self._overlaps = False
        if any(abs(segment.start - last.end) > _JUMP + abs(rate) * last.duration for last in newest):
            segment = replace(segment, discontinuity=True)
        # a player must not start in a window that is so much older than this segment
        is_outdated = any(segment.start - last.end > 3 * self._window.target_duration for last in newest)
        self._window = self._window.append(segment, 1 if is_outdated else window_size(self.segment_duration))
        self._is_written = False
        self._follows = segment.number + 1

    def _prune(self) -> None:
        named = {segment.number for segment in self._window.segments}
        self._folder.prune(lambda n: n < self._next and n not in named and not self._leaving.stays(n), self._next)
