"""What a cleanup costs: python -m tests.benchmarks.cleanup [CAMERAS] [DAYS] [DELETED]

Builds a tree of recordings (tiny files, real journal lines) in a temporary folder. Prints the time of a preview
compared with `du -s` of the same tree, its peak memory, and the latency of `GET /cameras` while a cleanup in the
same server process deletes many files.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Callable, List, Tuple

import uvicorn

from cctv_cli.api.app import create_app
from cctv_cli.core.clock import zone
from cctv_cli.core.config.settings import Camera, DemoSource, Settings
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.runtime import Runtime
from cctv_cli.core.storage.entries import NO_LINE, SegmentEntry, line_hash, render_line
from cctv_cli.core.storage.marker import ensure_marker
from tests.support.waiting import wait_for

ZONE = "Etc/UTC"
RUN = "00c0ffee00c0ffee"


def write_day(layout: CameraLayout, midnight: datetime, previous: str) -> str:
    """Write a day of recordings with its journal and playlists. Return the hash of the journal's last line."""
    lines: List[bytes] = []
    day = midnight.strftime("%Y-%m-%d")
    for hour in range(24):
        folder = layout.hour(day, f"{hour:02d}")
        folder.mkdir(parents=True)
        (folder / "playlist.m3u8").touch()
        for minute in range(60):
            start = (midnight + timedelta(hours=hour, minutes=minute)).timestamp()
            file = f"{hour:02d}/{minute:02d}.ts"
            with open(layout.day(day) / file, "wb") as made:
                made.write(b"G")
            line = render_line(
                SegmentEntry(file, start, 60.0, 1, "ab" * 32, RUN, f"{hour * 60 + minute:06d}.ts"), zone(ZONE), previous
            )
            previous = line_hash(line)
            lines.append(line)
    layout.journal(day).write_bytes(b"\n".join(lines) + b"\n")
    return previous


def write_tree(storage: Path, cameras: int, days: int) -> None:
    """Write `days` whole days up to last midnight for each camera."""
    today = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(cameras):
        layout, previous = CameraLayout(storage, f"cam{number}"), NO_LINE
        for age in range(days, 0, -1):
            previous = write_day(layout, today - timedelta(days=age), previous)
    ensure_marker(storage)


def seconds_of(command: List[str]) -> Tuple[float, str]:
    """How long a command takes, and what it prints."""
    begin = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=os.getcwd())
    return time.perf_counter() - begin, done.stdout


def peak_of_preview(storage: Path, config: Path) -> Tuple[float, float, int]:
    """Seconds, peak resident megabytes and files of `cctv cleanup --preview`, in its own process."""
    code = (
        "import json, resource, sys, io, contextlib\n"
        "from cctv_cli.cli.app import main\n"
        "out = io.StringIO()\n"
        "with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit): main()\n"
        "cameras = json.loads(out.getvalue())['cameras']\n"
        "files = sum(c['keeps']['files'] + c['deletes']['files'] for c in cameras)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, files)\n"
    )
    command = [sys.executable, "-c", code, "cleanup", "--preview", "--json"]
    taken, out = seconds_of([*command, "--config", str(config), "--storage", str(storage)])
    peak, files = out.split()
    return taken, float(peak), int(files)


def measure_preview(storage: Path, config: Path) -> None:
    """Print the preview's time compared with that of du, both with a warm cache."""
    seconds_of(["du", "-s", str(storage)])
    for _ in range(2):
        du, _ = seconds_of(["du", "-s", str(storage)])
        preview, peak, files = peak_of_preview(storage, config)
        print(
            f"{files} files: du {du:.2f} s, preview {preview:.2f} s = {preview / du:.2f} x, {peak:.0f} MB", flush=True
        )


def measure_deletion(storage: Path, cameras: int, days: int, deleted: int) -> None:
    """Print the latency of GET /cameras without and with a cleanup that deletes `deleted` files."""
    keep = days - 1 - math.ceil(deleted / (cameras * 1440))  # the tree ends at midnight, retention counts from now
    settings = Settings(
        cameras=tuple(Camera(f"cam{n}", f"Camera {n}", DemoSource(tone=False)) for n in range(cameras)),
        storage=storage,
        timezone=ZONE,
        retention_days=keep,
    )
    config = uvicorn.Config(create_app(Runtime(settings)), host="127.0.0.1", port=0, log_level="warning")
    listening = config.bind_socket()
    server = uvicorn.Server(config)
    serving = threading.Thread(target=server.run, args=([listening],))
    serving.start()
    wait_for(lambda: server.started, "the server to start")
    port = listening.getsockname()[1]
    asking = [sys.executable, "-m", "tests.benchmarks.cleanup", "--ask", str(port)]
    quiet = subprocess.run([*asking, "5"], check=True, capture_output=True, text=True).stdout
    print(f"idle:     {quiet.strip()}", flush=True)
    with subprocess.Popen([*asking, "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        begin = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        connection.request("POST", "/cleanup/run")
        answer = json.loads(connection.getresponse().read())
        taken = time.perf_counter() - begin
        print(f"cleaning: {client.communicate('')[0].strip()}")
    print(f"deleted {answer['deleted']['files']} files in {taken:.1f} s, {len(answer['failed'])} failed")
    server.should_exit = True
    serving.join()


def ask(port: int, seconds: float) -> None:
    """Repeat GET /cameras for that time, or until standard input ends if it is 0, and print the latency."""
    ended = threading.Event()
    if not seconds:
        threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    latencies: List[float] = []
    over: Callable[[], bool] = ended.is_set
    end = time.perf_counter() + (seconds or 3600)
    while time.perf_counter() < end and not over():
        begin = time.perf_counter()
        connection.request("GET", "/cameras")
        connection.getresponse().read()
        latencies.append(1000 * (time.perf_counter() - begin))
        ended.wait(0.02)
    latencies.sort()
    p50, p99 = latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)]
    print(f"{len(latencies)} x GET /cameras: p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {latencies[-1]:.1f} ms")


def main(cameras: int = 16, days: int = 30, deleted: int = 100_000) -> None:
    """Build, measure, remove."""
    with tempfile.TemporaryDirectory() as folder:
        storage = Path(folder, "hls")
        storage.mkdir()
        config = Path(folder, "cameras.toml")
        config.write_text(f'timezone = "{ZONE}"\n')
        begin = time.perf_counter()
        write_tree(storage, cameras, days)
        print(f"tree of {cameras * days * 1440} files in {time.perf_counter() - begin:.0f} s", flush=True)
        measure_preview(storage, config)
        measure_deletion(storage, cameras, days, deleted)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask"]:
        ask(int(sys.argv[2]), float(sys.argv[3]))
    else:
        main(*map(int, sys.argv[1:]))
