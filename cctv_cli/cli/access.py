"""`cctv access`: who may do what without a token, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import typer

from cctv_cli.cli import options, output
from cctv_cli.cli.audit import acted
from cctv_cli.cli.help import Command
from cctv_cli.cli.result import Result
from cctv_cli.cli.token import store_of

if TYPE_CHECKING:
    from cctv_cli.core.runtime import Runtime

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def access(
    context: typer.Context,
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Show who may view and control cameras over HTTP.

    This is decided by the configuration, by the tokens, and by whether a proxy on this machine was ever seen.

    \b
    Example:
      cctv access
    """
    if context.invoked_subcommand is None:
        output.finish(show_access(options.runtime(context)), as_json=options.as_json(context))


@app.command("forget-proxy", cls=Command)
def forget_proxy(
    context: typer.Context,
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Forget a proxy on this machine that is gone.

    Programs on this machine may then control cameras without a token again, if nothing else forbids it. A proxy that is
    still there is noticed at its next request.

    \b
    Example:
      cctv access forget-proxy
    """
    runtime = options.runtime(context)
    store_of(runtime).forget_proxy()
    found = replace(show_access(runtime), warnings=acted(runtime, "proxy forgotten"))
    output.finish(found, as_json=options.as_json(context))


def show_access(runtime: Runtime) -> Result:
    """Who may do what. Raises TokenError, OSError."""
    from cctv_cli.core.access.exposure import control, holders, viewing
    from cctv_cli.core.clock import format_instant

    store, settings = store_of(runtime), runtime.settings
    tokens, seen = store.tokens(), store.proxy_seen()
    document = {
        "viewing": viewing(settings),
        "control": control(settings, tokens, seen),
        "tokens": holders(tokens, runtime.clock.now()),
        "proxy_seen": None if seen is None else format_instant(seen, runtime.tz),
    }
    found = () if seen is None else (f"A proxy on this machine was seen on {document['proxy_seen']}",)
    return Result(document=document, text=(*(str(document[key]) for key in ("viewing", "control", "tokens")), *found))
