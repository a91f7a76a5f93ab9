"""Differences between Windows and POSIX systems: the only module that checks which system this is.

Every function works on both; where Windows has no equivalent, its docstring says so.
"""

from __future__ import annotations

import errno
import os
import platform
import re
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import zlib
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Callable, NamedTuple, Optional, Tuple

_BEGINS_WITHIN = 10.0  # seconds until a thread runs; one that did not begin has no memory
_THREAD = re.compile(r"([0-9a-f]{8})\.([0-9]{1,99})\.([0-9]{1,99})")  # see `this_thread`
_OWNER_ONLY, _OTHERS = 0o077, 0o007  # what a umask takes away
_OPEN_MAX = 10240  # open files that macOS grants a process, although it names no limit
_OCTAL = re.compile(r"\\([0-7]{3})")  # how Linux escapes blanks in mount points


class Fifo(NamedTuple):
    """A FIFO that is open at both ends, as two descriptors."""

    reader: int
    writer: int


class FileRights(NamedTuple):
    """What others may do with a file."""

    others_read: bool = False
    others_write: bool = False
    is_foreign_to_root: bool = False  # this process runs as root, and the owner is another user


NOT_A_FOLDER = "not a folder, or a symbolic link"

if sys.platform == "win32":
    import msvcrt

    END_SIGNALS: Tuple[int, ...] = (signal.SIGINT, signal.SIGBREAK)
    LEAVE_SIGNAL: Optional[int] = None  # none: a process that is left behind was killed
    RELOAD_SIGNAL: Optional[int] = None
    RESUME_SIGNAL: Optional[int] = None  # none: a process that is stopped can be ended all the same

    CREATION_FLAGS = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    NEW_SESSION = False
    _LINGER = "HH"  # struct linger

    # No flag refuses a link, so the callers check for links before they open a file.
    FILE_FLAGS = os.O_BINARY | os.O_NOINHERIT

    def open_folder(path: Path, parent: Optional[int] = None, *, follow: bool = False) -> Optional[int]:
        """Check that the path is a folder and, without `follow`, no link or junction. Raises OSError.

        Returns None, because Windows cannot hold a folder open.
        """
        status = os.stat(path) if follow else os.lstat(path)
        if not stat.S_ISDIR(status.st_mode) or status.st_reparse_tag == stat.IO_REPARSE_TAG_MOUNT_POINT:
            raise NotADirectoryError(errno.ENOTDIR, NOT_A_FOLDER, str(path))
        return None

    def try_lock(handle: int, *, shared: bool = False) -> bool:
        """Lock an open file without waiting; False if another process or thread holds it. Raises OSError.

        Windows has no shared locks.
        """
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

    def unlock(handle: int) -> None:
        """Undo `try_lock`. Raises OSError."""
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

    def make_fifo(path: Path) -> Optional[Fifo]:
        """None: Windows has no FIFOs, so a pipe is used."""
        return None

    def open_fifo(path: Path) -> Optional[int]:
        """None: Windows has no FIFOs."""
        return None

    def mount_points() -> Tuple[str, ...]:
        """Empty: Windows cannot list drives and mounted folders without accessing each, and one may hang."""
        return ()

    def load() -> Optional[Tuple[float, float, float]]:
        """None: Windows has no load average."""
        return None

    def open_files(pid: int) -> Optional[Tuple[int, Optional[int]]]:
        """None: Windows only counts handles of all kinds together."""
        return None

    def prepare_process() -> None:
        """Nothing: Windows writes no core files, gives new files the rights of their folder, and has no such limits."""

    def open_files_limit() -> Optional[int]:
        """None: Windows has no such limit."""
        return None

    def make_private(handle: int) -> None:
        """Nothing: Windows gives files the rights of their folder."""

    def give_to_owner(handle: int, of: Path) -> None:
        """Nothing: Windows gives files the rights of their folder."""

    def user_name() -> str:
        """The name of the user that this process belongs to."""
        return os.environ.get("USERNAME", "unknown")

    def file_rights(path: Path) -> Optional[FileRights]:
        """None: Windows keeps no such rights."""
        return None

    def limit_memory(pid: int, most: int) -> None:
        """Nothing: only Linux can limit a process that runs."""

