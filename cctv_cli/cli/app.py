"""The command `cctv`: one module for each subcommand."""

from __future__ import annotations

import os
import traceback
from typing import Any, Optional

import typer
from typer.core import TyperGroup

from cctv_cli import version
from cctv_cli.cli import (
    access,
    audit,
    cameras,
    cleanup,
    config,
    health,
    holds,
    link,
    output,
    record,
    reload,
    serve,
    token,
)
from cctv_cli.cli.ending import leave
from cctv_cli.cli.exit_codes import EXIT_CODES
from cctv_cli.cli.help import Command
from cctv_cli.cli.result import Result
from cctv_cli.core.errors import CctvError
from cctv_cli.core.system import prepare_process


class _ErrorsInOneSentence(TyperGroup):
    """Turns errors into one sentence and a documented exit code; `--debug` shows the traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CctvError as error:
            _fail(ctx, str(error), error.exit_code)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader closed the pipe; report nothing at exit either
        except OSError as error:
            if error.filename is None:
                _fail(ctx, f"{error}; run it again with cctv --debug to see where", 1)
            reason = error.strerror or "no reason given"
            _fail(ctx, f"{error.filename} cannot be used ({reason}); check the disk and the permissions", 6)


def _fail(ctx: Any, message: str, exit_code: int) -> None:
    if ctx.params.get("debug"):
        traceback.print_exc()
    output.show_error(message)
    ctx.exit(exit_code)


_EXIT_CODES = "\n".join(("\b", "Exit codes:", *(f"  {code:2}  {meaning}" for code, meaning in EXIT_CODES.items())))
_HEALTH = "cctv health exits with 0, 1 or 2 for ok, warning or critical."

app = typer.Typer(
    cls=_ErrorsInOneSentence,
    name="cctv",
    epilog=f"{_EXIT_CODES}\n\n{_HEALTH}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: complete, wrapped and fast
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        output.finish(Result(document=None, text=(f"cctv {version()}",)), as_json=False)


@app.callback()
def _options(
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks of errors, and log everything."),
    show_version: Optional[bool] = typer.Option(
        None, "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """Record cameras around the clock and serve them live.

    cctv COMMAND --help explains a command.

    \b
    Example, without a camera:
      cctv serve --demo
    """


app.command("serve", cls=Command)(serve.serve)
app.command("record", cls=Command)(record.record)
app.add_typer(cameras.app, name="cameras")
app.command("reload", cls=Command)(reload.reload)
app.command("health", cls=Command)(health.health)
app.command("cleanup", cls=Command)(cleanup.cleanup)
app.add_typer(holds.app, name="holds")
app.add_typer(token.app, name="token")
app.add_typer(access.app, name="access")
app.command("link", cls=Command)(link.link)
app.command("audit", cls=Command)(audit.audit)
app.command("config", cls=Command)(config.config)


def main() -> None:
    """Run the command line."""
    prepare_process()
    output.prepare()
    try:
        app()
    except SystemExit as ended:
        leave(ended.code if isinstance(ended.code, int) else 0)
        raise
