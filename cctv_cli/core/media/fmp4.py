"""Times in fragmented MP4 files (ISO/IEC 14496-12): when a file's video starts, how long it is, where it has holes.

Reads files as FFmpeg's `mp4` muxer writes them with `empty_moov`: `ftyp` and `moov` first, then movie fragments, each
a `moof` with the time of its first sample (`tfdt`) before its media data (`mdat`). Edit lists are ignored, because
FFmpeg writes none. Reading stops at an incomplete or malformed box. Numbers in brackets are sections of the standard.
"""

from __future__ import annotations

import os
import re
import struct
from contextlib import contextmanager
from pathlib import Path
from struct import unpack_from
from typing import BinaryIO, Callable, FrozenSet, Iterator, List, Match, NamedTuple, Optional, Tuple

from cctv_cli.core.files import open_to_change, open_to_read
from cctv_cli.core.media.span import ENOUGH, TICKS, WRAP, Frame, KeyFrame, newest_end

_MOOF = b"moof\0\0\0\x10mfhd"  # the start of each movie fragment, after its length (8.8.4, 8.8.5)
_MOST_BYTES = 1 << 18  # in a moov or moof; one that claims more is damaged
_MOST_SAMPLES = 1 << 14  # in a fragment: minutes of video at any frame rate, in little memory
_TAIL = 64 * 1024
_TAILS = (_TAIL, 4 * _TAIL, 16 * _TAIL)  # tried in turn until one holds enough frames
_HEV1 = re.compile(rb"(stsd\0{4}\0{3}\x01.{4})hev1", re.DOTALL)  # the only entry of a sample description box (8.5.2)
_NO_KEY = 0x10000  # sample_is_non_sync_sample (8.8.3.1)
_SPS, _FIRST_NON_VCL = 33, 32  # NAL unit types (ITU-T H.265, table 7-1)


class _Track(NamedTuple):
    """A track: its number, ticks per second, and the default duration and flags of its samples."""

    number: int
    timescale: int
    duration: int
    flags: int


def frames(path: Path) -> List[Frame]:
    """Every video frame of a file, in the order of the file. Raises OSError."""
    with open_to_read(path) as file:
        return list(_all_frames(file))


def first_pts(path: Path) -> Optional[int]:
    """The raw time of a file's first video frame; None if it has none. Raises OSError."""
    with open_to_read(path) as file:
        return next((time for time, _ in _all_frames(file)), None)


def key_frames(path: Path) -> List[KeyFrame]:
    """See `segment_file.key_frames`. Raises OSError."""
    found: List[KeyFrame] = []
    before = 0
    with open_to_read(path) as file:
        size = _size(file)
        track = _video_track(file, size)
        for fragment in [] if track is None else _fragments(file, 0, size, track):
            time, is_key = fragment.frames[0]
            if is_key:
                sample = _read(file, fragment.begin, min(fragment.end, fragment.begin + _TAIL))
                found.append(KeyFrame(fragment.at, before, time, sample))
            before += len(fragment.frames)
    return found


def last_end(
    file: BinaryIO, size: int, *, frames_late: int = 0, usual: Optional[int] = None, beside_audio: bool = False
) -> Optional[int]:
    """See `segment_file.last_end`. Raises OSError."""
    track = _video_track(file, size)
    if track is None:
        return None
    times: List[int] = []
    for window in _TAILS:
        begin = max(0, size - window)
        moof = _read(file, begin, size).find(_MOOF, 4)
        times = [] if moof < 0 else [time for time, _ in _frames(file, begin + moof - 4, size, track)]
        if len(times) >= ENOUGH or begin == 0:
            break
    return newest_end(times, frames_late, usual, beside_audio=beside_audio)


def header_size(path: Path) -> Optional[int]:
    """The bytes of `ftyp` and `moov`, which a player needs before any fragment; None while they are incomplete.

    Raises OSError.
    """
    with open_to_read(path) as file:
        moov = _moov(file, _size(file))
    return None if moov is None else moov[1]


