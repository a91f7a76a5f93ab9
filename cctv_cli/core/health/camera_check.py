"""Checks cameras for an operator. A password that a camera refused is not sent again."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from cctv_cli.core.clock import local_time
from cctv_cli.core.config.settings import Camera, RtspSource
from cctv_cli.core.ffmpeg.command import (
    RECORDABLE,
    UNSUPPORTED_VIDEO,
    recorded_codec,
)
from cctv_cli.core.recording.state import State
from cctv_cli.core.recording.status import CameraStatus
from cctv_cli.core.rtsp.login_guard import LoginGuard
from cctv_cli.core.rtsp.probe import probe
from cctv_cli.core.rtsp.result import Outcome, ProbeResult
from cctv_cli.core.rtsp.sdp import AudioStream

_RECORDING = (State.STARTING, State.RUNNING, State.STALLED)
_WHOLE_HOST = (Outcome.UNREACHABLE, Outcome.REFUSED)  # outcomes that apply to all channels of an NVR
_AGAIN = "cctv cameras check --again sends it anyway"


@dataclass(frozen=True)
class Stream:
    """A stream of a camera; `recorded`: a recorder may be using the camera's only session."""

    camera: Camera
    status: CameraStatus
    source: RtspSource
    sub: bool
    recorded: bool

    @property
    def name(self) -> str:
        """The stream's name in messages."""
        return f"{self.camera.id} (sub)" if self.sub else self.camera.id


@dataclass(frozen=True)
class Check:
    """The result for one stream; `fine`: it can be recorded, or viewed, as it is."""

    stream: Stream
    fine: bool
    found: ProbeResult


def streams_of(camera: Camera, status: CameraStatus) -> Iterator[Stream]:
    """The streams of a camera that can be checked; a demo camera has none."""
    if isinstance(camera.source, RtspSource):
        yield Stream(camera, status, camera.source, sub=False, recorded=status.state in _RECORDING)
    if camera.sub_source is not None:
        yield Stream(camera, status, camera.sub_source, sub=True, recorded=status.supervisor_pid is not None)


def check_streams(streams: Sequence[Stream], logins: LoginGuard, *, again: bool) -> Iterator[Check]:
    """Check all streams and yield the results in the given order, each as soon as it is known.

    Hosts are queried at the same time, the streams of one host one after another. `again` first forgets the passwords
    that the hosts refused.
    """
    hosts: Dict[Tuple[str, int], List[Tuple[Stream, Future[Check]]]] = {}
    asked: List[Future[Check]] = []
    for stream in streams:
        if again:
            logins.forget(stream.source)
        asked.append(Future())
        hosts.setdefault((stream.source.host.lower(), stream.source.port), []).append((stream, asked[-1]))
    for of_host in hosts.values():
        threading.Thread(target=_check_host, args=(of_host, logins), daemon=True).start()
    for check in asked:
        yield check.result()


def _check_host(streams: Sequence[Tuple[Stream, Future[Check]]], logins: LoginGuard) -> None:
    unusable: Optional[ProbeResult] = None
    for stream, check in streams:
        try:
            found = unusable or _ask(stream, logins)
            unusable = found if found.outcome in _WHOLE_HOST else None
            check.set_result(_judged(stream, found))
        except Exception as error:  # a bug: raised in the thread that waits for the result
            check.set_exception(error)


def _ask(stream: Stream, logins: LoginGuard) -> ProbeResult:
    standing = logins.standing(stream.source)
    if standing.refused_at is not None:
        reason = (
            f"{stream.source.host} {standing.refusal} (last at {_shown(standing.refused_at, logins)}): correct it; "
        )
        if standing.silent_until is not None:
            reason += f"cctv serve and cctv record try it again at {_shown(standing.silent_until, logins)}; "
        return ProbeResult(Outcome.UNAUTHORIZED, f"{reason}{_AGAIN}.", retry_at=standing.silent_until)
    return probe(stream.source, logins=logins, setup=not stream.recorded, play=True, audio=stream.camera.audio)


def _shown(instant: float, logins: LoginGuard) -> str:
    return local_time(instant, logins.tz).strftime("%H:%M:%S")


def _judged(stream: Stream, found: ProbeResult) -> Check:
    if found.video is None or found.outcome is not Outcome.OK:
        return Check(stream, False, found)
    codec = recorded_codec(stream.camera, found.video.codec)
    if codec not in RECORDABLE:
        return Check(stream, False, replace(found, reason=f"{UNSUPPORTED_VIDEO.format(codec)}."))
    remark = _audio_remark(stream.camera, found.audio) if found.audio else ""
    return Check(stream, True, replace(found, reason=f"{found.reason.rstrip('.')}{remark}."))


def _audio_remark(camera: Camera, audio: AudioStream) -> str:
    """Why this audio is not recorded; empty if it is."""
    if not camera.audio:
        return ", which audio = false leaves out"
    return f", but {audio.fault}" if audio.fault else ""
