"""A reader of fragmented MP4 for tests (ISO/IEC 14496-12, 14496-15), independent of FFmpeg.

It finds what a recording holds: which frames of the test camera (by the number in their SEI), at which
times, how the video is tagged and configured, and whether the fragments' times are contiguous. A truncated
end of the file is left out.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from tests.support.nal import H264, H265
from tests.support.ts_frames import RecordedFrame, frames_of

_TICKS = 90_000  # a second, in the times of RecordedFrame
_CODECS = {"avc1": H264, "avc3": H264, "hvc1": H265, "hev1": H265}
_ENTRY_FIELDS = 78  # bytes of a video's sample entry before its boxes (14496-12 § 12.1.3)
_NOT_SYNC = 0x10000  # sample_is_non_sync_sample (§ 8.8.3.1)


@dataclass(frozen=True)
class VideoConfig:
    """How a file's video is described: the sample entry's `tag`, such as "hvc1", its size in pixels, parameter sets.

    `codecs` is the value for CODECS attributes (RFC 6381). `complete` is whether the configuration says that the
    samples hold no parameter sets, as hvc1 requires (14496-15 § 8.4.1.1); avc1 always says so.
    """

    tag: str
    width: int
    height: int
    parameter_sets: Tuple[bytes, ...]
    codecs: str
    complete: bool


@dataclass(frozen=True)
class TimeJump:
    """Fragment `index` (counted from 0 over all files) of a track begins at `found` instead of `expected`.

    `handler` is the track's, "vide" or "soun"; times are in ticks, `timescale` to the second.
    """

    index: int
    handler: str
    timescale: int
    expected: int
    found: int

    @property
    def seconds(self) -> float:
        """How far it jumps; negative if fragments overlap."""
        return (self.found - self.expected) / self.timescale


@dataclass(frozen=True)
class _Box:
    kind: str
    begin: int  # of its content, as offset in the file
    end: int


@dataclass(frozen=True)
class _Track:
    number: int
    handler: str
    timescale: int
    entry: _Box  # the first sample entry


@dataclass(frozen=True)
class _Sample:
    dts: int
    pts: int
    duration: int
    sync: bool
    offset: int
    size: int


@dataclass(frozen=True)
class _Fragment:
    """One track's part of a movie fragment."""

    track: int
    begin: int  # baseMediaDecodeTime
    samples: Tuple[_Sample, ...]


def read_frames(path: Path) -> List[RecordedFrame]:
    """Every video frame of a file in its order; keys are frames at which decoding can begin, however they are marked.

    Raises ValueError if the file is not fragmented MP4 with H.264 or H.265, or has an edit list, which this reader
    does not support.
    """
    return [frame for frame, _ in _marked_frames(path)]


def wrong_keys(*paths: Path) -> List[RecordedFrame]:
    """Frames that are marked as sync samples although decoding cannot begin there, or the other way round."""
    return [frame for path in paths for frame, sync in _marked_frames(path) if frame.key != sync]


def video_config(path: Path) -> VideoConfig:
    """How the file describes its video. Raises ValueError like `read_frames`."""
    data = path.read_bytes()
    track = _video(data, path)
    width, height = struct.unpack_from(">HH", data, track.entry.begin + 24)
    config = _configuration(data, track)
    read = _avc_config if _CODECS[track.entry.kind] is H264 else _hevc_config
    sets, name, complete = read(config)
    return VideoConfig(track.entry.kind, width, height, sets, f"{track.entry.kind}.{name}", complete)


def tags(path: Path) -> List[str]:
    """The sample entry of each track, such as ["hvc1", "mp4a"]."""
    return [track.entry.kind for track in _tracks(path.read_bytes())]


def time_jumps(*paths: Path) -> List[TimeJump]:
    """Every fragment that does not begin where the one before ended, in these files read as one stream, all tracks."""
    jumps = []
    ends: Dict[int, int] = {}
    index = -1
    for path in paths:
        data = path.read_bytes()
        tracks = {track.number: track for track in _tracks(data)}
        for moof in _top(data, "moof"):
            index += 1
            for fragment in _fragments(data, moof):
                track = tracks[fragment.track]
                expected = ends.get(fragment.track, fragment.begin)
                if fragment.begin != expected:
                    jumps.append(TimeJump(index, track.handler, track.timescale, expected, fragment.begin))
                ends[fragment.track] = fragment.begin + sum(sample.duration for sample in fragment.samples)
    return jumps


def _marked_frames(path: Path) -> Iterator[Tuple[RecordedFrame, bool]]:
    """Every video frame, and whether it is marked as a sync sample."""
    data = path.read_bytes()
    track = _video(data, path)
    length_size = _length_size(data, track)
    for sample in _samples(data, track.number):
        pts, dts = (round(time * _TICKS / track.timescale) for time in (sample.pts, sample.dts))
        nals = _nals(data[sample.offset : sample.offset + sample.size], length_size)
        for frame in frames_of(_CODECS[track.entry.kind], nals, pts, dts):
            yield frame, sample.sync


