"""Starts FFmpeg processes detached, finds them again, stops them, and reads their standard error.

No other module starts or signals recording processes. On POSIX their standard error is a FIFO that FFmpeg itself
holds open at both ends, so that it outlives its reader and the next supervisor can continue to read.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Callable, Dict, Mapping, Optional, Protocol

import psutil

from cctv_cli.core.ffmpeg.command import Command, run_mark
from cctv_cli.core.system import (
    CREATION_FLAGS,
    NEW_SESSION,
    RESUME_SIGNAL,
    DaemonThread,
    Fifo,
    limit_memory,
    make_fifo,
    open_fifo,
)
from cctv_cli.core.units import Secret

STDERR_NAME = "stderr"
# the only variables that FFmpeg gets: others may contain passwords
_KEEP = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LD_LIBRARY_PATH")
_INSIST = 2.0  # seconds between the second SIGTERM and SIGKILL
_POLL = 0.05  # seconds between checks of a process that is not our child
_LONGEST_LINE = 4000  # bytes


class Process(Protocol):
    """The process of a run, whether this supervisor or an earlier one started it."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def alive(self) -> bool:
        """Whether it is running; a zombie is not."""

    def exit_code(self) -> Optional[int]:
        """Its exit code, negative for a signal; None while it runs or if it is unknown."""

    def ask_to_end(self) -> None:
        """Send SIGTERM, and SIGCONT so that a stopped process receives it; on Windows the process ends at once."""

    def kill(self) -> None:
        """Kill it at once."""

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds; True if it has ended."""


class OwnProcess:
    """A process that this supervisor started."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen

    @property
    def pid(self) -> int:
        return self._popen.pid

    def alive(self) -> bool:
        return self._popen.poll() is None

    def exit_code(self) -> Optional[int]:
        return self._popen.returncode

    def ask_to_end(self) -> None:
        self._popen.terminate()
        if RESUME_SIGNAL is not None:
            self._popen.send_signal(RESUME_SIGNAL)

    def kill(self) -> None:
        self._popen.kill()

    def wait(self, timeout: float) -> bool:
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True


class AdoptedProcess:
    """A process that an earlier supervisor started."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    def alive(self) -> bool:
        try:
            return bool(self._process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False

    def exit_code(self) -> Optional[int]:
        return None

    def ask_to_end(self) -> None:
        self._signal(self._process.terminate)
        self._signal(self._process.resume)

    def kill(self) -> None:
        self._signal(self._process.kill)

    @staticmethod
    def _signal(send: Callable[[], None]) -> None:
        try:
            send()
        except psutil.Error:
            pass  # it has ended, or belongs to another user: the wait that follows shows it

    def wait(self, timeout: float) -> bool:
        # psutil's own wait would take the whole time for a zombie that is never reaped
        pause = threading.Event()
        end = time.monotonic() + timeout
        while self.alive():
            if time.monotonic() >= end:
                return False
            pause.wait(_POLL)
        return True


def find(run: str, folder: Path, pid: Optional[int]) -> Optional[AdoptedProcess]:
    """The running process of a run: its argv has the run's id, and its working directory is the camera's folder.

    `pid` is checked first. If it is None or belongs to another process now, all processes are checked.
    """
    if pid is not None and psutil.pid_exists(pid):
        try:
            candidate = psutil.Process(pid)
        except psutil.Error:
            candidate = None
        if candidate is not None and _is_run(candidate, run, folder):
            return AdoptedProcess(candidate)
    for candidate in psutil.process_iter():
        if _is_run(candidate, run, folder):
            return AdoptedProcess(candidate)
    return None


def _is_run(process: psutil.Process, run: str, folder: Path) -> bool:
    try:
        if run_mark(run) not in process.cmdline():
            return False
        return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).resolve() == folder.resolve()
    except (psutil.Error, OSError):
        return False


def stop(process: Process, grace: float) -> None:
    """Send SIGTERM, wait `grace` seconds, send it again, then kill.

    The second SIGTERM ends an FFmpeg that is waiting for a silent camera.
    """
    process.ask_to_end()
    if process.wait(grace):
        return
    process.ask_to_end()
    if process.wait(_INSIST):
        return
    process.kill()
    process.wait(_INSIST)


def listen(handle: int, on_line: Callable[[str], None], on_end: Callable[[], None]) -> None:
    """Read standard error line by line in a thread; call `on_end` when FFmpeg has closed it."""

    def read() -> None:
        with os.fdopen(handle, "rb", buffering=0) as stream:
            rest = b""
            for block in iter(lambda: stream.read(65536), b""):
                *lines, rest = (rest + block).replace(b"\r", b"\n").split(b"\n")
                rest = rest[-_LONGEST_LINE:]
                for line in lines:
                    if line.strip():
                        on_line(line[:_LONGEST_LINE].decode("utf-8", "replace"))
        on_end()

    DaemonThread(read, "ffmpeg-stderr").start()


def spawn(
    command: Command, folder: Path, run_folder: Path, on_line: Callable[[str], None], on_end: Callable[[], None]
) -> OwnProcess:
    """Start FFmpeg in `folder`, detached from this process. Raises OSError if it cannot be started."""
    fifo = make_fifo(run_folder / STDERR_NAME)
    try:
        popen = subprocess.Popen(
            command.argv,
            cwd=folder,
            env=_environment(os.environ),
            stdin=subprocess.DEVNULL if command.stdin is None else subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if fifo is None else fifo.writer,
            start_new_session=NEW_SESSION,
            creationflags=CREATION_FLAGS,
        )
    except OSError:
        if fifo is not None:
            os.close(fifo.reader)
        raise
    finally:
        if fifo is not None:
            os.close(fifo.writer)
    try:
        limit_memory(popen.pid, command.memory)
        listen(_reader(popen, fifo), on_line, on_end)
        _write_stdin(popen, command.stdin)
    except BaseException:
        popen.kill()  # otherwise it would keep running without a supervisor
        popen.wait()
        raise
    return OwnProcess(popen)


def _reader(popen: subprocess.Popen[bytes], fifo: Optional[Fifo]) -> int:
    if popen.stderr is None:
        assert fifo is not None
        return fifo.reader
    reader = os.dup(popen.stderr.fileno())
    popen.stderr.close()
    return reader


def _write_stdin(popen: subprocess.Popen[bytes], text: Optional[Secret]) -> None:
    if text is None or popen.stdin is None:
        return
    try:
        with popen.stdin as pipe:
            pipe.write(text.reveal().encode())
    except BrokenPipeError:
        pass  # it has already exited, and its exit code is reported


def listen_again(run_folder: Path, on_line: Callable[[str], None], on_end: Callable[[], None]) -> None:
    """Continue to read the standard error of an adopted process, if it is a FIFO. Raises OSError."""
    reader = open_fifo(run_folder / STDERR_NAME)
    if reader is not None:
        listen(reader, on_line, on_end)


def _environment(environ: Mapping[str, str]) -> Dict[str, str]:
    return {name: environ[name] for name in _KEEP if name in environ}
