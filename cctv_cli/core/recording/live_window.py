"""The live window of one camera: which segments are finished, what the playlist names, what is pruned.

FFmpeg writes `segment{N}` one after the other; a segment is finished when the next one holds a
frame, or when FFmpeg has ended. In fragmented MP4 every file begins with the same initialization
section; players read it from a separate file, which is kept as long as the run's segments.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from datetime import tzinfo
from pathlib import Path
from typing import FrozenSet, List, Optional, Tuple

from cctv_cli.core import files
from cctv_cli.core.hls.leaving import Leaving
from cctv_cli.core.hls.playlist import LiveSegment, LiveWindow, Part, parse_live, render_live
from cctv_cli.core.layout import TS, CameraLayout, live_init_name, media_suffix, parse_live_init, parse_live_segment
from cctv_cli.core.media.fmp4 import first_video_sample, leading_sps, whole_size
from cctv_cli.core.media.hvcc import true_header
from cctv_cli.core.media.segment_file import first_pts, header_size, measure
from cctv_cli.core.recording.media_clock import RUNAWAY, Timeline
from cctv_cli.core.recording.state import Run
from cctv_cli.core.storage.disk_clock import DiskClock

log = logging.getLogger("cctv.recorder")

_FEWEST = 6  # segments, required by Apple's HLS authoring specification
_LARGEST = 2_000_000_000  # highest number of a segment: FFmpeg counts in 32 bits; one a second takes 63 years
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
        self.disk = DiskClock(layout.live)
        self.segment_duration = segment_duration
        self._tz = tz
        self._window = self._written = LiveWindow(segment_duration)  # in memory, and in the playlist on disk
        self._leaving = Leaving()
        self._next = 0
        self._first_of_run = 0
        self._suffix = TS
        self.fault = ""  # why the window cannot be written; empty if it can
        self.outgrew_header = False  # the run's initialization section no longer describes its picture
        self._sps: FrozenSet[bytes] = frozenset()  # of the previous segment
        self._jumped = False  # the camera's clock jumped ahead in the previous segment

    @property
    def window(self) -> LiveWindow:
        """What the playlist names now."""
        return self._window

    def open(self, run: Optional[Run]) -> None:
        """Continue the window that the last supervisor left; `run` has its numbers if the live folder was lost."""
        if run is not None:
            self._window = LiveWindow(max(run.target_duration, self.segment_duration), (), run.discontinuity_sequence)
            self._first_of_run, self._suffix = run.first_live, media_suffix(run.codec)
        self._next = self._first_of_run
        try:
            self._layout.live.mkdir(parents=True, exist_ok=True)
            self._window = parse_live(files.read_text(self._layout.live_playlist) or "") or self._window
            self._leaving.resumed(self._window, self._numbers())
        except OSError as error:
            self.failed(error)
        if self._window.segments:
            self._next = self._window.next_number
        self._written = self._window

    def begin_run(self, previous: Optional[Run], now: float, codec: str) -> int:
        """Begin a run with this codec; returns the number of its first segment, higher than any playlist ever named."""
        on_disk = self._on_disk()
        if not self._window.segments:
            self._next = max([self._next, *(n + 1 for n in on_disk)])
            if previous is not None and not on_disk:
                # the live folder was lost (a RAM disk): a run writes at most one segment a second
                self._next = max(self._next, previous.first_live + max(0, int(now - previous.started)) + 1)
        if self._next > _LARGEST:  # the number comes from a damaged file
            self._window, self._next = LiveWindow(self.segment_duration), max(on_disk, default=-1) + 1
        self._first_of_run, self._suffix = self._next, media_suffix(codec)
        self.outgrew_header, self._sps, self._jumped = False, frozenset(), False
        with suppress(OSError):
            files.remove(self._layout.live_init(self._next))  # left by a run that died early
        return self._next

    def _on_disk(self) -> List[int]:
        """The numbers of the segments in the live folder, which is created if it is missing."""
        self.fault = ""
        try:
            self._layout.live.mkdir(parents=True, exist_ok=True)  # a RAM disk is empty after a reboot
            return [n for n in map(parse_live_segment, self._names()) if n is not None and n < _LARGEST]
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
        for number in (self._next + 1, self._next):
            try:
                return number, self._path(number).stat().st_size
            except OSError:
                continue
        return None

    def unfinished(self) -> List[Tuple[int, Path]]:
        """The segments that the playlist does not name yet, with their numbers."""
        return [(n, self._path(n)) for n in (self._next, self._next + 1) if self._exists(n)]

    def update(self, timeline: Timeline, *, alive: bool) -> None:
        """Add newly finished segments, render the playlist, prune."""
        finished = not alive or self._exists(self._next + 1) or self._exists(self._next + 2)
        if not (finished or self.fault or self._window is not self._written):
            return  # the usual case: nothing has finished
        if self.fault:  # a full disk needs room first
            self._leaving.released()
            self._prune()
        self._add_finished(timeline, alive)
        if self._window is not self._written:
            # not durable: after a power cut the window restarts, above every number used before
            files.replace_text(self._layout.live_playlist, render_live(self._window, self._tz), durable=False)
            self._written = self._window
            self._leaving.published(self._window)
            self.fault = ""
            self._prune()

    def _add_finished(self, timeline: Timeline, alive: bool) -> None:
        while True:
            segment = self._finished(self._next, timeline, alive)
            if segment is not None:
                size = 1 if self._outdated(segment) else window_size(self.segment_duration)
                self._window = self._window.append(segment, size)
            elif not self._exists(self._next + 2):
                return  # else FFmpeg is past this segment: it was deleted, or holds no frame
            self._next += 1

    def _finished(self, number: int, timeline: Timeline, alive: bool) -> Optional[LiveSegment]:
        end = _first_pts(self._path(number + 1))
        if alive and end is None and not self._exists(number + 2):
            return None
        begin = _first_pts(self._path(number))
        if begin is None:
            return None
        start = timeline.instant(begin)
        duration = (
            self._covered_seconds(number) if end is None else timeline.media_time(end) - timeline.media_time(begin)
        )
        broken = number == self._first_of_run or number != self._window.next_number or self._jumped
        written = self.disk.instant(self._path(number).stat().st_mtime)
        self._jumped = start + duration > written + RUNAWAY  # no frame is newer than the last write
        if self._jumped or duration <= 0:
            duration = self._covered_seconds(number)
            start = min(start, written - duration)
        discontinuity = broken and bool(self._window.segments)
        return LiveSegment(number, start, duration, discontinuity, self._part(number))

    def _covered_seconds(self, number: int) -> float:
        """The seconds that a segment's frames cover; a single frame lasts as long as those of the previous segment."""
        before = measure(self._path(number - 1)) if self._exists(number - 1) else None
        span = measure(self._path(number), None if before is None else before.step)
        return 0.0 if span is None else span.duration - sum(hole.duration for hole in span.holes)

    def _part(self, number: int) -> Optional[Part]:
        """The media part of a fragmented MP4 segment, after its initialization section is written; None for others."""
        path, init = self._path(number), self._layout.live_init(self._first_of_run)
        offset = header_size(path)
        if offset is None:
            return None
        if not init.exists():
            with files.open_to_read(path) as file:
                files.replace_bytes(init, true_header(file.read(offset), first_video_sample(path)), durable=False)
        sps = leading_sps(path)
        self.outgrew_header = self.outgrew_header or bool(sps and self._sps and sps != self._sps)
        self._sps = sps or self._sps
        with files.open_to_read(path) as file:
            size = whole_size(file, path.stat().st_size)
        return Part(self._first_of_run, offset, max(size - offset, 0))

    def _path(self, number: int) -> Path:
        return self._layout.live_segment(number, self._suffix)

    def _exists(self, number: int) -> bool:
        return self._path(number).exists()

    def _outdated(self, segment: LiveSegment) -> bool:
        """Whether the window is so much older than `segment` that a player must not start in it."""
        if not self._window.segments:
            return False
        return segment.start - self._window.segments[-1].end > 3 * self._window.target_duration

    def _prune(self) -> None:
        names, numbers = self._names(), self._numbers()
        first = self._window.segments[0].number if self._window.segments else 0
        gone = {n for n in numbers if n < first and not self._leaving.stays(n)}
        oldest = next((n for n in numbers if n not in gone), first)
        inits = sorted(n for n in map(parse_live_init, names) if n is not None)
        # an initialization section applies up to the next one
        unused = [live_init_name(n) for n, following in zip(inits, inits[1:]) if following <= oldest]
        for name in (*(name for name in names if parse_live_segment(name) in gone), *unused):
            files.remove(self._layout.live / name)

    def _numbers(self) -> List[int]:
        """The numbers of the segments on disk."""
        return sorted(n for n in map(parse_live_segment, self._names()) if n is not None)

    def _names(self) -> List[str]:
        try:
            return [path.name for path in self._layout.live.iterdir()]
        except FileNotFoundError:
            return []


def _first_pts(path: Path) -> Optional[int]:
    try:
        return first_pts(path)
    except FileNotFoundError:
        return None
