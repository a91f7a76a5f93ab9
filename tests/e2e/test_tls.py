"""`cctv serve` with a certificate of its own, which is renewed while clients are connected."""

from __future__ import annotations

import http.client
import os
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Tuple

import pytest

from tests.cli.conftest import command, environment
from tests.support.ports import free_port
from tests.support.waiting import HANG, wait_for

OPENSSL = shutil.which("openssl")
CAMERAS = '[[cameras]]\nid = "front"\nrtsp_url = "rtsp://127.0.0.1:9/1"\n'

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(OPENSSL is None, reason="needs openssl")]


def make_certificate(folder: Path, name: str) -> Tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 with this common name, and its key."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    of = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    into = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        [str(OPENSSL), "req", "-x509", "-newkey", "rsa:2048", "-nodes", *into, *of],
        check=True,
        capture_output=True,
        timeout=HANG,
    )
    return certificate, key


def connected(port: int, certificate: Path) -> http.client.HTTPSConnection:
    """A connection to a server that has this certificate. Raises ssl.SSLError if it has another one."""
    trust = ssl.create_default_context(cafile=str(certificate))
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=HANG, context=trust)
    connection.connect()
    return connection


def status(connection: http.client.HTTPSConnection) -> int:
    connection.request("GET", "/cameras")
    answer = connection.getresponse()
    answer.read()
    return answer.status


def shows(port: int, certificate: Path) -> bool:
    try:
        connection = connected(port, certificate)
    except OSError:
        return False
    try:
        return status(connection) == 200
    finally:
        connection.close()


def test_a_renewed_certificate_is_used_and_open_connections_stay(tmp_path: Path) -> None:
    (tmp_path / "cameras.toml").write_text(CAMERAS)
    (first, first_key), (second, second_key) = make_certificate(tmp_path, "one"), make_certificate(tmp_path, "two")
    certificate, key = tmp_path / "server.crt", tmp_path / "server.key"
    shutil.copy(first, certificate)
    shutil.copy(first_key, key)
    port = free_port()
    arguments = command("serve", "--host", "127.0.0.1", "--port", port, "--tls-cert", certificate, "--tls-key", key)
    log = tmp_path / "err.txt"
    with log.open("wb") as err, subprocess.Popen(
        arguments, cwd=tmp_path, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().decode().rstrip() == f"Cameras: https://127.0.0.1:{port}/cameras"
            wait_for(lambda: shows(port, first), "the first certificate", shown=log.read_text)
            key.write_text("not a key")
            refused = "the old certificate stays in use"
            wait_for(lambda: refused in log.read_text(), "the refusal of a broken key")
            opened = connected(port, first)
            before = opened.sock
            for source, target in ((second_key, key), (second, certificate)):
                shutil.copy(source, tmp_path / "draft")
                os.replace(tmp_path / "draft", target)

            def is_renewed() -> bool:
                assert status(opened) == 200 and opened.sock is before, "a connection from before stays open"
                return shows(port, second)

            wait_for(is_renewed, "the second certificate", shown=log.read_text)
            opened.close()
            assert process.poll() is None
        finally:
            process.terminate()
            process.wait(HANG)