def tag_hvc1(header: bytes) -> bytes:
    """The header of a file with its H.265 sample entries named hvc1, the only tag that iOS plays.

    FFmpeg writes hev1: under the tag hvc1 its newer versions drop the parameter sets inside the stream
    (ISO/IEC 14496-15 8.4.1), and with them a change of resolution.
    """
    return _HEV1.sub(rb"\1hvc1", header)


def cut_torn_end(path: Path) -> None:
    """Cut off an incomplete fragment at a file's end, because players would read the next file as the rest of it.

    The file keeps its modification time. Raises OSError.
    """
    with open_to_change(path) as file, keeping_times(path):
        size = _size(file)
        whole = whole_size(file, size)
        if 0 < whole < size:
            file.truncate(whole)


def whole_size(file: BinaryIO, size: int) -> int:
    """The number of bytes up to the end of the last complete fragment in the first `size`. Raises OSError."""
    ends = [end for kind, _, end in _file_boxes(file, 0, size) if kind in (b"moov", b"mdat")]
    return ends[-1] if ends else 0


@contextmanager
def keeping_times(path: Path) -> Iterator[None]:
    """Give a file its times back after a change."""
    before = path.stat()
    yield
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def leading_sps(path: Path) -> FrozenSet[bytes]:
    """The sequence parameter sets before a file's first H.265 picture; empty if it has none. Raises OSError.

    They have the true picture size, while FFmpeg's header has the size that the camera announced. The result is a
    set, because cameras repeat the same parameter set.
    """
    return frozenset(unit for unit in leading_units(first_video_sample(path)) if unit[0] >> 1 & 0x3F == _SPS)


def first_video_sample(path: Path) -> bytes:
    """The beginning of a file's first video sample; empty if it has none. Raises OSError."""
    with open_to_read(path) as file:
        size = _size(file)
        track = _video_track(file, size)
        moof = b""
        for kind, begin, end in _file_boxes(file, 0, size):
            if kind == b"moof":
                moof = _read(file, begin, min(end, begin + _MOST_BYTES))
            elif kind == b"mdat" and track is not None and _fragment_of(track.number)(moof):
                return _read(file, begin, min(end, begin + _TAIL))
    return b""


def leading_units(sample: bytes) -> Iterator[bytes]:
    """The NAL units before the picture of an H.265 sample, in which each is after its length."""
    at = 0
    while at + 6 <= len(sample):
        length, kind = _u32(sample, at), sample[at + 4] >> 1 & 0x3F
        if kind < _FIRST_NON_VCL or not 2 <= length <= len(sample) - at - 4:
            return
        yield sample[at + 4 : at + 4 + length]
        at += 4 + length


def holds_video(path: Path) -> bool:
    """Whether a file has a video track, even one without frames. Raises OSError."""
    with open_to_read(path) as file:
        return _video_track(file, _size(file)) is not None


def has_audio(path: Path) -> bool:
    """See `segment_file.has_audio`. Raises OSError."""
    with open_to_read(path) as file:
        size = _size(file)
        place = _moov(file, size)
        tracks = [] if place is None else [content for kind, content in boxes(_read(file, *place)) if kind == b"trak"]
        tail = _read(file, max(0, size - 4 * _TAIL), size)
    try:
        sounds = [_after_dates(inside(trak, b"tkhd")) for trak in tracks if _handler(trak) == b"soun"]
    except struct.error:  # a box that is too short for its fields
        return False
    return any(_fragment_of(number)(tail) for number in sounds)


def _fragment_of(number: int) -> Callable[[bytes], Optional[Match[bytes]]]:
    """Finds a movie fragment of a track (8.8.7): four times as fast as reading the boxes."""
    return re.compile(b"tfhd....%b" % re.escape(number.to_bytes(4, "big")), re.DOTALL).search


def _handler(trak: bytes) -> bytes:
    return inside(trak, b"mdia", b"hdlr")[8:12]


