"""Combines facts and findings into the JSON models of `GET /health` and `cctv health --json`. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Callable, List, Optional, Tuple

from cctv_cli.core.clock import format_instant
from cctv_cli.core.footage.coverage import Coverage
from cctv_cli.core.health.facts import CameraFacts, CameraStorage, Facts, ProcessFacts, Promise, StorageFacts
from cctv_cli.core.health.findings import Finding, Severity, worst
from cctv_cli.core.health.schema import (
    CameraHealthModel,
    CameraStorageModel,
    CoverageModel,
    DayBytesModel,
    FindingModel,
    HealthModel,
    ProcessModel,
    PromiseModel,
    StorageModel,
    SystemModel,
)


@dataclass(frozen=True)
class Report:
    """A system's health at the instant `at`."""

    at: float
    facts: Facts
    findings: Tuple[Finding, ...]

    @property
    def status(self) -> Severity:
        """The worst of the findings."""
        return worst(self.findings)

    def limited_to(self, shows: Callable[[str], bool]) -> Report:
        """The report for somebody who may know only of these cameras, and so of nothing that concerns them all."""
        facts, storage = self.facts, self.facts.storage
        own = StorageFacts(storage.disk, tuple(camera for camera in storage.cameras if shows(camera.camera)), None)
        limited = replace(
            facts,
            processes=tuple(process for process in facts.processes if shows(process.camera)),
            cameras=tuple(camera for camera in facts.cameras if shows(camera.id)),
            storage=own,
        )
        found = tuple(each for each in self.findings if each.camera is not None and shows(each.camera))
        return Report(self.at, limited, found)


def health_model(report: Report, tz: Optional[tzinfo]) -> HealthModel:
    """The whole report."""
    return HealthModel(
        status=report.status.value,
        at=format_instant(report.at, tz),
        findings=[finding_model(finding) for finding in report.findings],
        system=system_model(report),
        cameras=[camera_model(camera, report.at, tz) for camera in report.facts.cameras],
        processes=process_models(report, tz),
        storage=storage_model(report, tz),
    )


def finding_model(finding: Finding) -> FindingModel:
    """One finding."""
    return FindingModel(
        name=finding.name, severity=finding.severity.value, camera=finding.camera, sentence=finding.sentence
    )


def system_model(report: Report) -> SystemModel:
    """The machine, with the disk of the storage."""
    system, disk = report.facts.system, report.facts.storage.disk
    return SystemModel(
        cpu_percent=round(system.cpu, 1),
        cores=system.cores,
        memory_percent=round(system.memory, 1),
        memory_total_bytes=system.memory_total,
        memory_available_bytes=system.memory_available,
        load=None if system.load is None else [round(value, 2) for value in system.load],
        open_files=system.open_files,
        open_files_limit=system.open_files_limit,
        disk_total_bytes=disk.total,
        disk_used_bytes=disk.used,
        disk_free_bytes=disk.free,
    )


def camera_model(camera: CameraFacts, now: float, tz: Optional[tzinfo]) -> CameraHealthModel:
    """One camera at the instant `now`."""
    latest = camera.last_segment_at
    return CameraHealthModel(
        id=camera.id,
        name=camera.name,
        wanted=camera.wanted,
        supervised=camera.supervised,
        state=camera.state.value,
        reason=camera.reason,
        since=_instant(camera.since, tz),
        codec=camera.codec or None,
        audio=camera.audio or None,
        width=camera.width,
        height=camera.height,
        bit_rate=None if camera.bit_rate is None else round(camera.bit_rate),
        frame_rate=None if camera.frame_rate is None else round(camera.frame_rate, 2),
        gop_seconds=None if camera.gop is None else round(camera.gop, 3),
        last_segment_age_seconds=None if latest is None else round(max(0.0, now - latest), 3),
        disk_clock_ahead_seconds=round(camera.disk_ahead, 3),
        last_hour=_coverage(camera.last_hour),
        last_24_hours=_coverage(camera.last_day),
        restarts_last_hour=camera.restarts_last_hour,
    )


def _coverage(coverage: Coverage) -> CoverageModel:
    return CoverageModel(
        recorded_seconds=round(coverage.recorded, 3),
        missing_seconds=round(coverage.missing, 3),
        off_seconds=round(coverage.off, 3),
    )


def process_models(report: Report, tz: Optional[tzinfo]) -> List[ProcessModel]:
    """Every camera's FFmpeg."""
    return [process_model(process, report.at, tz) for process in report.facts.processes]


def process_model(process: ProcessFacts, now: float, tz: Optional[tzinfo]) -> ProcessModel:
    """One FFmpeg at the instant `now`."""
    return ProcessModel(
        camera=process.camera,
        stream=process.stream,
        pid=process.pid,
        cpu_percent=None if process.cpu is None else round(process.cpu, 1),
        memory_bytes=process.memory,
        uptime_seconds=None if process.started is None else round(max(0.0, now - process.started), 3),
        restarts=process.restarts,
        last_exit=process.last_exit or None,
        last_exit_at=_instant(process.last_exit_at, tz),
    )


def storage_model(report: Report, tz: Optional[tzinfo]) -> StorageModel:
    """Disk, recordings, and the retention forecast."""
    storage = report.facts.storage
    promise = storage.promise
    return StorageModel(
        total_bytes=storage.disk.total,
        used_bytes=storage.disk.used,
        free_bytes=storage.disk.free,
        min_free_bytes=storage.disk.min_free,
        recordings_bytes=sum(camera.bytes for camera in storage.cameras),
        oldest_recording=_instant(storage.oldest, tz),
        growth_bytes_per_day=None if promise is None else round(sum(c.growth or 0.0 for c in storage.cameras)),
        days_until_full=None if promise is None or promise.full_in is None else round(promise.full_in, 2),
        promise=None if promise is None else _promise(promise),
        cameras=[camera_storage_model(camera, tz) for camera in storage.cameras],
    )


def _promise(promise: Promise) -> PromiseModel:
    return PromiseModel(
        kept=promise.kept,
        needed_bytes=round(promise.needed),
        room_bytes=round(promise.room),
        days=round(promise.days, 2),
        too_small=list(promise.short),
    )


def camera_storage_model(camera: CameraStorage, tz: Optional[tzinfo]) -> CameraStorageModel:
    """One camera's recordings."""
    return CameraStorageModel(
        id=camera.camera,
        bytes=camera.bytes,
        growth_bytes_per_day=None if camera.growth is None else round(camera.growth),
        oldest_recording=_instant(camera.oldest, tz),
        retention_days=camera.retention_days,
        max_size_bytes=camera.max_size,
        days=[DayBytesModel(date=date, bytes=size) for date, size in camera.days],
    )


def _instant(value: Optional[float], tz: Optional[tzinfo]) -> Optional[str]:
    return None if value is None else format_instant(value, tz)
