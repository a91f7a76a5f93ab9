from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Optional

import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.media.mpegts import PACKET, first_pts, has_audio, holds_video, last_end, video_pid
from cctv_cli.core.media.segment_file import measure
from cctv_cli.core.media.span import TICKS, WRAP, Hole
from tests.support.media import FPS, Media, make_video
from tests.support.ts_frames import read_frames

FRAME = TICKS // FPS


def end_of(path: Path, size: Optional[int] = None) -> Optional[int]:
    with path.open("rb") as file:
        return last_end(file, path.stat().st_size if size is None else size)


def copy_of(path: Path, folder: Path, size: Optional[int] = None) -> Path:
    copy = folder / path.name
    copy.write_bytes(path.read_bytes()[:size])
    return copy


@pytest.mark.parametrize(("name", "seconds"), [("plain", 3), ("silent", 2), ("wrap", 2)])
def test_a_file_is_as_long_as_its_frames(media: Media, name: str, seconds: int) -> None:
    span = measure(getattr(media, name))
    assert span is not None
    assert (span.duration, span.frames, span.holes) == (seconds, seconds * FPS, ())


def test_the_first_frame_is_the_same_for_an_independent_reader(media: Media) -> None:
    span = measure(media.plain)
    assert span is not None
    assert span.first == first_pts(media.plain) == read_frames(media.plain)[0].pts


def test_frames_out_of_order_count_as_sent(media: Media) -> None:
    shown = [frame.pts for frame in read_frames(media.plain)]
    assert shown != sorted(shown)  # B-frames
    sent_after_it = len(shown) - 1 - shown.index(max(shown))
    assert end_of(media.plain) == max(shown) + (1 + sent_after_it) * FRAME


def test_33_bit_times_may_wrap_inside_a_file(media: Media) -> None:
    span = measure(media.wrap)
    assert span is not None
    assert span.first == pytest.approx(WRAP - TICKS, abs=FRAME)
    assert end_of(media.wrap) == (span.first + 2 * TICKS) % WRAP


def test_a_hole_is_found_where_it_is(media: Media) -> None:
    span = measure(media.hole)
    assert span is not None
    assert span.duration == 6.0
    assert span.holes == (Hole(offset=2.0, duration=3.0),)


