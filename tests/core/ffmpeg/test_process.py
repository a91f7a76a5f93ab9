"""Real child processes: a Python script instead of FFmpeg, with the folder and the argv of a run."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional

import psutil
import pytest

from cctv_cli.core.ffmpeg import process as processes
from cctv_cli.core.ffmpeg.command import Command
from cctv_cli.core.ffmpeg.process import AdoptedProcess, OwnProcess, find, listen_again, spawn, stop
from cctv_cli.core.units import Secret
from tests.support.waiting import HANG, wait_for

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no POSIX signals and no FIFOs in folders")
linux = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux has /proc")

RUN, OTHER_RUN = "0123456789abcdef", "fedcba9876543210"

PROLOGUE = f"""
import os, signal, sys
if hasattr(signal, "alarm"):
    signal.alarm({HANG:.0f})  # whatever happens to the test
def say(text):
    os.write(2, (text + "\\n").encode())
"""
WAIT = "say('ready'); signal.pause()"
STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN); say('ready'); signal.pause()"

# a supervisor process: starts the given child, prints its pid, and reads its output no further
SUPERVISOR = f"""
import sys, threading
from pathlib import Path
from cctv_cli.core.ffmpeg.command import Command
from cctv_cli.core.ffmpeg.process import spawn

ready = threading.Event()
folder, run_folder, *argv = sys.argv[1:]
child = spawn(Command(tuple(argv)), Path(folder), Path(run_folder), lambda line: ready.set(), lambda: None)
ready.wait({HANG})
print(child.pid, flush=True)
sys.stdin.read()
"""


def command(code: str, *, run: str = RUN, stdin: Optional[Secret] = None) -> Command:
    return Command((sys.executable, "-S", "-E", "-c", PROLOGUE + code, f"cctv_run={run}"), stdin)


class Output:
    """The standard error of a child, as the listener received it."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str] = queue.Queue()
        self.ended = threading.Event()

    def __call__(self, line: str) -> None:
        self._lines.put(line)

    def line(self) -> str:
        return self._lines.get(timeout=HANG)

    def rest(self) -> List[str]:
        """All remaining lines; waits for the end."""
        assert self.ended.wait(HANG)
        return list(iter(lambda: self._lines.get_nowait() if not self._lines.empty() else None, None))  # type: ignore[arg-type]


