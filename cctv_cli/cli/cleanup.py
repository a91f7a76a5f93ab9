"""`cctv cleanup`: delete what retention no longer keeps, or show what that would be."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, List, Optional

import typer

from cctv_cli.cli import options, output

if TYPE_CHECKING:
    from cctv_cli.core.retention.cleaner import Cleanup
    from cctv_cli.core.runtime import Runtime


def cleanup(
    camera: Optional[List[str]] = typer.Argument(
        None, help="Cameras to clean up, by their own limits alone. [default: all, by all limits]", show_default=False
    ),
    preview: bool = typer.Option(False, "--preview", help="Show what would go and why; delete nothing."),
    force: bool = typer.Option(False, "--force", help="Go on although a brake refuses. Look at the preview first."),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Delete recordings that are too old, too many, or that a full disk has no room for; oldest first.

    Says nothing when all is well, unless it runs on a terminal. Holds and files that are not cctv's stay.
    """
    from cctv_cli.core.retention.report import report, summary
    from cctv_cli.core.runtime import Runtime

    runtime = Runtime(options.load(config, storage))
    cameras = camera or []
    done = runtime.cleaner().preview(cameras, force=force) if preview else _run(runtime, cameras, force)
    values = report(done, runtime.tz)
    if json:
        output.print_json(values)
    elif preview:
        output.print_cleanup(values)
    elif output.on_terminal():
        output.print_line(summary(done) if done.done.files else "There was nothing to delete")
    if not preview:
        done.raise_troubles()


def _run(runtime: Runtime, cameras: List[str], force: bool) -> Cleanup:
    with ExitStack() as shown:
        progress = shown.enter_context(output.progress("Deleting")) if output.on_terminal() else None
        return runtime.cleaner().run(cameras, force=force, progress=progress)
