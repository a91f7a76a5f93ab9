from __future__ import annotations

import os
from pathlib import Path
from typing import Optional

import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.media.segment_file import (
    apart,
    cut_off,
    cut_torn_end,
    first_pts,
    first_sample,
    frames,
    header_size,
    holds_video,
    key_frames,
    last_end,
    measure,
    written_before,
)
from cctv_cli.core.media.span import TICKS
from tests.support.media import FPS, Media, make_video, run_ffmpeg


@pytest.fixture(scope="module", params=["ts", "mp4"])
def path(request: pytest.FixtureRequest, ffmpeg: Ffmpeg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of video that begins at second 1, in each format."""
    form = {"ts": "mpegts", "mp4": "mp4"}[request.param]
    options = ["-f", form, "-movflags", "frag_every_frame+empty_moov+default_base_moof+frag_discont"]
    options = options if request.param == "mp4" else options[:2]
    options += ["-avoid_negative_ts", "disabled", "-output_ts_offset", "1"]
    return make_video(ffmpeg, tmp_path_factory.mktemp("media") / f"video.{request.param}", 1, *options)


def end_of(path: Path) -> Optional[int]:
    with path.open("rb") as file:
        return last_end(file, path.stat().st_size, path.suffix)


def test_a_file_of_each_format_has_a_length_and_an_end(path: Path) -> None:
    span = measure(path)
    assert span is not None
    assert (span.duration, span.frames) == (1.0, FPS)
    assert span.first == first_pts(path) >= TICKS
    assert end_of(path) == span.first + TICKS


@pytest.mark.parametrize("suffix", [".ts", ".mp4"])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("bframes", [0, 2])
def test_key_frames_are_recognized(ffmpeg: Ffmpeg, tmp_path: Path, suffix: str, codec: str, bframes: int) -> None:
    options = ["-g", "10", "-sc_threshold", "0", "-bf", str(bframes)]
    if codec == "hevc":
        if "libx265" not in ffmpeg.encoders:
            pytest.skip(f"{ffmpeg.path} has no libx265")
        parameters = f"keyint=10:min-keyint=10:scenecut=0:open-gop=0:bframes={bframes}:log-level=error"
        options = ["-c:v", "libx265", "-x265-params", parameters]
    if suffix == ".mp4":
        options += ["-f", "mp4", "-movflags", "+frag_every_frame+empty_moov+default_base_moof+frag_discont"]
    path = make_video(ffmpeg, tmp_path / f"video{suffix}", 2, *options, sound=True)
    found, keys = frames(path), key_frames(path)
    assert [is_key for _, is_key in found] == [number % 10 == 0 for number in range(2 * FPS)]
    assert [key.before for key in keys] == list(range(0, 2 * FPS, 10))
    assert [key.time for key in keys] == [time for time, is_key in found if is_key]
    assert keys[0].sample == first_sample(path)
    whole = path.read_bytes()
    written = path.stat().st_mtime
    before = written_before(path, keys[2])
    assert before == pytest.approx(written - (2 * FPS - 20) / FPS, abs=1.5 / FPS)
    for _ in range(2):  # a cut may be repeated
        cut_off(path, keys[2].at, before)
        assert frames(path) == found[:20]
        assert whole.startswith(path.read_bytes())
        assert path.stat().st_mtime == pytest.approx(before, abs=0.001)


def test_two_frames_of_one_time_do_not_tell_how_long_the_first_lasts(path: Path) -> None:
    assert apart(path, path) is None


def test_only_fragmented_mp4_has_a_header(path: Path) -> None:
    size = header_size(path)
    assert (size is None) == (path.suffix == ".ts")
    assert size is None or path.read_bytes()[size + 4 : size + 8] == b"moof"


def test_a_file_of_each_format_holds_video(path: Path, tmp_path: Path) -> None:
    assert holds_video(path)
    other = tmp_path / path.name
    other.write_bytes(bytes(4096))
    assert not holds_video(other)
    assert (measure(other), first_pts(other), end_of(other), header_size(other)) == (None, None, None, None)


def test_a_growing_file_has_its_first_frame_once_it_is_written(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    growing = tmp_path / path.name
    seen = []
    for size in range(0, len(whole), 94):
        growing.write_bytes(whole[:size])
        seen.append(first_sample(growing))
    assert set(seen) == {b"", first_sample(path)}
    assert seen == sorted(seen), "it stays the same"


@pytest.mark.parametrize("suffix", [".ts", ".mp4"])
def test_two_runs_that_cut_at_the_same_frame_begin_with_the_same_bytes(
    ffmpeg: Ffmpeg, tmp_path: Path, suffix: str
) -> None:
    """Their times differ, and so does the sound that is encoded between the frames."""
    video = make_video(ffmpeg, tmp_path / "video.ts", 4, sound=True)
    form = {".ts": "mpegts", ".mp4": "mp4"}[suffix]
    for name, seek in (("old", 0), ("new", 1)):
        cut = ["-c:v", "copy", "-c:a", "aac", "-b:a", f"{64 + seek}k", "-f", "segment", "-segment_time", "1"]
        cut += ["-segment_format", form]
        cut += ["-segment_format_options", "movflags=+frag_every_frame+empty_moov"] if suffix == ".mp4" else []
        run_ffmpeg(ffmpeg, ["-ss", str(seek), "-i", str(video), *cut, str(tmp_path / f"{name}%d{suffix}")])
    old, new = ([first_sample(path) for path in sorted(tmp_path.glob(f"{run}*"))] for run in ("old", "new"))
    assert old[2:] == new[1:]
    assert len(set(old)) == 4


@pytest.mark.parametrize("zeros", [1, 187, 188, 936, 500_000])
def test_zeros_that_a_power_cut_left_are_cut_off(media: Media, tmp_path: Path, zeros: int) -> None:
    whole = media.plain.read_bytes()
    torn = tmp_path / "torn.ts"
    torn.write_bytes(whole + bytes(zeros))
    os.utime(torn, (1000, 1000))
    cut_torn_end(torn)
    assert torn.read_bytes() == whole
    assert torn.stat().st_mtime == 1000


@pytest.mark.parametrize("content", [b"", b"x" * 1000], ids=["empty", "no packet"])
def test_a_file_without_a_packet_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    odd = tmp_path / "odd.ts"
    odd.write_bytes(content)
    cut_torn_end(odd)
    assert odd.read_bytes() == content
