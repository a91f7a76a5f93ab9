"""Caches files of the storage in bounded memory, so that each is read once for all viewers.

Each disk is read on threads of its own, never on the event loop: a hung disk delays only requests for its own
files, and those at most for the time limit of `disk_threads`. Live files do not wait for recordings, which are large.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import time
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Callable, Dict, Iterator, NamedTuple, Optional, Protocol, Sequence

from cctv_cli.core import files
from cctv_cli.core.disk_threads import DiskHangs, DiskThreads
from cctv_cli.core.system import DaemonThread, memory

_MOST_BYTES = 256 * 1024 * 1024
_SHARE = 8  # at most one in so many bytes of memory: viewers must not cost FFmpeg its memory
SLICE = 256 * 1024  # bytes that are read, kept and sent at once
_IDLE = 60.0  # seconds after its last use for which a file is kept; viewers of one stream are less far apart
_ENTRY_OVERHEAD = 1024  # bytes for the administration of an entry, so that empty files count too


def media_bytes() -> int:
    """The memory for media, in bytes: what is cached, and what is being sent."""
    return min(_MOST_BYTES, memory() // _SHARE)


class FileVersion(NamedTuple):
    """Identifies a state of a file; changes with every write and every replacement."""

    mtime_ns: int
    size: int
    inode: int

    @property
    def etag(self) -> str:
        """The strong entity tag, including quotes (RFC 9110 § 8.8.3)."""
        return f'"{self.mtime_ns:x}-{self.size:x}-{self.inode:x}"'


class Slices:
    """The bytes of a file, in slices: an answer holds one at a time, so that slow clients keep no files in memory."""

    def __init__(self, slices: Sequence[bytes]) -> None:
        self._slices = slices
        self._size = sum(map(len, slices))

    @classmethod
    def of(cls, body: bytes) -> Slices:
        """The slices of bytes that are in memory."""
        return cls([body[start : start + SLICE] for start in range(0, len(body), SLICE)])

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(self._slices)

    def read(self, start: int, stop: int) -> Optional[memoryview]:
        """The bytes from `start` to `stop`, or to the end of their slice; None after `drop`. Nothing is copied."""
        if not self._slices:
            return None
        number, begin = divmod(start, SLICE)
        return memoryview(self._slices[number])[begin : begin + stop - start]

    def drop(self) -> None:
        """Let go of the bytes, whoever holds this. A single slice stays: it is what an answer may have in flight."""
        if len(self._slices) > 1:
            self._slices = ()


@dataclass(frozen=True)
class CachedFile:
    """A whole file in memory; `compressed` is its gzip form, if that was requested and is smaller."""

    version: FileVersion
    body: Slices
    compressed: Optional[bytes] = None

    @property
    def cost(self) -> int:
        """The memory that it uses, in bytes."""
        return _ENTRY_OVERHEAD + len(self.body) + len(self.compressed or b"")


class OpenFile:
    """One open descriptor of a file that is too large to cache: consistent even if its name is replaced."""

    def __init__(self, file: BinaryIO, place: Path, disks: DiskThreads) -> None:
        self._file = file
        self._place = place
        self._disks = disks
        self.version = _version(os.fstat(file.fileno()))

    async def read(self, position: int, count: int) -> bytes:
        """Read `count` bytes from `position`; fewer only at the end of the file. Raises OSError."""
        return await self._disks.submit(self._place, object(), partial(self._read, position, count)).arrives()

    def _read(self, position: int, count: int) -> bytes:
        self._file.seek(position)
        return self._file.read(count)

    async def close(self) -> None:
        """Close the descriptor, after pending reads of cancelled requests; on a hung disk, when that answers."""
        try:
            await self._disks.submit(self._place, object(), self._file.close).arrives()
        except DiskHangs:  # it accepts no calls, and closing may hang, too
            DaemonThread(self._file.close, f"close {self._place}").start()


class Status(Protocol):
    """See `files.status`."""

    def __call__(self, path: Path, *, inside: Optional[Path]) -> os.stat_result: ...


class Opener(Protocol):
    """See `files.open_to_read`."""

    def __call__(self, path: Path, *, inside: Optional[Path]) -> BinaryIO: ...


@dataclass
class _Entry:
    file: CachedFile
    checked: float  # monotonic seconds when it was last compared with the file on disk
    used: float  # monotonic seconds


class MediaCache:
    """A cache of at most `max_bytes`, without files larger than a quarter of that; evicts the least recently used.

    What is being sent counts too. An answer whose file was evicted continues from the disk.

    What nobody used for _IDLE seconds is evicted too, so that memory follows what is watched, not what ever was.

    Must be used from one event loop. `clock` returns monotonic seconds; `status` and `opener` access the disk and run
    on its thread. Files of a hung disk raise DiskHangs, an OSError.
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
        self._sending_bytes = 0
        self._clock = clock
        self._status = status
        self._opener = opener
        self._entries: OrderedDict[Path, _Entry] = OrderedDict()
        self._loads: Dict[Path, asyncio.Task[Optional[CachedFile]]] = {}
        self._live_disks = DiskThreads()
        self._disks = DiskThreads()

    async def get(
        self, path: Path, freshness: float, *, inside: Optional[Path] = None, compress: bool = False
    ) -> Optional[CachedFile]:
        """The current content of the file; None if it is larger than `max_item` bytes and needs `open`.

        An entry is used for `freshness` seconds after it was last compared with the file on disk. Concurrent requests
        share one disk access. Below the folder `inside` no symbolic link is followed. Raises FileNotFoundError,
        NotRegularFile and other OSErrors; failures are not cached.
        """
        entry = self._entries.get(path)
        if entry is not None and self._clock() - entry.checked < freshness:
            self._entries.move_to_end(path)
            entry.used = self._clock()
            return entry.file
        load = self._loads.get(path)
        if load is None:
            load = asyncio.ensure_future(self._load(path, inside, compress))
            self._loads[path] = load
            load.add_done_callback(lambda _: self._loads.pop(path))
        return await asyncio.shield(load)  # a client that disconnects must not cancel the answer of others

    def version(self, path: Path) -> Optional[FileVersion]:
        """The version of a file in the cache, without a disk access; None if it is not cached."""
        entry = self._entries.get(path)
        return None if entry is None else entry.file.version

    async def require(self, path: Path, *, inside: Optional[Path] = None) -> None:
        """Raise what `get` would raise for this file."""
        look = partial(self._status, path, inside=inside)
        await self._threads(inside).submit(_place(path, inside), ("status", path, inside), look).arrives()

    async def open(self, path: Path, *, inside: Optional[Path] = None) -> OpenFile:
        """Open a large file, which the caller must close. Raises what `get` raises."""
        opening = partial(self._open, path, inside)
        return await self._threads(inside).submit(_place(path, inside), object(), opening).arrives()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Count what one answer has in flight."""
        self._sending_bytes += SLICE
        self._shrink()
        try:
            yield
        finally:
            self._sending_bytes -= SLICE

    def close(self) -> None:
        """Drop all entries."""
        self._entries.clear()
        self.used_bytes = 0

    async def _load(self, path: Path, inside: Optional[Path], compress: bool) -> Optional[CachedFile]:
        checked = self._clock()
        entry = self._entries.get(path)
        known = entry.file if entry else None
        try:
            look = partial(self._look, path, inside, known, compress)
            found = await self._threads(inside).submit(_place(path, inside), object(), look).arrives()
        except OSError:
            self._forget(path)
            raise
        self._forget(path)
        if found is not None:
            self._remember(path, _Entry(found, checked, self._clock()))
        return found

    def _look(
        self, path: Path, inside: Optional[Path], known: Optional[CachedFile], compress: bool
    ) -> Optional[CachedFile]:
        """`known` if the file has not changed, else its content, None if it is large. Runs on the disk's thread."""
        if known is not None and _version(self._status(path, inside=inside)) == known.version:
            return known
        with self._opener(path, inside=inside) as file:
            version = _version(os.fstat(file.fileno()))
            if version.size > self.max_item:
                return None
            body = Slices([file.read(min(SLICE, version.size - start)) for start in range(0, version.size, SLICE)])
        return CachedFile(version, body, _smaller_gzip(bytes(body)) if compress else None)

    def _open(self, path: Path, inside: Optional[Path]) -> OpenFile:
        file = self._opener(path, inside=inside)
        try:
            return OpenFile(file, _place(path, inside), self._threads(inside))
        except BaseException:
            file.close()
            raise

    def _threads(self, inside: Optional[Path]) -> DiskThreads:
        """Those of recordings, which are in a folder, or those of live files."""
        return self._live_disks if inside is None else self._disks

    def _remember(self, path: Path, entry: _Entry) -> None:
        self._entries[path] = entry
        self.used_bytes += entry.file.cost
        self._shrink()

    def _shrink(self) -> None:
        """Evict what does not fit, and what nobody used for long."""
        idle_since = self._clock() - _IDLE
        while self._entries:
            path, oldest = next(iter(self._entries.items()))
            if self.used_bytes + self._sending_bytes <= self.max_bytes and oldest.used >= idle_since:
                return
            self._forget(path)
            oldest.file.body.drop()

    def _forget(self, path: Path) -> None:
        entry = self._entries.pop(path, None)
        if entry is not None:
            self.used_bytes -= entry.file.cost


def _place(path: Path, inside: Optional[Path]) -> Path:
    """The folder that stands for the file's disk; one for each stream, in case mounts cannot be listed."""
    return inside or path.parent


def _version(status: os.stat_result) -> FileVersion:
    return FileVersion(status.st_mtime_ns, status.st_size, status.st_ino)


def _smaller_gzip(body: bytes) -> Optional[bytes]:
    compressed = gzip.compress(body, 6, mtime=0)  # without a time, because the same tag must mean the same bytes
    return compressed if len(compressed) < len(body) else None
