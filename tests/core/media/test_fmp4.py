from __future__ import annotations

import io
import os
import random
import struct
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.media.fmp4 import (
    cut_torn_end,
    first_pts,
    header_size,
    holds_video,
    last_end,
    whole_size,
)
from cctv_cli.core.media.hvcc import correct_file
from cctv_cli.core.media.segment_file import measure
from cctv_cli.core.media.span import TICKS, WRAP, Hole, MediaSpan, newest_end, span_of
from tests.support.media import FPS, make_video
from tests.support.mp4_frames import read_frames

FRAME = TICKS // FPS
MP4 = (
    "avoid_negative_ts=disabled:movflags=+frag_every_frame+empty_moov+default_base_moof+frag_discont+skip_trailer"
    ":use_editlist=0:movie_timescale=1000:video_track_timescale=90000"
)


@dataclass(frozen=True)
class Files:
    """Fragmented MP4 of 64 x 64 pixels at 25 frames/s, a keyframe every second, a fragment for each frame.

    `plain` has 3 s with sound and B-frames, `silent` 2 s without sound. `hole` has 6 s, without frames
    from second 2 to second 5. `sound` has no video. `run` are three files of one second each, cut by
    the segment muxer like a recorder's.
    """

    plain: Path
    silent: Path
    hole: Path
    sound: Path
    run: Tuple[Path, ...]