def test_a_slow_camera_has_no_holes(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    every_other_second = ["-vf", f"select='not(mod(n,{2 * FPS}))'", "-fps_mode", "passthrough"]
    path = make_video(ffmpeg, tmp_path / "slow.ts", 8, *every_other_second)
    span = measure(path)
    assert span is not None
    assert (span.duration, span.frames, span.holes) == (8.0, 4, ())


def test_h265_is_measured(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    if "libx265" not in ffmpeg.encoders:
        pytest.skip(f"{ffmpeg.path} has no H.265 encoder")
    quiet = ["-preset", "ultrafast", "-x265-params", "log-level=none"]
    span = measure(make_video(ffmpeg, tmp_path / "h265.ts", 1, "-c:v", "libx265", *quiet))
    assert span is not None
    assert (span.duration, span.frames) == (1.0, FPS)


def test_files_of_one_run_follow_each_other_without_a_hole(media: Media) -> None:
    spans = [measure(path) for path in media.run]
    ends = [end_of(path) for path in media.run]
    assert [span and span.frames for span in spans] == [FPS] * 3
    assert [span and span.first for span in spans[1:]] == ends[:-1]


def test_audio_is_found_in_what_a_file_holds_not_in_its_tables(media: Media, tmp_path: Path) -> None:
    assert has_audio(media.sound)
    assert not has_audio(copy_of(media.sound, tmp_path, 3 * PACKET))  # PAT, PMT and no audio


def test_a_file_without_video_has_no_length(media: Media) -> None:
    assert measure(media.sound) is None
    assert first_pts(media.sound) is None
    assert end_of(media.sound) is None


def test_a_file_whose_tables_name_video_holds_video_even_without_a_frame(media: Media, tmp_path: Path) -> None:
    assert holds_video(media.plain)
    assert holds_video(copy_of(media.plain, tmp_path, 3 * PACKET))
    assert not holds_video(copy_of(media.plain, tmp_path, PACKET))
    assert not holds_video(media.sound)


@pytest.mark.parametrize("size", [0, 1, PACKET - 1, PACKET, 3 * PACKET])
def test_a_file_without_a_whole_frame_has_no_length(media: Media, tmp_path: Path, size: int) -> None:
    path = copy_of(media.plain, tmp_path, size)
    assert measure(path) is None
    assert first_pts(path) is None
    assert end_of(path) is None


def test_a_file_is_measured_wherever_a_crash_cut_it(media: Media, tmp_path: Path) -> None:
    whole = media.silent.read_bytes()
    path = tmp_path / "cut.ts"
    previous = 0
    for size in range(4 * PACKET, len(whole), 2999):
        path.write_bytes(whole[:size])
        span = measure(path)
        frames = read_frames(path)
        assert span is not None
        assert span.frames == len(frames) >= previous
        assert span.duration == len(frames) / FPS
        previous = len(frames)
    assert previous > FPS


def test_the_end_of_a_growing_file_never_goes_back(media: Media) -> None:
    size = media.silent.stat().st_size
    ends = [end_of(media.silent, cut) for cut in range(4 * PACKET, size + 1, PACKET)]
    known = [end for end in ends if end is not None]
    assert known == sorted(known)
    first = first_pts(media.silent)
    assert first is not None
    assert (known[0], known[-1]) == (first + FRAME, first + 2 * TICKS)


def test_bytes_beyond_the_given_size_do_not_count(media: Media) -> None:
    half = media.silent.stat().st_size // 2
    early, late = end_of(media.silent, half), end_of(media.silent)
    assert early is not None
    assert late is not None
    assert early < late


def test_the_end_is_found_after_large_frames(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    if "libx264" not in ffmpeg.encoders:
        pytest.skip(f"{ffmpeg.path} has no libx264, whose options make large frames")
    noise = ["-vf", "scale=320:240,noise=alls=100:allf=t", "-qp", "0"]
    path = make_video(ffmpeg, tmp_path / "large.ts", 0.2, *noise)
    frames = read_frames(path)
    assert path.stat().st_size / len(frames) > 64 * 1024
    assert end_of(path) == max(frame.pts for frame in frames) + FRAME


def test_a_file_of_zeros_after_a_power_cut_is_measured_up_to_them(media: Media, tmp_path: Path) -> None:
    path = copy_of(media.silent, tmp_path, 100 * PACKET)
    expected = measure(path)
    with path.open("ab") as file:
        file.write(bytes(4096))
    assert measure(path) == expected
    path.write_bytes(bytes(64 * 1024))
    assert measure(path) is None


def test_no_damage_to_a_file_raises(media: Media, tmp_path: Path) -> None:
    # one damaged file in .incoming must not end the supervision of its camera
    whole = media.silent.read_bytes()[: 40 * PACKET]
    chance = random.Random(1)
    path = tmp_path / "damaged.ts"
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(30):
            damaged[chance.randrange(6 * PACKET)] = chance.choice((0x00, 0x47, 0xFF, chance.randrange(256)))
        path.write_bytes(bytes(damaged[: chance.randrange(PACKET, len(damaged))]))
        span = measure(path)
        assert span is None or span.duration > 0
        first_pts(path)
        end_of(path)


def test_an_adaptation_field_longer_than_its_packet_is_no_table() -> None:
    packet = bytearray(PACKET)
    packet[:5] = bytes((0x47, 0x40, 0x00, 0x30, 0xFF))  # PID 0 begins a section after 255 bytes
    assert video_pid(bytes(packet)) is None


@pytest.mark.parametrize("of", [measure, first_pts])
def test_a_missing_file_raises(of, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        of(tmp_path / "none.ts")


def test_an_empty_file_has_no_end() -> None:
    assert last_end(io.BytesIO(b""), 0) is None
