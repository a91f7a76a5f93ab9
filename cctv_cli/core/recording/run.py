"""One run: an FFmpeg's life as its supervisor sees it, or what a dead one left behind.

Knows where the run's media time lies in wall time, commits the files that FFmpeg finished, keeps
the live window, and notices when bytes or media time stand still.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import List, Optional, Set, Tuple

from cctv_cli.core import files
from cctv_cli.core.ffmpeg.command import supports_audio
from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.ffmpeg.process import STDERR_NAME, Process
from cctv_cli.core.files import open_to_read
from cctv_cli.core.layout import CameraLayout, parse_incoming
from cctv_cli.core.media.segment_file import holds_video, last_end, measure
from cctv_cli.core.media.span import MediaSpan
from cctv_cli.core.recording import media_clock
from cctv_cli.core.recording.growth import Growth
from cctv_cli.core.recording.live_window import LiveWriter
from cctv_cli.core.recording.media_clock import Timeline
from cctv_cli.core.recording.state import Run, to_json
from cctv_cli.core.storage.commit import NO_FRAMES, RecordingStore

log = logging.getLogger("cctv.recorder")

_SAVE_ANCHOR = 0.02  # seconds that the anchor must have moved to be written down again
_LATE_FOR = 60.0  # seconds that media may lag before a restart is worth its gap
_LEFT = ("unreadable", "a recorded minute could not be read; it waits in .incoming")
_CLOCK_SET = ("clock set", "the clock of this machine was set")


class ActiveRun:
    """A run and its files. Methods raise OSError as the disk reports it.

    A run without an archive is for viewing only: its live segments are all that it has.
    """

    def __init__(
        self,
        record: Run,
        layout: CameraLayout,
        archive: Optional[RecordingStore],
        live: LiveWriter,
        process: Optional[Process],
    ) -> None:
        self.record = record
        self.process = process
        self.recording = Growth()
        self.streaming = Growth()
        self.end: Optional[Diagnosis] = None  # why its FFmpeg ended
        self.watched_since = 0.0  # monotonic
        self.first_frame_at: Optional[float] = None  # monotonic
        self._layout = layout
        self._archive = archive
        self._live = live
        self._folder = layout.run_folder(record.run)
        self._timeline = _saved_timeline(record)
        self._saved_anchor = record.anchor
        self._launched: Optional[float] = None  # monotonic
        self._step: Optional[int] = None  # ticks from frame to frame in the file that was committed last
        self._clock_was_set = False
        self._refused: Set[int] = set()  # files that could not be read

    def save(self, *, durable: bool = True) -> None:
        """Write `.run.json`; one that need not outlive a power cut yet costs no wait for the disk."""
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
        files.replace_text(self._layout.run_file, to_json(self.record), durable=durable)

    def remember(self) -> None:
        """Write down what is known of it beside its files, which wait while `.run.json` tells of the next run."""
        emptied = self._layout.incoming.is_dir() and not self._folder.is_dir()  # by hand: no files, nothing to tell
        if self._archive is not None and not emptied:
            files.replace_text(self._layout.ended_run(self.record.run), to_json(self.record), durable=False)

    def begin_watch(self, monotonic: float, now: float) -> None:
        """From now on somebody looks at it."""
        self.watched_since = monotonic
        if self._timeline is not None:  # it was watched before
            self.first_frame_at = monotonic
        self.recording.begin(monotonic)
        self.streaming.begin(monotonic)
        self._launched = monotonic - max(0.0, now - self.record.started) - self.record.begins
        if self._timeline is not None:
            self._timeline = replace(self._timeline, launched=self._launched)

    def look(self, monotonic: float, now: float, *, read_time: bool) -> None:
        """See whether the recording grows and, with `read_time`, up to which media time, and the live window too."""
        files = self._files()
        if files:
            self._look_at_recording(*files[-1], monotonic, now if read_time else None)
        newest = self._live.newest()
        if newest is not None:
            self.streaming.saw(*newest, monotonic)

    def _look_at_recording(self, number: int, path: Path, monotonic: float, now: Optional[float]) -> None:
        status = path.stat()
        self.recording.saw(number, status.st_size, monotonic)
        if now is None:
            return
        # the time of the last write goes with the last frame within the size of that moment
        end = self._filmed_until(path, status.st_size)
        if end is None:
            return
        if self.first_frame_at is None:
            self.first_frame_at = monotonic
        before = self._timeline
        if self._timeline is None:
            self._timeline = replace(media_clock.begin(end, status.st_mtime, monotonic), launched=self._launched)
        self._timeline = media_clock.observe(self._timeline, end, status.st_mtime, monotonic, now)
        if before is not None and abs(self._timeline.anchor - before.anchor) > media_clock.CLOCK_STEP:
            self._clock_was_set = True
        if self._saved_anchor is None or abs(self._timeline.anchor - self._saved_anchor) > _SAVE_ANCHOR:
            self.save()

    def _filmed_until(self, path: Path, size: int, *, closed: bool = False) -> Optional[int]:
        """Up to which raw time the camera had filmed at the last write; that to a `closed` file is a rest of sound.

        FFmpeg writes this rest when the next file's first frame comes.
        """
        late = self.record.frames_late + (closed and supports_audio(self.record.audio))
        with open_to_read(path) as file:
            return last_end(file, size, path.suffix, frames_late=late, usual=self._step)

    @property
    def placed(self) -> bool:
        """Whether it is known where media time lies in wall time."""
        return self._timeline is not None

    def place(self) -> None:
        """Learn where media time lies from the oldest file of a run that has ended, and that nobody had looked at."""
        files = self._files()
        span = measure(files[0][1]) if files else None
        if span is not None:
            self._observe_written(files[0][1], span, closed=len(files) > 1)

    def _observe_written(self, path: Path, span: MediaSpan, *, closed: bool) -> None:
        """The last write of a file goes with its last frame, also where nobody watched."""
        status = path.stat()
        end = self._filmed_until(path, status.st_size, closed=closed)
        self._timeline = media_clock.observe(self._timeline, span.end if end is None else end, status.st_mtime, None)

    def runs_away(self, monotonic: float, *, squeezed: bool) -> bool:
        """Whether media time has left real time; `squeezed` says that FFmpeg complains of times that go back.

        Without that, media that is behind is more likely late than wrong, on a busy machine or network.
        """
        patience = _LATE_FOR if self.lags and not squeezed else media_clock.RUNAWAY_FOR
        return self._timeline is not None and media_clock.runs_away(self._timeline, monotonic, patience)

    @property
    def lags(self) -> bool:
        """Whether media time is more than 2 s behind real time."""
        line = self._timeline
        return line is not None and line.astray_since is not None and media_clock.lags(line)

    def waiting(self, *, alive: bool) -> int:
        """How many finished files wait to be committed: all but the newest, and that too unless FFmpeg is `alive`."""
        return 0 if self._archive is None else len(self._finished(self._files(), alive=alive))

    def commit(self, *, alive: bool, most: Optional[int] = None) -> int:
        """Commit the finished files, or the oldest `most` of them; returns how many were.

        One that cannot be read is left where it is and holds up no other. When the storage takes nothing, every
        file waits.
        """
        if self._archive is None:
            return 0
        files = self._files()
        finished = self._finished(files, alive=alive)[:most]
        done = sum(self._try_commit(self._archive, *file, followed=file != files[-1]) for file in finished)
        if done and alive:
            self.save()
        return done

    def _finished(self, files: List[Tuple[int, Path]], *, alive: bool) -> List[Tuple[int, Path]]:
        return [file for file in (files[:-1] if alive else files) if file[0] not in self._refused]

    def close(self) -> None:
        """Remove the run's folder after FFmpeg has ended and its files were committed; those left keep it."""
        try:
            files.remove(self._folder / STDERR_NAME)
            if not self._refused:
                files.remove(self._layout.ended_run(self.record.run))
            self._folder.rmdir()
        except OSError as error:
            log.warning("%s: %s is left: %s", self._layout.camera_id, self._folder, error)

    def update_live(self, *, alive: bool) -> None:
        """Bring the live window up to date; its trouble is no trouble of the recording."""
        if self._timeline is None:
            return
        try:
            self._live.update(self._timeline, alive=alive)
        except OSError as error:
            self._live.failed(error)

    def _try_commit(self, archive: RecordingStore, number: int, path: Path, *, followed: bool) -> bool:
        try:
            return self._commit(archive, number, path, followed=followed)
        except OSError as error:
            if not _is_about(path, error):
                raise
            self._refused.add(number)
            log.error("%s: file %d of run %s is left: %s", self._layout.camera_id, number, self.record.run, error)
            return False

    def _commit(self, archive: RecordingStore, number: int, path: Path, *, followed: bool) -> bool:
        with files.naming(path):
            span = measure(path, self._step)
        if span is None:
            self._set_aside(path)
            return False
        written = path.stat().st_mtime
        self._step = span.step or self._step
        if self._timeline is None or (followed and not self._is_ahead(span, written)):
            with files.naming(path):
                self._observe_written(path, span, closed=followed)
        assert self._timeline is not None
        start = self._timeline.instant(span.first)
        if self._is_ahead(span, written):
            # the camera's clock jumped ahead, before the file or inside it: no frame is younger than its last write
            jumped_before = start > written - media_clock.RUNAWAY
            start = written - span.duration if jumped_before else start
            span = replace(span, duration=written - start, holes=())
        self._explain(archive, number, start)
        entry = archive.commit(path, start, span, self.record.run, cut=number > 0)
        log.info("%s: recorded %s, %.1f s", self._layout.camera_id, entry.file, entry.duration)
        return True

    def _explain(self, archive: RecordingStore, number: int, start: float) -> None:
        """Say why nothing is recorded up to the start of a file; what is explained already is not explained again."""
        covered, begun = archive.covered_until, self.record.started
        left = number - 1 in self._refused
        if covered is not None and (number == 0 or covered < begun):
            archive.explain(min(start, begun) if left else start, self.record.cause, self.record.detail)
        clock = _CLOCK_SET if self._clock_was_set else NO_FRAMES
        archive.explain(start, *(_LEFT if left else clock))
        self._clock_was_set = False

    def _is_ahead(self, span: MediaSpan, written: float) -> bool:
        return self._timeline is not None and self._timeline.instant(span.end) > written + media_clock.RUNAWAY

    def _set_aside(self, path: Path) -> None:
        """A file without a frame: empty ones go; what cannot be read stays, under another name, for people."""
        if not path.stat().st_size or holds_video(path):
            files.remove(path)
            return
        files.move(path, path.with_name(path.name + ".unreadable"))
        log.error("%s: %s holds no video that can be read and is kept as it is", self._layout.camera_id, path)

    def _files(self) -> List[Tuple[int, Path]]:
        """The run's files with their numbers, in the order in which they were written."""
        if self._archive is None:
            return self._live.unfinished()
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        numbered = sorted((parse_incoming(name), name) for name in names if parse_incoming(name) is not None)
        return [(number, self._folder / name) for number, name in numbered if number is not None]


