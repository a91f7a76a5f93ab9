"""A storage in the first version of all formats is still listed, played, recovered, adopted and cleaned."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Iterator, List

import pytest

from cctv_cli.core import files
from cctv_cli.core.clock import zone
from cctv_cli.core.config.settings import Camera, RtspSource, Settings
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.footage.catalog import Catalog, day_segments
from cctv_cli.core.health import alerts
from cctv_cli.core.layout import CameraLayout, alerts_file, login_files
from cctv_cli.core.recording.recorder import Recorder
from cctv_cli.core.recording.state import Run, from_json, to_json
from cctv_cli.core.recording.tools import Tools
from cctv_cli.core.retention.cleaner import Cleaner
from cctv_cli.core.rtsp.login_guard import LoginGuard
from cctv_cli.core.rtsp.result import Outcome, ProbeResult
from cctv_cli.core.storage.entries import NO_LINE, DeletionEntry, GapEntry, line_hash
from cctv_cli.core.storage.holds import list_holds
from cctv_cli.core.storage.journal import Journal
from cctv_cli.core.storage.marker import read_marker, remembered_days
from cctv_cli.core.units import Secret
from tests.support.storage_tree import FixedClock

FIXTURE = Path(__file__).parent.parent / "fixtures" / "storage_v1"
BERLIN = zone("Europe/Berlin")
AUTUMN, TODAY = "2026-10-25", "2026-11-27"
BEGUN = 1795779320.5386374  # the runs in .incoming
NOW = BEGUN + 20
CAMERAS = {name: Camera(name, name, RtspSource("192.168.1.100", 554, f"/{name}")) for name in ("front", "yard")}
REFUSED = ProbeResult(Outcome.REFUSED, "It refuses the connection.")


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """A copy whose waiting files have the times at which they were recorded, which git does not keep."""
    copy = tmp_path / "hls"
    shutil.copytree(FIXTURE, copy)
    for path in copy.glob("*/.incoming/*/*"):
        written = BEGUN + 2 * (int(path.stem) + 2)
        os.utime(path, (written, written))
    return copy


@pytest.fixture
def settings(storage: Path) -> Settings:
    return Settings(cameras=tuple(CAMERAS.values()), storage=storage, retention_days=30, segment_duration=2)


def layout_of(storage: Path, camera: str) -> CameraLayout:
    return CameraLayout(storage, camera)


def days_of(layout: CameraLayout) -> List[str]:
    return sorted(path.parent.name for path in layout.recordings.glob("*/journal.jsonl"))


def require_whole_chain(layout: CameraLayout) -> int:
    """Check that each line has the hash of the line before, and a day's first line that of a line of the day before.

    A day may get lines after the next one has begun. Returns the number of lines.
    """
    before, count = [NO_LINE], 0
    for day in days_of(layout):
        lines = Journal(layout.journal(day)).lines()
        bound = [json.loads(line)["prev"] for line in lines]
        assert bound[0] in before
        assert bound[1:] == list(map(line_hash, lines[:-1]))
        before, count = list(map(line_hash, lines)), count + len(lines)
    return count


def require_whole_playlists(layout: CameraLayout) -> None:
    """Check that every hour's playlist names all of its recordings and nothing else."""
    for hour in (path for path in layout.recordings.glob("*/*") if path.is_dir()):
        media = sorted(path.name for path in hour.iterdir() if path.suffix in (".ts", ".mp4"))
        text = (hour / "playlist.m3u8").read_text()
        named = [line for line in text.splitlines() if line and not line.startswith("#")]
        assert sorted(named) == media != []


def tools(clock: FixedClock) -> Tools:
    return Tools(Ffmpeg("no-ffmpeg", "9.0", 9, frozenset()), BERLIN, clock, probe=lambda *_, **__: REFUSED)


@pytest.mark.parametrize("camera", CAMERAS)
def test_it_is_listed(storage: Path, camera: str) -> None:
    layout = layout_of(storage, camera)
    catalog = Catalog()
    assert {day.date: day.segments for day in catalog.days(layout) if day.segments} == {TODAY: 3, AUTUMN: 7}
    autumn = catalog.day(layout, AUTUMN)
    assert autumn is not None
    assert [(hour.hour, hour.segments) for hour in autumn.hours] == [("00", 1), ("02", 5), ("03", 1)]
    for date in (AUTUMN, TODAY):
        for entry in day_segments(layout, date):
            data = (layout.day(date) / entry.file).read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (entry.bytes, entry.sha256)


@pytest.mark.parametrize("camera", CAMERAS)
def test_it_plays(storage: Path, camera: str) -> None:
    require_whole_playlists(layout_of(storage, camera))


