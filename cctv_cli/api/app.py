"""The HTTP API: `create_app` assembles the resources."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, AsyncIterator, Dict

from fastapi import FastAPI, Request

from cctv_cli import version
from cctv_cli.api import cameras, cleanup, health, login, metrics, recordings, stream
from cctv_cli.api.access import AccessGate, WrongTokens
from cctv_cli.api.audit import AuditTrail
from cctv_cli.api.cors import Cors
from cctv_cli.api.errors import add_error_handlers
from cctv_cli.api.hardening import Hardening, HeadAsGet
from cctv_cli.api.media_cache import MediaCache, media_bytes
from cctv_cli.api.media_description import media_paths
from cctv_cli.api.media_routes import MediaRoutes
from cctv_cli.api.outside import Outsides, base_of
from cctv_cli.api.periods import Periods
from cctv_cli.api.request_log import RequestLog
from cctv_cli.api.requests import WholeRequests
from cctv_cli.api.running import RunningAnswers
from cctv_cli.api.threads import SharedCall
from cctv_cli.core.access.known import Known
from cctv_cli.core.audit.writer import AuditWriter
from cctv_cli.core.footage.catalog import Catalog
from cctv_cli.core.runtime import Runtime
from cctv_cli.core.system import DaemonThread

_DESCRIPTION = (
    "Live streams and recordings of RTSP cameras. Clients in the local network may read; "
    "control (every POST) is only for the machine that runs the server. "
    "The body of every error is a JSON object with one sentence in `detail`."
)


class _App(FastAPI):
    def openapi(self) -> Dict[str, Any]:
        """The OpenAPI document: FastAPI's, plus the media routes outside FastAPI."""
        description = super().openapi()
        description["paths"].update(media_paths())
        return description


def create_app(runtime: Runtime) -> FastAPI:
    """The API of a runtime, which the caller starts and stops."""
    cache = MediaCache(media_bytes())
    catalog = Catalog()
    known = Known(runtime.settings.storage, lambda: runtime.settings, runtime.clock)
    known.read()
    running = RunningAnswers(known, runtime.clock)
    writer = AuditWriter(runtime.settings.storage, runtime.clock)
    trail = AuditTrail(runtime, writer)
    ended = threading.Event()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        DaemonThread(partial(recordings.read_ahead, runtime, catalog, ended), "read ahead").start()
        known.follow()
        watching = asyncio.ensure_future(running.watch())
        writer.start()
        yield
        watching.cancel()
        ended.set()
        known.end()
        writer.end()
        cache.close()

    app = _App(
        title="CCTV Streaming API",
        version=version(),
        description=_DESCRIPTION,
        docs_url=None,
        openapi_url=None,  # FastAPI would keep the base path of every request
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    wrong = WrongTokens()
    states = stream.LiveStates(runtime)
    reports = SharedCall(runtime.health)
    app.include_router(cameras.router(runtime))
    app.include_router(stream.router(runtime, states))
    app.include_router(recordings.router(runtime, catalog))
    app.include_router(health.router(runtime, reports))
    app.include_router(metrics.router(reports))
    app.include_router(cleanup.router(runtime))
    app.include_router(login.router(runtime, known, wrong, trail))
    app.add_api_route("/", _index, include_in_schema=False)
    app.add_api_route("/openapi.json", _description, include_in_schema=False)
    add_error_handlers(app)
    app.add_middleware(HeadAsGet)
    app.add_middleware(MediaRoutes, runtime=runtime, states=states, cache=cache, periods=Periods(runtime, catalog))
    app.add_middleware(AccessGate, runtime=runtime, known=known, running=running, wrong=wrong, trail=trail)
    app.add_middleware(Cors, runtime=runtime)
    app.add_middleware(WholeRequests)
    app.add_middleware(Hardening)
    app.add_middleware(RequestLog, trail=trail)
    app.add_middleware(Outsides, runtime=runtime)  # the last one added runs first
    return app


async def _index(request: Request) -> Dict[str, str]:
    base = base_of(request.scope)
    return {"cameras": f"{base}/cameras", "health": f"{base}/health", "description": f"{base}/openapi.json"}


async def _description(request: Request) -> Dict[str, Any]:
    base, found = base_of(request.scope), request.app.openapi()
    return {**found, "servers": [{"url": base}]} if base else dict(found)
