"""The cameras of one process: a thread for each stream, the lock of each camera, reload and shutdown.

Each camera has its own thread, so that a silent camera or a slow disk does not disturb the others.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Dict, Iterable, List, Optional, Tuple, Union

from cctv_cli.core.config.settings import Camera, DemoSource, Settings
from cctv_cli.core.disk_threads import DiskHangs, DiskThreads
from cctv_cli.core.errors import AlreadySupervised, StorageError
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording import lock as supervision
from cctv_cli.core.recording.recorder import Recorder
from cctv_cli.core.recording.saved import read_record, set_aside_obstacles
from cctv_cli.core.recording.state import RecorderState, State
from cctv_cli.core.recording.tools import Tools
from cctv_cli.core.system import DaemonThread
from cctv_cli.core.units import CameraName

STOP_LIMIT = 45.0  # seconds that a stop may take: up to 30 for the last commits, 10 for FFmpeg to exit
_AFTER_DEFECT = 5.0  # seconds until the next step after an unexpected error
_TAKE_AGAIN = 2.0  # seconds between tries to take cameras whose disk did not answer or could not be written

log = logging.getLogger("cctv.supervisor")


class _Loop:
    """One recorder and the thread that runs it."""

    def __init__(self, name: CameraName, camera: Camera, settings: Settings, tools: Tools, *, sub: bool) -> None:
        self._name = name
        self._layout = CameraLayout(settings.storage, camera.id, settings.live_path, sub=sub)
        self._published = tools.published
        self._woken = threading.Event()
        self._ending = False
        self._leave_running = False
        self.recorder = Recorder(camera, settings, tools, self._woken.set, sub=sub)
        self._thread = DaemonThread(self._work, f"camera-{name}")

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._woken.set()

    def ask_to_end(self, *, leave_running: bool) -> None:
        self._leave_running = leave_running
        self._ending = True
        self._woken.set()

    def join(self) -> None:
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while not self._ending:
            try:
                self._woken.wait(self._step())
                self._woken.clear()
            except Exception:  # no memory, not even to log
                time.sleep(_AFTER_DEFECT)  # to wait for an event needs memory
        self.recorder.release(leave_running=self._leave_running)
        self._published.withdraw(self._layout)

    def _step(self) -> float:
        try:
            return self.recorder.run_once()
        except Exception as error:
            # neither a bug nor a lack of memory must end the supervision of a camera
            self.recorder.forget(error)
            log.exception("%s: unexpected error; starting over from what is on disk", self._name)
            return _AFTER_DEFECT


class _Worker:
    """One camera: its supervisor lock, and the loops of its main and sub stream."""

    def __init__(self, camera: Camera, settings: Settings, tools: Tools) -> None:
        """Raises AlreadySupervised, StorageError."""
        self._layout = CameraLayout(settings.storage, camera.id, settings.live_path)
        self._tools = tools
        set_aside_obstacles(self._layout)
        self._main = _Loop(self._layout.camera_id, camera, settings, tools, sub=False)
        self._sub = self._sub_loop(camera, settings)
        self._lock = supervision.take(self._layout)

    @property
    def camera_id(self) -> str:
        return self._layout.camera_id

    def start(self) -> None:
        for loop in self._loops():
            loop.start()

    def wake(self) -> None:
        for loop in self._loops():
            loop.wake()

    def configure(self, camera: Camera, settings: Settings) -> None:
        """Apply a changed configuration. Raises StorageError if the sub stream cannot be started."""
        self._main.recorder.configure(camera, settings)
        self._main.wake()
        if self._sub is not None:
            self._sub.recorder.configure(_sub_stream(camera), settings)
            self._sub.wake()
            return
        self._sub = self._sub_loop(camera, settings)
        if self._sub is not None:
            self._sub.start()

    def ask_to_end(self, *, leave_running: bool) -> None:
        for loop in self._loops():
            loop.ask_to_end(leave_running=leave_running)

    def end(self) -> None:
        """Wait for its threads, then let another process supervise the camera; hangs if the disk does."""
        for loop in self._loops():
            loop.join()
        try:
            supervision.give_up(self._layout, self._lock)
        except OSError as error:
            log.error("%s: the lock stays until this process ends: %s", self._layout.camera_id, error)

    def abandon(self, *, leave_running: bool) -> None:
        """Log that its thread hangs, and end FFmpeg unless it stays running; the lock ends with this process."""
        log.error(
            "%s: its thread still hangs on the storage %s, and cctv exits without it; check that disk",
            self._layout.camera_id,
            self._layout.folder,
        )
        if not leave_running:
            for loop in self._loops():
                loop.recorder.end_ffmpeg()

    def _loops(self) -> List[_Loop]:
        return [self._main] if self._sub is None else [self._main, self._sub]

    def _sub_loop(self, camera: Camera, settings: Settings) -> Optional[_Loop]:
        """The loop for the sub stream, if one is configured, or if an unwanted one may still be running.

        Raises StorageError.
        """
        layout = CameraLayout(settings.storage, camera.id, settings.live_path, sub=True)
        try:
            if camera.sub_source is None and not layout.run_file.is_file():
                return None
        except OSError as error:
            raise StorageError(
                f"The folder {layout.run_file.parent} cannot be read ({error.strerror or error}); "
                "check its disk and permissions, then reload or restart cctv"
            ) from error
        return _Loop(layout.camera_id, _sub_stream(camera), settings, self._tools, sub=True)


def _sub_stream(camera: Camera) -> Camera:
    """The camera as its sub stream's recorder sees it."""
    if camera.sub_source is None:
        return replace(camera, enabled=False)
    return replace(camera, source=camera.sub_source)


