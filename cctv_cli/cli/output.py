"""The only module that prints: tables for people, JSON for scripts, log lines, errors."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Sequence, Tuple

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from cctv_cli.core.settings import Settings
    from cctv_cli.core.status import CameraStatus

_NO_WIDTH = 10_000
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

        handler = RichHandler(console=console, show_path=False, omit_repeated_times=False, log_time_format="%H:%M:%S")
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


def status_json(statuses: Iterable[CameraStatus]) -> List[Dict[str, Any]]:
    """Statuses as JSON values; instants are seconds since 1970 UTC."""
    from dataclasses import asdict

    return [{**asdict(status), "state": status.state.value} for status in statuses]


def _plain(text: str) -> str:
    """Text that rich must not read as markup."""
    from rich.markup import escape

    return escape(text)


def _hours(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
