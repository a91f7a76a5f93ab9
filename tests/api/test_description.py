"""The OpenAPI document agrees with what the server does."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Tuple

import httpx
import pytest
from pydantic import BaseModel, TypeAdapter

from cctv_cli import version
from cctv_cli.api import models
from cctv_cli.core.layout import live_init_name, live_segment_name, parse_live_init, parse_live_segment, parse_recording
from tests.api.conftest import NOW
from tests.support.storage_tree import CameraTree, instant

pytestmark = pytest.mark.anyio

Json = Dict[str, Any]


@pytest.fixture(scope="module")
def documents() -> List[Json]:
    """A cache of the document, because generating it takes longer than any test here."""
    return []


@pytest.fixture
async def description(client: httpx.AsyncClient, documents: List[Json]) -> Json:
    if not documents:
        documents.append((await client.get("/openapi.json")).json())
    return documents[0]


def operations(description: Json) -> Iterator[Tuple[str, str, Json]]:
    for path, item in description["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


async def test_it_names_every_endpoint(description: Json) -> None:
    assert description["info"]["version"] == version()
    assert {(method, path) for method, path, _ in operations(description)} >= {
        ("get", "/cameras"),
        ("get", "/cameras/{camera_id}"),
        ("post", "/cameras/{camera_id}/start"),
        ("post", "/cameras/{camera_id}/stop"),
        ("post", "/cameras/{camera_id}/restart"),
        ("get", "/stream/{camera_id}/live.m3u8"),
        ("get", "/stream/{camera_id}/info"),
        ("get", "/stream/{camera_id}/{file}"),
        ("get", "/recordings/{camera_id}"),
        ("get", "/health"),
        ("get", "/health/metrics"),
        ("get", "/health/processes"),
        ("get", "/health/storage"),
        ("get", "/metrics"),
        ("get", "/recordings/{camera_id}/{date}/{hour}/playlist.m3u8"),
        ("get", "/recordings/{camera_id}/{date}/{hour}/{file}"),
    }


async def test_it_is_the_same_when_it_is_requested_again(client: httpx.AsyncClient, description: Json) -> None:
    assert (await client.get("/openapi.json")).json() == description


async def test_every_operation_has_a_summary_and_an_id_of_its_own(description: Json) -> None:
    found = [operation for _, _, operation in operations(description)]
    assert all(operation["summary"] and operation["tags"] for operation in found)
    ids = [operation["operationId"] for operation in found]
    assert len(set(ids)) == len(ids)


async def test_every_error_has_the_common_body(description: Json) -> None:
    """Generated clients decode `detail` as a string, as it is sent."""
    body = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorModel"}}}
    for method, path, operation in operations(description):
        always = {"401", "500", "503", *(["404"] if "{" in path else [])}
        assert always <= set(operation["responses"]), (method, path)
        for status, response in operation["responses"].items():
            assert response["description"], (method, path, status)
            if status >= "400":
                assert response["content"] == body, (method, path, status)
    assert set(description["components"]["schemas"]) == {
        name for name, model in vars(models).items() if isinstance(model, type) and issubclass(model, BaseModel)
    } - {"BaseModel", "CameraFields"} | {"State"}


async def test_every_answer_has_a_type(description: Json) -> None:
    for method, path, operation in operations(description):
        good = {status: answer for status, answer in operation["responses"].items() if status < "300"}
        assert good, (method, path)
        for answer in good.values():
            (schema, *_) = [content.get("schema") for content in answer["content"].values()]
            if "application/json" in answer["content"]:
                assert "$ref" in schema or "$ref" in schema["items"], (method, path)


async def test_every_placeholder_of_a_path_is_a_parameter(description: Json) -> None:
    for method, path, operation in operations(description):
        in_path = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path)), (method, path)


@pytest.mark.parametrize(
    "model",
    [m for m in vars(models).values() if isinstance(m, type) and issubclass(m, BaseModel) and m is not BaseModel],
    ids=lambda model: str(model.__name__),
)
def test_every_example_is_valid(model: Any) -> None:
    assert model.__doc__
    for name, field in model.model_fields.items():
        nested = "Model" in str(field.annotation)
        assert field.examples or nested, f"{model.__name__}.{name} has no example"
        for example in field.examples or []:
            TypeAdapter(field.annotation).validate_python(example, strict=True)


MEDIA = [
    "/stream/front/live.m3u8",
    "/stream/front/main.m3u8",
    "/stream/front/segment14.ts",
    "/recordings/front/2026-07-14/14/playlist.m3u8",
    "/recordings/front/2026-07-14/14/41.ts",
]


def described(description: Json, path: str) -> Json:
    """The operation for a path: the matching one with the fewest placeholders."""
    fitting = [
        known
        for known in description["paths"]
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(known)), path) is not None
    ]
    operation: Json = description["paths"][min(fitting, key=lambda known: known.count("{"))]["get"]
    return operation


@pytest.mark.parametrize("path", MEDIA)
@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 200), ({"Range": "bytes=0-9"}, 206), ({"If-None-Match": "*"}, 304), ({"Range": "bytes=99999999-"}, 416)],
    ids=["whole", "range", "known", "beyond"],
)
async def test_media_answer_as_described(
    client: httpx.AsyncClient, description: Json, front: CameraTree, path: str, headers: Dict[str, str], status: int
) -> None:
    front.record("2026-07-14T14:41:00+02:00", 20)
    front.begin_stream(7, instant(NOW) - 81)
    front.stream(8)
    response = await client.get(path, headers=headers)
    assert response.status_code == status
    answer = described(description, path)["responses"][str(status)]
    if response.content:
        assert response.headers["content-type"] in answer["content"]
    else:
        assert "content" not in answer


def pattern(description: Json, path: str, name: str) -> str:
    parameters: List[Json] = description["paths"][path]["get"]["parameters"]
    (found,) = [parameter["schema"]["pattern"] for parameter in parameters if parameter["name"] == name]
    return str(found)


@pytest.mark.parametrize(
    "name",
    [
        *map(live_segment_name, (0, 7, 10**12 - 1, 10**12)),
        live_segment_name(7, ".mp4"),
        *map(live_init_name, (0, 7, 10**12)),
        *("segment07.ts", "init7.ts", "segment.ts", "segment7.m4s", "xsegment7.ts", "segment7.ts\n"),
    ],
)
async def test_the_pattern_of_live_files_agrees_with_the_layout(description: Json, name: str) -> None:
    known = parse_live_segment(name) is not None or parse_live_init(name) is not None
    expression = pattern(description, "/stream/{camera_id}/{file}", "file")
    assert (re.match(expression.replace("$", r"\Z"), name) is not None) == known


@pytest.mark.parametrize(
    ("hour", "file"),
    [
        *[("14", file) for file in ("41.ts", "00.ts", "59.mp4", "41-1.ts", "41-9999.mp4")],
        *[("14", file) for file in ("60.ts", "4.ts", "41-0.ts", "41-10000.ts", "41.m4s", "041.ts", "41.ts\n")],
        *[(hour, "41.ts") for hour in ("00", "23", "24", "9", "1٤", "14\n")],
    ],
)
async def test_the_pattern_of_recordings_agrees_with_the_layout(description: Json, hour: str, file: str) -> None:
    path = "/recordings/{camera_id}/{date}/{hour}/{file}"
    texts = {"hour": hour, "file": file}
    fits = [re.match(pattern(description, path, name).replace("$", r"\Z"), text) for name, text in texts.items()]
    assert all(fits) == (parse_recording("2026-07-14", hour, file) is not None)


async def test_no_documentation_page_needs_the_internet(client: httpx.AsyncClient) -> None:
    for path in ("/docs", "/redoc"):
        assert (await client.get(path)).status_code == 404
