"""The Flutter example matches the API. The tests have no Dart, so they read from its source what it decodes.

Dart checks no schema: a key that is missing, null or of another type would fail only on somebody's phone.
"""

from __future__ import annotations

import plistlib
import re
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional
from xml.etree import ElementTree

import pytest
from pydantic import TypeAdapter

from cctv_cli.api import models
from cctv_cli.api.app import create_app
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.runtime import Runtime

APP = Path(__file__).parent.parent / "examples" / "flutter"
API, MAIN = ((APP / "lib" / name).read_text(encoding="utf-8") for name in ("api.dart", "main.dart"))

_CLASS = re.compile(r"^class (\w+)[^{]*\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_FACTORY = re.compile(r"factory (\w+)\.fromJson\(Map<String, dynamic> json\) => \1\((.*?)\n      \);", re.DOTALL)
_CAST = re.compile(r"json\['(\w+)'\] as (\w+)(<dynamic>)?(\?)?")
_ITEM = re.compile(
    r"json\['(\w+)'\] as List<dynamic>\)\s*\.map\(\((\w+)\) => (\w+)\.fromJson\(\2 as Map<String, dynamic>\)\)"
)
_DART_TYPES = {
    "string": "String",
    "integer": "int",
    "number": "num",
    "boolean": "bool",
    "array": "List",
    "object": "Map",
}


class Key(NamedTuple):
    """How Dart decodes a key."""

    type: str
    nullable: bool
    item: Optional[str]  # the Dart class of a list's items


def decoded(name: str) -> Dict[str, Key]:
    """The keys that the Dart class decodes."""
    (body,) = [body for found, body in _FACTORY.findall(API) if found == name]
    items = {key: item for key, _, item in _ITEM.findall(body)}
    found = {key: Key(kind, nullable == "?", items.get(key)) for key, kind, _, nullable in _CAST.findall(body)}
    assert len(found) == body.count("json['"), f"{name} decodes a key in a form that this test cannot read"
    return found


def sent(model: Any) -> Dict[str, Key]:
    """The keys that the model sends, as Dart would have to decode them."""
    schema = TypeAdapter(model).json_schema(mode="serialization")
    return {name: _key(field, schema.get("$defs", {})) for name, field in schema["properties"].items()}


def _key(field: Dict[str, Any], definitions: Dict[str, Any]) -> Key:
    kinds = field.get("anyOf", [field])
    (kind,) = [each for each in kinds if each.get("type") != "null"]
    if "$ref" in kind:
        kind = definitions[kind["$ref"].rpartition("/")[2]]
    item = kind.get("items", {}).get("$ref", "").rpartition("/")[2].replace("Model", "") or None
    return Key(_DART_TYPES[kind["type"]], len(kinds) > 1, item)


MODELS = {
    "Camera": models.CameraModel,
    "Recordings": models.RecordingsModel,
    "Day": models.DayModel,
    "Hour": models.HourModel,
    "Gap": models.GapModel,
    "Health": models.HealthModel,
    "Finding": models.FindingModel,
    "ApiError": models.ErrorModel,
}


def test_every_class_that_decodes_is_compared_with_a_model() -> None:
    assert {name for name, _ in _FACTORY.findall(API)} == set(MODELS)
    assert API.count("fromJson(Map<String, dynamic> json)") == len(MODELS)


@pytest.mark.parametrize("name", list(MODELS))
def test_what_the_app_decodes_is_what_the_api_sends(name: str) -> None:
    found = decoded(name)
    assert found
    assert found.items() <= sent(MODELS[name]).items()


@pytest.mark.parametrize("name", list(MODELS))
def test_every_decoded_value_has_a_field_of_its_type(name: str) -> None:
    """`json['live_url'] as String` is stored in `final String liveUrl;`, with that name in the constructor."""
    (body,) = [body for found, body in _CLASS.findall(API) if found == name]
    fields = {field: kind for kind, field in re.findall(r"^  final ([\w<>]+\??) (\w+);", body, re.MULTILINE)}
    expected = {}
    for key, (kind, nullable, item) in decoded(name).items():
        field = re.sub(r"_(\w)", lambda match: match.group(1).upper(), key)
        kind = f"List<{item}>" if item else {"num": "double"}.get(kind, kind)
        expected[field] = kind + ("?" if nullable else "")
        assert re.search(rf"\b{field}: \(?json\['{key}'\]", body), f"{name}.{field} does not take {key}"
        assert f"required this.{field}" in body
    assert fields == expected


def test_the_app_requests_paths_that_exist() -> None:
    known = {path.replace("/{camera_id}", "") for path in create_app(Runtime(Settings())).openapi()["paths"]}
    asked = set(re.findall(r"'(/[a-z]+)", API + MAIN))
    assert asked == {"/cameras", "/health", "/recordings"}
    assert asked <= known


def test_every_bracket_is_closed() -> None:
    for source in (API, MAIN):
        code = re.sub(r"//.*|'(?:\\.|\$\{[^}]*\}|[^'\\])*'", "", source)
        assert [code.count(each) for each in "([{"] == [code.count(each) for each in ")]}"]


def test_every_field_that_the_app_shows_exists() -> None:
    variables = {
        "camera": "Camera",
        "day": "Day",
        "hour": "Hour",
        "gap": "Gap",
        "health": "Health",
        "finding": "Finding",
    }
    for variable, name in variables.items():
        (body,) = [body for found, body in _CLASS.findall(API) if found == name]
        members = set(re.findall(r"final [\w<>]+\??\s(\w+);", body)) | set(re.findall(r"get (\w+) =>", body))
        used = set(re.findall(rf"\b{variable}\.([a-z]\w*)", MAIN))
        assert used
        assert used <= members, f"{variable} has no {used - members}"


def test_no_deprecated_player_is_used() -> None:
    assert "VideoPlayerController.networkUrl(" in MAIN
    assert "VideoPlayerController.network(" not in MAIN


def test_android_and_ios_allow_plain_http_in_the_local_network() -> None:
    manifest = ElementTree.parse(APP / "android" / "app" / "src" / "main" / "AndroidManifest.xml").getroot()
    android = "{http://schemas.android.com/apk/res/android}"
    permissions = {each.get(f"{android}name") for each in manifest.iter("uses-permission")}
    (application,) = manifest.iter("application")
    assert "android.permission.INTERNET" in permissions
    assert application.get(f"{android}usesCleartextTraffic") == "true"
    info = plistlib.loads((APP / "ios" / "Runner" / "Info.plist").read_bytes())
    assert info["NSAppTransportSecurity"] == {"NSAllowsLocalNetworking": True}
    assert info["NSLocalNetworkUsageDescription"]


def test_the_app_depends_on_what_it_imports() -> None:
    imported = set(re.findall(r"^import 'package:(\w+)/", API + MAIN, re.MULTILINE))
    pubspec = (APP / "pubspec.yaml").read_text(encoding="utf-8")
    declared = set(re.findall(r"^  (\w+):", pubspec.split("dependencies:")[1].split("\n\n")[0], re.MULTILINE))
    assert imported == declared