@pytest.fixture(scope="module")
def files(ffmpeg: Ffmpeg, tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("mp4")
    make_mp4(ffmpeg, folder / "plain.mp4", 3, "-bf", "2", sound=True)
    make_mp4(ffmpeg, folder / "silent.mp4", 2)
    passing = ["-vf", "select='not(between(t,2,4.99))'", "-fps_mode", "passthrough"]
    make_mp4(ffmpeg, folder / "hole.mp4", 6, *passing)
    make_mp4(ffmpeg, folder / "sound.mp4", 1, "-vn", sound=True)
    segments = ["-f", "segment", "-segment_time", "1", "-segment_format", "mp4", "-segment_format_options", MP4]
    make_video(ffmpeg, folder / "run%d.mp4", 3, *segments)
    run = tuple(folder / f"run{number}.mp4" for number in range(3))
    return Files(*(folder / f"{name}.mp4" for name in ("plain", "silent", "hole", "sound")), run=run)


def make_mp4(ffmpeg: Ffmpeg, path: Path, seconds: float, *options: str, sound: bool = False) -> Path:
    muxer = [
        f"-{word}" if index == 0 else word for pair in MP4.split(":") for index, word in enumerate(pair.split("="))
    ]
    # shifts the encoder's first times, which may be negative: the independent reader does not support that
    return make_video(ffmpeg, path, seconds, "-f", "mp4", "-output_ts_offset", "1", *muxer, *options, sound=sound)


def end_of(path: Path, size: Optional[int] = None) -> Optional[int]:
    with path.open("rb") as file:
        return last_end(file, path.stat().st_size if size is None else size)


@pytest.mark.parametrize(("name", "seconds"), [("plain", 3), ("silent", 2)])
def test_a_file_is_as_long_as_its_frames(files: Files, name: str, seconds: int) -> None:
    span = measure(getattr(files, name))
    assert span is not None
    assert (span.duration, span.frames, span.holes) == (seconds, seconds * FPS, ())


def test_the_first_frame_is_the_same_for_an_independent_reader(files: Files) -> None:
    span = measure(files.plain)
    assert span is not None
    assert span.first == first_pts(files.plain) == read_frames(files.plain)[0].pts


def test_frames_out_of_order_count_as_sent(files: Files) -> None:
    shown = [frame.pts for frame in read_frames(files.plain)]
    assert shown != sorted(shown)  # B-frames
    sent_after_it = len(shown) - 1 - shown.index(max(shown))
    assert end_of(files.plain) == max(shown) + (1 + sent_after_it) * FRAME


def test_a_hole_is_found_where_it_is(files: Files) -> None:
    span = measure(files.hole)
    assert span is not None
    assert (span.duration, span.holes) == (6.0, (Hole(offset=2.0, duration=3.0),))


def test_h265_is_measured(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    if "libx265" not in ffmpeg.encoders:
        pytest.skip(f"{ffmpeg.path} has no H.265 encoder")
    quiet = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-tag:v", "hvc1"]
    path = make_mp4(ffmpeg, tmp_path / "h265.mp4", 1, *quiet)
    span = measure(path)
    assert span is not None
    assert (span.first, span.duration, span.frames) == (read_frames(path)[0].pts, 1.0, FPS)


def test_files_of_one_run_follow_each_other_without_a_hole(files: Files) -> None:
    spans = [measure(path) for path in files.run]
    ends = [end_of(path) for path in files.run]
    assert [span and span.frames for span in spans] == [FPS] * 3
    assert [span and span.first for span in spans[1:]] == ends[:-1]


def test_all_files_of_a_run_have_the_same_head(files: Files) -> None:
    assert len({path.read_bytes()[: header_size(path)] for path in files.run}) == 1


def test_fragments_begin_after_the_head(files: Files) -> None:
    size = header_size(files.plain)
    assert size is not None
    data = files.plain.read_bytes()
    assert (data[4:8], data[size + 4 : size + 8]) == (b"ftyp", b"moof")


def test_a_file_without_video_has_no_length(files: Files) -> None:
    assert measure(files.sound) is None
    assert first_pts(files.sound) is None
    assert end_of(files.sound) is None
    assert not holds_video(files.sound)


def test_a_file_without_a_whole_frame_has_no_length(files: Files, tmp_path: Path) -> None:
    whole = files.silent.read_bytes()
    head = header_size(files.silent)
    assert head is not None
    path = tmp_path / "begun.mp4"
    for size in (0, 1, 7, 8, 20, 28, head - 1, head, head + 1, head + 50, whole.index(b"mdat") + 5):
        path.write_bytes(whole[:size])
        assert (measure(path), first_pts(path), end_of(path)) == (None, None, None)
        assert header_size(path) == (head if size >= head else None)
        assert holds_video(path) == (size >= head)


def test_a_file_is_measured_wherever_a_crash_cut_it(files: Files, tmp_path: Path) -> None:
    whole = files.silent.read_bytes()
    path = tmp_path / "cut.mp4"
    counts = []
    for size in range(whole.index(b"moof") - 4, len(whole), 499):
        path.write_bytes(whole[:size])
        span = measure(path)
        frames = len(read_frames(path))
        assert (0 if span is None else span.frames) == frames
        assert span is None or span.duration == frames / FPS
        counts.append(frames)
    assert (counts[0], counts == sorted(counts)) == (0, True)
    assert counts[-1] > FPS


def test_the_end_of_a_growing_file_never_goes_back(files: Files) -> None:
    size = files.silent.stat().st_size
    ends = [end_of(files.silent, cut) for cut in range(0, size + 1, 100)] + [end_of(files.silent)]
    known = [end for end in ends if end is not None]
    assert known == sorted(known)
    first = first_pts(files.silent)
    assert first is not None
    assert (known[0], known[-1]) == (first + FRAME, first + 2 * TICKS)


def test_a_file_of_zeros_after_a_power_cut_is_measured_up_to_them(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "zeros.mp4"
    whole = files.silent.read_bytes()
    path.write_bytes(whole[: whole.index(b"moof", 8000) - 4])
    expected, end = measure(path), end_of(path)
    assert expected is not None
    with path.open("ab") as file:
        file.write(bytes(4096))
    assert (measure(path), end_of(path)) == (expected, end)
    path.write_bytes(bytes(64 * 1024))
    assert measure(path) is None


def test_no_damage_to_a_file_raises(files: Files, tmp_path: Path) -> None:
    # one damaged file in .incoming must not end the supervision of its camera
    whole = files.plain.read_bytes()[:6000]
    boxes = [at for at in range(len(whole) - 4) if whole[at : at + 4] in (b"moov", b"moof", b"traf", b"trun", b"tfhd")]
    boxes += [at for at in range(len(whole) - 4) if whole[at : at + 4] in (b"tkhd", b"mdhd", b"hdlr", b"trex", b"tfdt")]
    chance = random.Random(1)
    path = tmp_path / "damaged.mp4"
    for _ in range(600):
        damaged = bytearray(whole)
        for _ in range(4):
            place = max(0, chance.choice(boxes) + chance.randrange(-4, 24))
            damaged[place] = chance.choice((0x00, 0x01, 0x08, 0xFF, chance.randrange(256)))
        path.write_bytes(bytes(damaged[: chance.randrange(8, len(damaged))]))
        span = measure(path)
        assert span is None or span.duration > 0
        first_pts(path)
        end_of(path)
        header_size(path)


@pytest.mark.parametrize("of", [measure, first_pts, header_size, holds_video])
def test_a_missing_file_raises(of, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        of(tmp_path / "none.mp4")


# Built by hand: boxes that FFmpeg writes rarely or never (ISO/IEC 14496-12).

BASE, INDEX, DURATION, SIZE, FLAGS = 1, 2, 8, 0x10, 0x20  # in tfhd
OFFSET, FIRST_FLAGS, EACH_DURATION, EACH_SIZE, EACH_FLAGS, EACH_SHIFT = 1, 4, 0x100, 0x200, 0x400, 0x800  # in trun
VIDEO, SOUND = 2, 1  # track numbers
MDAT = struct.pack(">I4s", 12, b"mdat") + b"data"


def box(kind: bytes, *parts: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, parts)), kind) + b"".join(parts)


def full(kind: bytes, version: int, flags: int, form: str, *fields: int) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), struct.pack(">" + form, *fields))


