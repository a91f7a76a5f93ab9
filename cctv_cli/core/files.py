"""Files on disk: opening only regular files, replacing whole files, moves that never overwrite, hashes.

Everything here raises OSError. Files of the storage are read with `open_to_read`, or with a function that uses it.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import stat
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, ContextManager, Dict, Iterator, List, Optional, Set, Tuple

from cctv_cli.core import drafts, records
from cctv_cli.core.system import FILE_FLAGS, give_to_owner, open_folder

log = logging.getLogger("cctv.storage")

_CHUNK = 1 << 18
_LARGEST_JSON = 8 << 20  # bytes; alerts and refused logins of hundreds of cameras take less than one
# what fsync fails with where the file system does not support it; ENOTSUP differs from EOPNOTSUPP on macOS
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})
_without_sync: Set[Tuple[int, str]] = set()  # disks (st_dev) and kinds of which the log has said so


class NotRegularFile(OSError):
    """A symbolic link, folder, FIFO, socket or device is in the place of a file."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EINVAL, "not a regular file", str(path))


class Folder:
    """A folder in which files are opened and removed by name. Methods raise OSError.

    One that is opened by `at` or `folder` stays the same folder, even if another is put in its place, on systems
    that can hold a folder open (see `system.open_folder`).
    """

    def __init__(self, path: Path, handle: Optional[int] = None) -> None:
        self.path = path
        self._handle = handle

    @classmethod
    def at(cls, path: Path) -> Folder:
        """Open a folder, or the one that a symbolic link leads to."""
        return cls(path, open_folder(path, follow=True))

    def folder(self, name: str) -> Folder:
        """Open a subfolder; a symbolic link is refused."""
        return Folder(self.path / name, open_folder(self.path / name, self._handle))

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._handle is not None:
            os.close(self._handle)

    def names(self) -> List[str]:
        """The names of its entries."""
        return os.listdir(self.path if self._handle is None else self._handle)

    def open(self, name: str, flags: int) -> int:
        """Open a regular file with the `flags` of os.open; anything else, including a symbolic link, is refused.

        Raises NotRegularFile.
        """
        with self._naming(name):
            try:
                self.status(name)  # first, because opening a device may have an effect
            except FileNotFoundError:
                if not flags & os.O_CREAT:
                    raise
            handle = os.open(self._target(name), flags | FILE_FLAGS, 0o666, dir_fd=self._handle)
            try:
                _require_regular(os.fstat(handle), self.path, name)
            except BaseException:
                os.close(handle)
                raise
            return handle

    def replace(self, draft: str, name: str) -> None:
        """Rename a file; an existing file of that name is replaced."""
        with self._naming(name):
            os.replace(self._target(draft), self._target(name), src_dir_fd=self._handle, dst_dir_fd=self._handle)

    def remove(self, name: str) -> None:
        """Delete a file. A symbolic link is deleted, not its target."""
        with self._naming(name):
            os.unlink(self._target(name), dir_fd=self._handle)

    def sync(self) -> None:
        """Make renames in it survive a power failure."""
        if self._handle is None:
            sync_folder(self.path)
        else:
            sync(self._handle, self.path)

    def remove_folder(self, name: str) -> None:
        """Delete an empty folder."""
        with self._naming(name):
            os.rmdir(self._target(name), dir_fd=self._handle)

    def status(self, name: str) -> os.stat_result:
        """The status of a regular file. Raises NotRegularFile."""
        with self._naming(name):
            status = os.lstat(self._target(name), dir_fd=self._handle)
            _require_regular(status, self.path, name)
            return status

    def _target(self, name: str) -> str:
        return os.path.join(self.path, name) if self._handle is None else name

    def _naming(self, name: str) -> _Naming:
        return _Naming(self.path, name)


class _Naming:
    """Adds the whole path to errors. A class, because a generator would slow down every access to a file."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: Optional[BaseException], trace: object) -> None:
        if isinstance(error, OSError):
            error.filename = str(self._folder / self._name)


def _require_regular(status: os.stat_result, folder: Path, name: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotRegularFile(folder / name)


def sync(handle: int, path: Path) -> None:
    """Wait until the open file or folder at `path` is on the disk.

    Some network file systems do not support that for folders, and a few not for files: this is logged once for each
    disk. Raises other OSErrors.
    """
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
        _log_once_without_sync(os.fstat(handle), path, error)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power failure; Windows cannot, and NTFS journals renames. Raises OSError."""
    handle = open_folder(folder, follow=True)
    if handle is not None:
        try:
            sync(handle, folder)
        finally:
            os.close(handle)


