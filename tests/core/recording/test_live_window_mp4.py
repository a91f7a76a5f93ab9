"""The live window in fragmented MP4: initialization sections are tagged, and deleted with their run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import List, Tuple

import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.hls.playlist import LiveWindow, parse_live
from cctv_cli.core.layout import CameraLayout, parse_live_segment
from cctv_cli.core.media.fmp4 import header_size, leading_sps
from cctv_cli.core.recording.live_window import LiveWriter
from cctv_cli.core.recording.media_clock import Timeline
from tests.support.media import run_ffmpeg
from tests.support.mp4_frames import tags

TRUTH = 1_795_000_000.0
FORM = (
    "avoid_negative_ts=disabled:movflags=+frag_every_frame+empty_moov+default_base_moof+frag_discont+skip_trailer"
    ":use_editlist=0:movie_timescale=1000:video_track_timescale=90000"
)
COUNT = 3


@pytest.fixture(scope="module")
def runs(ffmpeg: Ffmpeg, tmp_path_factory: pytest.TempPathFactory) -> Tuple[List[Path], List[Path]]:
    """The H.265 segments of two runs, a second each; the second run's picture is smaller."""
    if "libx265" not in ffmpeg.encoders:
        pytest.skip("this FFmpeg encodes no H.265")
    folder = tmp_path_factory.mktemp("hevc")
    for name, size in (("a", "128x128"), ("b", "64x64")):
        picture = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=10:duration={COUNT}"]
        video = ["-c:v", "libx265", "-x265-params", "log-level=none:keyint=10:bframes=0:repeat-headers=1"]
        form = ["-tag:v", "hev1", "-f", "segment", "-segment_time", "1", "-segment_format", "mp4"]
        run_ffmpeg(ffmpeg, [*picture, *video, *form, "-segment_format_options", FORM, str(folder / f"{name}%d.mp4")])
    return ([folder / f"a{n}.mp4" for n in range(COUNT)], [folder / f"b{n}.mp4" for n in range(COUNT)])


class Stage:
    """A camera's live folder and its writer."""

    def __init__(self, folder: Path) -> None:
        self.layout = CameraLayout(folder, "cam1")
        self.writer = LiveWriter(self.layout, 10, None)
        self.writer.open(None)

    def play(self, segments: List[Path], codec: str = "hevc") -> int:
        """Play a whole run; returns the number of its first segment."""
        first = self.writer.begin_run(None, TRUTH, codec)
        for number, segment in enumerate(segments, first):
            shutil.copyfile(segment, self.layout.live_segment(number, segment.suffix))
        self.writer.update(Timeline(TRUTH, TRUTH, 0.0), alive=False)
        return first

    def written(self) -> LiveWindow:
        window = parse_live(self.layout.live_playlist.read_text())
        assert window is not None
        return window


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_player_finds_hvc1_and_the_byte_ranges(stage: Stage, runs: Tuple[List[Path], List[Path]]) -> None:
    stage.play(runs[0])
    assert tags(stage.layout.live_init(0)) == ["hvc1"]
    size = header_size(runs[0][0])
    assert stage.layout.live_init(0).stat().st_size == size
    parts = [segment.part for segment in stage.written().segments]
    assert [(p.init, p.offset, p.offset + p.size) for p in parts if p] == [
        (0, size, segment.stat().st_size) for segment in runs[0]
    ]


def test_a_segment_of_one_frame_lasts_as_long_as_the_frames_before(
    stage: Stage, runs: Tuple[List[Path], List[Path]], tmp_path: Path
) -> None:
    media = runs[0][1].read_bytes()
    alone = tmp_path / "alone.mp4"  # FFmpeg ended right after a cut
    alone.write_bytes(media[: media.index(b"moof", media.index(b"moof") + 4) - 4])
    stage.play([runs[0][0], alone])
    assert [segment.duration for segment in stage.written().segments] == [1.0, 0.1]


def test_an_initialization_section_is_deleted_after_its_runs_last_segment(
    stage: Stage, runs: Tuple[List[Path], List[Path]]
) -> None:
    kept = []
    for turn in range(8):
        stage.play(runs[turn % 2])
        kept.append(sorted(path.name for path in stage.layout.live.glob("init*")))
        named = {segment.part.init for segment in stage.written().segments if segment.part}
        assert {f"init{number}.mp4" for number in named} <= set(kept[-1])
    oldest = min(number for number in map(parse_live_segment, os.listdir(stage.layout.live)) if number is not None)
    assert oldest > 3
    inits = [number for number in range(0, 24, 3) if number + 3 > oldest]
    assert kept[-1] == sorted(f"init{number}.mp4" for number in inits)


def test_a_picture_that_outgrew_its_header_is_noticed(stage: Stage, runs: Tuple[List[Path], List[Path]]) -> None:
    stage.play(runs[0])
    assert not stage.writer.outgrew_header
    size, other = header_size(runs[0][0]), header_size(runs[1][0])
    grown = stage.layout.live / "grown.mp4"  # the header that FFmpeg wrote before the camera changed its picture
    grown.write_bytes(runs[0][0].read_bytes()[:size] + runs[1][0].read_bytes()[other:])
    stage.play([runs[0][0], grown])
    assert stage.writer.outgrew_header
    stage.play([grown, grown])
    assert not stage.writer.outgrew_header, (
        "the camera's announcement was wrong from the start, so a new run would not help"
    )


@pytest.mark.parametrize("length", range(0, 1200, 37))
def test_a_torn_file_shows_no_other_picture(tmp_path: Path, runs: Tuple[List[Path], List[Path]], length: int) -> None:
    torn = tmp_path / "torn.mp4"
    torn.write_bytes(runs[0][0].read_bytes()[:length])
    assert leading_sps(torn) in (frozenset(), leading_sps(runs[0][0]))