def track(number: int, handler: bytes, timescale: int, version: int = 0) -> bytes:
    dates = "QQ" if version else "II"
    return box(
        b"trak",
        full(b"tkhd", version, 3, dates + "I", 0, 0, number),
        box(
            b"mdia",
            full(b"mdhd", version, 0, dates + "II", 0, 0, timescale, 0),
            box(b"hdlr", bytes(8), handler, bytes(13)),
        ),
    )


def head(timescale: int = TICKS, usual: int = 0, version: int = 0) -> bytes:
    tracks = track(SOUND, b"soun", 48_000) + track(VIDEO, b"vide", timescale, version)
    defaults = [
        full(b"trex", 0, 0, "IIIII", number, 1, ticks, 0, 0) for number, ticks in ((SOUND, 1024), (VIDEO, usual))
    ]
    return box(b"ftyp", b"iso5") + box(b"moov", tracks, box(b"mvex", *defaults))


def tfhd(flags: int = 0, form: str = "", *fields: int, number: int = VIDEO) -> bytes:
    return full(b"tfhd", 0, flags, "I" + form, number, *fields)


def tfdt(time: int) -> bytes:
    return full(b"tfdt", 1, 0, "q", time)


def trun(count: int) -> bytes:
    """A run of samples without any fields of their own."""
    return full(b"trun", 0, 0, "I", count)


def fragment(*traf: bytes) -> bytes:
    return moof(box(b"traf", *traf)) + MDAT


def moof(*trafs: bytes) -> bytes:
    return box(b"moof", full(b"mfhd", 0, 0, "I", 1), *trafs)


def write(path: Path, *parts: bytes) -> Path:
    path.write_bytes(b"".join(parts))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "built.mp4"


def test_times_are_converted_from_the_tracks_timescale(path: Path) -> None:
    for timescale, frame in ((12_800, 512), (600, 24), (1000, 40), (50, 2)):
        write(path, head(timescale, usual=frame), *(fragment(tfhd(), tfdt(n * frame), trun(1)) for n in range(25)))
        assert measure(path) == MediaSpan(first=0, duration=1.0, frames=25, step=FRAME)


def test_times_between_ticks_are_rounded_to_the_nearest(path: Path) -> None:
    write(path, head(timescale=7), *(fragment(tfhd(), tfdt(time), trun(1)) for time in (1, 4, 7, 10)))
    expect(path, [12_857, 51_429, 90_000, 128_571])


