"""One camera: keeps its FFmpeg running and says what it is doing and why.

`run_once` does one step of the reconcile loop and returns; the supervisor calls it again and again
from one thread. Everything that must outlive this process lies on disk (see `layout`).
"""

from __future__ import annotations

import json
import logging
import random
import secrets
import threading
from collections import deque
from dataclasses import asdict, dataclass
from datetime import tzinfo
from typing import Callable, Deque, List, Optional, Tuple, Union

from cctv_cli.core import files
from cctv_cli.core.clock import Clock
from cctv_cli.core.config.settings import Camera, DemoSource, RtspSource, Settings
from cctv_cli.core.ffmpeg import process as processes
from cctv_cli.core.ffmpeg.command import (
    RECORDABLE,
    RECORDING_SECONDS,
    UNSUPPORTED_AUDIO,
    UNSUPPORTED_VIDEO,
    AudioOutput,
    Command,
    Ffmpeg,
    fingerprint,
    frames_late,
    record_command,
    recorded_codec,
    supports_audio,
)
from cctv_cli.core.ffmpeg.diagnosis import NO_FIRST_TIME, Diagnosis, complains_of_times, diagnose, redact
from cctv_cli.core.ffmpeg.stderr_log import BoundedLog
from cctv_cli.core.layout import CameraLayout, is_run
from cctv_cli.core.recording.backoff import Backoff
from cctv_cli.core.recording.live_window import LiveWriter
from cctv_cli.core.recording.run import ActiveRun, begun, leftovers
from cctv_cli.core.recording.state import Outage, RecorderState, Run, State, from_json, to_json
from cctv_cli.core.rtsp.login_guard import AGAIN, LoginGuard
from cctv_cli.core.rtsp.probe import probe
from cctv_cli.core.rtsp.result import Outcome, ProbeResult
from cctv_cli.core.storage.commit import RecordingStore

log = logging.getLogger("cctv.recorder")

TICK = 1.5  # seconds between looks at a running recorder
READ_TIME_EVERY = 2.0  # seconds between looks at its media time,
SETTLING = 15.0  # seconds after its first frame in which every look reads it
RECENT = 15.0  # seconds for which a complaint of FFmpeg explains what happens
FIRST_KEY_FRAME = 300.0  # seconds to wait for the first frame; a silent camera ends FFmpeg by itself in 10
NO_KEY_FRAME_YET = 15.0  # seconds without a first frame, after which the state says so
CURE_OF_RARE_KEY_FRAMES = "switch off H.264+/H.265+ (smart codec) in the camera or shorten its I-frame interval"
RARE_KEY_FRAMES = 10.0  # seconds by which a live segment may outlast its duration before the state says why
SQUEEZED = 3.0  # seconds in which FFmpeg complains again and again when a stream's clock was set back
PICTURE_LASTS = 60.0  # seconds between restarts for a changed picture: a camera that goes to and fro is recorded
STALL = 15.0  # seconds without a byte, after which a branch counts as stalled
LIVE_PATIENCE_MOST = 1800.0  # seconds between restarts that only the live window asks for, at the most
GRACE = 5.0  # seconds that an FFmpeg gets to end by itself
AFTER_MAIN = 2.0  # seconds that a sub stream leaves its main stream to start: it goes by that one's sound
AUTH_LOOK = 60.0  # seconds between looks whether a camera of the same recorder was let in meanwhile
COMMIT_FIRST = 2.0  # seconds of waiting for the next start in which the last run's files are committed
COMMIT_AT_LAST = 30.0  # seconds for which a process that ends commits what waits: systems kill those that linger
ASK_AGAIN = 3.0  # seconds between questions to a camera that was not there: it must be back on record in 10
STORAGE_RETRY = 5.0  # seconds until the next step after the disk failed

