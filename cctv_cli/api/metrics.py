"""`/metrics` for Prometheus: the facts of health under conventional names, in base units (seconds, bytes, ratios)."""

from __future__ import annotations

from typing import Iterable, Iterator, List, Sequence, Tuple

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cctv_cli import version
from cctv_cli.api.errors import Responses, errors
from cctv_cli.core.clock import DAY
from cctv_cli.core.health.facts import CameraFacts, ProcessFacts, StorageFacts, SystemFacts
from cctv_cli.core.health.findings import Finding
from cctv_cli.core.health.report import Report
from cctv_cli.core.recording.state import State
from cctv_cli.core.runtime import Runtime

Samples = Iterable[Tuple[Sequence[str], object]]  # label values, and a number or None


def router(runtime: Runtime) -> APIRouter:
    """The endpoint of this resource."""
    routes = APIRouter(tags=["health"], responses=errors())

    text: Responses = {200: {"content": {CONTENT_TYPE_LATEST: {"schema": {"type": "string"}}}}}

    @routes.get("/metrics", response_class=Response, responses=text, summary="Metrics for Prometheus")
    def metrics() -> Response:
        """Text that Prometheus scrapes; `examples/prometheus/` has alert rules for it."""
        return Response(render(runtime.health()), media_type=CONTENT_TYPE_LATEST)

    return routes


def render(report: Report) -> bytes:
    """The metrics of a report as Prometheus reads them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(report))
    return generate_latest(registry)


class _Collector(Collector):
    """One report's metrics."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def collect(self) -> Iterator[Metric]:
        facts = self._report.facts
        yield _gauge("cctv_build_info", "The version that answers", ["version"], [([version()], 1)])
        yield from _findings(self._report.findings)
        yield from _system(facts.system)
        yield from _cameras(facts.cameras, self._report.at)
        yield from _processes(facts.processes)
        yield from _storage(facts.storage)


def _gauge(name: str, text: str, labels: Sequence[str], samples: Samples) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in samples:
        if isinstance(number, (int, float)):
            family.add_metric(values, number)
    return family


def _findings(findings: Sequence[Finding]) -> Iterator[Metric]:
    labels = ["name", "severity", "camera"]
    samples = [([f.name, f.severity.value, f.camera or ""], 1) for f in findings]
    yield _gauge("cctv_finding", "1 for each finding of GET /health", labels, samples)


def _system(system: SystemFacts) -> Iterator[Metric]:
    yield _gauge("cctv_system_cpu_usage_ratio", "CPU of all cores in use", [], [([], system.cpu / 100)])
    yield _gauge("cctv_system_memory_bytes", "Memory of the machine", [], [([], system.memory_total)])
    yield _gauge("cctv_system_memory_available_bytes", "Memory to be had", [], [([], system.memory_available)])
    load = zip(("1m", "5m", "15m"), system.load or ())
    yield _gauge("cctv_system_load_average", "Processes that work or wait", ["window"], [([w], v) for w, v in load])
    yield _gauge("cctv_open_files", "Open files of the supervisor", [], [([], system.open_files)])
    yield _gauge("cctv_open_files_limit", "How many it may have", [], [([], system.open_files_limit)])


