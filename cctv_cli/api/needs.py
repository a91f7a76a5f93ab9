"""What routes of FastAPI declare: the role that they need.

Without `from __future__ import annotations`, because older releases of FastAPI do not evaluate the annotations of an
object's `__call__`.
"""

from typing import Any

from fastapi import Depends, HTTPException
from starlette.requests import Request

from cctv_cli.api.access import require_shown
from cctv_cli.api.caller import caller_of
from cctv_cli.core.access.roles import Role


class Needs:
    """What a route declares: the role that it needs, for the camera in its path if there is one, or for all cameras.

    A route that changes something also declares the word for it in the audit log.
    """

    def __init__(self, role: Role, *, all_cameras: bool = False, act: str = "") -> None:
        self.role = role
        self.act = act
        self.all_cameras = all_cameras

    async def __call__(self, request: Request) -> None:
        """Raises UnknownCamera if the caller may not know of the camera, and a 403 if the role is not enough."""
        caller, camera = caller_of(request.scope), request.path_params.get("camera_id")
        grant, caller.act, caller.camera = caller.grant, self.act, camera or ""
        if camera is not None:
            require_shown(grant, camera)
        if grant.period is not None:
            raise HTTPException(403, "This link plays what was recorded in one period, and nothing else.")
        if self.all_cameras and grant.cameras is not None:
            raise HTTPException(403, "This concerns all cameras, and your token is for some of them.")
        if not grant.role.includes(self.role):
            raise HTTPException(403, f"This needs the role {self.role.value}, and yours is {grant.role.value}.")


def needs(role: Role, *, all_cameras: bool = False, act: str = "") -> Any:
    """The dependency by which a route declares what it needs."""
    return Depends(Needs(role, all_cameras=all_cameras, act=act))
