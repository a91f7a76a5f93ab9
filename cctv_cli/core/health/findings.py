"""Finds what is wrong with a system and what to do about it. Pure: facts, limits and time in, findings out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Iterable, Iterator, List, Optional, Sequence, Tuple

from cctv_cli.core.clock import DAY, format_instant
from cctv_cli.core.config.doubts import NO_CAMERAS
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.health.facts import (
    AccessFacts,
    CameraFacts,
    DiskFacts,
    Facts,
    HungDisk,
    Promise,
    StorageFacts,
    SystemFacts,
)
from cctv_cli.core.recording.state import State
from cctv_cli.core.records import Text
from cctv_cli.core.units import format_duration, format_size, printable

FREQUENT_RESTARTS = 4  # in an hour
FILES_LEFT = 0.8  # of the open files that the system allows
SHORT = 0.8  # of what should stay free: cleanups start at 100 % of it, so slightly less is normal
FULL = 5  # a disk with less than a fifth of what should stay free is full
CLOCK_OFF = 1.0  # seconds by which a clock may be wrong
_RARE = 1.5  # frames: where each frame is a key frame, the frames are rare, not the key frames
_OLD = 5  # frames: a segment of one frame is complete when three more have come
MISSED = 3  # cleanup intervals without a successful cleanup
_LEAST_FREE = 100_000_000  # bytes; for a min_free that is close to zero
_UNREAD = "Its state is unknown: {}"
_CURES = {
    State.STALLED: "see ffmpeg.log in its folder, and restart the camera itself if it does not come back",
    State.BACKOFF: "cctv cameras check asks the camera itself",
    State.AUTH_FAILED: "correct its user name or password, or unlock the account at the camera",
    State.STARTING: "cctv cameras check asks the camera itself",
    State.STOPPED: "see the log of cctv",
}


class Severity(str, Enum):
    """Severities, in ascending order."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def exit_code(self) -> int:
        """The exit code that monitoring systems expect: 0, 1 or 2."""
        return list(Severity).index(self)


@dataclass(frozen=True)
class Finding:
    """A problem that an operator should know about. `sentence` names the thing, the cause and the cure.

    `camera` is an id, or None for the whole system.
    """

    name: Text
    severity: Severity
    sentence: Text
    camera: Optional[Text] = None


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of findings: shares in percent, times in seconds."""

    cpu: float
    memory: float
    segment_age: float
    missing: float
    gop: float
    segment_duration: float
    cleanup_age: float


def thresholds_of(settings: Settings) -> Thresholds:
    """The thresholds from the settings."""
    return Thresholds(
        settings.health_cpu,
        settings.health_memory,
        settings.health_segment_age,
        settings.health_missing,
        settings.health_gop,
        settings.segment_duration,
        max(MISSED * settings.cleanup_interval, DAY),
    )


def worst(findings: Iterable[Finding]) -> Severity:
    """The overall status."""
    return max((finding.severity for finding in findings), key=lambda s: s.exit_code, default=Severity.OK)


def assess(facts: Facts, limits: Thresholds, now: float) -> Tuple[Finding, ...]:
    """All findings at the instant `now`, the worst first."""
    findings: List[Finding] = [
        *_cameras(facts.cameras),
        *map(_hung, facts.storage.hung),
        *_storage(facts.storage),
        *_refusals(facts),
        *_disk_clocks(facts.cameras),
        *_clock_steps(facts.cameras),
        *map(_unmounted, facts.storage.unmounted),
        *(_unjournalled(camera, what) for camera, what in facts.storage.unjournalled),
        *(finding for disk in facts.storage.others for finding in _space(disk)),
        *_supervision(facts.cameras),
        *_promise(facts.storage.promise),
        *_cleanup(facts, limits, now),
        *_system(facts.system, limits),
        *_access(facts.access, now),
    ]
    hung = {camera for disk in facts.storage.hung for camera in disk.cameras}
    for camera in facts.cameras:
        if not camera.unread:
            findings += _camera(camera, limits, now)
        elif camera.id not in hung:
            findings.append(Finding("camera_unreadable", Severity.CRITICAL, _UNREAD.format(camera.unread), camera.id))
    shown = (replace(finding, sentence=printable(finding.sentence)) for finding in findings)
    return tuple(sorted(shown, key=lambda finding: -finding.severity.exit_code))


def _cameras(cameras: Sequence[CameraFacts]) -> Iterator[Finding]:
    if not cameras:
        yield Finding("no_cameras", Severity.WARNING, NO_CAMERAS)


def _hung(disk: HungDisk) -> Finding:
    """A disk that does not answer. If it belongs to single cameras, the finding names the first of them."""
    names = ", ".join(disk.cameras)
    if disk.is_root:
        name, camera = "The storage's disk" + (f" (with {names})" if names else ""), None
    else:
        name, camera = f"The disk of {names}", disk.cameras[0]
    sentence = f"{name} does not answer; check its cable, power supply or network share, then mount it again"
    return Finding("storage_unresponsive", Severity.CRITICAL, sentence, camera)


def _storage(storage: StorageFacts) -> Iterator[Finding]:
    disk = storage.disk
    if any(hung.is_root for hung in storage.hung):
        return
    if disk.fault:
        cure = "mount its disk, correct HLS_BASE_PATH or the permissions, or start cctv serve, which creates a new one"
        sentence = f"The storage cannot be used: {disk.fault}; {cure}"
        yield Finding("storage_fault", Severity.CRITICAL, sentence)
        return
    if disk.refusal:
        yield Finding("storage_fault", Severity.CRITICAL, f"The storage refuses writes: {disk.refusal}")
    yield from _space(disk)


def _refusals(facts: Facts) -> Iterator[Finding]:
    """Cameras whose folders refuse writes for a reason other than the storage's."""
    for camera in facts.cameras:
        if camera.refusal and camera.refusal != facts.storage.disk.refusal:
            sentence = f"Its folder refuses writes: {camera.refusal}"
            yield Finding("storage_fault", Severity.CRITICAL, sentence, camera.id)


