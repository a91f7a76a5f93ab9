"""A cleanup as plain values, the same for JSON on the command line and over HTTP, and as a line for the log."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any, Dict, List, Mapping, Optional

from cctv_cli.core.clock import format_instant
from cctv_cli.core.retention.cleaner import Cleanup
from cctv_cli.core.retention.inventory import CameraPlan, Count, RetentionRules, Verdict, phrase
from cctv_cli.core.retention.scan import CameraScan
from cctv_cli.core.units import counted, format_size, printable

Values = Dict[str, Any]


def report(cleanup: Cleanup, tz: Optional[tzinfo]) -> Values:
    """Everything about a cleanup or a preview; sizes in bytes, times ISO 8601 with UTC offset."""
    facts = cleanup.plan.facts
    return {
        "executed": cleanup.executed,
        "at": format_instant(facts.now, tz),
        "deletes": _count(cleanup.to_delete),
        "deleted": _count(cleanup.done),
        "cameras": [_camera(camera, scan, facts.limits) for camera, scan in zip(cleanup.plan.cameras, cleanup.scans)],
        "disks": [
            {
                "path": printable(disk.path),
                "total": disk.total,
                "free": disk.free,
                "free_after": cleanup.free_after(key),
                "min_free": facts.limits.min_free.of(disk.total),
            }
            for key, disk in facts.disks.items()
        ],
        "refusals": [
            {"brake": refusal.brake, "camera_id": refusal.camera_id, "reason": refusal.reason}
            for refusal in cleanup.plan.refusals
        ],
        "shortfalls": [printable(sentence) for sentence in cleanup.plan.shortfalls],
        "notes": [printable(sentence) for sentence in cleanup.plan.notes],
        "troubles": [printable(sentence) for sentence in cleanup.troubles],
        "failed": [{"path": printable(path), "reason": printable(reason)} for path, reason in cleanup.failed],
    }


def _camera(camera: CameraPlan, scan: CameraScan, limits: RetentionRules) -> Values:
    days: List[Values] = []
    sums = {True: Count(), False: Count()}
    for index, day in enumerate(camera.facts.days):
        counts = camera.counts(index)
        for verdict, count in counts.items():
            sums[verdict.deletes] += count
        days.append(
            {
                "date": day.date,
                "deletes": _reasons(counts, camera, limits, deletes=True),
                "keeps": _reasons(counts, camera, limits, deletes=False),
            }
        )
    return {
        "id": camera.facts.camera_id,
        "retention_days": camera.facts.retention_days,
        "max_size": camera.facts.max_size,
        "deletes": _count(sums[True]),
        "keeps": _count(sums[False]),
        "days": days,
        "foreign_files": scan.foreign_count,
        "foreign": [printable(name) for name in scan.foreign],
    }


def _reasons(
    counts: Mapping[Verdict, Count], camera: CameraPlan, limits: RetentionRules, *, deletes: bool
) -> List[Values]:
    return [
        {"reason": phrase(verdict, camera.facts, limits), **_count(count)}
        for verdict, count in counts.items()
        if verdict.deletes == deletes
    ]


def _count(count: Count) -> Values:
    return {"files": count.files, "bytes": count.bytes}


def summary(cleanup: Cleanup) -> str:
    """One line: what went, why, and of which camera."""
    by_reason: Dict[str, Count] = {}
    by_camera: Dict[str, int] = {}
    cameras = {camera.facts.camera_id: camera.facts for camera in cleanup.plan.cameras}
    for (camera_id, verdict), count in cleanup.counts(deletes=True).items():
        reason = phrase(verdict, cameras[camera_id], cleanup.plan.facts.limits)
        by_reason[reason] = by_reason.get(reason, Count()) + count
        by_camera[camera_id] = by_camera.get(camera_id, 0) + count.files
    why = ", ".join(f"{count.files} {reason}" for reason, count in by_reason.items())
    whose = ", ".join(f"{camera_id} {files}" for camera_id, files in by_camera.items())
    return f"deleted {counted(cleanup.done.files, 'recording')}, {format_size(cleanup.done.bytes)} ({why}; {whose})"
