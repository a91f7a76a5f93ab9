"""Audio never costs video: cameras whose audio is odd are recorded, and the state names the fault of their audio."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.media import mpegts
from tests.e2e.odd_cameras import OddCameras
from tests.e2e.site import MakeClip
from tests.support.camera_sdp import MUTE, SOUND
from tests.support.clip import Clip
from tests.support.evidence import segments
from tests.support.rtsp_camera import RtspCamera

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("no_process_left")]

NO_CONFIG = "lacks a valid configuration"


@dataclass(frozen=True)
class Case:
    """A camera, what it does at the start, the words of its state, and whether its sound is recorded."""

    clip: Clip
    words: str
    begin: Callable[[RtspCamera], None] = lambda camera: None
    options: Dict[str, Any] = None  # type: ignore[assignment]
    sound: bool = False


def with_sound(clip: Clip, **changes: object) -> Clip:
    assert clip.audio is not None
    return replace(clip, audio=replace(clip.audio, **changes))  # type: ignore[arg-type]


def latm(clip: Clip, config: str) -> Clip:
    """The clip with its AAC frames as LATM (RFC 6416 6.3)."""
    assert clip.audio is not None
    frames = [payload[4:] for payload in clip.audio.payloads]
    payloads = tuple(b"\xff" * (len(frame) // 255) + bytes([len(frame) % 255]) + frame for frame in frames)
    fmtp = f"profile-level-id=15;object=2;cpresent=0;config={config}"
    return with_sound(clip, encoding="MP4A-LATM/16000/1", payloads=payloads, fmtp=fmtp)


def back_channel(text: str) -> str:
    """The description with the video marked as the client's to receive, and a track that is the client's to send."""
    video = text.replace("a=control:trackID=1", "a=recvonly\r\na=control:trackID=1")
    return f"{video}m=audio 0 RTP/AVP 0\r\na=sendonly\r\na=control:{MUTE}\r\n"


def odd_first(text: str) -> str:
    """The description with a track before the sound that FFmpeg cannot read."""
    before, sound = text.split("m=audio")
    odd = f"m=audio 0 RTP/AVP 98\r\na=rtpmap:98 VND.ODD/8000\r\na=control:{MUTE}\r\n"
    return f"{before}{odd}m=audio{sound}"


def cases(clip_of: MakeClip) -> Dict[str, Case]:
    none, pcmu, aac = clip_of(audio=None), clip_of(audio="pcmu"), clip_of(audio="aac")
    assert aac.audio is not None
    fmtp = aac.audio.fmtp
    eld = with_sound(aac, fmtp=fmtp.replace("config=1408", "config=f8f02000"))
    without_config = with_sound(aac, fmtp=fmtp.replace("config=1408", ""))
    return {
        "latm": Case(latm(aac, "400028103fc0"), "", sound=True),
        "latm-empty": Case(latm(aac, ""), NO_CONFIG),
        "eld": Case(eld, "object type 39"),
        "no-config": Case(without_config, NO_CONFIG),
        "other-type": Case(aac, NO_CONFIG, options={"edit_sdp": lambda text: text.replace("fmtp:104", "fmtp:97")}),
        "setup-404": Case(pcmu, "(404 to SETUP of its audio)", lambda camera: camera.answer(404, "SETUP", SOUND)),
        "setup-461": Case(aac, "(461 to SETUP of its audio)", lambda camera: camera.answer(461, "SETUP", SOUND)),
        "back-channel": Case(none, "a back channel", options={"edit_sdp": back_channel}),
        "back-refused": Case(
            pcmu,
            "failed twice with the camera's pcmu audio (the camera has no such stream (404 to SETUP)",
            lambda camera: camera.answer(404, "SETUP", MUTE),
            {"edit_sdp": back_channel},
        ),
        "odd-first": Case(pcmu, "", options={"edit_sdp": odd_first}, sound=True),
        "never-encoded": Case(pcmu, "no usable audio arrives", lambda camera: camera.pause_sound(True)),
        "never-copied": Case(aac, "no usable audio arrives", lambda camera: camera.pause_sound(True)),
        "garbage": Case(aac, "no usable audio arrives", lambda camera: camera.garble("sound")),
    }


def last_files(layout: CameraLayout, since: float) -> List[Path]:
    return [layout.day(day) / entry.file for day, entry in segments(layout) if entry.start > since]


def test_odd_audio_costs_no_video_and_is_named(tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip) -> None:
    table = cases(clip_of)
    words = {name: case.words for name, case in table.items()}
    with ExitStack() as stack:
        served = {
            name: stack.enter_context(RtspCamera(case.clip, **(case.options or {}))) for name, case in table.items()
        }
        for name, camera in served.items():
            table[name].begin(camera)
        with OddCameras(tmp_path, ffmpeg, served) as site:
            settled = site.wait_words(words)
            site.record_more()
            assert not site.others_than(words)
        for name in table:
            site.assert_recorded(name, settled)
            files = last_files(site.layouts[name], settled)
            streams = {len(mpegts.streams(path.read_bytes()[: 64 * mpegts.PACKET])) for path in files}
            assert streams == {2 if table[name].sound else 1}, f"{name}: a file names a track that is empty"
            assert all(mpegts.has_audio(path) for path in files) == table[name].sound, name
