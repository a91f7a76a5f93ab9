"""The only module that prints: tables for people, JSON for scripts, log lines, errors."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, Sequence, Tuple

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from cctv_cli.core.config.settings import Settings
    from cctv_cli.core.recording.status import CameraStatus

_NO_WIDTH = 10_000
_ORDINARY = "within retention"  # what a preview need not say of a day that loses nothing
_MOST_NAMES = 20  # foreign files that a preview names
_COLORS = {"running": "green", "starting": "cyan", "stopped": "dim", "stalled": "yellow", "backoff": "yellow"}


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2), flush=True)


def print_error(message: str) -> None:
    """One line for each problem on standard error."""
    for line in message.splitlines():
        print(f"Error: {line}", file=sys.stderr)


def print_line(text: str) -> None:
    """One line on standard output."""
    print(text, flush=True)


def log_lines(console: Console, settings: Settings, *, debug: bool = False) -> None:
    """Send log lines to the configured file, or to the console; with `debug` all of them, and tracebacks.

    Raises ConfigError when the file cannot be opened.
    """
    from cctv_cli.core import logs

    if settings.log_file is not None:
        handler: logging.Handler = logs.file_handler(settings.log_file)
    elif console.is_terminal and settings.log_format == "text":
        from rich.logging import RichHandler

        class TerminalHandler(RichHandler):
            """Falls silent once the terminal was closed: the console would keep, and try again, all that it missed."""

            def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
                self.console.quiet = self.console.quiet or isinstance(sys.exc_info()[1], OSError)

        handler = TerminalHandler(
            console=console, show_path=False, omit_repeated_times=False, log_time_format="%H:%M:%S"
        )
        handler.setFormatter(logs.TextLines("%(message)s", debug=debug))  # the handler shows time and level
        logs.install(handler, debug=debug)
        return
    else:
        handler = logging.StreamHandler()
    handler.setFormatter(logs.JsonLines(debug=debug) if settings.log_format == "json" else logs.TextLines(debug=debug))
    logs.install(handler, debug=debug)


def print_settings(rows: Sequence[Tuple[str, str, str]]) -> None:
    """The effective settings and where each came from."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("Setting", "Value", "From"):
        table.add_column(title, overflow="fold")
    for key, value, origin in rows:
        table.add_row(*map(_plain, (key, value, origin)))
    _print(table)


def on_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout.isatty()


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; call what comes out with (done, total)."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def print_rows(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A plain table."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*map(_plain, row))
    _print(table)


def print_cleanup(report: Dict[str, Any]) -> None:
    """What a cleanup would delete by camera and day, what brakes and holds keep, and what the disks will look like."""
    from cctv_cli.core.units import format_size

    rows = []
    for camera in report["cameras"]:
        for day in camera["days"]:
            told = [("delete", each) for each in day["deletes"]]
            told += [("keep", each) for each in day["keeps"] if day["deletes"] or each["reason"] != _ORDINARY]
            for what, each in told:
                size = format_size(each["bytes"])
                rows.append((camera["id"], day["date"], what, str(each["files"]), size, each["reason"]))
    if not report["cameras"]:
        print_line("There are no recordings")
    if rows:
        print_rows(("Camera", "Day", "", "Files", "Size", "Reason"), rows)
    for camera in report["cameras"]:
        keeps, deletes = camera["keeps"], camera["deletes"]
        print_line(
            f"{camera['id']}: deletes {deletes['files']} recordings ({format_size(deletes['bytes'])}), "
            f"keeps {keeps['files']} ({format_size(keeps['bytes'])})"
        )
        names = camera["foreign"][:_MOST_NAMES]
        for name in names:
            print_line(f"{camera['id']}: not touched, for it is not cctv's: {name}")
        if camera["foreign_files"] > len(names):
            print_line(f"{camera['id']}: and {camera['foreign_files'] - len(names)} more")
    for disk in report["disks"]:
        print_line(
            f"Disk of {disk['path']}: {format_size(disk['free'])} of {format_size(disk['total'])} free now, "
            f"{format_size(disk['free_after'])} after; {format_size(disk['min_free'])} must be"
        )
    for refusal in report["refusals"]:
        print_line(f"Refused: {refusal['reason']}")
    for sentence in (*report["troubles"], *report["shortfalls"], *report["notes"]):
        print_line(f"Note: {sentence}")


def print_cameras(statuses: Iterable[CameraStatus], now: float) -> None:
    """The table of cameras."""
    _print(camera_table(statuses, now))