def _all_frames(file: BinaryIO) -> Iterator[Frame]:
    size = _size(file)
    track = _video_track(file, size)
    return iter(()) if track is None else _frames(file, 0, size, track)


def _frames(file: BinaryIO, at: int, size: int, track: _Track) -> Iterator[Frame]:
    """Every video frame in the complete fragments from `at` up to `size`, in the order of the file."""
    return (frame for fragment in _fragments(file, at, size, track) for frame in fragment.frames)


class _Fragment(NamedTuple):
    """A complete fragment with video: where it begins, where its media data begins and ends, and its frames."""

    at: int
    begin: int
    end: int
    frames: List[Frame]


def _fragments(file: BinaryIO, at: int, size: int, track: _Track) -> Iterator[_Fragment]:
    """Every complete fragment with video from `at` up to `size`."""
    has_track = _fragment_of(track.number)
    moof, begun, box = b"", at, at
    for kind, begin, end in _file_boxes(file, at, size):
        if kind == b"moof":
            moof, begun = _read(file, begin, end) if end - begin <= _MOST_BYTES else b"", box
        elif kind == b"mdat" and has_track(moof):
            shown = _fragment_frames(moof, track, min(end - begin, _MOST_SAMPLES))
            raw = [((time * TICKS + track.timescale // 2) // track.timescale % WRAP, key) for time, key in shown]
            if raw:
                yield _Fragment(begun, begin, end, raw)
            moof = b""
        box = end


def _size(file: BinaryIO) -> int:
    return file.seek(0, 2)


def _read(file: BinaryIO, begin: int, end: int) -> bytes:
    file.seek(begin)
    return file.read(end - begin)


def _file_boxes(file: BinaryIO, at: int, size: int) -> Iterator[Tuple[bytes, int, int]]:
    """The boxes from `at` on that are complete within `size` bytes: type, start and end of the content.

    Reads only their headers.
    """
    while at + 8 <= size:
        kind, header, length = _header(_read(file, at, at + 16).ljust(16, b"\0"), 0)
        if not header <= length <= size - at:
            return
        yield kind, at + header, at + length
        at += length


def boxes(data: bytes) -> Iterator[Tuple[bytes, bytes]]:
    """The consecutive boxes in `data`: type and content. Stops at an incomplete box."""
    at = 0
    while at + 8 <= len(data):
        kind, header, length = _header(data, at)
        if not header <= length <= len(data) - at:
            return
        yield kind, data[at + header : at + length]
        at += length


def _header(data: bytes, at: int) -> Tuple[bytes, int, int]:
    """The type of the box at `at`, the length of its header, and the length that the box claims (4.2)."""
    length, kind = unpack_from(">I4s", data, at)
    if length != 1:
        return kind, 8, length
    return kind, 16, int.from_bytes(data[at + 8 : at + 16], "big")  # 64 bits


def _fragment_frames(moof: bytes, track: _Track, room: int) -> List[Frame]:
    """A track's samples in a fragment, with presentation times in its ticks; none if the fragment is damaged.

    A fragment that claims more than `room` samples counts as damaged.
    """
    found: List[Frame] = []
    try:
        for kind, traf in boxes(moof):
            if kind == b"traf":
                found += _track_frames(traf, track, room - len(found))
    except struct.error:  # a box that is too short for its fields
        return []
    return found


def _track_frames(traf: bytes, track: _Track, room: int) -> List[Frame]:
    """The samples in one track fragment (8.8.6); none if it belongs to another track."""
    found: List[Frame] = []
    time = None
    for kind, box in boxes(traf):
        if kind == b"tfhd":
            if _u32(box, 4) != track.number:
                return []
            track = _in_fragment(box, track)
        elif kind == b"tfdt":  # 8.8.12
            (time,) = unpack_from(">q" if box[:1] > b"\0" else ">I", box, 4)
        elif kind == b"trun" and time is not None:
            shown, time = _run(box, time, track, room - len(found))
            found += shown
    return found


def _in_fragment(tfhd: bytes, track: _Track) -> _Track:
    """The track with the sample defaults of a fragment (8.8.7)."""
    present = _u32(tfhd, 0)
    at = 8 + 8 * (present & 1) + 2 * (present & 2)
    if present & 8:
        track = track._replace(duration=_u32(tfhd, at))
    if present & 0x20:
        track = track._replace(flags=_u32(tfhd, at + (present & 8) // 2 + (present & 0x10) // 4))
    return track


def _run(trun: bytes, time: int, track: _Track, room: int) -> Tuple[List[Frame], int]:
    """The samples of a run (8.8.8) that begins at the decoding time `time`, and the time at which it ends."""
    present, count = _u32(trun, 0), _u32(trun, 4)
    at = 8 + 4 * (present & 1) + (present & 4)  # after the data offset and the flags of the first sample
    step = 4 * bin(present & 0xF00).count("1")
    if count > min(room, len(trun) // step if step else room):
        raise struct.error(f"{count} samples do not fit")
    signed = ">i" if present >> 24 else ">I"
    flags_at = (present & 0x100) // 64 + (present & 0x200) // 128  # after duration and size
    found = []
    for number in range(count):
        (shift,) = unpack_from(signed, trun, at + step - 4) if present & 0x800 else (0,)
        flags = _u32(trun, at + flags_at) if present & 0x400 else track.flags
        if number == 0 and present & 4:
            flags = _u32(trun, 8 + 4 * (present & 1))
        found.append((time + shift, not flags & _NO_KEY))
        time += _u32(trun, at) if present & 0x100 else track.duration
        at += step
    return found, time


def _moov(file: BinaryIO, size: int) -> Optional[Tuple[int, int]]:
    """Start and end of the content of the `moov` (8.2.1) after a file's `ftyp`; None while it is incomplete."""
    boxes = _file_boxes(file, 0, size)
    first, second = next(boxes, None), next(boxes, None)
    if first is None or second is None or (first[0], second[0]) != (b"ftyp", b"moov"):
        return None
    return second[1:] if second[2] - second[1] <= _MOST_BYTES else None


def _video_track(file: BinaryIO, size: int) -> Optional[_Track]:
    """The first video track of a file."""
    place = _moov(file, size)
    if place is None:
        return None
    moov = _read(file, *place)
    try:
        tracks = (_track(moov, content) for kind, content in boxes(moov) if kind == b"trak")
        return next((track for track in tracks if track is not None), None)
    except struct.error:  # a box that is too short for its fields
        return None


def _track(moov: bytes, trak: bytes) -> Optional[_Track]:
    """The track of a `trak` (8.3.1) if it is video that can be timed."""
    if _handler(trak) != b"vide":
        return None
    number, timescale = _after_dates(inside(trak, b"tkhd")), _after_dates(inside(trak, b"mdia", b"mdhd"))
    return _Track(number, timescale, *_sample_defaults(moov, number)) if timescale else None


def _after_dates(box: bytes) -> int:
    """The number after the dates of creation and modification, which have 64 bits in version 1 of a box."""
    return _u32(box, 20 if box[:1] > b"\0" else 12)


def _sample_defaults(moov: bytes, number: int) -> Tuple[int, int]:
    """The default duration and flags of this track's samples, which a fragment may override (8.8.3)."""
    defaults = (box for kind, box in boxes(inside(moov, b"mvex")) if kind == b"trex" and _u32(box, 4) == number)
    return next(((_u32(box, 12), _u32(box, 20)) for box in defaults), (0, 0))


def inside(data: bytes, *path: bytes) -> bytes:
    """The content of the first box with this path of types; empty if there is none."""
    for wanted in path:
        data = next((content for kind, content in boxes(data) if kind == wanted), b"")
    return data


def _u32(data: bytes, at: int) -> int:
    return int(unpack_from(">I", data, at)[0])
