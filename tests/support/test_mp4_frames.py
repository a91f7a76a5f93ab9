"""The reader of fragmented MP4, tested on files that real FFmpeg makes from the test camera's stream."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import List, Tuple

import pytest

from tests.support.clip import Clip
from tests.support.conftest import ClipOf
from tests.support.mp4_frames import TimeJump, read_frames, tags, time_jumps, video_config, wrong_keys
from tests.support.rtsp_camera import RtspCamera, SentFrame
from tests.support.waiting import HANG

_FRAME = 3600  # 90 kHz ticks at 25 fps
_MOVFLAGS = "+frag_every_frame+empty_moov+default_base_moof+frag_discont"
_RUNNING = f"movflags={_MOVFLAGS}:avoid_negative_ts=disabled"  # times continue from file to file


def record(ffmpeg: str, clip: Clip, folder: Path, *options: str) -> Tuple[List[Path], List[SentFrame]]:
    """At least two files of a GOP each that FFmpeg copies from a camera, and what the camera sent."""
    command = [ffmpeg, "-loglevel", "error", "-nostdin", "-rtsp_transport", "tcp"]
    output = ["-map", "0", "-c", "copy", "-copytb", "1", "-t", "1.2", "-avoid_negative_ts", "disabled", *options]
    output += ["-f", "segment", "-segment_time", "0.4", "-segment_format", "mp4", "-segment_format_options", _RUNNING]
    with RtspCamera(clip) as camera:
        subprocess.run([*command, "-i", camera.url, *output, str(folder / "%d.mp4")], check=True, timeout=HANG)
        sent = list(camera.ledger)
    files = sorted(folder.glob("*.mp4"))
    assert len(files) >= 2
    return files, sent


@pytest.fixture(scope="module")
def files(any_ffmpeg: str, clip_of: ClipOf, tmp_path_factory: pytest.TempPathFactory) -> List[Path]:
    clip = clip_of(video="hevc")
    return record(any_ffmpeg, clip, tmp_path_factory.mktemp("files"), "-tag:v", "hvc1")[0]


@pytest.mark.parametrize(("video", "tag"), [("hevc", "hvc1"), ("h264", "avc1")])
def test_every_frame_is_read_and_times_continue_from_file_to_file(
    ffmpeg_path: str, clip_of: ClipOf, tmp_path: Path, video: str, tag: str
) -> None:
    clip = clip_of(video=video, audio="aac")
    files, sent = record(ffmpeg_path, clip, tmp_path, "-tag:v", tag)
    frames = [frame for file in files for frame in read_frames(file)]
    assert len(frames) >= 30
    assert [(frame.number, frame.key) for frame in frames] == [(each.number, each.key) for each in sent[: len(frames)]]
    # the sound's sender report shifts the video by some ticks
    assert all(abs(after.pts - before.pts - _FRAME) < 4 for before, after in zip(frames[2:], frames[3:]))
    assert [frame.dts for frame in frames] == [frame.pts for frame in frames]
    assert time_jumps(*files) == []
    for file in files:
        config = video_config(file)
        assert (config.tag, config.width, config.height, config.complete) == (tag, 64, 64, True)
        assert config.parameter_sets == clip.parameter_sets
        assert tags(file) == [tag, "mp4a"]


def test_codecs_are_as_players_expect_them(any_ffmpeg: str, clip_of: ClipOf, tmp_path: Path) -> None:
    hevc, h264 = tmp_path / "hevc", tmp_path / "h264"
    for folder in (hevc, h264):
        folder.mkdir()
        record(any_ffmpeg, clip_of(video=folder.name), folder, "-tag:v", "hvc1" if folder is hevc else "avc1")
    assert video_config(hevc / "0.mp4").codecs == "hvc1.1.6.L30.90"  # Main, level 1
    assert video_config(h264 / "0.mp4").codecs[:7] == "avc1.64"  # High


def test_whole_frames_before_a_cut_are_read(files: List[Path], tmp_path: Path) -> None:
    whole = read_frames(files[0])
    data = files[0].read_bytes()
    cut = tmp_path / "cut.mp4"
    lengths = []
    for size in range(data.index(b"moof"), len(data), 97):
        cut.write_bytes(data[:size])
        kept = read_frames(cut)
        assert kept == whole[: len(kept)]
        lengths.append(len(kept))
    assert lengths == sorted(lengths)
    assert set(lengths) >= set(range(len(whole) - 1))


def test_a_missing_fragment_is_a_time_jump(files: List[Path], tmp_path: Path) -> None:
    data = files[1].read_bytes()
    fragments = [at - 4 for at in range(len(data)) if data[at : at + 4] == b"moof"]
    holed = tmp_path / "holed.mp4"
    holed.write_bytes(data[: fragments[3]] + data[fragments[4] :])
    begun = read_frames(files[1])[0].dts
    assert time_jumps(holed) == [TimeJump(3, "vide", 90000, begun + 3 * _FRAME, begun + 4 * _FRAME)]
    assert time_jumps(holed)[0].seconds == 0.04


def test_overlapping_files_are_a_jump_back(files: List[Path]) -> None:
    jump = time_jumps(files[1], files[1])[0]
    assert (jump.index, jump.seconds) == (len(read_frames(files[1])), -0.4)


def test_frames_that_are_wrongly_marked_as_key_are_found(files: List[Path], tmp_path: Path) -> None:
    data = bytearray(files[1].read_bytes())
    last = data.rindex(b"tfhd")
    (flags,) = struct.unpack_from(">I", data, last + 4)
    assert flags == 0x020038  # default-base-is-moof; duration, size and flags of samples follow the track's number
    struct.pack_into(">I", data, last + 20, 0x02000000)
    lying = tmp_path / "lying.mp4"
    lying.write_bytes(data)
    assert wrong_keys(*files) == []
    assert wrong_keys(lying) == [read_frames(files[1])[-1]]


def test_a_file_that_is_no_fragmented_mp4_is_refused(any_ffmpeg: str, files: List[Path], tmp_path: Path) -> None:
    plain, text = tmp_path / "plain.mp4", tmp_path / "text.mp4"
    copy = ["-i", str(files[0]), "-c", "copy", str(plain)]
    subprocess.run([any_ffmpeg, "-loglevel", "error", "-nostdin", *copy], check=True, timeout=HANG)
    text.write_bytes(b"no box at all, but a text")
    for path in (plain, text):
        with pytest.raises(ValueError, match=r"no mvex|no fragmented MP4"):
            read_frames(path)