def _disk_clocks(cameras: Sequence[CameraFacts]) -> Iterator[Finding]:
    """Disks whose clocks differ from this machine's: those of file servers."""
    wrong = [camera for camera in cameras if abs(camera.disk_ahead) >= CLOCK_OFF]
    if wrong:
        names = ", ".join(camera.id for camera in wrong)
        most = max((camera.disk_ahead for camera in wrong), key=abs)
        sentence = (
            f"The clock of the file server of {names} is {format_duration(round(abs(most)))} "
            f"{'ahead of' if most > 0 else 'behind'} this machine's (recorded times are corrected); "
            "set the file server's clock, best by NTP"
        )
        yield Finding("disk_clock", Severity.WARNING, sentence)


def _clock_steps(cameras: Sequence[CameraFacts]) -> Iterator[Finding]:
    """The largest step of this machine's clock; every camera that recorded has noted it."""
    steps = [step for camera in cameras for step in camera.clock_steps if abs(step.step) >= CLOCK_OFF]
    if steps:
        most = max(steps, key=lambda each: abs(each.step))
        how = "ahead" if most.step > 0 else "back"
        effect = "which is a gap in the recordings" if most.step > 0 else "so recordings have some times twice"
        sentence = (
            f"The clock of this machine was set {how} by {format_duration(round(abs(most.step)))} at "
            f"{format_instant(most.start, None)}, {effect}; keep it right by NTP"
        )
        yield Finding("clock_set", Severity.WARNING, sentence)


def _unjournalled(camera: str, what: str) -> Finding:
    return Finding("recordings_unjournalled", Severity.WARNING, f"It has {what}", camera)


def _unmounted(camera: str) -> Finding:
    sentence = (
        "Its own disk is not mounted, so it is recorded on the storage's disk; mount it, or, "
        "if it was removed for good, run cctv cleanup --force"
    )
    return Finding("disk_missing", Severity.CRITICAL, sentence, camera)


