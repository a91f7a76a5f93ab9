"""Errors over HTTP: what each status means, and their common body."""

from __future__ import annotations

from typing import Any, Dict, Union

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from cctv_cli.api.access import without_secret
from cctv_cli.api.models import ErrorModel
from cctv_cli.api.outside import base_of
from cctv_cli.core.errors import (
    AlreadySupervised,
    CameraDisabled,
    CctvError,
    CleanupRefused,
    CleanupRuns,
    UnknownCamera,
)
from cctv_cli.core.units import printable

Responses = Dict[Union[int, str], Dict[str, Any]]

_CONFLICTS = (AlreadySupervised, CameraDisabled, CleanupRefused, CleanupRuns)
_LONGEST_DETAIL = 300  # characters
_SHOWN = 80  # characters of a request that an error repeats
MEANINGS = {
    401: "This client is not allowed to do this",
    403: "The caller's role is not enough for this",
    404: "No such camera is configured, or nothing has this name",
    409: "The camera is stopped, disabled or supervised by another process, or a brake or cleanup prevents this",
    416: "The file does not have this range of bytes",
    422: "A parameter is invalid",
    429: "Too many requests with a wrong token: try again in 2 s",
    500: "An unexpected error, which is logged",
    502: "The camera fails; `detail` says why",
    503: "The storage cannot be used, or the camera has no live stream yet: try again",
}


def errors(*statuses: int) -> Responses:
    """The description of these error statuses, and of those that every route can answer."""
    every = sorted({401, 422, 429, 500, 503, *statuses})
    return {status: {"model": ErrorModel, "description": MEANINGS[status]} for status in every}


def add_error_handlers(app: FastAPI) -> None:
    """Turn every error that a route raises into a status and a sentence."""
    app.add_exception_handler(RequestValidationError, _on_bad_request)
    app.add_exception_handler(HTTPException, _on_refusal)
    app.add_exception_handler(CctvError, _on_error)
    app.add_exception_handler(OSError, _on_disk_error)


def error_answer(status: int, detail: str, headers: Any = None) -> JSONResponse:
    """The answer with this sentence in the common error body."""
    return JSONResponse({"detail": printable(detail[:_LONGEST_DETAIL])}, status_code=status, headers=headers)


async def _on_bad_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place, name = first["loc"][0], ".".join(map(str, first["loc"][1:]))
    return error_answer(422, f"The {place} parameter {name} cannot be read: {first['msg']}.")


async def _on_refusal(request: Request, error: Exception) -> JSONResponse:
    """A refusal by a route, or by the framework for an unknown path or method."""
    assert isinstance(error, HTTPException)
    detail = str(error.detail)
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        detail = f"{request.method[:_SHOWN]} is not possible here; use {allowed}."
    elif detail == "Not Found":
        base, path = base_of(request.scope), without_secret(request.scope["path"])[:_SHOWN]
        detail = f"There is nothing at {base}{path}; {base}/openapi.json lists all paths."
    return error_answer(error.status_code, detail, error.headers)


async def _on_error(request: Request, error: Exception) -> JSONResponse:
    status = 404 if isinstance(error, UnknownCamera) else 409 if isinstance(error, _CONFLICTS) else 503
    return error_answer(status, ". ".join(str(error).splitlines()) + ".")


async def _on_disk_error(request: Request, error: Exception) -> JSONResponse:
    reason = getattr(error, "strerror", None) or "no reason given"
    return error_answer(503, f"The storage cannot be used ({reason}); check its disk.")
