"""Files of a newer cctv are refused with a sentence, and left exactly as they are."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional

import pytest

from cctv_cli.cli.holds import hold, release_hold
from cctv_cli.core import files
from cctv_cli.core.clock import zone
from cctv_cli.core.config.settings import Camera, RtspSource, Settings
from cctv_cli.core.errors import StorageError
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.health.watch import HealthWatch
from cctv_cli.core.layout import alerts_file, login_files, storage_marker
from cctv_cli.core.recording.recorder import Recorder
from cctv_cli.core.recording.tools import Tools
from cctv_cli.core.retention.cleaner import Cleaner
from cctv_cli.core.rtsp.login_guard import LoginGuard
from cctv_cli.core.rtsp.result import Outcome, ProbeResult
from cctv_cli.core.runtime import Runtime
from cctv_cli.core.storage.marker import ensure_marker
from cctv_cli.core.units import Secret
from tests.support.storage_tree import CameraTree, FixedClock, instant

NOW = instant("2026-07-14T15:30:00+02:00")
RUN = "0123456789abcdef"
SOURCE = RtspSource("192.168.1.100", 554, "/101", "admin", Secret("secret"))
CAMERA = Camera("front", "Front", SOURCE)
SENTENCE = "{} was written by a newer cctv (format 2); upgrade this cctv, or choose another storage"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cameras=(CAMERA,), storage=tmp_path / "hls", timezone="Europe/Berlin", retention_days=1)


@pytest.fixture
def front(settings: Settings) -> CameraTree:
    tree = CameraTree(settings, "front")
    for day in ("10", "11", "14"):
        tree.record(f"2026-07-{day}T14:00:00+02:00", 60)
    return tree


def contents(storage: Path) -> Dict[str, bytes]:
    """Every file of a storage except locks."""
    found = (path for path in storage.rglob("*") if path.is_file() and not path.name.endswith(".lock"))
    return {path.relative_to(storage).as_posix(): path.read_bytes() for path in found}


def cleaner(settings: Settings) -> Cleaner:
    return Cleaner(settings, zone(settings.timezone), FixedClock(NOW))


@pytest.mark.parametrize(
    "ask",
    [
        lambda settings: Runtime(settings, clock=FixedClock(NOW)).start(ffmpeg=Ffmpeg("none", "9.0", 9, frozenset())),
        lambda settings: cleaner(settings).run(force=True),
        lambda settings: cleaner(settings).preview(),
        lambda settings: hold(Runtime(settings, clock=FixedClock(NOW)), "front", NOW - 9000, NOW, ""),
        lambda settings: release_hold(Runtime(settings, clock=FixedClock(NOW)), "0badcafe"),
    ],
    ids=["start", "cleanup", "preview", "hold", "release"],
)
def test_a_storage_is_refused_and_nothing_in_it_changes(
    settings: Settings, front: CameraTree, ask: Callable[[Settings], object]
) -> None:
    marker = storage_marker(settings.storage)
    marker.write_text('{"version": 2, "id": {"of": "another form"}}')
    before = contents(settings.storage)
    with pytest.raises(StorageError) as caught:
        ask(settings)
    assert str(caught.value) == SENTENCE.format(marker)
    assert caught.value.exit_code == 6
    assert contents(settings.storage) == before


def test_a_day_is_not_cleaned_up_and_its_neighbours_are(settings: Settings, front: CameraTree) -> None:
    ensure_marker(settings.storage)
    newer = front.layout.journal("2026-07-10")
    newer.write_bytes(b'{"type": "journal", "version": 2, "prev": ""}\n' + newer.read_bytes().split(b"\n", 1)[1])
    before = contents(newer.parent)
    done = cleaner(settings).run()
    assert done.done.files == 1
    assert done.problems == (f"The recordings of front on 2026-07-10 stay: {SENTENCE.format(newer)}",)
    assert contents(newer.parent) == before
    assert not front.layout.hour("2026-07-11", "14").exists()


# ---- a run


@pytest.fixture
def child(front: CameraTree) -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks like the FFmpeg of a newer cctv."""
    command = [sys.executable, "-S", "-E", "-c", "import sys; sys.stdin.read()", f"cctv_run={RUN}"]
    with subprocess.Popen(command, cwd=front.layout.folder, stdin=subprocess.PIPE) as child:
        yield child
        child.kill()


