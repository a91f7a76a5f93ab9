"""Two ways to run a command: in this process, which is fast, and in a process of its own, as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple

import pytest
import typer.main

import cctv_cli
from cctv_cli.cli.app import app
from tests.support.waiting import HANG

PASSWORD = "topsecret"
_NEEDED = ("PATH", "HOME", "LANG", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "TZ")


class Result(NamedTuple):
    """The exit code of a command and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder, and an environment without settings. New files are for this user alone."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in set(os.environ) - set(_NEEDED):
        monkeypatch.delenv(name)
    before = os.umask(0o077)
    yield folder
    os.umask(before)


@pytest.fixture
def cctv(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run a command in this process, in the folder `home`."""

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["cctv", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            app()  # not `main`, which would end the process if threads of other tests still run
        assert isinstance(ended.value.code, int)
        return Result(ended.value.code, *capsys.readouterr())

    return run


def commands() -> Dict[str, Any]:
    """Every command and subcommand of typer by name; `cctv` itself has the empty name.

    A group that does nothing itself is left out.
    """
    root: Any = typer.main.get_command(app)
    found = {"": root}
    found.update({name: one for name, one in root.commands.items() if getattr(one, "invoke_without_command", True)})
    for name, group in root.commands.items():
        found.update({f"{name} {sub}": command for sub, command in getattr(group, "commands", {}).items()})
    return found


def command(*arguments: object) -> List[str]:
    """The command line to run cctv in a process of its own."""
    return [sys.executable, "-m", "cctv_cli", *map(str, arguments)]


def environment(**more: str) -> Dict[str, str]:
    """An environment without settings, in which a process finds this package."""
    kept = {name: os.environ[name] for name in _NEEDED if name in os.environ}
    package = str(Path(cctv_cli.__file__).parent.parent)
    return {**kept, "PYTHONPATH": package, "PYTHONIOENCODING": "utf-8", **more}


def run_process(*arguments: object, cwd: Path, **more: str) -> Result:
    """Run a command to its end in a process of its own; `more` is added to its environment."""
    done = run_in_bytes(*arguments, cwd=cwd, **more)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def run_in_bytes(*arguments: object, cwd: Path, **more: str) -> subprocess.CompletedProcess[bytes]:
    """Like `run_process`, for output in any encoding."""
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=HANG,
        check=False,
    )


@contextmanager
def serving(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`cctv serve --json` in a folder; its standard error goes to the file err.txt there."""
    arguments = command("serve", "--json", "--host", "127.0.0.1", "--port", port)
    with (folder / "err.txt").open("wb") as err, subprocess.Popen(
        arguments, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def announced(process: subprocess.Popen[bytes]) -> Dict[str, Any]:
    """The JSON document that the server prints first."""
    assert process.stdout is not None
    lines: List[bytes] = []
    for line in process.stdout:
        lines.append(line)
        if line.rstrip() == b"}":
            break
    document: Dict[str, Any] = json.loads(b"".join(lines))
    return document
