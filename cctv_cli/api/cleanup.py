"""`/cleanup`: preview what retention would delete and why, or run it."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Future
from functools import partial
from typing import Callable, Dict, Tuple, Union

from fastapi import APIRouter, HTTPException, Query, Response

from cctv_cli.api.errors import errors
from cctv_cli.api.models import CleanupModel
from cctv_cli.api.needs import needs
from cctv_cli.core.access.roles import Role
from cctv_cli.core.disk_threads import DiskThreads
from cctv_cli.core.retention.report import report, summary
from cctv_cli.core.runtime import Runtime
from cctv_cli.core.system import DaemonThread

log = logging.getLogger("cctv.cleanup")

_LIMIT = 300.0  # seconds that a request waits for a scan or a cleanup
_FRESH = 5.0  # seconds for which a preview is reused: it scans everything, and any client may request it
_UNDER_WAY = (
    f"The cleanup is not done after {_LIMIT:.0f} s and continues; GET /cleanup/preview shows what is left to delete, "
    "and GET /health whether a disk hangs."
)

FORCE = Query(False, description="Delete even if a brake refuses; check the preview first")


def router(runtime: Runtime) -> APIRouter:
    """The endpoints of this resource. A cleanup occupies none of the server's threads."""
    previews = _Previews(runtime)

    async def clean(cameras: Tuple[str, ...], force: bool) -> Response:
        result: Future[Union[str, Exception]] = Future()
        call = partial(_run, runtime, previews, cameras, force)
        DaemonThread(partial(_settle, result, call), "cleanup on request").start()
        done, _ = await asyncio.wait([asyncio.wrap_future(result)], timeout=_LIMIT)
        if not done:
            result.add_done_callback(_log_error)
            raise HTTPException(503, _UNDER_WAY)
        found = result.result()
        if isinstance(found, Exception):
            raise found
        return Response(found, media_type="application/json")

    routes = APIRouter(prefix="/cleanup", tags=["cleanup"], responses=errors())

    @routes.get(
        "/preview",
        dependencies=[needs(Role.VIEWER, all_cameras=True)],
        response_model=CleanupModel,
        summary="What a cleanup would delete",
    )
    async def preview(force: bool = FORCE) -> Response:
        """By camera and day, with reasons, and the disks afterwards; up to 5 s old. Deletes nothing."""
        return Response(await previews.read(force), media_type="application/json")

    @routes.post(
        "/run",
        dependencies=[needs(Role.ADMIN, all_cameras=True, act="cleanup")],
        response_model=CleanupModel,
        responses=errors(403, 409),
        summary="Clean up all cameras",
    )
    async def run(force: bool = FORCE) -> Response:
        """Answers when the cleanup is done. After 300 s it answers with 503, and the cleanup continues.

        409 while another cleanup runs, and if a brake refuses; what no brake holds back is deleted even then.
        """
        return await clean((), force)

    @routes.post(
        "/camera/{camera_id}",
        dependencies=[needs(Role.ADMIN, act="cleanup")],
        response_model=CleanupModel,
        responses=errors(403, 404, 409),
        summary="Clean up one camera",
    )
    async def run_camera(camera_id: str, force: bool = FORCE) -> Response:
        """By the camera's own age and size limits; the limit of all cameras and the disk's do not apply."""
        return await clean((camera_id,), force)

    return routes


def _settle(result: Future[Union[str, Exception]], call: Callable[[], str]) -> None:
    """Make the call, and pass its result or exception to the request."""
    result.set_running_or_notify_cancel()  # a client that closes its connection must not cancel a cleanup
    try:
        result.set_result(call())
    except Exception as error:
        result.set_result(error)


def _log_error(result: Future[Union[str, Exception]]) -> None:
    """Log why a cleanup failed after its request had been answered."""
    found = result.result()
    if isinstance(found, Exception):
        log.error("on request: %s", found)


class _Previews:
    """One scan at a time; requests during it, or soon after, get the same answer."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._known: Dict[bool, Tuple[float, str]] = {}  # by `force`: monotonic seconds and JSON
        self._disks = DiskThreads(_LIMIT)

    async def read(self, force: bool) -> str:
        """The preview as JSON. Raises CctvError, OSError."""
        at, text = self._known.get(force, (0.0, ""))
        if not text or not 0 <= self._runtime.clock.monotonic() - at < _FRESH:
            storage = self._runtime.settings.storage
            text = await self._disks.submit(storage, force, partial(self._scan, force)).arrives()
            self._known[force] = (self._runtime.clock.monotonic(), text)
        return text

    def forget(self) -> None:
        """Discard the cached previews."""
        self._known.clear()

    def _scan(self, force: bool) -> str:
        values = report(self._runtime.cleaner().preview(force=force), self._runtime.tz)
        return CleanupModel.model_validate(values).model_dump_json()


def _run(runtime: Runtime, previews: _Previews, cameras: Tuple[str, ...], force: bool) -> str:
    """Clean up; the answer is the report as JSON. Raises CctvError."""
    try:
        done = runtime.cleaner().run(cameras, force=force, ended=runtime.ending.is_set)
    finally:
        previews.forget()
    if done.done.files:
        log.info("on request: %s", summary(done))
    if done.plan.refusals:
        done.raise_troubles()
    return CleanupModel.model_validate(report(done, runtime.tz)).model_dump_json()
