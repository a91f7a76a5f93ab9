"""Tables and sentences for people, about cameras, health and cleanups. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, Sequence

from cctv_cli.cli.result import Styled, Table, Text
from cctv_cli.core.units import counted, format_bit_rate, format_size

if TYPE_CHECKING:
    from cctv_cli.core.recording.status import CameraStatus

_ORDINARY = "within retention"  # the reason that a preview omits for days without deletions
_MOST_NAMES = 20  # foreign files that a preview names
_COLORS = {"running": "green", "starting": "cyan", "stopped": "dim", "stalled": "yellow", "backoff": "yellow"}
_UNKNOWN = "-"


def camera_table(statuses: Iterable[CameraStatus], now: float) -> Table:
    """State, reason and key figures of cameras at the instant `now`."""
    rows = []
    for status in statuses:
        latest = status.last_segment_at
        rows.append(
            (
                status.id,
                _state(status.state.value),
                (status.codec or _UNKNOWN) + ("" if status.audio_enabled else ", audio off"),
                format_bit_rate(status.bit_rate),
                _UNKNOWN if latest is None else f"{max(0, now - latest):.0f} s ago",
                _hours(status.recorded_today),
                str(status.restarts),
                status.reason,
            )
        )
    return Table(("Camera", "State", "Codec", "Rate", "Latest", "Today", "Restarts", "Reason"), tuple(rows))


def health_text(report: Dict[str, Any]) -> Text:
    """A health report, as returned by `GET /health`: findings first, then cameras, processes and storage."""
    return (
        f"Health: {report['status']}",
        *(_finding(finding) for finding in report["findings"]),
        *(("", _camera_health(report["cameras"])) if report["cameras"] else ()),
        *(("", _processes(report["processes"])) if report["processes"] else ()),
        "",
        *_machine(report["system"], report["storage"]),
    )


def _finding(finding: Dict[str, Any]) -> str:
    where = f"{finding['camera']}: " if finding["camera"] else ""
    return f"{finding['severity'].upper():8}  {where}{finding['sentence']}"


def _camera_health(cameras: Sequence[Dict[str, Any]]) -> Table:
    titles = ("Camera", "State", "Picture", "Rate", "Frames", "Key frames", "Latest", "Missing 1 h", "Missing 24 h")
    rows = []
    for camera in cameras:
        size = f" {camera['width']}x{camera['height']}" if camera["width"] else ""
        rows.append(
            (
                camera["id"],
                _state(camera["state"]),
                f"{camera['codec'] or _UNKNOWN}{size}",
                format_bit_rate(camera["bit_rate"]),
                _known(camera["frame_rate"], "{:.1f}/s"),
                _known(camera["gop_seconds"], "{:.1f} s"),
                _known(camera["last_segment_age_seconds"], "{:.0f} s ago"),
                f"{camera['last_hour']['missing_seconds']:.0f} s",
                f"{camera['last_24_hours']['missing_seconds']:.0f} s",
            )
        )
    return Table(titles, tuple(rows))


def _processes(processes: Sequence[Dict[str, Any]]) -> Table:
    rows = []
    for process in processes:
        up, memory = process["uptime_seconds"], process["memory_bytes"]
        rows.append(
            (
                process["camera"] + (" (sub)" if process["stream"] == "sub" else ""),
                _known(process["pid"], "{}"),
                _known(process["cpu_percent"], "{:.1f} %"),
                _UNKNOWN if memory is None else format_size(memory),
                _UNKNOWN if up is None else _hours(up),
                str(process["restarts"]),
                process["last_exit"] or _UNKNOWN,
            )
        )
    return Table(("FFmpeg", "Pid", "CPU", "Memory", "Up", "Restarts", "Last exit"), tuple(rows))


def _machine(system: Dict[str, Any], storage: Dict[str, Any]) -> Iterator[str]:
    load = "" if system["load"] is None else f", load {system['load'][0]:.2f}"
    yield f"Machine: CPU {system['cpu_percent']:.0f} %, memory {system['memory_percent']:.0f} %{load}"
    size = {key: format_size(storage[f"{key}_bytes"]) for key in ("free", "total", "recordings")}
    yield f"Storage: {size['free']} of {size['total']} free, recordings {size['recordings']}"
    promise = storage["promise"]
    if promise is not None:
        kept = "for the configured time" if promise["kept"] else f"for about {promise['days']:.1f} days"
        yield f"Growth:  {format_size(storage['growth_bytes_per_day'])} a day; there is room to keep recordings {kept}"


def preview_text(report: Dict[str, Any]) -> Text:
    """What a cleanup would delete by camera and day, what brakes and holds keep, and the disks afterwards."""
    days = _days(report["cameras"])
    return (
        *(() if report["cameras"] else ("There are no recordings",)),
        *((days,) if days.rows else ()),
        *(line for camera in report["cameras"] for line in _camera_cleanup(camera)),
        *map(_disk, report["disks"]),
        *_remarks(report),
    )


def _days(cameras: Sequence[Dict[str, Any]]) -> Table:
    rows = []
    for camera in cameras:
        for day in camera["days"]:
            shown = [("delete", each) for each in day["deletes"]]
            shown += [("keep", each) for each in day["keeps"] if day["deletes"] or each["reason"] != _ORDINARY]
            for what, each in shown:
                size = format_size(each["bytes"])
                rows.append((camera["id"], day["date"], what, str(each["files"]), size, each["reason"]))
    return Table(("Camera", "Day", "", "Files", "Size", "Reason"), tuple(rows))


def _camera_cleanup(camera: Dict[str, Any]) -> Iterator[str]:
    keeps, deletes = camera["keeps"], camera["deletes"]
    yield (
        f"{camera['id']}: would delete {counted(deletes['files'], 'recording')} ({format_size(deletes['bytes'])}) "
        f"and keep {keeps['files']} ({format_size(keeps['bytes'])})"
    )
    names = camera["foreign"][:_MOST_NAMES]
    for name in names:
        yield f"{camera['id']}: not touched, because cctv did not record it: {name}"
    if camera["foreign_files"] > len(names):
        yield f"{camera['id']}: and {camera['foreign_files'] - len(names)} more"


def _disk(disk: Dict[str, Any]) -> str:
    return (
        f"Disk of {disk['path']}: {format_size(disk['free'])} of {format_size(disk['total'])} free now, "
        f"{format_size(disk['free_after'])} after the cleanup; {format_size(disk['min_free'])} must stay free"
    )


def _remarks(report: Dict[str, Any]) -> Iterator[str]:
    for refusal in report["refusals"]:
        yield f"Refused: {refusal['reason']}"
    for sentence in (*report["troubles"], *report["shortfalls"], *report["notes"]):
        yield f"Note: {sentence}"


def _state(state: str) -> Styled:
    return Styled(state, _COLORS.get(state, "red"))


def _known(value: object, form: str) -> str:
    return _UNKNOWN if value is None else form.format(value)


def _hours(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
