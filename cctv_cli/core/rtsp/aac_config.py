"""Checks whether FFmpeg can record a camera's AAC audio, from its format line in the session description. Pure.

The AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1) is in hexadecimal, by itself (RFC 3640 4.1) or inside a
StreamMuxConfig (1.7.3) for LATM (RFC 6416 7.3). FFmpeg needs it there: it does not read one from the stream.
"""

from __future__ import annotations

import re

_CONFIG = re.compile(r"(?:^|[\s;])config=[ \t]*\"?([0-9a-fA-F]+)", re.IGNORECASE)
_LATM_HEADER = 15  # bits before the AudioSpecificConfig of one program with one layer; FFmpeg reads no other form
_LATM_FIRST = "010000000000000"
_ESCAPE = 31  # an object type of 32 or more follows
_EXTENSIONS = (5, 29)  # SBR and PS, whose core is one of the types below
_ADTS_TYPES = (1, 2, 3, 4)  # Main, LC, SSR and LTP: the only ones that fit in MPEG-TS (1.A.2.2)

NO_CONFIG = (
    "the camera's description of its AAC audio lacks a valid configuration, so audio is left out; "
    "set the camera to G.711 audio or update its firmware"
)
NOT_IN_MPEGTS = (
    "AAC audio of object type {} (such as AAC-ELD) cannot be recorded with H.264, so audio is left out; "
    "set the camera to AAC-LC or G.711"
)


def aac_fault(format_line: str, *, latm: bool, mpegts: bool) -> str:
    """Why AAC with this format line cannot be recorded, with the cure; empty if it can.

    `mpegts` is True if it is recorded as MPEG-TS, with H.264.
    """
    found = _CONFIG.search(format_line)
    digits = found.group(1) if found else ""
    bits = "".join(f"{int(digit, 16):04b}" for digit in digits)
    if latm:
        if not bits.startswith(_LATM_FIRST):
            return NO_CONFIG
        bits = bits[_LATM_HEADER:]
    if len(bits) < 16 or (len(digits) % 2 and not latm):
        return NO_CONFIG
    kind = int(bits[:5], 2)
    kind = 32 + int(bits[5:11], 2) if kind == _ESCAPE else kind
    if not kind:
        return NO_CONFIG
    return NOT_IN_MPEGTS.format(kind) if mpegts and kind not in (*_ADTS_TYPES, *_EXTENSIONS) else ""
