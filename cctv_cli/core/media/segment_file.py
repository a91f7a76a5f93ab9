"""Media files in the two formats that a recorder writes, distinguished by suffix: MPEG-TS and fragmented MP4.

All functions raise OSError.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, List, Optional

from cctv_cli.core.files import naming, open_to_change
from cctv_cli.core.layout import MP4
from cctv_cli.core.media import fmp4, mpegts
from cctv_cli.core.media.span import ENOUGH, GUESSED, TICKS, WRAP, Frame, KeyFrame, MediaSpan, span_of

_TABLES = 10 * mpegts.PACKET  # bytes; the tables at the start of an MPEG-TS file need three packets


def measure(path: Path, alone: Optional[int] = None) -> Optional[MediaSpan]:
    """Measure a file; None if it holds no video frame. A single frame lasts `alone` ticks, if that is known."""
    return span_of([time for time, _ in frames(path)], alone)


def apart(path: Path, following: Path) -> Optional[int]:
    """The ticks from the first frame of a file to that of the following one.

    None if that has no frame that can be read, or if FFmpeg guessed its time.
    """
    first = first_pts(path)
    try:
        second = first_pts(following)
    except OSError:
        return None
    distance = 0 if first is None or second is None else (second - first) % WRAP
    return distance if distance > GUESSED else None


def usual_step(path: Path) -> Optional[int]:
    """The usual distance between the frames of a file in ticks; None if it holds too few to measure."""
    span = measure(path)
    return span.step if span is not None and span.frames >= ENOUGH else None


def frames(path: Path) -> List[Frame]:
    """Every video frame of a file, in the order of the file."""
    return fmp4.frames(path) if path.suffix == MP4 else mpegts.frames(path)


def first_pts(path: Path) -> Optional[int]:
    """The raw time of a file's first video frame; None if it has none."""
    return fmp4.first_pts(path) if path.suffix == MP4 else mpegts.first_pts(path)


def first_sample(path: Path) -> bytes:
    """A file's first video frame as the camera sent it, or the beginning of a large one; empty until it is written."""
    return fmp4.first_video_sample(path) if path.suffix == MP4 else mpegts.first_sample(path)


def key_frames(path: Path) -> List[KeyFrame]:
    """Every key frame of a file, in the order of the file, with its sample as `first_sample` returns it."""
    return fmp4.key_frames(path) if path.suffix == MP4 else mpegts.key_frames(path)


def written_before(path: Path, frame: KeyFrame) -> float:
    """The modification time that a file had before this key frame, which is not its first frame, was written."""
    times = [time for time, _ in frames(path)]
    whole, rest = span_of(times), span_of(times[: frame.before])
    after = 0 if whole is None or rest is None else (whole.end - rest.end) % WRAP
    return path.stat().st_mtime - after / TICKS


def cut_off(path: Path, size: int, written: float) -> None:
    """Keep only the first `size` bytes of a file, with a modification time, because recordings are dated by it.

    A cut that was interrupted may be repeated.
    """
    with naming(path), open_to_change(path) as file:
        if file.seek(0, os.SEEK_END) > size:
            file.truncate(size)
    os.utime(path, (written, written))


def last_end(
    file: BinaryIO,
    size: int,
    suffix: str,
    *,
    frames_late: int = 0,
    usual: Optional[int] = None,
    beside_audio: bool = False,
) -> Optional[int]:
    """The raw time up to which the first `size` bytes of an open file, which may be growing, cover the video.

    `frames_late` is how many frames its writer holds back, one of them for audio if it is `beside_audio`; they count
    as written. A frame lasts `usual` ticks if
    there are too few to measure (see `span.newest_end`). None if the last MiB holds fewer than two frames.
    """
    of = fmp4.last_end if suffix == MP4 else mpegts.last_end
    return of(file, size, frames_late=frames_late, usual=usual, beside_audio=beside_audio)


def header_size(path: Path) -> Optional[int]:
    """The size in bytes of a file's header, which a player needs before any other part of it (EXT-X-MAP).

    None for MPEG-TS, which has no such header, and while the header is incomplete.
    """
    return fmp4.header_size(path) if path.suffix == MP4 else None


def cut_torn_end(path: Path) -> None:
    """Cut off an incomplete packet or fragment at a file's end, and zeros. The file keeps its modification time."""
    if path.suffix == MP4:
        fmp4.cut_torn_end(path)
        return
    with open_to_change(path) as file, fmp4.keeping_times(path):
        whole = mpegts.whole_size(file)
        if 0 < whole < file.seek(0, 2):
            file.truncate(whole)


def is_header_only(path: Path) -> bool:
    """Whether FFmpeg wrote a file's header and nothing after it."""
    size = path.stat().st_size
    if path.suffix == MP4:
        return size == fmp4.header_size(path)
    return size <= _TABLES and mpegts.holds_video(path)


def has_audio(path: Path) -> bool:
    """Whether there is audio in the last 256 KiB of a file, which may be growing."""
    return fmp4.has_audio(path) if path.suffix == MP4 else mpegts.has_audio(path)


def holds_video(path: Path) -> bool:
    """Whether a file has a video stream, even one without frames."""
    return fmp4.holds_video(path) if path.suffix == MP4 else mpegts.holds_video(path)
