"""Size and codec string of a video from its sequence parameter set (ITU-T H.264 7.3.2.1.1, H.265 7.3.2.2).

Pure: a NAL unit in, values out.
"""

from __future__ import annotations

from typing import Tuple

_WIDEST = 16_888  # pixels of the highest levels (ITU-T H.264 A.3.1, H.265 A.4.1)
# profiles whose SPS has a chroma format (H.264 7.3.2.1.1)
_HIGH_PROFILES = (44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244)


class Bits:
    """Reads bits in order; raises ValueError at the end of the data."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def u(self, count: int) -> int:
        """An unsigned number of `count` bits."""
        end = self._at + count
        if end > 8 * len(self._data):
            raise ValueError("too short")
        whole = int.from_bytes(self._data[self._at // 8 : (end + 7) // 8], "big")
        self._at = end
        return (whole >> (-end % 8)) & ((1 << count) - 1)

    def ue(self) -> int:
        """An unsigned Exp-Golomb number (H.264 9.1)."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("too large")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """A signed Exp-Golomb number (H.264 9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        return self.u(8 * count).to_bytes(count, "big")


def read_h264(sps: bytes) -> Tuple[str, int, int]:
    """The codec as in a CODECS attribute (RFC 6381), width and height in pixels as displayed, after cropping.

    Raises ValueError if the set is damaged.
    """
    bits = Bits(unescaped(sps))
    bits.u(8)
    profile, constraints, level = bits.u(8), bits.u(8), bits.u(8)
    bits.ue()
    chroma = _h264_chroma(bits) if profile in _HIGH_PROFILES else 1
    bits.ue()
    _skip_picture_order(bits)
    bits.ue()
    bits.u(1)
    width, height = 16 * (bits.ue() + 1), 16 * (bits.ue() + 1)
    lines = 2 - bits.u(1)  # 2: each row of a field is two rows of the frame
    bits.u(lines)
    columns, rows = _crop(bits, chroma)
    return f"avc1.{profile:02x}{constraints:02x}{level:02x}", *_size(width - columns, (height - rows) * lines)


def _h264_chroma(bits: Bits) -> int:
    """The ChromaArrayType of a high profile; skips everything up to the end of the scaling lists."""
    chroma = bits.ue()
    separate = bits.u(1) if chroma == 3 else 0
    bits.ue()
    bits.ue()
    bits.u(1)
    if bits.u(1):
        for index in range(12 if chroma == 3 else 8):
            if bits.u(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return 0 if separate else chroma


def _skip_scaling_list(bits: Bits, size: int) -> None:
    last = 8
    for _ in range(size):
        last = (last + bits.se()) % 256
        if last == 0:
            return


def _skip_picture_order(bits: Bits) -> None:
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.u(1)
        bits.se()
        bits.se()
        for _ in range(bits.ue()):
            bits.se()


def read_h265(sps: bytes) -> Tuple[int, int]:
    """Width and height in pixels as displayed, after cropping. Raises ValueError if the set is damaged."""
    return describe_h265(sps)[:2]


def describe_h265(sps: bytes) -> Tuple[int, int, int, int, int]:
    """Width and height as displayed, chroma_format_idc, and the bits of a luma and of a chroma sample.

    Raises ValueError if the set is damaged.
    """
    bits = Bits(unescaped(sps))
    bits.u(16 + 4)
    _skip_profiles(bits, bits.u(3))
    bits.ue()
    chroma = bits.ue()
    separate = chroma == 3 and bits.u(1)  # planes
    width, height = bits.ue(), bits.ue()
    columns, rows = _crop(bits, 0 if separate else chroma)
    depths = 8 + bits.ue(), 8 + bits.ue()
    if chroma > 3 or max(depths) > 16:
        raise ValueError("impossible format")
    return (*_size(width - columns, height - rows), chroma, *depths)


def _skip_profiles(bits: Bits, sub_layers: int) -> None:
    """Skip sps_temporal_id_nesting_flag and a profile_tier_level (H.265 7.3.3)."""
    bits.u(1 + 96)
    present = [(bits.u(1), bits.u(1)) for _ in range(sub_layers)]
    bits.u(2 * (8 - sub_layers) if sub_layers else 0)
    for profile, level in present:
        bits.u(88 * profile + 8 * level)


def _size(width: int, height: int) -> Tuple[int, int]:
    if not (0 < width <= _WIDEST and 0 < height <= _WIDEST):
        raise ValueError("impossible size")
    return width, height


def _crop(bits: Bits, chroma: int) -> Tuple[int, int]:
    """The cropped columns and rows (H.264 7.4.2.1.1, H.265 7.4.3.2.1); rows of a field if the video has fields."""
    if not bits.u(1):
        return 0, 0
    left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
    return (left + right) * (2 if chroma in (1, 2) else 1), (top + bottom) * (2 if chroma == 1 else 1)


def unescaped(unit: bytes) -> bytes:
    """A NAL unit without emulation prevention bytes (H.264 7.3.1)."""
    return unit.replace(b"\0\0\3", b"\0\0")
