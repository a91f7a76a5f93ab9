"""The live window over real segments, added one by one as FFmpeg does."""

from __future__ import annotations

import errno
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import pytest

from cctv_cli.core import files, system
from cctv_cli.core.clock import format_instant, zone
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.hls.playlist import LiveWindow, parse_live
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.media.mpegts import PACKET, first_pts
from cctv_cli.core.media.span import TICKS
from cctv_cli.core.recording.live_window import LiveWriter, window_size
from cctv_cli.core.recording.media_clock import Timeline
from cctv_cli.core.recording.state import Run
from tests.support.media import make_video

BERLIN = zone("Europe/Berlin")
TRUTH = 1792888200.0  # when the first frame of a run's first segment was taken
SEGMENTS = 14  # of one second each
WINDOW = 6  # what the playlist names with segments of ten seconds


@pytest.fixture(scope="module")
def source(ffmpeg: Ffmpeg, tmp_path_factory: pytest.TempPathFactory) -> List[Path]:
    """The segments of one run."""
    folder = tmp_path_factory.mktemp("live")
    options = ["-f", "segment", "-segment_time", "1", "-individual_header_trailer", "0", "-segment_format", "mpegts"]
    make_video(ffmpeg, folder / "%d.ts", SEGMENTS, *options)
    return [folder / f"{number}.ts" for number in range(SEGMENTS)]


class Stage:
    """A camera's live folder and its writer."""

    def __init__(self, folder: Path, source: List[Path]) -> None:
        self.source = source
        self.layout = CameraLayout(folder / "hls", "cam1", folder / "ram")
        self.writer = self.opened(None)

    def opened(self, run: Optional[Run]) -> LiveWriter:
        """The writer of the next supervisor."""
        self.writer = LiveWriter(self.layout, 10, BERLIN)
        self.writer.open(run)
        return self.writer

    def begin(self, previous: Optional[Run] = None, now: float = TRUTH) -> Run:
        return Run("0123456789abcdef", "", now, self.writer.begin_run(previous, now, "h264"))

    def lay(self, run: Run, *places: int) -> None:
        """FFmpeg has finished these segments of its run."""
        for place in places:
            shutil.copyfile(self.source[place], self.layout.live_segment(run.first_live + place))

    def date(self, run: Run, *places: int, clock_set: float = 0.0) -> None:
        """Date segments by their last write, by a clock that was set by so many seconds."""
        for place in places:
            written = run.started + place + 1 + clock_set
            os.utime(self.layout.live_segment(run.first_live + place), (written, written))

    def open_segment(self, run: Run, place: int, size: int = 0) -> None:
        """FFmpeg has begun a segment: so many bytes of it are on disk."""
        data = self.source[place].read_bytes()[:size]
        self.layout.live_segment(run.first_live + place).write_bytes(data)

    def timeline(self, run: Run) -> Timeline:
        first = first_pts(self.source[0])
        assert first is not None
        media = first / TICKS
        return Timeline(run.started - media, run.started, media)

    def update(self, run: Run, *, alive: bool = True) -> List[int]:
        """Update the playlist; returns the numbers that it names now."""
        self.writer.update(self.timeline(run), alive=alive)
        return [segment.number for segment in self.written().segments]

    def text(self) -> str:
        return self.layout.live_playlist.read_text()

    def written(self) -> LiveWindow:
        window = parse_live(self.text()) if self.layout.live_playlist.exists() else LiveWindow(0)
        assert window is not None
        return window

    def named(self) -> List[str]:
        return re.findall(r"^segment\d+\.ts$", self.text(), re.MULTILINE)

    def files(self) -> List[str]:
        return sorted((p.name for p in self.layout.live.glob("*.ts")), key=lambda name: int(name[7:-3]))


@pytest.fixture
def stage(tmp_path: Path, source: List[Path]) -> Stage:
    return Stage(tmp_path, source)


@pytest.mark.parametrize(("duration", "size"), [(1, 60), (2, 30), (4, 15), (7, 9), (10, 6), (20, 6), (60, 6)])
def test_a_window_covers_a_minute_and_six_segments(duration: int, size: int) -> None:
    assert window_size(duration) == size


