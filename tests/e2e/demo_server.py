"""`cctv serve --demo` as a process, used over HTTP and ended by signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import List, Sequence

import httpx
import psutil

from cctv_cli.core.ffmpeg.command import Ffmpeg
from tests.support.ports import free_port
from tests.support.waiting import HANG


class DemoServer:
    """`cctv serve --demo` on a free port; ended, with its FFmpegs, at the end of a `with` block.

    `environ` is added to the environment; `before` is a command that runs the server's command.
    """

    def __init__(self, storage: Path, ffmpeg: Ffmpeg, before: Sequence[str] = (), **environ: str) -> None:
        self.storage = storage
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._before = before
        self._environ = {**os.environ, "FFMPEG_PATH": ffmpeg.path, **environ}
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        command = [*self._before, sys.executable, "-m", "cctv_cli", "serve", "--demo", "--json"]
        return subprocess.Popen(
            [*command, "--port", str(self.port), "--storage", str(self.storage)],
            cwd=self.storage.parent,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def again(self) -> None:
        """Start the command again after it ended."""
        self.process = self._start()

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=HANG)

    def answers(self, path: str, status: int = 200) -> bool:
        try:
            return self.get(path).status_code == status
        except httpx.TransportError:
            return False

    def end(self, number: int = signal.SIGTERM) -> str:
        """Send a signal, wait for a clean exit, return the log."""
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=HANG)
        assert self.process.returncode == 0, log
        return log

    def __enter__(self) -> DemoServer:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        for process in psutil.process_iter():
            try:
                if self.storage in Path(process.cwd()).parents:
                    process.kill()
            except psutil.Error:
                continue


def played(ffmpeg: Ffmpeg, url: str, *options: str) -> List[str]:
    """The codecs of the frames that FFmpeg decodes from a stream in two seconds; fails on any error.

    `options` are those of FFmpeg's input.
    """
    done = subprocess.run(
        [ffmpeg.path, "-v", "error", "-xerror", *options, "-i", url, "-t", "2", "-f", "framecrc", "-"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=True,
    )
    assert done.stderr == ""
    return [line.split()[-1] for line in done.stdout.splitlines() if line.startswith("#media_type")]
