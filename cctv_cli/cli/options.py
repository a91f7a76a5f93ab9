"""Options that several commands share, and how they become settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Optional

import typer

if TYPE_CHECKING:
    from cctv_cli.core.config.settings import Settings

CONFIG = typer.Option(None, "--config", "-c", help="Configuration file. [default: ./cameras.toml if it is there]")
STORAGE = typer.Option(
    None, "--storage", help="Folder for live streams and recordings. [default: HLS_BASE_PATH or ./hls]"
)
LOG_FORMAT = typer.Option(
    None, "--log-format", help="Log lines as text, or as json: one object a line. [default: LOG_FORMAT or text]"
)
JSON = typer.Option(False, "--json", help="Print JSON for scripts.")


def debug(context: typer.Context) -> bool:
    """Whether `cctv --debug` was asked for."""
    return bool(context.find_root().params.get("debug"))


def load(config: Optional[Path], storage: Optional[Path] = None, **flags: object) -> Settings:
    """The effective settings; flags that are None were not given. Raises ConfigError."""
    from cctv_cli.core.config.load import load_settings

    given: Dict[str, object] = {key.replace("__", "."): value for key, value in flags.items() if value is not None}
    if storage is not None:
        given["storage.path"] = str(storage)
    return load_settings(config=config, environ=os.environ, cwd=Path.cwd(), flags=given)
