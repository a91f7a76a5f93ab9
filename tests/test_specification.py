"""The tables of DESIGN.md, the specification and the threats, match the program, its tests and the README."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from pathlib import Path
from typing import List, NamedTuple, Set, Tuple

import pytest
import tomli

from cctv_cli.api.app import create_app
from cctv_cli.core.config.cameras import CAMERAS
from cctv_cli.core.config.names import VARIABLES as KNOWN_VARIABLES
from cctv_cli.core.config.settings import SETTINGS, Settings
from cctv_cli.core.runtime import Runtime

ROOT = Path(__file__).parent.parent
DESIGN = ROOT / "cctv_cli" / "DESIGN.md"
README = ROOT / "README.md"
SPECIFICATION = "The specification, line by line"
THREATS = "Threats"

ENDPOINTS = {
    "GET /health",
    "GET /health/metrics",
    "GET /health/processes",
    "GET /health/storage",
    "GET /cameras",
    "GET /cameras/{camera_id}",
    "POST /cameras/{camera_id}/start",
    "POST /cameras/{camera_id}/stop",
    "POST /cameras/{camera_id}/restart",
    "GET /stream/{camera_id}/live.m3u8",
    "GET /stream/{camera_id}/info",
    "GET /recordings/{camera_id}",
    "GET /recordings/{camera_id}/{date}/{hour}/playlist.m3u8",
    "GET /cleanup/preview",
    "POST /cleanup/run",
    "POST /cleanup/camera/{camera_id}",
}
VARIABLES = {
    "SERVER_HOST": "0.0.0.0",
    "SERVER_PORT": "8000",
    "HLS_BASE_PATH": "./hls",
    "RETENTION_DAYS": "30",
    "FFMPEG_THREAD_COUNT": "2",
    "HLS_SEGMENT_DURATION": "10",
    "VIDEO_BITRATE": "2000k",
    "AUDIO_BITRATE": "128k",
}
CAMERA_VARIABLES = {"CAMERA_X_ID", "CAMERA_X_NAME", "CAMERA_X_RTSP_URL", "CAMERA_X_ENABLED"}
README_NAMES = [
    ("Installing FFmpeg", ["https://ffmpeg.org/download.html", "sudo apt install ffmpeg", "brew install ffmpeg"]),
    ("Installing FFmpeg", ["Windows", "Ubuntu", "CentOS", "sudo yum install epel-release", "ffmpeg -version"]),
    ("Deployment", ["examples/docker", "examples/systemd", "examples/nginx", "examples/cron"]),
    ("Troubleshooting", ["FFmpeg not found", "Camera connection failed", "HLS segments not generated"]),
    ("Troubleshooting", ["High CPU usage", "issue"]),
    ("Performance tuning", ["FFMPEG_THREAD_COUNT", "VIDEO_BITRATE", "HLS_SEGMENT_DURATION", "RETENTION_DAYS"]),
    ("Coming from the FastAPI recipe with `run.py`", ["requirements.txt", "config.py.example", "run.py", "/hls/"]),
]


class Row(NamedTuple):
    """A line of the specification and its place, or an attacker and what he wants; its tests as "file::function"."""

    line: str
    where: str
    tests: Tuple[str, ...]


@lru_cache(maxsize=None)
def rows(heading: str = SPECIFICATION) -> List[Row]:
    """A table's rows, without its header and the headings between its parts."""
    table = DESIGN.read_text(encoding="utf-8").split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = []
    for text in table.splitlines():
        if text.startswith("| ") and not text.startswith("| **") and not text.startswith(("| line |", "| who |")):
            line, where, proof = (cell.strip() for cell in text.strip("|").split(" | "))
            found.append(Row(line, where, tuple(re.findall(r"`(tests/[^`]+)`", proof))))
    return found


@lru_cache(maxsize=None)
def functions(file: str) -> Set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


@pytest.mark.parametrize(("heading", "least"), [(SPECIFICATION, 60), (THREATS, 20)])
def test_every_line_has_a_test_that_exists(heading: str, least: int) -> None:
    assert len(rows(heading)) >= least
    for row in rows(heading):
        assert row.where, row.line
        assert row.tests, f"{row.line}: no test"
        for test in row.tests:
            file, _, function = test.partition("::")
            assert (ROOT / file).is_file(), f"{row.line}: {file} does not exist"
            assert function in functions(file), f"{row.line}: {file} has no {function}"


def test_every_place_that_the_table_names_exists() -> None:
    for row in rows():
        for place in re.findall(r"`((?:core|api|cli|examples)/[^`]*)`", row.where):
            path = ROOT / place if place.startswith("examples/") else ROOT / "cctv_cli" / place
            assert path.exists() or path.with_suffix(".py").is_file(), f"{row.line}: {place} does not exist"


def test_every_endpoint_is_in_the_table_and_in_the_api() -> None:
    listed = {match.group(1) for match in (re.match(r"`((?:GET|POST) /\S+)`", row.line) for row in rows()) if match}
    assert listed == ENDPOINTS
    paths = create_app(Runtime(Settings())).openapi()["paths"]
    assert ENDPOINTS - {f"{method.upper()} {path}" for path, item in paths.items() for method in item} == set()


def test_every_variable_is_in_the_table_and_in_the_program_with_its_default() -> None:
    listed = dict(match.groups() for match in (re.match(r"`([A-Z_]+)` = `(.+)`", row.line) for row in rows()) if match)
    assert listed == VARIABLES
    settings = Settings()
    defaults = {declared.variable: declared.text(getattr(settings, name)) for name, declared in SETTINGS.items()}
    for variable, default in VARIABLES.items():
        assert Path(defaults[variable]) == Path(default)  # "./hls" is "hls"


def test_every_variable_of_a_camera_is_in_the_table_and_in_the_program() -> None:
    listed = {match.group(1) for match in (re.match(r"`(CAMERA_X_\w+)`", row.line) for row in rows()) if match}
    assert listed == CAMERA_VARIABLES
    assert {variable[len("CAMERA_X_") :].lower() for variable in CAMERA_VARIABLES} <= {key.name for key in CAMERAS.keys}


def section(heading: str) -> str:
    """The README from this heading to the next one of its level."""
    parts = re.split(r"^## (.+)\n", README.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))[heading]


@pytest.mark.parametrize(("heading", "names"), README_NAMES)
def test_the_readme_has_what_the_specification_lists(heading: str, names: List[str]) -> None:
    text = section(heading)
    assert [name for name in names if name not in text] == []


def test_every_setting_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"`((?:[A-Z]+_)+[A-Z]+)`", README.read_text(encoding="utf-8")))
    assert len(named) > 20
    assert named - KNOWN_VARIABLES == set()


def test_the_license_is_mit() -> None:
    project = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
    assert "MIT" in section("License")


def anchor(heading: str) -> str:
    """The anchor that code hosts derive from a heading: lower case, no punctuation, dashes for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_link_inside_the_readme_leads_to_a_heading() -> None:
    text = README.read_text(encoding="utf-8")
    headings = {anchor(heading) for heading in re.findall(r"^##+ (.+)$", text, re.MULTILINE)}
    links = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert len(links) > 10
    assert links - headings == set()
