"""Routes requests for live and recorded playlists and segments. Plain ASGI.

These requests are most of the traffic, so they are answered before they reach FastAPI. `layout` parses every part
of a path; nothing is joined to a path unparsed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from cctv_cli.api.accel import proxy_target
from cctv_cli.api.access import grant_of, require_shown
from cctv_cli.api.caller import caller_of
from cctv_cli.api.detail import send_detail
from cctv_cli.api.media import LIVE_SEGMENT, PLAYLIST, RECORDED_SEGMENT, send_missing, serve_file, serve_text
from cctv_cli.api.media_cache import MediaCache
from cctv_cli.api.periods import Periods
from cctv_cli.api.stream import LiveStates
from cctv_cli.core.audit.counting import Media
from cctv_cli.core.errors import UnknownCamera
from cctv_cli.core.layout import (
    HOUR_PLAYLIST,
    LIVE_PLAYLIST,
    MAIN_PLAYLIST,
    is_day,
    is_hour,
    parse_live_init,
    parse_live_segment,
    parse_recording,
)
from cctv_cli.core.runtime import Runtime

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_LIVE = re.compile(r"/stream/([^/]+)/(sub/)?([^/]+\.(?:m3u8|ts|mp4))\Z")
_RECORDED = re.compile(r"/recordings/([^/]+)/([^/]+)/([^/]+)/([^/]+\.(?:m3u8|ts|mp4))\Z")
_PERIOD = re.compile(r"/recordings/([^/]+)/playlist\.m3u8\Z")
_SHOWN = 80  # characters of a request that an error repeats
_RETRY = [(b"retry-after", b"2")]


class _Stream(NamedTuple):
    camera_id: str
    sub: bool

    def has(self, name: str) -> bool:
        """Whether the stream can have a file of this name."""
        if name == LIVE_PLAYLIST or (name == MAIN_PLAYLIST and not self.sub):
            return True
        return parse_live_segment(name) is not None or parse_live_init(name) is not None


def is_media(path: str) -> bool:
    """Whether `MediaRoutes` handles the request's path."""
    return any(route.match(path) is not None for route in (_LIVE, _RECORDED, _PERIOD))


