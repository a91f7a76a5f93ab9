"""Describes the media endpoints of `media_routes` for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

from cctv_cli.api.errors import MEANINGS
from cctv_cli.api.media import MEDIA_TYPES

Json = Dict[str, Any]

# the names of `layout` as regular expressions of JSON Schema (ECMA-262)
_RECORDING = r"^[0-5][0-9](-[1-9][0-9]{0,3})?\.(ts|mp4)$"
_LIVE_FILE = r"^(segment(0|[1-9][0-9]{0,11})\.(ts|mp4)|init(0|[1-9][0-9]{0,11})\.mp4)$"
_HOUR = "^([01][0-9]|2[0-3])$"

_PLAYLISTS = (".m3u8",)
_FILES = (".ts", ".mp4")
_LIVE = (409, 502)  # statuses of live media only
_HEADERS = [
    {"name": name, "in": "header", "schema": {"type": "string"}, "example": example, "description": description}
    for name, example, description in (
        ("Range", "bytes=0-187", "One range of bytes (RFC 9110 § 14.2)"),
        ("If-None-Match", '"5c1f-7e4000"', "The ETag of the client's copy"),
    )
]
_ERROR_BODY: Json = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorModel"}}}


def media_paths() -> Json:
    """The path items of playlists and segments (OpenAPI 3.1); they refer to the schema `ErrorModel`."""
    camera = _parameter("camera_id", {"type": "string"}, "front")
    live_file = _parameter("file", {"type": "string", "pattern": _LIVE_FILE}, "segment5281.ts")
    hour = [
        camera,
        _parameter("date", {"type": "string", "format": "date"}, "2026-11-23"),
        _parameter("hour", {"type": "string", "pattern": _HOUR}, "14"),
    ]
    recording = _parameter("file", {"type": "string", "pattern": _RECORDING}, "41.ts")
    live, sub, recorded = "/stream/{camera_id}", "/stream/{camera_id}/sub", "/recordings/{camera_id}/{date}/{hour}"
    return {
        f"{live}/live.m3u8": _item("Live HLS playlist", "stream", [camera], _PLAYLISTS, *_LIVE),
        f"{live}/main.m3u8": _item("Live playlist without sub stream", "stream", [camera], _PLAYLISTS, *_LIVE),
        f"{live}/{{file}}": _item("Live segment", "stream", [camera, live_file], _FILES, *_LIVE),
        f"{sub}/live.m3u8": _item("Live playlist of the sub stream", "stream", [camera], _PLAYLISTS, *_LIVE),
        f"{sub}/{{file}}": _item("Live segment of the sub stream", "stream", [camera, live_file], _FILES, *_LIVE),
        "/recordings/{camera_id}/playlist.m3u8": _item(
            "Recordings of the period that a link is for", "recordings", [camera], _PLAYLISTS
        ),
        f"{recorded}/playlist.m3u8": _item("Recordings of an hour", "recordings", hour, _PLAYLISTS),
        f"{recorded}/{{file}}": _item("One recording", "recordings", [*hour, recording], _FILES),
    }


def _item(summary: str, tag: str, parameters: List[Json], suffixes: Sequence[str], *errors: int) -> Json:
    answers = {200: _bytes("The whole file", suffixes), 206: _bytes("The requested byte range", suffixes)}
    answers[304] = {"description": "The client's copy is current"}
    answers.update({status: _error(status) for status in sorted({401, 404, 416, 429, 500, 503, *errors})})
    return {
        "get": {
            "tags": [tag],
            "summary": summary,
            "operationId": summary.lower().replace(" ", "_"),
            "parameters": [*parameters, *_HEADERS],
            "responses": {str(status): answer for status, answer in answers.items()},
        }
    }


def _bytes(description: str, suffixes: Sequence[str]) -> Json:
    # raw bytes have no schema (OpenAPI 3.1 § 4.8.14.3)
    return {"description": description, "content": {MEDIA_TYPES[suffix].decode(): {} for suffix in suffixes}}


def _error(status: int) -> Json:
    return {"description": MEANINGS[status], "content": _ERROR_BODY}


def _parameter(name: str, schema: Json, example: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": example}
