"""`cctv serve`: the supervisor behind HTTP."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import typer

from cctv_cli.cli import options, output
from cctv_cli.cli.signals import Signals
from cctv_cli.core.errors import CctvError

if TYPE_CHECKING:
    from cctv_cli.core.runtime import Runtime
    from cctv_cli.core.settings import Settings

_DEMO_STORAGE = Path("hls-demo")
_LOOK = 0.2  # seconds between looks at what signals asked
_GRACE = 3  # seconds for answers under way


def serve(
    host: Optional[str] = typer.Option(None, "--host", help="Address to listen at. [default: SERVER_HOST or 0.0.0.0]"),
    port: Optional[int] = typer.Option(None, "--port", help="Port to listen at. [default: SERVER_PORT or 8000]"),
    demo: bool = typer.Option(False, "--demo", help="Two synthetic cameras instead of the configured ones."),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = typer.Option(False, "--json", help="Print the address and the cameras as JSON at the start."),
) -> None:
    """Record all cameras and serve them over HTTP, live and recorded.

    Ctrl-C and SIGTERM stop the recorders and commit the last minutes; SIGUSR1 leaves them running
    for the next supervisor; SIGHUP reads the configuration again.
    """
    from rich.console import Console

    from cctv_cli.core.runtime import Runtime, demo_settings

    def load() -> Settings:
        settings = options.load(config, storage, server__host=host, server__port=port)
        return demo_settings(settings, storage or _DEMO_STORAGE) if demo else settings

    runtime = Runtime(load(), load=load)
    output.log_lines(Console(stderr=True))
    signals = Signals()
    signals.install()
    listener = _listen(runtime.settings)  # first: a port that is taken must not cost a recorder's start
    try:
        runtime.start()
        _announce(runtime, json)
        asyncio.run(_serve(runtime, signals, listener))
    finally:
        listener.close()
        runtime.stop(leave_running=signals.leave_running)


def _listen(settings: Settings) -> socket.socket:
    """The socket of the HTTP server. Raises CctvError when its address cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise CctvError(
            f"Port {settings.port} at {settings.host} cannot be opened ({error.strerror or error}); "
            "end the program that uses it, or choose another with --port or SERVER_PORT"
        ) from error


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


async def _serve(runtime: Runtime, signals: Signals, listener: socket.socket) -> None:
    """Run the HTTP server until a signal."""
    import contextlib

    import uvicorn

    from cctv_cli.api.app import create_app

    class Server(uvicorn.Server):
        """Leaves the signals to us."""

        @contextlib.contextmanager
        def capture_signals(self):  # type: ignore[no-untyped-def]
            yield

    server = Server(
        uvicorn.Config(
            create_app(runtime),
            proxy_headers=False,  # the access rule reads these itself
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=_GRACE,
        )
    )
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    while not serving.done():
        if signals.take_reload():
            await asyncio.get_running_loop().run_in_executor(None, runtime.reload)
        server.should_exit = server.should_exit or signals.ended
        await asyncio.wait([serving], timeout=_LOOK)
    await serving
