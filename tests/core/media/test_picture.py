from __future__ import annotations

import random
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.media.mpegts import PACKET
from cctv_cli.core.media.picture import Picture, read_picture
from tests.support.media import Media, make_video

H264 = ("-preset", "fast", "-level", "3.0")
H265 = ("-c:v", "libx265", "-tag:v", "hvc1", "-preset", "ultrafast", "-x265-params")
X265 = "log-level=none:level-idc=4.0"
MP4 = ("-f", "mp4", "-movflags", "+frag_every_frame+empty_moov+default_base_moof+frag_discont+skip_trailer")
HEAD = 64 * 1024


def make(
    ffmpeg: Ffmpeg,
    path: Path,
    size: Tuple[int, int],
    options: Sequence[str],
    *,
    seconds: float = 0.2,
    sound: bool = False,
) -> Path:
    """A video of this size, in the format of its suffix."""
    encoder = "libx265" if "libx265" in options else "libx264"
    if encoder not in ffmpeg.encoders:
        pytest.skip(f"{ffmpeg.path} has no {encoder}")
    form = MP4 if path.suffix == ".mp4" else ()
    width, height = size
    return make_video(ffmpeg, path, seconds, "-s", f"{width}x{height}", *options, *form, sound=sound)


def read_bytes(folder: Path, suffix: str, data: bytes) -> Optional[Picture]:
    path = folder / f"bytes{suffix}"
    path.write_bytes(data)
    return read_picture(path)


def ue(number: int) -> str:
    """The bits of an unsigned Exp-Golomb number (H.264 9.1)."""
    bits = f"{number + 1:b}"
    return "0" * (len(bits) - 1) + bits


