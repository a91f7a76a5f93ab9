"""DESIGN's list of packages matches the import contract; modules and classes stay small."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Iterator, List, Set, Tuple

import tomli

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "cctv_cli"
MOST_LINES = 400
MOST_METHODS = 20


def enforced() -> List[Set[str]]:
    """The layers of the core in the contract, the lowest first."""
    contracts = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract.get("containers") == ["cctv_cli.core"])
    return [set(layer.split(" | ")) for layer in reversed(layers)]


def printed() -> List[Set[str]]:
    """The layers in DESIGN: names, two spaces, what they own."""
    chapter = (PACKAGE / "DESIGN.md").read_text(encoding="utf-8").split("## Packages\n", 1)[1]
    block = chapter.split("```\n", 2)[1]
    return [set(re.split(r" {2,}", line, maxsplit=1)[0].split()) for line in block.splitlines()]


def test_design_prints_the_order_of_packages_that_is_enforced() -> None:
    assert printed() == enforced()


def sizes() -> Iterator[Tuple[str, int, int]]:
    """Every module, its lines, and the methods of its largest class."""
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        classes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef))
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        methods = max((sum(isinstance(each, functions) for each in node.body) for node in classes), default=0)
        yield path.relative_to(PACKAGE).as_posix(), len(text.splitlines()), methods


def test_no_module_and_no_class_is_too_large_to_read() -> None:
    too_large = [size for size in sizes() if size[1] > MOST_LINES or size[2] > MOST_METHODS]
    assert too_large == []
