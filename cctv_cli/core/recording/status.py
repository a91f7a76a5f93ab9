"""A camera's status, read from its files: the same for every front end, with or without a supervisor."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import psutil

from cctv_cli.core import files
from cctv_cli.core.clock import local_time
from cctv_cli.core.config.settings import Camera, Settings
from cctv_cli.core.disk_threads import Answer, DiskHangs, DiskThreads
from cctv_cli.core.hls.playlist import LiveWindow, parse_live
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording import lock as supervision
from cctv_cli.core.recording.published import Published, Shown
from cctv_cli.core.recording.schema import local_camera
from cctv_cli.core.recording.state import RecorderState, Run, State
from cctv_cli.core.storage.entries import SegmentEntry
from cctv_cli.core.storage.journal import Journal
from cctv_cli.core.units import CameraName

log = logging.getLogger("cctv.status")

_NOT_WRITTEN = (
    "FFmpeg has ended, and its supervisor (process {}) has not written a new state yet; "
    "if this stays, check that the storage accepts writes"
)


@dataclass(frozen=True)
class CameraStatus:
    """One camera's status, as shown to people, scripts and clients.

    Instants are seconds since 1970 UTC, `bit_rate` is bit/s of the latest live segment,
    `recorded_today` seconds since local midnight. Unknown values are None; an unknown `frame_interval` is 0.
    """

    id: str
    name: str
    enabled: bool
    state: State
    reason: str
    since: Optional[float]
    supervisor_pid: Optional[int]
    ffmpeg_pid: Optional[int]
    restarts: int
    retry_at: Optional[float]
    codec: str
    audio: str
    bit_rate: Optional[float]
    last_segment_at: Optional[float]
    recorded_today: float
    audio_enabled: bool
    frame_interval: float = 0.0  # seconds


class StatusReader:
    """Reads statuses. Remembers what it counted in each journal, and reads only new lines.

    `disks` runs the calls that may hang. Callers of `read_one` alone, on one thread per disk, need none.
    `published` is what the recorders of this process do; without it, files say so.
    """

    def __init__(
        self,
        settings: Settings,
        tz: Optional[tzinfo],
        disks: Optional[DiskThreads] = None,
        published: Optional[Published] = None,
    ) -> None:
        self._settings = settings
        self._tz = tz
        self._disks = disks or DiskThreads()
        self._published = published or Published()
        self._counted: Dict[Path, Tuple[int, int, float]] = {}  # file, bytes read, seconds
        self._layouts: Dict[Tuple[str, bool], CameraLayout] = {}

    def layout(self, camera_id: str, *, sub: bool = False) -> CameraLayout:
        """The paths of a configured camera, or those of its sub stream."""
        key = (camera_id, sub)
        if key not in self._layouts:
            self._layouts[key] = CameraLayout(self._settings.storage, camera_id, self._settings.live_path, sub=sub)
        return self._layouts[key]

    def read(self, cameras: Sequence[Camera], now: float) -> List[CameraStatus]:
        """The cameras' statuses at the instant `now`. A camera that cannot be read has the cause as its reason."""
        answers = [self.submit(camera, now) for camera in cameras]
        # the last first: one wait for each disk, not one for each camera
        found = [_answered(camera, answer) for camera, answer in zip(reversed(cameras), reversed(answers))]
        return found[::-1]

    def submit(self, camera: Camera, now: float) -> Answer[CameraStatus]:
        """One camera's status, read on its disk's thread."""
        return self._disks.submit(self.layout(camera.id).recordings, camera.id, partial(self.read_one, camera, now))

    def read_one(self, camera: Camera, now: float) -> CameraStatus:
        """One camera's status, read on the calling thread, which hangs if the disk does."""
        try:
            status = self.read_one_or_raise(camera, now)
            local_camera(status, self._tz)  # fails for damaged values that cannot be shown
        except Exception as error:
            return unreadable(camera, error)
        return status

    def read_one_or_raise(self, camera: Camera, now: float) -> CameraStatus:
        """Like `read_one`, but raises OSError, and any exception for damaged files."""
        layout = self.layout(camera.id)
        shown, run, is_here = self.recorder(camera.id)
        window = parse_live(files.read_text(layout.live_playlist) or "")
        supervisor = os.getpid() if is_here else supervision.holder(layout)
        state, reason = _state(camera, shown, run, supervisor, layout)
        return CameraStatus(
            id=camera.id,
            name=camera.name,
            enabled=camera.enabled,
            state=state,
            reason=reason,
            since=shown.since if shown and shown.state is state else None,
            supervisor_pid=supervisor,
            ffmpeg_pid=run.pid if run and state in (State.RUNNING, State.STARTING) else None,
            restarts=shown.restarts if shown else 0,
            retry_at=shown.retry_at if shown and supervisor else None,
            codec=shown.codec if shown else "",
            audio=shown.audio if shown else "",
            bit_rate=_bit_rate(layout, window),
            last_segment_at=window.segments[-1].end if window and window.segments else None,
            recorded_today=self._recorded_today(layout, now),
            audio_enabled=camera.audio,
            frame_interval=run.interval if run else 0.0,
        )

    def recorder(self, camera_id: str, *, sub: bool = False) -> Shown:
        """What the recorder of a stream does. Raises OSError."""
        return self._published.read(self.layout(camera_id, sub=sub))

    def _recorded_today(self, layout: CameraLayout, now: float) -> float:
        try:
            return self._seconds_of(layout, now)
        except OSError:  # health reports the journal; the camera may still be recorded
            return 0.0

    def _seconds_of(self, layout: CameraLayout, now: float) -> float:
        journal = Journal(layout.journal(local_time(now, self._tz).strftime("%Y-%m-%d")))
        try:
            status = journal.path.stat()
        except FileNotFoundError:
            return 0.0
        file, read, seconds = self._counted.get(journal.path, (status.st_ino, 0, 0.0))
        if file != status.st_ino or read > status.st_size:
            read, seconds = 0, 0.0  # the journal was replaced
        if read < status.st_size:
            entries, read = journal.entries_after(read)
            seconds += sum(entry.duration for entry in entries if isinstance(entry, SegmentEntry))
            self._counted[journal.path] = (status.st_ino, read, seconds)
        return seconds


