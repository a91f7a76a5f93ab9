"""Attacks from the network while a phone watches: python -m tests.flood [--seconds 60] [--only silent,readers]

One `cctv serve` records a simulated camera. A phone follows the live stream while a process of its own attacks the same
port, and FFmpeg is killed in the middle. For each attack one line: the phone's worst answer, how long FFmpeg was gone,
the frames that the kill does not explain, and the server's memory before, at most and after. The exit code is 1 if
anything is out of bounds.
"""

from __future__ import annotations

import argparse
import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional

import psutil

from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.storage.entries import NO_LINE, SegmentEntry, line_hash, render_line
from tests.conftest import installed_ffmpegs
from tests.faults.gather import gather
from tests.faults.judge import judge
from tests.faults.site import Site, pause, working_folder
from tests.support.clip import make_clip
from tests.support.waiting import wait_for

_POLL = 1.0  # seconds between two polls of the phone
_WORST = 1.0  # seconds for an answer
_BACK = 3.0  # seconds until FFmpeg is back
_MORE_MEMORY = 50 << 20  # bytes that the server may keep
_REST = 75.0  # seconds after an attack until memory is measured: files leave the cache 60 s after their last use
_READERS = 200
_FILE = 12 << 20  # bytes of a recording
_ENOUGH_FILES = 4096
_OLD = "old"  # a camera with a day of recordings
_YESTERDAY = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
_DAY = _YESTERDAY.date().isoformat()


class Attack(NamedTuple):
    """What a process does to the port until it is ended, and the limit of open files of the server meanwhile."""

    run: Callable[[int], None]
    descriptors: int = _ENOUGH_FILES


def _request(port: int, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers, "", ""]).encode()


def _hold(port: int, count: int, sent: Callable[[int], bytes]) -> None:
    """Keep so many connections open that send this and read nothing; those that are closed are opened again."""
    held: List[Optional[socket.socket]] = [None] * count
    while True:
        for number, connection in enumerate(held):
            try:
                if connection is None:
                    held[number] = opened = socket.socket()
                    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    opened.settimeout(1.0)
                    opened.connect(("127.0.0.1", port))
                    opened.sendall(sent(number))
                    opened.setblocking(False)
                elif connection.recv(1, socket.MSG_PEEK) == b"":
                    raise ConnectionError
            except BlockingIOError:
                continue
            except OSError:
                closed, held[number] = held[number], None
                if closed is not None:
                    closed.close()
        time.sleep(0.05)


def _half_open(port: int) -> None:
    _hold(port, 1000, lambda number: _request(port, "/cameras")[: -2 if number % 2 else 9])


def _silent(port: int) -> None:
    _hold(port, 130, lambda number: b"")


def _readers(port: int) -> None:
    _hold(port, _READERS, lambda number: _request(port, f"/recordings/{_OLD}/{_DAY}/{_file(number)}"))