FAILURES = (State.BACKOFF, State.AUTH_FAILED, State.STALLED)
UNSUPERVISED = Diagnosis("unsupervised", "the recorder ended while nobody supervised it")
BY_OPERATOR = Diagnosis("stopped", "an operator stopped the camera")
SHUTDOWN = Diagnosis("shut down", "cctv was stopped")
DISABLED = Diagnosis("disabled", "the camera is disabled in the configuration")
RESTARTED = Diagnosis("restarted", "an operator restarted the camera")
RECONFIGURED = Diagnosis("reconfigured", "the configuration changed")
FOLLOWS_MAIN = Diagnosis("follows main", "the main stream began anew, and with it the sub stream")
STALLED = Diagnosis("stalled", "FFmpeg ran but no bytes arrived")
LIVE_STALLED = Diagnosis("live stalled", "the live window stood still; FFmpeg was restarted to revive it")
NO_KEY_FRAME = Diagnosis(
    "no key frame",
    "the camera sent no key frame for 5 minutes; shorten its I-frame interval and switch off H.264+/H.265+",
)
PICTURE_CHANGED = Diagnosis("picture changed", "the camera changed its picture; FFmpeg was restarted to describe it")
LATE = Diagnosis("late", "frames came ever later; FFmpeg was restarted to catch up with the camera")
RAN_AWAY = Diagnosis("clock jumped", "the camera's clock jumped; FFmpeg was restarted to keep times true")


# outcomes of a probe after which an FFmpeg has no chance
_HOPELESS = (
    Outcome.UNREACHABLE,
    Outcome.REFUSED,
    Outcome.UNAUTHORIZED,
    Outcome.NOT_FOUND,
    Outcome.BUSY,
    Outcome.SILENT,
    Outcome.NOT_RTSP,
    Outcome.NO_VIDEO,
    Outcome.REDIRECTED,
    Outcome.OVERSIZED,
)


def _is_refusal(reason: Diagnosis) -> bool:
    return reason.cause == Outcome.UNAUTHORIZED.value


@dataclass(frozen=True)
class Tools:
    """What a recorder needs from outside: FFmpeg, time, chance, the way to ask a camera, and who counts logins."""

    ffmpeg: Ffmpeg
    tz: Optional[tzinfo]
    clock: Clock
    chance: Callable[[], float] = random.random
    probe: Callable[[RtspSource], ProbeResult] = probe
    logins: Optional[LoginGuard] = None
    recording_seconds: int = RECORDING_SECONDS


