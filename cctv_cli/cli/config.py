"""`cctv config`: the effective settings and where each came from."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from cctv_cli.cli import options, output


def config(config: Optional[Path] = options.CONFIG, json: bool = options.JSON) -> None:
    """Show the effective settings and where each came from; passwords are never shown.

    Checks the configuration too: every problem is printed at once, and the exit code is 3.
    """
    from cctv_cli.core.config.settings import describe

    rows = describe(options.load(config))
    if json:
        output.print_json([{"key": key, "value": value, "from": origin} for key, value, origin in rows])
    else:
        output.print_settings(rows)
