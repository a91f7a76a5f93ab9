"""What supervising 50 cameras costs: python -m tests.benchmarks.many_cameras [CAMERAS] [SECONDS]

Real FFmpegs copy a clip in real time in place of RTSP cameras. The HTTP application is loaded, and health and free
space are checked, as in `cctv serve`. Prints this process's share of one core and its memory, without FFmpeg's own.
Linux only.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import psutil

from cctv_cli.api.app import create_app
from cctv_cli.core.clock import SystemClock
from cctv_cli.core.config.settings import Camera, RtspSource, Settings
from cctv_cli.core.ffmpeg.find import find_ffmpeg
from cctv_cli.core.health.watch import HealthWatch
from cctv_cli.core.recording.state import State
from cctv_cli.core.recording.supervisor import Supervisor
from cctv_cli.core.recording.tools import Tools
from cctv_cli.core.retention.schedule import CleanupSchedule
from cctv_cli.core.rtsp.result import Outcome, ProbeResult
from cctv_cli.core.rtsp.sdp import VideoStream
from cctv_cli.core.runtime import Runtime
from tests.support.waiting import wait_for


def main(cameras: int = 50, seconds: int = 130) -> None:
    """Measure for `seconds` once all cameras run."""
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), cameras, seconds)


def measure(folder: Path, cameras: int, seconds: int) -> None:
    """Supervise that many looping FFmpegs in `folder` and print what it costs."""
    real = find_ffmpeg(None)
    ffmpeg = replace(real, path=str(looping(real.path, folder)))
    settings = Settings(
        cameras=tuple(Camera(f"cam{n}", f"Camera {n}", RtspSource("127.0.0.1", 554, "/")) for n in range(cameras)),
        storage=folder / "hls",
    )
    found = ProbeResult(Outcome.OK, "", 200, VideoStream("h264"), None)
    supervisor = Supervisor(settings, Tools(ffmpeg, None, SystemClock(), probe=lambda *_, **__: found), whole=True)
    runtime = Runtime(settings)
    create_app(runtime)
    watch = HealthWatch(runtime.health, settings, None)
    schedule = CleanupSchedule(lambda: settings, runtime.cleaner, runtime.clock)
    supervisor.start()
    watch.start()
    schedule.start()
    try:
        wait_for(lambda: all(s.state is State.RUNNING for s in runtime.statuses()), "all cameras to run", 120)
        me = psutil.Process(os.getpid())
        before = me.cpu_times()
        threading.Event().wait(seconds)
        after = me.cpu_times()
        used = after.user + after.system - before.user - before.system
        running = sum(s.state is State.RUNNING for s in runtime.statuses())
        restarts = sum(s.restarts for s in runtime.statuses())
        share, memory = 100 * used / seconds, me.memory_info().rss / 1e6
        print(f"{cameras} cameras, {running} running, {restarts} restarts, {seconds} s:")
        print(f"user {after.user - before.user:.2f} s, system {after.system - before.system:.2f} s")
        print(f"{share:.1f} % of a core, {memory:.0f} MB resident, {me.num_threads()} threads")
    finally:
        watch.ask_to_end()
        supervisor.stop(leave_running=False)
        schedule.ask_to_end()
        schedule.join()
        watch.join()


def looping(ffmpeg: str, folder: Path) -> Path:
    """An executable that accepts our FFmpeg commands but reads a looping clip instead of the camera."""
    clip = folder / "clip.ts"
    source = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25", "-t", "10", "-c:v", "libx264", "-g", "50"]
    subprocess.run([ffmpeg, "-v", "error", *source, "-b:v", "1M", str(clip)], check=True)
    script = folder / "ffmpeg"
    script.write_text(
        "#!/bin/bash\n"
        'while [ "$1" != -map ]; do shift; done\n'
        f'exec {shlex.quote(ffmpeg)} -nostdin -v error -re -stream_loop -1 -i {shlex.quote(str(clip))} "$@"\n'
    )
    script.chmod(0o755)
    return script


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
