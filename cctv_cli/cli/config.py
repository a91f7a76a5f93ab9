"""`cctv config`: the effective settings and the source of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional

import typer

from cctv_cli.cli import options, output
from cctv_cli.cli.result import Result, Table

if TYPE_CHECKING:
    from cctv_cli.core.config.settings import Settings


def config(context: typer.Context, config: Optional[Path] = options.CONFIG, json: bool = options.JSON) -> None:
    """Check the configuration and show where each setting came from.

    Passwords are never shown. If the configuration has problems, all of them are printed, and the exit code is 3.

    \b
    Example:
      cctv config --config /etc/cctv/cameras.toml
    """
    output.finish(show_settings(options.settings(context)), as_json=options.as_json(context))


def show_settings(settings: Settings) -> Result:
    """Every setting with its value and where that came from."""
    from cctv_cli.core.config.settings import describe

    rows = describe(settings)
    return Result(
        document=[{"key": key, "value": value, "from": origin} for key, value, origin in rows],
        text=(Table(("Setting", "Value", "From"), tuple(rows)),),
    )
