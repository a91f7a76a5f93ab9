"""A supervisor process that tests may kill: python -m tests.support.supervise FFMPEG STORAGE URL SECONDS [LIVE]

Supervises one camera, "cam1", whose recordings are cut every SECONDS, so that tests need no whole minutes, and its live
segments every LIVE seconds.
"""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path

from cctv_cli.cli.signals import Signals
from cctv_cli.core.clock import SystemClock
from cctv_cli.core.config.rtsp_url import parse_rtsp_url
from cctv_cli.core.config.settings import Camera, Settings
from cctv_cli.core.ffmpeg.find import inspect
from cctv_cli.core.recording.supervisor import Supervisor
from cctv_cli.core.recording.tools import Tools


def main(ffmpeg: str, storage: str, url: str, seconds: str, live: str = "2") -> None:
    """Supervise until a signal comes."""
    logging.basicConfig(level=logging.INFO)
    settings = Settings(
        cameras=(Camera("cam1", "Camera 1", parse_rtsp_url(url)),), storage=Path(storage), segment_duration=int(live)
    )
    tools = Tools(inspect(ffmpeg), None, SystemClock(), recording_seconds=int(seconds))
    supervisor = Supervisor(settings, tools, whole=True)
    signals = Signals()
    signals.install()
    supervisor.start()
    pause = threading.Event()
    while not signals.ended:
        pause.wait(0.1)
    supervisor.stop(leave_running=signals.leave_running)


if __name__ == "__main__":
    main(*sys.argv[1:])
