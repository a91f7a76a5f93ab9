"""How a run begins to be watched: a new FFmpeg with its record and folder, or one that an earlier supervisor left."""

from __future__ import annotations

import errno
import logging
import secrets
from pathlib import Path
from typing import Callable, Optional

from cctv_cli.core.config.settings import Camera, Settings
from cctv_cli.core.ffmpeg import process as processes
from cctv_cli.core.ffmpeg.command import Command, fingerprint, frames_late, record_command
from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.ffmpeg.stderr_log import BoundedLog
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording.live_window import LiveWriter
from cctv_cli.core.recording.main_stream import MainStream
from cctv_cli.core.recording.run import ActiveRun
from cctv_cli.core.recording.state import Run
from cctv_cli.core.recording.stderr import Stderr
from cctv_cli.core.recording.stream import CameraStream
from cctv_cli.core.recording.tools import Tools
from cctv_cli.core.storage.commit import RecordingStore

log = logging.getLogger("cctv.recorder")


class NoFfmpeg(Exception):
    """FFmpeg cannot be started; `reason` says why."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.reason = Diagnosis("no ffmpeg", f"FFmpeg cannot be started: {error}")


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
        self.disk = 0  # device number of the camera's disk when it was opened
        self.first_time = False  # whether copied video failed because its first frame had no time
        self._tools = tools
        self._layout = layout
        self._store = store
        self._live = live
        self._stream = stream
        self._main = main
        self._wake = wake
        self._log = BoundedLog(layout.log_file)

    @property
    def fingerprint(self) -> str:
        """That of the command of a run that would start now."""
        return fingerprint(self._command(), self.camera.source)

    def run_of(self, record: Run) -> ActiveRun:
        """The run with this record, without a process."""
        stderr = Stderr(self._log, self._tools.clock, self.camera.source, self._wake)
        return ActiveRun(record, self._layout, self._store, self._live, stderr)

    def start(self, why: Diagnosis) -> ActiveRun:
        """Start a run; `why` is the reason why nothing was recorded before it. Raises OSError and NoFfmpeg."""
        record = self._describe(why)
        folder = make_folder(self._layout, record.run, self.disk)
        active = self.run_of(record)
        try:
            # before the start, so that the next supervisor can find the process
            active.save(durable=False)
        except OSError:
            active.close()
            raise
        try:
            active.process = processes.spawn(
                self._command(record), self._layout.folder, folder, active.stderr.on_line, active.stderr.on_closed
            )
        except OSError as error:
            active.close()
            raise NoFfmpeg(error) from error
        return active

    def adopt(self, record: Run, living: processes.Process) -> ActiveRun:
        """Watch a run that an earlier supervisor started, and that is alive."""
        active = self.run_of(record)
        active.process, active.catches_up = living, True
        active.begin_watch(self._tools.clock.monotonic(), self._tools.clock.now())
        try:
            folder = self._layout.run_folder(record.run)
            processes.listen_again(folder, active.stderr.on_line, active.stderr.on_closed)
        except OSError as error:  # recording works without its messages
            log.error("%s: the messages of FFmpeg cannot be logged: %s", self._layout.camera_id, error)
        log.info("%s: adopted FFmpeg %d", self._layout.camera_id, living.pid)
        return active

    def _describe(self, why: Diagnosis) -> Run:
        now = self._tools.clock.now()
        sent = self._stream.begin_run(now)
        return self._stream.describe(
            Run(
                run=secrets.token_hex(8),
                fingerprint=self.fingerprint,
                started=now,
                first_live=self._live.begin_run(self._stream.last_run, now, sent.codec),
                cause=why.cause,
                detail=why.reason,
                frames_late=frames_late(sent.codec, audio=sent.has_audio, first_time=self.first_time),
                first_time=self.first_time,
                begins=0.0 if self._main is None else self._main.media_time(now),
            )
        )

    def _command(self, record: Optional[Run] = None) -> Command:
        """The command of a run; without a run, the command to compare by its fingerprint."""
        sent = self._stream.now
        return record_command(
            self._tools.ffmpeg,
            self.camera,
            self.settings,
            run=record.run if record else "",
            first_live=record.first_live if record else 0,
            codec=sent.codec,
            first_time=self.first_time,
            audio=sent.output,
            audio_place=sent.place,
            begins=record.begins if record else 0.0,
            recording=self._store is not None,
            live_folder=self._layout.live if self.settings.live_path or self._store is None else None,
            recording_seconds=self._tools.recording_seconds,
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
