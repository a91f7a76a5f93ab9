"""What must hold for any input bytes: one check for each parser, for fuzzing and for property tests.

A check takes bytes and returns nothing. It fails with an assertion, or with an exception that the parser does not
document.
"""

from __future__ import annotations

import re
import tempfile
from datetime import timedelta, timezone
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.hls.playlist import parse_live, render_live
from cctv_cli.core.media import fmp4, mpegts, segment_file
from cctv_cli.core.media.hvcc import correct_file
from cctv_cli.core.media.parameter_sets import read_h264, read_h265
from cctv_cli.core.media.picture import read_picture
from cctv_cli.core.media.span import WRAP, rhythm_of
from cctv_cli.core.rtsp.digest import is_stale, login_for
from cctv_cli.core.rtsp.first_picture import FirstPicture
from cctv_cli.core.rtsp.result import Outcome, Problem
from cctv_cli.core.rtsp.sdp import parse_sdp, video_control
from cctv_cli.core.rtsp.wire import Answer, AnswerReader, write_request
from cctv_cli.core.units import Secret

_LARGEST = 16_888  # pixels; see parameter_sets
_CODEC = re.compile(r"[a-z0-9_.+-]{1,40}\Z", re.ASCII)
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
    correct_file(path)
    tagged = path.read_bytes()
    assert len(tagged) == len(data)
    correct_file(path)
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


def check_rtsp(data: bytes) -> None:
    """A camera's answers, fed whole and in pieces of the size in the first byte, and all that is read from them.

    The same bytes count as an RTP packet.
    """
    _check_first_picture(data)
    size, data = (data[0] or 1, data[1:]) if data else (1, b"")
    whole, problem = _answers([data])
    assert (whole, problem) == _answers([data[at : at + size] for at in range(0, len(data), size)])
    assert sum(len(answer.body) for answer in whole) <= len(data)
    for answer in whole:
        assert 0 <= answer.status <= 999
        is_stale(answer)
        _check_login(answer)
        check_sdp(answer.body)
        _check_request(write_request("SETUP", answer.first("content-base"), 1, f"Session: {answer.first('session')}"))


def check_sdp(data: bytes) -> None:
    """A session description."""
    text = data.decode("utf-8", "replace")
    video, audio = parse_sdp(text)
    for stream in (video, audio):
        assert stream is None or _CODEC.match(stream.codec)
    if video is not None:
        assert (video.width is None) == (video.height is None)
        assert all(length is None or 0 < length < 100_000 for length in (video.width, video.height))
    assert audio is None or audio.rate is None or 0 < audio.rate < 10**9
    control = video_control(text)
    assert control is None or (video is not None and len(control.split()) == 1)


def check_live_playlist(data: bytes) -> None:
    """The text of a live playlist: what was parsed renders to text that parses to the same."""
    window = parse_live(data.decode("utf-8", "replace"))
    if window is None:
        return
    numbers = [segment.number for segment in window.segments]
    assert numbers == sorted(set(numbers))
    for tz in (timezone.utc, timezone(timedelta(hours=-12)), timezone(timedelta(hours=14))):
        again = parse_live(render_live(window, tz))
        assert again is not None
        assert render_live(again, tz) == render_live(window, tz)
        assert [segment.part for segment in again.segments] == [segment.part for segment in window.segments]


def _answers(pieces: Sequence[bytes]) -> Tuple[List[Answer], Optional[Outcome]]:
    """The answers in what a camera sends, and the problem with the rest, if any."""
    reader = AnswerReader()
    found: List[Answer] = []
    try:
        for piece in pieces:
            reader.feed(piece)
            while True:
                answer = reader.next_answer()
                if answer is None:
                    break
                found.append(answer)
    except Problem as problem:
        return found, problem.outcome
    return found, None


def _check_first_picture(data: bytes) -> None:
    for codec in ("h264", "hevc"):
        picture = FirstPicture(codec)
        picture.take(data)
        assert picture.size is None or all(0 < length <= _LARGEST for length in picture.size)


def _check_login(answer: Answer) -> None:
    source = RtspSource("camera", 554, "/", "admin", Secret("secret"))
    try:
        login = login_for(answer, source)
    except Problem:
        return
    _check_request(write_request("DESCRIBE", "rtsp://camera/", 1, f"Authorization: {login.header('DESCRIBE', '/')}"))


def _check_request(request: bytes) -> None:
    """A request with parts of an answer is always one request of four lines."""
    assert request.endswith(b"\r\n\r\n") and b"secret" not in request
    assert len(request[:-4].splitlines()) == 4


def _check_media(path: Path, size: int, fewest_bytes: int) -> None:
    """What holds for both file formats; a frame takes at least `fewest_bytes`."""
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
    "rtsp": check_rtsp,
    "sdp": check_sdp,
    "live_playlist": check_live_playlist,
}
