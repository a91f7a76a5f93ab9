"""Errors as a user sees them: streams, exit codes, tracebacks. Each command runs in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from tests.cli.conftest import PASSWORD, environment, run_process
from tests.support.waiting import HANG

CAMERA = {
    "CAMERA_1_ID": "front",
    "CAMERA_1_RTSP_URL": f"rtsp://admin:{PASSWORD}@127.0.0.1:9/1",
    "CAMERA_1_ENABLED": "false",
}


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "sentence"),
    [
        (["record"], {}, 3, "No camera is configured; add one to cameras.toml"),
        (["serve", "--port", "99999"], CAMERA, 3, "command line: server.port = 99999 is not a whole number"),
        (["record"], {**CAMERA, "FFMPEG_PATH": "nosuch"}, 4, "FFmpeg is not at "),
        (["record", "--storage", "taken"], CAMERA, 6, "The storage "),
        (["record", "nosuch"], CAMERA, 7, "No camera 'nosuch' is configured; known: front"),
    ],
)
def test_a_problem_is_one_sentence_with_its_exit_code(
    tmp_path: Path, arguments: List[str], variables: Dict[str, str], code: int, sentence: str
) -> None:
    (tmp_path / "taken").write_text("a file in the way")
    result = run_process(*arguments, cwd=tmp_path, **variables)
    assert (result.code, result.out) == (code, "")
    errors = [line for line in result.err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert errors[0].startswith(f"Error: {sentence}")
    assert "Traceback" not in result.err
    assert PASSWORD not in result.err


def test_without_ffmpeg_the_sentence_says_how_to_install_it(tmp_path: Path) -> None:
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "imageio_ffmpeg.py").write_text("raise ImportError('not installed')\n")
    (tmp_path / "bin").mkdir()
    variables = environment(**CAMERA, PATH=str(tmp_path / "bin"))
    variables["PYTHONPATH"] = os.pathsep.join([str(tmp_path / "extra"), variables["PYTHONPATH"]])
    result = run_process("record", cwd=tmp_path, **variables)
    assert (result.code, result.out) == (4, "")
    assert result.err.startswith("Error: FFmpeg was not found; install it (apt install ffmpeg, ")
    assert "FFMPEG_PATH" in result.err
    assert result.err.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not run a script as a program")
def test_an_old_ffmpeg_is_refused_with_its_version(tmp_path: Path) -> None:
    old = tmp_path / "ffmpeg"
    old.write_text("#!/bin/sh\necho 'ffmpeg version 4.2.2'\necho 'libavformat    58. 29.100 / 58. 29.100'\n")
    old.chmod(0o755)
    result = run_process("record", cwd=tmp_path, **CAMERA, FFMPEG_PATH="./ffmpeg")
    assert (result.code, result.out) == (4, "")
    assert re.match(r"Error: FFmpeg at \S+ is version 4\.2\.2, but cctv needs 5 or newer; ", result.err)
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "raised"),
    [
        (["record", "nosuch"], 7, "cctv_cli.core.errors.UnknownCamera: No camera 'nosuch' is configured"),
        (["config", "--config", "nosuch.toml"], 3, "cctv_cli.core.errors.ConfigError: nosuch.toml: "),
    ],
)
def test_debug_shows_the_traceback_and_keeps_the_exit_code(
    tmp_path: Path, arguments: List[str], code: int, raised: str
) -> None:
    result = run_process("--debug", *arguments, cwd=tmp_path, **CAMERA)
    assert result.out == ""
    assert "Traceback (most recent call last):" in result.err
    assert raised in result.err
    assert PASSWORD not in result.err
    assert result.code == code


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nosuch"], "nosuch"),
        (["record", "--nosuch"], "--nosuch"),
        (["serve", "--port", "http"], "--port"),
        (["record", "--for", "soon"], "--for"),
        (["record", "--for", "0s"], "--for"),
        (["record", "--for", "-5m"], "--for"),
        (["record", "--for", ""], "--for"),
        (["record", "--for", "nan"], "--for"),
    ],
)
def test_a_wrong_command_line_is_code_2_and_names_the_part(
    cctv: Callable[..., Any], arguments: List[str], named: str
) -> None:
    result = cctv(*arguments)
    assert (result.code, result.out) == (2, "")
    assert named in result.err
    assert "Traceback" not in result.err


def test_the_help_lists_every_command_with_one_line(cctv: Callable[..., Any]) -> None:
    result = cctv("--help")
    assert (result.code, result.err) == (0, "")
    for name in ("serve", "record", "cameras", "config"):
        assert re.search(rf"^\W*{name} +\w", result.out, re.MULTILINE)
    assert cctv("-h").out == result.out


@pytest.mark.parametrize(
    ("name", "defaults"),
    [
        ("serve", ["SERVER_HOST or 0.0.0.0", "SERVER_PORT or 8000", "HLS_BASE_PATH or ./hls", "./cameras.toml"]),
        ("record", ["default: all", "HLS_BASE_PATH or ./hls", "./cameras.toml"]),
        ("cameras", ["HLS_BASE_PATH or ./hls", "./cameras.toml"]),
        ("config", ["./cameras.toml"]),
    ],
)
def test_the_help_of_a_command_has_the_defaults(cctv: Callable[..., Any], name: str, defaults: List[str]) -> None:
    result = cctv(name, "--help")
    text = " ".join(re.sub(r"[^\w\s./:,;()-]", " ", result.out).split())  # without the frame, on one line
    assert result.code == 0
    assert [default for default in defaults if default not in text] == []


def test_the_help_imports_no_heavy_module(tmp_path: Path) -> None:
    code = (
        "import sys, json\n"
        "from cctv_cli.cli.app import main\n"
        "sys.argv = ['cctv', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        check=True,
        timeout=HANG,
        stdout=subprocess.DEVNULL,
    )
    modules = set(json.loads(done.stderr))
    assert "cctv_cli.cli.serve" in modules
    heavy = {"fastapi", "starlette", "pydantic", "uvicorn", "httpx", "psutil", "tomli", "dotenv"}
    assert modules & heavy == set()


def test_the_version_is_printed(cctv: Callable[..., Any]) -> None:
    result = cctv("--version")
    assert (result.code, result.err) == (0, "")
    assert re.fullmatch(r"cctv \d+\.\d+\.\d+\S*\n", result.out)