def _cameras(cameras: Sequence[CameraFacts], now: float) -> Iterator[Metric]:
    def each(name: str, text: str, samples: Iterable[Tuple[str, object]]) -> Metric:
        return _gauge(f"cctv_camera_{name}", text, ["camera"], [([camera], value) for camera, value in samples])

    yield each("up", "1 while the camera is recorded", ((c.id, int(c.state is State.RUNNING)) for c in cameras))
    yield each("wanted", "1 while it should be recorded", ((c.id, int(c.wanted)) for c in cameras))
    states = [([c.id, state.value], int(c.state is state)) for c in cameras for state in State]
    yield _gauge("cctv_camera_state", "1 for the state that it is in", ["camera", "state"], states)
    rates = ((c.id, None if c.bit_rate is None else c.bit_rate / 8) for c in cameras)
    yield each("stream_bytes_per_second", "Of its newest live segment", rates)
    yield each("frames_per_second", "As they came", ((c.id, c.frame_rate) for c in cameras))
    yield each("key_frame_interval_seconds", "The longest, as they came", ((c.id, c.gop) for c in cameras))
    ages = ((c.id, None if c.last_segment_at is None else max(0.0, now - c.last_segment_at)) for c in cameras)
    yield each("segment_age_seconds", "Since the newest live segment ended", ages)
    yield each("picture_width_pixels", "Of the picture", ((c.id, c.width) for c in cameras))
    yield each("picture_height_pixels", "Of the picture", ((c.id, c.height) for c in cameras))
    yield _covered("recorded_seconds", "Recorded in the window up to now", cameras)
    yield _covered("missing_seconds", "Not recorded in the window up to now", cameras)


def _covered(name: str, text: str, cameras: Sequence[CameraFacts]) -> Metric:
    part = name.split("_")[0]
    samples: List[Tuple[Sequence[str], object]] = []
    for camera in cameras:
        samples.append(([camera.id, "1h"], getattr(camera.last_hour, part)))
        samples.append(([camera.id, "24h"], getattr(camera.last_day, part)))
    return _gauge(f"cctv_camera_{name}", text, ["camera", "window"], samples)


def _processes(processes: Sequence[ProcessFacts]) -> Iterator[Metric]:
    def each(name: str, text: str, samples: Iterable[Tuple[ProcessFacts, object]]) -> Metric:
        labelled = [([process.camera, process.stream], value) for process, value in samples]
        return _gauge(f"cctv_ffmpeg_{name}", text, ["camera", "stream"], labelled)

    shares = ((p, None if p.cpu is None else p.cpu / 100) for p in processes)
    yield each("cpu_usage_ratio", "Of one core", shares)
    yield each("resident_memory_bytes", "Resident memory", ((p, p.memory) for p in processes))
    yield each("start_time_seconds", "When it began, since 1970 UTC", ((p, p.started) for p in processes))
    restarts = CounterMetricFamily("cctv_ffmpeg_restarts", "Ends that nobody asked for", labels=["camera", "stream"])
    for process in processes:
        restarts.add_metric([process.camera, process.stream], process.restarts)
    yield restarts


def _storage(storage: StorageFacts) -> Iterator[Metric]:
    disk, promise = storage.disk, storage.promise
    yield _gauge("cctv_storage_usable", "0 when recordings cannot be written", [], [([], int(not disk.fault))])
    yield _gauge("cctv_storage_size_bytes", "The storage's disk", [], [([], disk.total)])
    yield _gauge("cctv_storage_free_bytes", "What is free on it", [], [([], disk.free)])
    yield _gauge("cctv_storage_min_free_bytes", "What should stay free", [], [([], disk.min_free)])
    cameras = storage.cameras
    yield _gauge("cctv_recordings_bytes", "Recordings", ["camera"], [([c.camera], c.bytes) for c in cameras])
    oldest = [([c.camera], c.oldest) for c in cameras]
    yield _gauge("cctv_recordings_oldest_timestamp_seconds", "Start of the oldest recording", ["camera"], oldest)
    grown = [([c.camera], None if c.growth is None else c.growth / DAY) for c in cameras]
    yield _gauge("cctv_recordings_growth_bytes_per_second", "As the last 24 hours went", ["camera"], grown)
    kept: Samples = [([], None if promise is None else int(promise.kept))]
    yield _gauge("cctv_retention_promise_kept", "0 when the disk is too small for the days set", [], kept)
    full = None if promise is None or promise.full_in is None else promise.full_in * DAY
    yield _gauge("cctv_storage_full_in_seconds", "Absent while retention keeps the room", [], [([], full)])
