"""`/stream`: whether a camera's live window can be played, and what it contains."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from functools import partial
from typing import Dict, FrozenSet, List, NamedTuple, Optional, Tuple

from fastapi import APIRouter, Request

from cctv_cli.api.errors import errors
from cctv_cli.api.media_cache import FileVersion
from cctv_cli.api.models import StreamInfoModel
from cctv_cli.api.needs import needs
from cctv_cli.api.outside import base_of
from cctv_cli.core import files
from cctv_cli.core.access.roles import Role
from cctv_cli.core.clock import format_instant
from cctv_cli.core.disk_threads import Answer, DiskThreads
from cctv_cli.core.footage.variants import measure_variant
from cctv_cli.core.hls.playlist import LiveWindow, Variant, parse_live, render_multivariant
from cctv_cli.core.layout import LIVE_PLAYLIST, MAIN_PLAYLIST
from cctv_cli.core.recording.state import State
from cctv_cli.core.recording.status import CameraStatus
from cctv_cli.core.runtime import Runtime

_FRESH = 0.5  # seconds for which one check of a camera is used for all viewers
_STALE_TARGETS = 3  # target durations after which an unchanged window no longer counts as live
_STALE_FRAMES = 5  # the same in frame intervals: a segment of one frame is complete when three more have come
_STALE_LEAST = 30.0  # seconds
_NOT_UPDATED = "Camera {} is recording, but its live window is not updated; try again in a few seconds."


@dataclass(frozen=True)
class Live:
    """The response to a viewer of a camera: 200 with the window, or a status with one sentence.

    `files` are the names of the live files on disk.
    404 unknown, 409 stopped or disabled, 503 starting (try again soon), 502 the camera fails.
    """

    status: int
    detail: str
    window: Optional[LiveWindow] = None
    files: FrozenSet[str] = frozenset()


def judge(status: CameraStatus, stopped: bool, window: Optional[LiveWindow], now: float) -> Live:
    """Decide the response to viewers of a camera at the instant `now`."""
    name, reason = f"Camera {status.id}", status.reason.rstrip(".")
    if not status.enabled:
        return Live(409, f"{name} is disabled in the configuration; enable it there.")
    if stopped:
        return Live(409, stopped_detail(status.id))
    if window is not None and window.segments:
        still = now - window.segments[-1].end
        if still <= max(_STALE_LEAST, _STALE_TARGETS * window.target_duration, _STALE_FRAMES * status.frame_interval):
            return Live(200, "", window)
    if status.state in (State.BACKOFF, State.AUTH_FAILED, State.STALLED):
        return Live(502, f"{name} has no video: {reason}.")
    if status.state is State.STOPPED:
        return Live(503, f"{name} is not recording: {reason}.")
    if status.state is State.RUNNING and window is not None and window.segments:
        return Live(503, _NOT_UPDATED.format(status.id))
    return Live(503, f"{name} is starting; try again in a few seconds.")


def is_older(window: LiveWindow, newest: LiveWindow) -> bool:
    """Whether viewers had a newer window: a disk that was away comes back with an older playlist, until it is written.

    A window that begins anew after its playlist was lost may count from a lower number, but ends later.
    """
    return window.next_number < newest.next_number and window.segments[-1].end < newest.segments[-1].end


def stopped_detail(camera_id: str) -> str:
    """The answer to a request that a stopped camera cannot serve."""
    return f"Camera {camera_id} was stopped by an operator; start it with POST /cameras/{camera_id}/start."


class _Seen(NamedTuple):
    """A check at the monotonic time `at`, when viewers had this playlist."""

    at: float
    playlist: Optional[FileVersion]
    live: Live


class LiveStates:
    """Checks cameras for many viewers: one check is used for all of them for half a second."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._disks = DiskThreads()
        self._newest: Dict[Tuple[str, bool], LiveWindow] = {}  # that a check found
        self._seen: Dict[Tuple[str, bool], _Seen] = {}
        self._locks: Dict[Tuple[str, bool], asyncio.Lock] = {}

    async def get(
        self, camera_id: str, *, sub: bool = False, number: int = -1, playlist: Optional[FileVersion] = None
    ) -> Live:
        """The response to a request for live segment `number`, where `playlist` was the last one served.

        A segment that the last check did not find causes a new check only if it is the next one, or if viewers have got
        a newer playlist since. Raises UnknownCamera, OSError.
        """
        self._runtime.camera(camera_id)
        stream = (camera_id, sub)
        live = self._recent(stream, number, playlist)
        if live is not None:
            return live
        async with self._locks.setdefault(stream, asyncio.Lock()):
            live = self._recent(stream, number, playlist)
            if live is None:
                live = await self._ask(camera_id, sub=sub).arrives()
                self._seen[stream] = _Seen(self._runtime.clock.monotonic(), playlist, live)
            return live

    async def multivariant(self, camera_id: str) -> Optional[str]:
        """The playlist with main and sub stream; None if neither can be played. Raises UnknownCamera, OSError.

        The stream with the lower bit rate comes first, because players start with the first one.
        """
        variants: List[Variant] = []
        for sub, uri in ((True, f"sub/{LIVE_PLAYLIST}"), (False, MAIN_PLAYLIST)):
            live = await self.get(camera_id, sub=sub)
            if live.window is not None:
                layout = self._runtime.layout(camera_id, sub=sub)
                try:
                    measure = partial(measure_variant, layout, live.window, uri)
                    variants.append(await self._disks.submit(layout.live, (camera_id, uri), measure).arrives())
                except FileNotFoundError:
                    continue  # its live folder was lost; serve the other stream
        return render_multivariant(variants) if variants else None

    def _recent(self, stream: Tuple[str, bool], number: int, playlist: Optional[FileVersion]) -> Optional[Live]:
        seen = self._seen.get(stream)
        if seen is None or self._runtime.clock.monotonic() - seen.at > _FRESH:
            return None
        following = seen.live.window.next_number if seen.live.window is not None else 0
        outdated = number == following or (number > following and playlist != seen.playlist)
        return None if outdated else seen.live

    async def look(self, camera_id: str) -> Live:
        """The current response to viewers of the main stream. Raises UnknownCamera, OSError."""
        return await self._ask(camera_id).arrives()

    def _ask(self, camera_id: str, *, sub: bool = False) -> Answer[Live]:
        place = self._runtime.layout(camera_id).recordings
        return self._disks.submit(place, (camera_id, sub), partial(self._look, camera_id, sub=sub))

    def _look(self, camera_id: str, *, sub: bool) -> Live:
        """Read the files of the camera or of its sub stream, on their disk's thread. Raises UnknownCamera, OSError."""
        layout = self._runtime.layout(camera_id, sub=sub)
        window = parse_live(files.read_text(layout.live_playlist) or "")
        status = self._runtime.stream_status(camera_id, sub=sub)
        live = judge(status, layout.stopped_file.exists(), window, self._runtime.clock.now())
        if live.window is None:
            return live
        newest = self._newest.setdefault((camera_id, sub), live.window)
        if is_older(live.window, newest):
            return Live(503, _NOT_UPDATED.format(camera_id))
        self._newest[camera_id, sub] = live.window
        return replace(live, files=frozenset(os.listdir(layout.live)))


