"""Two runs that both ended unwatched: what the next supervisor records of them, killed at any step or not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, List, NamedTuple, Tuple

import pytest

from cctv_cli.core import files
from cctv_cli.core.config.settings import Camera, RtspSource, Settings
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.layout import CameraLayout, is_run
from cctv_cli.core.media import segment_file
from cctv_cli.core.recording.recorder import Recorder
from cctv_cli.core.recording.state import Run, to_json
from cctv_cli.core.recording.tools import Tools
from tests.support.evidence import segments
from tests.support.media import FPS, make_video
from tests.support.storage_tree import FixedClock

AT = 1_795_000_000.0  # the instant of the camera's first frame
OLD, NEW = "0123456789abcdef", "fedcba9876543210"
SECONDS = 8
CAMERA = Camera("cam1", "Gate", RtspSource("192.168.1.100", 554, "/101"), enabled=False)


class Killed(BaseException):
    """Ends the process; no handler of cctv catches it."""


class Recorded(NamedTuple):
    """A recording: its run, its start in seconds after AT, and the raw times of its frames."""

    run: str
    start: float
    frames: Tuple[int, ...]


@pytest.fixture(scope="module")
def clips(ffmpeg: Ffmpeg, tmp_path_factory: pytest.TempPathFactory) -> Tuple[List[bytes], List[bytes]]:
    """The seconds of one video, and of another encoding of it, whose frames have the same times but other bytes."""
    folder = tmp_path_factory.mktemp("clips")
    options = ["-f", "segment", "-segment_time", "1", "-individual_header_trailer", "0", "-segment_format", "mpegts"]
    for name, quality in (("a", "200k"), ("b", "20k")):
        make_video(ffmpeg, folder / f"{name}%d.ts", SECONDS, "-b:v", quality, *options)
    first, second = ([(folder / f"{name}{n}.ts").read_bytes() for n in range(SECONDS)] for name in "ab")
    assert first[2] != second[2]
    return first, second


def lay(folder: Path, clips: Tuple[List[bytes], List[bytes]]) -> CameraLayout:
    """Both recorded for a while: the new run has its second file in common with the old one, but not its first."""
    camera, other = clips
    layout = CameraLayout(folder, "cam1")
    for run, number, content, end in (
        (OLD, 0, camera[:6], 6),
        (NEW, 0, other[2:4], 4),
        (NEW, 1, camera[4:], SECONDS),
    ):
        path = layout.incoming_file(run, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(content))
        os.utime(path, (AT + end, AT + end))
    beside = Run(NEW, "", AT + 2, 0, codec="h264")
    files.replace_text(layout.run_file, to_json(Run(OLD, "", AT, 0, codec="h264", successor=beside)))
    return layout


def supervise(layout: CameraLayout) -> None:
    """Do what a supervisor does from its start until it has committed all."""
    settings = Settings(storage=layout.folder.parent, cameras=(CAMERA,))
    tools = Tools(Ffmpeg("ffmpeg", "9.0", 9, frozenset()), None, FixedClock(AT + 600.0))
    recorder = Recorder(CAMERA, settings, tools, lambda: None)
    while recorder.run_once() == 0.0:
        pass


def recorded(layout: CameraLayout) -> List[Recorded]:
    found = []
    for day, entry in segments(layout):
        times = tuple(time for time, _ in segment_file.frames(layout.day(day) / entry.file))
        found.append(Recorded(entry.run, round(entry.start - AT, 2), times))
    return found


class KillAt:
    """Kills before the change of the disk with this number, counted from 0."""

    def __init__(self, patch: pytest.MonkeyPatch, change: int) -> None:
        self._left = change
        for name in ("replace", "rename", "unlink", "utime", "rmdir"):
            patch.setattr(os, name, self._counted(getattr(os, name)))
        patch.setattr(segment_file, "open_to_change", self._counted(segment_file.open_to_change))

    def _counted(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            if not self._left:
                raise Killed
            self._left -= 1
            return change(*args, **kwargs)

        return counted


def is_killed(layout: CameraLayout, monkeypatch: pytest.MonkeyPatch, change: int) -> bool:
    """Supervise, killed before this change of the disk; returns whether there are so many."""
    with monkeypatch.context() as patch:
        KillAt(patch, change)
        try:
            supervise(layout)
        except Killed:
            return True
    return False


def test_a_supervisor_killed_at_any_step_of_a_decision_changes_nothing_of_it(
    tmp_path: Path, clips: Tuple[List[bytes], List[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    unharmed = lay(tmp_path / "unharmed", clips)
    supervise(unharmed)
    expected = recorded(unharmed)
    assert [(each.run, each.start, len(each.frames)) for each in expected] == [(OLD, 0, 4 * FPS), (NEW, 4, 4 * FPS)]
    change, killed = 0, True
    while killed:  # how many changes there are differs: a slow disk's clock is read more often
        layout = lay(tmp_path / str(change), clips)
        killed = is_killed(layout, monkeypatch, change)
        supervise(layout)
        assert recorded(layout) == expected, f"killed before change {change} of the disk"
        assert not [path for path in layout.incoming.iterdir() if is_run(path.name)]
        change += 1
    assert change > 20, "both records, the run file, the cut, and all of two commits"
