"""Small real MPEG-TS files, made by a real FFmpeg."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import List, Tuple

from cctv_cli.core.ffmpeg.command import Ffmpeg
from tests.support.waiting import HANG

FPS = 25
TURN = (1 << 33) / 90_000  # seconds after which MPEG-TS times wrap (ISO/IEC 13818-1 § 2.4.3.6)


@dataclass(frozen=True)
class Media:
    """Files of 64 x 64 pixels at 25 frames/s, a keyframe every second.

    `plain` has 3 s with sound and B-frames, `silent` 2 s without sound. `wrap` has 2 s in whose middle the
    33-bit times wrap. `hole` has 6 s, without frames from second 2 to second 5. `sound` has no video.
    `run` are three files of one second each, cut by the segment muxer like a recorder's.
    """

    plain: Path
    silent: Path
    wrap: Path
    hole: Path
    sound: Path
    run: Tuple[Path, ...]


def make_media(ffmpeg: Ffmpeg, folder: Path) -> Media:
    """Make all of them inside `folder`."""
    make_video(ffmpeg, folder / "plain.ts", 3, "-bf", "2", sound=True)
    make_video(ffmpeg, folder / "silent.ts", 2)
    # the muxer itself begins at 1.4 s
    make_video(ffmpeg, folder / "wrap.ts", 2, "-output_ts_offset", f"{TURN - 1.4 - 1:.6f}")
    hole = "select='not(between(t,2,4.99))'"
    make_video(ffmpeg, folder / "hole.ts", 6, "-vf", hole, "-fps_mode", "passthrough")
    run_ffmpeg(ffmpeg, [*_tone(1), "-c:a", "aac", str(folder / "sound.ts")])
    options = ["-f", "segment", "-segment_time", "1", "-individual_header_trailer", "0", "-segment_format", "mpegts"]
    make_video(ffmpeg, folder / "run%d.ts", 3, *options)
    run = tuple(folder / f"run{number}.ts" for number in range(3))
    return Media(*(folder / f"{name}.ts" for name in ("plain", "silent", "wrap", "hole", "sound")), run=run)


def make_video(ffmpeg: Ffmpeg, path: Path, seconds: float, *options: str, sound: bool = False) -> Path:
    """Make an MPEG-TS file of a test picture, with these options for its output."""
    inputs = ["-f", "lavfi", "-i", f"testsrc2=size=64x64:rate={FPS}:duration={seconds}"]
    inputs += _tone(seconds) if sound else []
    video = ["-c:v", ffmpeg.h264_encoder, "-pix_fmt", "yuv420p", "-threads", "1", "-g", str(FPS)]
    if ffmpeg.h264_encoder == "libx264":
        video += ["-preset", "ultrafast"]
    run_ffmpeg(ffmpeg, [*inputs, *video, "-c:a", "aac", "-f", "mpegts", *options, str(path)])
    return path


def _tone(seconds: float) -> List[str]:
    return ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"]


def run_ffmpeg(ffmpeg: Ffmpeg, arguments: List[str]) -> None:
    """Run FFmpeg with these arguments until it ends."""
    subprocess.run([ffmpeg.path, "-nostdin", "-loglevel", "error", "-y", *arguments], check=True, timeout=HANG)
