"""Reads video and audio from a camera's session description (SDP, RFC 8866). Pure.

Of each media section only the first payload type is read, as in FFmpeg. The first video is used, and the first
audio that can be recorded; other media (ONVIF metadata) are skipped.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from typing import Iterator, Optional, Tuple

from cctv_cli.core.ffmpeg.command import UNSUPPORTED_AUDIO, supports_audio
from cctv_cli.core.media.parameter_sets import read_h264, read_h265
from cctv_cli.core.rtsp.aac_config import aac_fault

_MEDIA = re.compile(r"(\w+)[ \t]+\S+[ \t]+\S+[ \t]+(\d+)", re.ASCII)
# the length of an encoding name is limited because it is stored in every record of the codec
_FORMAT = re.compile(r"^a=rtpmap:(\d+)[ \t]+([\w.+-]{1,40})(?![\w.+-])(?:/(\d{1,9}))?", re.ASCII | re.MULTILINE)
_DIMENSIONS = re.compile(r"^a=x-dimensions:[ \t]*(\d{1,5})[ \t]*,[ \t]*(\d{1,5})", re.ASCII | re.MULTILINE)
_CONTROL = re.compile(r"^a=control:[ \t]*(\S+)", re.ASCII | re.MULTILINE)
_FRAME_SIZE = re.compile(r"^a=framesize:\d+[ \t]+(\d{1,5})-(\d{1,5})", re.ASCII | re.MULTILINE)

# the sequence parameter sets in a stream's fmtp (RFC 6184 § 8.1, RFC 7798 § 7.1)
_PARAMETER_SETS = re.compile(
    r"^a=fmtp:(\d{1,3})[ \t](?:[^\n]*?[ \t;])?(?:sprop-parameter-sets|sprop-sps)=([\w+/=,]*)", re.ASCII | re.MULTILINE
)
# ONVIF (streaming 5.3) means the direction as the client sees it, but some cameras write it as they see it
_CLIENT_SENDS, _CLIENT_RECEIVES = (re.compile(rf"^a={each}\b", re.MULTILINE) for each in ("sendonly", "recvonly"))
_H264_SPS, _H265_SPS = 7, 33  # nal_unit_type (ITU-T H.264 table 7-1, H.265 table 7-1)

# payload types that need no rtpmap (RFC 3551 § 6): encoding name and RTP clock in Hz
_STATIC = {
    "0": ("PCMU", 8000),
    "8": ("PCMA", 8000),
    "9": ("G722", 8000),
    "10": ("L16", 44100),
    "11": ("L16", 44100),
    "14": ("MPA", 90000),
    "26": ("JPEG", 90000),
    "32": ("MPV", 90000),
}

# codecs with another name than their encoding name; every other name is used in lower case
_CODECS = {
    "H265": "hevc",  # RFC 7798 § 7.1
    "JPEG": "mjpeg",
    "MP4V-ES": "mpeg4",
    "MPV": "mpeg2",
    "MPEG4-GENERIC": "aac",
    "MP4A-LATM": "aac",
    "MPA": "mp2",
}

# sampling rates that differ from the RTP clock: G.722 samples twice as fast (RFC 3551 § 4.5.2), and the 90 kHz of
# MPEG audio (RFC 2250) are not related to it
_SAMPLING_RATES = {"g722": 16000, "mp2": None}


@dataclass(frozen=True)
class VideoStream:
    """A camera's video: codec such as "h264", "hevc", "mjpeg"; size in pixels if known."""

    codec: str
    width: Optional[int] = None
    height: Optional[int] = None


ONLY_BACK_CHANNEL = (
    "the camera's only audio is a back channel, for talking to people in front of it, so no audio is recorded; "
    "switch on its microphone"
)


@dataclass(frozen=True)
class AudioStream:
    """A camera's audio: codec such as "aac", "pcmu", "pcma", "g726"; sampling rate in Hz where known.

    `fault` is why it cannot be recorded, with the cure; empty if it can. `place` is its index among the audio streams
    that FFmpeg can read.
    """

    codec: str
    rate: Optional[int] = None
    fault: str = ""
    place: int = 0


def parse_sdp(text: str) -> Tuple[Optional[VideoStream], Optional[AudioStream]]:
    """Read the first video of a session description, and its first audio without a fault, or else its first audio.

    What is missing is None. Unknown lines are skipped: cameras add many of their own.
    """
    videos = [_video(media, number) for kind, number, media in _media(text) if kind == "video"]
    video = videos[0] if videos else None
    audios = [audio for audio, _ in _audios(text, mpegts=video is None or video.codec != "hevc")]
    return video, next((each for each in audios if not each.fault), audios[0] if audios else None)