def _headers(port: int) -> None:
    line = _request(port, "/cameras")[:-2]
    floods = [line + b"X: " + b"a" * (48 << 20), line + b"a: b\r\n" * ((8 << 20) // 6)]
    _together(4, lambda number: _send(port, floods[number % 2]))


def _listings(port: int) -> None:
    _together(50, lambda number: _get(port, f"/recordings/{_OLD}?date={_DAY}"))


def _together(count: int, work: Callable[[int], object]) -> None:
    def repeat(number: int) -> None:
        while True:
            try:
                work(number)
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)

    for number in range(count):
        threading.Thread(target=repeat, args=(number,), daemon=True).start()
    signal.pause()


def _send(port: int, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(data)
        connection.recv(4096)


def _get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        data = answer.read()
        if answer.status == 503:
            time.sleep(1)
        return data
    finally:
        connection.close()


def _nothing(port: int) -> None:
    signal.pause()


ATTACKS: Dict[str, Attack] = {
    "nothing": Attack(_nothing),  # what the machine itself costs
    "half-open": Attack(_half_open, 400),
    "silent": Attack(_silent, 200),
    "headers": Attack(_headers),
    "readers": Attack(_readers),
    "listings": Attack(_listings),
}


class Phone:
    """Follows a live stream as a player does: the playlist, then each new segment, on one connection or a new one."""

    def __init__(self, port: int) -> None:
        self.worst = 0.0
        self.failed = 0
        self.answers = 0
        self._port = port
        self._seen: List[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Phone:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        kept = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        number = 0
        while not self._ended.wait(_POLL):
            number += 1
            fresh = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
            connection = kept if number % 2 else fresh
            playlist = self._fetch(connection, "live.m3u8")
            for name in playlist.decode().split():
                if name.endswith(".ts") and name not in self._seen:
                    self._seen.append(name)
                    self._fetch(connection, name)
            fresh.close()
        kept.close()

    def _fetch(self, connection: http.client.HTTPConnection, name: str) -> bytes:
        begin = time.monotonic()
        for attempt in range(2):
            try:
                connection.request("GET", f"/stream/cam1/{name}")
                answer = connection.getresponse()
                data = answer.read()
                self.failed += answer.status != 200
                break
            except (OSError, http.client.HTTPException):
                connection.close()
                # as every client: again at once if the server closed a connection that was kept
                self.failed += attempt
                data = b""
        self.worst = max(self.worst, time.monotonic() - begin)
        self.answers += 1
        return data


class Memory:
    """The most memory that a process has had."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.before = self.most = self.now()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def now(self) -> int:
        return int(self._process.memory_info().rss)

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.2):
            self.most = max(self.most, self.now())


def _file(minute: int) -> str:
    return f"{minute // 60:02d}/{minute % 60:02d}.ts"


def _make_old_day(layout: CameraLayout) -> None:
    lines, previous = [], NO_LINE
    for minute in range(1440):
        start = _YESTERDAY.timestamp() + 60 * minute
        entry = SegmentEntry(_file(minute), start, 60.0, _FILE, "ab" * 32, "0123456789abcdef", f"{minute:06d}.ts")
        lines.append(render_line(entry, timezone.utc, previous) + b"\n")
        previous = line_hash(lines[-1][:-1])
    for minute in range(_READERS):
        path = layout.day(_DAY) / _file(minute)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        with path.open("r+b") as file:
            file.truncate(_FILE)
    layout.journal(_DAY).write_bytes(b"".join(lines))


@contextmanager
def _attacking(name: str, port: int) -> Iterator[None]:
    arguments = [sys.executable, "-m", "tests.flood", "--attack", name, "--port", str(port)]
    with subprocess.Popen(arguments) as process:
        try:
            yield
        finally:
            process.kill()


def _under(name: str, site: Site, seconds: float) -> List[str]:
    """Attack, print what was seen, and return what was out of bounds."""
    server = psutil.Process(site.server_pid())
    descriptors = ATTACKS[name].descriptors
    server.rlimit(psutil.RLIMIT_NOFILE, (descriptors, _ENOUGH_FILES))
    memory = Memory(server.pid)
    with ExitStack() as stack:
        stack.enter_context(_attacking(name, site.port))
        phone = stack.enter_context(Phone(site.port))
        pause(seconds / 2)
        killed, old = time.monotonic(), site.ffmpeg_pids()[0]
        site.signal_ffmpegs(signal.SIGKILL)
        wait_for(lambda: site.ffmpeg_pids()[0] not in (0, old), "a new FFmpeg")
        back = time.monotonic() - killed
        pause(seconds / 2)
    pause(_REST)
    memory.end()
    after = memory.now()
    print(
        f"{name}: worst answer {phone.worst:.2f} s of {phone.answers}, {phone.failed} failed; "
        f"FFmpeg back in {back:.1f} s; memory {memory.before >> 20}, {memory.most >> 20}, {after >> 20} MB",
        flush=True,
    )
    found = {
        "worst answer": phone.worst > _WORST,
        "failed answers": phone.failed > 0,
        "FFmpeg": back > _BACK,
        "memory": after - memory.before > _MORE_MEMORY,
    }
    return [f"{name}: {what}" for what, is_wrong in found.items() if is_wrong]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", default=",".join(ATTACKS))
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--attack")
    parser.add_argument("--port", type=int, default=0)
    asked = parser.parse_args()
    if asked.attack:
        ATTACKS[asked.attack].run(asked.port)
    ffmpeg = installed_ffmpegs()["system"]
    wrong: List[str] = []
    with working_folder(asked.keep) as folder:
        clip = make_clip(ffmpeg, folder)
        with Site(folder / "site", ffmpeg, clip) as site:
            site.options = f'timezone = "UTC"\n\n[[cameras]]\nid = "{_OLD}"\nenabled = false\nrtsp_url = "rtsp://127.0.0.1:9/1"\n\n'
            _make_old_day(CameraLayout(site.storage, _OLD))
            site.begin()
            for name in asked.only.split(","):
                wrong += _under(name, site, asked.seconds)
            until = site.stop()
            account = judge(gather(site.layout("cam1"), site.cameras["cam1"], clip.fps, until))
            print(f"lost {account.lost:.2f} s, unexplained {account.unexplained:.2f} s, gaps {dict(account.gaps)}")
            wrong += [*account.complaints, *site.complaints]
    print("\n".join(wrong) or "all within bounds")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
