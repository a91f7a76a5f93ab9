"""`cctv holds`: times of which no recording is deleted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, Optional, Tuple

import typer

from cctv_cli.cli import options, output

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
    """Show every hold: recordings of that time are kept, even when the disk is full."""
    if context.invoked_subcommand is not None:
        return
    runtime = _runtime(context, config, storage)
    found = [_values(layout, hold, runtime) for layout, hold in _all(runtime)]
    if json:
        output.print_json(found)
    elif found:
        output.print_rows(("Id", "Camera", "From", "Until", "Note"), [tuple(hold.values()) for hold in found])
    else:
        output.print_line('Nothing is held; hold with: cctv holds add CAMERA "2026-11-03 14:00" "2026-11-03 15:00"')


@app.command()
def add(
    context: typer.Context,
    camera: str = typer.Argument(..., help="The camera's id."),
    from_: str = typer.Argument(..., metavar="FROM", help='Local time, or with a UTC offset: "2026-11-03 14:00".'),
    until: str = typer.Argument(..., metavar="UNTIL", help='The end: "2026-11-03 15:00".'),
    note: str = typer.Option("", "--note", help="Why, or for whom."),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Keep what a camera recorded in this time until the hold is released."""
    from cctv_cli.core.storage.holds import add_hold, deleted_count

    runtime = _runtime(context, config, storage)
    layout = _layout(runtime, camera)
    begin, end = _time(from_, runtime, "FROM"), _time(until, runtime, "UNTIL", end=True)
    made = add_hold(layout, begin, end, note, runtime.clock.now(), runtime.tz)
    hold = _values(layout, made, runtime)
    if json or _before(context, "json"):
        output.print_json(hold)
    else:
        gone = deleted_count(layout, made, runtime.tz)
        lost = f"; {gone} recordings of that time were deleted before" if gone else ""
        output.print_line(f"Held: {camera} from {hold['from']} until {hold['until']}, id {hold['id']}{lost}")


@app.command()
def release(
    context: typer.Context,
    hold_id: str = typer.Argument(..., metavar="ID", help="The id that cctv holds shows."),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """End a hold: the next cleanup may delete what it kept."""
    from cctv_cli.core.errors import HoldError
    from cctv_cli.core.storage.holds import release_hold

    runtime = _runtime(context, config, storage)
    for layout, hold in _all(runtime):
        if hold.id == hold_id:
            release_hold(layout, hold_id, runtime.tz)
            if json or _before(context, "json"):
                output.print_json(_values(layout, hold, runtime))
            else:
                output.print_line(f"Released: {layout.camera_id}, id {hold_id}")
            return
    raise HoldError(f"There is no hold {hold_id[:80]!r}; cctv holds shows all")


def _before(context: typer.Context, name: str) -> Any:
    """An option that stood before the subcommand: `cctv holds --json add` asks for it, too."""
    return context.parent.params.get(name) if context.parent else None


def _runtime(context: typer.Context, config: Optional[Path], storage: Optional[Path]) -> Runtime:
    from cctv_cli.core.runtime import Runtime

    return Runtime(options.load(config or _before(context, "config"), storage or _before(context, "storage")))


def _layout(runtime: Runtime, camera_id: str) -> CameraLayout:
    """The paths of a camera that is configured, or was and has recordings. Raises UnknownCamera."""
    from cctv_cli.core.layout import CameraLayout
    from cctv_cli.core.retention.scan import camera_folders

    storage = runtime.settings.storage
    if storage.is_dir() and camera_id in camera_folders(storage):
        return CameraLayout(storage, camera_id)
    return runtime.layout(camera_id)


def _all(runtime: Runtime) -> Iterator[Tuple[CameraLayout, HoldEntry]]:
    from cctv_cli.core.layout import CameraLayout
    from cctv_cli.core.retention.scan import camera_folders
    from cctv_cli.core.storage.holds import list_holds

    storage = runtime.settings.storage
    for camera_id in camera_folders(storage) if storage.is_dir() else ():
        layout = CameraLayout(storage, camera_id)
        for hold in list_holds(layout):
            yield layout, hold


def _time(text: str, runtime: Runtime, name: str, *, end: bool = False) -> float:
    from cctv_cli.core.storage.holds import parse_time

    try:
        return parse_time(text, runtime.tz, end=end)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: {error}", param_hint=name) from None


def _values(layout: CameraLayout, hold: HoldEntry, runtime: Runtime) -> Dict[str, str]:
    from cctv_cli.core.clock import format_instant

    return {
        "id": hold.id,
        "camera": layout.camera_id,
        "from": format_instant(hold.start, runtime.tz),
        "until": format_instant(hold.end, runtime.tz),
        "note": hold.note,
    }
