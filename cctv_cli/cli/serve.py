"""`cctv serve`: the supervisor behind HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional

import typer

from cctv_cli.cli import options, output
from cctv_cli.cli.signals import Signals

if TYPE_CHECKING:
    from cctv_cli.core.config.settings import Settings
    from cctv_cli.core.runtime import Runtime

_DEMO_STORAGE = Path("hls-demo")


def serve(
    context: typer.Context,
    host: Optional[str] = typer.Option(None, "--host", help="Address to listen at. [default: SERVER_HOST or 0.0.0.0]"),
    port: Optional[int] = typer.Option(None, "--port", help="Port to listen at. [default: SERVER_PORT or 8000]"),
    demo: bool = typer.Option(
        False, "--demo", help="Two synthetic cameras instead of the configured ones, kept in ./hls-demo."
    ),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    log_format: Optional[str] = options.LOG_FORMAT,
    json: bool = typer.Option(False, "--json", help="Print the addresses as JSON at the start."),
) -> None:
    """Record all cameras and serve them over HTTP, live and recorded.

    Ctrl-C and SIGTERM stop the recorders and commit the last minutes; SIGUSR1 leaves them running
    for the next supervisor; SIGHUP reads the configuration again.
    """
    from rich.console import Console

    from cctv_cli.api import server
    from cctv_cli.core.runtime import Runtime, demo_settings

    def load() -> Settings:
        settings = options.load(config, storage, server__host=host, server__port=port, log__format=log_format)
        return demo_settings(settings, storage or _DEMO_STORAGE) if demo else settings

    runtime = Runtime(load(), load=load)
    output.log_lines(Console(stderr=True), runtime.settings, debug=options.debug(context))
    signals = Signals()
    signals.install()
    # first: a port that is taken must not cost a recorder's start
    with server.listen(runtime.settings.host, runtime.settings.port) as listener:
        runtime.start()
        try:
            _announce(runtime, json)
            server.run(runtime, listener, signals)
        finally:
            runtime.stop(leave_running=signals.leave_running)


def _announce(runtime: Runtime, json: bool) -> None:
    settings = runtime.settings
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    base = f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
    urls = {camera.id: f"{base}/stream/{camera.id}/live.m3u8" for camera in settings.cameras}
    if json:
        output.print_json({"url": base, "cameras": urls})
        return
    output.print_line(f"Cameras: {base}/cameras")
    for camera in settings.cameras:
        output.print_line(f"Live:    {urls[camera.id]}   ({camera.name})")