class Stage:
    """A camera's folder and the child processes in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run_folder = folder / ".incoming" / RUN
        self.run_folder.mkdir(parents=True)
        self.output = Output()
        self._ours: List[subprocess.Popen] = []
        self._pids: List[int] = []

    def spawn(self, code: str, *, stdin: Optional[Secret] = None) -> OwnProcess:
        child = spawn(command(code, stdin=stdin), self.folder, self.run_folder, self.output, self.output.ended.set)
        self._ours.append(child._popen)
        return child

    def foreign(self, *, run: str = RUN, folder: Optional[Path] = None) -> subprocess.Popen[str]:
        """A child process that `spawn` did not start."""
        argv = command("print('ready', flush=True); signal.pause()", run=run).argv
        child = subprocess.Popen(argv, cwd=folder or self.folder, stdout=subprocess.PIPE, encoding="utf-8")
        self._ours.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.stdout.close()
        return child

    def orphan(self, code: str) -> int:
        """The pid of a child whose supervisor was killed."""
        argv = [sys.executable, "-c", SUPERVISOR, str(self.folder), str(self.run_folder), *command(code).argv]
        supervisor = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        assert supervisor.stdin is not None
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        self._pids.append(pid)
        supervisor.kill()
        supervisor.wait()
        supervisor.stdin.close()
        supervisor.stdout.close()
        return pid

    def close(self) -> None:
        for child in self._ours:
            child.kill()
            child.wait()
        for pid in self._pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path / "cam1")
    yield stage
    stage.close()


@pytest.fixture
def short_insistence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_INSIST", 0.1)


# ---- starting and listening


def test_a_recorder_runs_in_the_cameras_folder(stage: Stage) -> None:
    child = stage.spawn("say(os.getcwd())")
    assert Path(stage.output.line()).resolve() == stage.folder.resolve()
    assert child.wait(HANG)
    assert child.exit_code() == 0
    assert not child.alive()


def test_a_running_recorder_is_alive_and_has_no_exit_code(stage: Stage) -> None:
    child = stage.spawn("say('ready'); sys.stdin.read(); import threading; threading.Event().wait()")
    stage.output.line()
    assert child.alive()
    assert child.exit_code() is None
    assert not child.wait(0.01)
    child.kill()
    assert child.wait(HANG)
    assert child.exit_code() not in (None, 0)


def test_the_end_of_a_recorder_is_reported(stage: Stage) -> None:
    stage.spawn("say('one'); say('two'); os._exit(3)").wait(HANG)
    assert stage.output.rest() == ["one", "two"]


def test_a_recorder_gets_the_password_only_on_standard_input(stage: Stage) -> None:
    child = stage.spawn("say(sys.stdin.read()); say(repr(sys.argv) + repr(dict(os.environ)))", stdin=Secret("s3cr:t ö"))
    assert stage.output.line() == "s3cr:t ö"
    assert "s3cr:t" not in stage.output.line()
    child.wait(HANG)


def test_a_recorder_without_input_reads_nothing(stage: Stage) -> None:
    stage.spawn("say('end' + sys.stdin.read())").wait(HANG)
    assert stage.output.rest() == ["end"]


def test_a_recorder_that_exits_before_it_reads_is_no_error(stage: Stage) -> None:
    child = stage.spawn("os._exit(4)", stdin=Secret("x" * 60_000))
    assert child.wait(HANG)
    assert child.exit_code() == 4


def test_a_recorder_does_not_get_our_environment(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CAMERA_1_RTSP_URL", "CAMERA_1_PASSWORD", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH", "LANGUAGE"):
        monkeypatch.setenv(name, "foreign")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    monkeypatch.setenv("LD_LIBRARY_PATH", os.environ.get("LD_LIBRARY_PATH", "/usr/local/lib"))
    stage.spawn("say('\\n'.join(f'{k}={v}' for k, v in os.environ.items()))").wait(HANG)
    seen: Dict[str, str] = dict(line.split("=", 1) for line in stage.output.rest())  # type: ignore[misc]
    seen.pop("LC_CTYPE", None)  # Python's own
    seen.pop("__CF_USER_TEXT_ENCODING", None)  # macOS's own
    assert {"PATH", "TZ", "LD_LIBRARY_PATH"} <= set(seen)
    assert {name: value for name, value in seen.items() if os.environ.get(name) != value} == {}
    assert "foreign" not in seen.values()


@posix
def test_a_recorder_has_a_session_of_its_own(stage: Stage) -> None:
    child = stage.spawn("say(str(os.getsid(0)))")
    assert int(stage.output.line()) == child.pid != os.getsid(0)


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("os.write(2, b'one\\rtwo\\r\\nthree\\n')", ["one", "two", "three"]),
        ("os.write(2, b'\\n\\n  \\none\\n')", ["one"]),
        ("os.write(2, b'\\xff\\xfeone\\n')", ["\ufffd\ufffdone"]),
        ("os.write(2, 'Süd'.encode()[:2]); os.write(2, 'Süd'.encode()[2:] + b'\\n')", ["Süd"]),
        ("os.write(2, b'x' * 10_000 + b'\\nnext\\n')", ["x" * 4000, "next"]),
    ],
    ids=["carriage returns", "empty lines", "no text", "a character in two writes", "endless line"],
)
def test_standard_error_is_read_line_by_line(stage: Stage, code: str, lines: List[str]) -> None:
    stage.spawn(code).wait(HANG)
    assert stage.output.rest() == lines


def test_an_endless_line_is_cut(stage: Stage) -> None:
    code = "for _ in range(200): os.write(2, b'x' * 1000)\nos.write(2, b'\\nnext\\n')"
    stage.spawn(f"os.set_blocking(2, True)\n{code}").wait(HANG)
    endless, after = stage.output.rest()
    assert len(endless) <= 4000
    assert after == "next"


@linux
def test_a_failed_start_leaves_nothing_open(stage: Stage) -> None:
    before = set(os.listdir("/proc/self/fd"))
    for attempt in range(3):
        run_folder = stage.folder / ".incoming" / str(attempt)
        run_folder.mkdir()
        with pytest.raises(FileNotFoundError):
            spawn(Command(("/none/ffmpeg",)), stage.folder, run_folder, stage.output, stage.output.ended.set)
    assert set(os.listdir("/proc/self/fd")) == before


@linux
def test_a_recorder_that_ended_leaves_nothing_open(stage: Stage) -> None:
    before = len(os.listdir("/proc/self/fd"))
    stage.spawn("say('one')", stdin=Secret("x")).wait(HANG)
    stage.output.rest()
    assert len(os.listdir("/proc/self/fd")) == before


@posix
def test_without_fifos_a_pipe_is_used(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_fifo(path: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "mkfifo", no_fifo)
    stage.spawn("say('one')").wait(HANG)
    assert stage.output.rest() == ["one"]
    assert list(stage.run_folder.iterdir()) == []


# ---- outliving the supervisor


@posix
def test_a_recorder_outlives_its_reader_and_the_next_supervisor_reads_it(stage: Stage) -> None:
    # it writes more than a pipe holds while nobody reads
    code = """
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
say('ready')
signal.sigwait([signal.SIGUSR1])
for _ in range(300):
    try:
        os.write(2, b'x' * 999 + b'\\n')
    except BlockingIOError:
        pass
