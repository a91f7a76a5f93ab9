"""`/metrics` for Prometheus: the facts of health with conventional names and base units (seconds, bytes, ratios)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Dict, Iterable, Iterator, Optional, Sequence, Tuple, Type, Union

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from cctv_cli import version
from cctv_cli.api.access import shown_report
from cctv_cli.api.errors import Responses, errors
from cctv_cli.api.needs import needs
from cctv_cli.api.threads import SharedCall, on_thread
from cctv_cli.core.access.roles import Role
from cctv_cli.core.clock import DAY
from cctv_cli.core.footage.coverage import Coverage
from cctv_cli.core.health.facts import CameraFacts, CameraStorage, ProcessFacts, StorageFacts, SystemFacts
from cctv_cli.core.health.report import Report
from cctv_cli.core.recording.state import State

Samples = Iterable[Tuple[Sequence[str], object]]  # label values, and a number or None


def router(reports: SharedCall[Report]) -> APIRouter:
    """The endpoint of this resource."""
    routes = APIRouter(tags=["health"], responses=errors())

    text: Dict[str, Any] = {"schema": {"type": "string"}}
    answer: Responses = {200: {"content": {"text/plain": text, "application/openmetrics-text": text}}}

    @routes.get(
        "/metrics",
        dependencies=[needs(Role.VIEWER)],
        response_class=Response,
        responses=answer,
        summary="Metrics for Prometheus",
    )
    async def metrics(request: Request) -> Response:
        """Prometheus scrapes this, in the format that it asks for; `examples/prometheus/` has alert rules."""
        encode, media_type = choose_encoder(", ".join(request.headers.getlist("accept")))
        report = shown_report(await reports.result(), request)
        shown = await on_thread(partial(render, report, encode))
        return Response(shown, media_type=media_type, headers={"Vary": "Accept"})

    return routes


def render(report: Report, encode: Callable[[CollectorRegistry], bytes] = generate_latest) -> bytes:
    """The metrics of a report in the text format of Prometheus, or the one of another encoder of its library."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(report))
    return encode(registry)