def sync_file(path: Path) -> None:
    """Wait until a file's bytes and its name are on the disk, also while another process writes to it."""
    with open_to_change(path) as file:  # Windows lets only writers sync
        sync(file.fileno(), path)
    sync_folder(path.parent)


def _log_once_without_sync(status: os.stat_result, path: Path, error: OSError) -> None:
    kind = "folders" if stat.S_ISDIR(status.st_mode) else "files"
    if (status.st_dev, kind) not in _without_sync:
        _without_sync.add((status.st_dev, kind))
        log.warning(
            "the disk of %s cannot sync %s (%s): recording works, but a power failure may lose the latest minutes",
            path,
            kind,
            error.strerror,
        )


@contextmanager
def open_folder_in(path: Path, *, inside: Path) -> Iterator[Folder]:
    """Open a folder below the folder `inside`, without following a symbolic link on the way."""
    with ExitStack() as opened:
        folder = opened.enter_context(Folder.at(inside))
        for name in path.relative_to(inside).parts:
            folder = opened.enter_context(folder.folder(name))
        yield folder


def _folder_of(path: Path, inside: Optional[Path]) -> ContextManager[Folder]:
    """The parent folder of a file."""
    return Folder(path.parent) if inside is None else open_folder_in(path.parent, inside=inside)


def open_to_read(path: Path, *, inside: Optional[Path] = None) -> BinaryIO:
    """Open a regular file of the storage; anything else is refused at once.

    Neither the file nor any folder between it and the folder `inside` may be a symbolic link. Raises NotRegularFile.
    """
    with _folder_of(path, inside) as folder:
        return os.fdopen(folder.open(path.name, os.O_RDONLY), "rb")


def open_to_change(path: Path) -> BinaryIO:
    """Open a file for reading and writing in place; see `open_to_read`."""
    with _folder_of(path, None) as folder:
        return os.fdopen(folder.open(path.name, os.O_RDWR), "rb+")


def open_to_append(path: Path, *, inside: Optional[Path] = None) -> BinaryIO:
    """Open or create a file for reading and appending; see `open_to_read`."""
    with _folder_of(path, inside) as folder:
        return os.fdopen(folder.open(path.name, os.O_RDWR | os.O_APPEND | os.O_CREAT), "ab+")


def status(path: Path, *, inside: Optional[Path] = None) -> os.stat_result:
    """The status of a file that `open_to_read` would open."""
    with _folder_of(path, inside) as folder:
        return folder.status(path.name)


def replace_text(path: Path, text: str, *, durable: bool = True, inside: Optional[Path] = None) -> None:
    """Give `path` new content in one step, in UTF-8; see `replace_bytes`."""
    replace_bytes(path, text.encode(), durable=durable, inside=inside)


def replace_bytes(path: Path, data: bytes, *, durable: bool = True, inside: Optional[Path] = None) -> None:
    """Give `path` new content in one step: a reader sees the old bytes or the new ones.

    With `durable` that also holds after a power cut, but waiting for a busy disk can take long. No symbolic link
    is followed below `inside`.
    """
    with _folder_of(path, inside) as folder:
        replace_in(folder, path.name, data, durable=durable)


def replace_in(folder: Folder, name: str, data: bytes, *, durable: bool = True) -> None:
    """Give a file in an open folder new content; see `replace_bytes`."""
    draft = drafts.draft_of(name)
    try:
        with os.fdopen(new_file(folder, draft), "wb") as file:
            give_to_owner(file.fileno(), folder.path)  # the server of another user must be able to read what root wrote
            file.write(data)
            if durable:
                file.flush()
                sync(file.fileno(), folder.path / draft)
        folder.replace(draft, name)
    except OSError:
        with suppress(FileNotFoundError):
            folder.remove(draft)
        raise
    if durable:
        folder.sync()


