"""Formats help: arguments by name, without Python types."""

from __future__ import annotations

from typing import Any, List

from typer.core import TyperCommand


class Command(TyperCommand):
    """A command whose usage line is like `record [CAMERA]...` with every version of typer."""

    def collect_usage_pieces(self, ctx: Any) -> List[str]:
        """The text after the command's name in the usage line."""
        return [self.options_metavar or "", *map(_usage, _arguments(self, ctx))]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The sections of arguments and options."""
        arguments = [(argument.metavar, argument.help or "") for argument in _arguments(self, ctx)]
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(arguments)
        records = [each.get_help_record(ctx) for each in self.get_params(ctx) if each.param_type_name == "option"]
        with formatter.section("Options"):
            formatter.write_dl([record for record in records if record is not None])


def _arguments(command: Command, ctx: Any) -> List[Any]:
    return [each for each in command.get_params(ctx) if each.param_type_name == "argument"]


def _usage(argument: Any) -> str:
    name = argument.metavar if argument.required else f"[{argument.metavar}]"
    return name if argument.nargs == 1 else f"{name}..."
