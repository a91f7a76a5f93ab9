"""`cctv serve`: the supervisor and the HTTP server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional

import typer

from cctv_cli.cli import options, output
from cctv_cli.cli.result import Result
from cctv_cli.cli.signals import Signals

if TYPE_CHECKING:
    from cctv_cli.core.config.settings import Settings

_DEMO_STORAGE = Path("hls-demo")


def serve(
    context: typer.Context,
    host: Optional[str] = typer.Option(
        None, "--host", metavar="ADDRESS", help="Address to listen on. [default: SERVER_HOST or 0.0.0.0]"
    ),
    port: Optional[int] = typer.Option(
        None, "--port", metavar="PORT", help="Port to listen on. [default: SERVER_PORT or 8000]"
    ),
    tls_cert: Optional[Path] = typer.Option(
        None, "--tls-cert", metavar="FILE", help="Certificate chain for https. [default: TLS_CERT, or http]"
    ),
    tls_key: Optional[Path] = typer.Option(
        None, "--tls-key", metavar="FILE", help="Private key of the certificate. [default: TLS_KEY, or http]"
    ),
    demo: bool = typer.Option(
        False, "--demo", help="Record two synthetic cameras into ./hls-demo instead of the configured cameras."
    ),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    log_format: Optional[str] = options.LOG_FORMAT,
    json: bool = typer.Option(False, "--json", help="Print the addresses as JSON at the start."),
) -> None:
    """Record all cameras and serve them over HTTP until Ctrl-C.

    Ctrl-C and SIGTERM end all recording and save the last minutes. SIGUSR1 ends this process but leaves FFmpeg
    running, and the next cctv serve or cctv record takes over. SIGHUP and cctv reload let it read its configuration
    again.

    \b
    Example:
      cctv serve --port 8080
    """
    from cctv_cli.api import server
    from cctv_cli.api.tls import Tls
    from cctv_cli.core.runtime import Runtime, demo_settings

    def load() -> Settings:
        settings = options.settings(
            context,
            server__host=host,
            server__port=port,
            server__tls_cert=tls_cert,
            server__tls_key=tls_key,
            log__format=log_format,
        )
        return demo_settings(settings, storage or _DEMO_STORAGE) if demo else settings

    runtime = Runtime(load(), load=load)
    output.log_lines(output.error_console(), runtime.settings, debug=options.debug(context))
    signals = Signals()
    signals.install()
    # before anything else: if the port is in use, no recorder is started
    with server.listen(runtime.settings.host, runtime.settings.port) as listener:
        tls = Tls.of(runtime.settings)
        runtime.start()
        try:
            output.show(addresses(runtime.settings), as_json=options.as_json(context))
            server.run(runtime, listener, tls, signals)
        finally:
            runtime.stop(leave_running=signals.leave_running)


def addresses(settings: Settings) -> Result:
    """The URLs of the server and of each live stream."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    scheme = "http" if settings.tls_cert is None else "https"
    base = f"{scheme}://[{host}]:{settings.port}" if ":" in host else f"{scheme}://{host}:{settings.port}"
    urls = {camera.id: f"{base}/stream/{camera.id}/live.m3u8" for camera in settings.cameras}
    return Result(
        document={"url": base, "cameras": urls},
        text=(
            f"Cameras: {base}/cameras",
            *(f"Live:    {urls[camera.id]}   ({camera.name})" for camera in settings.cameras),
        ),
    )
