"""What a camera sends: its codec and audio, from the last probe or the last run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional, Tuple

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
from cctv_cli.core.recording.login import CameraLogin
from cctv_cli.core.recording.main_stream import MainStream
from cctv_cli.core.recording.state import Run
from cctv_cli.core.rtsp.result import Outcome, ProbeResult

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


@dataclass(frozen=True)
class Stream:
    """The video codec to record, the camera's audio codec (empty: none, or not wanted), and how audio is written."""

    codec: str
    audio: str
    output: AudioOutput

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
        probe: Callable[[RtspSource], ProbeResult],
        login: CameraLogin,
        main: Optional[MainStream],
    ) -> None:
        self.camera = camera
        self.last_run: Optional[Run] = None
        self.just_asked = False  # so recently that the next start needs no probe
        self._probe = probe
        self._login = login
        self._main = main
        self._found: Optional[ProbeResult] = None

    @property
    def now(self) -> Stream:
        """What the camera sends, as far as it is known."""
        main_audio = None if self._main is None else self._main.audio
        return stream_of(self.camera, self._found, self.last_run, main_audio)

    @property
    def must_be_asked(self) -> bool:
        """Whether a start needs a probe first."""
        return isinstance(self.camera.source, RtspSource) and not self.just_asked

    def ask(self) -> Optional[Diagnosis]:
        """Probe the camera; returns why FFmpeg cannot record it, None if it can."""
        assert isinstance(self.camera.source, RtspSource)
        found = self._probe(self.camera.source)
        if found.outcome in _HOPELESS:
            self._login.retry_at = found.retry_at
            return Diagnosis(found.outcome.value.replace("_", " "), found.reason.rstrip("."))
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
        """Forget what the last probe found."""
        self._found = None


def stream_of(
    camera: Camera, found: Optional[ProbeResult], last_run: Optional[Run], main_audio: Optional[str] = None
) -> Stream:
    """What the camera sends according to a probe, or else to the last run.

    `main_audio` is the main stream's audio codec if the camera's source is its sub stream; None if it is unknown.
    """
    codec, audio = _known(camera, found, last_run)
    return Stream(recorded_codec(camera, codec), audio, _output(camera, audio, main_audio))


def _known(camera: Camera, found: Optional[ProbeResult], last_run: Optional[Run]) -> Tuple[str, str]:
    codec, audio = (last_run.codec, last_run.audio) if last_run else ("", "")
    if codec not in RECORDABLE:
        codec = ""  # from a damaged file: no such run was ever started
    if found is not None and found.video is not None:
        codec, audio = found.video.codec, found.audio.codec if found.audio else ""
    if isinstance(camera.source, DemoSource):
        audio = "aac" if camera.source.tone else ""
    return codec, audio if camera.audio else ""


def _output(camera: Camera, audio: str, main_audio: Optional[str]) -> AudioOutput:
    """How audio is written. A sub stream has audio exactly if its main stream has: Chrome fails if variants differ."""
    if not camera.audio:
        return AudioOutput.NONE
    if main_audio is not None and supports_audio(main_audio) != supports_audio(audio):
        return AudioOutput.SILENCE if supports_audio(main_audio) else AudioOutput.NONE
    if audio and not supports_audio(audio):
        return AudioOutput.NONE  # FFmpeg would fail, and the video with it
    is_aac = audio == "aac" and isinstance(camera.source, RtspSource)
    return AudioOutput.COPIED if is_aac else AudioOutput.ENCODED


def audio_fault(audio: str) -> str:
    """Why audio in this codec is not recorded; empty if it is, or if there is none."""
    return UNSUPPORTED_AUDIO.format(audio) if audio and not supports_audio(audio) else ""
