"""`cctv cleanup`: delete recordings that retention no longer keeps, or preview that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Callable, List, Optional, Sequence

import typer

from cctv_cli.cli import options, output, views
from cctv_cli.cli.audit import acted
from cctv_cli.cli.result import Result

if TYPE_CHECKING:
    from cctv_cli.core.runtime import Runtime


def cleanup(
    context: typer.Context,
    camera: Optional[List[str]] = typer.Argument(
        None,
        metavar="CAMERA",
        help="Ids of the cameras to clean up, each only by its own age and size limits. "
        "[default: all cameras, by all limits]",
        show_default=False,
    ),
    preview: bool = typer.Option(False, "--preview", help="Show what would be deleted and why, and delete nothing."),
    force: bool = typer.Option(False, "--force", help="Delete even if a brake refuses to. Check the preview first."),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Delete the recordings that retention no longer keeps.

    It deletes recordings that are too old, exceed a size limit, or leave too little free space, the oldest first.
    Recordings under a hold and files that cctv did not record are kept. It prints nothing if all is well, except on
    a terminal.

    \b
    Example:
      cctv cleanup --preview
    """
    runtime, cameras = options.runtime(context), camera or ()
    if preview:
        result = preview_cleanup(runtime, cameras, force=force)
    else:
        with output.progress("Deleting") as progress:
            result = clean_up(runtime, cameras, force=force, progress=progress)
    output.finish(result, as_json=options.as_json(context))


def preview_cleanup(runtime: Runtime, cameras: Sequence[str], *, force: bool) -> Result:
    """What a cleanup would delete. Raises CleanupRuns, UnknownCamera, StorageError."""
    from cctv_cli.core.retention.report import report

    values = report(runtime.cleaner().preview(cameras, force=force), runtime.tz)
    return Result(document=values, text=views.preview_text(values))


def clean_up(
    runtime: Runtime, cameras: Sequence[str], *, force: bool, progress: Optional[Callable[[int, int], None]] = None
) -> Result:
    """What a cleanup deleted, and what it did not. Raises CleanupRuns, UnknownCamera, StorageError."""
    from cctv_cli.core.retention.report import report, summary

    done = runtime.cleaner().run(cameras, force=force, progress=progress)
    return Result(
        document=report(done, runtime.tz),
        text=(summary(done) if done.done.files else "There was nothing to delete",),
        warnings=acted(runtime, "cleanup", detail=summary(done)) if done.done.files else (),
        terminal_only=True,
        error=done.error,
    )
