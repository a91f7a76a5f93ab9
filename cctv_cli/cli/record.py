"""`cctv record`: record cameras in the foreground."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable, List, Optional

import typer

from cctv_cli.cli import options, output, views
from cctv_cli.cli.cameras import list_cameras
from cctv_cli.cli.result import Result, Table
from cctv_cli.cli.signals import Signals
from cctv_cli.core.units import parse_duration

if TYPE_CHECKING:
    from cctv_cli.core.config.settings import Settings
    from cctv_cli.core.runtime import Runtime

_REFRESH = 0.5  # seconds


def record(
    context: typer.Context,
    camera: Optional[List[str]] = typer.Argument(
        None, metavar="CAMERA", help="Ids of the cameras to record. [default: all cameras]", show_default=False
    ),
    for_: Optional[str] = typer.Option(
        None,
        "--for",
        metavar="TIME",
        help="Stop after this time, a number with s, m, h or d, such as 90s, 10m or 24h. [default: never]",
    ),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    log_format: Optional[str] = options.LOG_FORMAT,
    json: bool = typer.Option(False, "--json", help="Print the last state of each camera as JSON at the end."),
) -> None:
    """Record cameras in the foreground until Ctrl-C.

    It shows a live table on a terminal and writes log lines elsewhere. Like cctv cleanup, it deletes the recordings
    that retention no longer keeps: those of all cameras or, if you name cameras, only theirs.

    Ctrl-C and SIGTERM end all recording and save the last minutes. SIGUSR1 ends this process but leaves FFmpeg
    running, and the next cctv serve or cctv record takes over. SIGHUP and cctv reload let it read its configuration
    again.

    \b
    Example:
      cctv record front --for 10m
    """
    from cctv_cli.core.runtime import Runtime

    seconds = _seconds(for_)

    def load() -> Settings:
        return options.settings(context, log__format=log_format)

    runtime = Runtime(load(), cameras=camera or (), load=load)
    signals = Signals()
    console = output.error_console()
    output.log_lines(console, runtime.settings, debug=options.debug(context))
    signals.install()
    runtime.start()
    try:
        with output.live_table(console) as show:
            _watch(runtime, signals, seconds, show)
        states = list_cameras(runtime).document
    finally:
        runtime.stop(leave_running=signals.leave_running)
    output.finish(Result(document=states), as_json=options.as_json(context))


def _seconds(text: Optional[str]) -> Optional[float]:
    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: {error}", param_hint="--for") from None


def _watch(
    runtime: Runtime, signals: Signals, seconds: Optional[float], show: Optional[Callable[[Table], None]]
) -> None:
    """Show the state until a signal arrives or the time is up."""
    end = None if seconds is None else time.monotonic() + seconds
    while not signals.ended and (end is None or time.monotonic() < end):
        if signals.take_reload():
            runtime.reload()
        if show is not None:
            show(views.camera_table(runtime.statuses(), runtime.clock.now()))
        signals.wait(_REFRESH)
