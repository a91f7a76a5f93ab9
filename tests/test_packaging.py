"""The installed package: entry points, version, and what it imports when."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Callable, List

import pytest
import tomli

import cctv_cli
from tests.support.waiting import HANG

Run = Callable[..., "subprocess.CompletedProcess[str]"]

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
SCRIPT = str(Path(sysconfig.get_path("scripts"), "cctv"))
COMMANDS = pytest.mark.parametrize("command", [[SCRIPT], [sys.executable, "-m", "cctv_cli"]], ids=["script", "module"])

HELP_THEN_LIST_MODULES = """
import sys
from cctv_cli.cli.app import main

sys.argv = ["cctv", "--help"]
try:
    main()
except SystemExit:
    pass
print(*sys.modules, file=sys.stderr)
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command without input, in a folder where only the installed package can be imported."""

    def run_command(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            cwd=tmp_path,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            timeout=HANG,
            check=False,
        )

    return run_command


@COMMANDS
def test_help_lists_the_commands(run: Run, command: List[str]) -> None:
    result = run(*command, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    for name in ("serve", "record", "cameras", "config"):
        assert name in result.stdout


@COMMANDS
def test_the_version_is_that_of_pyproject(run: Run, command: List[str]) -> None:
    version = tomli.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["version"]
    result = run(*command, "--version")
    assert (result.returncode, result.stderr) == (0, "")
    assert version in result.stdout.split()


def test_help_imports_no_heavy_library(run: Run) -> None:
    result = run(sys.executable, "-c", HELP_THEN_LIST_MODULES)
    modules = result.stderr.split()
    assert "serve" in result.stdout
    assert "typer" in modules
    assert not {"fastapi", "httpx", "psutil", "pydantic", "uvicorn"}.intersection(modules)


def test_every_module_imports_on_this_python(run: Run) -> None:
    names = [m.name for m in pkgutil.walk_packages(cctv_cli.__path__, "cctv_cli.")]
    names.remove("cctv_cli.__main__")
    assert "cctv_cli.core.config.load" in names
    result = run(sys.executable, "-W", "error", "-c", f"import {', '.join(names)}")
    assert (result.returncode, result.stderr) == (0, "")
