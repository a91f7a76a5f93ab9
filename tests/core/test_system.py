from __future__ import annotations

import ast
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Iterator, List, Tuple

import pytest

import cctv_cli
from cctv_cli.core import system
from cctv_cli.core.system import END_SIGNALS, LEAVE_SIGNAL, RELOAD_SIGNAL, boot, make_fifo, open_fifo
from tests.support.waiting import HANG

posix = pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX systems")

PACKAGE = Path(cctv_cli.__file__).parent
# Windows has none of these, and mypy does not report them as it does others.
FLAGS_OF_POSIX = {"O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC"}


def names_of_one_system() -> Iterator[Tuple[str, str]]:
    """Where the package checks which system this is, or uses a flag that only POSIX systems have."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                name = f"{node.value.id}.{node.attr}"
                if name in ("sys.platform", "os.name", "platform.system") or node.attr in FLAGS_OF_POSIX:
                    yield path.relative_to(PACKAGE).as_posix(), name


def test_only_one_module_checks_which_system_this_is() -> None:
    found = list(names_of_one_system())
    assert {module for module, _ in found} == {"core/system.py"}
    assert ("core/system.py", "os.O_NONBLOCK") in found


@posix
def test_signals_end_leave_and_reload() -> None:
    assert END_SIGNALS == (signal.SIGINT, signal.SIGTERM)
    assert (LEAVE_SIGNAL, RELOAD_SIGNAL) == (signal.SIGUSR1, signal.SIGHUP)


def prepared(code: str) -> str:
    """What a new Python prints that has prepared itself, and then runs `code`."""
    whole = f"import os, resource; from cctv_cli.core.system import prepare_process; prepare_process(); {code}"
    return subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=True).stdout.strip()


@posix
def test_neither_a_command_nor_its_children_write_core_files() -> None:
    limit = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {limit!r}])"
    assert prepared(code) == "(0, 0)"


@posix
@pytest.mark.parametrize(
    ("given", "kept"), [(0o000, 0o077), (0o022, 0o077), (0o077, 0o077), (0o027, 0o027), (0o007, 0o007), (0o177, 0o177)]
)
def test_others_cannot_read_what_a_command_creates(given: int, kept: int) -> None:
    before = os.umask(given)
    try:
        assert prepared("print(os.umask(0))") == str(kept)
    finally:
        os.umask(before)


@posix
def test_a_command_may_open_as_many_files_as_the_system_allows() -> None:
    code = "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    soft, hard = prepared(code).split()
    assert soft == hard


@posix
def test_processes_agree_on_the_start_of_the_machine() -> None:
    command = [sys.executable, "-c", "from cctv_cli.core.system import boot; print(boot())"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == boot() != ""


def test_a_fifo_outlives_its_reader(tmp_path: Path) -> None:
    fifo = make_fifo(tmp_path / "fifo")
    assert fifo is not None
    assert stat.S_IMODE((tmp_path / "fifo").stat().st_mode) == 0o600
    os.write(fifo.writer, b"one")
    assert os.read(fifo.reader, 3) == b"one"
    os.close(fifo.reader)
    os.write(fifo.writer, b"two")  # no SIGPIPE: the writer is its own reader
    reader = open_fifo(tmp_path / "fifo")
    assert reader is not None
    assert os.get_blocking(reader)
    assert os.read(reader, 3) == b"two"
    os.close(fifo.writer)
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_without_a_fifo_none_is_returned(tmp_path: Path) -> None:
    assert make_fifo(tmp_path / "no folder" / "fifo") is None
    assert open_fifo(tmp_path / "fifo") is None
    (tmp_path / "fifo").write_bytes(b"a file")
    assert open_fifo(tmp_path / "fifo") is None


def test_a_thread_that_does_not_begin_is_an_error_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without memory: CPython prints that the thread failed, and reports nothing."""
    monkeypatch.setattr(system, "_BEGINS_WITHIN", 0.05)
    monkeypatch.setattr(system.DaemonThread, "_bootstrap", lambda _: None)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        system.DaemonThread(lambda: None, "never begins").start()


def test_a_thread_that_begins_after_its_start_failed_does_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    worked: List[str] = []
    memory = threading.Event()
    real = threading.Thread._bootstrap  # type: ignore[attr-defined]

    def late(thread: threading.Thread) -> None:
        memory.wait(HANG)
        real(thread)

    monkeypatch.setattr(system, "_BEGINS_WITHIN", 0.05)
    monkeypatch.setattr(system.DaemonThread, "_bootstrap", late)
    thread = system.DaemonThread(lambda: worked.append("late"), "begins late")
    with pytest.raises(RuntimeError, match="can't start new thread"):
        thread.start()
    memory.set()
    thread._started.wait(HANG)
    thread.join(HANG)
    assert not thread.is_alive()
    assert worked == []


@pytest.mark.parametrize("rest", ["", ".", ".1", ".x.y", ".1.2.3", f".{'9' * 5000}.1", ".1.-1"])
def test_whether_a_thread_has_ended_is_unknown_if_nothing_is_named_so(rest: str) -> None:
    assert system.has_ended(system.process_ids() + rest) is None
    assert system.has_ended(rest) is None


def test_this_thread_has_not_ended() -> None:
    assert system.has_ended(system.this_thread()) is False


@pytest.mark.parametrize(
    ("group", "file"),
    [
        ("0::/", "memory.max"),  # a container, with version 2 and 1
        ("4:memory:/docker/5d", "memory/memory.limit_in_bytes"),
        ("0::/system.slice/cctv.service", "system.slice/cctv.service/memory.max"),  # a service
        ("7:cpu:/\n4:memory:/system.slice/cctv.service", "memory/system.slice/cctv.service/memory.limit_in_bytes"),
    ],
)
def test_memory_is_that_of_the_container_or_service(tmp_path: Path, group: str, file: str) -> None:
    whole = system.memory(tmp_path)
    limit = tmp_path / "sys/fs/cgroup" / file
    limit.parent.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(f"{group}\n")
    limit.write_text("104857600\n")
    assert system.memory(tmp_path) == 100 << 20 < whole
    limit.write_text("max\n")
    assert system.memory(tmp_path) == whole
