"""`/cleanup`: what retention would delete and why, and to let it."""

from __future__ import annotations

import logging
from typing import List

from fastapi import APIRouter, Query

from cctv_cli.api.errors import errors
from cctv_cli.api.models import CleanupModel
from cctv_cli.core.cleanup_report import report, summary
from cctv_cli.core.runtime import Runtime

log = logging.getLogger("cctv.cleanup")

FORCE = Query(False, description="Go on although a brake refuses; look at the preview first")


def router(runtime: Runtime) -> APIRouter:
    """The endpoints of this resource. They run in threads: a cleanup keeps nobody waiting."""
    routes = APIRouter(prefix="/cleanup", tags=["cleanup"], responses=errors())

    @routes.get("/preview", response_model=CleanupModel, summary="What a cleanup would delete")
    def preview(force: bool = FORCE) -> CleanupModel:
        """By camera and day, with reasons, and what the disks will look like. Deletes nothing."""
        return CleanupModel.model_validate(report(runtime.cleaner().preview(force=force), runtime.tz))

    @routes.post("/run", response_model=CleanupModel, responses=errors(409), summary="Clean up all cameras")
    def run(force: bool = FORCE) -> CleanupModel:
        """Answers when it is done. What no brake held back was deleted also when the answer is 409."""
        return _run(runtime, [], force)

    @routes.post(
        "/camera/{camera_id}",
        response_model=CleanupModel,
        responses=errors(404, 409),
        summary="Clean up one camera",
    )
    def run_camera(camera_id: str, force: bool = FORCE) -> CleanupModel:
        """By the camera's own age and size; the limits of all cameras together and of the disk do not apply."""
        return _run(runtime, [camera_id], force)

    return routes


def _run(runtime: Runtime, cameras: List[str], force: bool) -> CleanupModel:
    done = runtime.cleaner().run(cameras, force=force, ended=runtime.ending.is_set)
    if done.done.files:
        log.info("on request: %s", summary(done))
    if done.plan.refusals:
        done.raise_troubles()
    return CleanupModel.model_validate(report(done, runtime.tz))