class MediaRoutes:
    """Answers requests for media and passes on all others."""

    def __init__(self, app: ASGIApp, runtime: Runtime, states: LiveStates, cache: MediaCache, periods: Periods) -> None:
        self._app = app
        self._runtime = runtime
        self._states = states
        self._cache = cache
        self._periods = periods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        live = _LIVE.match(path)
        recorded = None if live else _RECORDED.match(path)
        period = None if live or recorded else _PERIOD.match(path)
        try:
            if live is not None:
                stream = _Stream(live.group(1), sub=live.group(2) is not None)
                caller_of(scope).media = Media(stream.camera_id, live=True)
                await self._live(stream, live.group(3), scope, receive, send)
            elif recorded is not None:
                camera_id, day, hour, file = recorded.groups()
                name = "" if file == HOUR_PLAYLIST else f"{day}/{hour}/{file}"
                caller_of(scope).media = Media(camera_id, live=False, recording=name)
                await self._recorded(recorded, scope, receive, send)
            elif period is not None:
                caller_of(scope).media = Media(period.group(1), live=False)
                await self._period(period.group(1), scope, receive, send)
            else:
                await self._app(scope, receive, send)
        except UnknownCamera as error:
            await send_detail(send, 404, f"{error}.")

    async def _live(self, stream: _Stream, name: str, scope: Scope, receive: Receive, send: Send) -> None:
        number = parse_live_segment(name)
        grant = grant_of(scope)
        require_shown(grant, stream.camera_id)
        if grant.period is not None:
            await send_missing(send, name[:_SHOWN])
            return
        if not stream.has(name):
            await send_detail(send, 404, f"{name[:_SHOWN]} is not a live file; start with {LIVE_PLAYLIST}.")
            return
        layout = self._runtime.layout(stream.camera_id, sub=stream.sub)
        if stream.sub and self._runtime.camera(stream.camera_id).sub_source is None:
            detail = f"Camera {stream.camera_id} has no sub stream; request its {LIVE_PLAYLIST}."
            await send_detail(send, 404, detail)
            return
        if scope["method"] not in ("GET", "HEAD"):  # OPTIONS must succeed whatever the camera's state
            await serve_file(scope, receive, send, self._cache, layout.live_playlist, PLAYLIST)
            return
        try:
            live = await self._states.get(
                stream.camera_id,
                sub=stream.sub,
                number=-1 if number is None else number,
                playlist=self._cache.version(layout.live_playlist),
            )
            variants = await self._states.multivariant(stream.camera_id) if self._offers_both(stream, name) else None
        except OSError as error:
            await _send_unusable(send, error)
            return
        if variants is not None:
            await serve_text(scope, receive, send, variants)
        elif live.window is None:
            await send_detail(send, live.status, live.detail, [] if live.status == 409 else _RETRY)
        elif name in (LIVE_PLAYLIST, MAIN_PLAYLIST):
            await serve_file(scope, receive, send, self._cache, layout.live_playlist, PLAYLIST)
        elif number is not None and number > live.window.segments[-1].number:
            await send_detail(send, 404, f"{name} is not finished yet; request {LIVE_PLAYLIST} again.")
        elif name not in live.files:
            detail = f"{name} does not exist or no longer exists; request {LIVE_PLAYLIST} again."
            await send_detail(send, 404, detail)
        else:
            path = layout.live / name
            target = proxy_target(self._runtime.settings, scope, path)
            await serve_file(scope, receive, send, self._cache, path, LIVE_SEGMENT, target)

    def _offers_both(self, stream: _Stream, name: str) -> bool:
        return (
            not stream.sub and name == LIVE_PLAYLIST and self._runtime.camera(stream.camera_id).sub_source is not None
        )

    async def _recorded(self, match: re.Match[str], scope: Scope, receive: Receive, send: Send) -> None:
        camera_id, day, hour, file = match.groups()
        grant = grant_of(scope)
        require_shown(grant, camera_id)
        if grant.period is not None:
            try:
                is_included = await self._periods.includes(camera_id, grant.period, f"{day}/{hour}/{file}")
            except OSError as error:
                await _send_unusable(send, error)
                return
            if not is_included:
                await send_missing(send, file[:_SHOWN])
                return
        layout = self._runtime.layout(camera_id)
        name = parse_recording(day, hour, file)
        if name is not None:
            path = layout.recording(name)
            target = proxy_target(self._runtime.settings, scope, path)
            inside = layout.recordings
            await serve_file(scope, receive, send, self._cache, path, RECORDED_SEGMENT, target, inside=inside)
        elif file == HOUR_PLAYLIST and is_day(day) and is_hour(hour):
            path, inside = layout.hour_playlist(day, hour), layout.recordings
            await serve_file(scope, receive, send, self._cache, path, PLAYLIST, inside=inside)
        else:
            shown = f"{day}/{hour}/{file}"[:_SHOWN]
            await send_detail(send, 404, f"{shown} is not a recording; request the list.")

    async def _period(self, camera_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        """The playlist of the period that a link is for."""
        grant = grant_of(scope)
        if grant.period is None:
            await self._app(scope, receive, send)
            return
        require_shown(grant, camera_id)
        if scope["method"] not in ("GET", "HEAD"):
            path = self._runtime.layout(camera_id).recordings / HOUR_PLAYLIST
            await serve_file(scope, receive, send, self._cache, path, PLAYLIST)
            return
        try:
            played = await self._periods.get(camera_id, grant.period)
        except OSError as error:
            await _send_unusable(send, error)
            return
        if played.files:
            await serve_text(scope, receive, send, played.playlist)
        else:
            await send_detail(send, 404, f"Camera {camera_id} has no recordings of the period that this link is for.")


async def _send_unusable(send: Send, error: OSError) -> None:
    reason = error.strerror or "no reason given"
    await send_detail(send, 503, f"The storage cannot be used ({reason}); check its disk.")
