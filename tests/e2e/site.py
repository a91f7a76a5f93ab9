"""One supervised camera in a folder, and the constants of end-to-end tests."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Callable, List, Optional

from cctv_cli.core.clock import SystemClock
from cctv_cli.core.config.rtsp_url import parse_rtsp_url
from cctv_cli.core.config.settings import Camera, Settings
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.files import read_json, read_text
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording.state import State
from cctv_cli.core.recording.supervisor import Supervisor
from cctv_cli.core.recording.tools import ROTATE_AFTER, Tools
from tests.support.clip import Clip
from tests.support.evidence import segments
from tests.support.rtsp_camera import RtspCamera
from tests.support.waiting import PATIENCE, wait_for

FPS = 25.0
CUT = 4  # seconds of a recording, instead of 60
SETTLED = 9  # recordings, after which a step ahead of a camera's clock is taken for one
AAC = 0x0F
IN_TRANSIT = 1.0  # seconds from the camera through FFmpeg to the disk, at most, on a busy machine
PASSWORD = "s3cr:t/@#%"
_LINES = 20  # newest messages and connections that a failed wait shows

MakeClip = Callable[..., Clip]


class Site:
    """One supervised camera in a folder."""

    def __init__(
        self,
        storage: Path,
        ffmpeg: Ffmpeg,
        camera: RtspCamera,
        live_path: Optional[Path] = None,
        rotate_after: float = ROTATE_AFTER,
        *,
        transcode: bool = False,
    ) -> None:
        self.camera = camera
        self.layout = CameraLayout(storage, "cam1", live_path)
        url = parse_rtsp_url(camera.login_url)
        self.settings = Settings(
            cameras=(Camera("cam1", "Camera 1", url, transcode=transcode),),
            storage=storage,
            live_path=live_path,
            segment_duration=2,
        )
        self.supervisor = Supervisor(
            self.settings,
            Tools(ffmpeg, None, SystemClock(), recording_seconds=CUT, rotate_after=rotate_after),
            whole=True,
        )

    def state(self) -> str:
        return str(read_json(self.layout.state_file).get("state"))

    def pid(self) -> int:
        return int(read_json(self.layout.run_file).get("pid") or 0)

    def situation(self) -> str:
        """What the supervisor shows, what FFmpeg said, and what the camera was asked: why a wait may have failed."""
        said = (read_text(self.layout.log_file) or "").splitlines()[-_LINES:]
        files = [read_json(file) for file in (self.layout.state_file, self.layout.run_file)]
        return "\n".join(map(str, [*files, *said, *self.camera.connections[-_LINES:]]))

    def wait_state(self, state: State, seconds: float = PATIENCE) -> None:
        wait_for(lambda: self.state() == state.value, f"state {state.value}", seconds, self.situation)

    def wait_shown(self, state: State, words: str) -> None:
        """Wait until the state file has this state and these words in its reason, both at once."""

        def shown() -> bool:
            found = read_json(self.layout.state_file)
            return found.get("state") == state.value and words in str(found.get("reason"))

        wait_for(shown, f"state {state.value} with {words!r}", shown=self.situation)

    def wait_recordings(self, count: int, seconds: float = PATIENCE) -> None:
        """Wait for files, because a journal's line comes before its file."""

        def recorded() -> bool:
            files = [self.layout.day(day) / entry.file for day, entry in segments(self.layout)]
            return sum(file.is_file() for file in files) >= count

        wait_for(recorded, f"{count} recordings", seconds, self.situation)

    def wait_new_pid(self, old: int, seconds: float = PATIENCE) -> int:
        return wait_for(
            lambda: self.pid() if self.pid() not in (0, old) else 0, "a new FFmpeg", seconds, self.situation
        )

    def stop(self) -> float:
        """Stop; returns the instant."""
        now = time.time()
        self.supervisor.stop(leave_running=False)
        return now

    def kill_ffmpeg(self) -> int:
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        return pid


def sent(camera: RtspCamera, until: float) -> List[int]:
    """The frames that the camera sent before the instant `until`, except those that were still in transit."""
    return [frame.number for frame in camera.ledger if frame.sent_at < until - IN_TRANSIT]
