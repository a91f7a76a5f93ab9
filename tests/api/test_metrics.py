from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Dict, Set, Tuple

import httpx
import pytest
import yaml
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from cctv_cli.api.metrics import render
from cctv_cli.core.health.facts import (
    CameraFacts,
    CameraStorage,
    Coverage,
    DiskFacts,
    Facts,
    ProcessFacts,
    Promise,
    StorageFacts,
    SystemFacts,
)
from cctv_cli.core.health.findings import Finding, Severity
from cctv_cli.core.health.report import Report
from cctv_cli.core.recording.state import State

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "prometheus"
NOW = 1_800_000_000.0
FRONT = CameraFacts(
    "front",
    "Front",
    wanted=True,
    supervised=True,
    state=State.RUNNING,
    reason="recording",
    since=NOW - 60,
    width=1920,
    height=1080,
    bit_rate=4_000_000.0,
    frame_rate=25.0,
    gop=2.0,
    last_segment_at=NOW - 5,
    last_hour=Coverage(3590.0, 10.0, 0.0),
    last_day=Coverage(86000.0, 400.0, 0.0),
)
REPORT = Report(
    NOW,
    Facts(
        SystemFacts(25.0, 4, 40.0, 16_000, 9_600, (0.5, 0.4, 0.3), 100, 1024),
        (ProcessFacts("front", "main", 7, 3.0, 50_000_000, NOW - 60, 3, "it was killed", NOW - 61),),
        (FRONT, replace(FRONT, id='odd"one', state=State.BACKOFF, wanted=False, bit_rate=None, gop=None)),
        StorageFacts(
            DiskFacts(1000, 400, 600, 50),
            (CameraStorage("front", 30, (("2026-07-14", 500),), 86400.0 * 7, NOW - 3600),),
            Promise(False, 2000.0, 1100.0, 86400.0 * 7, 0.5, 0.25),
        ),
    ),
    (Finding("camera_not_recording", Severity.CRITICAL, "It is not; fix it", "front"),),
)

Samples = Dict[Tuple[str, Tuple[Tuple[str, str], ...]], float]


def samples(text: str) -> Samples:
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def value(name: str, labels: Dict[str, str]) -> float:
    return samples(render(REPORT).decode())[(name, tuple(sorted(labels.items())))]


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("cctv_camera_up", {"camera": "front"}, 1),
        ("cctv_camera_up", {"camera": 'odd"one'}, 0),
        ("cctv_camera_wanted", {"camera": 'odd"one'}, 0),
        ("cctv_camera_state", {"camera": "front", "state": "running"}, 1),
        ("cctv_camera_state", {"camera": "front", "state": "backoff"}, 0),
        ("cctv_camera_stream_bytes_per_second", {"camera": "front"}, 500_000),
        ("cctv_camera_frames_per_second", {"camera": "front"}, 25),
        ("cctv_camera_key_frame_interval_seconds", {"camera": "front"}, 2),
        ("cctv_camera_segment_age_seconds", {"camera": "front"}, 5),
        ("cctv_camera_picture_width_pixels", {"camera": "front"}, 1920),
        ("cctv_camera_picture_height_pixels", {"camera": "front"}, 1080),
        ("cctv_camera_recorded_seconds", {"camera": "front", "window": "1h"}, 3590),
        ("cctv_camera_missing_seconds", {"camera": "front", "window": "24h"}, 400),
        ("cctv_ffmpeg_cpu_usage_ratio", {"camera": "front", "stream": "main"}, 0.03),
        ("cctv_ffmpeg_resident_memory_bytes", {"camera": "front", "stream": "main"}, 50_000_000),
        ("cctv_ffmpeg_start_time_seconds", {"camera": "front", "stream": "main"}, NOW - 60),
        ("cctv_ffmpeg_restarts_total", {"camera": "front", "stream": "main"}, 3),
        ("cctv_system_cpu_usage_ratio", {}, 0.25),
        ("cctv_system_memory_available_bytes", {}, 9600),
        ("cctv_system_load_average", {"window": "5m"}, 0.4),
        ("cctv_open_files", {}, 100),
        ("cctv_storage_usable", {}, 1),
        ("cctv_storage_free_bytes", {}, 600),
        ("cctv_recordings_bytes", {"camera": "front"}, 500),
        ("cctv_recordings_growth_bytes_per_second", {"camera": "front"}, 7),
        ("cctv_recordings_oldest_timestamp_seconds", {"camera": "front"}, NOW - 3600),
        ("cctv_retention_promise_kept", {}, 0),
        ("cctv_storage_full_in_seconds", {}, 21_600),
        ("cctv_finding", {"name": "camera_not_recording", "severity": "critical", "camera": "front"}, 1),
    ],
)
def test_a_metric_has_its_base_unit(name: str, labels: Dict[str, str], expected: float) -> None:
    assert value(name, labels) == pytest.approx(expected)


