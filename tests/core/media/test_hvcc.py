"""Headers of H.265 files whose parameter sets are those of another picture."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Tuple

import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.media.fmp4 import first_video_sample, header_size
from cctv_cli.core.media.hvcc import correct_file, true_header
from cctv_cli.core.media.picture import Picture, read_picture
from tests.support.clip import make_clip
from tests.support.media import run_ffmpeg

SHORT, LONG = b"\x44\x01\xc0", b"\x44\x01" + bytes(range(1, 80))  # picture parameter sets of some other stream


@pytest.fixture
def movie(ffmpeg: Ffmpeg, tmp_path: Path) -> Tuple[Path, bytes]:
    """A file as a recorder writes it, and the sequence parameter set of another picture."""
    path = tmp_path / "movie.mp4"
    picture = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=1"]
    codec = ["-c:v", "libx265", "-x265-params", "repeat-headers=1:info=0:log-level=error", "-pix_fmt", "yuv420p"]
    flags = "+frag_every_frame+empty_moov+default_base_moof"
    run_ffmpeg(ffmpeg, [*picture, *codec, "-tag:v", "hev1", "-movflags", flags, str(path)])
    other = make_clip(ffmpeg.path, tmp_path, video="hevc", seconds=1, audio=None, size="640x480")
    return path, other.parameter_sets[1]


def sample(*units: bytes) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in (*units, b"\x26\x01slice"))


@pytest.mark.parametrize("pps", [SHORT, LONG], ids=["grows", "shrinks"])
def test_a_header_gets_the_parameter_sets_of_its_file(ffmpeg: Ffmpeg, movie: Tuple[Path, bytes], pps: bytes) -> None:
    path, sps = movie
    size = header_size(path)
    assert size is not None
    data = path.read_bytes()
    path.write_bytes(true_header(data[:size], sample(b"\x40\x01\x0c", sps, pps)) + data[size:])
    os.utime(path, (100, 100))
    stale = read_picture(path)
    assert stale is not None
    assert (stale.width, stale.height) == (640, 480)
    correct_file(path)
    corrected = path.read_bytes()
    picture = read_picture(path)
    assert isinstance(picture, Picture)
    assert (picture.width, picture.height) == (320, 240)
    assert pps not in corrected[: header_size(path)]
    assert corrected.endswith(data[size:])
    assert path.stat().st_mtime == 100
    argv = [ffmpeg.path, "-v", "warning", "-i", str(path), "-f", "null", "-"]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stderr == ""
    correct_file(path)
    assert path.read_bytes() == corrected


def test_a_header_that_is_right_only_gets_its_tag(movie: Tuple[Path, bytes]) -> None:
    path, _ = movie
    before = path.read_bytes()
    correct_file(path)
    assert path.read_bytes() == before.replace(b"hev1", b"hvc1", 1)


@pytest.mark.parametrize("units", [(), (b"\x42\x01",), (b"\x40\x01\x0c", b"\x42\x01\x01", SHORT)])
def test_sets_that_are_missing_or_damaged_change_nothing(movie: Tuple[Path, bytes], units: Tuple[bytes, ...]) -> None:
    path, _ = movie
    header = path.read_bytes()[: header_size(path)]
    assert true_header(header, sample(*units)) == true_header(header, first_video_sample(path))
