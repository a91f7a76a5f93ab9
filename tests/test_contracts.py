"""DESIGN's list of packages against the import contract that lint-imports enforces."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List, Set

import tomli

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "cctv_cli"


def enforced() -> List[Set[str]]:
    """The layers of the core as the contract has them, the lowest first."""
    contracts = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract.get("containers") == ["cctv_cli.core"])
    return [set(layer.split(" | ")) for layer in reversed(layers)]


def printed() -> List[Set[str]]:
    """The layers as DESIGN prints them: names, two spaces, what they own."""
    chapter = (PACKAGE / "DESIGN.md").read_text(encoding="utf-8").split("## Packages\n", 1)[1]
    block = chapter.split("```\n", 2)[1]
    return [set(re.split(r" {2,}", line, maxsplit=1)[0].split()) for line in block.splitlines()]


def test_design_prints_the_order_of_packages_that_is_enforced() -> None:
    assert printed() == enforced()
