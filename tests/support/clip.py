"""A short H.264 or H.265 clip with sound, made by a real FFmpeg, cut into what an RTSP camera sends.

`make_clip` encodes test pictures and a tone; the result is kept in memory as access units (NAL units
without start codes) and RTP audio payloads.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union

from tests.support.nal import H264, H265, Codec, split_nals
from tests.support.waiting import HANG

CODECS: Dict[str, Codec] = {codec.name: codec for codec in (H264, H265)}
_G711_PACKET = 320  # samples: 40 ms at 8 kHz, as cameras send them
_AAC_FRAME = 1024  # samples


@dataclass(frozen=True)
class AccessUnit:
    """One coded picture: its NAL units, and its place in the order of presentation, from 0."""

    nals: Tuple[bytes, ...]
    is_key: bool
    shown: int


@dataclass(frozen=True)
class AudioTrack:
    """RTP audio: `payloads` of `samples` samples each; `fmtp` is the SDP format line's text or empty."""

    encoding: str  # as in SDP, such as "PCMU/8000"
    payload_type: int
    clock_rate: int  # Hz
    samples: int
    payloads: Tuple[bytes, ...]
    fmtp: str = ""


@dataclass(frozen=True)
class Clip:
    """Access units in decoding order at a true `fps`, parameter sets for the SDP, and sound or None.

    `parameter_sets` are in the codec's order: SPS and PPS for H.264; VPS, SPS and PPS for H.265.
    """

    codec: Codec
    fps: float
    frames: Tuple[AccessUnit, ...]
    parameter_sets: Tuple[bytes, ...]
    audio: Optional[AudioTrack]

    @property
    def delay(self) -> int:
        """By how many frames sending is delayed, so that with B-frames no frame is sent before it is taken."""
        return max(frame.shown - place for place, frame in enumerate(self.frames))


def make_clip(
    ffmpeg: Union[str, Path],
    folder: Path,
    *,
    video: str = "h264",
    fps: int = 25,
    gop: int = 25,
    seconds: int = 2,
    size: str = "320x240",
    bit_rate: str = "256k",
    audio: Optional[str] = "pcmu",
    sps_fps: Optional[int] = None,
    bframes: bool = False,
) -> Clip:
    """Encode a clip of `seconds` with `ffmpeg`, which needs libx264 or libx265, inside `folder`.

    `video` is "h264" or "hevc". Every `gop` frames there is a key picture after its parameter sets; a clip that is
    one GOP of minutes takes about a second to make at 64x64. `bit_rate` is the video's, in bit/s. `audio` is
    "pcmu", "pcma", "aac" or None. `sps_fps` makes the stream claim that frame rate instead of the true one.
    `bframes` puts two B-frames between other pictures. Raises subprocess.CalledProcessError if FFmpeg fails.
    """
    codec = CODECS[video]
    encoder = _x264 if codec is H264 else _x265
    command = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={fps}:duration={seconds}", "-map", "0:v"]
    command += ["-pix_fmt", "yuv420p", "-b:v", bit_rate, "-maxrate", bit_rate, "-bufsize", bit_rate]
    command += encoder(gop, 2 if bframes else 0, sps_fps)
    command += ["-f", "tee", f"[f={codec.name}]clip.{codec.name}|[f=framecrc]clip.framecrc"]
    _run(ffmpeg, folder, command)
    packets = _packets((folder / "clip.framecrc").read_text())
    frames = _access_units(codec, (folder / f"clip.{codec.name}").read_bytes(), packets)
    first = {codec.nal_type(nal): nal for nal in frames[0].nals}
    return Clip(
        codec=codec,
        fps=fps,
        frames=tuple(frames),
        parameter_sets=tuple(first[kind] for kind in codec.parameter_sets),
        audio=None if audio is None else _encode_audio(ffmpeg, folder, seconds, audio),
    )


