"""`cctv cameras`: what the cameras are doing."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from cctv_cli.cli import options, output


def cameras(
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Show every camera's state and the reason for it, with the server up or down."""
    from cctv_cli.core.runtime import Runtime

    runtime = Runtime(options.load(config, storage))
    statuses = runtime.statuses()
    if json:
        output.print_json(output.status_json(statuses))
    elif statuses:
        output.print_cameras(statuses, runtime.clock.now())
    else:
        output.print_line("No camera is configured; add one to cameras.toml, or try: cctv serve --demo")
