"""How a run begins to be watched: a new FFmpeg with its record and folder, or one that an earlier supervisor left."""

from __future__ import annotations

import errno
import logging
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Callable, Dict, Optional

from cctv_cli.core.config.settings import Camera, Settings
from cctv_cli.core.ffmpeg import process as processes
from cctv_cli.core.ffmpeg.command import USUAL_SILENCE, Command, fingerprint, frames_late, record_command
from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.ffmpeg.stderr_log import BoundedLog
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording.live_window import LiveWriter
from cctv_cli.core.recording.main_stream import MainStream
from cctv_cli.core.recording.run import ActiveRun
from cctv_cli.core.recording.run_file import RunFile
from cctv_cli.core.recording.state import Run
from cctv_cli.core.recording.stderr import Stderr
from cctv_cli.core.recording.stream import CameraStream
from cctv_cli.core.recording.tools import Tools
from cctv_cli.core.storage.commit import RecordingStore
from cctv_cli.core.storage.disk_errors import shortage

log = logging.getLogger("cctv.recorder")


class NoFfmpeg(Exception):
    """FFmpeg cannot be started; `reason` says why."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.reason = Diagnosis("no ffmpeg", f"FFmpeg cannot be started: {shortage(error) or error}")


class Starter:
    """Starts the FFmpegs of one camera as it is configured now, and adopts them."""

    def __init__(
        self,
        camera: Camera,
        settings: Settings,
        tools: Tools,
        layout: CameraLayout,
        store: Optional[RecordingStore],
        live: LiveWriter,
        stream: CameraStream,
        main: Optional[MainStream],
        wake: Callable[[], None],
    ) -> None:
        """`wake` is called when an FFmpeg exits. `main` is the main stream if the camera's source is its sub stream."""
        self.camera = camera
        self.settings = settings
        self.file = RunFile(layout)
        self.disk = 0  # device number of the camera's disk when it was opened
        self.first_time = False  # whether copied video failed because its first frame had no time
        self.tools = tools
        self.layout = layout
        self._store = store
        self.live = live
        self._stream = stream
        self.main = main
        self._wake = wake
        self._log = BoundedLog(layout.log_file)
        self._own: Dict[str, processes.Process] = {}  # our children, by their runs

    @property
    def fingerprint(self) -> str:
        """That of the command of a run that would start now."""
        return fingerprint(self._command(), self.camera.source)

    def run_of(self, record: Run) -> ActiveRun:
        """The run with this record, without a process."""
        stderr = Stderr(self._log, self.tools.clock, self.camera.source, self._wake)
        return ActiveRun(record, self.layout, self._store, self.live, stderr, self.file)

    def start(self, why: Diagnosis, *, beside: Optional[ActiveRun] = None) -> ActiveRun:
        """Start a run, alone or `beside` the current one. Raises OSError and NoFfmpeg.

        `why` is the reason why nothing was recorded before it.
        """
        record = self._describe(why, beside)
        folder = make_folder(self.layout, record.run, self.disk)
        active = self.run_of(record)
        try:
            # before the start, so that the next supervisor can find the process
            self.file.describe(*([record] if beside is None else [beside.record, record]))
            active.save(durable=False)
            process = active.process = self._spawn(record, folder, active.stderr)
        except (OSError, NoFfmpeg):
            active.close()
            if beside is not None:
                self.file.describe(beside.record)
            raise
        self._own = {run: child for run, child in self._own.items() if child.alive()}
        self._own[record.run] = process
        active.stderr.guard(process)
        active.begin_watch(self.tools.clock.monotonic(), record.started)
        log.info("%s: started FFmpeg %d", self.layout.camera_id, process.pid)
        return active

    def _spawn(self, record: Run, folder: Path, stderr: Stderr) -> processes.Process:
        command = self._command(record)
        try:
            return processes.spawn(command, self.layout.folder, folder, stderr.on_line, stderr.on_closed)
        except OSError as error:
            raise NoFfmpeg(error) from error

    def adopt(self, record: Run, living: Optional[processes.Process]) -> ActiveRun:
        """Watch a run that an earlier supervisor started."""
        active = self.run_of(record)
        active.process, active.catches_up = living, True
        if active.timeline is None:  # that supervisor ended before it saved the first times
            with suppress(OSError):
                active.place()
        active.begin_watch(self.tools.clock.monotonic(), self.tools.clock.now())
        try:
            folder = self.layout.run_folder(record.run)
            processes.listen_again(folder, active.stderr.on_line, active.stderr.on_closed)
        except OSError as error:  # recording works without its messages
            log.error("%s: the messages of FFmpeg cannot be logged: %s", self.layout.camera_id, error)
        if living is not None:
            active.stderr.guard(living)
            log.info("%s: adopted FFmpeg %d", self.layout.camera_id, living.pid)
        return active

    def find(self, record: Optional[Run]) -> Optional[processes.Process]:
        """The process of a run; None if it has ended."""
        if record is None:
            return None
        own = self._own.get(record.run)
        if own is not None:
            return own if own.alive() else None
        return processes.find(record.run, self.layout.folder, record.pid)

    def _describe(self, why: Diagnosis, beside: Optional[ActiveRun]) -> Run:
        now = self.tools.clock.now()
        sent = self._stream.begin_run(now)
        last = self._stream.last_run if beside is None else beside.record
        if beside is None:
            first_live = self.live.begin_run(self._stream.last_run, now, sent.codec)
        else:
            first_live = self.live.number_beside()
        return self._stream.describe(
            Run(
                run=secrets.token_hex(8),
                fingerprint=self.fingerprint,
                started=now,
                first_live=first_live,
                cause=why.cause,
                detail=why.reason,
                frames_late=frames_late(self.camera, sent.codec, audio=sent.has_audio),
                first_time=self.first_time,
                alone_since=None if last is None else last.alone_since,
                drift=0.0 if last is None else last.drift,
                begins=0.0 if self.main is None else self.main.media_time(now),
            )
        )

    def _command(self, record: Optional[Run] = None) -> Command:
        """The command of a run; without a run, the command to compare by its fingerprint."""
        sent = self._stream.now
        return record_command(
            self.tools.ffmpeg,
            self.camera,
            self.settings,
            run=record.run if record else "",
            first_live=record.first_live if record else 0,
            codec=sent.codec,
            first_time=self.first_time,
            audio=sent.output,
            audio_place=sent.place,
            begins=record.begins if record else 0.0,
            silence=record.silence if record else USUAL_SILENCE,
            recording=self._store is not None,
            live_folder=self.layout.live if self.settings.live_path or self._store is None else None,
            recording_seconds=self.tools.recording_seconds,
        )


def make_folder(layout: CameraLayout, run: str, disk: int) -> Path:
    """Make a run's folder; `disk` is the device number of the disk on which its recorder started. Raises OSError.

    An empty camera folder on another device is the mount point of a lost disk: recordings there would fill the
    wrong disk, and the next mount would hide them. A disk that is mounted again may have another number, but still
    has its files; a folder that a person emptied is on the same device.
    """
    if not layout.incoming.exists() and layout.folder.stat().st_dev != disk:
        raise OSError(errno.ENXIO, "it is empty, and its disk is not mounted; mount it again", str(layout.folder))
    folder = layout.run_folder(run)
    folder.mkdir(parents=True)
    return folder