@pytest.mark.parametrize("camera", CAMERAS)
def test_its_journals_continue_without_a_break(storage: Path, camera: str) -> None:
    layout = layout_of(storage, camera)
    before = require_whole_chain(layout)
    Journal(layout.journal(TODAY)).append(GapEntry(NOW, 5.0, "silent"), BERLIN)
    tomorrow = Journal(layout.journal("2026-11-28"))
    tomorrow.path.parent.mkdir()
    tomorrow.append(GapEntry(NOW + 86400, 5.0, "silent"), BERLIN)
    assert require_whole_chain(layout) == before + 1 + 2  # the new day begins with its format


def test_its_marker_holds_alerts_and_logins_are_read(storage: Path) -> None:
    marker = read_marker(storage)
    assert marker is not None
    assert (marker.id, sorted(marker.oldest)) == ("6a8596089990e43e", ["front", "yard"])
    assert remembered_days(layout_of(storage, "front")) == 27
    assert [hold.note for hold in list_holds(layout_of(storage, "front"))] == ["for the police, Straße"]
    deletions = Journal(layout_of(storage, "yard").journal("2026-10-24")).deletions().values()
    assert [type(entry) for entry in deletions] == [DeletionEntry] * 2
    (alert,) = alerts.from_json(files.read_json(alerts_file(storage), alerts.FORMAT))
    assert (alert.finding.name, alert.finding.camera) == ("camera_not_recording", "yard")
    guard = LoginGuard(*login_files(storage), FixedClock(NOW))
    source = RtspSource("192.168.1.100", 554, "/Streaming/Channels/101", "admin", Secret("wrong"))
    assert guard.standing(source).refused_at == 1795779300.0


def test_files_that_a_power_cut_left_are_recovered(settings: Settings) -> None:
    layout, clock = layout_of(settings.storage, "yard"), FixedClock(NOW)
    recorder = Recorder(CAMERAS["yard"], settings, tools(clock), lambda: None)
    recorder.run_once()
    recorder.release(leave_running=False)
    assert list(layout.incoming.rglob("*.mp4")) == []
    segments = day_segments(layout, TODAY)
    assert len(segments) == 4
    assert segments[-1].source == "000003.mp4"
    require_whole_chain(layout)
    require_whole_playlists(layout)


@pytest.fixture
def ffmpeg(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A stand-in for the FFmpeg that still records `front`: in the camera's folder, with the run's id in its argv."""
    layout = layout_of(settings.storage, "front")
    run = from_json(Run, files.read_json(layout.run_file))
    assert run is not None
    command = [sys.executable, "-S", "-E", "-c", "import sys; sys.stdin.read()", f"cctv_run={run.run}"]
    with subprocess.Popen(command, cwd=layout.folder, stdin=subprocess.PIPE) as child:
        yield child
        child.kill()


def test_the_recorder_that_still_runs_is_adopted(settings: Settings, ffmpeg: subprocess.Popen[bytes]) -> None:
    layout, clock = layout_of(settings.storage, "front"), FixedClock(NOW)
    recorder = Recorder(CAMERAS["front"], settings, tools(clock), lambda: None)
    run = from_json(Run, files.read_json(layout.run_file))
    assert run is not None
    # give it the current command, so that it is not restarted
    mark = recorder._starter.fingerprint
    layout.run_file.write_text(to_json(replace(run, pid=ffmpeg.pid, fingerprint=mark)))
    for _ in range(8):
        recorder.run_once()
    recorder.release(leave_running=True)
    assert ffmpeg.poll() is None
    after = from_json(Run, files.read_json(layout.run_file))
    assert after is not None
    assert (after.run, after.pid) == (run.run, ffmpeg.pid)
    assert [entry.source for entry in day_segments(layout, TODAY)] == [f"{n:06}.ts" for n in range(7)]
    assert [path.name for path in layout.incoming.rglob("*.ts")] == ["000007.ts"]
    require_whole_chain(layout)
    require_whole_playlists(layout)


def test_it_is_cleaned_up_as_previewed(settings: Settings) -> None:
    cleaner = Cleaner(settings, BERLIN, FixedClock(NOW))
    preview = cleaner.preview()
    assert (preview.to_delete.files, preview.problems) == (7 - 2 + 7, ())
    done = cleaner.run()
    assert (done.done, done.problems) == (preview.to_delete, ())
    front, yard = (layout_of(settings.storage, camera) for camera in CAMERAS)
    assert [entry.file for entry in day_segments(front, AUTUMN)] == ["02/00.ts", "02/00-1.ts"]  # held
    assert day_segments(yard, AUTUMN) == []
    for layout in (front, yard):
        require_whole_chain(layout)
        require_whole_playlists(layout)