def _saved_timeline(record: Run) -> Optional[Timeline]:
    if record.anchor is None:
        return None
    return Timeline(record.anchor, record.anchor_wall, record.anchor_media)


def _is_about(path: Path, error: OSError) -> bool:
    """Whether an error is of this file alone: it cannot be read, or cannot leave its folder."""
    if isinstance(error, FileExistsError) and error.filename is None:
        return True  # its recording is there, as after a copy of a storage in use
    stays = error.filename2 is None or Path(error.filename2).parent == path.parent
    return str(error.filename) == str(path) and stays


def leftovers(layout: CameraLayout, except_for: Optional[str]) -> List[Tuple[Path, str]]:
    """Folders of earlier runs that still hold something, oldest first, each with its run's id."""
    try:
        folders = [path for path in layout.incoming.iterdir() if path.is_dir() and path.name != except_for]
    except FileNotFoundError:
        return []
    return [(path, path.name) for path in sorted(folders, key=begun)]


def begun(folder: Path) -> float:
    """The instant at which the oldest file in a run's folder was written last, or the folder if it has none.

    What is committed, or noted beside the files, changes the folder's own time. Raises OSError.
    """
    written = [path.stat().st_mtime for path in folder.iterdir() if parse_incoming(path.name) is not None]
    return min(written, default=folder.stat().st_mtime)
