"""Names and bytes that a terminal, a locale or JSON cannot represent: no process ends with a traceback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Dict, List

import httpx
import pytest

from tests.cli.conftest import announced, command, environment, run_in_bytes, serving
from tests.support.ports import free_port
from tests.support.waiting import HANG

NAME = "Hintertür 門 🎥"
ODD = NAME + "\u202etxt.exe\u2066"
CAMERA = '[[cameras]]\nid = "front"\nname = "{}"\nrtsp_url = "rtsp://127.0.0.1:9/1"\n'
BYTES = pytest.mark.skipif(sys.platform == "win32", reason="variables and arguments of Windows are text, not bytes")
NAMES = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names and locales that are not UTF-8")

ENCODINGS: List[Dict[str, str]] = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "cp1252"},
    {"PYTHONIOENCODING": "cp437"},
    {"PYTHONIOENCODING": "utf-8"},
    {"PYTHONIOENCODING": "", "LC_ALL": "C"},
    {"PYTHONIOENCODING": "", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda each: ",".join(each.values()))
def test_a_name_outside_the_terminals_encoding(tmp_path: Path, encoding: Dict[str, str]) -> None:
    (tmp_path / "cameras.toml").write_text(CAMERA.format(ODD), encoding="utf-8")
    codec = encoding["PYTHONIOENCODING"] or "utf-8"
    done = run_in_bytes("config", cwd=tmp_path, **encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    shown = done.stdout.decode(codec)
    assert "Hintert" in shown and r"\u202etxt.exe\u2066" in shown
    assert not set("\u202e\u2066") & set(shown)
    done = run_in_bytes("config", "--json", cwd=tmp_path, **encoding)
    assert {row["key"]: row["value"] for row in json.loads(done.stdout.decode(codec))}["cameras.front.name"] == ODD


def test_no_command_ends_with_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "cameras.toml").write_text(CAMERA.format(ODD), encoding="utf-8")
    for arguments in (["cameras"], ["health"], ["cameras", "check"], ["cleanup", "--preview"], ["holds"], ["--help"]):
        done = run_in_bytes(*arguments, cwd=tmp_path, **ENCODINGS[0])
        assert b"Traceback" not in done.stderr, arguments
        assert done.returncode in (0, 2, 6, 9), arguments
    done = run_in_bytes("health", "--json", cwd=tmp_path, **ENCODINGS[0])
    assert json.loads(done.stdout)["cameras"][0]["name"] == ODD


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda each: ",".join(each.values()))
def test_serve_starts_with_any_name_and_any_encoding(tmp_path: Path, encoding: Dict[str, str]) -> None:
    (tmp_path / "cameras.toml").write_text(CAMERA.format(ODD), encoding="utf-8")
    port = free_port()
    arguments = command("serve", "--host", "127.0.0.1", "--port", port)
    with (tmp_path / "err.txt").open("wb") as err, subprocess.Popen(
        arguments,
        cwd=tmp_path,
        env=environment(**encoding),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=err,
    ) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(2)]
            assert r"\u202etxt.exe" in lines[1].decode(encoding["PYTHONIOENCODING"] or "utf-8")
            assert httpx.get(f"http://127.0.0.1:{port}/cameras", timeout=HANG).json()[0]["name"] == ODD
        finally:
            process.kill()
    assert b"Traceback" not in (tmp_path / "err.txt").read_bytes()


@BYTES
@pytest.mark.parametrize("variable", ["CAMERA_1_NAME", "CAMERA_1_PASSWORD", "HLS_BASE_PATH", "CAMERA_1_ID", "LOG_FILE"])
def test_a_byte_of_another_encoding_in_the_environment(tmp_path: Path, variable: str) -> None:
    given = {"CAMERA_1_ID": "front", "CAMERA_1_RTSP_URL": "rtsp://u@127.0.0.1:9/1", variable: "T\udcfcr"}
    done = run_in_bytes("serve", cwd=tmp_path, **given)
    assert done.returncode == 3
    assert done.stderr.decode() == f"Error: environment: {variable} is not UTF-8; write it in UTF-8.\n"


@NAMES
def test_the_environment_is_utf_8_in_any_locale(tmp_path: Path) -> None:
    given = {"CAMERA_1_ID": "front", "CAMERA_1_RTSP_URL": "rtsp://u@127.0.0.1:9/1", "CAMERA_1_NAME": NAME}
    locale = {"PYTHONIOENCODING": "", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = run_in_bytes("config", "--json", cwd=tmp_path, **given, **locale)
    assert {row["key"]: row["value"] for row in json.loads(done.stdout)}["cameras.front.name"] == NAME
    done = run_in_bytes("config", cwd=tmp_path, HLS_BASE_PATH="vidéo", **given, **locale)
    assert done.returncode == 3
    assert b"file names cannot have in this locale; set LC_ALL=C.UTF-8." in done.stderr


@NAMES
def test_folders_and_files_with_bytes_of_another_encoding(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    hour = folder / "hls" / "front" / "recordings" / "2026-11-20" / "10"
    hour.mkdir(parents=True)
    (hour / os.fsdecode(b"x\xe9.ts")).touch()
    (folder / "cameras.toml").write_text(CAMERA.format(NAME), encoding="utf-8")
    port = free_port()
    with serving(folder, port) as process:
        url = announced(process)["url"]
        for path in ("/cameras", "/health", "/health/storage", "/metrics", "/recordings/front", "/cleanup/preview"):
            assert httpx.get(url + path, timeout=HANG).status_code == 200, path
        preview = httpx.get(f"{url}/cleanup/preview", timeout=HANG).json()
        assert preview["cameras"][0]["foreign"] == [r"2026-11-20/10/x\udce9.ts"]
    for arguments in (["config"], ["health"], ["cleanup", "--preview"], ["holds"], ["cameras"]):
        for options in ([], ["--json"]):
            done = run_in_bytes(*arguments, *options, cwd=folder)
            assert b"Traceback" not in done.stderr, arguments
            done.stdout.decode()
            if options:
                json.loads(done.stdout)


@BYTES
@pytest.mark.parametrize(
    "arguments",
    [
        ["cameras", "check", "x\udce9"],
        ["config", "--config", "x\udce9"],
        ["serve", "--host", "x\udce9"],
        ["health", "--storage", "x\udce9"],
        ["record", "--for", "x\udce9"],
        ["holds", "add", "front", "x\udce9", "2026-11-20"],
        ["x\udce9"],
        ["cameras", "check", "x\x1b[2J\u202e"],
    ],
)
def test_an_argument_of_another_encoding(tmp_path: Path, arguments: List[str]) -> None:
    (tmp_path / "cameras.toml").write_text(CAMERA.format("x"), encoding="utf-8")
    done = run_in_bytes(*arguments, cwd=tmp_path)
    assert done.returncode in (2, 3, 7)
    assert b"Traceback" not in done.stderr
    assert not {"\x1b", "\u202e"} & set(done.stderr.decode())
    assert "Error: " in done.stderr.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no shell that closes descriptors")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_outputs_do_not_end_a_command(tmp_path: Path, closed: str) -> None:
    (tmp_path / "cameras.toml").write_text(CAMERA.format(NAME), encoding="utf-8")
    shell = f'exec "$@" {closed}'
    done = subprocess.run(
        ["sh", "-c", shell, "sh", *command("config")], cwd=tmp_path, env=environment(), timeout=HANG, check=False
    )
    assert done.returncode == 0


def test_an_answer_of_a_camera_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "cameras.toml").write_text(CAMERA.format("x"), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as camera:
        text = CAMERA.format("x").replace(":9/", f":{camera.getsockname()[1]}/")
        (tmp_path / "cameras.toml").write_text(text, encoding="utf-8")
        process = subprocess.Popen(
            command("cameras", "check", "--json"),
            cwd=tmp_path,
            env=environment(PYTHONIOENCODING="ascii"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        connection, _ = camera.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"RTSP/1.0 499 Gesperrt f\xfcr \xe9 \x1b[2J \r\nCSeq: 1\r\n\r\n")
            out, err = process.communicate(timeout=HANG)
    assert process.returncode == 9
    assert b"Traceback" not in err
    assert len(json.loads(out)) == 1
