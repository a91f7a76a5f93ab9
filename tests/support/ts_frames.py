"""An MPEG-TS reader for tests (ISO/IEC 13818-1), independent of FFmpeg.

It finds what a recording holds: which frames of the test camera (by the number in their SEI), with
which PTS, and whether the transport stream is valid. A truncated last packet is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Collection, Dict, Iterator, List, Optional, Sequence, Tuple

from tests.support.nal import H264, H265, Codec, split_nals

_PACKET = 188
_VIDEO_TYPES = {0x1B: H264, 0x24: H265}
_AUDIO_TYPES = (0x03, 0x04, 0x0F, 0x11)  # MPEG-1, MPEG-2, AAC in ADTS, AAC in LATM
_NULL_PID = 0x1FFF


@dataclass(frozen=True)
class RecordedFrame:
    """A frame of a file: `number` from the camera's SEI (None without one), times in 90 kHz ticks."""

    number: Optional[int]
    pts: int
    dts: int
    key: bool


@dataclass(frozen=True)
class ContinuityError:
    """Packet `index` (counted from 0 over all files) of `pid` has counter `found` instead of `expected`."""

    index: int
    pid: int
    expected: int
    found: int


@dataclass(frozen=True)
class _Packet:
    pid: int
    starts: bool  # payload_unit_start_indicator
    counter: int
    discontinuity: bool
    payload: Optional[bytes]


def read_frames(path: Path) -> List[RecordedFrame]:
    """Every video frame of a file in its order, including a last one whose data were cut off.

    Raises ValueError if the file is not a transport stream, or its tables name neither H.264 nor H.265.
    """
    data = path.read_bytes()
    types = _stream_types(data)
    pid = _pid_of(types, _VIDEO_TYPES)
    if pid is None:
        raise ValueError(f"{path}: neither H.264 nor H.265 in the PMT")
    codec = _VIDEO_TYPES[types[pid]]
    return [frame for pes in _pes_packets(data, pid) for frame in _frames(codec, pes)]


def frames_of(codec: Codec, nals: Sequence[bytes], pts: int, dts: int) -> List[RecordedFrame]:
    """The frames in NAL units with the same time: one for each number in them, or one without a number."""
    key = any(map(codec.is_key, nals))
    numbers = [number for number in map(codec.frame_number, nals) if number is not None]
    return [RecordedFrame(number, pts, dts, key) for number in numbers] or [RecordedFrame(None, pts, dts, key)]


def audio_stream_type(path: Path) -> Optional[int]:
    """The stream_type of the audio, such as 0x0F for AAC in ADTS; None if the file has none."""
    types = _stream_types(path.read_bytes())
    pid = _pid_of(types, _AUDIO_TYPES)
    return None if pid is None else types[pid]


def audio_pts(path: Path) -> List[int]:
    """The PTS of each audio PES packet in 90 kHz ticks, in the file's order; empty without audio."""
    data = path.read_bytes()
    pid = _pid_of(_stream_types(data), _AUDIO_TYPES)
    return [] if pid is None else [_times(pes)[0] for pes in _pes_packets(data, pid)]


def continuity_errors(*paths: Path) -> List[ContinuityError]:
    """Every break of a continuity counter in these files, read as one stream (ISO/IEC 13818-1 § 2.4.3.3)."""
    errors = []
    last: Dict[int, int] = {}
    packets = (packet for path in paths for packet in _packets(path.read_bytes()))
    for index, packet in enumerate(packets):
        if packet.pid == _NULL_PID or packet.payload is None:
            continue
        expected = (last.get(packet.pid, packet.counter - 1) + 1) % 16
        if packet.counter != expected and not packet.discontinuity:
            errors.append(ContinuityError(index, packet.pid, expected, packet.counter))
        last[packet.pid] = packet.counter
    return errors


def _packets(data: bytes) -> Iterator[_Packet]:
    for position in range(0, len(data) - _PACKET + 1, _PACKET):
        packet = data[position : position + _PACKET]
        if packet[0] != 0x47:
            raise ValueError(f"no sync byte at offset {position}: not a transport stream")
        control = packet[3] >> 4 & 3
        adapted = control & 2 and packet[4] > 0
        start = 5 + packet[4] if control & 2 else 4
        yield _Packet(
            pid=(packet[1] & 0x1F) << 8 | packet[2],
            starts=bool(packet[1] & 0x40),
            counter=packet[3] & 0x0F,
            discontinuity=bool(adapted and packet[5] & 0x80),
            payload=packet[start:] if control & 1 else None,
        )


def _stream_types(data: bytes) -> Dict[int, int]:
    """Elementary PID -> stream_type, by the first PAT and PMT."""
    pat = _section(data, 0)
    program_map = (pat[10] & 0x1F) << 8 | pat[11]
    pmt = _section(data, program_map)
    types = {}
    position = 12 + ((pmt[10] & 0x0F) << 8 | pmt[11])
    while position < len(pmt) - 4:  # a CRC ends the section
        pid = (pmt[position + 1] & 0x1F) << 8 | pmt[position + 2]
        types[pid] = pmt[position]
        position += 5 + ((pmt[position + 3] & 0x0F) << 8 | pmt[position + 4])
    return types


def _section(data: bytes, pid: int) -> bytes:
    """The first section on `pid` (FFmpeg's fit in one packet)."""
    for packet in _packets(data):
        if packet.pid == pid and packet.starts and packet.payload:
            section = packet.payload[1 + packet.payload[0] :]
            return section[: 3 + ((section[1] & 0x0F) << 8 | section[2])]
    raise ValueError(f"no section on PID {pid}")


def _pid_of(types: Dict[int, int], wanted: Collection[int]) -> Optional[int]:
    return next((pid for pid, stream_type in types.items() if stream_type in wanted), None)


def _pes_packets(data: bytes, pid: int) -> Iterator[bytes]:
    """The PES packets on `pid`; bytes before the first start are left out."""
    parts: List[bytes] = []
    for packet in _packets(data):
        if packet.pid != pid or packet.payload is None:
            continue
        if packet.starts:
            if parts:
                yield b"".join(parts)
            parts = [packet.payload]
        elif parts:
            parts.append(packet.payload)
    if parts:
        yield b"".join(parts)


def _frames(codec: Codec, pes: bytes) -> List[RecordedFrame]:
    """The frame of a PES packet, or several if a muxer has joined them."""
    pts, dts = _times(pes)
    return frames_of(codec, split_nals(pes[9 + pes[8] :]), pts, dts)


def _times(pes: bytes) -> Tuple[int, int]:
    """(PTS, DTS) of a PES packet; a missing DTS equals the PTS."""
    pts = _timestamp(pes[9:14])
    return pts, _timestamp(pes[14:19]) if pes[7] & 0x40 else pts


def _timestamp(field: bytes) -> int:
    return (field[0] >> 1 & 7) << 30 | field[1] << 22 | field[2] >> 1 << 15 | field[3] << 7 | field[4] >> 1
