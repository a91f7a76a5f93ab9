"""The help and the README's chapter on commands are complete."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Set, Type

import pytest

import cctv_cli.cli
from cctv_cli.cli.exit_codes import EXIT_CODES
from cctv_cli.core.errors import CctvError
from tests.cli.conftest import commands

README = Path(__file__).parent.parent.parent / "README.md"
CLI = Path(cctv_cli.cli.__file__).parent
GENERAL = {"--help", "-h", "--json", "--config", "-c", "--storage", "--log-format"}  # not repeated for each command


def chapter() -> str:
    """The README's chapter on commands."""
    match = re.search(r"^## Commands\n(.+?)^## ", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert match is not None
    return match.group(1)


def documented() -> Dict[str, str]:
    """The row of each command in the chapter's table."""
    rows = re.findall(r"^\| `cctv ([a-z]+(?: [a-z-]+)?)([^\n]*)$", chapter(), re.MULTILINE)
    return dict(rows)


def options(command: Any) -> Set[str]:
    return {option for each in command.params if each.param_type_name == "option" for option in each.opts}


def words(text: str) -> Set[str]:
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))


def test_the_readme_documents_exactly_the_commands() -> None:
    assert set(documented()) == set(commands()) - {""}


@pytest.mark.parametrize("name", sorted(set(commands()) - {""}))
def test_the_readme_documents_every_option_and_argument_of_a_command(name: str) -> None:
    command, row = commands()[name], documented()[name]
    assert options(command) - GENERAL == words(row)
    arguments = [each.metavar for each in command.params if each.param_type_name == "argument"]
    assert [argument for argument in arguments if argument not in row] == []


def test_the_readme_documents_the_options_of_all_commands() -> None:
    prose = re.sub(r"^\|.*$", "", chapter(), flags=re.MULTILINE)
    assert words(prose) >= GENERAL | options(commands()[""])


@pytest.mark.parametrize("name", sorted(commands()))
def test_help_is_whole_sentences_with_an_example_and_no_python_types(cctv: Callable[..., Any], name: str) -> None:
    result = cctv(*name.split(), "--help")
    assert (result.code, result.err) == (0, "")
    assert re.search(rf"^ +cctv {name or 'serve'}\b", result.out, re.MULTILINE)
    explanations = result.out.partition("\n")[2]
    assert re.findall(r"[<>{}]|\bINTEGER\b|\bPATH\b", result.out) == []  # as some versions of typer show types
    assert "..." not in explanations, "a sentence is cut off"
    for parameter in commands()[name].params:
        if parameter.name != "show_completion":  # it is typer's own, as is its help
            assert re.search(r"[.\]]$", parameter.help or ""), f"{parameter.name}: {parameter.help}"


@pytest.mark.parametrize("name", sorted(commands()))
def test_an_option_with_a_value_has_its_default_in_the_help(name: str) -> None:
    silent = [
        each.name
        for each in commands()[name].params
        if each.param_type_name == "option" and not each.is_flag and "[default: " not in each.help
    ]
    assert silent == []


def errors(base: Type[CctvError] = CctvError) -> Iterator[Type[CctvError]]:
    yield base
    for each in base.__subclasses__():
        yield from errors(each)


def test_every_exit_code_is_explained_once() -> None:
    own = [each.exit_code for each in errors()]
    assert len(own) == len(set(own))
    assert set(EXIT_CODES) == {0, 2, *own}


def test_the_readme_and_the_help_list_the_same_exit_codes(cctv: Callable[..., Any]) -> None:
    table = re.findall(r"^\| (\d+) \| (.+) \|$", chapter(), re.MULTILINE)
    assert {int(code): meaning for code, meaning in table} == EXIT_CODES
    lines = re.findall(r"^ +(\d+)  (\S.*)$", cctv("--help").out, re.MULTILINE)
    assert {int(code): meaning for code, meaning in lines} == EXIT_CODES


def printing(source: str) -> List[str]:
    """Calls and names in a module that write to a stream."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and node.id in ("print", "Console"):
            found.append(node.id)
        if isinstance(node, ast.Attribute) and node.attr in ("echo", "secho", "stdout", "stderr"):
            found.append(node.attr)
    return found


def test_only_output_prints() -> None:
    printers = {path.name for path in CLI.rglob("*.py") if printing(path.read_text(encoding="utf-8"))}
    assert printers == {"output.py"}