open('survived', 'w').close()
signal.sigwait([signal.SIGUSR1])
say('still here')
"""
    pid = stage.orphan(code)
    os.kill(pid, signal.SIGUSR1)
    wait_for((stage.folder / "survived").exists, "the recorder continues without a reader")
    listen_again(stage.run_folder, stage.output, stage.output.ended.set)
    assert stage.output.line() == "x" * 999
    os.kill(pid, signal.SIGUSR1)
    assert stage.output.rest()[-1] == "still here"


@posix
def test_without_a_fifo_nothing_is_read(stage: Stage) -> None:
    listen_again(stage.run_folder, stage.output, stage.output.ended.set)
    (stage.run_folder / "stderr").write_text("no FIFO")
    listen_again(stage.run_folder, stage.output, stage.output.ended.set)
    assert not stage.output.ended.is_set()


# ---- finding it again


@posix
def test_a_process_is_found_by_its_run_and_folder(stage: Stage) -> None:
    child = stage.foreign()
    for pid in (child.pid, None, os.getpid()):
        found = find(RUN, stage.folder, pid)
        assert found is not None
        assert found.pid == child.pid
        assert found.alive()


@posix
def test_a_pid_alone_is_not_enough(stage: Stage) -> None:
    child = stage.foreign(run=OTHER_RUN)
    assert find(RUN, stage.folder, child.pid) is None
    assert find(RUN, stage.folder, os.getpid()) is None


@posix
def test_the_same_run_id_in_another_folder_is_not_ours(stage: Stage, tmp_path: Path) -> None:
    elsewhere = tmp_path / "cam2"
    elsewhere.mkdir()
    child = stage.foreign(folder=elsewhere)
    assert find(RUN, stage.folder, child.pid) is None
    assert find(RUN, elsewhere, child.pid) is not None


@posix
def test_a_folder_behind_a_link_is_the_same_folder(stage: Stage, tmp_path: Path) -> None:
    child = stage.foreign()
    link = tmp_path / "link"
    link.symlink_to(stage.folder)
    found = find(RUN, link, child.pid)
    assert found is not None
    assert found.pid == child.pid


@posix
def test_a_zombie_is_not_found(stage: Stage) -> None:
    child = stage.foreign()
    adopted = AdoptedProcess(psutil.Process(child.pid))
    child.kill()
    wait_for(lambda: not adopted.alive(), "a killed process is not alive, though nobody has reaped it")
    assert psutil.pid_exists(child.pid)
    assert find(RUN, stage.folder, child.pid) is None


def test_a_process_that_is_gone_is_not_found(stage: Stage) -> None:
    child = stage.spawn("pass")
    child.wait(HANG)
    assert find(RUN, stage.folder, child.pid) is None


@posix
def test_a_program_that_reads_a_runs_file_is_not_adopted(stage: Stage) -> None:
    # `tail -f .incoming/<run>/000001.ts` in the camera's folder
    file = stage.run_folder / "000001.ts"
    file.touch()
    tail = subprocess.Popen(["tail", "-f", f".incoming/{RUN}/000001.ts"], cwd=stage.folder, stdout=subprocess.DEVNULL)
    try:
        assert find(RUN, stage.folder, None) is None
    finally:
        tail.kill()
        tail.wait()


# ---- stopping


class Scripted:
    """A process that ends after `asks` requests or when killed, and records the calls."""

    pid = 4711

    def __init__(self, asks: int) -> None:
        self._asks = asks
        self.done: List[str] = []

    def alive(self) -> bool:
        return self.done.count("ask") < self._asks and "kill" not in self.done

    def exit_code(self) -> Optional[int]:
        return None

    def ask_to_end(self) -> None:
        self.done.append("ask")

    def kill(self) -> None:
        self.done.append("kill")

    def wait(self, timeout: float) -> bool:
        self.done.append(f"wait {timeout:g}")
        return not self.alive()


@pytest.mark.parametrize(
    ("asks", "done"),
    [
        (1, ["ask", "wait 5"]),
        (2, ["ask", "wait 5", "ask", "wait 2"]),
        (3, ["ask", "wait 5", "ask", "wait 2", "kill", "wait 2"]),
    ],
    ids=["ends when asked", "ends when asked twice", "never ends by itself"],
)
def test_a_recorder_is_asked_twice_and_then_killed(asks: int, done: List[str]) -> None:
    # the second SIGTERM ends an FFmpeg that waits for a silent camera
    process = Scripted(asks)
    stop(process, 5.0)
    assert process.done == done


@posix
@pytest.mark.parametrize(
    ("code", "ended_by"), [(WAIT, signal.SIGTERM), (STUBBORN, signal.SIGKILL)], ids=["willing", "stubborn"]
)
def test_our_own_recorder_is_stopped(stage: Stage, short_insistence: None, code: str, ended_by: int) -> None:
    child = stage.spawn(code)
    stage.output.line()
    stop(child, grace=0.1)
    assert child.wait(HANG)
    assert child.exit_code() == -ended_by


@posix
@pytest.mark.parametrize("code", [WAIT, STUBBORN], ids=["willing", "stubborn"])
def test_an_adopted_recorder_is_stopped(stage: Stage, short_insistence: None, code: str) -> None:
    found = find(RUN, stage.folder, stage.orphan(code))
    assert found is not None
    stop(found, grace=0.1)
    wait_for(lambda: not found.alive(), "the recorder ends")
    assert found.exit_code() is None


FINISHES = """
def finish(*_):
    open('finished', 'w').close()
    sys.exit(0)