def _video(data: bytes, path: Path) -> _Track:
    for track in _tracks(data):
        if track.entry.kind in _CODECS:
            return track
    raise ValueError(f"{path}: no fragmented MP4 with H.264 or H.265")


def _tracks(data: bytes) -> List[_Track]:
    tracks = []
    for moov in _top(data, "moov"):
        _need(data, moov, "mvex")  # without it there are no fragments
        tracks += [_track(data, box) for box in _inside(data, moov) if box.kind == "trak"]
    return tracks


def _track(data: bytes, trak: _Box) -> _Track:
    if _find(data, trak, "edts") is not None:
        raise ValueError("the file has an edit list")
    header = _need(data, trak, "tkhd")
    media_header = _need(data, trak, "mdia", "mdhd")
    handler = _need(data, trak, "mdia", "hdlr")
    entries = _need(data, trak, "mdia", "minf", "stbl", "stsd")
    return _Track(
        number=_u32(data, header.begin + (20 if data[header.begin] else 12)),
        handler=data[handler.begin + 8 : handler.begin + 12].decode("latin-1"),
        timescale=_u32(data, media_header.begin + (20 if data[media_header.begin] else 12)),
        entry=next(_boxes(data, entries.begin + 8, entries.end)),
    )


def _samples(data: bytes, track: int) -> Iterator[_Sample]:
    """The samples of a track whose data are in the file."""
    for moof in _top(data, "moof"):
        for fragment in _fragments(data, moof):
            if fragment.track == track:
                yield from (sample for sample in fragment.samples if sample.offset + sample.size <= len(data))


def _fragments(data: bytes, moof: _Box) -> Iterator[_Fragment]:
    for traf in _inside(data, moof):
        if traf.kind == "traf":
            yield _fragment(data, moof, traf)


def _fragment(data: bytes, moof: _Box, traf: _Box) -> _Fragment:
    """One track fragment (14496-12 § 8.8.6 to 8.8.12)."""
    header = _Reader(data, _need(data, traf, "tfhd").begin)
    _, flags = header.version_and_flags()
    track = header.u32()
    base = header.u64() if flags & 1 else moof.begin - 8
    if not flags & (1 | 0x20000):
        raise ValueError("a fragment whose data are placed neither from its moof nor from the file's start")
    if flags & 2:
        header.u32()
    duration, size, sample_flags = _defaults(data, track)
    duration = header.u32() if flags & 8 else duration
    size = header.u32() if flags & 0x10 else size
    sample_flags = header.u32() if flags & 0x20 else sample_flags
    time_box = _Reader(data, _need(data, traf, "tfdt").begin)
    version, _ = time_box.version_and_flags()
    begin = time_box.u64() if version else time_box.u32()
    samples: List[_Sample] = []
    for run in (box for box in _inside(data, traf) if box.kind == "trun"):
        at = samples[-1].dts + samples[-1].duration if samples else begin
        samples += _run(_Reader(data, run.begin), base, at, (duration, size, sample_flags))
    return _Fragment(track, begin, tuple(samples))


def _run(run: _Reader, base: int, dts: int, defaults: Tuple[int, int, int]) -> Iterator[_Sample]:
    """A track run (14496-12 § 8.8.8)."""
    version, flags = run.version_and_flags()
    count = run.u32()
    offset = base + run.i32() if flags & 1 else base
    first_flags = run.u32() if flags & 4 else None
    for index in range(count):
        duration, size, sample_flags = defaults
        duration = run.u32() if flags & 0x100 else duration
        size = run.u32() if flags & 0x200 else size
        sample_flags = run.u32() if flags & 0x400 else sample_flags
        if index == 0 and first_flags is not None:
            sample_flags = first_flags
        shift = (run.i32() if version else run.u32()) if flags & 0x800 else 0
        yield _Sample(dts, dts + shift, duration, not sample_flags & _NOT_SYNC, offset, size)
        dts += duration
        offset += size


def _defaults(data: bytes, track: int) -> Tuple[int, int, int]:
    """(duration, size, flags) of a track's samples if a fragment does not override them (14496-12 § 8.8.3)."""
    for moov in _top(data, "moov"):
        for trex in _inside(data, _need(data, moov, "mvex")):
            if trex.kind == "trex" and _u32(data, trex.begin + 4) == track:
                return _u32(data, trex.begin + 12), _u32(data, trex.begin + 16), _u32(data, trex.begin + 20)
    raise ValueError(f"no trex for track {track}")


