"""`cctv cameras`: what the cameras are doing; `cctv cameras check`: what they answer when they are asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional

import typer

from cctv_cli.cli import options, output

if TYPE_CHECKING:
    from cctv_cli.core.config.settings import Camera
    from cctv_cli.core.health.camera_check import Check
    from cctv_cli.core.runtime import Runtime

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def cameras(
    context: typer.Context,
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Show every camera's state and the reason for it, with the server up or down."""
    if context.invoked_subcommand is not None:
        return
    from cctv_cli.core.recording.schema import local_camera
    from cctv_cli.core.runtime import Runtime

    runtime = Runtime(options.load(config, storage))
    statuses = runtime.statuses()
    if json:
        output.print_json([local_camera(status, runtime.tz).model_dump(mode="json") for status in statuses])
    elif statuses:
        output.print_cameras(statuses, runtime.clock.now())
    else:
        output.print_line("No camera is configured; add one to cameras.toml, or try: cctv serve --demo")


@app.command()
def check(
    context: typer.Context,
    camera: Optional[List[str]] = typer.Argument(
        None, help="Cameras to check. [default: all that are enabled]", show_default=False
    ),
    again: bool = typer.Option(False, "--again", help="Send a password that the camera refused once more."),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Ask every camera what it sends, and say what to do where it fails.

    Exit code 9 when a camera cannot be recorded as it is. A password that a camera refused within
    the last half hour is not sent once more, since cameras lock a user out after a few wrong ones.
    """
    from cctv_cli.core.errors import CameraTrouble
    from cctv_cli.core.health.camera_check import check_streams, streams_of
    from cctv_cli.core.layout import login_files
    from cctv_cli.core.rtsp.login_guard import LoginGuard
    from cctv_cli.core.runtime import Runtime

    before = context.parent.params if context.parent else {}  # `cctv cameras --json check` is asked for, too
    runtime = Runtime(options.load(config or before["config"], storage or before["storage"]))
    wanted = _wanted(runtime, camera)
    streams = [stream for each in wanted for stream in streams_of(each, runtime.status(each.id))]
    logins = LoginGuard(*login_files(runtime.settings.storage), runtime.clock, runtime.tz)
    checks = []
    for found in check_streams(streams, logins, again=again):
        checks.append(found)
        if not (json or before["json"]):
            output.print_line(_line(found, max(len(stream.name) for stream in streams)))
    if json or before["json"]:
        output.print_json([_json(found) for found in checks])
    elif not checks:
        output.print_line("There is no camera to check")
    failed = [found.stream.name for found in checks if not found.fine]
    if failed:
        raise CameraTrouble(
            f"{len(failed)} of {len(checks)} streams cannot be recorded as they are: {', '.join(failed)}"
        )


def _wanted(runtime: Runtime, names: Optional[List[str]]) -> List[Camera]:
    if names:
        return [runtime.camera(name) for name in dict.fromkeys(names)]
    return [camera for camera in runtime.settings.cameras if camera.enabled]


def _line(check: Check, width: int) -> str:
    outcome = "ok" if check.fine else check.found.outcome.value.replace("_", " ")
    return f"{check.stream.name:{width}}  {outcome:12}  {check.found.reason}"


def _json(check: Check) -> Dict[str, Any]:
    found = check.found
    return {
        "camera": check.stream.camera.id,
        "stream": "sub" if check.stream.sub else "main",
        "fine": check.fine,
        "outcome": found.outcome.value,
        "reason": found.reason,
        "status": found.status,
        "codec": found.video.codec if found.video else None,
        "width": found.video.width if found.video else None,
        "height": found.video.height if found.video else None,
        "audio": found.audio.codec if found.audio else None,
        "audio_rate": found.audio.rate if found.audio else None,
        "retry_at": found.retry_at,
    }
