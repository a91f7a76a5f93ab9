"""One run: the life of one FFmpeg, or what a dead one left behind.

Maps the run's media time to wall time, commits the files that FFmpeg has finished, updates the live
window, and observes whether bytes and media time advance.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Callable, List, Optional, Set, Tuple

from cctv_cli.core import files, system
from cctv_cli.core.ffmpeg.diagnosis import complains_of_times
from cctv_cli.core.ffmpeg.process import STDERR_NAME, Process
from cctv_cli.core.files import open_to_read
from cctv_cli.core.layout import CameraLayout, incoming_pattern
from cctv_cli.core.media.segment_file import apart, has_audio, last_end, measure, usual_step
from cctv_cli.core.media.span import TICKS
from cctv_cli.core.recording import media_clock
from cctv_cli.core.recording.closing import Before, FinishedFile, close, is_by_old_clock, place
from cctv_cli.core.recording.drift import UNCORRECTED, Drift
from cctv_cli.core.recording.growth import Growth
from cctv_cli.core.recording.incoming import finished, incoming_files, is_about, remove_repeated, sync_or_log
from cctv_cli.core.recording.live_window import LiveWriter
from cctv_cli.core.recording.media_clock import Timeline
from cctv_cli.core.recording.patience import silence
from cctv_cli.core.recording.run_file import RunFile
from cctv_cli.core.recording.saved import cut_as_decided, set_aside_frameless
from cctv_cli.core.recording.stall import SQUEEZED, Observation
from cctv_cli.core.recording.state import Run, to_json
from cctv_cli.core.recording.stderr import Stderr
from cctv_cli.core.storage.commit import RecordingStore
from cctv_cli.core.storage.disk_errors import explained

log = logging.getLogger("cctv.recorder")

_SAVE_ANCHOR = 0.02  # seconds that the anchor must move before it is saved again
_SAVE_DRIFTING = 1.0  # the same for a camera whose clock runs fast or slow
_READ_TIME_EVERY = 2.0  # seconds between polls that read the media time
_FEWEST = 2  # frames at the start of a run to which FFmpeg may give the same time
_SETTLING = 15.0  # seconds after the first frame in which every poll reads it


class ActiveRun:
    """A run and its files. Methods raise OSError.

    A run without a store is for viewing only: it has nothing but live segments.
    """

    def __init__(
        self,
        record: Run,
        layout: CameraLayout,
        store: Optional[RecordingStore],
        live: LiveWriter,
        stderr: Stderr,
        file: RunFile,
    ) -> None:
        self.record = record
        self.process: Optional[Process] = None
        self.stderr = stderr
        self.catches_up = False  # files that an adopted run finished before are committed first
        self.save_first: Optional[Callable[[], None]] = None  # saves what must be on disk before a commit
        self._recording = Growth()
        self._streaming = Growth()
        self._watched_since = 0.0  # monotonic
        self._first_frame_at: Optional[float] = None  # monotonic
        self._read_time_at = 0.0  # monotonic
        self._sync_at = 0.0  # monotonic
        self._layout = layout
        self._store = store
        self._live = live
        self._file = file
        self._disk = live.disk if store is None else store.disk
        self._folder = layout.run_folder(record.run)
        self._expected = Drift(rate=record.drift, by_arrival=bool(record.clock_fault))
        self._timeline = _saved_timeline(record, self._expected)
        self._saved_anchor = record.anchor
        self._launched: Optional[float] = None  # monotonic
        self._step = round(record.interval * TICKS) or None  # ticks between frames
        self._media_end: Optional[int] = None  # raw time at which the last committed file ended
        self._unreadable: Set[int] = set()  # numbers of files that cannot be read and stay
        self._corrections = UNCORRECTED
        self._awaits_audio = record.has_audio and record.anchor is None
        self._unseen: Optional[int] = None  # number of the newest file, if it could not be read

    def save(self, *, durable: bool = True) -> None:
        """Write `.run.json`; without `durable` it may be lost in a power cut, and needs no wait for the disk."""
        following = self._live.window.keep(0)
        line = self._timeline
        self.record = replace(
            self.record,
            pid=None if self.process is None else self.process.pid,
            target_duration=following.target_duration,
            discontinuity_sequence=following.discontinuity_sequence,
            media_sequence=following.media_sequence,
            boot=system.boot(),
            interval=_seconds(self._step),
            anchor=None if line is None else line.anchor,
            anchor_media=0.0 if line is None else line.media,
            anchor_wall=0.0 if line is None else line.wall,
            drift=self._expected.rate if line is None else line.drift.rate,
        )
        self._saved_anchor = self.record.anchor
        self._file.save(self.record, durable=durable)

    def save_beside_files(self, *, durable: bool = False) -> None:
        """Save the record next to its files, because `.run.json` will describe the next run."""
        was_removed = self._layout.incoming.is_dir() and not self._folder.is_dir()  # by hand
        if self._store is not None and not was_removed:
            files.replace_text(self._layout.ended_run(self.record.run), to_json(self.record), durable=durable)

    def begin_watch(self, monotonic: float, now: float) -> None:
        """Start to watch for stalls."""
        self._watched_since = monotonic
        if self._timeline is not None:  # it had frames before this process watched it
            self._first_frame_at = monotonic
        self._recording.begin(monotonic)
        self._streaming.begin(monotonic)
        self._launched = monotonic - max(0.0, now - self.record.started) - self.record.begins
        if self._timeline is not None:
            self._timeline = replace(self._timeline, launched=self._launched)

    def poll(self, monotonic: float, now: float, *, read_time: Optional[bool] = None) -> None:
        """Check whether the recording and the live window grow and, with `read_time`, read the media time.

        By default the media time is read when it is due.
        """
        if self._timeline is not None:
            self._timeline = media_clock.follow_clock(self._timeline, monotonic, now)
        if read_time is None:
            read_time = monotonic >= self._read_time_at and not self.catches_up
        if read_time:
            settling = self.healthy_for(monotonic) < _SETTLING
            self._read_time_at = monotonic + (0.0 if settling else _READ_TIME_EVERY)
        files = self._files()
        if files:
            self._poll_recording(*files[-1], monotonic, now if read_time else None)
            if self._store is not None and monotonic >= self._sync_at:
                self._sync_at = monotonic + self._store.sync_interval
                sync_or_log(files[-1][1], self._layout)
        newest = self._live.newest()
        if newest is not None:
            self._streaming.update(*newest, monotonic)

    def finish(self, monotonic: float, now: float, *, read_time: bool, ends_live: bool = True) -> None:
        """Poll what FFmpeg wrote before it ended, and save the result. Errors of the disk are logged.

        Without `ends_live` another run continues the live window.
        """
        steps: List[Callable[[], None]] = [partial(self.poll, monotonic, now, read_time=read_time)]
        steps += [partial(self.update_live, alive=False)] if ends_live else []
        for step in (*steps, self.save_beside_files):
            try:
                step()
            except OSError as error:
                log.error("%s: run %s cannot be finished: %s", self._layout.camera_id, self.record.run, error)

    def _poll_recording(self, number: int, path: Path, monotonic: float, now: Optional[float]) -> None:
        try:
            status = path.stat()
            # the time of the last write belongs to the last frame within the size at that moment
            end = None if now is None else self._filmed_until(path, status.st_size)
            self._awaits_audio = self._awaits_audio and not has_audio(path)
        except OSError as error:  # the file does not count as growing, so that a stall restarts FFmpeg
            if number != self._unseen:
                log.error("%s: %s cannot be read: %s", self._layout.camera_id, path, error)
            self._unseen = number
            return
        self._recording.update(number, status.st_size, monotonic)
        if now is None or end is None:
            return
        if self._first_frame_at is None:
            self._first_frame_at = monotonic
        grew = not self._recording.still_for(monotonic)
        written = self._disk.instant(status.st_mtime, just_now=grew)
        self._step = self._step or usual_step(path)
        if self._step is None and self._store is not None:
            return  # so few frames do not tell how long the newest one lasts
        line = self._timeline or media_clock.begin(end, written, monotonic, self._expected)
        line = replace(line, apart=_seconds(self._step), launched=self._launched)
        line = self._timeline = media_clock.observe(line, end, written, monotonic, now)
        enough = _SAVE_DRIFTING if line.drift.moves else _SAVE_ANCHOR
        if self._saved_anchor is None or abs(line.anchor - self._saved_anchor) > enough:
            _save_or_log(self.save, self._layout)

    def observe(self, monotonic: float) -> Observation:
        """What the polls so far show."""
        line = self._timeline
        # without audio to encode FFmpeg does not even begin a file
        since = self._first_frame_at if self._recording.has_begun else self._watched_since
        return Observation(
            watched_for=monotonic - self._watched_since,
            has_frames=self._first_frame_at is not None,
            catching_up=self.catches_up,
            recording_still_for=self._recording.still_for(monotonic),
            live_still_for=self._streaming.still_for(monotonic),
            live_segment_for=self._streaming.same_file_for(monotonic),
            has_begun=self._recording.has_begun,
            interval=_seconds(self._step),
            silence=silence(_seconds(self._step)) if self._step else self.record.silence,
            squeezed=complains_of_times(self.stderr.recent_lines(SQUEEZED)),
            astray_for=0.0 if line is None else media_clock.astray_for(line, monotonic),
            speed=1.0 if line is None else media_clock.speed(line, self._corrections),
            clock_fault=self.record.clock_fault,
            has_audio=self.record.has_audio and not self.record.audio_fault,
            lags=line is not None and line.astray_since is not None and media_clock.lags(line),
            media_time=0.0 if line is None else line.media,
            audio_missing_for=monotonic - since if self._awaits_audio and since is not None else 0.0,
            picture_changed=self._live.outgrew_header,
        )

    def healthy_for(self, monotonic: float) -> float:
        """Seconds since its first frame; 0 before there is one."""
        return 0.0 if self._first_frame_at is None else monotonic - self._first_frame_at

    def _filmed_until(self, path: Path, size: int, *, closed: bool = False) -> Optional[int]:
        """The raw time up to which the camera had filmed at the last write.

        The last write to a `closed` file is leftover audio, which FFmpeg writes when the next file's first frame comes.
        """
        audio = self.record.has_audio
        late = self.record.frames_late + (closed and audio)
        with open_to_read(path) as file:
            return last_end(file, size, path.suffix, frames_late=late, usual=self._step, beside_audio=audio)

    @property
    def timeline(self) -> Optional[Timeline]:
        """How media time maps to wall time; None before the first frame."""
        return self._timeline

    def place(self) -> None:
        """Map media time to wall time by the oldest file, for an ended run that was never polled."""
        files = self._files()
        first = self._measure(*files[0], followed=len(files) > 1) if files else None
        if first is not None:
            self._timeline = place(None, first, self._expected)

    def _measure(self, number: int, path: Path, *, followed: bool) -> Optional[FinishedFile]:
        """Measure a finished file; None if it holds no frame."""
        with files.naming(path):
            following = path.with_name(incoming_pattern(path.suffix) % (number + 1))
            lone = apart(path, following) if followed and self._step is None else None
            span = measure(path, self._step or lone)
            if span is None:
                return None
            self._step = span.step or self._step or (lone if span.frames <= _FEWEST else None)
            status = path.stat()
            end = self._filmed_until(path, status.st_size, closed=followed)
        written = self._disk.instant(status.st_mtime)
        return FinishedFile(number, span, written, span.end if end is None else end, followed)

    def waiting(self, *, alive: bool) -> int:
        """How many finished files wait to be committed: all but the newest, or all if FFmpeg is not `alive`."""
        return 0 if self._store is None else len(finished(self._files(), self._unreadable, alive=alive))

    def commit(self, *, alive: bool, most: Optional[int] = None) -> int:
        """Commit the finished files, or the oldest `most` of them; returns how many were committed.

        A file that cannot be read stays where it is and does not block the others. When the storage fails, all wait.
        """
        if self._store is None:
            return 0
        if self.save_first is not None:
            self.save_first()
            self.save_first = None
        files = self._files()
        ready = finished(files, self._unreadable, alive=alive)[:most]
        done = sum(self._try_commit(self._store, *file, followed=file != files[-1]) for file in ready)
        if done and alive:
            _save_or_log(self.save, self._layout)
        return done

    def close(self) -> None:
        """Remove the run's folder once FFmpeg has ended and its files are committed, unless some files stay."""
        try:
            files.remove(self._folder / STDERR_NAME)
            remove_repeated(self._folder, self.record)
            if not self._unreadable:
                files.remove(self._layout.ended_run(self.record.run))
            self._folder.rmdir()
        except OSError as error:
            log.warning("%s: %s stays: %s", self._layout.camera_id, self._folder, error)

    def update_live(self, *, alive: bool) -> None:
        """Update the live window; its errors do not affect the recording."""
        if self._timeline is None:
            return
        try:
            self._live.update(self._timeline, alive=alive)
        except OSError as error:
            self._live.failed(error)

    def _try_commit(self, store: RecordingStore, number: int, path: Path, *, followed: bool) -> bool:
        try:
            return self._commit(store, number, path, followed=followed)
        except OSError as error:
            if not is_about(path, error) and not store.day_is_lost(error):
                raise
            self._unreadable.add(number)
            log.error(
                "%s: file %d of run %s stays in .incoming: %s", self._layout.camera_id, number, self.record.run, error
            )
            return False

    def _commit(self, store: RecordingStore, number: int, path: Path, *, followed: bool) -> bool:
        cut_as_decided(path, number, self.record)
        file = self._measure(number, path, followed=followed)
        if file is None:
            set_aside_frameless(path, self._layout.camera_id)
            return False
        self._timeline = place(self._timeline, file, self._expected)
        missing = 0.0 if self._media_end is None else file.span.missing_after(self._media_end)
        if self.record.has_audio:  # without audio FFmpeg ignores sender reports
            self._corrections = self._corrections.add(file.span, missing)
        clock_step = media_clock.set_since(self._timeline, store.clock_offset)
        before = Before(store.covered_until, number - 1 in self._unreadable, clock_step, self._media_end)
        closed = close(self.record, file, self._timeline, before)
        entry = store.commit(
            path,
            closed.start,
            closed.span,
            self.record.run,
            cut=number > 0,
            gaps=closed.gaps,
            clock=closed.clock,
            media=closed.media,
        )
        self._media_end = file.span.end
        if not is_by_old_clock(file, self._timeline, clock_step):
            store.clock_offset = self._timeline.clock_offset
        log.info("%s: recorded %s, %.1f s", self._layout.camera_id, entry.file, entry.duration)
        return True

    def _files(self) -> List[Tuple[int, Path]]:
        """The run's files with their numbers, in the order in which they were written."""
        if self._store is None:
            return self._live.unfinished()
        return [file for file in incoming_files(self._folder) if self.record.owns(file[0])]


def _seconds(ticks: Optional[int]) -> float:
    return (ticks or 0) / TICKS


def _save_or_log(save: Callable[[], None], layout: CameraLayout) -> None:
    """Save what changed while FFmpeg records; if that fails, the next supervisor reads it from the files."""
    try:
        save()
    except OSError as error:
        log.error("%s: %s is not saved: %s", layout.camera_id, layout.run_file, explained(error))


def _saved_timeline(record: Run, expected: Drift) -> Optional[Timeline]:
    if record.anchor is None:
        return None
    return media_clock.resume(record.anchor, record.anchor_wall, record.anchor_media, expected)
