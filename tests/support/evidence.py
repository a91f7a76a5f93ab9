"""What a camera's folder proves: recordings and gaps, compared with the test camera's ledger."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.storage.entries import GapEntry, SegmentEntry
from cctv_cli.core.storage.journal import Journal
from tests.support import mp4_frames, ts_frames
from tests.support.rtsp_camera import RtspCamera
from tests.support.ts_frames import RecordedFrame
from tests.support.waiting import crowding

TICKS = 90_000
_WRAP = 1 << 33  # ticks after which the times of MPEG-TS wrap (ISO/IEC 13818-1 § 2.4.3.6)


@dataclass(frozen=True)
class PlacedFrame:
    """A recorded frame: its number, its instant according to its recording, its raw PTS, its run."""

    number: int
    at: float
    pts: int
    run: str


def read_frames(path: Path) -> List[RecordedFrame]:
    """Every video frame of an MPEG-TS or fragmented MP4 file, by its suffix. Raises ValueError like the readers."""
    return {".ts": ts_frames.read_frames, ".mp4": mp4_frames.read_frames}[path.suffix](path)


def ticks_between(before: int, after: int) -> int:
    """From one raw time to another, which may be after the wrap of 33 bits; negative if it is earlier."""
    return (after - before + _WRAP // 2) % _WRAP - _WRAP // 2


def segments(layout: CameraLayout) -> List[Tuple[str, SegmentEntry]]:
    """Every recording with its day, by absolute start."""
    found = [(day, e) for day, e in _entries(layout) if isinstance(e, SegmentEntry)]
    return sorted(found, key=lambda pair: pair[1].start)


def gaps(layout: CameraLayout) -> List[GapEntry]:
    """Every journalled gap, by its start."""
    return sorted((e for _, e in _entries(layout) if isinstance(e, GapEntry)), key=lambda gap: gap.start)


def recorded_frames(layout: CameraLayout, *, garbage: bool = False) -> List[PlacedFrame]:
    """Every frame of every recording, in the order of recordings and files.

    Each must have a number, unless the camera sent `garbage`: then frames without a number are left out.
    """
    placed = []
    for day, entry in segments(layout):
        frames = read_frames(layout.day(day) / entry.file)
        first = frames[0].pts
        for frame in frames:
            if frame.number is None:
                assert garbage, f"a frame in {entry.file} has no number"
                continue
            at = entry.start + ticks_between(first, frame.pts) / TICKS
            placed.append(PlacedFrame(frame.number, at, frame.pts, entry.run))
    return placed


def assert_whole(layout: CameraLayout, numbers: Sequence[int]) -> None:
    """Every one of these frames is recorded exactly once, in order."""
    recorded = [frame.number for frame in recorded_frames(layout)]
    assert recorded == sorted(set(recorded)), "frames are recorded twice or out of order"
    missing = sorted(set(numbers) - set(recorded))
    assert not missing, f"{len(missing)} frames are not recorded: {missing[:20]}"


def assert_times_true(
    layout: CameraLayout,
    camera: RtspCamera,
    *,
    tolerance: float = 0.1,
    path: Optional[str] = None,
    guessed: int = 2,
) -> None:
    """Absolute times are within `tolerance` seconds of the camera's; PTS steps within a run are the camera's.

    The tolerance is exact on an idle machine, and grows if threads must wait for a core.

    `path` is the channel that was recorded, if it is not the camera's first. FFmpeg guesses the times of the first
    `guessed` frames of a run: it loses the first frame's time, and puts it close to that of the next.
    """
    frames = recorded_frames(layout)
    true = {frame.number: camera.taken_at(frame.number, path) for frame in frames}
    errors = [frame.at - camera.started_at - true[frame.number] for frame in frames]
    # FFmpeg dates a frame when it writes it, which is late on a busy machine
    allowed = tolerance * round(crowding(), 1)
    assert max(map(abs, errors)) <= allowed, f"absolute times are off by {min(errors):.3f} to {max(errors):.3f} s"
    by_run: Dict[str, List[PlacedFrame]] = {}
    for frame in frames:
        by_run.setdefault(frame.run, []).append(frame)
    for run, mine in by_run.items():
        for before, after in zip(mine[guessed:], mine[guessed + 1 :]):
            step = ticks_between(before.pts, after.pts) / TICKS
            wrong = abs(step - (true[after.number] - true[before.number])) > 0.001
            assert not wrong, f"run {run}: frames {before.number}, {after.number} are {step:.3f} s apart"


def assert_fragments_valid(layout: CameraLayout) -> None:
    """In each run's MP4 files every fragment begins where the one before ended, and keys are marked correctly."""
    by_run: Dict[str, List[Path]] = {}
    for day, entry in segments(layout):
        by_run.setdefault(entry.run, []).append(layout.day(day) / entry.file)
    for run, files in by_run.items():
        jumps, wrong = mp4_frames.time_jumps(*files), mp4_frames.wrong_keys(*files)
        assert not jumps, f"run {run}: {len(jumps)} fragments do not follow the one before, the first {jumps[0]}"
        assert not wrong, f"run {run}: {len(wrong)} frames are wrongly marked, the first {wrong[0]}"


def assert_explained(layout: CameraLayout, until: float) -> None:
    """Every second between the first recording and the instant `until` is recorded or covered by a gap."""
    covered = sorted((e.start, e.end) for _, e in _entries(layout))
    reach = covered[0][0]
    for start, end in covered:
        assert start - reach < 1.0, f"{start - reach:.3f} s after {reach:.3f} are neither recorded nor explained"
        reach = max(reach, end)
    assert until - reach < 1.0, f"the last {until - reach:.3f} s are neither recorded nor explained"


def _entries(layout: CameraLayout):  # type: ignore[no-untyped-def]
    for journal in sorted(layout.recordings.glob("*/journal.jsonl")):
        for entry in Journal(journal).entries():
            yield journal.parent.name, entry