else:
    import fcntl
    import pwd
    import resource

    END_SIGNALS = (signal.SIGINT, signal.SIGTERM)
    LEAVE_SIGNAL = signal.SIGUSR1
    RELOAD_SIGNAL = signal.SIGHUP
    RESUME_SIGNAL = signal.SIGCONT

    CREATION_FLAGS = 0
    NEW_SESSION = True
    _LINGER = "ii"  # struct linger

    # Follow no link, and do not wait for the other end of a FIFO.
    FILE_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

    def open_folder(path: Path, parent: Optional[int] = None, *, follow: bool = False) -> Optional[int]:
        """Open a folder, found by its name in the open folder `parent` if there is one. Raises OSError.

        Without `follow` a symbolic link is not a folder.
        """
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
        try:
            return os.open(path if parent is None else path.name, flags, dir_fd=parent)
        except OSError as error:
            if not follow and error.errno in (errno.ENOTDIR, errno.ELOOP):
                raise NotADirectoryError(errno.ENOTDIR, NOT_A_FOLDER, str(path)) from None
            raise type(error)(error.errno, error.strerror, str(path)) from None

    def try_lock(handle: int, *, shared: bool = False) -> bool:
        """Lock an open file without waiting; False if another process or thread holds it. Raises OSError.

        Several may hold a `shared` lock at the same time.
        """
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def unlock(handle: int) -> None:
        """Undo `try_lock`. Raises OSError."""
        fcntl.flock(handle, fcntl.LOCK_UN)

    def make_fifo(path: Path) -> Optional[Fifo]:
        """Make and open a FIFO; None on file systems without them (some network and USB disks). Raises OSError."""
        try:
            os.mkfifo(path, 0o600)
        except OSError:
            return None
        # for reading, too, and without blocking: the writer is its own reader and never waits for one
        writer = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        return Fifo(os.open(path, os.O_RDONLY), writer)

    def open_fifo(path: Path) -> Optional[int]:
        """Open a FIFO that has a writer, for reading; None if there is none. Raises OSError."""
        if not path.is_fifo():
            return None
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(reader, True)
        return reader

    def mount_points() -> Tuple[str, ...]:
        """Where disks are mounted, without accessing them; empty if the system has no such list (macOS)."""
        try:
            with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
                fields = [line.split(" ") for line in file]
        except OSError:
            return ()
        return tuple(_OCTAL.sub(lambda octal: chr(int(octal.group(1), 8)), field[1]) for field in fields)

    def load() -> Optional[Tuple[float, float, float]]:
        """The load average of 1, 5 and 15 minutes: how many processes wanted a core."""
        return os.getloadavg()

    def open_files(pid: int) -> Optional[Tuple[int, Optional[int]]]:
        """How many files a process has open, and its limit, if known; None if there is no such process."""
        import psutil  # here: `cctv --help` needs this module, but not psutil

        try:
            process = psutil.Process(pid)
            if sys.platform == "linux":
                return process.num_fds(), int(process.rlimit(psutil.RLIMIT_NOFILE)[0])
            return process.num_fds(), None
        except psutil.Error:
            return None

    def prepare_process() -> None:
        """Set what this process and those that it starts may do, before it starts any.

        No core files, which would hold passwords. New files and folders are for this user alone, or for a group too
        if the umask says so by keeping all others out. As many open files as the system allows.
        """
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        given = os.umask(_OWNER_ONLY)
        if given & _OTHERS == _OTHERS:
            os.umask(given)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        for most in (hard, max(soft, _OPEN_MAX)):
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
                break

    def open_files_limit() -> Optional[int]:
        """How many files this process may have open; None without a limit."""
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return None if limit == resource.RLIM_INFINITY else limit

    def make_private(handle: int) -> None:
        """Let only its owner open a file; nothing if the owner is somebody else. Raises OSError."""
        status = os.fstat(handle)
        if status.st_mode & _OWNER_ONLY and status.st_uid == os.geteuid():
            os.fchmod(handle, stat.S_IMODE(status.st_mode) & ~_OWNER_ONLY)

    def give_to_owner(handle: int, of: Path) -> None:
        """As root, let an open file or folder belong to the owner of a path, where the system can."""
        if os.geteuid() == 0:
            with suppress(OSError):  # in a container without this user, on file systems without owners, or over a quota
                status, owner = os.fstat(handle), os.stat(of)
                # the other name of a file with two may be anywhere
                if status.st_uid != owner.st_uid and (stat.S_ISDIR(status.st_mode) or status.st_nlink <= 1):
                    os.fchown(handle, owner.st_uid, owner.st_gid)

    def user_name() -> str:
        """The name of the user that this process belongs to, or its number if it has none."""
        try:
            return pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            return str(os.getuid())

    def file_rights(path: Path) -> Optional[FileRights]:
        """What others may do with a file; None if there is none, or it cannot be known."""
        try:
            status = os.stat(path)
        except OSError:
            return None
        foreign = os.geteuid() == 0 and status.st_uid != 0
        return FileRights(bool(status.st_mode & stat.S_IROTH), bool(status.st_mode & stat.S_IWOTH), foreign)

    def limit_memory(pid: int, most: int) -> None:
        """Let a child process allocate at most `most` bytes (RLIMIT_DATA). Raises OSError. Only Linux can do this."""
        if sys.platform == "linux":
            resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))