def _print(table: Table) -> None:
    from rich.console import Console

    # a pipe has no width: rows stay whole
    Console(width=None if sys.stdout.isatty() else _NO_WIDTH).print(table)


def camera_table(statuses: Iterable[CameraStatus], now: float) -> Table:
    """State, reason and key figures of cameras at the instant `now`."""
    from rich.table import Table

    from cctv_cli.core.units import format_bit_rate

    table = Table(box=None, pad_edge=False)
    for title in (
        "Camera",
        "State",
        "Codec",
        "Rate",
        "Latest",
        "Today",
        "Restarts",
        "Reason",
    ):
        table.add_column(title, overflow="fold")
    for status in statuses:
        state = status.state.value
        table.add_row(
            _plain(status.id),
            f"[{_COLORS.get(state, 'red')}]{state}[/]",
            status.codec or "-",
            format_bit_rate(status.bit_rate),
            "-" if status.last_segment_at is None else f"{max(0.0, now - status.last_segment_at):.0f} s ago",
            _hours(status.recorded_today),
            str(status.restarts),
            _plain(status.reason),
        )
    return table


def print_health(report: Dict[str, Any]) -> None:
    """A health report, as `GET /health` answers it: findings first, then cameras, processes, storage."""
    print_line(f"Health: {report['status']}")
    for finding in report["findings"]:
        where = f"{finding['camera']}: " if finding["camera"] else ""
        print_line(f"{finding['severity'].upper():8}  {where}{finding['sentence']}")
    if report["cameras"]:
        print_line("")
        _print(_camera_health(report["cameras"]))
    if report["processes"]:
        print_line("")
        _print(_processes(report["processes"]))
    print_line("")
    for line in _machine(report["system"], report["storage"]):
        print_line(line)


def _camera_health(cameras: Sequence[Dict[str, Any]]) -> Table:
    from cctv_cli.core.units import format_bit_rate

    table = _table(
        "Camera", "State", "Picture", "Rate", "Frames", "Key frames", "Latest", "Missing 1 h", "Missing 24 h"
    )
    for camera in cameras:
        state = camera["state"]
        picture = f" {camera['width']}x{camera['height']}" if camera["width"] else ""
        table.add_row(
            _plain(camera["id"]),
            f"[{_COLORS.get(state, 'red')}]{_plain(state)}[/]",
            _plain(f"{camera['codec'] or '-'}{picture}"),
            format_bit_rate(camera["bit_rate"]),
            _known(camera["frame_rate"], "{:.1f}/s"),
            _known(camera["gop_seconds"], "{:.1f} s"),
            _known(camera["last_segment_age_seconds"], "{:.0f} s ago"),
            f"{camera['last_hour']['missing_seconds']:.0f} s",
            f"{camera['last_24_hours']['missing_seconds']:.0f} s",
        )
    return table


def _processes(processes: Sequence[Dict[str, Any]]) -> Table:
    from cctv_cli.core.units import format_size

    table = _table("FFmpeg", "Pid", "CPU", "Memory", "Up", "Restarts", "Last exit")
    for process in processes:
        up, memory = process["uptime_seconds"], process["memory_bytes"]
        table.add_row(
            _plain(process["camera"] + (" (sub)" if process["stream"] == "sub" else "")),
            _known(process["pid"], "{}"),
            _known(process["cpu_percent"], "{:.1f} %"),
            "-" if memory is None else format_size(memory),
            "-" if up is None else _hours(up),
            str(process["restarts"]),
            _plain(process["last_exit"] or "-"),
        )
    return table


def _machine(system: Dict[str, Any], storage: Dict[str, Any]) -> Iterator[str]:
    from cctv_cli.core.units import format_size

    load = "" if system["load"] is None else f", load {system['load'][0]:.2f}"
    yield f"Machine: CPU {system['cpu_percent']:.0f} %, memory {system['memory_percent']:.0f} %{load}"
    size = {key: format_size(storage[f"{key}_bytes"]) for key in ("free", "total", "recordings")}
    yield f"Storage: {size['free']} of {size['total']} free, recordings {size['recordings']}"
    promise = storage["promise"]
    if promise is not None:
        kept = "as long as is set" if promise["kept"] else f"some {promise['days']:.1f} days"
        yield f"Growth:  {format_size(storage['growth_bytes_per_day'])} a day; recordings can be kept {kept}"


def _table(*titles: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def _known(value: object, form: str) -> str:
    return "-" if value is None else form.format(value)


def _plain(text: str) -> str:
    """Text that rich must not read as markup."""
    from rich.markup import escape

    return escape(text)


def _hours(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
