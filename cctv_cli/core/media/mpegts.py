"""Times in MPEG-TS files (ISO/IEC 13818-1): when a file's video starts, how long it is, where it has holes.

Reads the presentation times (PTS, 90 kHz, 33 bit) in the video's PES headers as FFmpeg's
`mpegts` muxer writes them: PAT and PMT come first, and every frame begins a packet.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Iterator, List, Optional, Tuple

from cctv_cli.core.files import open_to_read
from cctv_cli.core.media.span import ENOUGH, Frame, KeyFrame, newest_end

PACKET = 188
_SYNC = 0x47
_VIDEO_TYPES = (0x01, 0x02, 0x10, 0x1B, 0x24)  # MPEG-1, MPEG-2, MPEG-4, H.264, H.265
_TAIL = 64 * 1024
_TAILS = (_TAIL, 4 * _TAIL, 16 * _TAIL)  # tried in turn until one holds enough frames
_SAMPLE = 32 * 1024  # bytes of a frame that tell it from others
_BLOCK = 348 * PACKET  # bytes read at once, just under 64 KiB


def frames(path: Path) -> List[Frame]:
    """Every video frame of a file, in the order of the file. Raises OSError.

    A key frame is one whose packet says that decoding may begin there (random_access_indicator, 2.4.3.5).
    """
    found: List[Frame] = []
    pid = None
    with open_to_read(path) as file:
        for block in iter(lambda: file.read(_BLOCK), b""):
            pid = video_pid(block) if pid is None else pid
            if pid is not None:
                found += _frames(block, pid)
    return found


def first_pts(path: Path) -> Optional[int]:
    """The raw PTS of a file's first video frame; None if it has none. Raises OSError."""
    with open_to_read(path) as file:
        head = file.read(_TAIL)
    pid = video_pid(head)
    if pid is None:
        return None
    return next((time for time, _ in _frames(head, pid)), None)


def first_sample(path: Path) -> bytes:
    """See `segment_file.first_sample`. Raises OSError."""
    with open_to_read(path) as file:
        pid = video_pid(file.read(_BLOCK))
        return b"" if pid is None else _sample(file, 0, pid)


def key_frames(path: Path) -> List[KeyFrame]:
    """See `segment_file.key_frames`. Raises OSError."""
    found: List[KeyFrame] = []
    pid, begin, before = None, 0, 0
    with open_to_read(path) as file:
        for block in iter(lambda: file.read(_BLOCK), b""):
            pid = video_pid(block) if pid is None else pid
            for at in [] if pid is None else _openings(block, pid):
                time = _pes_pts(block, at)
                if time is not None and _may_begin(block, at):
                    found.append(KeyFrame(begin + at, before, time, b""))
                before += time is not None
            begin += len(block)
        return [key._replace(sample=_sample(file, key.at, pid)) for key in found if pid is not None]


def _sample(file: BinaryIO, at: int, pid: int) -> bytes:
    """The first frame of `pid` from the packet at `at` on, or its beginning; empty until it is written."""
    file.seek(at)
    head = file.read(_BLOCK)
    openings = [each for each in _openings(head, pid) if _pes_pts(head, each) is not None]
    if not openings:
        return b""
    sample = payload(head[openings[0] : openings[1] if len(openings) > 1 else None], pid)[:_SAMPLE]
    return sample if len(openings) > 1 or len(sample) == _SAMPLE else b""


def last_end(
    file: BinaryIO, size: int, *, frames_late: int = 0, usual: Optional[int] = None, beside_audio: bool = False
) -> Optional[int]:
    """See `segment_file.last_end`. Raises OSError."""
    file.seek(0)
    pid = video_pid(file.read(16 * PACKET))
    if pid is None:
        return None
    times: List[int] = []
    for window in _TAILS:
        begin = max(0, size - window) // PACKET * PACKET
        file.seek(begin)
        times = [time for time, _ in _frames(file.read(size - begin), pid)]
        if len(times) >= ENOUGH or begin == 0:
            break
    return newest_end(times, frames_late, usual, beside_audio=beside_audio)


def holds_video(path: Path) -> bool:
    """Whether a file's tables name a video stream, even one without frames. Raises OSError."""
    with open_to_read(path) as file:
        return video_pid(file.read(_TAIL)) is not None


def whole_size(file: BinaryIO) -> int:
    """The number of bytes up to the end of the last whole packet of an open file. Raises OSError.

    A power cut may leave zeros at a file's end: its size reached the disk, but not its last bytes.
    """
    end = file.seek(0, 2) // PACKET * PACKET
    while end:
        begin = max(0, end - _BLOCK)
        file.seek(begin)
        syncs = file.read(end - begin)[::PACKET]
        last = syncs.rfind(_SYNC)
        if last >= 0:
            return begin + (last + 1) * PACKET
        end = begin
    return 0


