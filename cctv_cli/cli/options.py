"""Options that several commands share, and how they become settings.

A command declares `--config`, `--storage` and `--json` as parameters; their values are read from its context.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Optional

import typer

if TYPE_CHECKING:
    from cctv_cli.core.config.settings import Settings
    from cctv_cli.core.runtime import Runtime

CONFIG = typer.Option(
    None,
    "--config",
    "-c",
    metavar="FILE",
    help="Configuration file. [default: CCTV_CONFIG, or ./cameras.toml if it exists]",
)
STORAGE = typer.Option(
    None,
    "--storage",
    metavar="FOLDER",
    help="Folder of live streams and recordings. [default: HLS_BASE_PATH or ./hls]",
)
LOG_FORMAT = typer.Option(
    None,
    "--log-format",
    metavar="FORMAT",
    help="Format of the log lines: text, or json with one object per line. [default: LOG_FORMAT or text]",
)
JSON = typer.Option(False, "--json", help="Print one JSON document for scripts instead of text for people.")


def given(context: typer.Context, name: str) -> Any:
    """The value of an option, also if given before a subcommand: `cctv holds --json add`."""
    here: Any = context
    while here is not None:
        if here.params.get(name):
            return here.params[name]
        here = here.parent
    return None


def as_json(context: typer.Context) -> bool:
    """Whether `--json` was given."""
    return bool(given(context, "json"))


def debug(context: typer.Context) -> bool:
    """Whether `cctv --debug` was given."""
    return bool(given(context, "debug"))


def settings(context: typer.Context, **flags: object) -> Settings:
    """The effective settings; a flag with value None was not given. Raises ConfigError."""
    from cctv_cli.core.config.load import load_settings

    on_command_line: Dict[str, object] = {
        key.replace("__", "."): value for key, value in flags.items() if value is not None
    }
    storage: Optional[Path] = given(context, "storage")
    if storage is not None:
        on_command_line["storage.path"] = str(storage)
    return load_settings(config=given(context, "config"), environ=_environment(), cwd=Path.cwd(), flags=on_command_line)


def _environment() -> Dict[str, str]:
    """The environment as UTF-8, whatever the locale is; bytes that are not UTF-8 become lone surrogates."""
    return {name: os.fsencode(value).decode("utf-8", "surrogateescape") for name, value in os.environ.items()}


def instant(text: str, runtime: Runtime, name: str, *, end: bool = False) -> float:
    """The instant that the argument or option `name` names; see `clock.parse_time`. Raises typer.BadParameter."""
    from cctv_cli.core.clock import parse_time

    try:
        return parse_time(text, runtime.tz, end=end)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: {error}", param_hint=name) from None


def seconds(text: str, name: str) -> float:
    """The duration that the option `name` says. Raises typer.BadParameter."""
    from cctv_cli.core.units import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: {error}", param_hint=name) from None


def runtime(context: typer.Context) -> Runtime:
    """The runtime with the effective settings. Raises ConfigError."""
    from cctv_cli.core.runtime import Runtime

    return Runtime(settings(context))
