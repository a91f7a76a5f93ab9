"""`/cameras`: the state of the cameras, and start, stop, restart."""

from __future__ import annotations

from typing import Any, Dict, List

from fastapi import APIRouter, HTTPException, Request

from cctv_cli.api.access import grant_of
from cctv_cli.api.errors import errors
from cctv_cli.api.models import CameraModel
from cctv_cli.api.needs import needs
from cctv_cli.api.outside import base_of
from cctv_cli.api.stream import stopped_detail
from cctv_cli.api.threads import SharedCall
from cctv_cli.core.access.roles import Role
from cctv_cli.core.disk_threads import DiskHangs
from cctv_cli.core.recording.schema import camera_values
from cctv_cli.core.recording.status import CameraStatus, unreadable
from cctv_cli.core.runtime import Runtime


def router(runtime: Runtime) -> APIRouter:
    """The endpoints of this resource."""
    routes = APIRouter(prefix="/cameras", tags=["cameras"], responses=errors())
    statuses = SharedCall(runtime.statuses)

    @routes.get("", dependencies=[needs(Role.VIEWER)], response_model=List[CameraModel], summary="List all cameras")
    async def list_cameras(request: Request) -> List[CameraModel]:
        """All configured cameras that the caller may see, in the order of the configuration."""
        shows, base = grant_of(request.scope).shows, base_of(request.scope)
        return [camera_model(status, runtime, base) for status in await statuses.result() if shows(status.id)]

    @routes.get(
        "/{camera_id}",
        dependencies=[needs(Role.VIEWER)],
        response_model=CameraModel,
        responses=errors(404),
        summary="One camera",
    )
    async def get_camera(camera_id: str, request: Request) -> CameraModel:
        """The state of one camera, and the reason for it."""
        return await shown(camera_id, request)

    control: Dict[str, Any] = {
        "response_model": CameraModel,
        "status_code": 202,
        "responses": errors(403, 404, 409),
    }

    @routes.post("/{camera_id}/start", dependencies=[needs(Role.OPERATOR, act="start")], **control)
    async def start_camera(camera_id: str, request: Request) -> CameraModel:
        """Start a stopped camera. Answers at once; poll its state. 409 for a disabled camera."""
        await runtime.start_camera(camera_id).arrives()
        return await shown(camera_id, request)

    @routes.post("/{camera_id}/stop", dependencies=[needs(Role.OPERATOR, act="stop")], **control)
    async def stop_camera(camera_id: str, request: Request) -> CameraModel:
        """Stop a camera until it is started again, even if the server restarts in between."""
        await runtime.stop_camera(camera_id).arrives()
        return await shown(camera_id, request)

    @routes.post("/{camera_id}/restart", dependencies=[needs(Role.OPERATOR, act="restart")], **control)
    async def restart_camera(camera_id: str, request: Request) -> CameraModel:
        """Replace the camera's FFmpeg, without losing a frame if the camera allows a second session.

        409 for a disabled camera, and for a stopped one, which has to be started.
        """
        if runtime.camera(camera_id).enabled and await runtime.is_stopped(camera_id).arrives():
            raise HTTPException(409, stopped_detail(camera_id))
        await runtime.restart_camera(camera_id).arrives()
        return await shown(camera_id, request)

    async def shown(camera_id: str, request: Request) -> CameraModel:
        camera = runtime.camera(camera_id)
        try:
            status = await runtime.status(camera_id).arrives()
        except DiskHangs as error:
            status = unreadable(camera, error)
        return camera_model(status, runtime, base_of(request.scope))

    return routes


def camera_model(status: CameraStatus, runtime: Runtime, base: str) -> CameraModel:
    """The JSON model of a status, for a client that sees the server under the path `base`."""
    return CameraModel(live_url=f"{base}/stream/{status.id}/live.m3u8", **camera_values(status, runtime.tz))
