"""Codecs and picture size of a media file, for a multivariant playlist (RFC 8216 4.3.4.2).

Reads only the head of a file. FFmpeg's MPEG-TS begins with tables of its streams (ISO/IEC 13818-1), a key frame
and its parameter sets (ITU-T H.264); fragmented MP4 describes its tracks in the `moov` (ISO/IEC 14496-12 and -15).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Optional, Tuple

from cctv_cli.core.files import open_to_read
from cctv_cli.core.layout import MP4
from cctv_cli.core.media.fmp4 import boxes, inside
from cctv_cli.core.media.mpegts import PACKET, payload, streams
from cctv_cli.core.media.parameter_sets import Bits, read_h264, read_h265

_HEAD = 348 * PACKET  # bytes, just under 64 KiB
_H264, _AAC = 0x1B, 0x0F  # stream_type (ISO/IEC 13818-1 table 2-34); AAC in ADTS
_AAC_LC = 2  # the usual audio object type (ISO/IEC 14496-3 table 1.17)
# in a byte stream (H.264 annex B)
_H264_SPS = re.compile(rb"\x00\x00\x01([\x27\x47\x67].*?)(?:\x00\x00[\x00\x01]|\Z)", re.DOTALL)
_H265_SPS = 33  # nal_unit_type (H.265 table 7-1)
_Video = Tuple[str, int, int]  # codec, width, height


@dataclass(frozen=True)
class Picture:
    """A file's codecs as in a CODECS attribute (RFC 6381), and its size in pixels as displayed, after cropping."""

    codecs: str
    width: int
    height: int


def read_picture(path: Path) -> Optional[Picture]:
    """Codecs and size of a media file, whose suffix names its format; None if its head lacks them. Raises OSError."""
    with open_to_read(path) as file:
        head = file.read(_HEAD)
    try:
        (codec, width, height), audio = _of_mp4(head) if path.suffix == MP4 else _of_ts(head)
    except ValueError:  # missing, incomplete or damaged
        return None
    return Picture(codec if audio is None else f"{codec},mp4a.40.{audio}", width, height)


def _of_ts(head: bytes) -> Tuple[_Video, Optional[int]]:
    """The video, and the object type of the audio."""
    pids = dict(reversed(streams(head)))  # the first of each type
    if _H264 not in pids:
        raise ValueError("no H.264")
    sps = _H264_SPS.search(payload(head, pids[_H264]))
    if sps is None:
        raise ValueError("no sequence parameter set")
    audio = _adts_type(payload(head, pids[_AAC])) if _AAC in pids else None
    return read_h264(sps.group(1)), audio


def _adts_type(audio: bytes) -> int:
    """The audio object type of AAC in ADTS (ISO/IEC 14496-3 1.A.2.2); AAC-LC if the audio begins after the head."""
    if not audio:
        return _AAC_LC
    bits = Bits(audio)
    if bits.u(12) != 0xFFF:
        raise ValueError("no ADTS")
    bits.u(4)
    return bits.u(2) + 1


def _of_mp4(head: bytes) -> Tuple[_Video, Optional[int]]:
    """The video, and the object type of the audio."""
    video, audio = None, None
    for kind, entry in _sample_entries(head):
        if kind == b"avc1" and video is None:
            video = read_h264(_avc_sps(Bits(inside(entry[78:], b"avcC"))))
        elif kind == b"hvc1" and video is None:
            video = _h265(inside(entry[78:], b"hvcC"))
        elif kind == b"mp4a" and audio is None:
            audio = _esds_type(Bits(inside(entry[28:], b"esds")))
    if video is None:
        raise ValueError("no video")
    return video, audio


def _sample_entries(head: bytes) -> Iterator[Tuple[bytes, bytes]]:
    """Type and content of each track's sample entries (ISO/IEC 14496-12 8.5.2)."""
    for kind, trak in boxes(inside(head, b"moov")):
        if kind == b"trak":
            yield from boxes(inside(trak, b"mdia", b"minf", b"stbl", b"stsd")[8:])


def _esds_type(bits: Bits) -> int:
    """The audio object type that an `esds` names (ISO/IEC 14496-1 7.2.6, 14496-3 1.6.2.1)."""
    bits.take(4)
    _descriptor(bits, 3)  # ES_Descriptor
    bits.take(2)
    if bits.u(8) & 0xE0:
        raise ValueError("fields that FFmpeg does not write")
    _descriptor(bits, 4)  # DecoderConfigDescriptor
    if bits.u(8) != 0x40:
        raise ValueError("no AAC")
    bits.take(12)
    _descriptor(bits, 5)  # DecoderSpecificInfo
    kind = bits.u(5)
    return kind if kind < 31 else 32 + bits.u(6)


def _descriptor(bits: Bits, tag: int) -> None:
    """Skip a descriptor's tag and length (ISO/IEC 14496-1 8.3.3)."""
    if bits.u(8) != tag:
        raise ValueError("another descriptor")
    while bits.u(8) & 0x80:
        pass


def _avc_sps(avcc: Bits) -> bytes:
    """The first sequence parameter set of an `avcC` (ISO/IEC 14496-15 5.3.3.1)."""
    avcc.take(5)
    if not avcc.u(8) & 0x1F:
        raise ValueError("no sequence parameter set")
    return avcc.take(avcc.u(16))


def _h265(hvcc: bytes) -> _Video:
    """Codec, width and height from an `hvcC` (ISO/IEC 14496-15 8.3.3.1, annex E)."""
    bits = Bits(hvcc)
    bits.u(8)
    space, tier, profile = bits.u(2), bits.u(1), bits.u(5)
    compatible = int(f"{bits.u(32):032b}"[::-1], 2)
    constraints = bits.take(6).rstrip(b"\0")
    level = bits.u(8)
    codec = f"hvc1.{('', 'A', 'B', 'C')[space]}{profile}.{compatible:X}.{'LH'[tier]}{level}"
    width, height = read_h265(_hvcc_sps(bits))
    return ".".join((codec, *(f"{byte:X}" for byte in constraints))), width, height


def _hvcc_sps(bits: Bits) -> bytes:
    """The first sequence parameter set of an `hvcC` that was read up to and including the level."""
    bits.take(9)
    for _ in range(bits.u(8)):
        kind = bits.u(8) & 0x3F
        for _ in range(bits.u(16)):
            unit = bits.take(bits.u(16))
            if kind == _H265_SPS:
                return unit
    raise ValueError("no sequence parameter set")
