"""NAL units of H.264 and H.265, as far as the test camera and the readers of recordings need them.

The camera puts a mark with the frame's number before each picture (`Codec.frame_mark`); the readers find it in
recordings (`Codec.frame_number`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import FrozenSet, List, Optional, Tuple

FRAME_UUID = bytes.fromhex("8f1c6ab25d4e4f7b9a3d27c15e60b8d4")
"""Identifies the marks among messages of unregistered user data (ITU-T H.264 § D.1.6, H.265 § D.2.7)."""

_MARK = bytes([5, len(FRAME_UUID) + 4]) + FRAME_UUID  # payload type and size come first


@dataclass(frozen=True)
class Codec:
    """A video codec: `name` is FFmpeg's, `encoding` the SDP's; numbers are values of nal_unit_type.

    `parameter_sets` are in the order in which a camera sends them; `sei` is the NAL unit header of an SEI
    message that precedes its picture.
    """

    name: str
    encoding: str
    sei: bytes
    parameter_sets: Tuple[int, ...]
    slices: FrozenSet[int]
    key_slices: FrozenSet[int]

    def nal_type(self, nal: bytes) -> int:
        """The nal_unit_type (ITU-T H.264 § 7.3.1, H.265 § 7.3.1.2)."""
        return nal[0] & 0x1F if len(self.sei) == 1 else nal[0] >> 1 & 0x3F

    def is_sps(self, nal: bytes) -> bool:
        """Whether the NAL unit is a sequence parameter set, which comes before the picture parameter set."""
        return self.nal_type(nal) == self.parameter_sets[-2]

    def is_slice(self, nal: bytes) -> bool:
        """Whether the NAL unit holds a piece of a picture."""
        return self.nal_type(nal) in self.slices

    def is_key(self, nal: bytes) -> bool:
        """Whether the NAL unit holds a piece of a picture at which decoding can begin."""
        return self.nal_type(nal) in self.key_slices

    def frame_mark(self, number: int) -> bytes:
        """An SEI NAL unit with FRAME_UUID and `number` (32 bits)."""
        return self.sei + _escape(_MARK + number.to_bytes(4, "big") + b"\x80")

    def frame_number(self, nal: bytes) -> Optional[int]:
        """The number of an SEI that `frame_mark` made; None for any other NAL unit."""
        if not nal.startswith(self.sei):
            return None
        message = nal[len(self.sei) :].replace(b"\0\0\3", b"\0\0")
        number = message[len(_MARK) : len(_MARK) + 4]
        return int.from_bytes(number, "big") if message.startswith(_MARK) and len(number) == 4 else None


H264 = Codec(
    "h264", "H264", b"\x06", parameter_sets=(7, 8), slices=frozenset(range(1, 6)), key_slices=frozenset([5])
)  # ITU-T H.264 table 7-1
H265 = Codec(
    "hevc",
    "H265",
    b"\x4e\x01",
    parameter_sets=(32, 33, 34),
    slices=frozenset(range(32)),
    key_slices=frozenset(range(16, 24)),
)  # ITU-T H.265 table 7-1


def split_nals(stream: bytes) -> List[bytes]:
    """The NAL units of an Annex B byte stream, without start codes and trailing zeros (ITU-T H.264 § B.1)."""
    return [nal for nal in (part.rstrip(b"\0") for part in stream.split(b"\0\0\1")) if nal]


def _escape(payload: bytes) -> bytes:
    """Insert emulation prevention bytes (ITU-T H.264 § 7.4.1)."""
    escaped = bytearray()
    for byte in payload:
        if byte <= 3 and escaped[-2:] == b"\0\0":
            escaped.append(3)
        escaped.append(byte)
    return bytes(escaped)
