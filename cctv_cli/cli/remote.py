"""Gets the health of a remote `cctv serve` in bounded time; errors are one sentence."""

from __future__ import annotations

import time
from typing import Any, Dict, NamedTuple

import httpx
from pydantic import ValidationError

from cctv_cli.api.models import ErrorModel, HealthModel
from cctv_cli.core.errors import HealthUnknown
from cctv_cli.core.units import printable

_STEP = 5.0  # seconds for each step of the request
_TOTAL = 15.0  # seconds for the whole answer
_LARGEST = 32 * 1024 * 1024  # bytes


class _Answer(NamedTuple):
    status: int
    body: bytes


def fetch_health(url: str) -> Dict[str, Any]:
    """Return the answer of `GET /health` of the server at `url`. Raises HealthUnknown."""
    place = _place(url)
    name = f"{place.scheme}://{place.host}" + ("" if place.port is None else f":{place.port}")  # without a login
    answer = _get(place, name)
    if answer.status == 401:
        raise HealthUnknown(f"The server at {name} refuses requests from this machine ({_detail(answer)})")
    if answer.status == 200:
        try:
            return HealthModel.model_validate_json(answer.body).model_dump()
        except ValidationError:
            pass
    if answer.status == 503:
        raise HealthUnknown(f"The server at {name} cannot report its health ({_detail(answer)})")
    raise HealthUnknown(
        f"The server at {name} is not a cctv server (status {answer.status}); give the address of cctv serve"
    )


def _place(url: str) -> httpx.URL:
    """The URL of `/health` on the given server. Raises HealthUnknown."""
    try:
        given = httpx.URL(url if "://" in url else f"http://{url}")
        if given.scheme not in ("http", "https") or not given.host:
            raise httpx.InvalidURL("not an http URL")
        path = given.path.rstrip("/")
        return given.copy_with(path=path if path.endswith("/health") else f"{path}/health", query=None, fragment=None)
    except (httpx.InvalidURL, ValueError):
        raise HealthUnknown("--url is not the address of a server; write it like http://192.168.1.10:8000") from None


def _get(place: httpx.URL, name: str) -> _Answer:
    end = time.monotonic() + _TOTAL
    body = b""
    try:
        with httpx.stream("GET", place, timeout=_STEP) as answer:
            for block in answer.iter_bytes():
                body += block
                if time.monotonic() > end or len(body) > _LARGEST:
                    raise HealthUnknown(f"The server at {name} sends an endless answer; is it cctv serve?")
            return _Answer(answer.status_code, body)
    except httpx.TimeoutException:
        reason = f"it did not answer within {_STEP:g} s"
    except httpx.ConnectError as error:
        reason = str(error) or "no connection"
    except httpx.HTTPError as error:
        reason = f"the connection failed, {type(error).__name__}"
    raise HealthUnknown(f"The server at {name} cannot be reached ({reason}); is cctv serve running there?")


def _detail(answer: _Answer) -> str:
    try:
        return printable(ErrorModel.model_validate_json(answer.body).detail.rstrip("."))
    except ValidationError:
        return f"status {answer.status}"
