"""Files of the storage in bounded memory, each read once however many viewers ask.

Disks are touched in the cache's own few threads, never on the event loop, so that a hanging disk stalls
neither the loop nor the threads of others.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Callable, Dict, NamedTuple, Optional, Protocol, TypeVar

from cctv_cli.core import files

_T = TypeVar("_T")
_THREADS = 8
_ENTRY_OVERHEAD = 1024  # bytes: names and bookkeeping of one entry, so that empty files count too


class FileVersion(NamedTuple):
    """What tells two states of a file apart. Changes with every write and every replacement."""

    mtime_ns: int
    size: int
    inode: int

    @property
    def etag(self) -> str:
        """The strong entity tag of these bytes, quotes included (RFC 9110 § 8.8.3)."""
        return f'"{self.mtime_ns:x}-{self.size:x}-{self.inode:x}"'


@dataclass(frozen=True)
class CachedFile:
    """A whole file in memory; `compressed` is its gzip form where one was asked for and is smaller."""

    version: FileVersion
    body: bytes
    compressed: Optional[bytes] = None

    @property
    def cost(self) -> int:
        """The memory that it takes, in bytes."""
        return _ENTRY_OVERHEAD + len(self.body) + len(self.compressed or b"")


class OpenFile:
    """One open descriptor of a file that is too large to cache: consistent even if its name is replaced."""

    def __init__(self, file: BinaryIO, executor: ThreadPoolExecutor) -> None:
        self._file = file
        self._executor = executor
        self.version = _version(os.fstat(file.fileno()))

    async def read(self, position: int, count: int) -> bytes:
        """Up to `count` bytes from `position` on; fewer only at the end of the file. Raises OSError."""
        return await _in_thread(self._executor, partial(self._read, position, count))

    def _read(self, position: int, count: int) -> bytes:
        self._file.seek(position)
        return self._file.read(count)

    async def close(self) -> None:
        """Give the descriptor back; in a thread, where a read of a cancelled request may still hold it."""
        await _in_thread(self._executor, self._file.close)


class Status(Protocol):
    """See `files.status`."""

    def __call__(self, path: Path, *, inside: Optional[Path]) -> os.stat_result: ...


class Opener(Protocol):
    """See `files.open_to_read`."""

    def __call__(self, path: Path, *, inside: Optional[Path]) -> BinaryIO: ...


@dataclass
class _Entry:
    file: CachedFile
    checked: float  # the clock's seconds when the file on disk was last seen to be this one


class MediaCache:
    """The least recently used files leave when `max_bytes` is full; a file over a quarter of it never enters.

    Loop-confined: call it from one event loop. `clock` gives monotonic seconds; `status` and `opener` touch
    the disk and run in threads.
    """

    def __init__(
        self,
        max_bytes: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        status: Status = files.status,
        opener: Opener = files.open_to_read,
    ) -> None:
        self.max_bytes = max_bytes
        self.max_item = max_bytes // 4
        self.used_bytes = 0
        self._clock = clock
        self._status = status
        self._opener = opener
        self._entries: OrderedDict[Path, _Entry] = OrderedDict()
        self._loads: Dict[Path, asyncio.Task[Optional[CachedFile]]] = {}
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="media")

    async def get(
        self, path: Path, freshness: float, *, inside: Optional[Path] = None, compress: bool = False
    ) -> Optional[CachedFile]:
        """The file's present bytes; None if it is larger than `max_item` bytes: then use `open`.

        An entry is trusted for `freshness` seconds after it was last compared with the file on disk. Requests
        that meet while the disk is asked share one answer. Below the folder `inside` no symbolic link is
        followed. Raises FileNotFoundError, NotRegularFile and other OSErrors; failures are not remembered.
        """
        entry = self._entries.get(path)
        if entry is not None and self._clock() - entry.checked < freshness:
            self._entries.move_to_end(path)
            return entry.file
        load = self._loads.get(path)
        if load is None:
            load = asyncio.ensure_future(self._load(path, inside, compress))
            self._loads[path] = load
            load.add_done_callback(lambda _: self._loads.pop(path))
        return await asyncio.shield(load)  # one client that leaves takes nobody else's answer along

    def version(self, path: Path) -> Optional[FileVersion]:
        """What is in memory of a file, without a look at the disk; None if it is not."""
        entry = self._entries.get(path)
        return None if entry is None else entry.file.version

    async def require(self, path: Path, *, inside: Optional[Path] = None) -> None:
        """Raise what `get` would raise for this file."""
        await _in_thread(self._executor, partial(self._status, path, inside=inside))

    async def open(self, path: Path, *, inside: Optional[Path] = None) -> OpenFile:
        """Open a large file; the caller closes it. Raises what `get` raises."""
        return await _in_thread(self._executor, partial(self._open, path, inside))

    def close(self) -> None:
        """Drop everything and let the threads end."""
        self._entries.clear()
        self.used_bytes = 0
        self._executor.shutdown(wait=False)

    async def _load(self, path: Path, inside: Optional[Path], compress: bool) -> Optional[CachedFile]:
        checked = self._clock()
        entry = self._entries.get(path)
        known = entry.file if entry else None
        try:
            found = await _in_thread(self._executor, partial(self._look, path, inside, known, compress))
        except OSError:
            self._forget(path)
            raise
        self._forget(path)
        if found is not None:
            self._remember(path, _Entry(found, checked))
        return found

    def _look(
        self, path: Path, inside: Optional[Path], known: Optional[CachedFile], compress: bool
    ) -> Optional[CachedFile]:
        """`known` if the file is still that one, else what is there now, None if large. Runs in a thread."""
        if known is not None and _version(self._status(path, inside=inside)) == known.version:
            return known
        with self._opener(path, inside=inside) as file:
            version = _version(os.fstat(file.fileno()))
            if version.size > self.max_item:
                return None
            body = file.read(version.size)
        return CachedFile(version, body, _smaller_gzip(body) if compress else None)

    def _open(self, path: Path, inside: Optional[Path]) -> OpenFile:
        file = self._opener(path, inside=inside)
        try:
            return OpenFile(file, self._executor)
        except BaseException:
            file.close()
            raise

    def _remember(self, path: Path, entry: _Entry) -> None:
        self._entries[path] = entry
        self.used_bytes += entry.file.cost
        while self.used_bytes > self.max_bytes:
            self._forget(next(iter(self._entries)))

    def _forget(self, path: Path) -> None:
        entry = self._entries.pop(path, None)
        if entry is not None:
            self.used_bytes -= entry.file.cost


def _version(status: os.stat_result) -> FileVersion:
    return FileVersion(status.st_mtime_ns, status.st_size, status.st_ino)


def _smaller_gzip(body: bytes) -> Optional[bytes]:
    compressed = gzip.compress(body, 6, mtime=0)  # no time inside: the same tag must mean the same bytes
    return compressed if len(compressed) < len(body) else None


async def _in_thread(executor: ThreadPoolExecutor, work: Callable[[], _T]) -> _T:
    return await asyncio.get_running_loop().run_in_executor(executor, work)
