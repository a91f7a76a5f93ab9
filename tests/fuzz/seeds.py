"""Seeds for fuzzing: small pieces of what a real FFmpeg writes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Callable, Dict, Iterator

from cctv_cli.core.clock import zone
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.hls.playlist import LiveSegment, LiveWindow, Part, render_live
from tests.support.camera_sdp import sdp
from tests.support.clip import make_clip
from tests.support.media import make_video
from tests.support.nal import H264

_HEAD = 24 * 188  # bytes: tables, and a key frame with its parameter sets
_FRAGMENTED = "+frag_every_frame+empty_moov+default_base_moof+frag_discont+skip_trailer"
_MP4 = ("-f", "mp4", "-movflags", _FRAGMENTED, "-use_editlist", "0", "-video_track_timescale", "90000")
_H265 = ("-c:v", "libx265", "-tag:v", "hev1", "-preset", "ultrafast", "-x265-params", "log-level=none")
_OK = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n%b\r\n\r\n"


def write_seeds(target: str, ffmpeg: Ffmpeg, folder: Path) -> None:
    """Write the seeds of this target as files into `folder`."""
    with tempfile.TemporaryDirectory() as work:
        for number, seed in enumerate(_SEEDS[target](ffmpeg, Path(work))):
            (folder / f"seed{number}").write_bytes(seed)


def _mpegts(ffmpeg: Ffmpeg, work: Path) -> Iterator[bytes]:
    plain = make_video(ffmpeg, work / "plain.ts", 0.4, sound=True).read_bytes()
    yield plain[:_HEAD]
    yield plain[-_HEAD:]
    yield make_video(ffmpeg, work / "bframes.ts", 0.4, "-bf", "2", "-g", "5", "-s", "32x32").read_bytes()
    yield make_video(ffmpeg, work / "h265.ts", 0.2, *_H265, "-f", "mpegts").read_bytes()[:_HEAD]


def _fmp4(ffmpeg: Ffmpeg, work: Path) -> Iterator[bytes]:
    yield make_video(ffmpeg, work / "h264.mp4", 0.2, *_MP4, "-bf", "2", "-s", "32x32", sound=True).read_bytes()
    h265 = make_video(ffmpeg, work / "h265.mp4", 0.2, *_H265, *_MP4, "-s", "32x32").read_bytes()
    yield h265
    yield h265[:-100]


def _parameter_sets(ffmpeg: Ffmpeg, work: Path) -> Iterator[bytes]:
    for video in ("h264", "hevc"):
        for size in ("64x64", "130x98"):
            clip = make_clip(ffmpeg.path, work, video=video, size=size, seconds=1)
            yield clip.parameter_sets[0 if clip.codec is H264 else 1]


def _rtsp(ffmpeg: Ffmpeg, work: Path) -> Iterator[bytes]:
    described = next(_sdp(ffmpeg, work))
    yield b"\7" + _OK % b"Public: OPTIONS, DESCRIBE" + b"$\0\0\4abcd" + _answer(described)
    for scheme in (
        b'Digest realm="Camera", nonce="4e6f", qop="auth", opaque="5c", stale=TRUE',
        b'Basic realm="Camera"',
    ):
        yield b"\x40RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nWWW-Authenticate: " + scheme + b"\r\n\r\n"
    session = b"Session: 4711;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1"
    yield b"\x40" + _OK % (b"Content-Base: rtsp://camera/1/\r\n" + session)


def _answer(body: bytes) -> bytes:
    return _OK % b"Content-Type: application/sdp\r\nContent-Length: %d" % len(body) + body


def _sdp(ffmpeg: Ffmpeg, work: Path) -> Iterator[bytes]:
    for video, audio in (("h264", "aac"), ("hevc", "pcmu")):
        clip = make_clip(ffmpeg.path, work, video=video, audio=audio, seconds=1)
        yield sdp(clip, video=True, sound=True, parameter_sets=True).encode()
    yield b"m=video 0 RTP/AVP 26\r\na=x-dimensions:704,576\r\na=control:trackID=1\r\nm=audio 0 RTP/AVP 9\r\n"


def _live_playlist(ffmpeg: Ffmpeg, work: Path) -> Iterator[bytes]:
    ts = [LiveSegment(number, 1.8e9 + 2 * number, 2.0, number == 8) for number in (7, 8)]
    mp4 = [LiveSegment(number, 1.8e9 + 2 * number, 2.0, part=Part(number // 9, 900, 10_000)) for number in (8, 9)]
    for segments in ((), ts, mp4):
        yield render_live(LiveWindow(2, tuple(segments), 3), zone("Europe/Berlin")).encode()


_SEEDS: Dict[str, Callable[[Ffmpeg, Path], Iterator[bytes]]] = {
    "mpegts": _mpegts,
    "fmp4": _fmp4,
    "parameter_sets": _parameter_sets,
    "rtsp": _rtsp,
    "sdp": _sdp,
    "live_playlist": _live_playlist,
}
