"""Checks that a recipe uses `cctv` commands and options that exist."""

from __future__ import annotations

import shlex

import click
import typer.main

from cctv_cli.cli.app import app


def assert_command(arguments: str) -> None:
    """Fail unless `cctv ARGUMENTS` is a command that exists, with options that it has. Nothing is run."""
    group = typer.main.get_command(app)
    name, *rest = shlex.split(arguments)
    context = click.Context(group)
    command = group.get_command(context, name)  # type: ignore[attr-defined]
    assert command is not None, f"cctv has no command {name}"
    command.make_parser(context).parse_args(rest)  # raises UsageError for an unknown option
