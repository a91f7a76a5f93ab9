"""Makes the header of an H.265 file (ISO/IEC 14496-15 8.3.3.1) describe the picture that is in the file.

FFmpeg writes the parameter sets and the size that the camera announced over RTSP, and they may be those of another
picture. Players that decode by the header show nothing then, and the size that it names is wrong.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Callable, Dict, List, Sequence

from cctv_cli.core import files
from cctv_cli.core.media.fmp4 import (
    boxes,
    first_video_sample,
    header_size,
    inside,
    keeping_times,
    leading_units,
    tag_hvc1,
)
from cctv_cli.core.media.parameter_sets import describe_h265, unescaped

_VPS, _SPS, _PPS = 32, 33, 34  # nal_unit_type (ITU-T H.265 table 7-1)
_TO_ENTRIES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
_BEFORE_BOXES = {b"stsd": 8, b"hev1": 78, b"hvc1": 78}  # bytes of fields before the boxes inside
_PROFILE = slice(3, 15)  # of an SPS: the general fields of profile_tier_level (H.265 7.3.3), as in hvcC
_Units = Dict[int, List[bytes]]


def correct_file(path: Path) -> None:
    """Make a file's header that of `true_header`; a second call changes nothing. Raises OSError.

    The file keeps its modification time, which shows when the last frame arrived.
    """
    size = header_size(path)
    if size is None:
        return
    with files.open_to_read(path) as file:
        header = file.read(size)
        corrected = _padded(true_header(header, first_video_sample(path)), size)
        if corrected == header:
            return
        rest = b"" if len(corrected) == size else file.read()
    with keeping_times(path):
        if len(corrected) != size:
            files.replace_bytes(path, corrected + rest, durable=False)
            return
        with files.open_to_change(path) as file:
            file.write(corrected)
            file.flush()


def true_header(header: bytes, sample: bytes) -> bytes:
    """A file's header, tagged hvc1, with the parameter sets before the picture in `sample`, if it has them."""
    units: _Units = {}
    for unit in leading_units(sample):
        units.setdefault(unit[0] >> 1 & 0x3F, []).append(unit)
    try:
        return tag_hvc1(_with_units(header, units))
    except (ValueError, IndexError, struct.error):  # damaged
        return tag_hvc1(header)


def _with_units(header: bytes, units: _Units) -> bytes:
    entries = inside(header, *_TO_ENTRIES)[_BEFORE_BOXES[b"stsd"] :]
    kind = next((each for each, _ in boxes(entries) if each in (b"hev1", b"hvc1")), b"")
    if not kind or not all(each in units for each in (_VPS, _SPS, _PPS)):
        return header
    old = inside(inside(entries, kind)[_BEFORE_BOXES[kind] :], b"hvcC")
    if all(struct.pack(">H", len(unit)) + unit in old for each in (_VPS, _SPS, _PPS) for unit in units[each]):
        return header
    width, height, *_ = describe_h265(units[_SPS][0])
    changed = _changed(header, (*_TO_ENTRIES, kind, b"hvcC"), lambda content: _hvcc(content, units))
    changed = _changed(changed, (*_TO_ENTRIES, kind), lambda e: e[:24] + struct.pack(">HH", width, height) + e[28:])
    return _changed(changed, (b"moov", b"trak", b"tkhd"), lambda t: _with_size(t, width, height))


def _with_size(tkhd: bytes, width: int, height: int) -> bytes:
    """The track header with this size (ISO/IEC 14496-12 8.3.2), if it has one: audio has none."""
    return tkhd if tkhd[-8:] == bytes(8) else tkhd[:-8] + struct.pack(">II", width << 16, height << 16)


def _hvcc(old: bytes, units: _Units) -> bytes:
    sps = units[_SPS][0]
    _, _, chroma, luma_depth, chroma_depth = describe_h265(sps)
    profile = unescaped(sps)[_PROFILE]
    formats = bytes([0xFC | chroma, 0xF8 | luma_depth - 8, 0xF8 | chroma_depth - 8])
    arrays = b""
    for kind in (_VPS, _SPS, _PPS):
        distinct = list(dict.fromkeys(units[kind]))
        arrays += struct.pack(">BH", kind, len(distinct))
        arrays += b"".join(struct.pack(">H", len(unit)) + unit for unit in distinct)
    return old[:1] + profile + old[13:16] + formats + old[19:22] + b"\3" + arrays


def _changed(data: bytes, path: Sequence[bytes], change: Callable[[bytes], bytes]) -> bytes:
    """The boxes in `data` with the content of each box at this path of types changed."""
    parts = []
    for kind, content in boxes(data):
        if kind == path[0] and len(path) == 1:
            content = change(content)
        elif kind == path[0]:
            fields = _BEFORE_BOXES.get(kind, 0)
            content = content[:fields] + _changed(content[fields:], path[1:], change)
        parts.append(struct.pack(">I4s", 8 + len(content), kind) + content)
    return b"".join(parts)


def _padded(header: bytes, size: int) -> bytes:
    """The header with free space at the end of its `moov`, so that it has this size, if there is room for it."""
    room = size - len(header)
    if room < 8:
        return header
    return _changed(header, (b"moov",), lambda moov: moov + struct.pack(">I4s", room, b"free") + bytes(room - 8))