def sps_of(order: str, size: Tuple[int, int], crop: Tuple[int, int]) -> bytes:
    """A sequence parameter set (H.264 7.3.2.1.1); `size` is in columns and rows of macroblocks.

    `order` has the fields from pic_order_cnt_type on; `crop` is in columns and rows of two pixels, right and below.
    """
    cropped = "1" + ue(0) + ue(crop[0]) + ue(0) + ue(crop[1])
    bits = ue(0) + ue(0) + order + ue(1) + "0" + ue(size[0] - 1) + ue(size[1] - 1) + "11" + cropped + "01"
    bits += "0" * (-len(bits) % 8)
    return bytes.fromhex("67420029") + int(bits, 2).to_bytes(len(bits) // 8, "big")


def box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def mp4_of(sps: bytes) -> bytes:
    """The head of a file whose only track has this H.264 parameter set."""
    avcc = b"\1" + sps[1:4].ljust(3, b"\0") + b"\xff\xe1" + len(sps).to_bytes(2, "big") + sps + b"\0"
    content = bytes(8) + box(b"avc1", bytes(78) + box(b"avcC", avcc))
    for kind in (b"stsd", b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        content = box(kind, content)
    return box(b"ftyp", b"isom") + content


@pytest.mark.parametrize("suffix", [".ts", ".mp4"])
@pytest.mark.parametrize(
    ("size", "options", "codec"),
    [
        ((322, 180), ["-profile:v", "baseline"], "avc1.42c01e"),
        ((320, 240), ["-profile:v", "main"], "avc1.4d401e"),
        ((322, 180), ["-profile:v", "high"], "avc1.64001e"),
        ((1920, 1080), ["-profile:v", "high10", "-pix_fmt", "yuv420p10"], "avc1.6e001e"),
        ((322, 180), ["-flags", "+ildct+ilme"], "avc1.64001e"),  # fields
        ((323, 181), ["-pix_fmt", "gray"], "avc1.64001e"),
        ((322, 181), ["-pix_fmt", "yuv422p"], "avc1.7a001e"),
        ((323, 181), ["-pix_fmt", "yuv444p", "-x264-params", "cqm=jvt"], "avc1.f4001e"),  # scaling lists
    ],
)
def test_h264_has_the_size_and_profile_given_to_its_encoder(
    ffmpeg: Ffmpeg, tmp_path: Path, suffix: str, size: Tuple[int, int], options: List[str], codec: str
) -> None:
    path = make(ffmpeg, tmp_path / f"video{suffix}", size, [*H264, *options])
    assert read_picture(path) == Picture(codec, *size)


@pytest.mark.parametrize(
    ("size", "params", "options", "codec"),
    [
        ((322, 180), ":high-tier=0", [], "hvc1.1.6.L120.90"),
        ((64, 64), ":high-tier=1", [], "hvc1.1.6.H120.90"),
        ((322, 182), ":high-tier=0:temporal-layers=3:bframes=3", [], "hvc1.1.6.L120.90"),
        ((322, 180), ":high-tier=0", ["-pix_fmt", "yuv420p10"], "hvc1.2.4.L120.90"),
        ((322, 181), ":high-tier=0", ["-pix_fmt", "yuv422p10"], "hvc1.4.10.L120.9D.8"),
        ((323, 181), ":high-tier=0", ["-pix_fmt", "yuv444p"], "hvc1.4.10.L120.9E.8"),
    ],
)
def test_h265_has_the_size_and_profile_given_to_its_encoder(
    ffmpeg: Ffmpeg, tmp_path: Path, size: Tuple[int, int], params: str, options: List[str], codec: str
) -> None:
    path = make(ffmpeg, tmp_path / "video.mp4", size, [*H265, X265 + params, *options])
    assert read_picture(path) == Picture(codec, *size)


@pytest.mark.parametrize("suffix", [".ts", ".mp4"])
def test_audio_is_in_the_codecs_if_the_file_has_it(ffmpeg: Ffmpeg, tmp_path: Path, suffix: str) -> None:
    path = make(ffmpeg, tmp_path / f"video{suffix}", (322, 180), [*H264, "-profile:v", "main"], sound=True)
    assert read_picture(path) == Picture("avc1.4d401e,mp4a.40.2", 322, 180)


def test_audio_that_begins_after_a_large_key_frame_is_in_the_codecs(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    noise = ["-vf", "scale=320:240,noise=alls=100:allf=t", "-qp", "0", "-muxdelay", "0", "-muxpreload", "0"]
    path = make(ffmpeg, tmp_path / "large.ts", (320, 240), [*H264, *noise, "-profile:v", "high444"], sound=True)
    data = path.read_bytes()
    sound_pid = b"\x47\x41\x01"  # FFmpeg counts from 256; this begins its second stream's first PES packet
    assert all(data[at : at + 3] != sound_pid for at in range(0, HEAD, PACKET))
    assert read_picture(path) == Picture("avc1.f4001e,mp4a.40.2", 320, 240)


def test_a_stream_without_parameter_sets_has_no_picture(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    without = [*H264, "-bsf:v", "filter_units=remove_types=7"]
    assert read_picture(make(ffmpeg, tmp_path / "video.ts", (64, 64), without)) is None


def test_a_file_without_video_has_no_picture(media: Media) -> None:
    assert read_picture(media.sound) is None


def test_a_size_is_read_after_a_cycle_of_picture_order_counts(tmp_path: Path) -> None:
    order = ue(1) + "0" + ue(0) + ue(0) + ue(2) + ue(1) + ue(2)  # pic_order_cnt_type 1 with two offsets
    sps = sps_of(order, (20, 15), (1, 4))
    assert read_bytes(tmp_path, ".mp4", mp4_of(sps)) == Picture("avc1.420029", 318, 232)


@pytest.mark.parametrize(("size", "crop"), [((1 << 30, 15), (0, 0)), ((20, 1 << 12), (0, 0)), ((20, 15), (160, 0))])
def test_an_impossible_size_gives_no_picture(tmp_path: Path, size: Tuple[int, int], crop: Tuple[int, int]) -> None:
    assert read_bytes(tmp_path, ".mp4", mp4_of(sps_of(ue(2), size, crop))) is None


@pytest.mark.parametrize("sps", [b"", b"\x67", b"\x67\x64\0\x28" + bytes(60_000)])
def test_a_parameter_set_that_ends_early_gives_no_picture(tmp_path: Path, sps: bytes) -> None:
    assert read_bytes(tmp_path, ".mp4", mp4_of(sps)) is None


@pytest.mark.parametrize("suffix", [".ts", ".mp4"])
def test_a_file_cut_anywhere_has_the_right_picture_or_none(ffmpeg: Ffmpeg, tmp_path: Path, suffix: str) -> None:
    path = make(ffmpeg, tmp_path / f"video{suffix}", (322, 180), [*H264, "-profile:v", "main"], sound=True)
    whole = path.read_bytes()
    pictures = [read_bytes(tmp_path, suffix, whole[:size]) for size in range(0, 3000, 7)]
    assert pictures[0] is None
    assert set(pictures) == {None, Picture("avc1.4d401e,mp4a.40.2", 322, 180)}


@pytest.mark.parametrize(
    ("suffix", "options"), [(".ts", H264), (".mp4", H264), (".mp4", (*H265, f"{X265}:temporal-layers=3:bframes=3"))]
)
def test_damage_gives_a_possible_size_or_none(
    ffmpeg: Ffmpeg, tmp_path: Path, suffix: str, options: Tuple[str, ...]
) -> None:
    head = make(ffmpeg, tmp_path / f"video{suffix}", (322, 180), options, sound=True).read_bytes()[:4000]
    dice = random.Random(1)
    pictures = []
    for _ in range(1000):
        data = bytearray(head)
        for _ in range(20):
            data[dice.randrange(len(data))] = dice.choice((0, 1, 0x80, 0xFF))
        pictures.append(read_bytes(tmp_path, suffix, bytes(data)))
    sizes = [side for picture in pictures if picture for side in (picture.width, picture.height)]
    assert None in pictures and 322 in sizes
    assert 0 < min(sizes) <= max(sizes) <= 16_888