def holds(folder: Folder, name: str, data: bytes) -> bool:
    """Whether a file in an open folder can be read and has exactly this content."""
    try:
        with os.fdopen(folder.open(name, os.O_RDONLY), "rb") as file:
            return file.read(len(data) + 1) == data
    except OSError:
        return False


def new_file(folder: Folder, name: str) -> int:
    """Create a file; one left by an earlier process with the same id is replaced."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        return folder.open(name, flags)
    except (FileExistsError, NotRegularFile):
        folder.remove(name)
        return folder.open(name, flags)


@contextmanager
def scratch(folder: Folder, name: str) -> Iterator[int]:
    """An open file that exists only for this thread and for now; `name` tells people what it is for."""
    draft = drafts.draft_of(name)
    handle = new_file(folder, draft)
    try:
        yield handle
    finally:
        os.close(handle)
        folder.remove(draft)


def remove_drafts(folder: Folder) -> None:
    """Remove the drafts in an open folder whose writers have ended, as a killed process leaves them.

    One that cannot be removed stays: nobody reads it. Raises OSError if the folder cannot be listed.
    """
    for name in folder.names():
        with suppress(OSError):
            if drafts.is_left(name, partial(_age, folder, name)):
                folder.remove(name)


def _age(folder: Folder, name: str) -> float:
    """Seconds since a file was written, by the clock of its disk."""
    with scratch(folder, "now") as handle:
        return os.fstat(handle).st_mtime - folder.status(name).st_mtime


def overwrite_text(path: Path, text: str) -> None:
    """Overwrite an existing file in place: not safe against a power failure, but it needs no free space."""
    with open_to_change(path) as file:
        file.write(text.encode())
        file.truncate()


def read_bytes(path: Path, *, inside: Optional[Path] = None, most: int = -1) -> bytes:
    """The content of a file, or its first `most` bytes; see `open_to_read`."""
    with open_to_read(path, inside=inside) as file, naming(path):
        return file.read(most)


def read_text(path: Path, *, inside: Optional[Path] = None, most: int = -1) -> Optional[str]:
    """The text of a file, or of its first `most` bytes; None if there is no such file."""
    try:
        return read_bytes(path, inside=inside, most=most).decode("utf-8", errors="replace")
    except FileNotFoundError:
        return None


def read_json(path: Path, known: int = 1) -> Dict[str, Any]:
    """The JSON object in a file; an empty one if it is missing, damaged, or larger than any that cctv writes.

    Raises NewerFormat if its format is newer than the `known` version.
    """
    try:
        with open_to_read(path) as file, naming(path):
            size = os.fstat(file.fileno()).st_size
            data = file.read(size) if size <= _LARGEST_JSON else b""  # read() sets aside as much as it is asked for
    except FileNotFoundError:
        return {}
    values = records.parse(data)
    records.refuse_newer(path, values, known)
    return values


def move(source: Path, target: Path) -> None:
    """Rename a finished file to a name that must be free, durably. Raises FileExistsError.

    The caller holds the camera's lock, so that nobody takes the name between the check and the rename, which
    would overwrite.
    """
    if os.path.lexists(target):
        raise FileExistsError(f"{target} exists")
    os.rename(source, target)
    sync_folder(target.parent)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Make read errors name the file, as open errors do."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def sha256_synced(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal, computed after its bytes are on disk."""
    digest = hashlib.sha256()
    with open_to_change(path) as file:  # Windows lets only writers sync
        sync(file.fileno(), path)
        with naming(path):
            for chunk in iter(lambda: file.read(_CHUNK), b""):
                digest.update(chunk)
    return digest.hexdigest()


def remove(path: Path, *, inside: Optional[Path] = None) -> None:
    """Delete a file if it exists; no symbolic link is followed below `inside`."""
    try:
        with _folder_of(path, inside) as folder:
            folder.remove(path.name)
    except FileNotFoundError:
        pass


def set_aside(path: Path) -> Path:
    """Rename what is at `path` to a free name next to it, for inspection; returns that name."""
    tails = ("", *(f"-{number}" for number in range(1, 1000)))
    names = (path.with_name(f"{path.name}.unreadable{tail}") for tail in tails)
    free = next(name for name in names if not os.path.lexists(name))
    os.rename(path, free)
    return free
