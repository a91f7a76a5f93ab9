"""`cctv record`: supervise cameras in the foreground."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, List, Optional

import typer

from cctv_cli.cli import options, output
from cctv_cli.cli.signals import Signals
from cctv_cli.core.units import parse_duration

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

    from cctv_cli.core.config.settings import Settings
    from cctv_cli.core.runtime import Runtime

_REFRESH = 0.5  # seconds


def record(
    context: typer.Context,
    camera: Optional[List[str]] = typer.Argument(None, help="Cameras to record. [default: all]", show_default=False),
    for_: Optional[str] = typer.Option(None, "--for", help="Stop after this long, such as 90s, 10m or 24h."),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    log_format: Optional[str] = options.LOG_FORMAT,
    json: bool = typer.Option(False, "--json", help="Print the cameras' last states as JSON at the end."),
) -> None:
    """Record cameras until Ctrl-C, with a live table on a terminal and log lines elsewhere.

    It also deletes, as cctv cleanup does, what is older or more than the configuration keeps: of all cameras
    or, if some are named, of these alone.

    Ctrl-C and SIGTERM stop the recorders and commit the last minutes; SIGUSR1 leaves them running
    for the next supervisor; SIGHUP reads the configuration again.
    """
    from rich.console import Console

    from cctv_cli.core.recording.schema import local_camera
    from cctv_cli.core.runtime import Runtime

    seconds = _seconds(for_)

    def load() -> Settings:
        return options.load(config, storage, log__format=log_format)

    runtime = Runtime(load(), cameras=camera or (), load=load)
    signals = Signals()
    console = Console(stderr=True)
    output.log_lines(console, runtime.settings, debug=options.debug(context))
    signals.install()
    runtime.start()
    try:
        _watch(runtime, signals, console, seconds)
        statuses = runtime.statuses()
    finally:
        runtime.stop(leave_running=signals.leave_running)
    if json:
        output.print_json([local_camera(status, runtime.tz).model_dump(mode="json") for status in statuses])


def _seconds(text: Optional[str]) -> Optional[float]:
    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: {error}", param_hint="--for") from None


def _watch(runtime: Runtime, signals: Signals, console: Console, seconds: Optional[float]) -> None:
    """Show what happens until a signal or the time is up."""
    from rich.live import Live

    end = None if seconds is None else time.monotonic() + seconds
    live = Live(console=console, auto_refresh=False) if console.is_terminal else None
    try:
        while not signals.ended and (end is None or time.monotonic() < end):
            if signals.take_reload():
                runtime.reload()
            if live is not None:
                _show(live, output.camera_table(runtime.statuses(), runtime.clock.now()))
            time.sleep(_REFRESH)
    finally:
        if live is not None:
            live.stop()


def _show(live: Live, table: Table) -> None:
    """Refresh the live table."""
    try:
        live.start()
        live.update(table, refresh=True)
    except OSError:  # the terminal was closed: recording goes on, and nothing is shown any more
        live.console.quiet = True