@pytest.mark.parametrize(
    ("box_of_time", "raw"),
    [
        (full(b"tfdt", 0, 0, "I", 0xFFFFFFFF), 0xFFFFFFFF),
        (full(b"tfdt", 1, 0, "Q", 0xFFFFFFFF), 0xFFFFFFFF),
        (full(b"tfdt", 1, 0, "Q", WRAP + 5), 5),
        (full(b"tfdt", 1, 0, "q", -5), WRAP - 5),
    ],
    ids=["32 bit", "64 bit", "beyond 33 bit", "before zero"],
)
def test_the_time_of_a_fragment_becomes_a_raw_time(path: Path, box_of_time: bytes, raw: int) -> None:
    assert first_pts(write(path, head(), fragment(tfhd(), box_of_time, trun(1)))) == raw


@pytest.mark.parametrize("version", [0, 1])
def test_the_head_may_have_dates_of_64_bits(path: Path, version: int) -> None:
    write(path, head(12_800, 512, version), fragment(tfhd(), tfdt(512), trun(4)))
    assert (first_pts(path), end_of(path)) == (FRAME, 5 * FRAME)


def expect(path: Path, times: List[int]) -> None:
    """The file holds frames with these raw times."""
    assert (measure(path), end_of(path)) == (span_of(times), newest_end(times))


def all_of(*flags: int) -> Sequence[int]:
    """Every sum of some of these flags."""
    return [sum(some) for count in range(len(flags) + 1) for some in combinations(flags, count)]


@pytest.mark.parametrize("flags", all_of(OFFSET, FIRST_FLAGS, EACH_DURATION, EACH_SIZE, EACH_FLAGS, EACH_SHIFT))
def test_samples_are_found_with_any_fields_in_a_run(path: Path, flags: int) -> None:
    durations, shifts = [10, 20, 30, 20], [5, 1, 9, 3]
    fields = [4] * bool(flags & OFFSET) + [0] * bool(flags & FIRST_FLAGS)
    for duration, shift in zip(durations, shifts):
        fields += [duration] * bool(flags & EACH_DURATION) + [77] * bool(flags & EACH_SIZE)
        fields += [88] * bool(flags & EACH_FLAGS) + [shift] * bool(flags & EACH_SHIFT)
    run = full(b"trun", 0, flags, f"I{len(fields)}I", 4, *fields)
    begins = [0, 10, 30, 60] if flags & EACH_DURATION else [0, 7, 14, 21]
    shown = [begin + (shift if flags & EACH_SHIFT else 0) for begin, shift in zip(begins, shifts)]
    write(path, head(usual=7), fragment(tfhd(), tfdt(1000), run))
    expect(path, [1000 + time for time in shown])


@pytest.mark.parametrize("flags", all_of(BASE, INDEX, DURATION, SIZE, FLAGS))
def test_the_default_duration_is_the_fragments_or_else_the_tracks(path: Path, flags: int) -> None:
    named = [(BASE, "Q"), (INDEX, "I"), (DURATION, "I"), (SIZE, "I"), (FLAGS, "I")]
    form = "".join(letter for flag, letter in named if flags & flag)
    values = [50 if flag == DURATION else 99 for flag, _ in named if flags & flag]
    write(path, head(usual=7), fragment(tfhd(flags, form, *values), tfdt(1000), trun(4)))
    assert end_of(path) == 1000 + 4 * (50 if flags & DURATION else 7)


def test_composition_offsets_are_signed_in_version_1(path: Path) -> None:
    for version, form, shift in ((0, "I", 0xFFFFFFFF), (1, "i", -1)):
        run = full(b"trun", version, EACH_SHIFT, "I" + form, 1, shift)
        assert first_pts(write(path, head(), fragment(tfhd(), tfdt(10), run))) == 10 + shift


def test_runs_of_one_fragment_follow_each_other(path: Path) -> None:
    write(path, head(usual=5), fragment(tfhd(), tfdt(100), trun(2), trun(2)))
    expect(path, [100, 105, 110, 115])


