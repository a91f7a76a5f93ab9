"""The composition root: builds a supervised system and its views from the settings. Every front end starts here."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence

from cctv_cli.core.clock import Clock, SystemClock, zone
from cctv_cli.core.config.changes import changed_keys, changes
from cctv_cli.core.config.doubts import NO_CAMERAS
from cctv_cli.core.config.settings import Camera, DemoSource, Settings
from cctv_cli.core.disk_threads import Answer, DiskHangs, DiskThreads
from cctv_cli.core.errors import CameraDisabled, CctvError, ConfigError, StopIncomplete, UnknownCamera
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.ffmpeg.find import can_draw_text, find_ffmpeg
from cctv_cli.core.health.findings import assess, thresholds_of
from cctv_cli.core.health.gather import FactsReader
from cctv_cli.core.health.report import Report
from cctv_cli.core.health.watch import HealthWatch
from cctv_cli.core.layout import CameraLayout, is_camera_id, login_files
from cctv_cli.core.recording import desired
from cctv_cli.core.recording.lock import holder
from cctv_cli.core.recording.published import Published
from cctv_cli.core.recording.reload import Reloaded, ReloadRequests
from cctv_cli.core.recording.reload_once import ReloadOnce
from cctv_cli.core.recording.status import CameraStatus, StatusReader
from cctv_cli.core.recording.supervisor import Supervisor
from cctv_cli.core.recording.tools import Tools
from cctv_cli.core.retention.cleaner import Cleaner
from cctv_cli.core.retention.schedule import CleanupSchedule
from cctv_cli.core.rtsp.login_guard import LoginGuard
from cctv_cli.core.rtsp.probe import probe
from cctv_cli.core.storage.claim import StorageClaim
from cctv_cli.core.storage.marker import refuse_newer

log = logging.getLogger("cctv.runtime")

# settings that a reload does not change
_FIXED = ("host", "port", "tls_cert", "tls_key", "storage", "live_path", "timezone", "log_format", "log_file")
_DEMO_SEGMENT = 2  # seconds: a viewer waits for the first picture


class Runtime:
    """One configured system: reads statuses, and supervises once `start` was called.

    An Answer comes from the thread of a camera's disk, and raises OSError.

    `cameras` are the ids of the cameras to show, supervise and clean up; none means all.
    `load` reads the configuration again, for `reload`. `ending` is set once `stop` was called, so that
    long-running work elsewhere ends early. Raises UnknownCamera.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        cameras: Sequence[str] = (),
        load: Optional[Callable[[], Settings]] = None,
        clock: Optional[Clock] = None,
    ) -> None:
        self._cameras = tuple(cameras)
        self.settings = _only(settings, self._cameras)
        self.tz = zone(settings.timezone)
        self.clock: Clock = clock or SystemClock()
        self._load = load
        self._disks = DiskThreads()  # for status and control
        self._facts_disks = DiskThreads()  # a slow health check must not delay status and control
        self._cleanup_disks = DiskThreads()  # a cleanup takes long
        self._published = Published()  # by the recorders of this process
        self._statuses = StatusReader(self.settings, self.tz, self._disks, self._published)
        self._facts = FactsReader(self.settings, self.tz, self.clock, self._facts_disks, published=self._published)
        self._claim = StorageClaim(self.settings.storage, self._disks)
        self._supervisor: Optional[Supervisor] = None
        self._watch: Optional[HealthWatch] = None
        self._schedule: Optional[CleanupSchedule] = None
        self._reloads = ReloadOnce(self._reload)
        self._requests: Optional[ReloadRequests] = None
        self.ending = threading.Event()

    # ---- views

    def camera(self, camera_id: str) -> Camera:
        """The configured camera. Raises UnknownCamera."""
        return _camera(self.settings, camera_id)

    def layout(self, camera_id: str, *, sub: bool = False) -> CameraLayout:
        """The paths of a configured camera, or of its sub stream. Raises UnknownCamera."""
        return self._statuses.layout(self.camera(camera_id).id, sub=sub)

    def status(self, camera_id: str) -> Answer[CameraStatus]:
        """A camera's status. Raises UnknownCamera."""
        return self._statuses.submit(self.camera(camera_id), self.clock.now())

    def stream_status(self, camera_id: str, *, sub: bool) -> CameraStatus:
        """A camera's status, or that of its sub stream, read on the calling thread. Raises UnknownCamera, OSError."""
        camera = self.camera(camera_id)
        status = self._statuses.read_one(camera, self.clock.now())
        shown = self._statuses.recorder(camera.id, sub=True).state if sub else None
        if shown is None:
            return status
        return replace(status, state=shown.state, reason=f"its sub stream: {shown.reason}")

    def is_stopped(self, camera_id: str) -> Answer[bool]:
        """Whether the camera was stopped by an operator. Raises UnknownCamera."""
        layout = self.layout(camera_id)
        return self._disks.submit(layout.recordings, ("is stopped", camera_id), partial(desired.is_stopped, layout))

    def statuses(self, cameras: Optional[Sequence[Camera]] = None) -> List[CameraStatus]:
        """The status of these cameras, or of all in the order of the configuration; waits for their disks."""
        return self._statuses.read(self.settings.cameras if cameras is None else cameras, self.clock.now())

    def health(self) -> Report:
        """The findings and the facts behind them, at most a second old."""
        at, facts = self._facts.read()
        return Report(at, facts, assess(facts, thresholds_of(self.settings), at))

    def cleaner(self) -> Cleaner:
        """A cleaner with the current settings."""
        self._claim.mark()
        claim = self._claim
        return Cleaner(self.settings, self.tz, self.clock, claim.storage_id, claim.unmarked, self._cleanup_disks)

    # ---- supervision

    def start(self, *, ffmpeg: Optional[Ffmpeg] = None) -> None:
        """Start supervision. Raises FfmpegError, AlreadySupervised, StorageError, ConfigError without cameras."""
        _require_cameras(self.settings)
        try:
            self._disks.ask(self.settings.storage, "format", partial(refuse_newer, self.settings.storage))
        except DiskHangs as error:  # continue: signals must be handled, and cameras on other disks recorded
            log.error("the format of the storage %s is not checked: %s", self.settings.storage, error.strerror)
        self.ending.clear()
        found = ffmpeg or find_ffmpeg(self.settings.ffmpeg_path)
        if any(isinstance(camera.source, DemoSource) for camera in self.settings.cameras):
            found = replace(found, drawtext=can_draw_text(found))
        log.info("FFmpeg %s at %s", found.version, found.path)
        _log_warnings(self.settings)
        logins = LoginGuard(*login_files(self.settings.storage), self.clock, self.tz)
        tools = Tools(
            found,
            self.tz,
            self.clock,
            probe=partial(probe, logins=logins),
            logins=logins,
            published=self._published,
        )
        supervisor = Supervisor(self.settings, tools, whole=not self._cameras)
        requests = ReloadRequests(self.settings.storage, self.reload, supervisor.cameras, self._disks)
        supervisor.start()
        self._supervisor = supervisor
        self._requests = requests
        requests.start()
        self._claim.begin(self.settings)
        self._claim.remember_days(self.settings)
        if not self._cameras:  # overall health cannot be judged from some of the cameras
            self._watch = HealthWatch(self.health, self.settings, self.tz)
            self._watch.start()
        self._schedule = CleanupSchedule(lambda: self.settings, self.cleaner, self.clock, self._cameras)
        self._schedule.start()

    def reload(self) -> Reloaded:
        """Reload the configuration and reconcile; if it has an error, keep the old one.

        Raises nothing: errors are logged, and recording continues. Returns within RELOAD_LIMIT seconds, even if a
        disk hangs, or within twice that after another reload.
        """
        return self._reloads.run()

    def _reload(self) -> Reloaded:
        """Reload and reconcile. Raises CctvError before anything has changed if the configuration is invalid."""
        if self._load is None or self._supervisor is None:
            return Reloaded()
        try:
            asked = _only(self._load(), self._cameras)
        except OSError as error:
            raise ConfigError(
                [f"It cannot be read ({error.strerror or error}); check that the working directory still exists"]
            ) from error
        _require_cameras(asked)
        _log_warnings(asked)
        settings = replace(asked, **{name: getattr(self.settings, name) for name in _FIXED})
        if settings != asked:
            log.warning("changes of address, port, storage, time zone or log require a restart of cctv")
        outcome = Reloaded(changes(self.settings, settings), tuple(changed_keys(settings, asked)))
        self.settings = settings
        self._statuses = StatusReader(settings, self.tz, self._disks, self._published)
        self._facts = FactsReader(settings, self.tz, self.clock, self._facts_disks, self._facts.device, self._published)
        self._supervisor.reload(settings)
        self._claim.remember_days(settings)
        if self._watch is not None:
            self._watch.configure(settings)
        log.info("the configuration was reloaded: %s", "; ".join(outcome.changes) or "nothing changed")
        return outcome

    def stop(self, *, leave_running: bool = False) -> None:
        """End supervision; recorders stop and commit their last minutes, or keep running for the next supervisor.

        Takes at most 75 s, the limits of supervisor, cleanup and alerts. Raises StopIncomplete, after everything else
        is done, if a camera's thread still hangs on a disk.
        """
        hung: List[str] = []
        if leave_running and _moves(self._load, self.settings.storage):
            log.warning("the configuration now names a different storage: the recorders of this one stop as well")
            leave_running = False
        if self._requests is not None:
            self._requests.ask_to_end()
            self._requests = None
        if self._watch is not None:
            self._watch.ask_to_end()
        self.ending.set()
        if self._schedule is not None:
            self._schedule.ask_to_end()
        if self._supervisor is not None:
            hung = self._supervisor.stop(leave_running=leave_running)
            self._supervisor = None
        if self._schedule is not None:  # after the recorders: a running cleanup may take a while to end
            self._schedule.join()
            self._schedule = None
        if self._watch is not None:
            self._watch.join()
            self._watch = None
        if hung:
            raise StopIncomplete(
                f"cctv ended without the threads of {', '.join(hung)}, which hang on a disk; "
                "check its cable, power supply or network share"
            )

    # ---- control

    def stop_camera(self, camera_id: str) -> Answer[None]:
        """Stop a camera until `start_camera`, also across restarts. Raises UnknownCamera."""
        return self._control("stop", camera_id, desired.stop)

    def start_camera(self, camera_id: str) -> Answer[None]:
        """Let a stopped camera record again. Raises UnknownCamera, CameraDisabled."""
        self.require_enabled(camera_id)
        return self._control("start", camera_id, desired.start)

    def restart_camera(self, camera_id: str) -> Answer[None]:
        """Let the process that supervises a camera replace its FFmpegs. Raises UnknownCamera, CameraDisabled."""
        self.require_enabled(camera_id)
        sub = self.layout(camera_id, sub=True)

        def restart(layout: CameraLayout) -> None:
            for stream in (layout, sub):
                if stream.folder.is_dir():
                    desired.restart(stream)

        return self._control("restart", camera_id, restart)

    def supervisor_of(self, camera_id: str) -> Answer[Optional[int]]:
        """The process that supervises a camera; None if none does. Raises UnknownCamera."""
        layout = self.layout(camera_id)
        return self._disks.submit(layout.recordings, ("supervisor", camera_id), partial(holder, layout))

    def supervised(self) -> Dict[str, int]:
        """The cameras of this storage that are supervised, also those not configured, with the process of each.

        Raises OSError if the storage cannot be listed; cameras whose disks do not answer are left out.
        """
        storage = self.settings.storage
        listed = self._disks.ask(storage, "cameras", lambda: os.listdir(storage) if storage.is_dir() else [])
        layouts = [CameraLayout(storage, name) for name in sorted(listed) if is_camera_id(name)]
        asked = [
            (layout, self._disks.submit(layout.recordings, ("supervisor", layout.camera_id), partial(holder, layout)))
            for layout in layouts
        ]
        found: Dict[str, int] = {}
        for layout, answer in asked:
            with suppress(OSError):
                process = answer.get()
                if process is not None:
                    found[layout.camera_id] = process
        return found

    def _control(self, name: str, camera_id: str, change: Callable[[CameraLayout], None]) -> Answer[None]:
        layout = self.layout(camera_id)

        def control() -> None:
            change(layout)
            if self._supervisor is not None:
                self._supervisor.wake(camera_id)

        return self._disks.submit(layout.recordings, (name, camera_id), control)

    def require_enabled(self, camera_id: str) -> None:
        """Raise CameraDisabled if the configuration disables a camera, UnknownCamera if it has none of that id."""
        if not self.camera(camera_id).enabled:
            raise CameraDisabled(
                f"Camera {camera_id} is disabled in the configuration; remove its enabled = false, then run cctv reload"
            )


