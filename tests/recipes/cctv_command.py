"""Whether a recipe calls `cctv` as it can be called."""

from __future__ import annotations

import shlex

import click
import typer.main

from cctv_cli.cli.app import app


def assert_command(arguments: str) -> None:
    """`cctv ARGUMENTS` names a command that exists, with options that it has. Nothing is run."""
    group = typer.main.get_command(app)
    name, *rest = shlex.split(arguments)
    context = click.Context(group)
    command = group.get_command(context, name)  # type: ignore[attr-defined]
    assert command is not None, f"cctv has no command {name}"
    command.make_parser(context).parse_args(rest)  # raises UsageError for what it does not know
