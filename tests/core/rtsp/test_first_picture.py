from __future__ import annotations

import struct
from typing import List, Optional, Tuple

import pytest

from cctv_cli.core.rtsp.first_picture import FirstPicture

# 640x480, as an encoder wrote them
H264_SPS = bytes.fromhex("67f4001e919b281407b60220000003002000000641e2c5b2c0")
H265_SPS = bytes.fromhex("42010101600000030090000003000003005aa0050201e165959a4932bc05a02000000300200000030321")
SIZE = (640, 480)


def rtp(payload: bytes, *, sources: int = 0, extension: bytes = b"", padding: int = 0) -> bytes:
    """A packet of a stream (RFC 3550 5.1); an `extension` takes whole words."""
    first = 0x80 | sources | (0x10 if extension else 0) | (0x20 if padding else 0)
    more = struct.pack(">HH", 0xBEDE, len(extension) // 4) + extension if extension else b""
    filling = bytes(padding - 1) + bytes([padding]) if padding else b""
    return struct.pack(">BBHII", first, 96, 7, 90000, 1) + bytes(4 * sources) + more + payload + filling


def sized(*units: bytes) -> bytes:
    return b"".join(struct.pack(">H", len(unit)) + unit for unit in units)


def key(codec: str) -> bytes:
    return b"\x65\x88" if codec == "h264" else b"\x26\x01\xaf"


@pytest.mark.parametrize(
    ("codec", "packets", "found"),
    [
        ("h264", [rtp(H264_SPS), rtp(key("h264"))], (True, SIZE)),
        ("h264", [rtp(b"\x78" + sized(H264_SPS, b"\x68\xce", key("h264")))], (True, SIZE)),
        ("h264", [rtp(H264_SPS), rtp(b"\x7c\x85\x88")], (True, SIZE)),  # the first fragment of a key frame
        ("h264", [rtp(H264_SPS), rtp(b"\x7c\x81\x88"), rtp(b"\x61\x88")], (False, SIZE)),  # other pictures
        ("h264", [rtp(b"\x7c\x87\x42")], (False, None)),  # a fragment of a parameter set
        ("h264", [rtp(H264_SPS, sources=2, extension=bytes(8), padding=4)], (False, SIZE)),
        ("h264", [rtp(key("h264"))], (True, None)),
        ("h264", [rtp(H264_SPS[:6]), rtp(b""), b"", b"\x80", rtp(b"\x78" + sized(b""))], (False, None)),
        ("hevc", [rtp(H265_SPS), rtp(key("hevc"))], (True, SIZE)),
        ("hevc", [rtp(b"\x60\x01" + sized(H265_SPS, key("hevc")))], (True, SIZE)),
        ("hevc", [rtp(H265_SPS), rtp(b"\x62\x01\x93\xaf")], (True, SIZE)),
        ("hevc", [rtp(b"\x62\x01\x81\xaf"), rtp(b"\x02\x01\xd0")], (False, None)),
        ("mjpeg", [rtp(b"\0")], (True, None)),
    ],
)
def test_the_size_is_that_before_the_first_picture(
    codec: str, packets: List[bytes], found: Tuple[bool, Optional[Tuple[int, int]]]
) -> None:
    picture = FirstPicture(codec)
    for packet in packets:
        picture.take(packet)
    assert (picture.begun, picture.size) == found