class Recorder:
    """Reconciles one camera: desired (the settings and what an operator said) against what runs."""

    def __init__(
        self, camera: Camera, settings: Settings, tools: Tools, wake: Callable[[], None], *, sub: bool = False
    ) -> None:
        """`sub`: the camera's source is its sub stream, which feeds a live window and is not recorded."""
        self._camera = camera
        self._settings = settings
        self._tools = tools
        self._wake = wake
        self._layout = CameraLayout(settings.storage, camera.id, settings.live_path, sub=sub)
        self._archive = None if sub else RecordingStore(self._layout, tools.tz, tools.clock.now)
        self._live = LiveWriter(self._layout, settings.segment_duration, tools.tz)
        self._log = BoundedLog(self._layout.log_file)
        self._heard: Deque[Tuple[float, str]] = deque(maxlen=50)  # with the monotonic time
        self._stderr_closed = threading.Event()
        self._opened = False
        self._active: Optional[ActiveRun] = None
        # what waits to be committed and journalled, in this order: the next FFmpeg's start is more urgent
        self._ended: List[Union[ActiveRun, Outage]] = []
        self._commit_fault = ""  # why it waits still
        self._commit_at = 0.0  # monotonic
        # an adopted run's minutes that nobody watched come first: media time is followed through them in order
        self._catches_up = False
        self._child: Optional[processes.Process] = None  # what a forgotten run left, if it is our own child
        self._last_run: Optional[Run] = None
        self._state: Optional[RecorderState] = None  # what is on disk
        self._shown: Optional[Tuple[State, str, str, Optional[float]]] = None
        self._restarts = 0
        self._last_exit: Tuple[str, Optional[float]] = ("", None)  # why the last FFmpeg ended, and the instant
        self._why_not: Optional[Diagnosis] = None  # why nothing is recorded now; None while it is
        self._why_ended: Optional[Diagnosis] = None  # what the last FFmpeg said when it ended by itself
        self._backoff = Backoff()
        self._next_start = tools.clock.monotonic() + AFTER_MAIN if sub else 0.0  # monotonic
        self._restart_asked = threading.Event()
        self._source_changed = threading.Event()
        self._reconfigured = threading.Event()
        self._known: Optional[ProbeResult] = None
        self._auth_retry_at: Optional[float] = None  # instant
        self._unproven: Optional[RtspSource] = None  # whose login our FFmpeg sent, until frames come
        self._main_run = ""  # of a sub stream's main stream, and its sound; None is not known
        self._main_audio: Optional[str] = None
        self._main_started = 0.0  # instant
        self._asked_already = False  # the camera, a moment ago
        self._picture_changes_at = 0.0  # monotonic; when the next change of the picture is worth a new run
        self._first_time = False  # whether the video copied without a time on its first frame failed
        self._read_time_at = 0.0  # monotonic
        self._live_patience = STALL

    # ---- what others may ask, from any thread

    def ask_restart(self) -> None:
        """Restart FFmpeg at the next step; ends the silence after a refused password."""
        self._restart_asked.set()

    def configure(self, camera: Camera, settings: Settings) -> None:
        """Take over a changed configuration; FFmpeg is restarted only if its command changes."""
        changed = camera.source != self._camera.source
        self._camera, self._settings = camera, settings
        if changed:
            self._source_changed.set()
        self._reconfigured.set()
        self._live.segment_duration = settings.segment_duration

    # ---- the step

    def run_once(self) -> float:
        """Bring what runs nearer to what is wanted; returns the seconds until the next step is due."""
        try:
            return self._step()
        except OSError as error:
            # the disk's trouble: FFmpeg goes on as long as it can, nothing is deleted
            self._show(State.BACKOFF, f"the storage failed: {error}", "storage")
            return STORAGE_RETRY

    def forget(self) -> None:
        """After a defect of ours: take everything up from the disk again, a running FFmpeg included."""
        if self._active is not None:
            self._child = self._active.process
        self._opened = False
        self._active = None
        self._ended = []

    def release(self, *, leave_running: bool) -> None:
        """The supervisor ends: stop FFmpeg and commit its last minute, or leave it to the next supervisor."""
        try:
            if leave_running:
                self._commit_at_last()
            elif self._opened:
                self._halt(SHUTDOWN)
                self._commit_at_last()
            else:
                self._end_unopened()
        except OSError as error:
            log.error("%s: the storage failed while stopping: %s", self._layout.camera_id, error)

    def _end_unopened(self) -> None:
        """Stop an FFmpeg that could not be taken up; its minutes wait for the next start."""
        run = from_json(Run, files.read_json(self._layout.run_file))
        process = None if run is None else processes.find(run.run, self._layout.folder, run.pid)
        if process is not None:
            processes.stop(process, GRACE)

    def _step(self) -> float:
        if not self._opened:
            self._open()
        if self._active is not None:
            self._notice_end(self._active)
        if self._archive is None and self._main_began_anew():
            self._end_run(FOLLOWS_MAIN)
        unwanted = self._unwanted()
        if unwanted is not None:
            self._halt(unwanted)
            return 0.0 if self._commit_next() else self._tick()
        if self._restart_asked.is_set():
            self._restart_asked.clear()
            if self._tools.logins is not None and isinstance(self._camera.source, RtspSource):
                self._tools.logins.forget(self._camera.source)
            self._begin_anew(RESTARTED)
        elif self._source_changed.is_set():
            self._source_changed.clear()
            self._begin_anew(RECONFIGURED)
        elif self._reconfigured.is_set():
            self._reconfigured.clear()
            if self._active is not None and self._active.record.fingerprint != self._fingerprint():
                self._end_run(RECONFIGURED)
        if self._active is None:
            return self._start_when_due()
        return self._watch(self._active)

    def _begin_anew(self, why: Diagnosis) -> None:
        """End the run, ask the camera again, and start without a wait."""
        self._known, self._backoff, self._next_start = None, Backoff(), 0.0
        self._end_run(why)

    def _tick(self) -> float:
        """About one TICK: cameras that were started together must not look in step."""
        return TICK * (0.9 + 0.2 * self._tools.chance())

    def _unwanted(self) -> Optional[Diagnosis]:
        if not self._camera.enabled:
            return DISABLED
        return BY_OPERATOR if self._layout.stopped_file.exists() else None

    def _open(self) -> None:
        """Take up what is on disk: a recorder that still runs, minutes that a crash left, an open gap."""
        self._layout.incoming.mkdir(parents=True, exist_ok=True)
        earlier = from_json(RecorderState, files.read_json(self._layout.state_file))
        if earlier is not None:
            self._restarts, self._last_exit = earlier.restarts, (earlier.last_exit, earlier.last_exit_at)
        self._why_not = Diagnosis(earlier.cause, earlier.reason) if earlier and earlier.cause else UNSUPERVISED
        self._last_run = from_json(Run, files.read_json(self._layout.run_file))
        if self._archive is not None:
            self._archive.open()
        self._live.open(self._last_run)
        living: Optional[processes.Process] = None
        if self._last_run is not None:
            living = processes.find(self._last_run.run, self._layout.folder, self._last_run.pid)
        if living is not None and self._child is not None and living.pid == self._child.pid:
            living = self._child
        try:
            self._recover(self._last_run.run if living and self._last_run else None)
        except OSError as error:  # minutes of earlier runs wait; the camera must be recorded now
            log.error("%s: earlier minutes wait in %s: %s", self._layout.camera_id, self._layout.incoming, error)
        if self._last_run is not None:
            self._first_time = self._last_run.first_time
        if living is not None and self._last_run is not None:
            self._adopt(self._last_run, living)
        self._opened = True

    def _recover(self, living: Optional[str]) -> None:
        """Take up what ended runs left in their folders: it is committed once the camera is recorded again."""
        self._ended = []
        for folder, run in leftovers(self._layout, living):
            if not is_run(run):
                log.warning("%s: %s is not ours and stays", self._layout.camera_id, folder)
                continue
            is_last = self._last_run is not None and self._last_run.run == run
            record = self._last_run if is_last else from_json(Run, files.read_json(self._layout.ended_run(run)))
            if record is None:
                record = Run(run, "", begun(folder), 0, cause=UNSUPERVISED.cause, detail=UNSUPERVISED.reason)
            stray = processes.find(run, self._layout.folder, None)
            if stray is not None:  # its run file was lost: two recorders would share the live window
                processes.stop(stray, GRACE)
            dead = ActiveRun(record, self._layout, self._archive, self._live, None)
            self._ended.append(dead)
            if is_last:
                self._end_live_of(dead)
        self._take_up_outages()

    def _end_live_of(self, dead: ActiveRun) -> None:
        """Finish the live window of the last run; what the next one writes goes on from there."""
        try:
            if not dead.placed:
                dead.place()
            dead.remember()
        except OSError as error:
            log.error("%s: earlier minutes wait in %s: %s", self._layout.camera_id, self._layout.incoming, error)
        dead.update_live(alive=False)

    def _adopt(self, record: Run, process: processes.Process) -> None:
        self._active = ActiveRun(record, self._layout, self._archive, self._live, process)
        self._reconfigured.set()  # it may have been started for another configuration
        self._begin_watch(self._active)
        self._catches_up = True
        processes.listen_again(self._layout.run_folder(record.run), self._hear, self._on_stderr_closed)
        log.info("%s: adopted FFmpeg %d", self._layout.camera_id, process.pid)

    # ---- starting

    def _start_when_due(self) -> float:
        wait = self._next_start - self._tools.clock.monotonic()
        if wait > AUTH_LOOK and self._auth_retry_at is not None:
            wait = AUTH_LOOK if self._is_refused() else 0.0
        if wait > COMMIT_FIRST and self._commit_next():
            return 0.0
        if wait > 0:
            return wait
        source = self._camera.source
        if isinstance(source, RtspSource) and not self._asked_already:
            if self._state is None or self._state.state not in FAILURES:
                self._show(State.STARTING, "asking the camera what it has")
            found = self._tools.probe(source)
            if found.outcome in _HOPELESS:
                self._auth_retry_at = found.retry_at
                return self._failed(Diagnosis(found.outcome.value.replace("_", " "), found.reason.rstrip(".")), 0.0)
            if found.video is not None or self._known is None:
                self._known = found
            codec = self._codec()
            if codec not in RECORDABLE:
                return self._failed(Diagnosis("codec", UNSUPPORTED_VIDEO.format(codec)), 0.0)
            self._notice_codec(codec)
        return self._launch()

    def _notice_codec(self, codec: str) -> None:
        before = self._last_run.codec if self._last_run else ""
        if not (before and codec and codec != before):
            return
        changed = Diagnosis("codec changed", f"the camera changed its video from {before} to {codec}")
        if self._why_not is not None and self._why_not == self._why_ended:
            self._why_not = changed  # that is why FFmpeg ended
        else:
            self._note(changed)

    def _launch(self) -> float:
        now = self._tools.clock.now()
        why = self._why_not or UNSUPERVISED
        codec = self._codec()
        first_live = self._live.begin_run(self._last_run, now, codec)
        record = Run(
            run=secrets.token_hex(8),
            fingerprint=self._fingerprint(),
            started=now,
            first_live=first_live,
            cause=why.cause,
            detail=why.reason,
            codec=codec,
            audio=self._audio(),
            frames_late=frames_late(codec, audio=self._has_sound(), first_time=self._first_time),
            first_time=self._first_time,
            begins=max(0.0, now - self._main_started) if self._main_run else 0.0,
        )
        self._layout.run_folder(record.run).mkdir(parents=True)
        active = ActiveRun(record, self._layout, self._archive, self._live, None)
        try:
            # before the start: whoever finds the process later finds its name here
            active.save(durable=False)
        except OSError:
            active.close()
            raise
        self._asked_already = False
        self._heard.clear()
        self._stderr_closed.clear()
        self._unproven = self._camera.source if isinstance(self._camera.source, RtspSource) else None
        command = self._command(record.run, first_live, record.begins)
        folder = self._layout.run_folder(record.run)
        try:
            active.process = processes.spawn(command, self._layout.folder, folder, self._hear, self._on_stderr_closed)
        except OSError as error:
            active.close()
            return self._failed(Diagnosis("no ffmpeg", f"FFmpeg cannot be started: {error}"), 0.0)
        self._catches_up = False
        self._active = active  # before anything can fail: a process that nobody watches is never stopped
        self._begin_watch(active)
        active.save()
        self._last_run = active.record
        self._show(State.STARTING, "waiting for the first frames")
        log.info("%s: started FFmpeg %d", self._layout.camera_id, active.process.pid)
        return 0.0 if self._ended else self._tick()

    def _command(self, run: str, first_live: int, begins: float) -> Command:
        return record_command(
            self._tools.ffmpeg,
            self._camera,
            self._settings,
            run=run,
            first_live=first_live,
            codec=self._codec(),
            first_time=self._first_time,
            audio=self._sound(),
            begins=begins,
            recording=self._archive is not None,
            live_folder=self._layout.live if self._settings.live_path or self._archive is None else None,
            recording_seconds=self._tools.recording_seconds,
        )

    def _fingerprint(self) -> str:
        return fingerprint(self._command("", 0, 0.0), self._camera.source)

    def _codec(self) -> str:
        """The codec to record, by what the last probe found, or else as the running command was built for."""
        if self._known is not None and self._known.video is not None:
            return recorded_codec(self._camera, self._known.video.codec)
        return recorded_codec(self._camera, self._last_run.codec if self._last_run else "")

    def _audio(self) -> str:
        """The camera's sound as the last probe found it, or else as the running command was built for."""
        if isinstance(self._camera.source, DemoSource):
            return "aac" if self._camera.source.tone else ""
        if self._known is not None and self._known.video is not None:
            return self._known.audio.codec if self._known.audio else ""
        return self._last_run.audio if self._last_run else ""

    def _sound(self) -> AudioOutput:
        """What to write of the camera's sound; a sub stream has some exactly when the main stream has.

        Chrome fails where a player's choices differ in that.
        """
        audio, main = self._audio(), self._main_audio
        if main is not None and supports_audio(main) != supports_audio(audio):
            return AudioOutput.SILENCE if supports_audio(main) else AudioOutput.NONE
        if audio and not supports_audio(audio):
            return AudioOutput.NONE  # to ask FFmpeg for it would cost the video
        is_aac = audio == "aac" and isinstance(self._camera.source, RtspSource)
        return AudioOutput.COPIED if is_aac else AudioOutput.ENCODED

    def _has_sound(self) -> bool:
        sound = self._sound()
        return sound is AudioOutput.SILENCE or (supports_audio(self._audio()) and sound is not AudioOutput.NONE)

    def _main_began_anew(self) -> bool:
        """For a sub stream: whether it must, too, since its main stream did; learns what sound that has.

        Players that switch between the two go by media time, and by the count of discontinuities
        (RFC 8216 6.2.4): the sub stream's media time counts from the start of the main stream.
        """
        main = CameraLayout(self._settings.storage, self._camera.id)
        run = from_json(Run, files.read_json(main.run_file))
        if run is None or run.run == self._main_run:
            return False
        known = self._main_run
        self._main_run, self._main_audio, self._main_started = run.run, run.audio, run.started
        self._reconfigured.set()
        return bool(known)

    # ---- watching

    def _begin_watch(self, active: ActiveRun) -> None:
        monotonic = self._tools.clock.monotonic()
        active.begin_watch(monotonic, self._tools.clock.now())
        self._read_time_at = monotonic

    def _watch(self, active: ActiveRun) -> float:
        monotonic = self._tools.clock.monotonic()
        self._catches_up = self._catches_up and active.waiting(alive=True) > 0 and not self._commit_fault
        read_time = monotonic >= self._read_time_at and not self._catches_up
        if read_time:
            settling = active.first_frame_at is None or monotonic - active.first_frame_at < SETTLING
            self._read_time_at = monotonic + (0.0 if settling else READ_TIME_EVERY)
        active.look(monotonic, self._tools.clock.now(), read_time=read_time)
        more = self._commit_next()
        active.update_live(alive=True)
        if active.placed and self._why_not is not None:
            self._why_not = None
            self._let_in()
        self._tell_progress(active, monotonic)
        if self._live.outgrew_header and monotonic >= self._picture_changes_at:
            self._picture_changes_at = monotonic + PICTURE_LASTS
            self._begin_anew(PICTURE_CHANGED)
            return 0.0
        trouble = self._trouble(active, monotonic)
        if trouble is not None:
            self._show(State.STALLED, trouble.reason, trouble.cause)
            healthy = self._healthy_for(active)
            self._end_run(trouble)
            return self._failed(trouble, healthy, monotonic)
        return 0.0 if more else self._tick()

    def _let_in(self) -> None:
        """Frames came: the login that our FFmpeg sent is good; an adopted one sent its own long ago."""
        source, self._unproven = self._unproven, None
        if self._tools.logins is not None and source is not None:
            self._tools.logins.accepted(source, by_ffmpeg=True)

    def _tell_progress(self, active: ActiveRun, monotonic: float) -> None:
        """Show what the run does, with the one thing that an operator should know of it."""
        if active.first_frame_at is None:
            if not self._catches_up and monotonic - active.watched_since > NO_KEY_FRAME_YET:
                self._show(State.STARTING, f"connected, but no key frame came yet; {CURE_OF_RARE_KEY_FRAMES}")
            return
        if self._commit_fault:
            self._show(State.RUNNING, f"recording, but minutes wait, for the storage failed: {self._commit_fault}")
        elif active.lags:
            self._show(State.RUNNING, "recording, but frames come late: the camera or the network is too slow")
        elif active.streaming.same_file_for(monotonic) > self._settings.segment_duration + RARE_KEY_FRAMES:
            self._show(State.RUNNING, f"recording, but key frames are rare, so live is slow; {CURE_OF_RARE_KEY_FRAMES}")
        elif self._live.fault:
            where = "LIVE_PATH" if self._settings.live_path else "its folder"
            self._show(
                State.RUNNING, f"recording, but live cannot be written ({self._live.fault}); check {where} and its disk"
            )
        elif active.record.audio and not supports_audio(active.record.audio):
            self._show(State.RUNNING, f"recording, but {UNSUPPORTED_AUDIO.format(active.record.audio)}")
        else:
            self._show(State.RUNNING, "recording")

    def _trouble(self, active: ActiveRun, monotonic: float) -> Optional[Diagnosis]:
        # copying begins at a key frame: a camera that stretches them to minutes is waited for
        if active.first_frame_at is None:
            waited = monotonic - active.watched_since
            return NO_KEY_FRAME if waited > FIRST_KEY_FRAME and not self._catches_up else None
        if active.recording.still_for(monotonic) > STALL:
            return STALLED
        squeezed = complains_of_times(self._recently_heard(monotonic, SQUEEZED))
        if squeezed and active.recording.still_for(monotonic) > SQUEEZED:
            return RAN_AWAY  # FFmpeg holds everything back until sound and video go on alike
        if active.runs_away(monotonic, squeezed=squeezed):
            return LATE if active.lags and not squeezed else RAN_AWAY
        if active.first_frame_at is not None and active.streaming.still_for(monotonic) > self._live_patience:
            # reviving the live window costs a second of recording: ask for it ever more rarely
            self._live_patience = min(2 * self._live_patience, LIVE_PATIENCE_MOST)
            return LIVE_STALLED
        return None

    def _notice_end(self, active: ActiveRun) -> None:
        assert active.process is not None
        if self._stderr_closed.is_set():
            active.process.wait(1.0)
        if active.process.alive():
            return
        exit_code = active.process.exit_code()
        if active.end is None:  # else the disk failed since, and what FFmpeg said is long ago
            active.end = diagnose(self._recently_heard(self._tools.clock.monotonic()), exit_code)
        reason = self._why_ended = active.end
        ended, healthy = self._tools.clock.monotonic(), self._healthy_for(active)
        self._end_run(reason, flushed=exit_code is not None and exit_code >= 0)
        source = self._camera.source
        if _is_refusal(reason) and self._tools.logins is not None and isinstance(source, RtspSource):
            self._tools.logins.refused(source, by_ffmpeg=True)
            self._auth_retry_at = self._tools.logins.standing(source).silent_until
        if reason.cause == NO_FIRST_TIME and not self._first_time:
            self._first_time = self._asked_already = True
            return
        self._failed(reason, healthy, ended)

    def _recently_heard(self, monotonic: float, within: float = RECENT) -> List[str]:
        """What FFmpeg said of late: an old complaint explains no new trouble."""
        return [line for at, line in list(self._heard) if monotonic - at <= within]

    def _healthy_for(self, active: ActiveRun) -> float:
        since = active.first_frame_at
        return 0.0 if since is None else self._tools.clock.monotonic() - since

    # ---- ending

    def _failed(self, reason: Diagnosis, healthy_for: float, ended: Optional[float] = None) -> float:
        """Nothing is recorded because of a failure: say so and wait before the next start.

        `ended` is when an FFmpeg ended (monotonic), None if none was started. The wait counts from then:
        committing takes its time on a slow disk. A camera that gave no frame is asked often, so that
        it is back on record soon; one that gives a few and fails would leave many short files.
        """
        known = self._why_not is not None and self._why_not.cause == reason.cause
        self._note(reason)
        self._backoff = self._backoff.failed(healthy_for)
        self._restarts += ended is not None
        refused = _is_refusal(reason)
        delay = self._auth_silence() if refused else self._backoff.delay(self._tools.chance())
        if not refused and not healthy_for:
            delay = min(delay, ASK_AGAIN)
        monotonic = self._tools.clock.monotonic()
        self._next_start = (monotonic if ended is None else ended) + delay
        delay = max(0.0, self._next_start - monotonic)
        retry_at = self._tools.clock.now() + delay
        self._show(State.AUTH_FAILED if refused else State.BACKOFF, reason.reason, reason.cause, retry_at)
        level = logging.DEBUG if known and ended is None else logging.WARNING  # asking every 3 s fills no log
        log.log(level, "%s: %s; next try in %.0f s", self._layout.camera_id, reason.reason, delay)
        return delay

    def _is_refused(self) -> bool:
        """Whether the camera's login still counts as refused: an operator may have had a neighbour tried again."""
        source, logins = self._camera.source, self._tools.logins
        if logins is None or not isinstance(source, RtspSource):
            return True
        return logins.standing(source).refused_at is not None

    def _auth_silence(self) -> float:
        """Seconds without a try after a refused password, which other cameras of that recorder may have spent too."""
        if self._auth_retry_at is None:
            return AGAIN
        return max(0.0, self._auth_retry_at - self._tools.clock.now())

    def _halt(self, why: Diagnosis) -> None:
        """Be stopped, and stay so."""
        self._end_run(why)
        self._note(why)
        self._backoff, self._next_start, self._asked_already = Backoff(), 0.0, False
        self._show(State.STOPPED, why.reason, why.cause)

    def _end_run(self, why: Diagnosis, *, flushed: bool = True) -> None:
        """End the run if there is one; its files wait, because the next start is more urgent.

        An FFmpeg that ends in order flushes its last frame early (`flushed`): the time of that
        write tells where media time lies only if nothing else does.
        """
        active = self._active
        if active is None:
            return
        if active.process is not None and active.process.alive():
            log.info("%s: stopping FFmpeg %d: %s", self._layout.camera_id, active.process.pid, why.reason)
            processes.stop(active.process, GRACE)
        now = self._tools.clock.now()
        active.look(self._tools.clock.monotonic(), now, read_time=not (flushed and active.placed))
        active.update_live(alive=False)
        self._last_run = active.record
        active.remember()
        self._active = None
        self._last_exit = (why.reason, now)
        self._ended.append(active)
        if active.placed:
            self._why_not = None
        self._note(why)

    def _commit_next(self) -> bool:
        """Commit one file of those that wait, the oldest first; says whether more can be at once.

        One at a time, between looks: hours of them may wait. A storage that takes none is told, and asked
        again soon; meanwhile FFmpeg goes on.
        """
        monotonic = self._tools.clock.monotonic()
        if self._commit_fault and monotonic < self._commit_at:
            return False
        try:
            more = self._commit_some()
        except OSError as error:
            self._commit_at = monotonic + STORAGE_RETRY
            if str(error) != self._commit_fault:
                log.error("%s: minutes wait in %s: %s", self._layout.camera_id, self._layout.incoming, error)
            self._commit_fault = str(error)
            return False
        self._commit_fault = ""
        return more

    def _commit_some(self) -> bool:
        """Commit one file, of ended runs first; says whether more wait. Raises OSError."""
        if not self._ended:
            active = self._active
            return active is not None and active.commit(alive=True, most=1) > 0 and active.waiting(alive=True) > 0
        first = self._ended[0]
        if isinstance(first, ActiveRun):
            first.commit(alive=False, most=1)
            if first.waiting(alive=False):
                return True
            first.close()
        elif self._archive is not None:
            self._archive.explain(first.until, first.cause, first.detail)
        self._ended.pop(0)
        self._remember_outages()
        return bool(self._ended)

    def _remember_outages(self) -> None:
        """Keep those that wait to be journalled for the next process, should this one end before."""
        waiting = [asdict(item) for item in self._ended if isinstance(item, Outage)]
        try:
            if waiting:
                files.replace_text(self._layout.waiting_gaps, json.dumps({"gaps": waiting}) + "\n", durable=False)
            else:
                files.remove(self._layout.waiting_gaps)
        except OSError as error:
            log.warning("%s: %s cannot be written: %s", self._layout.camera_id, self._layout.waiting_gaps, error)

    def _take_up_outages(self) -> None:
        """Put those that an earlier process left to be journalled between the runs that they lie between."""
        left = files.read_json(self._layout.waiting_gaps).get("gaps")
        found = (from_json(Outage, each) for each in (left if isinstance(left, list) else []) if isinstance(each, dict))
        for outage in (each for each in found if each is not None):
            later = (n for n, item in enumerate(self._ended) if _begins(item) >= outage.until)
            self._ended.insert(next(later, len(self._ended)), outage)

    def _commit_at_last(self) -> None:
        """Commit what waits before this process ends; what takes too long waits for the next one. Raises OSError."""
        patience = self._tools.clock.monotonic() + COMMIT_AT_LAST
        while self._commit_some() and self._tools.clock.monotonic() < patience:
            pass

    def _note(self, why: Diagnosis) -> None:
        """From now on nothing is recorded because of `why`; what another cause explains is journalled."""
        if self._archive is not None and self._why_not is not None and self._why_not.cause != why.cause:
            # it begins where the last recording ends
            self._ended.append(Outage(self._tools.clock.now(), self._why_not.cause, self._why_not.reason))
            self._remember_outages()
        self._why_not = why

    # ---- telling

    def _show(self, state: State, reason: str, cause: str = "", retry_at: Optional[float] = None) -> None:
        """Write `.state.json` when something in it changed."""
        before = self._state
        if before is not None and (state, reason, cause, retry_at) == self._shown:
            return
        record = self._active.record if self._active else self._last_run
        goes_on = before is not None and before.state == state
        shown = RecorderState(
            state=state,
            reason=reason,
            since=before.since if before is not None and goes_on else self._tools.clock.now(),
            cause=cause,
            restarts=self._restarts,
            codec=record.codec if record else "",
            audio=record.audio if record else "",
            retry_at=retry_at,
            last_exit=self._last_exit[0],
            last_exit_at=self._last_exit[1],
            failure=self._failure(state, reason),
        )
        if not goes_on and state not in FAILURES:  # failures are logged as they happen
            log.info("%s: %s: %s", self._layout.camera_id, state.value, reason)
        if self._write_state(shown):
            self._state, self._shown = shown, (state, reason, cause, retry_at)

    def _failure(self, state: State, reason: str) -> str:
        """Why it failed last, while nothing is recorded yet: tries follow each other, and each one is a start."""
        if state in FAILURES:
            return reason
        return self._state.failure if state is State.STARTING and self._state is not None else ""

    def _write_state(self, shown: RecorderState) -> bool:
        try:
            files.replace_text(self._layout.state_file, to_json(shown), durable=False)
        except OSError:
            try:  # a full disk has no room for a second file, but the old one can be written over
                files.overwrite_text(self._layout.state_file, to_json(shown))
            except OSError as error:
                log.error("%s: the state cannot be written: %s", self._layout.camera_id, error)
                return False
        return True

    def _hear(self, line: str) -> None:
        source = self._camera.source
        line = redact(line, source if isinstance(source, RtspSource) else None)
        self._heard.append((self._tools.clock.monotonic(), line))
        self._log.write(line, self._tools.clock.now())

    def _on_stderr_closed(self) -> None:
        self._stderr_closed.set()
        self._wake()


def _begins(item: Union[ActiveRun, Outage]) -> float:
    return item.record.started if isinstance(item, ActiveRun) else item.until