def _answered(camera: Camera, answer: Answer[CameraStatus]) -> CameraStatus:
    try:
        return answer.get()
    except DiskHangs as error:
        return unreadable(camera, error)


def unreadable(camera: Camera, error: Exception) -> CameraStatus:
    """The status of a camera whose files cannot be read. A bug or damage is logged."""
    if not isinstance(error, OSError):
        log.error("%s: its files cannot be read", CameraName(camera.id), exc_info=error)
    nothing = (None, None, None, 0, None, "", "", None, None, 0.0, camera.audio)
    return CameraStatus(camera.id, camera.name, camera.enabled, State.STOPPED, why_unreadable(error), *nothing)


def why_unreadable(error: Exception) -> str:
    """Why a camera's files cannot be read, as a clause with the cure."""
    if isinstance(error, DiskHangs):
        return "its disk does not answer; check its cable, power supply or network share"
    if isinstance(error, OSError):
        return f"its storage cannot be read ({error.strerror or error}); check the disk and permissions"
    return f"its files are damaged ({type(error).__name__}); the log of cctv says where"


def _state(
    camera: Camera,
    shown: Optional[RecorderState],
    run: Optional[Run],
    supervisor: Optional[int],
    layout: CameraLayout,
) -> Tuple[State, str]:
    if not camera.enabled:
        return State.STOPPED, "the camera is disabled in the configuration"
    if supervisor is not None:
        if shown is None:
            return State.STARTING, "starting"
        if shown.state is State.RUNNING and run is not None and _has_ended(run, supervisor):
            return State.BACKOFF, _NOT_WRITTEN.format(supervisor)
        return shown.state, shown.reason
    if run is not None and run.pid is not None and is_ffmpeg_of(run.pid, run.run):
        return State.RUNNING, "recording without a supervisor; start cctv serve or cctv record"
    if layout.stopped_file.exists():
        return State.STOPPED, "an operator stopped the camera"
    last = f" (last reason: {shown.reason})" if shown and shown.cause else ""
    return State.STOPPED, f"no supervisor is running; start cctv serve or cctv record{last}"


def _has_ended(run: Run, supervisor: int) -> bool:
    """Whether the FFmpeg of a run has ended, though a supervisor in another process, which can be seen, says it runs.

    Processes of another container cannot be seen, and what runs there is not known.
    """
    return run.pid is not None and supervision.is_other_cctv(supervisor) and not is_ffmpeg_of(run.pid, run.run)


def is_ffmpeg_of(pid: int, run: str) -> bool:
    """Whether the process with this id is alive and is the FFmpeg of this run."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and any(run in part for part in process.cmdline())
    except psutil.Error:
        return False


def _bit_rate(layout: CameraLayout, window: Optional[LiveWindow]) -> Optional[float]:
    if window is None or not window.segments or window.segments[-1].duration <= 0:
        return None
    latest = window.segments[-1]
    try:
        return layout.live_segment(latest.number, latest.suffix).stat().st_size * 8 / latest.duration
    except FileNotFoundError:
        return None
