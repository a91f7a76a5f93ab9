"""A running `cctv serve` with simulated cameras, in a folder of its own, to which faults are done."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import psutil

from cctv_cli.core.files import read_json
from cctv_cli.core.layout import MP4, TS, CameraLayout
from tests.cli.conftest import environment
from tests.faults.live import LiveWatch
from tests.support.clip import Clip
from tests.support.evidence import read_frames, segments
from tests.support.ports import free_port
from tests.support.rtsp_camera import RtspCamera
from tests.support.waiting import PATIENCE, end_of, wait_for

PASSWORD = "s3cret-of-cameras"
_FEW = 25  # frames that may be under way
_SOME = 2.0  # seconds of frames that show that a camera is recorded again


class Site:
    """`count` cameras that show `clip`, recorded by `cctv serve` in files of `cut` seconds.

    Faults may change what `begin` starts: `options`, `environ`, `live_path`, `boot`, and `camera_side`, which runs what
    opens a camera's sockets on the network in which it has the address `host`. They act on the `victims`. What they
    mount or open, they close through `undo`, once all processes have ended.
    """

    def __init__(self, folder: Path, ffmpeg: str, clip: Clip, *, count: int = 1, cut: int = 4) -> None:
        self.folder = folder
        self.storage = folder / "hls"
        self.storage.mkdir(parents=True)
        self.clip = clip
        self.ffmpeg = ffmpeg
        self.cut = cut
        self.undo = ExitStack()
        self.options = ""  # general settings in `cameras.toml`
        self.environ: Dict[str, str] = {}
        self.live_path: Optional[Path] = None
        self.boot: Optional[Path] = None  # a file that takes the place of Linux' boot_id
        self.host = "127.0.0.1"
        self.camera_side: Callable[[Callable[[], object]], object] = lambda work: work()
        self.wire: Any = None  # between recorder and cameras, for faults of the network
        self.disks: Dict[str, Any] = {}  # for faults of disks
        self.cameras: Dict[str, RtspCamera] = {}
        self.steps: List[Tuple[float, float]] = []  # true instants at which the server's clock was set, and by how much
        self.memory = 0  # bytes that the server had before a fault that must not make it grow
        self.complaints: List[str] = []
        self.chance = random.Random(1)  # for faults that choose
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: Optional[subprocess.Popen[bytes]] = None
        self.names = [f"cam{number}" for number in range(1, count + 1)]
        self.victims = self.names  # whom faults of cameras and of FFmpegs hit
        self._live: Optional[LiveWatch] = None

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.end()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        left = self.ffmpegs()
        for process in left:
            process.kill()
        psutil.wait_procs(left, PATIENCE)
        for camera in self.cameras.values():
            camera.__exit__(None, None, None)
        self.undo.close()

    # What a round does.

    def begin(self) -> None:
        """Start cameras and server, and wait until each camera has a recording and a live stream."""
        for name in self.names:
            camera = RtspCamera(self.clip, host=self.host, username="admin", password=PASSWORD)
            self.cameras[name] = camera
            self.camera_side(camera.__enter__)
        self.serve()
        self._live = LiveWatch(self.url, list(self.cameras))
        self.wait_recordings()
        self._live.wait_playing()

    def wait_recordings(self, more: int = 1, seconds: float = PATIENCE) -> None:
        """Wait until each camera has so many more recordings."""
        wanted = {each: len(segments(self.layout(each))) + more for each in self.cameras}

        def recorded() -> bool:
            return all(len(segments(self.layout(each))) >= count for each, count in wanted.items())

        wait_for(recorded, "a recording of each camera", seconds + self.cut, self._last_lines)

    def serve(self) -> None:
        """Start the server."""
        self._configure()
        arguments = [sys.executable, "-m", "tests.faults.serve", str(self.cut), "serve"]
        arguments += ["--host", "127.0.0.1", "--port", str(self.port), "--storage", str(self.storage)]
        if self.boot is not None:
            bind = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"'
            arguments = ["unshare", "--mount", "sh", "-c", bind, str(self.boot), *arguments]
        variables = {"FFMPEG_PATH": self.ffmpeg, "HLS_SEGMENT_DURATION": "2"}
        if self.live_path is not None:
            variables["LIVE_PATH"] = str(self.live_path)
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                arguments,
                cwd=self.folder,
                env=environment(**variables, **self.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def reload(self, options: str) -> None:
        """Make the server read its configuration again, with these lines in `cameras.toml`."""
        self.options = options
        self._configure()
        self.signal_server(signal.SIGHUP)

    def _configure(self) -> None:
        cameras = "".join(
            f'[[cameras]]\nid = "{name}"\nrtsp_url = "{camera.login_url}"\n\n' for name, camera in self.cameras.items()
        )
        (self.folder / "cameras.toml").write_text(self.options + cameras)

    def wait_recovered(self, healed: float, seconds: float) -> None:
        """Wait until frames that were due after the instant `healed` are written for each camera, and HTTP answers.

        Each live stream must gain a segment too.
        What a camera sent is then no longer under way: a slow network keeps seconds of it in buffers.
        """

        assert self._live is not None
        live, before = self._live, self._live.segments()

        def recovered() -> bool:
            return all(self._records(name, healed + _SOME) for name in self.cameras) and self._answers()

        wait_for(recovered, "recording after the fault", seconds + PATIENCE, self._last_lines)
        wait_for(lambda: live.gained(before), "live streams after the fault", seconds + PATIENCE, self._last_lines)

    def wait_answers(self) -> None:
        """Wait until the server answers requests."""
        wait_for(self._answers, "the server's answer", shown=self._last_lines)

    def _records(self, name: str, since: float) -> bool:
        """Whether a frame that was due after the instant `since` is written, and what was sent before it too."""
        camera = self.cameras[name]
        wanted = max(
            (since - camera.started_at) * self.clip.fps, len(camera.ledger) and camera.ledger[-1].number - _FEW
        )
        return self._newest_frame(name) >= wanted

    def _newest_frame(self, name: str) -> int:
        """The number of the newest frame in the file that is being written; -1 without one."""
        try:
            media = (file for file in self.layout(name).incoming.glob("*/*") if file.suffix in (TS, MP4))
            files = sorted(media, key=lambda file: file.stat().st_mtime)
            return max(frame.number or -1 for frame in read_frames(files[-1])) if files else -1
        except (OSError, ValueError, IndexError):
            return -1  # it was moved, or has no whole frame

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/cameras", timeout=_SOME):
                return True
        except OSError:
            return False

    def stop(self) -> float:
        """Stop the server in order, which commits all minutes; the instant of the signal."""
        assert self.process is not None
        if self._live is not None:
            self.complaints += self._live.end() + self._surplus_discontinuities(self._live)
        until = time.time()
        self.process.send_signal(signal.SIGTERM)
        code = end_of(self.process, 2 * PATIENCE)
        if code != 0:
            self.complaints.append(f"the server ended with code {code}")
        if "Traceback" in self.log():
            self.complaints.append("the server's log has a traceback")
        left = self.ffmpegs()
        if left:
            self.complaints.append(f"{len(left)} FFmpeg were left running")
        for name in self.names:
            media = [file for file in self.layout(name).incoming.glob("*/*") if file.suffix in (TS, MP4)]
            self.complaints += [f"{name}: {file.parent.name}/{file.name} was not committed" for file in media]
        return until

    def _surplus_discontinuities(self, live: LiveWatch) -> List[str]:
        """A live stream has one for each FFmpeg but the first, and for each step of this machine's clock."""
        complaints = []
        for name in self.cameras:
            ffmpegs = len(re.findall(rf"\b{name}: started FFmpeg", self.log()))
            if live.discontinuities(name) >= ffmpegs + len(self.steps):
                complaints.append(f"{name}: {live.discontinuities(name)} discontinuities of {ffmpegs} FFmpegs")
        return complaints

    # What faults and judges read.

    def layout(self, name: str) -> CameraLayout:
        return CameraLayout(self.storage, name, self.live_path)

    def log(self) -> str:
        return (self.folder / "serve.log").read_text(errors="replace")

    def _last_lines(self) -> str:
        return " | ".join(self.log().splitlines()[-3:])

    def has_ended(self) -> bool:
        """Whether the server has ended."""
        return self.process is not None and self.process.poll() is not None

    def server_pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def ffmpeg_pids(self) -> List[int]:
        """The FFmpeg of each victim, by its run file."""
        return [int(read_json(self.layout(name).run_file).get("pid") or 0) for name in self.victims]

    def ffmpegs(self) -> List[psutil.Process]:
        """Every process but the server that works in the storage."""
        found = []
        for process in psutil.process_iter():
            try:
                if self.storage in Path(process.cwd()).parents and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def signal_ffmpegs(self, number: int) -> None:
        for pid in filter(None, self.ffmpeg_pids()):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def signal_server(self, number: int) -> None:
        os.kill(self.server_pid(), number)
        if number == signal.SIGKILL:
            assert self.process is not None
            self.process.wait()


def pause(seconds: float) -> None:
    """Let a fault last."""
    threading.Event().wait(seconds)


@contextmanager
def working_folder(kept: Optional[Path]) -> Iterator[Path]:
    """The new folder `kept`, or one that is removed in the end."""
    if kept is not None:
        kept.mkdir(parents=True)
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="cctv-faults-") as folder:
        yield Path(folder)
