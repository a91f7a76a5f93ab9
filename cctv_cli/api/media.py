"""Serves playlists and segments: ETag and 304, byte ranges, gzip. Plain ASGI.

The caller has already mapped the request to a path; nothing from the request is joined to a path here.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple, Union

from cctv_cli.api.byte_range import ByteRange, RangeNotSatisfiable, accepts_gzip, matches_etag, parse_range
from cctv_cli.api.detail import send_detail
from cctv_cli.api.media_cache import SLICE, CachedFile, FileVersion, MediaCache, OpenFile, Slices
from cctv_cli.core.files import NotRegularFile

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

HeaderList = List[Tuple[bytes, bytes]]

_DEFAULT_TYPE = b"application/octet-stream"
MEDIA_TYPES = {
    ".m3u8": b"application/vnd.apple.mpegurl",  # RFC 8216 § 10
    ".ts": b"video/mp2t",
    ".mp4": b"video/mp4",
    ".m4s": b"video/iso.segment",
}
_READ = frozenset({b"range", b"if-range", b"if-none-match", b"accept-encoding"})
_ALLOW: HeaderList = [(b"allow", b"GET, HEAD, OPTIONS")]


@dataclass(frozen=True)
class MediaKind:
    """How long a kind of file may be cached: by clients (Cache-Control) and by the memory cache (seconds)."""

    cache_control: bytes
    freshness: float
    is_playlist: bool = False


PLAYLIST = MediaKind(b"no-cache", 0.2, is_playlist=True)
# Live segments are cached for about a live window: after the storage was wiped, the same name has other content.
# "private": a shared cache would give segments to clients that this server refuses.
LIVE_SEGMENT = MediaKind(b"private, max-age=60", 1.0)
RECORDED_SEGMENT = MediaKind(b"private, max-age=31536000, immutable", 5.0)


@dataclass(frozen=True)
class _Representation:
    """The bytes that a request selects, before ranges (RFC 9110 § 3.2)."""

    content: Union[Slices, OpenFile]
    size: int
    etag: str
    gzipped: bool = False


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: HeaderList
    part: Optional[ByteRange]  # None: no body


async def serve_file(
    scope: Scope,
    receive: Receive,
    send: Send,
    cache: MediaCache,
    path: Path,
    kind: MediaKind,
    proxy_target: Optional[bytes] = None,
    *,
    inside: Optional[Path] = None,
) -> None:
    """Answer one HTTP request for a file of the storage, from `cache` or, if it is large, from disk.

    The status is 200, 206, 304 or 416 depending on the request's headers; 204 for OPTIONS, 404 if there is no regular
    file, 405 for other methods, 503 if the disk fails. A client that disconnects early is not an error. Raises OSError
    if the disk fails after the answer has begun: the connection must then break, so that the client does not take the
    part for the whole. Below the folder `inside` no symbolic link is followed.

    With `proxy_target` the proxy sends the file: the answer is 200 without a body but with X-Accel-Redirect, and the
    proxy handles tag, range and length.
    """
    with contextlib.suppress(_ClientGone):
        await _serve(scope, receive, send, cache, path, kind, proxy_target, inside)


async def serve_text(scope: Scope, receive: Receive, send: Send, playlist: str) -> None:
    """Answer a GET or HEAD with a playlist in memory, as `serve_file` does with one on disk."""
    body = playlist.encode()
    file = CachedFile(FileVersion(zlib.crc32(body), len(body), 0), Slices.of(body))
    with contextlib.suppress(_ClientGone):
        await _answer(scope, receive, send, file, ".m3u8", PLAYLIST)


async def send_missing(send: Send, name: str) -> None:
    """Answer that there is no such file."""
    await send_detail(send, 404, f"{name} does not exist or no longer exists; request the playlist or the list again.")


class _ClientGone(Exception):
    """The client disconnected before its answer was complete."""


async def _serve(
    scope: Scope,
    receive: Receive,
    send: Send,
    cache: MediaCache,
    path: Path,
    kind: MediaKind,
    proxy_target: Optional[bytes],
    inside: Optional[Path],
) -> None:
    method = scope["method"]
    if method == "OPTIONS":
        await _send_head(send, 204, _ALLOW)
        await _send_body(send, b"", more=False)
        return
    if method not in ("GET", "HEAD"):
        await send_detail(send, 405, f"{path.name} is read-only; use GET.", _ALLOW)
        return
    try:
        if proxy_target is not None:
            await cache.require(path, inside=inside)
            await _send_to_proxy(send, proxy_target, path.suffix, kind)
            return
        found = await cache.get(path, kind.freshness, inside=inside, compress=kind.is_playlist)
        file = found or await cache.open(path, inside=inside)
    except (FileNotFoundError, NotADirectoryError, NotRegularFile):
        await send_missing(send, path.name)
        return
    except OSError as error:
        detail = f"{path.name} cannot be read ({error.strerror}); check the storage's disk."
        await send_detail(send, 503, detail)
        return
    with cache.sending():
        try:
            rest = await _answer(scope, receive, send, file, path.suffix, kind)
        finally:
            if isinstance(file, OpenFile):
                await file.close()
        if rest is not None:
            await _send_rest(receive, send, await cache.open(path, inside=inside), file.version, rest)


async def _send_to_proxy(send: Send, target: bytes, suffix: str, kind: MediaKind) -> None:
    """Answer so that nginx sends the file at `target`.

    nginx keeps the Content-Type and Cache-Control of this answer, and adds the tag itself.
    """
    headers = [
        (b"x-accel-redirect", target),
        (b"content-type", MEDIA_TYPES.get(suffix, _DEFAULT_TYPE)),
        (b"cache-control", kind.cache_control),
        (b"content-length", b"0"),
    ]
    await _send_head(send, 200, headers)
    await _send_body(send, b"", more=False)


async def _answer(
    scope: Scope,
    receive: Receive,
    send: Send,
    file: Union[CachedFile, OpenFile],
    suffix: str,
    kind: MediaKind,
) -> Optional[ByteRange]:
    """Send the answer; returns the bytes that are left to send because they are no longer in memory."""
    wanted = _wanted_headers(scope)
    chosen = _choose(file, wanted)
    try:
        answer = _decide(scope["method"], wanted, chosen, suffix, kind)
    except RangeNotSatisfiable:
        detail = "The file does not have this range of bytes; Content-Range has its size."
        await send_detail(send, 416, detail, [(b"content-range", b"bytes */%d" % chosen.size)])
        return None
    await _send_head(send, answer.status, answer.headers)
    if answer.part is None or answer.part.start == answer.part.stop:
        await _send_body(send, b"", more=False)
    elif isinstance(chosen.content, Slices):
        return await _send_memory(send, chosen.content, answer.part)
    else:
        await _send_disk(receive, send, chosen.content, answer.part)
    return None


def _wanted_headers(scope: Scope) -> Dict[bytes, str]:
    """The relevant headers; a repeated one becomes a list (RFC 9110 § 5.3)."""
    found: Dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in _READ:
            text = value.decode("latin-1")
            found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _choose(file: Union[CachedFile, OpenFile], wanted: Dict[bytes, str]) -> _Representation:
    if isinstance(file, OpenFile):
        return _Representation(file, file.version.size, file.version.etag)
    etag = file.version.etag
    if file.compressed is not None and accepts_gzip(wanted.get(b"accept-encoding", "")):
        # different bytes need a different strong tag (RFC 9110 § 8.8.3.3)
        return _Representation(Slices.of(file.compressed), len(file.compressed), f'{etag[:-1]}-gzip"', gzipped=True)
    return _Representation(file.body, len(file.body), etag)


def _decide(method: str, wanted: Dict[bytes, str], chosen: _Representation, suffix: str, kind: MediaKind) -> _Answer:
    """Status, headers and bytes of the answer; If-None-Match precedes Range (RFC 9110 § 13.2.2).

    Raises RangeNotSatisfiable.
    """
    headers = [(b"etag", chosen.etag.encode()), (b"cache-control", kind.cache_control)]
    if kind.is_playlist:
        headers.append((b"vary", b"Accept-Encoding"))
    else:
        headers.append((b"accept-ranges", b"bytes"))
    if b"if-none-match" in wanted and matches_etag(wanted[b"if-none-match"], chosen.etag):
        return _Answer(304, headers, None)
    part = _requested_range(method, wanted, chosen)
    status, sent = (200, ByteRange(0, chosen.size)) if part is None else (206, part)
    if part is not None:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (part.start, part.stop - 1, chosen.size)))
    if chosen.gzipped:
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-type", MEDIA_TYPES.get(suffix, _DEFAULT_TYPE)))
    headers.append((b"content-length", b"%d" % (sent.stop - sent.start)))
    return _Answer(status, headers, None if method == "HEAD" else sent)


def _requested_range(method: str, wanted: Dict[bytes, str], chosen: _Representation) -> Optional[ByteRange]:
    """The range to send, or None for the whole file. Raises RangeNotSatisfiable."""
    # Range applies to GET only (RFC 9110 § 14.2), and players do not request parts of compressed playlists
    if b"range" not in wanted or method != "GET" or chosen.gzipped:
        return None
    # strong comparison (§ 13.1.5); a date never equals a tag and gets the whole file, which is always correct
    if wanted.get(b"if-range", chosen.etag).strip() != chosen.etag:
        return None
    return parse_range(wanted[b"range"].strip(), chosen.size)


async def _send_memory(send: Send, content: Slices, part: ByteRange) -> Optional[ByteRange]:
    position = part.start
    while position < part.stop:
        piece = content.read(position, part.stop)
        if piece is None:
            return ByteRange(position, part.stop)
        position += len(piece)
        await _send_body(send, piece, more=position < part.stop)
    return None


async def _send_rest(receive: Receive, send: Send, file: OpenFile, version: FileVersion, part: ByteRange) -> None:
    try:
        if file.version != version:
            raise OSError("a media file was replaced while it was sent")
        await _send_disk(receive, send, file, part)
    finally:
        await file.close()


async def _send_disk(receive: Receive, send: Send, file: OpenFile, part: ByteRange) -> None:
    gone = asyncio.ensure_future(_disconnected(receive))  # otherwise the whole file would be read for nobody
    try:
        position = part.start
        while position < part.stop and not gone.done():
            chunk = await file.read(position, min(SLICE, part.stop - position))
            if not chunk:
                raise OSError("a media file became shorter while it was sent")
            position += len(chunk)
            await _send_body(send, chunk, more=position < part.stop)
    finally:
        gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_head(send: Send, status: int, headers: HeaderList) -> None:
    await _send(send, {"type": "http.response.start", "status": status, "headers": headers})


async def _send_body(send: Send, body: Union[bytes, memoryview], *, more: bool) -> None:
    await _send(send, {"type": "http.response.body", "body": body, "more_body": more})


async def _send(send: Send, message: Dict[str, object]) -> None:
    try:
        await send(message)
    except OSError as error:  # how a server reports a client that left (ASGI's HTTP message format)
        raise _ClientGone from error