class _Collector(Collector):
    """One report's metrics."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def collect(self) -> Iterator[Metric]:
        for metric in METRICS:
            family = metric.kind(metric.name, metric.text, labels=metric.labels)
            for values, number in metric.samples(self._report):
                if isinstance(number, (int, float)):
                    family.add_metric(values, number)
            yield family


@dataclass(frozen=True)
class MetricSpec:
    """One metric: its name, what its value means, its labels, and how to get the samples from a report."""

    name: str
    text: str
    labels: Tuple[str, ...]
    samples: Callable[[Report], Samples]
    kind: Union[Type[GaugeMetricFamily], Type[CounterMetricFamily]] = GaugeMetricFamily


def _one(name: str, text: str, value: Callable[[Report], object]) -> MetricSpec:
    return MetricSpec(f"cctv_{name}", text, (), lambda report: [((), value(report))])


def _of_system(name: str, text: str, value: Callable[[SystemFacts], object]) -> MetricSpec:
    return _one(name, text, lambda report: value(report.facts.system))


def _of_storage(name: str, text: str, value: Callable[[StorageFacts], object]) -> MetricSpec:
    return _one(name, text, lambda report: value(report.facts.storage))


def _of_camera(name: str, text: str, value: Callable[[CameraFacts, float], object]) -> MetricSpec:
    def samples(report: Report) -> Samples:
        return [((camera.id,), value(camera, report.at)) for camera in report.facts.cameras]

    return MetricSpec(f"cctv_camera_{name}", text, ("camera",), samples)


def _of_window(name: str, text: str, value: Callable[[Coverage], float]) -> MetricSpec:
    def samples(report: Report) -> Samples:
        for camera in report.facts.cameras:
            yield (camera.id, "1h"), value(camera.last_hour)
            yield (camera.id, "24h"), value(camera.last_day)

    return MetricSpec(f"cctv_camera_{name}", text, ("camera", "window"), samples)


def _of_process(
    name: str,
    text: str,
    value: Callable[[ProcessFacts], object],
    kind: Union[Type[GaugeMetricFamily], Type[CounterMetricFamily]] = GaugeMetricFamily,
) -> MetricSpec:
    def samples(report: Report) -> Samples:
        return [((process.camera, process.stream), value(process)) for process in report.facts.processes]

    return MetricSpec(f"cctv_ffmpeg_{name}", text, ("camera", "stream"), samples, kind)


def _of_recordings(name: str, text: str, value: Callable[[CameraStorage], object]) -> MetricSpec:
    def samples(report: Report) -> Samples:
        return [((camera.camera,), value(camera)) for camera in report.facts.storage.cameras]

    return MetricSpec(f"cctv_recordings_{name}", text, ("camera",), samples)


def _findings(report: Report) -> Samples:
    return [((found.name, found.severity.value, found.camera or ""), 1) for found in report.findings]


def _load(report: Report) -> Samples:
    return [((window,), value) for window, value in zip(("1m", "5m", "15m"), report.facts.system.load or ())]


def _states(report: Report) -> Samples:
    return [
        ((camera.id, state.value), int(camera.state is state)) for camera in report.facts.cameras for state in State
    ]


def _scaled(value: Optional[float], factor: float) -> Optional[float]:
    return None if value is None else value * factor


def _segment_age(camera: CameraFacts, now: float) -> Optional[float]:
    return None if camera.last_segment_at is None else max(0.0, now - camera.last_segment_at)


def _full_in(storage: StorageFacts) -> Optional[float]:
    return None if storage.promise is None else _scaled(storage.promise.full_in, DAY)


METRICS = (
    MetricSpec("cctv_build_info", "The version of this server", ("version",), lambda _: [((version(),), 1)]),
    MetricSpec("cctv_finding", "1 for each finding of GET /health", ("name", "severity", "camera"), _findings),
    _of_system("system_cpu_usage_ratio", "CPU of all cores in use", lambda s: s.cpu / 100),
    _of_system("system_memory_bytes", "Memory of the machine", lambda s: s.memory_total),
    _of_system("system_memory_available_bytes", "Memory available to programs", lambda s: s.memory_available),
    MetricSpec("cctv_system_load_average", "Running or waiting processes", ("window",), _load),
    _of_system("open_files", "Open files of the supervisor", lambda s: s.open_files),
    _of_system("open_files_limit", "Limit of open files", lambda s: s.open_files_limit),
    _of_camera("up", "1 while the camera is recorded", lambda c, _: int(c.state is State.RUNNING)),
    _of_camera("wanted", "1 while it should be recorded", lambda c, _: int(c.wanted)),
    MetricSpec("cctv_camera_state", "1 for the current state", ("camera", "state"), _states),
    _of_camera(
        "stream_bytes_per_second", "Bit rate of the newest live segment", lambda c, _: _scaled(c.bit_rate, 1 / 8)
    ),
    _of_camera("frames_per_second", "Measured frame rate", lambda c, _: c.frame_rate),
    _of_camera("key_frame_interval_seconds", "The longest measured one", lambda c, _: c.gop),
    _of_camera("segment_age_seconds", "Age of the newest live segment", _segment_age),
    _of_camera("picture_width_pixels", "Width of the picture", lambda c, _: c.width),
    _of_camera("picture_height_pixels", "Height of the picture", lambda c, _: c.height),
    _of_window("recorded_seconds", "Recorded in the window up to now", lambda covered: covered.recorded),
    _of_window("missing_seconds", "Not recorded in the window up to now", lambda covered: covered.missing),
    _of_process("cpu_usage_ratio", "Share of one core", lambda p: _scaled(p.cpu, 1 / 100)),
    _of_process("resident_memory_bytes", "Resident memory", lambda p: p.memory),
    _of_process("start_time_seconds", "When it started, since 1970 UTC", lambda p: p.started),
    _of_process("restarts", "Unexpected exits", lambda p: p.restarts, CounterMetricFamily),
    _of_storage("storage_usable", "0 if recordings cannot be written", lambda s: int(not s.disk.fault)),
    _of_storage("storage_size_bytes", "Size of the storage's disk", lambda s: s.disk.total),
    _of_storage("storage_free_bytes", "Free space of the storage's disk", lambda s: s.disk.free),
    _of_storage("storage_min_free_bytes", "Space that should stay free", lambda s: s.disk.min_free),
    _of_recordings("bytes", "Size of all recordings", lambda c: c.bytes),
    _of_recordings("oldest_timestamp_seconds", "Start of the oldest recording", lambda c: c.oldest),
    _of_recordings("growth_bytes_per_second", "At the rate of the last 24 hours", lambda c: _scaled(c.growth, 1 / DAY)),
    _of_storage(
        "retention_promise_kept",
        "0 if the disk is too small for the configured days",
        lambda s: None if s.promise is None else int(s.promise.kept),
    ),
    _of_storage("storage_full_in_seconds", "Absent if retention keeps it from filling up", _full_in),
)