def test_unknown_values_are_absent() -> None:
    found = samples(render(REPORT).decode())
    assert ("cctv_camera_stream_bytes_per_second", (("camera", 'odd"one'),)) not in found
    bare = replace(REPORT, facts=replace(REPORT.facts, storage=replace(REPORT.facts.storage, promise=None)))
    names = {name for name, _ in samples(render(bare).decode())}
    assert not names & {"cctv_retention_promise_kept", "cctv_storage_full_in_seconds"}


def test_names_follow_the_recommendations_of_prometheus() -> None:
    families = list(text_string_to_metric_families(render(REPORT).decode()))
    names = {family.name for family in families}
    assert all(re.fullmatch(r"cctv_[a-z][a-z0-9_]*", name) for name in names)
    assert all(family.documentation for family in families)
    assert {family.name for family in families if family.type == "counter"} == {"cctv_ffmpeg_restarts"}


@pytest.mark.anyio
async def test_prometheus_gets_text(client: httpx.AsyncClient) -> None:
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4; charset=utf-8")
    assert response.headers["vary"] == "Accept"
    found = samples(response.text)
    assert found[("cctv_camera_up", (("camera", "front"),))] == 0
    assert found[("cctv_camera_wanted", (("camera", "attic"),))] == 0
    assert ("cctv_finding", (("camera", ""), ("name", "no_supervisor"), ("severity", "critical"))) in found


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "openmetrics"),
        ("application/openmetrics-text", "openmetrics"),
        ("text/plain;version=0.0.4", "text"),
        ("application/json, */*", "text"),
        ("", "text"),
    ],
)
async def test_prometheus_gets_the_format_that_it_asks_for(client: httpx.AsyncClient, accept: str, chosen: str) -> None:
    response = await client.get("/metrics", headers={"Accept": accept})
    kind, parse = {
        "openmetrics": ("application/openmetrics-text; version=", openmetrics.text_string_to_metric_families),
        "text": ("text/plain; version=", text_string_to_metric_families),
    }[chosen]
    assert response.headers["content-type"].startswith(kind)
    names = {sample.name for family in parse(response.text) for sample in family.samples}
    assert {"cctv_camera_up", "cctv_finding", "cctv_storage_free_bytes"} <= names


# ---- the examples


def metric_names(expression: str) -> Set[str]:
    return set(re.findall(r"\bcctv_\w+", expression))


def test_the_alert_rules_use_metrics_labels_and_findings_that_exist() -> None:
    (group,) = yaml.safe_load((EXAMPLES / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    labels: Dict[str, Set[str]] = {}
    for name, pairs in samples(render(REPORT).decode()):
        labels.setdefault(name, set()).update(label for label, _ in pairs)
    assert len(group["rules"]) >= 6
    for rule in group["rules"]:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "description"}
        names = metric_names(rule["expr"])
        assert names or rule["expr"].startswith("up{")
        assert names <= set(labels)
        used = {label for text in rule["annotations"].values() for label in re.findall(r"\$labels\.(\w+)", text)}
        known = {label for name in names for label in labels[name]} | {"instance", "job"}
        assert used <= known


def test_the_scrape_configuration_names_the_rules() -> None:
    prometheus = yaml.safe_load((EXAMPLES / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = prometheus["scrape_configs"]
    assert job["job_name"] == "cctv"
    assert job.get("metrics_path", "/metrics") == "/metrics"
    assert all((EXAMPLES / name).is_file() for name in prometheus["rule_files"])
