from __future__ import annotations

import asyncio
import gzip
import os
import sys
import threading
from pathlib import Path
from typing import BinaryIO, Iterator, List, Optional, Set

import pytest

from cctv_cli.api.media_cache import CachedFile, MediaCache
from cctv_cli.core import files
from tests.support.waiting import HANG

pytestmark = pytest.mark.anyio
BUDGET = 400_000
FRESHNESS = 0.2


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Disk:
    """The real disk, with counted accesses; readers wait until `hold` is set."""

    def __init__(self) -> None:
        self.now = 100.0
        self.looked: List[Path] = []
        self.opened: List[Path] = []
        self.threads: Set[int] = set()
        self.hold = threading.Event()
        self.hold.set()

    def status(self, path: Path, *, inside: Optional[Path] = None) -> os.stat_result:
        self.looked.append(path)
        self.threads.add(threading.get_ident())
        return files.status(path, inside=inside)

    def open(self, path: Path, *, inside: Optional[Path] = None) -> BinaryIO:
        self.opened.append(path)
        self.threads.add(threading.get_ident())
        assert self.hold.wait(HANG)
        return files.open_to_read(path, inside=inside)

    def cache(self, max_bytes: int = BUDGET) -> MediaCache:
        return MediaCache(max_bytes, clock=lambda: self.now, status=self.status, opener=self.open)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def cache(disk: Disk) -> Iterator[MediaCache]:
    cache = disk.cache()
    yield cache
    cache.close()


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    path = tmp_path / "segment7.ts"
    path.write_bytes(b"first")
    return path


def replace(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".tmp")
    fresh.write_bytes(content)
    os.replace(fresh, path)


async def body_of(cache: MediaCache, path: Path) -> bytes:
    file = await cache.get(path, FRESHNESS)
    assert isinstance(file, CachedFile)
    return bytes(file.body)


async def test_a_hundred_viewers_of_a_cold_file_read_it_once(cache: MediaCache, disk: Disk, segment: Path) -> None:
    bodies = await asyncio.gather(*(body_of(cache, segment) for _ in range(100)))
    assert bodies == [b"first"] * 100
    assert disk.opened == [segment]


async def test_a_fresh_file_costs_no_disk_access_and_a_stale_one_costs_one(
    cache: MediaCache, disk: Disk, segment: Path
) -> None:
    await body_of(cache, segment)
    disk.looked.clear()
    disk.now += FRESHNESS * 0.9
    for _ in range(1000):
        await body_of(cache, segment)
    assert disk.looked == []
    disk.now += FRESHNESS
    await asyncio.gather(*(body_of(cache, segment) for _ in range(1000)))
    assert (disk.looked, disk.opened) == ([segment], [segment])


async def test_a_replaced_file_is_noticed_when_it_is_stale(cache: MediaCache, disk: Disk, segment: Path) -> None:
    await body_of(cache, segment)
    replace(segment, b"other")
    before = await body_of(cache, segment)
    disk.now += FRESHNESS
    assert (before, await body_of(cache, segment)) == (b"first", b"other")


async def test_a_growing_file_is_noticed_when_it_is_stale(cache: MediaCache, disk: Disk, segment: Path) -> None:
    await body_of(cache, segment)
    with segment.open("ab") as file:
        file.write(b" and more")
    disk.now += FRESHNESS
    assert await body_of(cache, segment) == b"first and more"
    assert len(disk.opened) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not replace open files")
async def test_a_file_that_is_replaced_while_it_is_read_gives_the_old_content(disk: Disk, segment: Path) -> None:
    def open_then_replace(path: Path, *, inside: Optional[Path] = None) -> BinaryIO:
        file = disk.open(path, inside=inside)
        replace(path, b"another length")
        return file

    cache = MediaCache(BUDGET, clock=lambda: disk.now, opener=open_then_replace)
    file = await cache.get(segment, FRESHNESS)
    cache.close()
    assert file is not None
    assert (bytes(file.body), file.version.size) == (b"first", 5)


async def test_the_disk_is_never_accessed_on_the_event_loop(cache: MediaCache, disk: Disk, segment: Path) -> None:
    await body_of(cache, segment)
    disk.now += FRESHNESS
    await body_of(cache, segment)
    assert (len(disk.opened), len(disk.looked)) == (1, 1)
    assert threading.get_ident() not in disk.threads


async def test_the_least_recently_used_files_are_evicted(cache: MediaCache, disk: Disk, tmp_path: Path) -> None:
    paths = [tmp_path / f"segment{number}.ts" for number in range(5)]
    for path in paths:
        path.write_bytes(bytes(90_000))
    for path in paths[:4]:
        await body_of(cache, path)
    await body_of(cache, paths[0])  # used again, so that the second is now the oldest
    await body_of(cache, paths[4])
    assert 4 * 90_000 < cache.used_bytes <= BUDGET
    disk.opened.clear()
    await body_of(cache, paths[0])
    await body_of(cache, paths[1])
    assert disk.opened == [paths[1]]


