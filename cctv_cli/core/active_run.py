"""One run: an FFmpeg's life as its supervisor sees it, or what a dead one left behind.

Knows where the run's media time lies in wall time, commits the files that FFmpeg finished, keeps
the live window, and notices when bytes or media time stand still.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import List, Optional, Tuple

from cctv_cli.core import store
from cctv_cli.core import timeline as timelines
from cctv_cli.core.archive import Archive
from cctv_cli.core.layout import CameraLayout, parse_incoming
from cctv_cli.core.live import LiveWriter
from cctv_cli.core.process import STDERR_NAME, Process
from cctv_cli.core.state import Run, to_json
from cctv_cli.core.timeline import Timeline
from cctv_cli.core.transport_stream import last_end, measure
from cctv_cli.core.watch import Growth

log = logging.getLogger("cctv.recorder")

_SAVE_ANCHOR = 0.02  # seconds that the anchor must have moved to be written down again
_PAUSE = "no frames"


class ActiveRun:
    """A run and its files. Methods raise OSError as the disk reports it."""

    def __init__(
        self,
        record: Run,
        layout: CameraLayout,
        archive: Archive,
        live: LiveWriter,
        process: Optional[Process],
    ) -> None:
        self.record = record
        self.process = process
        self.recording = Growth()
        self.streaming = Growth()
        self.first_frame_at: Optional[float] = None  # monotonic
        self._layout = layout
        self._archive = archive
        self._live = live
        self._folder = layout.run_folder(record.run)
        self._timeline = _saved_timeline(record)
        self._saved_anchor = record.anchor

    def save(self) -> None:
        """Write `.run.json`."""
        window = self._live.window
        line = self._timeline
        self.record = replace(
            self.record,
            pid=None if self.process is None else self.process.pid,
            target_duration=window.target_duration,
            discontinuity_sequence=window.discontinuity_sequence,
            anchor=None if line is None else line.anchor,
            anchor_media=0.0 if line is None else line.media,
            anchor_wall=0.0 if line is None else line.wall,
        )
        self._saved_anchor = self.record.anchor
        store.replace_text(self._layout.run_file, to_json(self.record))

    def look(self, monotonic: float, *, read_time: bool) -> None:
        """See how far both branches have grown and, with `read_time`, up to which media time."""
        numbers = self._numbers()
        if numbers:
            self._look_at_recording(numbers[-1], monotonic, read_time)
        newest = self._live.newest()
        if newest is not None:
            self.streaming.saw(*newest, monotonic)

    def _look_at_recording(self, number: int, monotonic: float, read_time: bool) -> None:
        path = self._layout.incoming_file(self.record.run, number)
        with path.open("rb") as file:
            # the time of the last write goes with the last frame within the size of that moment
            status = path.stat()
            self.recording.saw(number, status.st_size, monotonic)
            end = last_end(file, status.st_size) if read_time else None
        if end is None:
            return
        if self.first_frame_at is None:
            self.first_frame_at = monotonic
        self._timeline = timelines.observe(self._timeline, end, status.st_mtime, monotonic)
        if self._saved_anchor is None or abs(self._timeline.anchor - self._saved_anchor) > _SAVE_ANCHOR:
            self.save()

    @property
    def placed(self) -> bool:
        """Whether it is known where media time lies in wall time."""
        return self._timeline is not None

    def runs_away(self, monotonic: float) -> bool:
        """Whether media time has left real time."""
        return self._timeline is not None and timelines.runs_away(self._timeline, monotonic)

    def collect(self, *, alive: bool) -> int:
        """Commit every finished file and bring the live window up to date; returns how many were committed.

        While FFmpeg lives its newest file is unfinished; afterwards all are finished.
        """
        numbers = self._numbers()
        finished = numbers[:-1] if alive else numbers
        done = sum(self._commit(number, followed=number != numbers[-1]) for number in finished)
        if self._timeline is not None:
            self._live.update(self._timeline, alive=alive)
        if done and alive:
            self.save()
        return done

    def close(self) -> None:
        """Remove the run's folder after FFmpeg has ended and everything in it was collected."""
        store.remove(self._folder / STDERR_NAME)
        try:
            self._folder.rmdir()
        except OSError as error:
            log.warning("%s: %s is left: %s", self._layout.camera_id, self._folder, error)

    def _commit(self, number: int, *, followed: bool) -> bool:
        path = self._layout.incoming_file(self.record.run, number)
        span = measure(path)
        if span is None:
            store.remove(path)  # not one frame arrived: nothing is lost
            return False
        if followed or self._timeline is None:
            # also for minutes that nobody watched: the last write of a file goes with its last frame
            self._timeline = timelines.observe(self._timeline, span.end, path.stat().st_mtime, None)
        start = self._timeline.instant(span.first)
        covered = self._archive.covered_until
        before_run = covered is not None and covered < self.record.started
        cause, detail = (self.record.cause, self.record.detail) if before_run else (_PAUSE, "the camera sent no frames")
        self._archive.explain(start, cause, detail)
        entry = self._archive.commit(path, start, span, self.record.run, cut=number > 0)
        log.info("%s: recorded %s, %.1f s", self._layout.camera_id, entry.file, entry.duration)
        return True

    def _numbers(self) -> List[int]:
        try:
            found = [parse_incoming(name) for name in os.listdir(self._folder)]
        except FileNotFoundError:
            return []
        return sorted(number for number in found if number is not None)


def _saved_timeline(record: Run) -> Optional[Timeline]:
    if record.anchor is None:
        return None
    return Timeline(record.anchor, record.anchor_wall, record.anchor_media)


def leftovers(layout: CameraLayout, except_for: Optional[str]) -> List[Tuple[Path, str]]:
    """Folders of earlier runs that still hold something, oldest first, each with its run's id."""
    try:
        folders = [path for path in layout.incoming.iterdir() if path.is_dir() and path.name != except_for]
    except FileNotFoundError:
        return []
    return [(path, path.name) for path in sorted(folders, key=lambda path: path.stat().st_mtime)]
