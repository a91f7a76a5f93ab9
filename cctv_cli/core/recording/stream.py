"""What a camera sends: its codec and audio, from the last probe or the last run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional

from cctv_cli.core.config.settings import Camera, DemoSource, RtspSource
from cctv_cli.core.ffmpeg.command import (
    RECORDABLE,
    UNSUPPORTED_AUDIO,
    UNSUPPORTED_VIDEO,
    AudioOutput,
    recorded_codec,
    supports_audio,
)
from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.recording import audio_trust, clock_trust
from cctv_cli.core.recording.login import CameraLogin
from cctv_cli.core.recording.main_stream import MainStream
from cctv_cli.core.recording.patience import silence_of_run
from cctv_cli.core.recording.state import Run
from cctv_cli.core.recording.tools import Probe
from cctv_cli.core.recording.trust import Trust
from cctv_cli.core.rtsp.result import Outcome, ProbeResult
from cctv_cli.core.rtsp.sdp import AudioStream

# outcomes of a probe after which FFmpeg cannot succeed
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


_NO_AUDIO = AudioStream("")


@dataclass(frozen=True)
class Stream:
    """The video codec to record, the camera's audio codec (empty: none, or not wanted), and how audio is written.

    `place` counts from 0 among the camera's audio streams; `fault` is why its audio cannot be recorded.
    """

    codec: str
    audio: str
    output: AudioOutput
    place: int = 0
    fault: str = ""

    @property
    def has_audio(self) -> bool:
        """Whether an audio track is written."""
        return self.output is AudioOutput.SILENCE or (
            supports_audio(self.audio) and self.output is not AudioOutput.NONE
        )


class CameraStream:
    """Asks one camera what it sends, and remembers the answer."""

    def __init__(
        self,
        camera: Camera,
        probe: Probe,
        login: CameraLogin,
        main: Optional[MainStream],
    ) -> None:
        self.camera = camera
        self.last_run: Optional[Run] = None
        self.just_asked = False  # so recently that the next start needs no probe
        self.trust = Trust()  # in the audio
        self.clock_trust = Trust()
        self._without_frame = 0  # runs in a row that recorded nothing, though the camera described its stream
        self._probe = probe
        self._login = login
        self._main = main
        self._found: Optional[ProbeResult] = None

    @property
    def now(self) -> Stream:
        """What the camera sends, as far as it is known."""
        main_audio = None if self._main is None else self._main.audio
        return stream_of(self.camera, self._found, self.last_run, main_audio, distrusted=self.trust.fault)

    @property
    def must_be_asked(self) -> bool:
        """Whether a start needs a probe first."""
        return isinstance(self.camera.source, RtspSource) and not self.just_asked

    def open(self, last: Optional[Run]) -> Optional[Run]:
        """Continue after the last run on disk."""
        self.last_run = last
        if last is not None and last.audio_untrusted is not None:
            self.trust = Trust(last.audio_fault, last.audio_untrusted)
        if last is not None and last.clock_untrusted is not None:
            self.clock_trust = Trust(last.clock_fault, last.clock_untrusted)
        return last

    def begin_run(self, now: float) -> Stream:
        """What a run that starts now records."""
        self.trust, self.clock_trust = self.trust.at_start(now), self.clock_trust.at_start(now)
        return self.now

    def describe(self, run: Run) -> Run:
        """The run, with what it records."""
        sent = self.now
        interval = 0.0 if self.last_run is None else self.last_run.interval
        return replace(
            run,
            interval=interval,
            silence=silence_of_run(interval, self._without_frame),
            codec=sent.codec,
            audio=sent.audio,
            audio_place=sent.place,
            audio_left_out=not sent.has_audio,
            audio_fault=sent.fault,
            audio_untrusted=self.trust.since or None,
            clock_fault=self.clock_trust.fault,
            clock_untrusted=self.clock_trust.since or None,
        )

    def run_failed(self, why: Diagnosis, healthy_for: float, now: float) -> None:
        """Note that a run failed that had recorded for `healthy_for` seconds."""
        self._without_frame = 0 if healthy_for else self._without_frame + 1
        audio = self.last_run.audio if self.last_run is not None and self.last_run.has_audio else ""
        self.trust = audio_trust.after_failure(self.trust, why, audio, healthy_for, now)
        if not (audio and self.trust.failures):  # else audio is the first suspect
            self.clock_trust = clock_trust.after_failure(self.clock_trust, why, healthy_for, now)

    def ask_anew(self, now: float) -> Optional[Diagnosis]:
        """Ask as if for the first time, also after a refused login, unless it was just asked; see `ask`."""
        if self.just_asked:
            return None
        self._login.forget(self.camera.source)
        self.forget()
        problem = self.ask(now)
        self.just_asked = problem is None
        return problem

    def ask(self, now: float) -> Optional[Diagnosis]:
        """Probe the camera; returns why FFmpeg cannot record it, None if it can.

        After a run that recorded nothing the probe sets up a session too, which shows what the camera refuses.
        """
        assert isinstance(self.camera.source, RtspSource)
        found = self._probe(self.camera.source, setup=self._without_frame > 0 or None, audio=self.camera.audio)
        if found.outcome in _HOPELESS or (self._without_frame and found.outcome is Outcome.FAILED):
            self._login.retry_at = found.retry_at
            return Diagnosis(found.outcome.value.replace("_", " "), found.reason.rstrip("."))
        if found.audio is not None and self.last_run is not None and found.audio.codec != self.last_run.audio:
            self.trust = Trust()
        if self._without_frame and found.audio is not None and found.audio.fault:
            self.trust = self.trust.without(found.audio.fault, now)
        if found.video is not None or self._found is None:
            self._found = found
        codec = self.now.codec
        return None if codec in RECORDABLE else Diagnosis("codec", UNSUPPORTED_VIDEO.format(codec))

    def codec_change(self) -> Optional[Diagnosis]:
        """Why nothing is recorded, if the camera sends another codec than the last run recorded; else None."""
        before, codec = self.last_run.codec if self.last_run else "", self.now.codec
        if not (before and codec and codec != before):
            return None
        return Diagnosis("codec changed", f"the camera changed its video from {before} to {codec}")

    def forget(self) -> None:
        """Forget what the last probe found, and what earlier runs showed."""
        self._found, self._without_frame = None, 0
        self.trust = self.clock_trust = Trust()


def stream_of(
    camera: Camera,
    found: Optional[ProbeResult],
    last_run: Optional[Run],
    main_audio: Optional[str] = None,
    *,
    distrusted: str = "",
) -> Stream:
    """What the camera sends according to a probe, or else to the last run.

    `main_audio` is the main stream's audio codec if the camera's source is its sub stream; None if it is unknown.
    `distrusted` is why earlier runs make its audio be left out.
    """
    codec = last_run.codec if last_run and last_run.codec in RECORDABLE else ""  # any other is from a damaged file
    audio = _recorded_audio(last_run)
    if found is not None and found.video is not None:
        codec, audio = found.video.codec, found.audio or _NO_AUDIO
    if isinstance(camera.source, DemoSource):
        audio = AudioStream("aac") if camera.source.tone else _NO_AUDIO
    if not camera.audio:
        audio = _NO_AUDIO
    if audio.codec and distrusted:
        audio = replace(audio, fault=distrusted)
    output = _output(camera, audio, main_audio)
    return Stream(recorded_codec(camera, codec), audio.codec, output, audio.place, audio.fault)


def _recorded_audio(run: Optional[Run]) -> AudioStream:
    """The camera's audio according to its last run."""
    if run is None:
        return _NO_AUDIO
    unsupported = UNSUPPORTED_AUDIO.format(run.audio) if run.audio and not supports_audio(run.audio) else ""
    return AudioStream(run.audio, fault=run.audio_fault or unsupported, place=run.audio_place)


def _output(camera: Camera, audio: AudioStream, main_audio: Optional[str]) -> AudioOutput:
    """How audio is written. A sub stream has audio exactly if its main stream has: Chrome fails if variants differ."""
    if not camera.audio:
        return AudioOutput.NONE
    if main_audio is not None and supports_audio(main_audio) != _is_usable(audio):
        return AudioOutput.SILENCE if supports_audio(main_audio) else AudioOutput.NONE
    if audio.codec and not _is_usable(audio):
        return AudioOutput.NONE  # FFmpeg would fail, and the video with it
    is_aac = audio.codec == "aac" and isinstance(camera.source, RtspSource)
    return AudioOutput.COPIED if is_aac else AudioOutput.ENCODED


def _is_usable(audio: AudioStream) -> bool:
    return supports_audio(audio.codec) and not audio.fault