def has_audio(path: Path) -> bool:
    """See `segment_file.has_audio`. Raises OSError."""
    with open_to_read(path) as file:
        pids = {pid for kind, pid in streams(file.read(_BLOCK)) if kind not in _VIDEO_TYPES}
        file.seek(max(0, file.seek(0, 2) - 4 * _TAIL) // PACKET * PACKET)
        data = file.read()
    return any((data[at + 1] & 0x1F) << 8 | data[at + 2] in pids for at in range(0, len(data) - PACKET + 1, PACKET))


def video_pid(data: bytes) -> Optional[int]:
    """The PID of the first video stream that the PMT names; None without PAT and PMT."""
    return next((pid for kind, pid in streams(data) if kind in _VIDEO_TYPES), None)


def streams(data: bytes) -> List[Tuple[int, int]]:
    """The stream_type (table 2-34) and PID of every stream that the PMT names; none without PAT and PMT."""
    pmt_pid = None
    for at in range(0, len(data) - PACKET + 1, PACKET):
        if data[at] != _SYNC or not data[at + 1] & 0x40:
            continue
        pid = (data[at + 1] & 0x1F) << 8 | data[at + 2]
        if pid == 0:
            pmt_pid = _first_program(_section(data, at))
        elif pid == pmt_pid:
            return _streams(_section(data, at))
    return []


def payload(data: bytes, pid: int) -> bytes:
    """The elementary stream of `pid` in `data`, from its first PES packet (2.4.3.6) on; `data` begins on a packet."""
    parts: List[bytes] = []
    for at in range(0, len(data) - PACKET + 1, PACKET):
        packet = data[at : at + PACKET]
        starts = packet[1] & 0x40
        if packet[0] != _SYNC or (packet[1] & 0x1F) << 8 | packet[2] != pid or not (starts or parts):
            continue
        begin = 5 + packet[4] if packet[3] & 0x20 else 4
        if starts:
            begin += 9 + packet[begin + 8] if begin + 8 < PACKET else PACKET
        parts.append(packet[begin:] if packet[3] & 0x10 else b"")
    return b"".join(parts)


def _section(data: bytes, at: int) -> bytes:
    """The table section that begins in the packet at `at` (2.4.4)."""
    packet = data[at : at + PACKET]
    begin = 4
    if packet[3] & 0x20:
        begin += 1 + packet[begin]
    begin += 1 + (packet[begin] if begin < PACKET else 0)  # pointer_field
    if begin + 3 > PACKET:
        return b""
    length = (packet[begin + 1] & 0x0F) << 8 | packet[begin + 2]
    return packet[begin : begin + 3 + length]


def _first_program(section: bytes) -> Optional[int]:
    for at in range(8, len(section) - 4 - 3, 4):
        if section[at] or section[at + 1]:
            return (section[at + 2] & 0x1F) << 8 | section[at + 3]
    return None


def _streams(section: bytes) -> List[Tuple[int, int]]:
    if len(section) < 12:
        return []
    found = []
    at = 12 + ((section[10] & 0x0F) << 8 | section[11])
    while at + 5 <= len(section) - 4:
        found.append((section[at], (section[at + 1] & 0x1F) << 8 | section[at + 2]))
        at += 5 + ((section[at + 3] & 0x0F) << 8 | section[at + 4])
    return found


def _frames(data: bytes, pid: int) -> List[Frame]:
    """Every frame of `pid` in the order of the file; `data` begins on a packet."""
    timed = ((_pes_pts(data, at), at) for at in _openings(data, pid))
    return [(pts, _may_begin(data, at)) for pts, at in timed if pts is not None]


def _openings(data: bytes, pid: int) -> Iterator[int]:
    """Where packets of `pid` are that begin a PES packet; `data` begins on a packet."""
    # the second and third bytes of all packets: searching these is a hundred times shorter
    seconds, thirds = data[1::PACKET], data[2::PACKET]
    opening, low = 0x40 | pid >> 8, pid & 0xFF  # payload_unit_start_indicator and the PID's high bits
    index = seconds.find(opening)
    while 0 <= index < len(data) // PACKET:
        if thirds[index] == low and data[index * PACKET] == _SYNC:
            yield index * PACKET
        index = seconds.find(opening, index + 1)


def _may_begin(data: bytes, at: int) -> bool:
    """Whether the packet at `at` is marked as a point where decoding may begin."""
    return bool(data[at + 3] & 0x20 and data[at + 4] and data[at + 5] & 0x40)


def _pes_pts(data: bytes, at: int) -> Optional[int]:
    """The PTS of the PES header that begins in the packet at `at` (2.4.3.6)."""
    begin = at + 4
    if data[at + 3] & 0x20:
        begin += 1 + data[begin]
    if begin + 14 > at + PACKET or data[begin : begin + 3] != b"\0\0\1" or not data[begin + 7] & 0x80:
        return None
    p = data[begin + 9 : begin + 14]
    return (p[0] & 0x0E) << 29 | p[1] << 22 | (p[2] & 0xFE) << 14 | p[3] << 7 | p[4] >> 1