signal.signal(signal.SIGTERM, finish)
say('ready')
signal.pause()
"""


@posix
def test_a_recorder_gets_time_to_finish_its_files(stage: Stage) -> None:
    child = stage.spawn(FINISHES)
    stage.output.line()
    begin = time.monotonic()
    stop(child, grace=HANG)
    assert time.monotonic() - begin < HANG  # not a second longer than it needs
    assert child.exit_code() == 0
    assert (stage.folder / "finished").exists()


@posix
@pytest.mark.parametrize("adopted", [False, True], ids=["our own", "adopted"])
def test_a_frozen_recorder_finishes_its_files_when_it_is_stopped(stage: Stage, adopted: bool) -> None:
    if adopted:
        found: Optional[processes.Process] = find(RUN, stage.folder, stage.orphan(FINISHES))
    else:
        found = stage.spawn(FINISHES)
        stage.output.line()
    assert found is not None
    pid = found.pid
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, "the recorder freezes")
    stop(found, grace=HANG)
    assert (stage.folder / "finished").exists()


@posix
@pytest.mark.parametrize(
    "act",
    [AdoptedProcess.ask_to_end, AdoptedProcess.kill, lambda process: stop(process, 0.1)],
    ids=["ask", "kill", "stop"],
)
def test_stopping_an_ended_process_is_no_error(
    stage: Stage, short_insistence: None, act: Callable[[AdoptedProcess], None]
) -> None:
    pid = stage.orphan(WAIT)
    found = find(RUN, stage.folder, pid)
    assert found is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not found.alive(), "a killed process is not alive")
    act(found)
    assert not found.alive()


@posix
def test_waiting_for_an_adopted_recorder_that_keeps_running(stage: Stage) -> None:
    found = find(RUN, stage.folder, stage.orphan(STUBBORN))
    assert found is not None
    assert not found.wait(0.05)
    assert found.alive()


@linux
def test_a_child_may_allocate_as_much_as_its_command_says(stage: Stage) -> None:
    child = stage.spawn("say('ready')\ntry:\n  bytes(600 << 20)\nexcept MemoryError:\n  say('refused')")
    assert [stage.output.line(), *stage.output.rest()] == ["ready", "refused"]
    assert child.wait(HANG)
