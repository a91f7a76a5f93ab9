"""The HTTP API: `create_app` puts the resources together."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import AsyncIterator, Dict

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.middleware.cors import CORSMiddleware

from cctv_cli import version
from cctv_cli.api import cameras, cleanup, recordings, stream
from cctv_cli.api.access import AccessGate
from cctv_cli.api.media_cache import MediaCache
from cctv_cli.api.media_routes import MediaRoutes
from cctv_cli.core.errors import AlreadySupervised, CctvError, CleanupRefused, CleanupRuns, UnknownCamera
from cctv_cli.core.runtime import Runtime

_LONGEST_DETAIL = 300  # characters
_CONFLICTS = (AlreadySupervised, CleanupRefused, CleanupRuns)
_CACHE_BYTES = 256 * 1024 * 1024


def create_app(runtime: Runtime) -> FastAPI:
    """The API over a runtime, which the caller starts and stops."""
    cache = MediaCache(_CACHE_BYTES)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        cache.close()

    app = FastAPI(title="CCTV Streaming API", version=version(), docs_url=None, redoc_url=None, lifespan=lifespan)
    states = stream.LiveStates(runtime)
    app.include_router(cameras.router(runtime))
    app.include_router(stream.router(runtime, states))
    app.include_router(recordings.router(runtime))
    app.include_router(cleanup.router(runtime))
    app.add_api_route("/", _index, include_in_schema=False)
    app.add_exception_handler(RequestValidationError, _on_bad_request)
    app.add_exception_handler(CctvError, _on_error)
    app.add_exception_handler(OSError, _on_disk_error)
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "HEAD"])
    app.add_middleware(MediaRoutes, runtime=runtime, states=states, cache=cache)
    app.add_middleware(AccessGate)  # the last one added is asked first
    return app


def _index() -> Dict[str, str]:
    return {"cameras": "/cameras", "description": "/openapi.json"}


def _on_bad_request(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": f"A parameter cannot be read: {error}."[:_LONGEST_DETAIL]}, status_code=422)


def _on_error(request: Request, error: Exception) -> JSONResponse:
    status = 404 if isinstance(error, UnknownCamera) else 409 if isinstance(error, _CONFLICTS) else 503
    sentences = ". ".join(str(error).splitlines())
    return JSONResponse({"detail": f"{sentences}."}, status_code=status)


def _on_disk_error(request: Request, error: Exception) -> JSONResponse:
    reason = getattr(error, "strerror", None) or "no reason given"
    return JSONResponse({"detail": f"The storage cannot be used ({reason}); check its disk."}, status_code=503)
