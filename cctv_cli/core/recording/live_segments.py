"""The live segments of one run: which of them are finished, and what the playlist says of each.

FFmpeg writes `segment{N}` one after the other; a segment is finished when the next one holds a
frame, or when FFmpeg has ended. In fragmented MP4 every file begins with the same initialization
section; players read it from a separate file, which is kept as long as the run's segments.
"""

from __future__ import annotations

from pathlib import Path
from typing import FrozenSet, Optional

from cctv_cli.core import files
from cctv_cli.core.hls.playlist import LiveSegment, Part
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.media.fmp4 import first_video_sample, leading_sps, whole_size
from cctv_cli.core.media.hvcc import true_header
from cctv_cli.core.media.mpegts import PACKET
from cctv_cli.core.media.segment_file import cut_torn_end, first_pts, header_size, measure
from cctv_cli.core.recording.media_clock import RUNAWAY, Timeline, predates_step
from cctv_cli.core.storage.disk_clock import DiskClock


class RunSegments:
    """The live segments of one run, from number `first` on."""

    def __init__(self, layout: CameraLayout, disk: DiskClock, first: int, suffix: str) -> None:
        self.first = first
        self.outgrew_header = False  # the run's initialization section no longer describes its picture
        self._layout = layout
        self._disk = disk
        self._suffix = suffix
        self._sps: FrozenSet[bytes] = frozenset()  # of the previous segment
        self._is_ahead = False  # media time was ahead of the last write in the previous segment
        self._broke = False  # the camera's clock jumped in the previous segment
        self._clock_set = 0.0  # seconds by which this machine's clock was set before the previous segment ended

    def path(self, number: int) -> Path:
        """The file of a segment."""
        return self._layout.live_segment(number, self._suffix)

    def exists(self, number: int) -> bool:
        """Whether FFmpeg has begun a segment."""
        return self.path(number).exists()

    def size(self, number: int) -> Optional[int]:
        """The bytes of a segment; None if there is no such file."""
        try:
            return self.path(number).stat().st_size
        except OSError:
            return None

    def finished(
        self, number: int, timeline: Timeline, *, alive: bool, follows: Optional[int]
    ) -> Optional[LiveSegment]:
        """The segment with this number; None if it is not finished, or holds no frame. Raises OSError.

        `follows` is the number that continues the playlist without a discontinuity; None if this is the first segment.
        Segments are asked for in order.
        """
        end = _first_pts(self.path(number + 1))
        if alive and end is None and not self.exists(number + 2):
            return None
        begin = _first_pts(self.path(number))
        if begin is None:
            return None
        if end is None:
            cut_torn_end(self.path(number))  # the last one of a run
        start = timeline.instant(begin)
        duration = (
            self._covered_seconds(number) if end is None else timeline.media_time(end) - timeline.media_time(begin)
        )
        joins = follows is None or (number == follows != self.first and not self._broke)
        reach = start + duration if end is None else timeline.instant(end)
        written = self._written(number, reach, timeline.clock_set)
        is_ahead = reach > written + RUNAWAY  # no frame is newer than the last write
        self._broke, self._is_ahead = is_ahead is not self._is_ahead, is_ahead
        if is_ahead or duration <= 0:
            duration = self._covered_seconds(number)
            start = min(start, written - duration)
        return LiveSegment(number, start, duration, not joins, self._part(number))

    def _written(self, number: int, reach: float, clock_set: float) -> float:
        """The instant of the last write to a segment whose frames reach to an instant, by the clock as it is now.

        This machine's clock was set by `clock_set` seconds since the run began.
        """
        written = self._disk.instant(self.path(number).stat().st_mtime)
        step = clock_set - self._clock_set
        if predates_step(written, reach, step):
            return written + step
        self._clock_set = clock_set
        return written

    def _covered_seconds(self, number: int) -> float:
        """The seconds that a segment's frames cover; a single frame lasts as long as those of the previous segment."""
        before = measure(self.path(number - 1)) if self.exists(number - 1) else None
        span = measure(self.path(number), None if before is None else before.step)
        return 0.0 if span is None else span.duration - sum(hole.duration for hole in span.holes)

    def _part(self, number: int) -> Optional[Part]:
        """The media part of a fragmented MP4 segment, after its initialization section is written; None for others."""
        path, init = self.path(number), self._layout.live_init(self.first)
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
        return Part(self.first, offset, max(size - offset, 0))


def is_whole(layout: CameraLayout, segment: LiveSegment) -> bool:
    """Whether the file of a segment has all that the playlist names. Raises OSError."""
    try:
        size = layout.live_segment(segment.number, segment.suffix).stat().st_size
    except FileNotFoundError:
        return False
    part = segment.part
    return size % PACKET == 0 < size if part is None else part.offset + part.size <= size


def _first_pts(path: Path) -> Optional[int]:
    try:
        return first_pts(path)
    except FileNotFoundError:
        return None