async def test_files_that_nobody_uses_any_more_leave_memory(cache: MediaCache, disk: Disk, tmp_path: Path) -> None:
    paths = [tmp_path / f"segment{number}.ts" for number in range(1000)]
    for path in paths:
        path.write_bytes(bytes(1000))
        await body_of(cache, path)
        await body_of(cache, paths[0])  # somebody still looks at the first one
        disk.now += 10
    assert cache.used_bytes < 20 * 3000
    assert cache.version(paths[0]) is not None


async def test_many_small_files_stay_within_the_budget_too(disk: Disk, tmp_path: Path) -> None:
    cache = disk.cache(10_000)
    for number in range(100):
        path = tmp_path / f"segment{number}.ts"
        path.write_bytes(b"")
        await body_of(cache, path)
    assert 0 < cache.used_bytes <= 10_000
    cache.close()


async def test_a_file_over_a_quarter_of_the_budget_is_not_kept(cache: MediaCache, tmp_path: Path) -> None:
    just_fits, too_large = tmp_path / "00.ts", tmp_path / "01.ts"
    just_fits.write_bytes(bytes(BUDGET // 4))
    too_large.write_bytes(bytes(BUDGET // 4 + 1))
    assert await body_of(cache, just_fits) == bytes(BUDGET // 4)
    used = cache.used_bytes
    assert await cache.get(too_large, FRESHNESS) is None
    assert cache.used_bytes == used


async def test_an_open_file_reads_at_any_position(cache: MediaCache, segment: Path) -> None:
    file = await cache.open(segment)
    parts = [await file.read(2, 2), await file.read(0, 100), await file.read(5, 1)]
    await file.close()
    assert parts == [b"rs", b"first", b""]
    assert file.version.size == 5


async def test_a_file_that_grows_too_large_is_evicted(cache: MediaCache, disk: Disk, segment: Path) -> None:
    await body_of(cache, segment)
    replace(segment, bytes(BUDGET))
    disk.now += FRESHNESS
    assert await cache.get(segment, FRESHNESS) is None
    assert cache.used_bytes == 0


async def test_a_missing_file_is_not_cached(cache: MediaCache, disk: Disk, segment: Path) -> None:
    await body_of(cache, segment)
    segment.unlink()
    disk.now += FRESHNESS
    with pytest.raises(FileNotFoundError):
        await cache.get(segment, FRESHNESS)
    assert cache.used_bytes == 0
    segment.write_bytes(b"again")
    assert await body_of(cache, segment) == b"again"


async def test_a_folder_is_not_a_file(cache: MediaCache, tmp_path: Path) -> None:
    with pytest.raises(files.NotRegularFile):
        await cache.get(tmp_path, FRESHNESS)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFOs in folders")
async def test_a_fifo_is_not_a_file_and_does_not_block(cache: MediaCache, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "00.ts")
    with pytest.raises(files.NotRegularFile):
        await cache.get(tmp_path / "00.ts", FRESHNESS)


async def test_a_viewer_that_disconnects_does_not_cancel_the_answer_of_others(
    cache: MediaCache, disk: Disk, segment: Path
) -> None:
    disk.hold.clear()
    leaving, staying = (asyncio.ensure_future(body_of(cache, segment)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    disk.hold.set()
    assert await staying == b"first"
    assert disk.opened == [segment]


async def test_each_version_is_compressed_once_and_always_to_the_same_bytes(
    cache: MediaCache, disk: Disk, tmp_path: Path
) -> None:
    path = tmp_path / "live.m3u8"
    path.write_bytes(b"#EXTINF:10.0,\nsegment.ts\n" * 50)
    first = await cache.get(path, FRESHNESS, compress=True)
    disk.now += FRESHNESS
    assert await cache.get(path, FRESHNESS, compress=True) is first
    other_cache = disk.cache()
    again = await other_cache.get(path, FRESHNESS, compress=True)
    other_cache.close()
    assert first is not None and first.compressed is not None
    assert gzip.decompress(first.compressed) == bytes(first.body)
    assert again is not None and (again.version, again.compressed) == (first.version, first.compressed)
    assert first.compressed[4:8] == bytes(4)  # RFC 1952: no modification time


async def test_a_file_that_gzip_does_not_shrink_is_not_kept_twice(cache: MediaCache, segment: Path) -> None:
    file = await cache.get(segment, FRESHNESS, compress=True)
    assert file is not None
    assert file.compressed is None


async def test_each_version_has_its_own_tag(cache: MediaCache, disk: Disk, segment: Path) -> None:
    tags = []
    for content in (b"first", b"longer", None):
        if content is not None:
            replace(segment, content)
        disk.now += FRESHNESS
        file = await cache.get(segment, FRESHNESS)
        assert file is not None
        tags.append(file.version.etag)
    assert tags[0] != tags[1] == tags[2]
