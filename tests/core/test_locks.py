"""Locks between processes, also on file systems that grant none."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Iterator, Optional

import pytest

from cctv_cli.core import locks
from cctv_cli.core.locks import LockHeld, LocksRefused
from tests.support.waiting import wait_for

HOLDER = (
    "import sys, pathlib; from cctv_cli.core import locks; lock = locks.take(pathlib.Path(sys.argv[1])); "
    "print('held', flush=True); sys.stdin.readline(); lock.release(); print('free', flush=True); sys.stdin.readline()"
)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen]:  # type: ignore[type-arg]
    """Another process, which holds the lock `x`, releases it at the first line and ends at the second."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "x")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def proceed(process: subprocess.Popen) -> None:  # type: ignore[type-arg]
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.flush()


def test_one_process_holds_it_at_a_time(tmp_path: Path, other: subprocess.Popen) -> None:  # type: ignore[type-arg]
    assert locks.is_held(tmp_path / "x")
    with pytest.raises(LockHeld):
        locks.take(tmp_path / "x")
    proceed(other)
    locks.take(tmp_path / "x", patience=60.0).release()
    assert not locks.is_held(tmp_path / "x")


def test_it_ends_with_its_process(tmp_path: Path, other: subprocess.Popen) -> None:  # type: ignore[type-arg]
    other.kill()
    wait_for(lambda: not locks.is_held(tmp_path / "x"), "the end of the lock")


def test_threads_exclude_each_other_and_a_child_does_not_keep_it(tmp_path: Path) -> None:
    found = []
    with locks.holding(tmp_path / "x"):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
        thread = threading.Thread(target=lambda: found.append(locks.is_held(tmp_path / "x")))
        thread.start()
        thread.join()
    assert found == [True] and not locks.is_held(tmp_path / "x")
    child.communicate(b"\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows gives files the rights of their folder")
@pytest.mark.parametrize("before", [None, 0o644, 0o666, 0o640])
def test_others_cannot_hold_it(tmp_path: Path, before: Optional[int]) -> None:
    if before is not None:
        (tmp_path / "x").touch()
        (tmp_path / "x").chmod(before)
    locks.take(tmp_path / "x").release()
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o600


def test_it_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        locks.take(tmp_path / "missing" / "x")
    assert not (tmp_path / "missing").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")
@pytest.mark.parametrize(
    ("code", "cure"),
    [
        (errno.ENOLCK, "mount it as NFS version 4, or with the option nolock"),
        (errno.ENOSYS, "use another file system, or mount options that enable locks"),
        (errno.EOPNOTSUPP, "use another file system, or mount options that enable locks"),
        (errno.EINVAL, "use another file system, or mount options that enable locks"),
    ],
)
def test_a_disk_without_locks_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, cure: str
) -> None:
    def refuse(handle: int, how: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(LocksRefused) as refused:
        locks.take(tmp_path / "x")
    assert cure in refused.value.strerror and refused.value.filename == str(tmp_path / "x")
    with pytest.raises(LocksRefused):
        locks.is_held(tmp_path / "x")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")
def test_other_errors_of_the_disk_stay_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(handle: int, how: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("fcntl.flock", fail)
    with pytest.raises(OSError, match="Input/output error") as failed:
        locks.take(tmp_path / "x")
    assert not isinstance(failed.value, LocksRefused) and failed.value.filename == str(tmp_path / "x")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root writes for others")
def test_root_gives_a_lock_that_it_makes_to_the_owner_of_the_folder_and_no_file_that_was_there(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1235)
    (tmp_path / "there").touch()
    for name in ("new", "there"):
        locks.take(tmp_path / name).release()
    assert [(tmp_path / name).stat().st_uid for name in ("new", "there")] == [1234, 0]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root writes for others")
def test_a_lock_needs_no_right_to_give_files_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int, user: int, group: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))  # as in a container that does not have this user

    os.chown(tmp_path, 1234, 1235)
    monkeypatch.setattr(os, "fchown", refuse)
    locks.take(tmp_path / "new").release()
    assert (tmp_path / "new").stat().st_uid == 0