def test_a_track_may_have_several_parts_in_one_fragment(path: Path) -> None:
    parts = [box(b"traf", tfhd(), tfdt(time), trun(1)) for time in (100, 200, 300)]
    write(path, head(), moof(*parts), MDAT)
    expect(path, [100, 200, 300])


def test_other_tracks_do_not_count(path: Path) -> None:
    sound = box(b"traf", tfhd(number=SOUND), tfdt(7), trun(9))
    video = box(b"traf", tfhd(), tfdt(100), trun(2))
    write(path, head(usual=5), moof(sound), MDAT, moof(sound, video), MDAT, moof(sound), MDAT)
    expect(path, [100, 105])


def test_a_fragment_without_a_time_does_not_count(path: Path) -> None:
    write(path, head(usual=5), fragment(tfhd(), trun(2)), fragment(tfhd(), tfdt(100), trun(1)))
    expect(path, [100])


def test_other_boxes_are_skipped(path: Path) -> None:
    other = box(b"free", bytes(20))
    frame = box(b"traf", other, tfhd(), other, tfdt(100), other, trun(2))
    write(path, head(usual=5), box(b"styp"), other, moof(other, frame), other, MDAT, other)
    expect(path, [100, 105])


def test_media_data_may_have_a_length_of_64_bits(path: Path) -> None:
    large = struct.pack(">I4sQ", 1, b"mdat", 20) + b"data"
    write(
        path, head(usual=5), moof(box(b"traf", tfhd(), tfdt(100), trun(1))), large, fragment(tfhd(), tfdt(105), trun(1))
    )
    expect(path, [100, 105])


@pytest.mark.parametrize(
    "mdat",
    [MDAT[:-1], struct.pack(">I4sQ", 1, b"mdat", 21) + b"data", struct.pack(">I4s", 0, b"mdat") + b"data"],
    ids=["cut", "cut, 64 bit", "without length"],
)
def test_a_frame_with_incomplete_data_does_not_count(path: Path, mdat: bytes) -> None:
    write(path, head(), fragment(tfhd(), tfdt(100), trun(1)), moof(box(b"traf", tfhd(), tfdt(105), trun(1))), mdat)
    expect(path, [100])


def test_bytes_beyond_the_given_size_do_not_count(path: Path) -> None:
    frames = [fragment(tfhd(), tfdt(time), trun(1)) for time in (0, 10, 20, 30, 40)]
    write(path, head(), *frames)
    assert [end_of(path, path.stat().st_size - cut) for cut in (0, 1, len(frames[0]))] == [50, 40, 40]


@pytest.mark.parametrize(("frame", "end"), [(40_000, 40), (100_000, 40), (200_000, 40), (300_000, 30)])
def test_the_end_is_found_after_large_frames(path: Path, frame: int, end: int) -> None:
    data = box(b"mdat", bytes(frame))
    parts = [moof(box(b"traf", tfhd(), tfdt(time), trun(1))) + data for time in (0, 10, 20, 30)]
    assert end_of(write(path, head(), *parts)) == end  # with three frames in a MiB, the start of the latest


@pytest.mark.parametrize("frame", [8_000, 20_000, 60_000, 200_000])
def test_the_end_counts_b_frames_of_any_size(path: Path, frame: int) -> None:
    data = box(b"mdat", bytes(frame))
    shown = [0, *(30 * group + time for group in range(8) for time in (30, 10, 20))]
    parts = [moof(box(b"traf", tfhd(), tfdt(time), trun(1))) + data for time in shown]
    ends = [end_of(write(path, head(), *parts[:sent])) for sent in range(4, len(shown) + 1)]
    assert ends == [10 * (sent + 2) for sent in range(4, len(shown) + 1)]  # two more: B-frames are sent that late


def test_the_end_is_unknown_after_frames_of_a_mebibyte(path: Path) -> None:
    data = box(b"mdat", bytes(1 << 20))
    parts = [moof(box(b"traf", tfhd(), tfdt(time), trun(1))) + data for time in (0, 10)]
    assert end_of(write(path, head(), *parts)) is None


