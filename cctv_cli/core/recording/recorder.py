"""The recorder of one camera: keeps its FFmpeg running and shows what it does and why.

`run_once` does one step of the reconcile loop; the supervisor calls it repeatedly from one thread.
Everything that must outlive this process is on disk (see `layout`).
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import Callable, Optional

from cctv_cli.core.config.settings import Camera, Settings
from cctv_cli.core.ffmpeg import process as processes
from cctv_cli.core.ffmpeg.diagnosis import NO_FIRST_TIME, Diagnosis
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording import desired, patience, reasons, stall
from cctv_cli.core.recording.backlog import STORAGE_RETRY, Backlog, read_last_run, stop_last_run
from cctv_cli.core.recording.desired import RestartRequest
from cctv_cli.core.recording.handover import Handover, continued
from cctv_cli.core.recording.live_window import LiveWriter
from cctv_cli.core.recording.login import CameraLogin, is_refusal
from cctv_cli.core.recording.main_stream import MainStream
from cctv_cli.core.recording.next_start import NextStart
from cctv_cli.core.recording.restraint import Restraint
from cctv_cli.core.recording.run import ActiveRun
from cctv_cli.core.recording.saved import prepare
from cctv_cli.core.recording.start import NoFfmpeg, Starter
from cctv_cli.core.recording.state import State
from cctv_cli.core.recording.state_file import StateFile
from cctv_cli.core.recording.stream import CameraStream
from cctv_cli.core.recording.successors import Successors, is_due
from cctv_cli.core.recording.tools import Tools
from cctv_cli.core.records import NewerFormat
from cctv_cli.core.storage.commit import RecordingStore

log = logging.getLogger("cctv.recorder")

AFTER_MAIN = 2.0  # seconds by which a sub stream starts after its main stream, whose audio it must match
COMMIT_FIRST = 2.0  # seconds before the next start up to which files of ended runs are committed


class Recorder:
    """Reconciles one camera: makes what runs match the settings and the operator's requests."""

    def __init__(
        self, camera: Camera, settings: Settings, tools: Tools, wake: Callable[[], None], *, sub: bool = False
    ) -> None:
        """`sub`: the camera's source is its sub stream, which feeds a live window and is not recorded."""
        self._camera = camera
        self._tools = tools
        self._layout = CameraLayout(settings.storage, camera.id, settings.live_path, sub=sub)
        self._main = MainStream(CameraLayout(settings.storage, camera.id)) if sub else None
        self._store = None if sub else RecordingStore(self._layout, tools.tz, tools.clock.now, settings.sync_interval)
        self._live = LiveWriter(self._layout, settings.segment_duration, tools.tz)
        self._login = CameraLogin(tools.logins, tools.clock)
        self._stream = CameraStream(camera, tools.probe, self._login, self._main)
        self._starter = Starter(
            camera, settings, tools, self._layout, self._store, self._live, self._stream, self._main, wake
        )
        self._successors = Successors(self._starter)
        self._state = StateFile(self._layout, tools.clock.now, tools.published, lambda: self._stream.last_run)
        self._backlog = Backlog(self._layout, self._store, tools.clock)
        self._opened = False
        self._active: Optional[ActiveRun] = None
        self._handover: Optional[Handover] = None
        self._why_ended: Optional[Diagnosis] = None  # why the last FFmpeg ended by itself
        self._next_start = NextStart(tools, self._login, AFTER_MAIN if sub else 0.0)
        self._restraint = Restraint()
        self._restart_request = RestartRequest(self._layout)
        self._source_changed = threading.Event()
        self._reconfigured = threading.Event()

    # ---- the configuration, from any thread

    def configure(self, camera: Camera, settings: Settings) -> None:
        """Apply a changed configuration; FFmpeg is restarted only if its command changes."""
        before = self._camera
        changed = (camera.source, camera.audio, camera.transcode) != (before.source, before.audio, before.transcode)
        self._camera = self._stream.camera = self._starter.camera = camera
        self._starter.settings = settings
        if changed:
            self._source_changed.set()
        self._reconfigured.set()
        self._live.segment_duration = settings.segment_duration
        if self._store is not None:
            self._store.sync_interval = settings.sync_interval

    # ---- the step

    def run_once(self) -> float:
        """Do one step towards the desired state; returns the seconds until the next step is due."""
        try:
            return self._step()
        except OSError as error:
            why = reasons.of_error(error)
            if not isinstance(error, NewerFormat):
                log.error("%s: %s: %s", self._layout.camera_id, self._layout.folder, why.reason)
            self._state.show(State.BACKOFF, why.reason, why.cause)
        return STORAGE_RETRY

    def forget(self, error: Exception) -> None:
        """Start over from what is on disk after an unexpected error, and show it; a running FFmpeg is adopted."""
        self._opened = False
        self._active = self._handover = None
        self._successors.settled()
        why = reasons.of_error(error)
        self._state.show(State.BACKOFF, why.reason, why.cause)

    def end_ffmpeg(self) -> None:
        """Ask FFmpeg to exit without touching the disk: for use while this camera's thread hangs on it."""
        for run in (self._active, None if self._handover is None else self._handover.new):
            if run is not None and run.process is not None:
                run.process.ask_to_end()

    def release(self, *, leave_running: bool) -> None:
        """Stop FFmpeg and commit its last minute, or leave it running for the next supervisor."""
        try:
            if not leave_running and not self._opened:
                stop_last_run(self._layout)
                return
            if not leave_running:
                self._halt(reasons.SHUTDOWN)
            self._backlog.commit_last(self._active if self._handover is None else None)
        except (OSError, MemoryError) as error:
            why = reasons.of_error(error)
            log.error("%s: not all of the last minutes were committed: %s", self._layout.camera_id, why.reason)

    def _step(self) -> float:
        if not self._opened:
            self._open()
        if self._active is not None:
            self._notice_end(self._active)
        if self._main is not None and self._main.changed():
            self._reconfigured.set()
            if self._main.restarted:
                self._end_run(reasons.FOLLOWS_MAIN)
        if not self._camera.enabled or desired.is_stopped(self._layout):
            self._halt(reasons.BY_OPERATOR if self._camera.enabled else reasons.DISABLED)
            return 0.0 if self._backlog.commit_next(None) else self._tools.tick()
        asked = self._restart_request.run()
        if self._source_changed.is_set():
            self._source_changed.clear()
            self._restart(reasons.RECONFIGURED)
        elif asked is not None:
            self._obey(asked)
        elif self._reconfigured.is_set() and self._handover is None:
            self._reconfigured.clear()
            if self._active is not None and self._active.record.fingerprint != self._starter.fingerprint:
                self._replace(reasons.RECONFIGURED)
        if self._active is None:
            return self._start_when_due()
        return self._watch(self._active)

    def _open(self) -> None:
        """Continue from what is on disk: a running FFmpeg, files that a crash left, an open gap."""
        prepare(self._layout)
        self._starter.disk = self._layout.folder.stat().st_dev
        self._backlog.idle_reason = self._state.load() or reasons.UNSUPERVISED
        last = continued(read_last_run(self._layout), self._starter)
        living = self._starter.find(last)
        beside = last.successor if last is not None and living is not None else None
        last = self._stream.open(None if last is None else replace(last, successor=None))
        self._live.open(last)
        if last is not None:
            self._starter.first_time = last.first_time
        found = [run.run for run in (last, beside) if run is not None] if living is not None else []
        self._backlog.recover(last, found, self._starter.run_of)
        self._opened = True
        if living is None or last is None:
            return
        active = self._active = self._starter.adopt(last, living)
        self._starter.file.describe(last, beside)
        self._handover = None if beside is None else self._successors.resume(active, beside)
        self._reconfigured.set()  # it may have been started for another configuration

    # ---- starting

    def _replace(self, why: Diagnosis) -> None:
        """Start the next run beside the current one, or after it if the camera does not send both the same frames."""
        active = self._active
        if active is None or not self._successors.may_begin(active):
            self._end_run(why)
            return
        self._handover = self._successors.begin(active, why)
        if self._handover is None:
            self._reconfigured.set()
        else:
            self._stream.just_asked = False
            self._handover.new.save()

    def _obey(self, run: str) -> None:
        """Restart the camera because an operator asked to replace this run; it may have ended since."""
        active = self._active
        if active is None:
            self._login.forget(self._camera.source)
            self._restart(reasons.RESTARTED)
        if active is None or active.record.run != run:
            self._restart_request.done(run)
        elif not self._successors.may_begin(active):
            self._restart(reasons.RESTARTED)
        elif self._handover is None:
            problem = self._stream.ask_anew(self._tools.clock.now())
            if problem is None:
                self._replace(reasons.RESTARTED)
            else:
                log.warning("%s: FFmpeg records on and is not restarted: %s", self._layout.camera_id, problem.reason)
                self._restart_request.done(run)

    def _start_when_due(self) -> float:
        wait = self._next_start.wait(self._camera.source)
        if wait > COMMIT_FIRST and self._backlog.commit_next(None):
            return 0.0
        if wait > 0:
            return wait
        if self._stream.must_be_asked:
            if not self._state.has_failed:
                self._state.show(State.STARTING, "asking the camera what it sends")
            problem = self._stream.ask(self._tools.clock.now())
            if problem is not None:
                return self._failed(problem)
            changed = self._stream.codec_change()
            if changed is not None:
                self._backlog.set_idle(changed, replaces=self._why_ended)
        return self._launch()

    def _launch(self) -> float:
        self._stream.just_asked = False
        try:
            active = self._starter.start(self._backlog.idle_reason or reasons.UNSUPERVISED)
        except NoFfmpeg as error:
            return self._failed(error.reason)
        self._active = active  # before anything can fail: a process that is not watched is never stopped
        self._login.sent(self._camera.source)
        active.save()
        self._stream.last_run = active.record
        self._state.show(State.STARTING, patience.waiting(active.record.silence))
        return 0.0 if self._backlog else self._tools.tick()

    # ---- watching

    def _watch(self, active: ActiveRun) -> float:
        active.catches_up = active.catches_up and active.waiting(alive=True) > 0 and not self._backlog.fault
        monotonic = self._tools.clock.monotonic()
        active.poll(monotonic, self._tools.clock.now())
        if self._handover is not None and self._hand_over(self._handover):
            return 0.0
        more = self._backlog.commit_next(active if self._handover is None else None)
        active.update_live(alive=True)
        if active.timeline is not None and self._backlog.idle_reason is not None:
            self._backlog.idle_reason = None
            self._login.accepted()
        seen = active.observe(monotonic)
        news = stall.progress(
            seen,
            self._starter.settings.segment_duration,
            commit_fault=self._backlog.fault,
            playlist_fault=self._store.playlist_fault if self._store else "",
            live_fault=self._live.fault_sentence,
            audio_fault=active.record.audio_fault,
        )
        if news is not None:
            self._state.show(*news)
        trouble = self._restraint.verdict(seen, active.healthy_for(monotonic), monotonic)
        if trouble is None:
            if not (self._main or self._handover) and is_due(active.record, seen.media_time, self._tools.rotate_after):
                self._replace(reasons.ROTATED)
            return 0.0 if more else self._tools.tick()
        if trouble is stall.PICTURE_CHANGED:
            self._restart(trouble)
            return 0.0
        if trouble is stall.LIVE_STALLED:
            if self._handover is None and self._live.can_be_revived():
                if self._main is None and not self._successors.may_begin(active):
                    self._restraint.revives_live(seen)
                self._replace(trouble)
            return 0.0 if more else self._tools.tick()
        self._state.show(State.STALLED, trouble.reason, trouble.cause)
        healthy = active.healthy_for(self._tools.clock.monotonic())
        if self._end_run(trouble, continues=True):
            return 0.0
        return self._failed(trouble, healthy, monotonic)

    def _hand_over(self, pair: Handover) -> bool:
        """Let the run beside the current one continue it, or give it up; returns whether either happened."""
        failure = pair.failure()
        if pair.new_lives and pair.is_ready():
            self._end_run(pair.why, continues=True)
            return True
        if not failure:
            return False
        if self._successors.drop(pair):
            self._handover = None
            self._reconfigured.set()
        else:
            self._end_run(Diagnosis(pair.why.cause, f"{pair.why.reason}; {failure}"))
        return True

    def _notice_end(self, active: ActiveRun) -> None:
        assert active.process is not None
        if active.stderr.was_closed():
            active.process.wait(1.0)
        if active.process.alive():
            return
        active.stderr.wait_until_read()
        exit_code = active.process.exit_code()
        reason = self._why_ended = active.stderr.why_ended(exit_code)
        ended = self._tools.clock.monotonic()
        healthy = active.healthy_for(ended)
        if self._end_run(reason, flushed=exit_code is not None and exit_code >= 0, continues=True):
            return
        if is_refusal(reason):
            self._login.refused(self._camera.source)
        if reason.cause == NO_FIRST_TIME and not self._starter.first_time:
            self._starter.first_time = self._stream.just_asked = True
            return
        self._failed(reason, healthy, ended)

    # ---- ending

    def _failed(self, reason: Diagnosis, healthy_for: float = 0.0, ended: Optional[float] = None) -> float:
        """Show a failure and schedule the next start; see `NextStart.failed`."""
        known = self._backlog.idle_reason is not None and self._backlog.idle_reason.cause == reason.cause
        self._backlog.set_idle(reason)
        if ended is not None:
            self._state.restarts += 1
            self._stream.run_failed(reason, healthy_for, self._tools.clock.now())
        refused = is_refusal(reason)
        delay = self._next_start.failed(healthy_for, ended, refused=refused)
        retry_at = self._tools.clock.now() + delay
        self._state.show(State.AUTH_FAILED if refused else State.BACKOFF, reason.reason, reason.cause, retry_at)
        level = logging.DEBUG if known and ended is None else logging.WARNING  # a probe every 3 s must not fill the log
        log.log(level, "%s: %s; next try in %.0f s", self._layout.camera_id, reason.reason, delay)
        return delay

    def _restart(self, why: Diagnosis) -> None:
        """End the run, probe the camera again, and start without delay."""
        self._stream.forget()
        self._next_start.at_once()
        self._end_run(why)

    def _halt(self, why: Diagnosis) -> None:
        """End the run and stay stopped."""
        self._end_run(why)
        self._backlog.set_idle(why)
        self._next_start.at_once()
        self._stream.just_asked = False
        self._state.show(State.STOPPED, why.reason, why.cause)

    def _end_run(self, why: Diagnosis, *, flushed: bool = True, continues: bool = False) -> bool:
        """End the run if there is one; its files join the backlog, because the next start is more urgent.

        An FFmpeg that exits cleanly writes its last frame early (`flushed`), so the time of that write
        places media time only if nothing else does. If it `continues`, a living run beside it becomes the current one;
        returns whether there was one. Otherwise both end.
        """
        active, pair = self._active, self._handover
        if active is None:
            return False
        continues = continues and pair is not None and pair.new_lives
        if pair is not None and not continues:
            pair.end_new()
        if active.process is not None and active.process.alive():
            log.info("%s: stopping FFmpeg %d: %s", self._layout.camera_id, active.process.pid, why.reason)
            processes.stop(active.process, patience.grace(active.record.interval))
        clock = self._tools.clock
        read_time = not flushed or active.timeline is None
        active.finish(clock.monotonic(), clock.now(), read_time=read_time, ends_live=not continues)
        self._active = self._handover = None
        self._stream.last_run = active.record
        self._state.note_exit(why.reason)
        self._backlog.add(active, why)
        self._successors.settled()
        if pair is None:
            return False
        try:
            pair.settle(why)
        except OSError:
            self._opened = False  # both are found again once the disk can be read
            raise
        self._stream.last_run = pair.new.record
        if continues and pair.new_lives:
            self._active = pair.new
            self._live.switch(pair.new.record)
            return True
        if continues:
            pair.end_new()
        self._backlog.add(pair.new, why)
        return False