def test_a_segment_is_finished_when_the_next_one_holds_a_frame(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, 0)
    assert stage.update(run) == []
    stage.open_segment(run, 1)
    assert stage.update(run) == []
    stage.open_segment(run, 1, 2 * PACKET)
    assert stage.update(run) == []
    stage.open_segment(run, 1, 40 * PACKET)
    assert stage.update(run) == [0]


def test_there_is_no_playlist_before_the_first_segment_is_finished(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, 0)
    stage.update(run)
    assert not stage.layout.live_playlist.exists()


def test_segments_have_their_true_times(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, 0, 1, 2)
    stage.update(run)
    assert [(s.start, s.duration) for s in stage.written().segments] == [(TRUTH, 1.0), (TRUTH + 1, 1.0)]
    assert f"#EXT-X-PROGRAM-DATE-TIME:{format_instant(TRUTH + 1, BERLIN)}\n" in stage.text()


def test_the_last_segment_is_finished_when_ffmpeg_has_ended(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, 0, 1, 2)
    assert stage.update(run, alive=False) == [0, 1, 2]
    assert stage.written().segments[-1].duration == 1.0


def test_a_segment_that_a_kill_cut_short_has_its_true_length(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, 0)
    stage.open_segment(run, 1, stage.source[1].stat().st_size // 2)
    assert stage.update(run, alive=False) == [0, 1]
    assert 0 < stage.written().segments[-1].duration < 1.0


def test_a_window_slides_over_files_that_exist(stage: Stage) -> None:
    run = stage.begin()
    sequences = []
    for place in range(SEGMENTS):
        stage.lay(run, place)
        stage.update(run)
        if place:
            assert set(stage.named()) <= set(stage.files())
            sequences.append(stage.written().segments[0].number)
    assert sequences == [0] * WINDOW + [1, 2, 3, 4, 5, 6, 7]
    assert len(stage.named()) == WINDOW


def test_a_segment_stays_for_its_duration_and_that_of_the_longest_playlist_with_it(stage: Stage) -> None:
    left: Dict[int, int] = {}  # by segment, the newest one when it left the playlist
    deleted: Dict[int, int] = {}
    before = None
    for turn in range(2):
        run = stage.begin(before, TRUTH + turn * SEGMENTS)
        for place in range(SEGMENTS):
            stage.lay(run, place)
            named = stage.update(run, alive=place < SEGMENTS - 1)
            for number in range(named[0] if named else 0):
                left.setdefault(number, named[-1])
                if not stage.layout.live_segment(number).exists():
                    deleted.setdefault(number, named[-1])
        before = run
    assert sorted(deleted) == list(range(len(deleted))) and len(deleted) > WINDOW
    # segments of one second; where a run ends two are finished at once
    assert {deleted[number] - left[number] for number in deleted} in ({WINDOW + 1}, {WINDOW + 1, WINDOW + 2})


def test_segments_stay_though_another_supervisor_continues(stage: Stage) -> None:
    run = stage.begin()
    for place in range(SEGMENTS - 2):
        stage.lay(run, place)
        stage.update(run)
    before = stage.files()
    stage.opened(run)
    stage.lay(run, SEGMENTS - 2)
    stage.update(run)
    assert stage.files() == [*before, f"segment{SEGMENTS - 2}.ts"]


def test_foreign_files_are_not_pruned(stage: Stage) -> None:
    run = stage.begin()
    foreign = stage.layout.live / "segment00.ts"
    foreign.write_bytes(b"foreign")
    stage.lay(run, *range(SEGMENTS))
    stage.update(run)
    assert foreign.exists()


def test_a_new_run_continues_the_sequence_with_a_discontinuity(stage: Stage) -> None:
    first = stage.begin()
    stage.lay(first, 0, 1, 2)
    stage.update(first, alive=False)
    second = stage.begin(first, TRUTH + 5)
    assert second.first_live == 3
    stage.lay(second, 0, 1)
    assert stage.update(second) == [0, 1, 2, 3]
    assert [segment.discontinuity for segment in stage.written().segments] == [False, False, False, True]


def test_the_very_first_run_needs_no_discontinuity(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, 0, 1)
    stage.update(run)
    assert "#EXT-X-DISCONTINUITY\n" not in stage.text()


def test_discontinuities_that_leave_the_window_are_counted(stage: Stage) -> None:
    run, now = None, TRUTH
    for _ in range(4):
        run = stage.begin(run, now)
        stage.lay(run, 0, 1, 2)
        stage.update(run, alive=False)
        now += 5
    window = stage.written()
    assert [s.number for s in window.segments] == [6, 7, 8, 9, 10, 11]
    assert [s.discontinuity for s in window.segments] == [True, False, False, True, False, False]
    assert window.discontinuity_sequence == 1


def test_the_next_supervisor_continues_where_the_last_one_stopped(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, 0, 1, 2, 3)
    stage.update(run)
    before = stage.text()
    stage.opened(run)
    assert stage.update(run) == [0, 1, 2]
    assert stage.text() == before
    stage.lay(run, 4)
    assert stage.update(run) == [0, 1, 2, 3]
    assert "#EXT-X-DISCONTINUITY\n" not in stage.text()


def test_the_next_supervisor_adds_the_segments_written_before_it(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, 0, 1)
    stage.update(run)
    stage.lay(run, *range(2, SEGMENTS))
    stage.opened(run)
    assert stage.update(run) == list(range(SEGMENTS - 1 - WINDOW, SEGMENTS - 1))


def test_after_a_long_pause_players_start_in_the_new_run(stage: Stage) -> None:
    first = stage.begin()
    stage.lay(first, 0, 1, 2)
    stage.update(first, alive=False)
    second = stage.begin(first, TRUTH + 3600)
    stage.lay(second, 0, 1)
    assert stage.update(second) == [3]
    window = stage.written()
    assert window.segments[0].discontinuity
    assert window.discontinuity_sequence == 0


def test_a_window_that_nobody_knew_begins_at_a_media_sequence_that_no_earlier_one_reached(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, 0, 1)
    stage.update(run)
    assert stage.written().media_sequence == int(TRUTH)


def test_a_lost_live_folder_does_not_reset_the_sequence(stage: Stage) -> None:
    run = Run("0123456789abcdef", "", TRUTH, 100, "", target_duration=14, discontinuity_sequence=3, media_sequence=7)
    stage.opened(run)
    again = stage.begin(run, TRUTH + 60)  # a RAM disk after a power cut: up to 60 segments were named since
    assert again.first_live > 160
    stage.lay(again, 0, 1)
    assert stage.update(again) == [again.first_live]
    window = stage.written()
    assert (window.target_duration, window.media_sequence) == (14, int(TRUTH) + 60)
    assert window.discontinuity_sequence > 3 + 1, "the lost playlist named the run's first segment after a tag"


def test_a_clock_that_was_set_back_does_not_set_the_sequence_back(stage: Stage) -> None:
    ahead = int(TRUTH) + 7_000_000
    run = Run("0123456789abcdef", "", TRUTH + 9_000_000, 100, media_sequence=ahead)
    stage.opened(run)
    again = stage.begin(run, TRUTH)
    stage.lay(again, 0, 1)
    stage.update(again)
    assert stage.written().media_sequence > ahead + 60, "it was saved a minute ago"


def test_a_damaged_playlist_is_replaced_by_the_runs_numbers(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, 0, 1)
    stage.update(run)
    stage.layout.live_playlist.write_text("damaged")
    writer = stage.opened(Run(run.run, "", TRUTH, run.first_live, target_duration=12))
    assert writer.window.target_duration == 12
    assert stage.begin(run, TRUTH + 5).first_live > 2


def test_a_living_run_continues_after_its_playlist_was_damaged(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, *range(6, 9))  # those before have gone
    stage.layout.live_playlist.write_text("damaged")
    stage.opened(run)
    assert stage.update(run) == [6, 7]


def test_segments_left_without_a_playlist_are_not_overwritten(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, 0, 1, 2)
    stage.layout.live_segment(41).write_bytes(b"left")
    assert stage.begin(None, TRUTH).first_live == 42


@pytest.mark.parametrize("size", [0, 2 * PACKET], ids=["empty", "only tables"])
def test_a_kill_right_after_a_cut_names_no_segment_without_a_frame(stage: Stage, size: int) -> None:
    first = stage.begin()
    stage.lay(first, 0, 1)
    stage.open_segment(first, 2, size)
    stage.update(first, alive=False)
    second = stage.begin(first, TRUTH + 5)
    stage.lay(second, 0, 1)
    assert stage.update(second) == [0, 1, second.first_live]
    assert [segment.discontinuity for segment in stage.written().segments] == [False, False, True]


@pytest.mark.parametrize("torn", [1, 100, 187])
def test_a_torn_last_segment_is_cut_at_its_last_whole_packet(stage: Stage, torn: int) -> None:
    run = stage.begin()
    stage.lay(run, 0)
    stage.open_segment(run, 1, 40 * PACKET + torn)
    last = stage.layout.live_segment(1)
    os.utime(last, (TRUTH + 1.5, TRUTH + 1.5))
    assert stage.update(run, alive=False) == [0, 1]
    assert (last.stat().st_size, last.stat().st_mtime) == (40 * PACKET, TRUTH + 1.5)


def test_after_a_power_failure_nothing_that_was_written_before_is_named(stage: Stage) -> None:
    run = replace(stage.begin(), media_sequence=int(TRUTH), boot="before the power failure")
    stage.lay(run, *range(4))
    stage.update(run)
    published = stage.written()
    stage.opened(run)
    assert not stage.layout.live_playlist.exists(), "viewers may know a newer one"
    stage.writer.update(stage.timeline(run), alive=False)
    assert not stage.layout.live_playlist.exists()
    again = stage.begin(run, TRUTH + 40)
    assert again.first_live > 40, "segments that players know were lost"
    stage.lay(again, 0, 1)
    assert stage.update(again) == [again.first_live]
    assert stage.written().media_sequence >= published.media_sequence + 40


def test_a_clean_restart_of_the_supervisor_continues_the_window(stage: Stage) -> None:
    run = replace(stage.begin(), boot=system.boot())
    stage.lay(run, *range(4))
    stage.update(run)
    stage.opened(run)
    assert stage.update(run, alive=False) == list(range(4))


@pytest.mark.parametrize("size", [None, 0, 10 * PACKET + 1], ids=["is missing", "is empty", "is torn"])
def test_what_a_disk_lost_while_it_was_away_is_not_named(stage: Stage, size: Optional[int]) -> None:
    run = stage.begin()
    stage.lay(run, *range(5))
    stage.update(run)
    sequence = stage.written().media_sequence
    damaged = stage.layout.live_segment(2)
    damaged.unlink() if size is None else os.truncate(damaged, size)
    stage.lay(run, 5)
    assert stage.update(run) == [3, 4]
    assert stage.written().media_sequence == sequence + 3


def test_a_new_run_replaces_an_older_playlist_at_once(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, *range(3))
    stage.update(run)
    older = stage.text()
    stage.lay(run, *range(3, 5))
    stage.update(run, alive=False)
    stage.layout.live_playlist.write_text(older)  # the disk was away, and lost what it had not synced
    stage.begin(run, TRUTH + 5)
    assert [segment.number for segment in stage.written().segments] == list(range(5))


def beside(stage: Stage, places: int) -> Tuple[Run, Run]:
    """A run of so many segments, and one that began with it under the same camera, two segments later."""
    run = stage.begin()
    stage.lay(run, *range(places))
    stage.update(run)
    other = Run("fedcba9876543210", "", TRUTH + 2, stage.writer.number_beside(), codec="h264")
    stage.lay(other, *range(SEGMENTS - 2))  # the clip begins anew in it: its first frame is of the instant TRUTH + 2
    return run, other


def test_a_switch_continues_with_the_segment_that_begins_where_the_window_ends(stage: Stage) -> None:
    run, other = beside(stage, 6)
    assert stage.update(run, alive=False) == list(range(6))  # up to TRUTH + 6
    stage.writer.switch(other)
    stage.update(other)
    window = stage.written()
    assert [round(segment.start - TRUTH) for segment in window.segments] == list(range(7, 13))
    assert window.media_sequence == int(TRUTH) + 7
    assert [segment.number for segment in window.segments] == list(range(other.first_live + 5, other.first_live + 11))
    assert window.discontinuity_sequence == 1
    assert not any(segment.discontinuity for segment in window.segments)


def test_what_a_switch_does_not_name_is_deleted(stage: Stage) -> None:
    run, other = beside(stage, 4)
    stage.update(run, alive=False)
    stage.lay(run, 4, 5)  # never listed
    stage.writer.switch(other)
    stage.update(other)
    named = range(other.first_live + 5, other.first_live + 11)
    assert stage.files() == [f"segment{number}.ts" for number in (*range(4), *named, named[-1] + 1)]


def test_a_switch_survives_the_death_of_the_supervisor(stage: Stage) -> None:
    run, other = beside(stage, 4)
    stage.update(run, alive=False)
    stage.lay(run, 4, 5)
    stage.opened(other)  # the run file already names it
    stage.update(other)
    assert [round(segment.start - TRUTH) for segment in stage.written().segments] == list(range(7, 13))
    assert stage.written().discontinuity_sequence == 1


def test_a_run_beside_the_current_one_that_is_dropped_leaves_nothing(stage: Stage) -> None:
    run, other = beside(stage, 6)
    stage.writer.drop(other)
    assert stage.files() == [f"segment{number}.ts" for number in range(6)]
    stage.lay(run, 6)
    assert stage.update(run) == list(range(6))
    stage.writer.drop(run)  # it is not beside itself
    assert len(stage.files()) == 7


def test_a_run_beside_the_current_one_keeps_what_a_switch_needs_and_no_more(stage: Stage) -> None:
    run, other = beside(stage, 6)
    numbers = range(other.first_live, other.first_live + SEGMENTS - 2)
    for age, number in enumerate(reversed(numbers)):
        os.utime(stage.layout.live_segment(number), (TRUTH, TRUTH + 60 - 4 * age))
    stage.writer.prune_beside(other)
    kept = [n for n in numbers if stage.layout.live_segment(n).exists()]
    assert 0 < len(kept) < len(numbers)
    assert kept == list(numbers[-len(kept) :])
    assert stage.update(run, alive=False) == list(range(6))
    stage.writer.switch(other)
    stage.update(other)
    assert [segment.number for segment in stage.written().segments][-1] == numbers[-2]


def test_a_deleted_segment_does_not_stop_the_window(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, 0, 1)
    stage.update(run)
    stage.lay(run, 2, 3, 4)
    stage.layout.live_segment(2).unlink()
    assert stage.update(run)[-1] == 3


def test_the_newest_segment_is_the_one_that_grows(stage: Stage) -> None:
    run = stage.begin()
    assert stage.writer.newest() is None
    stage.open_segment(run, 0, PACKET)
    assert stage.writer.newest() == (0, PACKET)
    stage.lay(run, 0)
    stage.open_segment(run, 1, 3 * PACKET)
    assert stage.writer.newest() == (1, 3 * PACKET)
    stage.lay(run, 1)
    stage.update(run)
    assert stage.writer.newest() == (1, stage.source[1].stat().st_size)


def test_the_window_in_memory_matches_the_one_on_disk(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, 0, 1, 2)
    stage.update(run)
    assert stage.writer.window == stage.written()


def test_a_clock_that_jumped_ahead_makes_no_long_segment(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, 0, 1, 2)
    stage.date(run, 0, 1, 2)
    first = first_pts(stage.source[0])
    assert first is not None
    jumped = Timeline(TRUTH - first / TICKS - 1000, TRUTH, first / TICKS + 1000)  # as if media were 1000 s ahead
    stage.writer.update(replace(jumped, anchor=jumped.anchor + 2000), alive=False)
    window = stage.written()
    assert window.target_duration == 10
    assert [round(segment.end - TRUTH, 1) for segment in window.segments] == [1.0, 2.0, 3.0]
    assert [segment.discontinuity for segment in window.segments] == [False, True, False], "they continue each other"


@pytest.mark.parametrize("step", [-3600.0, -1.5, 1.5, 3600.0])
def test_a_clock_that_was_set_makes_one_discontinuity(stage: Stage, step: float) -> None:
    run = stage.begin()
    before = stage.timeline(run)
    stage.lay(run, 0, 1, 2)
    stage.date(run, 0, 1, 2)
    stage.update(run)
    stage.lay(run, 3, 4, 5, 6)
    stage.date(run, 3, 4, 5, 6, clock_set=step)
    stage.writer.update(replace(before.moved(step), clock_set=step), alive=True)
    segments = stage.written().segments
    assert [segment.number for segment in segments if segment.discontinuity] == [2]
    assert [segment.start for segment in segments[-4:]] == pytest.approx(
        [TRUTH + place + step for place in (2, 3, 4, 5)]
    )


def test_the_initialization_section_of_a_dead_run_is_not_reused(stage: Stage) -> None:
    number = stage.writer.begin_run(None, TRUTH, "hevc")
    stage.layout.live_init(number).write_bytes(b"stale")
    assert stage.writer.begin_run(None, TRUTH, "hevc") == number
    assert not stage.layout.live_init(number).exists()


def test_a_full_disk_recovers_because_segments_outside_the_playlist_are_deleted(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stage.begin()
    stage.lay(run, *range(WINDOW + 2))
    stage.update(run)
    stage.lay(run, *range(WINDOW + 2, SEGMENTS))
    room = len(stage.files()) - 1  # segments; the playlist finds room when one has gone
    real = files.replace_text

    def replace_text(path: Path, text: str, **options: bool) -> None:
        if len(stage.files()) > room:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, text, **options)

    monkeypatch.setattr(files, "replace_text", replace_text)
    with pytest.raises(OSError, match="No space left") as full:
        stage.update(run)
    stage.writer.failed(full.value)
    assert stage.update(run) == list(range(SEGMENTS - 1 - WINDOW, SEGMENTS - 1))


def test_a_playlist_that_could_not_be_written_is_written_at_the_next_poll(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stage.begin()
    stage.lay(run, 0, 1, 2)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "replace_text", full)
        with pytest.raises(OSError, match="No space left"):
            stage.update(run)
    assert stage.update(run) == [0, 1]


def test_while_the_window_cannot_be_written_every_poll_prunes(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, *range(SEGMENTS))
    stage.update(run)
    stale = stage.layout.live_segment(0)
    stale.write_bytes(b"stale")
    stage.writer.failed(OSError(errno.ENOSPC, "No space left on device"))
    stage.update(run)
    assert not stale.exists()


def test_a_stopped_window_is_revived_only_if_its_disk_has_room_for_two_segments(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stage.begin()
    stage.lay(run, *range(4))
    stage.update(run)
    needed = 2 * max(stage.layout.live_segment(number).stat().st_size for number in range(3))
    usage = shutil.disk_usage(stage.layout.live)
    for free, fault in ((needed - 1, "No space left on device"), (needed, "")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        try:
            stage.update(run)
        except OSError as error:
            stage.writer.failed(error)
        assert stage.writer.can_be_revived() is (not fault)
        assert fault in stage.writer.fault


def test_a_live_folder_that_returns_clears_the_fault(stage: Stage) -> None:
    run = stage.begin()
    blocked = stage.layout.live
    shutil.rmtree(blocked)
    blocked.write_text("")
    assert not stage.writer.can_be_revived()
    blocked.unlink()
    stage.update(run)
    assert stage.writer.can_be_revived()
    assert blocked.is_dir()


def test_after_all_segments_were_lost_the_next_one_begins_with_a_discontinuity(stage: Stage) -> None:
    run = stage.begin()
    stage.lay(run, *range(4))
    stage.update(run)
    sequence = stage.written().media_sequence
    shutil.rmtree(stage.layout.live)
    assert stage.writer.can_be_revived()
    assert stage.written() == LiveWindow(10, (), 0, sequence + 3)
    again = stage.begin(run, TRUTH + 20)
    stage.lay(again, 0, 1)
    stage.update(again)
    window = stage.written()
    assert window.media_sequence == sequence + 3
    assert [segment.discontinuity for segment in window.segments] == [True]
