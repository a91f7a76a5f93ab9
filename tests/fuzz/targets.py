"""What must hold for any bytes that a stranger wrote: one check for each parser, for fuzzing and for property tests.

A check takes bytes and returns nothing. It fails by an assertion, or by an exception that the parser does not
document.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Callable, Dict

from cctv_cli.core.media import fmp4, mpegts, segment_file
from cctv_cli.core.media.parameter_sets import read_h264, read_h265
from cctv_cli.core.media.picture import read_picture
from cctv_cli.core.media.span import WRAP, rhythm_of

_LARGEST = 16_888  # pixels; see parameter_sets
_FOLDER = tempfile.TemporaryDirectory(prefix="cctv-fuzz-")


def check_mpegts(data: bytes) -> None:
    """Times, streams and picture of an MPEG-TS file."""
    path = _file("any.ts", data)
    _check_media(path, len(data), fewest_bytes=mpegts.PACKET)
    for kind, pid in mpegts.streams(data):
        assert 0 <= kind < 256 and 0 <= pid < 8192
        assert len(mpegts.payload(data, pid)) <= len(data)


def check_fmp4(data: bytes) -> None:
    """Times, header, picture and repair of a fragmented MP4 file."""
    path = _file("any.mp4", data)
    _check_media(path, len(data), fewest_bytes=1)
    assert sum(map(len, fmp4.leading_sps(path))) <= len(data)
    header = fmp4.header_size(path)
    assert header is None or header <= len(data)
    fmp4.tag_file_hvc1(path)
    tagged = path.read_bytes()
    assert len(tagged) == len(data)
    fmp4.tag_file_hvc1(path)
    assert path.read_bytes() == tagged
    frames = fmp4.frames(path)
    fmp4.cut_torn_end(path)
    cut = path.read_bytes()
    assert tagged.startswith(cut)
    assert fmp4.frames(path) == frames
    fmp4.cut_torn_end(path)
    assert path.read_bytes() == cut


def check_parameter_sets(data: bytes) -> None:
    """A sequence parameter set of either codec."""
    for read in (lambda: read_h264(data)[1:], lambda: read_h265(data)):
        try:
            width, height = read()
        except ValueError:
            continue
        assert 0 < width <= _LARGEST and 0 < height <= _LARGEST


def _check_media(path: Path, size: int, fewest_bytes: int) -> None:
    """What holds for files of both forms; a frame takes `fewest_bytes` at the least."""
    frames = segment_file.frames(path)
    assert len(frames) <= size // fewest_bytes
    assert all(0 <= time < WRAP for time, _ in frames)
    assert segment_file.first_pts(path) == (frames[0][0] if frames else None)
    assert segment_file.holds_video(path) or not frames
    span = segment_file.measure(path)
    assert (span is None) == (not frames)
    if span is not None:
        assert span.duration > 0 and span.frames == len(frames) and 0 <= span.end < WRAP
        assert all(hole.duration > 0 for hole in span.holes)
    rhythm = rhythm_of(frames, None)
    assert rhythm.frame_rate is None or rhythm.frame_rate > 0
    with path.open("rb") as file:
        end = segment_file.last_end(file, size, path.suffix, frames_late=1)
    assert end is None or 0 <= end < WRAP
    picture = read_picture(path)
    if picture is not None:
        assert 0 < picture.width <= _LARGEST and 0 < picture.height <= _LARGEST
        assert len(picture.codecs) < 100 and picture.codecs.isascii() and picture.codecs.isprintable()


def _file(name: str, data: bytes) -> Path:
    path = Path(_FOLDER.name) / name
    path.write_bytes(data)
    return path


TARGETS: Dict[str, Callable[[bytes], None]] = {
    "mpegts": check_mpegts,
    "fmp4": check_fmp4,
    "parameter_sets": check_parameter_sets,
}
