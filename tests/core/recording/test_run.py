"""What a run left behind, on a real disk with real media: what is committed, what is kept, and the start times."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any, List

import pytest

from cctv_cli.core import files
from cctv_cli.core.clock import DAY, SystemClock
from cctv_cli.core.config.settings import DemoSource
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.ffmpeg.stderr_log import BoundedLog
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.media.mpegts import PACKET
from cctv_cli.core.media.segment_file import header_size
from cctv_cli.core.recording.backlog import leftovers
from cctv_cli.core.recording.live_window import LiveWriter
from cctv_cli.core.recording.run import ActiveRun
from cctv_cli.core.recording.run_file import RunFile
from cctv_cli.core.recording.state import Run
from cctv_cli.core.recording.stderr import Stderr
from cctv_cli.core.records import NewerFormat
from cctv_cli.core.storage.commit import RecordingStore
from cctv_cli.core.storage.entries import ClockEntry, GapEntry, SegmentEntry
from cctv_cli.core.storage.journal import Journal
from tests.support.media import FPS, Media, make_video

RUN = "0123456789abcdef"
AT = 1_795_000_000.0  # the instant at which the first file began


class Left:
    """A dead run in a camera's folder."""

    def __init__(self, folder: Path, frames_late: int = 0, audio: str = "") -> None:
        self.layout = CameraLayout(folder, "cam1")
        self.folder = self.layout.run_folder(RUN)
        self.folder.mkdir(parents=True)
        self.store = RecordingStore(self.layout, None, lambda: AT + DAY)
        self.store.open()
        self.live = LiveWriter(self.layout, 10, None)
        self.live.open(None)
        self.run = self.active(Run(RUN, "", AT - 10, 0, frames_late=frames_late, audio=audio))

    def active(self, record: Run) -> ActiveRun:
        stderr = Stderr(BoundedLog(self.layout.log_file), SystemClock(), DemoSource(tone=False), lambda: None)
        return ActiveRun(record, self.layout, self.store, self.live, stderr, RunFile(self.layout))

    def lay(self, number: int, source: Path, written_at: float) -> Path:
        path = self.layout.incoming_file(RUN, number)
        shutil.copy(source, path)
        os.utime(path, (written_at, written_at))
        return path

    def entries(self) -> List[object]:
        return [e for path in self.layout.recordings.glob("*/*.jsonl") for e in Journal(path).entries()]


@pytest.fixture
def left(tmp_path: Path) -> Left:
    return Left(tmp_path)


def test_a_late_last_write_moves_no_recording(left: Left, media: Media) -> None:
    """The network stalled over a cut and four seconds arrived at once: frames, but no time, were late."""
    for number, late in enumerate((0.0, 4.0, 0.0)):
        left.lay(number, media.run[number], AT + number + 1 + late)
    assert left.run.commit(alive=False) == 3
    starts = sorted(e.start for e in left.entries() if isinstance(e, SegmentEntry))
    assert starts == pytest.approx([AT, AT + 1, AT + 2], abs=0.01)
    assert not [e for e in left.entries() if isinstance(e, GapEntry)]


@pytest.mark.parametrize("frames_late", [0, 1, 2])
def test_frames_that_were_held_back_move_no_recording(tmp_path: Path, media: Media, frames_late: int) -> None:
    left = Left(tmp_path, frames_late)
    held_back = frames_late / FPS
    left.lay(0, media.hole, AT + 6 + held_back)  # a file in which frames were missing for seconds, and nobody looked
    assert left.run.commit(alive=False) == 1
    (recording,) = [e for e in left.entries() if isinstance(e, SegmentEntry)]
    assert recording.start == pytest.approx(AT, abs=0.001)


def test_leftover_audio_in_a_closed_file_moves_no_recording(tmp_path: Path, media: Media) -> None:
    left = Left(tmp_path, frames_late=1, audio="pcma")
    for number in (0, 1):
        left.lay(number, media.run[number], AT + number + 1 + 2 / FPS)  # with the frame after the next one's first
    left.run.commit(alive=True)
    (recording,) = [e for e in left.entries() if isinstance(e, SegmentEntry)]
    assert recording.start == pytest.approx(AT, abs=0.001)