class Watched:
    """A recorder of a camera that refuses connections, and the probes of it."""

    def __init__(self, settings: Settings) -> None:
        self.asked: List[RtspSource] = []
        tools = Tools(Ffmpeg("none", "9.0", 9, frozenset()), None, FixedClock(NOW), probe=self._probe)
        self.recorder = Recorder(CAMERA, settings, tools, lambda: None)

    def _probe(self, source: RtspSource, *, setup: Optional[bool] = None, audio: bool = True) -> ProbeResult:
        self.asked.append(source)
        return ProbeResult(Outcome.REFUSED, "It refuses the connection.")


def test_a_running_recorder_is_neither_stopped_nor_doubled_and_followed_when_it_has_ended(
    settings: Settings, front: CameraTree, child: subprocess.Popen[bytes]
) -> None:
    layout = front.layout
    text = json.dumps({"version": 2, "run": RUN, "process": child.pid})
    layout.run_file.write_text(text)
    waiting = layout.incoming_file(RUN, 0)
    waiting.parent.mkdir(parents=True)
    waiting.write_bytes(b"of another form")
    camera = Watched(settings)
    camera.recorder.run_once()
    state = files.read_json(layout.state_file)
    assert (state["state"], state["reason"]) == ("backoff", SENTENCE.format(layout.run_file))
    assert (child.poll(), camera.asked, layout.run_file.read_text()) == (None, [], text)
    camera.recorder.release(leave_running=False)
    assert child.poll() is None
    child.kill()
    child.wait()
    camera.recorder.run_once()
    assert camera.asked == [SOURCE]
    assert (layout.ended_run(RUN).read_text(), waiting.read_bytes()) == (text, b"of another form")
    camera.recorder.release(leave_running=False)
    again = Watched(settings)
    again.recorder.run_once()
    assert (again.asked, layout.ended_run(RUN).read_text()) == ([SOURCE], text)


@pytest.mark.parametrize("run", [RUN, "../../../../etc", 7, None])
def test_a_run_that_left_nothing_does_not_block_a_start(settings: Settings, front: CameraTree, run: object) -> None:
    front.layout.run_file.write_text(json.dumps({"version": 2, "run": run}))
    camera = Watched(settings)
    camera.recorder.run_once()
    assert camera.asked == [SOURCE]


def test_a_state_file_is_replaced_by_the_current_recorder(settings: Settings, front: CameraTree) -> None:
    front.layout.state_file.write_text('{"version": 2, "state": "dreaming"}')
    camera = Watched(settings)
    camera.recorder.run_once()
    assert files.read_json(front.layout.state_file)["state"] == "backoff"


# ---- alerts and logins


def test_alerts_are_kept_in_memory_only(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.storage.mkdir()
    file = alerts_file(settings.storage)
    file.write_text('{"version": 2, "told": []}')
    watch = HealthWatch(lambda: pytest.fail("no check is needed"), settings, None)
    with caplog.at_level(logging.WARNING):
        watch.begin()
    assert SENTENCE.format(file) in caplog.text
    watch.end()
    assert file.read_text() == '{"version": 2, "told": []}'


def test_refused_logins_are_counted_in_memory_only(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    file, lock = login_files(settings.storage)
    file.parent.mkdir(parents=True)
    file.write_text('{"version": 2, "refused": []}')
    guard = LoginGuard(file, lock, FixedClock(NOW))
    guard.refused(SOURCE)
    assert guard.standing(SOURCE).refused_at == NOW
    assert SENTENCE.format(file) in caplog.text
    assert file.read_text() == '{"version": 2, "refused": []}'