@lru_cache(maxsize=1)
def boot() -> str:
    """Identifies the time since this machine started. Where only that instant is known, a set clock changes it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        import psutil  # here: `cctv --help` needs this module, but not psutil

        return str(round(psutil.boot_time()))


def reset_at_close(connection: socket.socket) -> None:
    """Let a connection end with a reset when it is closed: what was not sent yet is dropped."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0))


def memory(root: Path = Path("/")) -> int:
    """The bytes of memory that this process may use: those of the machine, or of its container or service if fewer.

    `root` is the place of /proc and /sys. Only Linux has limits of containers and services.
    """
    import psutil  # here: `cctv --help` needs this module, but not psutil

    groups = root / "sys/fs/cgroup"
    files = [groups / "memory.max", groups / "memory/memory.limit_in_bytes"]  # of a container: version 2, or 1
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            path = line.split(":", 2)[-1].lstrip("/")  # of a service
            files += [groups / path / "memory.max", groups / "memory" / path / "memory.limit_in_bytes"]
    limits = [int(psutil.virtual_memory().total)]
    for file in files:
        with suppress(OSError, ValueError):  # there is no such file, or it says "max"
            limits.append(int(file.read_text(encoding="ascii")))
    return min(limits)


@lru_cache(maxsize=None)
def process_ids() -> str:
    """Identifies where an id of a process means the same process as here: on this machine and in this container."""
    namespace = 0
    with suppress(OSError):  # only Linux has them
        namespace = os.stat("/proc/self/ns/pid").st_ino
    return f"{zlib.crc32(f'{platform.node()} {namespace}'.encode()):08x}"


def this_thread() -> str:
    """Names this thread among those of all processes, here and elsewhere."""
    return f"{process_ids()}.{os.getpid()}.{threading.get_ident()}"


def has_ended(thread: str) -> Optional[bool]:
    """Whether a thread that `this_thread` named has ended; None if it is, or was, where this process cannot see it."""
    named = _THREAD.fullmatch(thread)
    if named is None or named[1] != process_ids():
        return None
    process, number = int(named[2]), int(named[3])
    if process == os.getpid():
        return all(each.ident != number for each in threading.enumerate())
    import psutil  # here: `cctv --help` needs this module, but not psutil

    try:
        return not psutil.pid_exists(process)
    except OverflowError:  # no system has such a number
        return True


class _Begun(threading.Event):
    def wait(self, timeout: Optional[float] = None) -> bool:
        return super().wait(_BEGINS_WITHIN if timeout is None else timeout)


class DaemonThread(threading.Thread):
    """A daemon thread whose `start` raises RuntimeError if the thread does not begin, as it cannot without memory.

    That of `threading.Thread` would then wait for ever: CPython does not report that a thread failed to begin.
    One that begins only after that does no work: its caller may have started another.
    """

    def __init__(self, work: Callable[[], object], name: str) -> None:
        super().__init__(target=work, name=name, daemon=True)
        self._started = _Begun()
        self._decided = threading.Lock()  # held for good by the first: the thread that works, or `start` that gives up

    def start(self) -> None:
        super().start()
        if not self._started.is_set() and self._decided.acquire(blocking=False):
            raise RuntimeError("can't start new thread")

    def run(self) -> None:
        if self._decided.acquire(blocking=False):
            super().run()


def make_private_folder(path: Path, of: Path) -> None:
    """Make a folder, and those above it, for nobody but the owner of `of`, if there is none. Raises OSError."""
    if path.is_dir():
        return
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = open_folder(path)
    if handle is not None:
        try:
            give_to_owner(handle, of)
        finally:
            os.close(handle)
