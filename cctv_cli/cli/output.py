"""The only module that prints: results as text or JSON, errors, progress, the live table, log lines."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Iterator, Optional

import typer

from cctv_cli.cli.result import Result, Styled, Table
from cctv_cli.core.units import printable

if TYPE_CHECKING:
    from rich import table as rich_table
    from rich.console import Console

    from cctv_cli.cli.result import Cell
    from cctv_cli.core.config.settings import Settings

_NO_WIDTH = 10_000  # columns


def prepare() -> None:
    """Make printing safe: escape characters that a stream cannot encode, and discard output to a closed stream."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open until the process ends
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def finish(result: Result, *, as_json: bool) -> None:
    """Show a result and end the command with its exit code. Raises its error, typer.Exit."""
    show(result, as_json=as_json)
    if result.error is not None:
        raise result.error
    raise typer.Exit(result.exit_code)


def show(result: Result, *, as_json: bool) -> None:
    """Print a result to standard output, as one JSON document or as text, and its warnings to standard error."""
    if as_json:
        only_ascii = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
        print(json.dumps(result.document, ensure_ascii=only_ascii, indent=2), flush=True)
    elif on_terminal() or not result.terminal_only:
        for part in result.text:
            if isinstance(part, Table):
                _print_table(part)
            else:
                print(printable(part), flush=True)
    for warning in result.warnings:
        print(f"Warning: {printable(warning)}", file=sys.stderr)


def flush() -> None:
    """Flush standard output and standard error."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def show_error(message: str) -> None:
    """Print one line for each problem to standard error."""
    for line in message.splitlines():
        print(f"Error: {printable(line)}", file=sys.stderr)


def on_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


@contextmanager
def progress(what: str) -> Iterator[Optional[Callable[[int, int], None]]]:
    """A progress bar on standard error, to be called with (done, total); None if the output is not a terminal."""
    if not on_terminal():
        yield None
        return
    from rich.progress import Progress

    with Progress(console=error_console(), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def error_console() -> Console:
    """Standard error, shared by log lines and the live table."""
    from rich.console import Console

    return Console(stderr=True)


@contextmanager
def live_table(console: Console) -> Iterator[Optional[Callable[[Table], None]]]:
    """A table that is redrawn each time it is called with a new one; None if the console is not a terminal."""
    if not console.is_terminal:
        yield None
        return
    from rich.live import Live

    live = Live(console=console, auto_refresh=False)

    def replace(table: Table) -> None:
        try:
            live.start()
            live.update(rendered(table), refresh=True)
        except OSError:  # the terminal was closed: recording continues without output
            console.quiet = True

    try:
        yield replace
    finally:
        live.stop()


def log_lines(console: Console, settings: Settings, *, debug: bool = False) -> None:
    """Send log lines to the configured file, or to the console; with `debug`, all lines and tracebacks.

    Raises ConfigError if the file cannot be opened.
    """
    from cctv_cli.core import logs

    if settings.log_file is not None:
        handler: logging.Handler = logs.file_handler(settings.log_file)
    elif console.is_terminal and settings.log_format == "text":
        handler = _terminal_handler(console)
        handler.setFormatter(logs.TextLines("%(message)s", debug=debug))  # the handler shows time and level
        logs.install(handler, debug=debug)
        return
    else:
        handler = logging.StreamHandler()
    handler.setFormatter(logs.JsonLines(debug=debug) if settings.log_format == "json" else logs.TextLines(debug=debug))
    logs.install(handler, debug=debug)


def _terminal_handler(console: Console) -> logging.Handler:
    from rich.logging import RichHandler

    class TerminalHandler(RichHandler):
        """Stops writing once the terminal is closed: the console would buffer everything and print it again."""

        def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
            self.console.quiet = self.console.quiet or isinstance(sys.exc_info()[1], OSError)

    return TerminalHandler(console=console, show_path=False, omit_repeated_times=False, log_time_format="%H:%M:%S")


def rendered(table: Table) -> rich_table.Table:
    """Convert a table for rich."""
    from rich.table import Table as RichTable

    shown = RichTable(box=None, pad_edge=False)
    for title in table.titles:
        shown.add_column(title, overflow="fold")
    for row in table.rows:
        shown.add_row(*map(_markup, row))
    return shown


def _markup(cell: Cell) -> str:
    """Convert a cell for rich; its content is text, never markup."""
    from rich.markup import escape

    if isinstance(cell, Styled):
        return f"[{cell.style}]{escape(printable(cell.text))}[/]"
    return escape(printable(cell))


def _print_table(table: Table) -> None:
    from rich.console import Console

    # a pipe has no width: do not wrap rows
    Console(width=None if sys.stdout.isatty() else _NO_WIDTH).print(rendered(table))
