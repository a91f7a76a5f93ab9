"""`cctv cameras` shows the state of the cameras, checks what they send, and stops, starts and restarts them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Tuple

import typer

from cctv_cli.cli import options, output, views
from cctv_cli.cli.audit import acted
from cctv_cli.cli.help import Command
from cctv_cli.cli.result import Result, Table
from cctv_cli.core.units import counted

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
    """Show the state of every camera and the reason for it.

    It reads the files in the storage, so it works whether or not cctv serve is running.

    \b
    Example:
      cctv cameras
    """
    if context.invoked_subcommand is None:
        output.finish(list_cameras(options.runtime(context)), as_json=options.as_json(context))


@app.command(cls=Command)
def check(
    context: typer.Context,
    camera: Optional[List[str]] = typer.Argument(
        None, metavar="CAMERA", help="Ids of the cameras to check. [default: all enabled cameras]", show_default=False
    ),
    again: bool = typer.Option(False, "--again", help="Send a password even if the camera refused it."),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Check what the cameras send, and say what to do if one fails.

    The exit code is 9 if a camera cannot be recorded as it is. A password that a camera refused within the last
    half hour is not sent again, because cameras lock out a user after a few wrong passwords.

    \b
    Example:
      cctv cameras check front
    """
    runtime = options.runtime(context)
    with output.progress("Checking") as progress:
        result = check_cameras(runtime, camera or (), again=again, progress=progress)
    output.finish(result, as_json=options.as_json(context))


@app.command(cls=Command)
def stop(
    context: typer.Context,
    camera: List[str] = typer.Argument(..., metavar="CAMERA", help="Ids of the cameras to stop."),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Stop recording cameras until you start them again.

    A running cctv serve or cctv record follows within seconds; one that starts later follows too.

    \b
    Example:
      cctv cameras stop front
    """
    output.finish(stop_cameras(options.runtime(context), camera), as_json=options.as_json(context))


@app.command(cls=Command)
def start(
    context: typer.Context,
    camera: List[str] = typer.Argument(..., metavar="CAMERA", help="Ids of the cameras to start."),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Let stopped cameras record again.

    They record as soon as cctv serve or cctv record runs.

    \b
    Example:
      cctv cameras start front
    """
    output.finish(start_cameras(options.runtime(context), camera), as_json=options.as_json(context))


@app.command(cls=Command)
def restart(
    context: typer.Context,
    camera: List[str] = typer.Argument(..., metavar="CAMERA", help="Ids of the cameras to restart."),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Restart the FFmpeg of cameras.

    Where none runs, cctv tries at once to record again, also after a refused password. The next FFmpeg begins beside
    the current one and takes over at a key frame, so that no frame is lost. Where a camera allows no second session,
    there is a gap of about a second. If nothing records a camera, nothing happens.

    \b
    Example:
      cctv cameras restart front
    """
    output.finish(restart_cameras(options.runtime(context), camera), as_json=options.as_json(context))


def stop_cameras(runtime: Runtime, cameras: Sequence[str]) -> Result:
    """Stop cameras. Raises UnknownCamera before any is stopped, OSError."""
    layouts = [runtime.layout(camera) for camera in cameras]
    for layout in layouts:
        runtime.stop_camera(layout.camera_id).get()
    return Result(
        document=[{"id": layout.camera_id, "stopped": True} for layout in layouts],
        text=tuple(f"Camera {layout.camera_id} stays stopped until you start it" for layout in layouts),
        warnings=_acted(runtime, "stop", cameras),
    )


def start_cameras(runtime: Runtime, cameras: Sequence[str]) -> Result:
    """Start cameras. Raises UnknownCamera and CameraDisabled before any is started, OSError."""
    for camera in cameras:
        runtime.require_enabled(camera)
    for camera in cameras:
        runtime.start_camera(camera).get()
    return Result(
        document=[{"id": camera, "stopped": False} for camera in cameras],
        text=tuple(f"Camera {camera} may record again" for camera in cameras),
        warnings=_acted(runtime, "start", cameras),
    )


def restart_cameras(runtime: Runtime, cameras: Sequence[str]) -> Result:
    """Ask for a restart of cameras. Raises UnknownCamera and CameraDisabled before any is restarted, OSError."""
    for camera in cameras:
        runtime.require_enabled(camera)
    outcomes = [_restart(runtime, camera) for camera in cameras]
    return Result(
        document=[{"id": camera, "restarting": done} for camera, (done, _) in zip(cameras, outcomes)],
        text=tuple(sentence for _, sentence in outcomes),
        warnings=_acted(runtime, "restart", [camera for camera, (done, _) in zip(cameras, outcomes) if done]),
    )


def _restart(runtime: Runtime, camera: str) -> Tuple[bool, str]:
    if runtime.is_stopped(camera).get():
        return False, f"Camera {camera} is stopped: start it with cctv cameras start {camera}"
    process = runtime.supervisor_of(camera).get()
    if process is None:
        return False, f"Camera {camera} needs no restart: neither cctv serve nor cctv record is recording it"
    runtime.restart_camera(camera).get()
    return True, f"Camera {camera} is restarted by process {process}"


def _acted(runtime: Runtime, what: str, cameras: Sequence[str]) -> Tuple[str, ...]:
    return tuple(warning for camera in cameras for warning in acted(runtime, what, camera=camera))


def list_cameras(runtime: Runtime) -> Result:
    """The status of all cameras."""
    from cctv_cli.core.recording.schema import local_camera

    statuses = runtime.statuses()
    hint = "No camera is configured; add one to cameras.toml, or try: cctv serve --demo"
    return Result(
        document=[local_camera(status, runtime.tz).model_dump(mode="json") for status in statuses],
        text=(views.camera_table(statuses, runtime.clock.now()) if statuses else hint,),
    )


def check_cameras(
    runtime: Runtime, names: Sequence[str], *, again: bool, progress: Optional[Callable[[int, int], None]] = None
) -> Result:
    """Check the named cameras, or all enabled ones; the error names those that fail. Raises UnknownCamera."""
    from cctv_cli.core.errors import CameraTrouble
    from cctv_cli.core.health.camera_check import check_streams, streams_of
    from cctv_cli.core.layout import login_files
    from cctv_cli.core.rtsp.login_guard import LoginGuard

    wanted = _wanted(runtime, names)
    streams = [each for pair in zip(wanted, runtime.statuses(wanted)) for each in streams_of(*pair)]
    logins = LoginGuard(*login_files(runtime.settings.storage), runtime.clock, runtime.tz)
    checks: List[Check] = []
    for found in check_streams(streams, logins, again=again):
        checks.append(found)
        if progress is not None:
            progress(len(checks), len(streams))
    failed = [found.stream.name for found in checks if not found.fine]
    trouble = f"{len(failed)} of {counted(len(checks), 'stream')} failed the check: {', '.join(failed)}"
    table = Table(("Camera", "Result", "Details"), tuple(map(_row, checks)))
    return Result(
        document=[_json(found) for found in checks],
        text=(table if checks else "There are no cameras to check",),
        error=CameraTrouble(trouble) if failed else None,
    )


def _wanted(runtime: Runtime, names: Sequence[str]) -> List[Camera]:
    if names:
        return [runtime.camera(name) for name in dict.fromkeys(names)]
    return [camera for camera in runtime.settings.cameras if camera.enabled]


def _row(check: Check) -> Tuple[str, ...]:
    outcome = "ok" if check.fine else check.found.outcome.value.replace("_", " ")
    return check.stream.name, outcome, check.found.reason


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
