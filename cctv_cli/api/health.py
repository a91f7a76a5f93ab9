"""`/health`: findings, system, processes, storage. The answer is always 200; its `status` has the result."""

from __future__ import annotations

from typing import List

from fastapi import APIRouter, Request

from cctv_cli.api.access import shown_report
from cctv_cli.api.errors import errors
from cctv_cli.api.models import HealthModel, ProcessModel, StorageModel, SystemModel
from cctv_cli.api.needs import needs
from cctv_cli.api.threads import SharedCall
from cctv_cli.core.access.roles import Role
from cctv_cli.core.health.report import Report, health_model, process_models, storage_model, system_model
from cctv_cli.core.runtime import Runtime


def router(runtime: Runtime, reports: SharedCall[Report]) -> APIRouter:
    """The endpoints of this resource."""
    routes = APIRouter(prefix="/health", tags=["health"], responses=errors())

    async def report(request: Request) -> Report:
        return shown_report(await reports.result(), request)

    @routes.get("", dependencies=[needs(Role.VIEWER)], response_model=HealthModel, summary="Complete system health")
    async def health(request: Request) -> HealthModel:
        """Status, findings with their cures, and the facts behind them."""
        return health_model(await report(request), runtime.tz)

    @routes.get(
        "/metrics", dependencies=[needs(Role.VIEWER)], response_model=SystemModel, summary="Current system metrics"
    )
    async def metrics(request: Request) -> SystemModel:
        """CPU, memory, load, open files, disk. Prometheus uses `/metrics`."""
        return system_model(await report(request))

    @routes.get(
        "/processes", dependencies=[needs(Role.VIEWER)], response_model=List[ProcessModel], summary="FFmpeg processes"
    )
    async def processes(request: Request) -> List[ProcessModel]:
        """Each camera's FFmpeg, and why the previous one ended."""
        return process_models(await report(request), runtime.tz)

    @routes.get("/storage", dependencies=[needs(Role.VIEWER)], response_model=StorageModel, summary="Storage usage")
    async def storage(request: Request) -> StorageModel:
        """Disk, recordings by camera and day, and how long they can be kept."""
        return storage_model(await report(request), runtime.tz)

    return routes