def _configuration(data: bytes, track: _Track) -> bytes:
    """The decoder configuration record of the video's sample entry."""
    kind = "avcC" if _CODECS[track.entry.kind] is H264 else "hvcC"
    for box in _boxes(data, track.entry.begin + _ENTRY_FIELDS, track.entry.end):
        if box.kind == kind:
            return data[box.begin : box.end]
    raise ValueError(f"no {kind} in {track.entry.kind}")


def _length_size(data: bytes, track: _Track) -> int:
    """How many bytes hold the length of a NAL unit (14496-15 § 5.3.3.1, § 8.3.3.1)."""
    config = _configuration(data, track)
    return (config[4] if _CODECS[track.entry.kind] is H264 else config[21]) % 4 + 1


def _avc_config(config: bytes) -> Tuple[Tuple[bytes, ...], str, bool]:
    """(parameter sets, RFC 6381 name, complete) of an avcC (14496-15 § 5.3.3.1)."""
    sps_count = config[5] & 0x1F
    sps, at = _sets(config, 6, sps_count)
    pps, _ = _sets(config, at + 1, config[at])
    return tuple(sps + pps), config[1:4].hex(), True


def _hevc_config(config: bytes) -> Tuple[Tuple[bytes, ...], str, bool]:
    """(parameter sets, RFC 6381 name, complete) of an hvcC (14496-15 § 8.3.3.1, annex E.3)."""
    found: List[bytes] = []
    complete = True
    at = 23
    for _ in range(config[22]):
        complete = complete and bool(config[at] & 0x80)
        each, at = _sets(config, at + 3, struct.unpack_from(">H", config, at + 1)[0])
        found += each
    space = ("", "A", "B", "C")[config[1] >> 6]
    compatible = int(f"{_u32(config, 2):032b}"[::-1], 2)
    tier = "H" if config[1] & 0x20 else "L"
    constraints = "".join(f".{byte:X}" for byte in config[6:12].rstrip(b"\0"))
    return tuple(found), f"{space}{config[1] & 0x1F}.{compatible:X}.{tier}{config[12]}{constraints}", complete


def _sets(config: bytes, at: int, count: int) -> Tuple[List[bytes], int]:
    """`count` NAL units, each after its length in two bytes, and where they end."""
    found = []
    for _ in range(count):
        (length,) = struct.unpack_from(">H", config, at)
        found.append(config[at + 2 : at + 2 + length])
        at += 2 + length
    return found, at


def _nals(sample: bytes, length_size: int) -> Sequence[bytes]:
    nals = []
    at = 0
    while at < len(sample):
        end = at + length_size + int.from_bytes(sample[at : at + length_size], "big")
        if end > len(sample):
            raise ValueError("a NAL unit that is longer than its sample")
        nals.append(sample[at + length_size : end])
        at = end
    return nals


class _Reader:
    """Reads numbers one after the other."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def version_and_flags(self) -> Tuple[int, int]:
        word = self.u32()
        return word >> 24, word & 0xFFFFFF

    def u32(self) -> int:
        return int(self._next(">I", 4))

    def i32(self) -> int:
        return int(self._next(">i", 4))

    def u64(self) -> int:
        return int(self._next(">Q", 8))

    def _next(self, form: str, size: int) -> int:
        (number,) = struct.unpack_from(form, self._data, self._at)
        self._at += size
        return int(number)


def _top(data: bytes, kind: str) -> Iterator[_Box]:
    return (box for box in _boxes(data, 0, len(data)) if box.kind == kind)


def _inside(data: bytes, box: _Box) -> Iterator[_Box]:
    return _boxes(data, box.begin, box.end)


def _boxes(data: bytes, begin: int, end: int) -> Iterator[_Box]:
    """The complete boxes from `begin` on (14496-12 § 4.2)."""
    while begin + 8 <= end:
        size, header = _u32(data, begin), 8
        if size == 1 and begin + 16 <= end:
            size, header = struct.unpack_from(">Q", data, begin + 8)[0], 16
        size = end - begin if size == 0 else size
        if size < header:
            raise ValueError(f"a box of {size} bytes at offset {begin}")
        if begin + size > end:
            return
        yield _Box(data[begin + 4 : begin + 8].decode("latin-1"), begin + header, begin + size)
        begin += size


def _find(data: bytes, box: _Box, *kinds: str) -> Optional[_Box]:
    """The first box of these kinds, each inside the one before."""
    found: Optional[_Box] = box
    for kind in kinds:
        found = next((each for each in _inside(data, found) if each.kind == kind), None) if found else None
    return found


def _need(data: bytes, box: _Box, *kinds: str) -> _Box:
    found = _find(data, box, *kinds)
    if found is None:
        raise ValueError(f"no {'/'.join(kinds)} in {box.kind}")
    return found


def _u32(data: bytes, at: int) -> int:
    return int(struct.unpack_from(">I", data, at)[0])
