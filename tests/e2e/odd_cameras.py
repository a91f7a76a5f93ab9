"""Several odd cameras that one supervisor records, and what must hold for each of them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Tuple

from cctv_cli.core.clock import SystemClock
from cctv_cli.core.config.rtsp_url import parse_rtsp_url
from cctv_cli.core.config.settings import Camera, Settings
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.files import read_json
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording.supervisor import Supervisor
from cctv_cli.core.recording.tools import Tools
from tests.e2e.site import CUT, IN_TRANSIT
from tests.support.evidence import TICKS, assert_explained, read_frames, recorded_frames, segments, ticks_between
from tests.support.rtsp_camera import RtspCamera
from tests.support.waiting import PATIENCE, wait_for

SHARE = 0.99  # of the frames that came once the recorder has settled
LASTS = float(os.environ.get("CCTV_TEST_SECONDS", "0"))  # seconds for which odd cameras are recorded at least
_SETTLES = 2 * PATIENCE  # nine recordings take more than half a minute


def dated(layout: CameraLayout) -> Iterator[Tuple[int, float]]:
    """The number of every recorded frame, and its instant by the start and the duration of its recording."""
    for day, entry in segments(layout):
        frames = read_frames(layout.day(day) / entry.file)
        rate = entry.duration / entry.plays
        for frame in frames:
            assert frame.number is not None
            yield frame.number, entry.start + ticks_between(frames[0].pts, frame.pts) / TICKS * rate


class OddCameras:
    """Cameras by name, recorded while its context is active; `until` is the instant at which that ended."""

    def __init__(
        self, storage: Path, ffmpeg: Ffmpeg, cameras: Mapping[str, RtspCamera], recording_seconds: int = CUT
    ) -> None:
        self.cameras = cameras
        self.layouts = {name: CameraLayout(storage, name) for name in cameras}
        self.until = 0.0
        settings = Settings(
            cameras=tuple(Camera(name, name, parse_rtsp_url(camera.url)) for name, camera in cameras.items()),
            storage=storage,
            segment_duration=2,
        )
        tools = Tools(ffmpeg, None, SystemClock(), recording_seconds=recording_seconds)
        self._supervisor = Supervisor(settings, tools, whole=True)

    def __enter__(self) -> OddCameras:
        self._supervisor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.until = time.time()
        self._supervisor.stop(leave_running=False)

    def others_than(self, words: Mapping[str, str]) -> Dict[str, str]:
        """The cameras that do not record with these words, and what they show."""
        shown = {name: str(read_json(layout.state_file).get("reason")) for name, layout in self.layouts.items()}
        return {
            name: reason
            for name, reason in shown.items()
            if not (reason.startswith("recording") and words[name] in reason)
        }

    def wait_words(self, words: Mapping[str, str], seconds: float = _SETTLES) -> float:
        """Wait until each camera records with these words; returns the instant."""
        wait_for(
            lambda: not self.others_than(words),
            "the words of every camera",
            seconds,
            lambda: str(self.others_than(words)),
        )
        return time.time()

    def kill_ffmpegs(self) -> None:
        """Kill the FFmpeg of every camera, and wait until each has another one."""
        before = {name: self._pid(name) for name in self.layouts}
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        wait_for(
            lambda: all(self._pid(name) not in (0, pid) for name, pid in before.items()), "other FFmpegs", _SETTLES
        )

    def _pid(self, name: str) -> int:
        return int(read_json(self.layouts[name].run_file).get("pid") or 0)

    def record_more(self, count: int = 3, lasts: float = LASTS) -> None:
        """Wait for so many more recordings of every camera, and for so many seconds."""
        recorded = {name: len(segments(layout)) for name, layout in self.layouts.items()}
        ends = time.monotonic() + lasts

        def enough() -> bool:
            more = all(len(segments(layout)) >= recorded[name] + count for name, layout in self.layouts.items())
            return more and time.monotonic() >= ends

        wait_for(enough, f"{count} more recordings of every camera", _SETTLES + lasts)

    def came(self, name: str, since: float, in_transit: float = IN_TRANSIT) -> List[int]:
        """The frames that a camera sent from the instant `since` on, except those that were in transit at the end."""
        return [frame.number for frame in self.cameras[name].ledger if since < frame.sent_at < self.until - in_transit]

    def assert_recorded(self, name: str, since: float, in_transit: float = IN_TRANSIT) -> None:
        """Nearly every frame that came from the instant `since` on is recorded, and every loss is explained."""
        came = set(self.came(name, since, in_transit))
        kept = came & {frame.number for frame in recorded_frames(self.layouts[name])}
        assert len(kept) >= SHARE * len(came) > 0, f"{name}: {len(kept)} of {len(came)} frames"
        assert_explained(self.layouts[name], self.until - in_transit)