def _moves(load: Optional[Callable[[], Settings]], storage: Path) -> bool:
    """Whether the next supervisor will use a different storage and so would not find this one's recorders."""
    try:
        return load is not None and load().storage != storage
    except (CctvError, OSError):  # the next supervisor reports it
        return False


def _require_cameras(settings: Settings) -> None:
    if not settings.cameras:
        raise ConfigError([NO_CAMERAS])


def _log_warnings(settings: Settings) -> None:
    for warning in settings.warnings:
        log.warning("%s", warning)


def demo_settings(settings: Settings, storage: Path) -> Settings:
    """The settings with two synthetic cameras instead of the configured ones."""
    cameras = (
        Camera("demo_tone", "Demo with audio", DemoSource(tone=True)),
        Camera("demo_silent", "Demo without audio", DemoSource(tone=False)),
    )
    return replace(
        settings, cameras=cameras, storage=storage, live_path=None, segment_duration=_DEMO_SEGMENT, warnings=()
    )


def _camera(settings: Settings, camera_id: str) -> Camera:
    for camera in settings.cameras:
        if camera.id == camera_id:
            return camera
    known = ", ".join(camera.id for camera in settings.cameras) or "none"
    raise UnknownCamera(f"No camera {camera_id[:80]!r} is configured; known: {known}")


def _only(settings: Settings, camera_ids: Sequence[str]) -> Settings:
    """The settings with only these cameras, or unchanged if none is named. Raises UnknownCamera."""
    if not camera_ids:
        return settings
    return replace(settings, cameras=tuple(_camera(settings, camera_id) for camera_id in dict.fromkeys(camera_ids)))
