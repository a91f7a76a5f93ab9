"""The command `cctv`: one module for each command, imported when it runs."""

from __future__ import annotations

import os
import traceback
from typing import Any, Optional

import typer
from typer.core import TyperGroup

from cctv_cli import version
from cctv_cli.cli import cameras, cleanup, config, health, holds, record, serve
from cctv_cli.core.errors import CctvError


class _ErrorsInOneSentence(TyperGroup):
    """Turns errors into one sentence and a documented exit code; `--debug` shows the traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CctvError as error:
            _fail(ctx, str(error), error.exit_code)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader has enough: no complaint at exit either
        except OSError as error:
            if error.filename is None:
                _fail(ctx, f"{error}; run again with cctv --debug to see where", 1)
            reason = error.strerror or "no reason given"
            _fail(ctx, f"{error.filename} cannot be used ({reason}); check its disk and who may write there", 6)


def _fail(ctx: Any, message: str, exit_code: int) -> None:
    from cctv_cli.cli.output import print_error

    if ctx.params.get("debug"):
        traceback.print_exc()
    print_error(message)
    ctx.exit(exit_code)


app = typer.Typer(
    cls=_ErrorsInOneSentence,
    name="cctv",
    help="Record cameras around the clock and serve them live.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: whole, wrapped, and in no time
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cctv {version()}")
        raise typer.Exit()


@app.callback()
def _options(
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks of errors, and log all there is to log."),
    show_version: Optional[bool] = typer.Option(
        None, "--version", callback=_print_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Record cameras around the clock and serve them live."""


app.command("serve")(serve.serve)
app.command("record")(record.record)
app.add_typer(cameras.app, name="cameras")
app.command("health")(health.health)
app.command("cleanup")(cleanup.cleanup)
app.add_typer(holds.app, name="holds")
app.command("config")(config.config)


def main() -> None:
    """Run the command line."""
    app()