def _x264(gop: int, bframes: int, sps_fps: Optional[int]) -> List[str]:
    options = ["-c:v", "libx264", "-preset", "veryfast", "-threads", "1"]
    options += ["-g", str(gop), "-keyint_min", str(gop), "-sc_threshold", "0", "-bf", str(bframes)]
    options += ["-x264-params", "force-cfr=1"]  # fixed_frame_rate_flag, so that readers trust the SPS
    if sps_fps is not None:  # a frame is two ticks (ITU-T H.264 § E.2.1)
        options += ["-bsf:v", f"h264_metadata=tick_rate={2 * sps_fps}"]
    return options


def _x265(gop: int, bframes: int, sps_fps: Optional[int]) -> List[str]:
    parameters = f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:bframes={bframes}"
    parameters += ":repeat-headers=1:info=0:pools=none:frame-threads=1:log-level=error"
    options = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", parameters]
    if sps_fps is not None:  # a frame is one tick (ITU-T H.265 § E.3.1)
        options += ["-bsf:v", f"hevc_metadata=tick_rate={sps_fps}"]
    return options


def _packets(framecrc: str) -> List[Tuple[int, int]]:
    """(PTS, size) of each packet in FFmpeg's framecrc text."""
    rows = (line.split(",") for line in framecrc.splitlines() if not line.startswith("#"))
    return [(int(row[2]), int(row[4])) for row in rows]


def _access_units(codec: Codec, stream: bytes, packets: Sequence[Tuple[int, int]]) -> List[AccessUnit]:
    shown = {pts: place for place, pts in enumerate(sorted(pts for pts, _ in packets))}
    kept = codec.slices.union(codec.parameter_sets)  # without delimiters and the encoder's SEI, like a camera
    units = []
    position = 0
    for pts, size in packets:
        nals = tuple(nal for nal in split_nals(stream[position : position + size]) if codec.nal_type(nal) in kept)
        units.append(AccessUnit(nals, any(map(codec.is_key, nals)), shown[pts]))
        position += size
    return units


def _encode_audio(ffmpeg: Union[str, Path], folder: Path, seconds: int, audio: str) -> AudioTrack:
    source = ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}", "-ac", "1"]
    if audio == "aac":
        _run(ffmpeg, folder, [*source, "-ar", "16000", "-c:a", "aac", "-b:a", "32k", "-f", "adts", "clip.aac"])
        return _aac_track((folder / "clip.aac").read_bytes())
    encoder, encoding, payload_type = {
        "pcmu": ("mulaw", "PCMU/8000", 0),
        "pcma": ("alaw", "PCMA/8000", 8),
    }[audio]
    command = [*source, "-ar", "8000", "-c:a", f"pcm_{encoder}", "-f", encoder, f"clip.{audio}"]
    _run(ffmpeg, folder, command)
    sound = (folder / f"clip.{audio}").read_bytes()
    whole = len(sound) - len(sound) % _G711_PACKET
    payloads = tuple(sound[at : at + _G711_PACKET] for at in range(0, whole, _G711_PACKET))
    return AudioTrack(encoding, payload_type, 8000, _G711_PACKET, payloads)


def _aac_track(adts: bytes) -> AudioTrack:
    """AAC-hbr payloads, one frame each (RFC 3640 § 3.3.6), of an ADTS stream of 16 kHz mono AAC-LC."""
    payloads = []
    position = 0
    while position < len(adts):
        length = (adts[position + 3] & 3) << 11 | adts[position + 4] << 3 | adts[position + 5] >> 5
        header = 7 if adts[position + 1] & 1 else 9
        frame = adts[position + header : position + length]
        payloads.append(b"\x00\x10" + (len(frame) << 3).to_bytes(2, "big") + frame)
        position += length
    config = (2 << 11 | 8 << 7 | 1 << 3).to_bytes(2, "big").hex()  # AAC-LC, 16 kHz, mono (ISO/IEC 14496-3)
    fmtp = (
        f"streamtype=5;profile-level-id=15;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config={config}"
    )
    return AudioTrack("MPEG4-GENERIC/16000/1", 104, 16000, _AAC_FRAME, tuple(payloads), fmtp)


def _run(ffmpeg: Union[str, Path], folder: Path, arguments: Sequence[str]) -> None:
    command = [str(ffmpeg), "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *arguments]
    subprocess.run(command, cwd=folder, check=True, timeout=HANG)
