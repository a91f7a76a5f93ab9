"""`cctv holds`: periods whose recordings are never deleted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Dict, Iterator, Optional, Tuple

import typer

from cctv_cli.cli import options, output
from cctv_cli.cli.audit import acted
from cctv_cli.cli.help import Command
from cctv_cli.cli.result import Result, Table
from cctv_cli.core.units import counted

if TYPE_CHECKING:
    from cctv_cli.core.layout import CameraLayout
    from cctv_cli.core.runtime import Runtime
    from cctv_cli.core.storage.entries import HoldEntry

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def holds(
    context: typer.Context,
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Show all holds: recordings that no cleanup deletes.

    Recordings under a hold stay until it is released, even if the disk is full.

    \b
    Example:
      cctv holds add front "2026-11-03 14:00" "2026-11-03 15:00" --note "break-in"
    """
    if context.invoked_subcommand is None:
        output.finish(list_holds(options.runtime(context)), as_json=options.as_json(context))


@app.command(cls=Command)
def add(
    context: typer.Context,
    camera: str = typer.Argument(..., metavar="CAMERA", help="Id of the camera."),
    from_: str = typer.Argument(
        ..., metavar="FROM", help='Start, in local time or with a UTC offset, such as "2026-11-03 14:00".'
    ),
    until: str = typer.Argument(..., metavar="UNTIL", help="End, in the same format; today at the latest."),
    note: str = typer.Option(
        "", "--note", metavar="TEXT", help="Why or for whom you keep the recordings. [default: no note]"
    ),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Keep the recordings of a camera in this period.

    The hold lasts until you release it.

    \b
    Example:
      cctv holds add front "2026-11-03 14:00" "2026-11-03 15:00" --note "break-in"
    """
    runtime = options.runtime(context)
    start, end = options.instant(from_, runtime, "FROM"), options.instant(until, runtime, "UNTIL", end=True)
    output.finish(hold(runtime, camera, start, end, note), as_json=options.as_json(context))


@app.command(cls=Command)
def release(
    context: typer.Context,
    hold_id: str = typer.Argument(..., metavar="ID", help="Id of the hold, as shown by cctv holds."),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """End a hold, so that cleanups may delete what it kept.

    \b
    Example:
      cctv holds release 1f2e3d4c
    """
    output.finish(release_hold(options.runtime(context), hold_id), as_json=options.as_json(context))


def list_holds(runtime: Runtime) -> Result:
    """Every hold of every camera."""
    found = [_json(layout, entry, runtime) for layout, entry in _all(runtime)]
    hint = 'There are no holds; add one with: cctv holds add CAMERA "2026-11-03 14:00" "2026-11-03 15:00"'
    table = Table(("Id", "Camera", "From", "Until", "Note"), tuple(tuple(each.values()) for each in found))
    return Result(document=found, text=(table if found else hint,))


def hold(runtime: Runtime, camera_id: str, start: float, end: float, note: str) -> Result:
    """Add a hold between two instants. Raises UnknownCamera, HoldError, StorageError."""
    from cctv_cli.core.storage.holds import add_hold, deleted_count
    from cctv_cli.core.storage.marker import refuse_newer

    refuse_newer(runtime.settings.storage)
    layout = _layout(runtime, camera_id)
    entry = add_hold(layout, start, end, note, runtime.clock.now(), runtime.tz)
    gone = deleted_count(layout, entry, runtime.tz)
    document = _json(layout, entry, runtime)
    lost = f"; {counted(gone, 'recording')} of that time had already been deleted" if gone else ""
    return Result(
        document=document,
        text=(f"Hold {entry.id} keeps {camera_id} from {document['from']} until {document['until']}{lost}",),
        warnings=acted(runtime, "hold added", camera=camera_id, detail=entry.id),
    )


def release_hold(runtime: Runtime, hold_id: str) -> Result:
    """Release a hold. Raises HoldError if there is none with that id, StorageError."""
    from cctv_cli.core.errors import HoldError
    from cctv_cli.core.storage.holds import release_hold as end_hold
    from cctv_cli.core.storage.marker import refuse_newer

    refuse_newer(runtime.settings.storage)
    for layout, entry in _all(runtime):
        if entry.id == hold_id:
            end_hold(layout, hold_id, runtime.tz)
            text = f"Hold {hold_id} of {layout.camera_id} is released"
            return Result(
                document=_json(layout, entry, runtime),
                text=(text,),
                warnings=acted(runtime, "hold released", camera=layout.camera_id, detail=hold_id),
            )
    raise HoldError(f"There is no hold {hold_id[:80]!r}; cctv holds lists all holds")


def _layout(runtime: Runtime, camera_id: str) -> CameraLayout:
    """The paths of a configured camera, or of a former one that has recordings. Raises UnknownCamera."""
    from cctv_cli.core.layout import CameraLayout
    from cctv_cli.core.retention.scan import camera_folders

    storage = runtime.settings.storage
    if storage.is_dir() and camera_id in camera_folders(storage):
        return CameraLayout(storage, camera_id)
    return runtime.layout(camera_id)


def _all(runtime: Runtime) -> Iterator[Tuple[CameraLayout, HoldEntry]]:
    from cctv_cli.core.layout import CameraLayout
    from cctv_cli.core.retention.scan import camera_folders
    from cctv_cli.core.storage import holds as stored

    storage = runtime.settings.storage
    for camera_id in camera_folders(storage) if storage.is_dir() else ():
        layout = CameraLayout(storage, camera_id)
        for entry in stored.list_holds(layout):
            yield layout, entry


def _json(layout: CameraLayout, entry: HoldEntry, runtime: Runtime) -> Dict[str, str]:
    from cctv_cli.core.clock import format_instant

    return {
        "id": entry.id,
        "camera": layout.camera_id,
        "from": format_instant(entry.start, runtime.tz),
        "until": format_instant(entry.end, runtime.tz),
        "note": entry.note,
    }
