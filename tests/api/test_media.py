from __future__ import annotations

import asyncio
import errno
import gzip
import http.client
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Callable, Dict, Iterator, List, Optional

import httpx
import pytest

from cctv_cli.api.media import LIVE_SEGMENT, PLAYLIST, RECORDED_SEGMENT, MediaKind, serve_file
from cctv_cli.api.media_cache import MediaCache
from tests.api.real_server import serving
from tests.support.waiting import HANG

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

pytestmark = pytest.mark.anyio
BUDGET = 4_000_000  # bytes; a file of over 1,000,000 is streamed from disk
CONTENT = bytes(range(256)) * 2400  # 614,400 bytes: several slices, and cached
LARGE = bytes(range(256)) * 12000  # 3,072,000 bytes: streamed
LINES = b"#EXTM3U\n" + b"#EXTINF:10.000,\nsegment.ts\n" * 60


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def cache() -> Iterator[MediaCache]:
    cache = MediaCache(BUDGET)
    yield cache
    cache.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "segment1.ts").write_bytes(CONTENT)
    (tmp_path / "41.ts").write_bytes(LARGE)
    (tmp_path / "41.mp4").write_bytes(CONTENT)
    (tmp_path / "41.m4s").write_bytes(CONTENT)
    (tmp_path / "empty.ts").write_bytes(b"")
    (tmp_path / "live.m3u8").write_bytes(LINES)
    return tmp_path


def kind_of(name: str) -> MediaKind:
    if name.endswith(".m3u8"):
        return PLAYLIST
    return LIVE_SEGMENT if name.startswith("segment") else RECORDED_SEGMENT


def app_of(cache: MediaCache, root: Path) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        name = Path(scope["path"]).name
        await serve_file(scope, receive, send, cache, root / name, kind_of(name))

    return app


async def ask(cache: MediaCache, root: Path, name: str, headers: Dict[str, str], method: str = "GET") -> httpx.Response:
    transport = httpx.ASGITransport(app_of(cache, root))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.request(method, f"/{name}", headers={"Accept-Encoding": "identity", **headers})


@pytest.mark.parametrize(
    ("name", "content_type", "cache_control"),
    [
        ("live.m3u8", "application/vnd.apple.mpegurl", "no-cache"),
        ("segment1.ts", "video/mp2t", "private, max-age=60"),
        ("41.ts", "video/mp2t", "private, max-age=31536000, immutable"),
        ("41.mp4", "video/mp4", "private, max-age=31536000, immutable"),
        ("41.m4s", "video/iso.segment", "private, max-age=31536000, immutable"),
        ("empty.ts", "video/mp2t", "private, max-age=31536000, immutable"),
    ],
)
async def test_a_whole_file_with_its_type_and_cache_control(
    cache: MediaCache, root: Path, name: str, content_type: str, cache_control: str
) -> None:
    response = await ask(cache, root, name, {})
    content = (root / name).read_bytes()
    assert (response.status_code, response.content) == (200, content)
    assert response.headers["content-length"] == str(len(content))
    assert response.headers["content-type"] == content_type
    assert response.headers["cache-control"] == cache_control
    assert response.headers.get("accept-ranges") == (None if name == "live.m3u8" else "bytes")


@pytest.mark.parametrize("name", ["segment1.ts", "41.ts"])
@pytest.mark.parametrize(
    ("value", "start", "stop"),
    [
        ("bytes=0-1", 0, 2),
        ("bytes=300000-300999", 300_000, 301_000),
        ("bytes=5-600000", 5, 600_001),
        ("bytes=600000-", 600_000, None),
        ("bytes=-100", -100, None),
    ],
)
async def test_a_range_is_sent_alone(
    cache: MediaCache, root: Path, name: str, value: str, start: int, stop: Any
) -> None:
    response = await ask(cache, root, name, {"Range": value})
    whole = (root / name).read_bytes()
    expected = whole[start:stop]
    first = range(len(whole))[start]
    assert (response.status_code, response.content) == (206, expected)
    assert response.headers["content-length"] == str(len(expected))
    assert response.headers["content-range"] == f"bytes {first}-{first + len(expected) - 1}/{len(whole)}"