def test_the_end_is_found_at_any_offset_in_a_fragment(path: Path) -> None:
    frames = b"".join(fragment(tfhd(), tfdt(time), trun(1)) for time in range(0, 10_000, 10))
    for padding in range(len(fragment(tfhd(), tfdt(0), trun(1)))):
        assert end_of(write(path, head(), frames, box(b"free", bytes(padding)))) == 10_000


def test_no_fragment_has_more_samples_than_its_data_have_bytes(path: Path) -> None:
    # runs that list no samples could otherwise claim a thousand times more frames than the file has bytes
    write(path, head(usual=5), fragment(tfhd(), tfdt(10), *[trun(3)] * 2), fragment(tfhd(), tfdt(100), trun(4)))
    expect(path, [100, 105, 110, 115])


def test_no_fragment_has_more_samples_than_minutes_of_video(path: Path) -> None:
    """The memory for a damaged count must not grow with the media's bytes."""
    media = box(b"mdat", bytes(100_000))
    parts = [moof(box(b"traf", tfhd(), tfdt(time), trun(count))) + media for time, count in ((10, 100_000), (100, 2))]
    expect(write(path, head(usual=5), *parts), [100, 105])


def test_every_track_of_a_file_is_tagged(path: Path) -> None:
    entry = full(b"stsd", 0, 0, "I", 1)[4:] + box(b"hev1", bytes(70))
    write(path, box(b"ftyp", b"iso5"), box(b"moov", box(b"free", entry), box(b"free", entry)))
    correct_file(path)
    assert (path.read_bytes().count(b"hev1"), path.read_bytes().count(b"hvc1")) == (0, 2)


ENDLESS = struct.pack(">I4s", 0xFFFFFFFF, b"moof")


@pytest.mark.parametrize(
    "damaged",
    [
        fragment(tfhd(), tfdt(10), trun(0xFFFFFFFF)),
        fragment(tfhd(), tfdt(10), full(b"trun", 0, EACH_SIZE, "III", 0xFFFFFFFF, 1, 2)),
        fragment(tfhd(), tfdt(10), full(b"trun", 0, EACH_SHIFT, "II", 2, 1)),
        fragment(tfhd(), tfdt(10), box(b"trun")),
        fragment(tfhd(), box(b"tfdt"), trun(1)),
        fragment(box(b"tfhd"), tfdt(10), trun(1)),
        moof(struct.pack(">I4s", 4, b"traf")) + MDAT,
        moof(struct.pack(">I4s", 99, b"traf") + tfhd() + tfdt(10) + trun(1)) + MDAT,
        box(b"moof", bytes(1 << 20), box(b"traf", tfhd(), tfdt(10), trun(1))) + MDAT,
    ],
    ids=[
        "countless samples",
        "more samples than room",
        "a sample too few",
        "an empty run",
        "no time",
        "no track",
        "shorter than its header",
        "longer than the fragment",
        "a huge fragment",
    ],
)
def test_a_damaged_fragment_does_not_count_and_the_next_does(path: Path, damaged: bytes) -> None:
    write(path, head(), damaged, fragment(tfhd(), tfdt(100), trun(1)))
    assert measure(path) == MediaSpan(first=100, duration=FRAME / TICKS, frames=1)


@pytest.mark.parametrize(
    "end",
    [ENDLESS, struct.pack(">I4s", 3, b"free"), struct.pack(">I4s", 1, b"free"), bytes(500), b"\xff" * 500],
    ids=["longer than the file", "shorter than its header", "half a 64 bit length", "zeros", "no box"],
)
def test_reading_stops_at_an_invalid_box(path: Path, end: bytes) -> None:
    write(path, head(), fragment(tfhd(), tfdt(100), trun(1)), end, fragment(tfhd(), tfdt(200), trun(1)))
    assert measure(path) == MediaSpan(first=100, duration=FRAME / TICKS, frames=1)