def router(runtime: Runtime, states: LiveStates) -> APIRouter:
    """The endpoints of this resource that answer JSON; `media_routes` answers the media."""
    routes = APIRouter(prefix="/stream", tags=["stream"], responses=errors(404))

    @routes.get(
        "/{camera_id}/info",
        dependencies=[needs(Role.VIEWER)],
        response_model=StreamInfoModel,
        summary="Stream information",
    )
    async def stream_info(camera_id: str, request: Request) -> StreamInfoModel:
        """Whether the live stream can be played now, and what its window contains."""
        status = await runtime.status(camera_id).arrives()
        live = await states.look(camera_id)
        window = live.window if live.window is not None else LiveWindow(0)
        segments = window.segments
        return StreamInfoModel(
            id=camera_id,
            state=status.state,
            reason=status.reason,
            live_url=f"{base_of(request.scope)}/stream/{camera_id}/live.m3u8",
            playable=live.status == 200,
            codec=status.codec or None,
            audio=status.audio or None,
            bit_rate=None if status.bit_rate is None else round(status.bit_rate),
            target_duration=window.target_duration if segments else None,
            media_sequence=window.media_sequence if segments else None,
            segments=len(segments),
            starts_at=format_instant(segments[0].start, runtime.tz) if segments else None,
            ends_at=format_instant(segments[-1].end, runtime.tz) if segments else None,
        )

    return routes
