"""A short H.264 clip with sound, made by a real FFmpeg, cut into what an RTSP camera sends.

`make_clip` encodes test pictures and a tone; the result is held in memory as access units (NAL units
without start codes) and ready RTP audio payloads.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence, Tuple, Union

FRAME_UUID = bytes.fromhex("8f1c6ab25d4e4f7b9a3d27c15e60b8d4")
"""Names our user-data SEI messages (ITU-T H.264 § D.1.6) that carry a running frame number."""

NAL_SLICE, NAL_IDR, NAL_SEI, NAL_SPS, NAL_PPS = 1, 5, 6, 7, 8
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
    """Access units in decoding order at a true `fps`, parameter sets for the SDP, and sound or None."""

    fps: int
    frames: Tuple[AccessUnit, ...]
    sps: bytes
    pps: bytes
    audio: Optional[AudioTrack]


def make_clip(
    ffmpeg: Union[str, Path],
    folder: Path,
    *,
    fps: int = 25,
    gop: int = 25,
    seconds: int = 2,
    size: str = "320x240",
    bit_rate: str = "256k",
    audio: Optional[str] = "pcmu",
    sps_fps: Optional[int] = None,
    bframes: bool = False,
) -> Clip:
    """Encode a clip of `seconds` with `ffmpeg` inside `folder`.

    Every `gop` frames stands an IDR picture behind its SPS and PPS. `bit_rate` is the video's, in bit/s.
    `audio` is "pcmu", "pcma", "aac" or None. `sps_fps` makes the SPS claim that frame rate in place of the
    true one. Raises subprocess.CalledProcessError when FFmpeg fails.
    """
    frames = _encode_video(ffmpeg, folder, fps, gop, seconds, size, bit_rate, sps_fps, bframes)
    parameters = frames[0].nals
    return Clip(
        fps=fps,
        frames=tuple(frames),
        sps=next(nal for nal in parameters if nal_type(nal) == NAL_SPS),
        pps=next(nal for nal in parameters if nal_type(nal) == NAL_PPS),
        audio=None if audio is None else _encode_audio(ffmpeg, folder, seconds, audio),
    )


def nal_type(nal: bytes) -> int:
    """The nal_unit_type of an H.264 NAL unit (ITU-T H.264 § 7.3.1)."""
    return nal[0] & 0x1F


def split_nals(stream: bytes) -> List[bytes]:
    """The NAL units of an Annex B byte stream, without start codes and trailing zeros (ITU-T H.264 § B.1)."""
    return [nal for nal in (part.rstrip(b"\0") for part in stream.split(b"\0\0\1")) if nal]


def frame_mark(number: int) -> bytes:
    """An SEI NAL unit that carries our UUID and `number` (32 bits) as unregistered user data."""
    message = FRAME_UUID + number.to_bytes(4, "big")
    return bytes([NAL_SEI]) + _escape(bytes([5, len(message)]) + message + b"\x80")


def _escape(payload: bytes) -> bytes:
    """Insert emulation prevention bytes (ITU-T H.264 § 7.4.1)."""
    escaped = bytearray()
    for byte in payload:
        if byte <= 3 and escaped[-2:] == b"\0\0":
            escaped.append(3)
        escaped.append(byte)
    return bytes(escaped)


def _encode_video(
    ffmpeg: Union[str, Path],
    folder: Path,
    fps: int,
    gop: int,
    seconds: int,
    size: str,
    bit_rate: str,
    sps_fps: Optional[int],
    bframes: bool,
) -> List[AccessUnit]:
    command = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={fps}:duration={seconds}", "-map", "0:v"]
    command += ["-c:v", "libx264", "-preset", "veryfast", "-threads", "1", "-pix_fmt", "yuv420p"]
    command += ["-b:v", bit_rate, "-maxrate", bit_rate, "-bufsize", bit_rate]
    command += ["-g", str(gop), "-keyint_min", str(gop), "-sc_threshold", "0", "-bf", "2" if bframes else "0"]
    command += ["-x264-params", "force-cfr=1"]  # fixed_frame_rate_flag, so that a reader believes the SPS
    if sps_fps is not None:  # a frame is two ticks (ITU-T H.264 § E.2.1)
        command += ["-bsf:v", f"h264_metadata=tick_rate={2 * sps_fps}"]
    command += ["-f", "tee", "[f=h264]clip.h264|[f=framecrc]clip.framecrc"]
    _run(ffmpeg, folder, command)
    packets = _packets((folder / "clip.framecrc").read_text())
    return _access_units((folder / "clip.h264").read_bytes(), packets)


def _packets(framecrc: str) -> List[Tuple[int, int]]:
    """(PTS, size) of each packet in FFmpeg's framecrc text."""
    rows = (line.split(",") for line in framecrc.splitlines() if not line.startswith("#"))
    return [(int(row[2]), int(row[4])) for row in rows]


def _access_units(stream: bytes, packets: Sequence[Tuple[int, int]]) -> List[AccessUnit]:
    shown = {pts: place for place, pts in enumerate(sorted(pts for pts, _ in packets))}
    kept = (
        NAL_SLICE,
        NAL_IDR,
        NAL_SPS,
        NAL_PPS,
    )  # without delimiters and the encoder's own SEI, like a camera
    units = []
    position = 0
    for pts, size in packets:
        nals = tuple(nal for nal in split_nals(stream[position : position + size]) if nal_type(nal) in kept)
        units.append(AccessUnit(nals, any(nal_type(nal) == NAL_IDR for nal in nals), shown[pts]))
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
    subprocess.run(command, cwd=folder, check=True, timeout=60)