@pytest.mark.parametrize("name", ["segment1.ts", "41.ts"])
@pytest.mark.parametrize("value", ["bytes=0-1, 5-6", "bytes=9-2", "pages=1-2", "bytes=" + "0-1," * 10_000])
async def test_several_or_malformed_ranges_get_the_whole_file(
    cache: MediaCache, root: Path, name: str, value: str
) -> None:
    response = await ask(cache, root, name, {"Range": value})
    assert (response.status_code, response.content) == (200, (root / name).read_bytes())
    assert "content-range" not in response.headers


@pytest.mark.parametrize(("name", "size"), [("segment1.ts", len(CONTENT)), ("41.ts", len(LARGE)), ("empty.ts", 0)])
async def test_a_range_beyond_the_end_is_416_and_not_cached(
    cache: MediaCache, root: Path, name: str, size: int
) -> None:
    response = await ask(cache, root, name, {"Range": f"bytes={size}-"})
    assert response.status_code == 416
    assert response.json() == {"detail": "The file does not have this range of bytes; Content-Range has its size."}
    assert response.headers["content-range"] == f"bytes */{size}"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["segment1.ts", "41.ts", "live.m3u8"])
async def test_a_known_tag_gets_304_without_a_body(cache: MediaCache, root: Path, name: str) -> None:
    first = await ask(cache, root, name, {})
    etag = first.headers["etag"]
    for value in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = await ask(cache, root, name, {"If-None-Match": value, "Range": "bytes=0-1"})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
        assert again.headers["cache-control"] == first.headers["cache-control"]
    other = await ask(cache, root, name, {"If-None-Match": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)


async def test_if_range_needs_the_same_tag(cache: MediaCache, root: Path) -> None:
    etag = (await ask(cache, root, "41.ts", {})).headers["etag"]
    statuses = {}
    for value in (etag, f"W/{etag}", '"other"', "Wed, 21 Oct 2015 07:28:00 GMT"):
        response = await ask(cache, root, "41.ts", {"Range": "bytes=0-1", "If-Range": value})
        statuses[value] = response.status_code
    assert list(statuses.values()) == [206, 200, 200, 200]


@pytest.mark.parametrize("name", ["segment1.ts", "41.ts", "live.m3u8"])
async def test_head_has_the_headers_of_get_and_no_body(cache: MediaCache, root: Path, name: str) -> None:
    get = await ask(cache, root, name, {})
    head = await ask(cache, root, name, {"Range": "bytes=0-1"}, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == get.headers


async def test_a_playlist_is_compressed_for_clients_that_accept_it_with_its_own_tag(
    cache: MediaCache, root: Path
) -> None:
    plain = await ask(cache, root, "live.m3u8", {})
    packed = await ask(cache, root, "live.m3u8", {"Accept-Encoding": "gzip", "Range": "bytes=0-1"})
    assert (packed.status_code, packed.content) == (200, LINES)
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(LINES) / 5
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    assert plain.headers["etag"] != packed.headers["etag"]
    same = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["etag"]}
    assert (await ask(cache, root, "live.m3u8", same)).status_code == 304
    other = {"Accept-Encoding": "gzip", "If-None-Match": plain.headers["etag"]}
    assert (await ask(cache, root, "live.m3u8", other)).status_code == 200


async def test_segments_are_never_compressed(cache: MediaCache, root: Path) -> None:
    response = await ask(cache, root, "segment1.ts", {"Accept-Encoding": "gzip"})
    assert "content-encoding" not in response.headers
    assert "vary" not in response.headers


async def test_options_says_what_is_possible(cache: MediaCache, root: Path) -> None:
    response = await ask(cache, root, "segment1.ts", {}, "OPTIONS")
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_media_are_read_only(cache: MediaCache, root: Path) -> None:
    response = await ask(cache, root, "segment1.ts", {}, "DELETE")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("name", ["gone.ts", "gone.m3u8", ".."])
async def test_a_missing_file_is_404_and_not_cached(cache: MediaCache, root: Path, name: str) -> None:
    response = await ask(cache, root, name, {})
    assert (response.status_code, response.headers["cache-control"]) == (404, "no-store")
    assert response.json()["detail"].endswith(".")


async def test_a_file_deleted_between_two_requests_is_404(cache: MediaCache, root: Path) -> None:
    assert (await ask(cache, root, "41.ts", {})).status_code == 200
    (root / "41.ts").unlink()
    assert (await ask(cache, root, "41.ts", {})).status_code == 404


async def test_a_failing_disk_is_503_with_the_reason(root: Path) -> None:
    def fail(path: Path, *, inside: Optional[Path]) -> BinaryIO:
        raise OSError(errno.EIO, "Input/output error")

    cache = MediaCache(BUDGET, opener=fail)
    response = await ask(cache, root, "segment1.ts", {})
    cache.close()
    assert response.status_code == 503
    assert "segment1.ts" in response.json()["detail"]
    assert "Input/output error" in response.json()["detail"]
    assert str(root) not in response.text


async def test_a_hundred_cold_requests_read_the_file_once(root: Path) -> None:
    opened: List[Path] = []

    def count(path: Path, *, inside: Optional[Path]) -> BinaryIO:
        opened.append(path)
        return open_binary(path)

    cache = MediaCache(BUDGET, opener=count)
    transport = httpx.ASGITransport(app_of(cache, root))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        responses = await asyncio.gather(*(client.get("/segment1.ts") for _ in range(100)))
    cache.close()
    assert all(response.content == CONTENT for response in responses)
    assert opened == [root / "segment1.ts"]


class Viewer:
    """A client that disconnects after the first part of the body."""

    def __init__(self, *, send_fails: bool) -> None:
        self.send_fails = send_fails
        self.pieces: List[int] = []
        self.left = asyncio.Event()

    async def receive(self) -> Dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if self.left.is_set() and self.send_fails:
            raise BrokenPipeError
        if message["type"] == "http.response.body":
            self.pieces.append(len(message["body"]))
            self.left.set()


def request(name: str) -> Dict[str, Any]:
    return {"type": "http", "method": "GET", "path": f"/{name}", "headers": []}


def open_binary(path: Path) -> BinaryIO:
    return open(path, "rb")


class Opened:
    """Opens files and keeps a list of them."""

    def __init__(self) -> None:
        self.files: List[BinaryIO] = []

    def __call__(self, path: Path, *, inside: Optional[Path]) -> BinaryIO:
        self.files.append(open_binary(path))
        return self.files[-1]


@pytest.mark.parametrize("send_fails", [True, False])
async def test_a_viewer_that_disconnects_ends_the_reading(root: Path, send_fails: bool) -> None:
    opened = Opened()
    cache = MediaCache(BUDGET, opener=opened)
    viewer = Viewer(send_fails=send_fails)
    await app_of(cache, root)(request("41.ts"), viewer.receive, viewer.send)
    cache.close()
    assert 1 <= len(viewer.pieces) <= 3
    assert opened.files and all(file.closed for file in opened.files)


class SlowViewer:
    """A client during whose first slice others fill the cache; then `meanwhile` is called."""

    def __init__(self, cache: MediaCache, root: Path, meanwhile: Callable[[], object]) -> None:
        self.received = b""
        self._cache = cache
        self._root = root
        self._meanwhile = meanwhile

    async def receive(self) -> Dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.body":
            if not self.received:
                await self._fill()
            self.received += message["body"]

    async def _fill(self) -> None:
        for number in range(BUDGET // len(CONTENT) + 1):
            other = self._root / f"other{number}.ts"
            other.write_bytes(CONTENT)
            await self._cache.get(other, 60.0)
        self._meanwhile()


async def test_an_evicted_file_is_sent_on_from_disk(cache: MediaCache, root: Path) -> None:
    viewer = SlowViewer(cache, root, lambda: None)
    await app_of(cache, root)(request("segment1.ts"), viewer.receive, viewer.send)
    assert viewer.received == CONTENT
    assert cache.version(root / "segment1.ts") is None


async def test_an_evicted_file_that_was_replaced_breaks_the_answer(cache: MediaCache, root: Path) -> None:
    def replace() -> None:
        (root / "new.ts").write_bytes(CONTENT)
        (root / "new.ts").replace(root / "segment1.ts")

    viewer = SlowViewer(cache, root, replace)
    with pytest.raises(OSError, match="replaced"):
        await app_of(cache, root)(request("segment1.ts"), viewer.receive, viewer.send)
    assert len(viewer.received) < len(CONTENT)


async def test_a_streamed_answer_leaves_nothing_running(cache: MediaCache, root: Path) -> None:
    sent: List[bytes] = []

    async def never() -> Dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    before = asyncio.all_tasks()
    await app_of(cache, root)(request("41.ts"), never, send)
    await asyncio.sleep(0)  # a cancelled task needs one turn of the loop
    assert b"".join(sent) == LARGE
    assert max(map(len, sent)) <= 256 * 1024
    assert asyncio.all_tasks() == before


async def test_a_viewer_of_a_cached_file_may_disconnect(cache: MediaCache, root: Path) -> None:
    viewer = Viewer(send_fails=True)
    await app_of(cache, root)(request("segment1.ts"), viewer.receive, viewer.send)
    assert viewer.pieces == [256 * 1024]


async def test_a_file_that_shrinks_while_it_is_sent_breaks_the_connection(root: Path) -> None:
    opened = Opened()
    cache = MediaCache(BUDGET, opener=opened)

    async def never() -> Dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(message: Any) -> None:
        with (root / "41.ts").open("r+b") as file:
            file.truncate(1000)

    with pytest.raises(OSError, match="shorter"):
        await app_of(cache, root)(request("41.ts"), never, send)
    cache.close()
    assert opened.files and all(file.closed for file in opened.files)


@pytest.mark.parametrize("parser", ["h11", "httptools"])
def test_a_real_server_keeps_the_connection_after_every_kind_of_answer(
    cache: MediaCache, root: Path, parser: str
) -> None:
    pytest.importorskip(parser)
    with serving(app_of(cache, root), http=parser) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG)

        def get(name: str, headers: Dict[str, str], method: str = "GET") -> tuple[int, bytes, Any]:
            connection.request(method, f"/{name}", headers=headers)
            response = connection.getresponse()
            return response.status, response.read(), response.headers

        status, body, headers = get("segment1.ts", {})
        used = connection.sock
        assert (status, body) == (200, CONTENT)
        assert get("41.ts", {})[:2] == (200, LARGE)
        assert get("segment1.ts", {"Range": "bytes=10-19"})[:2] == (206, CONTENT[10:20])
        assert get("41.ts", {"Range": "bytes=-300000"})[:2] == (206, LARGE[-300_000:])
        assert get("segment1.ts", {"If-None-Match": headers["etag"]})[:2] == (304, b"")
        assert get("segment1.ts", {"Range": "bytes=99999999-"})[0] == 416
        head = get("41.ts", {}, "HEAD")
        assert (head[0], head[1], head[2]["content-length"]) == (200, b"", str(len(LARGE)))
        packed = get("live.m3u8", {"Accept-Encoding": "gzip"})
        assert (packed[0], gzip.decompress(packed[1])) == (200, LINES)
        assert get("empty.ts", {})[:2] == (200, b"")
        assert get("segment1.ts", {}, "OPTIONS")[:2] == (204, b"")
        assert get("gone.ts", {})[0] == 404
        assert connection.sock is used
        connection.close()