def video_control(text: str) -> Optional[str]:
    """The URL, relative or absolute, for SETUP of the first video (RFC 2326 § C.1.1); None if there is none."""
    return next((_control(media) for kind, _, media in _media(text) if kind == "video"), None)


def audio_control(text: str, audio: AudioStream) -> Optional[str]:
    """The URL, relative or absolute, for SETUP of this audio; None if there is none."""
    return next((_control(media) for each, media in _audios(text, mpegts=False) if each.place == audio.place), None)


def _control(media: str) -> Optional[str]:
    control = _CONTROL.search(media)
    return control.group(1) if control else None


def _media(text: str) -> Iterator[Tuple[str, str, str]]:
    """Kind, first payload type and lines of each valid media section."""
    for media in re.split(r"(?m)^m=", "\n".join(text.splitlines()))[1:]:
        announced = _MEDIA.match(media)
        if announced is not None:
            yield announced.group(1), announced.group(2), media


def _video(media: str, payload_type: str) -> VideoStream:
    codec, _ = _codec(media, payload_type)
    size = _coded_size(codec, media, payload_type) or _announced_size(media)
    return VideoStream(codec, *size) if size else VideoStream(codec)


def _announced_size(media: str) -> Optional[Tuple[int, int]]:
    """The size in attributes outside the standard; None if there is none or it is zero."""
    found = _DIMENSIONS.search(media) or _FRAME_SIZE.search(media)
    width, height = map(int, found.groups()) if found else (0, 0)
    return (width, height) if width and height else None


def _coded_size(codec: str, media: str, payload_type: str) -> Optional[Tuple[int, int]]:
    """The size in the parameter sets, which decoders use; None if none can be read."""
    for number, sets in _PARAMETER_SETS.findall(media):
        for text in sets.split(",") if number == payload_type else ():
            try:
                unit = b64decode(text + "==")  # some cameras omit the padding
                if codec == "hevc" and unit[0] >> 1 & 0x3F == _H265_SPS:
                    return read_h265(unit)
                if codec == "h264" and unit[0] & 0x1F == _H264_SPS:
                    return read_h264(unit)[1:]
            except (ValueError, IndexError):
                continue
    return None


def _audios(text: str, *, mpegts: bool) -> Iterator[Tuple[AudioStream, str]]:
    """Every audio of a description with its section; `mpegts` is True if it is recorded as MPEG-TS."""
    client_view = _CLIENT_RECEIVES.search(text) is not None
    place = 0
    for kind, payload_type, media in _media(text):
        if kind != "audio":
            continue
        codec, clock = _codec(media, payload_type)
        if client_view and _CLIENT_SENDS.search(media):
            fault = ONLY_BACK_CHANNEL
        elif not supports_audio(codec):
            fault = UNSUPPORTED_AUDIO.format(codec)
        else:
            fault = _aac_fault(media, payload_type, mpegts) if codec == "aac" else ""
        yield AudioStream(codec, _SAMPLING_RATES.get(codec, clock), fault, place), media
        place += supports_audio(codec)


def _aac_fault(media: str, payload_type: str, mpegts: bool) -> str:
    """Why AAC cannot be recorded; like FFmpeg, ignores format lines of other payload types than the stream's."""
    line = re.search(rf"^a=fmtp:{payload_type}[ \t]+(.*)$", media, re.MULTILINE)
    latm = re.search(rf"^a=rtpmap:{payload_type}[ \t]+MP4A-LATM\b", media, re.MULTILINE | re.IGNORECASE) is not None
    return aac_fault(line.group(1) if line else "", latm=latm, mpegts=mpegts)


def _codec(media: str, payload_type: str) -> Tuple[str, Optional[int]]:
    """Codec and RTP clock in Hz of one payload type in a media section."""
    name, clock = _STATIC.get(payload_type, ("unknown", None))
    for number, mapped_name, mapped_clock in _FORMAT.findall(media):
        if number == payload_type:
            name, clock = mapped_name, int(mapped_clock or 0) or None
            break
    codec = _CODECS.get(name.upper(), name.lower())
    # G.726 has a name for each of its bit rates and bit orders (RFC 3551 § 4.5.4).
    return ("g726" if "g726-" in codec else codec), clock