def _space(disk: DiskFacts) -> Iterator[Finding]:
    """Check the free space. If the disk belongs to single cameras, the finding names the first of them."""
    name = f"The disk of {', '.join(disk.cameras)}" if disk.cameras else "The storage's disk"
    camera = disk.cameras[0] if disk.cameras else None
    if disk.fault:
        return
    free, wanted = format_size(disk.free), format_size(disk.min_free)
    cure = "free space, or keep recordings for fewer days (RETENTION_DAYS)"
    if disk.free < max(disk.min_free // FULL, _LEAST_FREE):
        sentence = f"{name} is nearly full, {free} left; {cure}"
        yield Finding("disk_space", Severity.CRITICAL, sentence, camera)
    elif disk.free < SHORT * disk.min_free:
        sentence = f"{name} has {free} left, and {wanted} should stay free; {cure}"
        yield Finding("disk_space", Severity.WARNING, sentence, camera)


def _supervision(cameras: Sequence[CameraFacts]) -> Iterator[Finding]:
    alone = [camera for camera in cameras if camera.wanted and not camera.supervised and not camera.unread]
    if not alone:
        return
    names = ", ".join(camera.id for camera in alone)
    if all(camera.state is State.RUNNING for camera in alone):
        severity, state = Severity.WARNING, "recording continues, but nothing would restart it"
    else:
        severity, state = Severity.CRITICAL, "nothing is recorded"
    sentence = f"No supervisor runs for {names}: {state}; start cctv serve or cctv record"
    yield Finding("no_supervisor", severity, sentence)


def _promise(promise: Optional[Promise]) -> Iterator[Finding]:
    if promise is None or promise.kept:
        return
    growth, room, needed = (format_size(value) for value in (promise.growth, promise.room, promise.needed))
    if promise.needed > promise.room:
        full = "now" if not promise.full_in else f"in {promise.full_in:.1f} days"
        where = f" on the disk of {', '.join(promise.disk_of)}" if promise.disk_of else ""
        sentence = (
            f"The configured retention needs {needed}{where} at {growth} a day, but there is room for {room}, "
            f"about {promise.days:.1f} days, used up {full}; add a disk, lower the cameras' bit rate, or keep "
            "recordings for fewer days (RETENTION_DAYS)"
        )
        yield Finding("retention_promise", Severity.WARNING, sentence)
    for camera in promise.short:
        sentence = "Its max_size is too small for the days that its recordings are kept; raise it or keep fewer days"
        yield Finding("retention_promise", Severity.WARNING, sentence, camera)


def _cleanup(facts: Facts, limits: Thresholds, now: float) -> Iterator[Finding]:
    storage = facts.storage
    if storage.problems:
        count = len(storage.problems) - 1
        more = f" (and {count} more; cctv cleanup --preview shows all)" if count else ""
        sentence = f"The last cleanup was incomplete: {storage.problems[0]}{more}"
        yield Finding("cleanup_refused", Severity.WARNING, sentence)
    scheduled = all(camera.supervised for camera in facts.cameras)  # a supervisor of all cameras also cleans up
    if storage.cleaned_at is None or storage.oldest is None or not scheduled:
        return
    age = now - storage.cleaned_at
    if age > limits.cleanup_age:
        sentence = f"No cleanup has succeeded for {format_duration(round(age))}; cctv cleanup says why"
        yield Finding("cleanup_overdue", Severity.WARNING, sentence)


def _system(system: SystemFacts, limits: Thresholds) -> Iterator[Finding]:
    if system.cpu > limits.cpu:
        sentence = f"The CPU is {system.cpu:.0f} % busy; end other programs, or switch transcode off"
        yield Finding("cpu", Severity.WARNING, sentence)
    if system.memory > limits.memory:
        sentence = f"{system.memory:.0f} % of the memory is in use; end other programs, or add memory"
        yield Finding("memory", Severity.WARNING, sentence)
    files, most = system.open_files, system.open_files_limit
    if files is not None and most is not None and files > FILES_LEFT * most:
        sentence = f"The supervisor has {files} of {most} possible files open; raise ulimit -n or LimitNOFILE"
        yield Finding("open_files", Severity.WARNING, sentence)


def _access(access: AccessFacts, now: float) -> Iterator[Finding]:
    if access.is_open:
        sentence = "Everybody who reaches cctv serve may view all cameras; set server.access to lan or token"
        yield Finding("open_to_all", Severity.WARNING, sentence)
    if access.unknown_proxy is not None:
        sentence = (
            f"A proxy on this machine passed a request on at {format_instant(access.unknown_proxy, None)}, so only "
            "tokens may control cameras since then; if it is yours, add its address to server.trusted_proxies, and if "
            "there is none any more, run cctv access forget-proxy"
        )
        yield Finding("unknown_proxy", Severity.WARNING, sentence)
    if access.in_clear is not None and now - access.in_clear.at < DAY:
        name, at = access.in_clear.token, format_instant(access.in_clear.at, None)
        sentence = (
            f"The token {name} came from another machine without TLS at {at}, so others on the way can read it; use "
            f"https, then replace it: cctv token revoke {name}"
        )
        yield Finding("token_in_clear", Severity.WARNING, sentence)


def _camera(camera: CameraFacts, limits: Thresholds, now: float) -> Iterator[Finding]:
    if camera.future_until is not None:
        until = format_instant(camera.future_until, None)
        sentence = f"Its recordings end in the future, at {until}; correct this machine's clock, or check NTP"
        yield Finding("future_footage", Severity.WARNING, sentence, camera.id)
    yield from _kept_back(camera)
    if not camera.wanted:
        yield Finding("camera_stopped", Severity.OK, f"It is not recorded: {camera.reason}", camera.id)
        return
    if camera.supervised and _does_not_record(camera, limits, now):
        cure = "" if camera.refusal else f"; {_CURES[camera.state]}"  # a refusal already has its cure
        sentence = f"It is not recorded: {camera.failure or camera.reason}{cure}"
        yield Finding("camera_not_recording", Severity.CRITICAL, sentence, camera.id)
    if camera.state is State.RUNNING:
        yield from _stream(camera, limits, now)
    if camera.last_hour.missing > limits.missing:
        sentence = (
            f"{camera.last_hour.missing:.0f} s of the last hour are not recorded; "
            "cctv cameras and ffmpeg.log in its folder say why; fix the network or the camera"
        )
        yield Finding("recording_missing", Severity.WARNING, sentence, camera.id)
    if camera.restarts_last_hour >= FREQUENT_RESTARTS:
        sentence = (
            f"FFmpeg was restarted {camera.restarts_last_hour} times within an hour; "
            "ffmpeg.log in its folder says why; fix the network or the camera"
        )
        yield Finding("frequent_restarts", Severity.WARNING, sentence, camera.id)


def _kept_back(camera: CameraFacts) -> Iterator[Finding]:
    """Recorded files that are in no listing."""
    if camera.waiting and camera.supervised:
        sentence = (
            f"{camera.waiting} of its recorded files wait in .incoming and are not listed yet; "
            "the log of cctv says why: correct permissions or the disk, or free space"
        )
        yield Finding("recordings_waiting", Severity.WARNING, sentence, camera.id)
    if camera.unreadable_days:
        sentence = (
            f"Its journal of {', '.join(camera.unreadable_days[:3])} cannot be read, so what was recorded then is in "
            "no listing; correct the permissions of journal.jsonl, or restore it from a backup"
        )
        yield Finding("journal_unreadable", Severity.WARNING, sentence, camera.id)
    if camera.set_aside:
        sentence = (
            f"{camera.set_aside} of its files could not be read and are kept as *.unreadable in its folder and in "
            ".incoming; the log of cctv says why: repair them, or delete them to end this finding"
        )
        yield Finding("files_set_aside", Severity.WARNING, sentence, camera.id)


def _does_not_record(camera: CameraFacts, limits: Thresholds, now: float) -> bool:
    if camera.state is State.RUNNING:
        return False
    if camera.state is not State.STARTING or camera.failure:
        return True
    return camera.since is not None and now - camera.since > limits.segment_age


def _stream(camera: CameraFacts, limits: Thresholds, now: float) -> Iterator[Finding]:
    """Problems of a camera that records."""
    frame = 1 / camera.frame_rate if camera.frame_rate else 0.0  # seconds
    if camera.gop is not None and camera.gop > max(limits.gop, _RARE * frame):
        sentence = (
            f"Its key frames are {camera.gop:.0f} s apart, so live video is late and recordings are too long; "
            "switch off H.264+/H.265+ (smart codec) in the camera or shorten its I-frame interval"
        )
        yield Finding("long_gop", Severity.WARNING, sentence, camera.id)
    # segments end at key frames, so rare key frames explain an old segment, as do rare frames
    oldest = max(limits.segment_age, 2 * limits.segment_duration, 2 * (camera.gop or 0.0), _OLD * frame)
    if camera.last_segment_at is not None and now - camera.last_segment_at > oldest:
        age = format_duration(round(now - camera.last_segment_at))
        sentence = f"Its newest live segment is {age} old; see ffmpeg.log in its folder, or restart the camera"
        yield Finding("old_segment", Severity.WARNING, sentence, camera.id)