def test_a_recording_of_one_frame_lasts_as_long_as_the_frames_before(
    left: Left, ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    second = make_video(ffmpeg, tmp_path / "second.ts", 1, "-r", "10")
    alone = make_video(ffmpeg, tmp_path / "alone.ts", 1, "-r", "10", "-frames:v", "1", "-output_ts_offset", "1")
    left.lay(0, second, AT + 1)
    left.lay(1, alone, AT + 1.1)
    assert left.run.commit(alive=False) == 2
    assert min(e.duration for e in left.entries() if isinstance(e, SegmentEntry)) == 0.1


def test_a_file_that_cannot_be_read_is_kept(left: Left, media: Media, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"\0" * 300_000)
    left.lay(0, damaged, AT)
    left.lay(1, media.run[1], AT + 2)
    assert left.run.commit(alive=False) == 1
    assert (left.folder / "000000.ts.unreadable").read_bytes() == damaged.read_bytes()


def test_a_damaged_beginning_costs_no_minute(left: Left, media: Media) -> None:
    path = left.lay(0, media.plain, AT + 3)
    with path.open("r+b") as file:
        file.write(b"\0" * 188 * 20)
    assert left.run.commit(alive=False) == 1


def test_an_empty_file_is_removed(left: Left, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    path = left.lay(0, tmp_path / "empty", AT)
    assert left.run.commit(alive=False) == 0
    assert not path.exists()
    left.run.close()
    assert not left.folder.exists()


def test_a_file_that_cannot_be_committed_does_not_block_others(
    left: Left, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = left.lay(0, media.run[0], AT + 1)
    left.lay(1, media.run[1], AT + 2)
    real = left.store.commit

    def commit(source: Path, *args: object, **options: object) -> SegmentEntry:
        if source == bad:
            raise PermissionError(13, "Permission denied", str(source))
        return real(source, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(left.store, "commit", commit)
    assert left.run.commit(alive=False) == 1
    assert bad.exists()


@pytest.mark.parametrize("trouble", ["no permission", "a bad sector", "a file as its folder", "a newer format"])
@pytest.mark.parametrize(("day", "is_over"), [("2026-01-01", True), ("2999-01-01", False)])
def test_a_day_that_cannot_be_written_blocks_later_days_only_until_it_is_over(
    left: Left, media: Media, monkeypatch: pytest.MonkeyPatch, day: str, is_over: bool, trouble: str
) -> None:
    bad = left.lay(0, media.run[0], AT + 1)
    left.lay(1, media.run[1], AT + 2)
    journal = left.layout.journal(day)
    error = {
        "no permission": PermissionError(errno.EACCES, "Permission denied", str(journal)),
        "a bad sector": OSError(errno.EIO, "Input/output error", str(journal)),
        "a file as its folder": NotADirectoryError(errno.ENOTDIR, "Not a directory", str(journal.parent / "14")),
        "a newer format": NewerFormat(journal, 9),
    }[trouble]
    real = left.store.commit

    def commit(source: Path, *args: object, **options: object) -> SegmentEntry:
        if source == bad:
            raise error
        return real(source, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(left.store, "commit", commit)
    if is_over:
        assert left.run.commit(alive=False) == 1
    else:
        with pytest.raises(type(error)):
            left.run.commit(alive=False)
    assert bad.exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_accepts_nothing_makes_every_file_wait(
    left: Left, media: Media, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    left.lay(0, media.run[0], AT + 1)

    def commit(*args: object, **options: object) -> SegmentEntry:
        raise OSError(number, os.strerror(number), str(left.layout.journal("2026-01-01")))

    monkeypatch.setattr(left.store, "commit", commit)
    with pytest.raises(OSError, match=os.strerror(number)):
        left.run.commit(alive=False)


def test_a_run_file_that_cannot_be_saved_holds_up_neither_watching_nor_commits(
    left: Left, media: Media, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left.lay(0, media.run[0], AT + 1)
    left.lay(1, media.run[1], AT + 2)
    real = files.replace_text

    def replace_text(path: Path, *more: Any, **named: Any) -> None:
        if path == left.layout.run_file:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        real(path, *more, **named)

    monkeypatch.setattr(files, "replace_text", replace_text)
    left.run.begin_watch(0.0, AT)
    left.run.poll(1.0, AT + 1)
    assert left.run.observe(1.0).has_frames and left.run.commit(alive=True) == 1
    assert f"{left.layout.run_file} is not saved: Permission denied; correct the permissions" in caplog.text


def test_a_copy_of_a_committed_file_does_not_block_others(left: Left, media: Media) -> None:
    left.lay(0, media.run[0], AT + 1)
    assert left.run.commit(alive=False) == 1
    copy = left.lay(0, media.run[0], AT + 1)  # the storage was copied while it was in use
    left.lay(1, media.run[1], AT + 2)
    assert left.run.commit(alive=False) == 1
    assert copy.exists()
    left.run.close()
    assert copy.exists()


@pytest.mark.parametrize("suffix", [".ts", ".mp4"])
def test_a_bare_header_is_removed_and_one_with_unreadable_footage_is_kept(
    left: Left, ffmpeg: Ffmpeg, tmp_path: Path, suffix: str
) -> None:
    options = ("-f", "mp4", "-movflags", "frag_every_frame+empty_moov") if suffix == ".mp4" else ()
    whole = make_video(ffmpeg, tmp_path / f"whole{suffix}", 1, *options).read_bytes()
    header = header_size(tmp_path / f"whole{suffix}") or 3 * PACKET
    for number, rest in enumerate((b"", b"\0" * 100_000)):
        left.layout.incoming_file(RUN, number, suffix).write_bytes(whole[:header] + rest)
    assert left.run.commit(alive=False) == 0
    assert [path.name for path in left.folder.iterdir()] == [f"000001{suffix}.unreadable"]


def test_an_unreadable_file_explains_only_its_own_gap(left: Left, media: Media) -> None:
    late = (0, 0, 0, 5)  # seconds
    for number, source in enumerate((*media.run, media.run[2])):
        left.lay(number, source, AT + number + 1 + late[number])
    unreadable = left.layout.incoming_file(RUN, 1)
    unreadable.unlink()
    unreadable.mkdir()
    assert [left.run.commit(alive=False, most=1) for _ in range(4)] == [1, 0, 1, 1]
    assert [(gap.cause, round(gap.duration)) for gap in left.entries() if isinstance(gap, GapEntry)] == [
        ("unreadable", 1)
    ]


def test_a_run_whose_folder_was_removed_saves_nothing(left: Left) -> None:
    left.folder.rmdir()
    left.run.save_beside_files()
    assert not left.folder.exists()
    left.layout.incoming.rmdir()  # as when the disk is gone
    with pytest.raises(FileNotFoundError):
        left.run.save_beside_files()


def test_a_live_window_that_grows_is_no_stall_while_older_minutes_are_committed(left: Left, media: Media) -> None:
    left.run.begin_watch(0.0, AT)
    for second, source in ((10.0, media.run[0]), (20.0, media.run[1])):
        shutil.copy(source, left.layout.live_segment(int(second / 10) - 1))
        left.run.poll(second, AT + second, read_time=False)
    assert left.run.observe(21.0).live_still_for == 1.0


def test_ended_runs_are_ordered_by_their_start(left: Left, media: Media) -> None:
    left.lay(7, media.run[0], AT)
    later = left.layout.run_folder("fedcba9876543210")
    later.mkdir()
    shutil.copy(media.run[1], later / left.layout.incoming_file(RUN, 0).name)
    os.utime(later / left.layout.incoming_file(RUN, 0).name, (AT + 60, AT + 60))
    for folder, at in ((later, AT + 100), (left.folder, AT + 200)):  # the older run's folder changed last, by a commit
        os.utime(folder, (at, at))
    assert [folder.name for folder in leftovers(left.layout, ())] == [RUN, later.name]


def test_after_a_clock_jump_no_recording_is_dated_in_the_future(left: Left, media: Media) -> None:
    """A jump of the camera's clock looks like seconds without a frame, although frames came without a pause."""
    left.lay(0, media.run[0], AT + 1)
    left.run.commit(alive=False)
    left.lay(1, media.hole, AT + 3)  # 6 s of media, written within 3
    assert left.run.commit(alive=False) == 1
    segments = [e for e in left.entries() if isinstance(e, SegmentEntry)]
    assert max(e.end for e in segments) == pytest.approx(AT + 3, abs=0.1)
    assert not [e for e in left.entries() if isinstance(e, GapEntry)]


def test_the_file_that_grows_is_synced_as_often_as_the_settings_say(
    left: Left, media: Media, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    synced: List[str] = []

    def sync(path: Path) -> None:
        synced.append(path.name)
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(files, "sync_file", sync)
    for number in (0, 1):
        left.lay(number, media.run[number], AT + number + 1)
    left.store.sync_interval = 5.0
    for monotonic in range(0, 13, 2):
        left.run.poll(float(monotonic), AT + 2 + monotonic)
    assert synced == ["000001.ts"] * 3  # at 0, 6 and 12 s
    assert "000001.ts is not synced: Input/output error" in caplog.text


@pytest.mark.parametrize("step", [-600.0, 600.0])
def test_a_clock_that_was_set_while_nothing_was_recorded_is_journalled_once(
    left: Left, media: Media, step: float
) -> None:
    left.lay(0, media.run[0], AT + 1)
    left.run.poll(100.0, AT + 1)
    assert left.run.commit(alive=False) == 1
    later = AT + 60 + step
    following = left.active(Run("fedcba9876543210", "", later, 0, cause="refused"))
    folder = left.layout.run_folder(following.record.run)
    folder.mkdir()
    for number in (0, 1):
        path = Path(shutil.copy(media.run[number], folder / left.layout.incoming_file(RUN, number).name))
        os.utime(path, (later + number + 1, later + number + 1))
        following.poll(160.0 + number, later + number + 1)
    assert following.commit(alive=False) == 2
    (clock,) = [entry for entry in left.entries() if isinstance(entry, ClockEntry)]
    assert (clock.start, clock.step) == (pytest.approx(later, abs=0.1), step)
    causes = {gap.cause: gap.duration for gap in left.entries() if isinstance(gap, GapEntry)}
    assert causes == ({} if step < 0 else {"refused": pytest.approx(59, abs=0.1), "clock set": step})


def test_files_on_a_disk_that_is_gone_wait_for_it(left: Left, media: Media, tmp_path: Path) -> None:
    left.lay(0, media.run[0], AT + 1)
    left.layout.incoming.rename(tmp_path / "on the disk")
    with pytest.raises(FileNotFoundError):
        left.run.waiting(alive=False)
    (tmp_path / "on the disk").rename(left.layout.incoming)
    assert left.run.commit(alive=False) == 1


def test_a_folder_that_a_person_removed_is_not_waited_for(left: Left) -> None:
    left.folder.rmdir()
    assert left.run.waiting(alive=False) == 0