@dataclass
class _Pending:
    """A camera that is not supervised yet, as now configured, and why not."""

    camera: Camera
    settings: Settings
    fault: str = ""


_Refused = Union[DiskHangs, StorageError]


class Supervisor:
    """Supervises cameras until it is stopped.

    A camera whose disk does not answer in time, or cannot be written, is retried until it can be taken.

    With `whole`, these cameras are the whole configuration: recorders of others are stopped.
    """

    def __init__(self, settings: Settings, tools: Tools, *, whole: bool) -> None:
        self._settings = settings
        self._tools = tools
        self._whole = whole
        self._workers: Dict[str, _Worker] = {}
        self._pending: Dict[str, _Pending] = {}
        self._started = False
        self._lock = threading.Lock()  # of the three above
        self._stopped = threading.Event()
        self._retry: Optional[threading.Thread] = None
        self._disks = DiskThreads()

    def start(self) -> None:
        """Take every camera and start its thread.

        Raises AlreadySupervised if another process has one of them, StorageError if no camera's folder can be
        written, and not only because its disk is full; nothing is started then.
        """
        cameras = (*self._settings.cameras, *self._bounded_surplus())
        self._pending = {camera.id: _Pending(camera, self._settings) for camera in cameras}
        try:
            refused = [self._take(camera.id) for camera in cameras]
            if refused and all(isinstance(error, StorageError) and not error.full for error in refused):
                raise next(filter(None, reversed(refused)))
        except (AlreadySupervised, StorageError):
            self._end_all(leave_running=True)
            raise
        with self._lock:
            self._started = True
            for worker in self._workers.values():
                worker.start()
        self._take_pending_later()

    def cameras(self) -> List[str]:
        """The ids of the cameras that this process supervises now."""
        with self._lock:
            return list(self._workers)

    def wake(self, camera_id: str) -> None:
        """Run a camera's recorders at once, because an operator wants something else of it."""
        self._worker(camera_id).wake()

    def reload(self, settings: Settings) -> None:
        """Apply a changed configuration; recorders whose command did not change keep running.

        Errors of single cameras are logged.
        """
        wanted = {camera.id for camera in settings.cameras}
        with self._lock:
            surplus = (self._workers.keys() | self._pending.keys()) - wanted
        for camera in (*settings.cameras, *map(_unconfigured, surplus)):
            try:
                self._reconcile(camera, settings)
            except (AlreadySupervised, StorageError) as error:
                log.error("%s", error)
            except Exception:
                log.exception("%s: unexpected error in a reload", CameraName(camera.id))
        self._settings = settings
        self._take_pending_later()

    def stop(self, *, leave_running: bool) -> List[str]:
        """End all threads; recorders are stopped with their last minutes committed, or left running.

        Returns within STOP_LIMIT seconds, with the cameras whose threads still hang on a disk.
        """
        hung = self._end_all(leave_running=leave_running)
        for worker in hung:
            worker.abandon(leave_running=leave_running)
        return [worker.camera_id for worker in hung]

    def _end_all(self, *, leave_running: bool) -> List[_Worker]:
        self._stopped.set()
        with self._lock:
            workers = list(self._workers.values())
            self._workers.clear()
            self._pending.clear()
        for worker in workers:
            worker.ask_to_end(leave_running=leave_running)
        return _end(workers)

    def _reconcile(self, camera: Camera, settings: Settings) -> None:
        """Supervise one camera as the configuration says now. Raises AlreadySupervised, StorageError."""
        with self._lock:
            worker = self._workers.get(camera.id)
            if worker is None:
                self._pending[camera.id] = _Pending(camera, settings)
        if worker is None:
            self._take(camera.id)
        else:
            worker.configure(camera, settings)

    def _take(self, camera_id: str) -> Optional[_Refused]:
        """Take a pending camera; if that fails, the error is logged once and returned. Raises AlreadySupervised."""
        pending = self._pending.get(camera_id)
        if pending is None:
            return None
        layout = CameraLayout(pending.settings.storage, camera_id)
        try:
            self._disks.ask(layout.recordings, camera_id, partial(self._make, pending))
            return None
        except AlreadySupervised:
            self._pending.pop(camera_id, None)
            raise
        except DiskHangs as error:
            refused: _Refused = error
            fault = (
                f"Camera {camera_id} is not recorded: {error.strerror}; "
                "check its cable, power supply or network share; recording starts once its disk answers"
            )
        except StorageError as error:
            refused, fault = error, str(error)
        if fault != pending.fault:
            log.error("%s", fault)
        pending.fault = fault
        return refused

    def _make(self, pending: _Pending) -> None:
        """Make the worker of a pending camera, on its disk's thread: the caller may have stopped waiting."""
        camera_id = pending.camera.id
        worker = _Worker(pending.camera, pending.settings, self._tools)
        with self._lock:
            wanted = self._pending.pop(camera_id, None)
            if wanted is not None:
                self._workers[camera_id] = worker
                if self._started:
                    worker.start()
        if wanted is None:  # stopped meanwhile
            worker.end()
        elif wanted is not pending:  # reloaded meanwhile
            worker.configure(wanted.camera, wanted.settings)
        if pending.fault:
            log.info("%s: its storage can be written now", CameraName(camera_id))

    def _take_pending_later(self) -> None:
        """Retry pending cameras, if there are any, on one thread."""
        if self._pending and (self._retry is None or not self._retry.is_alive()):
            self._retry = DaemonThread(self._take_pending, "pending cameras")
            self._retry.start()

    def _take_pending(self) -> None:
        while self._pending and not self._stopped.wait(_TAKE_AGAIN):
            for camera_id in list(self._pending):
                try:
                    self._take(camera_id)
                except AlreadySupervised as error:
                    log.error("%s", error)
                except Exception:
                    log.exception("%s: unexpected error", CameraName(camera_id))

    def _worker(self, camera_id: str) -> _Worker:
        """The camera's worker. Raises AlreadySupervised if another process has the camera, as a reload may find."""
        worker = self._workers.get(camera_id)
        if worker is None:
            raise AlreadySupervised(f"Camera {camera_id} is not supervised by this process; ask the one that has it")
        return worker

    def _bounded_surplus(self) -> List[Camera]:
        try:
            return self._disks.ask(self._settings.storage, "surplus", self._surplus)
        except DiskHangs:
            log.error(
                "the storage's disk does not answer: recorders of cameras that are no longer configured keep running"
            )
            return []

    def _surplus(self) -> List[Camera]:
        """Cameras that are recorded but no longer configured, if this is the whole configuration."""
        if not self._whole or not self._settings.storage.is_dir():
            return []
        configured = {camera.id for camera in self._settings.cameras}
        found = []
        for folder in sorted(self._settings.storage.iterdir()):
            layout = CameraLayout(self._settings.storage, folder.name)
            try:
                if folder.name in configured or not layout.run_file.is_file():
                    continue
                state = read_record(RecorderState, layout.state_file, layout.camera_id)
            except OSError:  # not a camera: lost+found, or another user's folder
                continue
            if state is None or state.state is not State.STOPPED:
                found.append(_unconfigured(folder.name))
        return found


def _unconfigured(camera_id: str) -> Camera:
    return Camera(camera_id, camera_id, DemoSource(tone=False), enabled=False)


def _end(workers: Iterable[_Worker]) -> List[_Worker]:
    """Wait for workers to end, all at the same time; returns those that did not end in time."""
    ending: List[Tuple[_Worker, DaemonThread]] = []
    for worker in workers:
        thread = DaemonThread(worker.end, "end")
        try:
            thread.start()
            ending.append((worker, thread))
        except RuntimeError:  # the system has none left
            worker.end()
    until = time.monotonic() + STOP_LIMIT
    for _, thread in ending:
        thread.join(max(0.0, until - time.monotonic()))
    return [worker for worker, thread in ending if thread.is_alive()]