@pytest.mark.parametrize(
    "begin",
    [
        head(timescale=0),
        head()[8:],
        head().replace(b"ftyp", b"free"),
        head().replace(b"mdia", b"free"),
        head().replace(b"hdlr", b"free"),
        head().replace(b"vide", b"meta"),
        box(b"ftyp", b"iso5") + box(b"moov", box(b"trak", box(b"tkhd"), box(b"mdia", box(b"mdhd"), box(b"hdlr")))),
        box(b"ftyp", b"iso5") + box(b"moov", head()[12:], bytes(1 << 20)),
        b"",
    ],
    ids=[
        "no time",
        "no ftyp",
        "another box first",
        "no media",
        "no handler",
        "no video",
        "empty boxes",
        "huge",
        "none",
    ],
)
def test_a_head_that_names_no_video_leaves_a_file_without_length(path: Path, begin: bytes) -> None:
    write(path, begin, *(fragment(tfhd(), tfdt(time), trun(1)) for time in (0, 10, 20)))
    assert (measure(path), first_pts(path), end_of(path)) == (None, None, None)
    assert not holds_video(path)


def test_a_size_beyond_the_file_does_not_matter() -> None:
    data = head() + b"".join(fragment(tfhd(), tfdt(time), trun(1)) for time in (0, 10, 20, 30))
    assert last_end(io.BytesIO(data), len(data) + 1000) == 40
    assert last_end(io.BytesIO(b""), 1000) is None


class CountingFile(io.BytesIO):
    """Counts the bytes that are read."""

    taken = 0

    def read(self, size: Optional[int] = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def test_finding_the_end_does_not_read_the_whole_file() -> None:
    data = box(b"mdat", bytes(20_000))
    frames = [moof(box(b"traf", tfhd(), tfdt(time), trun(1))) + data for time in range(0, 10_000, 10)]
    file = CountingFile(head() + b"".join(frames))
    assert last_end(file, len(file.getvalue())) == 10_000
    assert file.taken < 350_000


@pytest.mark.parametrize("lost", [1, 9, 200, 2000])
def test_a_torn_end_is_cut_off_and_the_modification_time_stays(files: Files, tmp_path: Path, lost: int) -> None:
    torn = tmp_path / "torn.mp4"
    torn.write_bytes(files.silent.read_bytes()[:-lost])
    os.utime(torn, (100, 100))
    before = measure(torn)
    cut_torn_end(torn)
    assert measure(torn) == before
    assert torn.stat().st_mtime == 100
    with torn.open("rb") as file:
        assert whole_size(file, torn.stat().st_size) == torn.stat().st_size < files.silent.stat().st_size
    joined = tmp_path / "joined.mp4"  # what a player reads: the fragments of the next file follow
    joined.write_bytes(torn.read_bytes() + files.silent.read_bytes()[header_size(files.silent) :])
    assert len(read_frames(joined)) == len(read_frames(torn)) + len(read_frames(files.silent))


def test_a_whole_file_is_not_cut(files: Files, tmp_path: Path) -> None:
    whole = tmp_path / "whole.mp4"
    whole.write_bytes(files.plain.read_bytes())
    cut_torn_end(whole)
    assert whole.read_bytes() == files.plain.read_bytes()


def test_a_file_that_is_not_mp4_is_left_unchanged(tmp_path: Path) -> None:
    odd = tmp_path / "odd.mp4"
    odd.write_bytes(b"no box at all, but some bytes")
    cut_torn_end(odd)
    assert odd.read_bytes() == b"no box at all, but some bytes"


def test_tagging_keeps_the_modification_time(tmp_path: Path, files: Files) -> None:
    tagged = tmp_path / "tagged.mp4"
    header = header_size(files.silent)
    assert header is not None
    data = bytearray(files.silent.read_bytes())
    entry = data.find(b"stsd", 0, header) + 16
    data[entry : entry + 4] = b"hev1"
    tagged.write_bytes(data)
    os.utime(tagged, (100, 100))
    correct_file(tagged)
    assert b"hvc1" in tagged.read_bytes()[:header]
    assert tagged.stat().st_mtime == 100
