from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import List

import pytest

from cctv_cli.api.server import listen
from cctv_cli.core.errors import AddressError
from tests.cli.conftest import PASSWORD, announced, environment, run_process, serving
from tests.support.ports import free_port
from tests.support.waiting import HANG, end_of, wait_for

CAMERAS = f"""
[[cameras]]
id = "front"
name = "Front Entrance"
enabled = false
rtsp_url = "rtsp://admin:{PASSWORD}@127.0.0.1:9/Streaming/Channels/101"
"""
ONE_MORE = (
    CAMERAS
    + """
[[cameras]]
id = "yard"
enabled = false
rtsp_url = "rtsp://127.0.0.1:9/Streaming/Channels/201"
"""
)


def cameras_at(url: str) -> List[str]:
    with urllib.request.urlopen(f"{url}/cameras", timeout=HANG) as response:
        return [camera["id"] for camera in json.load(response)]


def cameras_once_up(url: str) -> List[str]:
    try:
        return cameras_at(url)
    except OSError:
        return []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
def test_it_serves_reloads_its_configuration_and_ends_cleanly(tmp_path: Path) -> None:
    (tmp_path / "cameras.toml").write_text(CAMERAS)
    port = free_port()
    with serving(tmp_path, port) as process:
        document = announced(process)
        url = f"http://127.0.0.1:{port}"
        assert document == {"url": url, "cameras": {"front": f"{url}/stream/front/live.m3u8"}}
        assert wait_for(lambda: cameras_once_up(url), "an answer") == ["front"]

        (tmp_path / "cameras.toml").write_text("retention = 'nonsense'")
        process.send_signal(signal.SIGHUP)
        log = tmp_path / "err.txt"
        wait_for(lambda: "the configuration is unchanged" in log.read_text(), "the refusal")
        assert cameras_at(url) == ["front"]

        (tmp_path / "cameras.toml").write_text(ONE_MORE)
        asked = run_process("reload", cwd=tmp_path)
        assert asked == (0, f"Process {process.pid} reloaded its configuration: added yard\n", "")
        assert cameras_at(url) == ["front", "yard"]

        process.send_signal(signal.SIGTERM)
        assert end_of(process) == 0
        assert process.stdout is not None
        assert process.stdout.read() == b""
    text = (tmp_path / "err.txt").read_text()
    assert "Traceback" not in text
    assert PASSWORD not in text


LARGE = 24_000_000  # bytes; more than the buffers of both ends hold


def refuses(port: int) -> bool:
    """Whether the server no longer accepts connections."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=HANG):
            return False
    except OSError:
        return True


def begin_to_read(port: int, path: str) -> socket.socket:
    """Request a file and read a little of it, like a client with a slow line."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    client.settimeout(HANG)
    client.connect(("127.0.0.1", port))
    host, port = client.getpeername()
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    return client


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows SIGTERM ends a process at once")
@pytest.mark.parametrize("keeps_reading", [True, False], ids=["slow", "stuck"])
def test_at_the_end_pending_answers_are_finished_and_new_requests_refused(tmp_path: Path, keeps_reading: bool) -> None:
    (tmp_path / "cameras.toml").write_text(CAMERAS)
    hour = tmp_path / "hls" / "front" / "recordings" / "2026-07-14" / "14"
    hour.mkdir(parents=True)
    content = os.urandom(LARGE)
    (hour / "41.ts").write_bytes(content)
    port = free_port()
    with serving(tmp_path, port) as process:
        announced(process)
        with begin_to_read(port, "/recordings/front/2026-07-14/14/41.ts") as client:
            received = client.recv(65536)
            process.send_signal(signal.SIGTERM)
            wait_for(lambda: refuses(port), "the end of listening")
            if keeps_reading:
                received += b"".join(iter(lambda: client.recv(65536), b""))
            assert end_of(process) == 0
        head, _, body = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert (body == content) == keeps_reading
    log = (tmp_path / "err.txt").read_text()
    assert "Traceback" not in log
    assert ("cut off" in log) != keeps_reading


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows SIGTERM ends a process at once")
def test_a_json_log_has_one_object_per_line(tmp_path: Path) -> None:
    (tmp_path / "cameras.toml").write_text(CAMERAS + '\n[log]\nformat = "json"\n')
    with serving(tmp_path, free_port()) as process:
        url = announced(process)["url"]
        assert cameras_at(url) == ["front"]
        process.send_signal(signal.SIGTERM)
        assert end_of(process) == 0
    lines = [json.loads(line) for line in (tmp_path / "err.txt").read_text().splitlines()]
    assert {"time", "level", "logger", "message"} <= set.intersection(*map(set, lines))
    assert {line.get("camera") for line in lines if line["logger"] == "cctv.recorder"} == {"front"}
    assert [line["message"].split(" ")[:3] for line in lines if line["logger"] == "cctv.http"] == [
        ["GET", "/cameras", "200"]
    ]


def test_an_unknown_log_format_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "cameras.toml").write_text(CAMERAS)
    result = run_process("serve", "--log-format", "xml", cwd=tmp_path)
    assert (result.code, result.out) == (3, "")
    assert 'log.format = "xml"' in result.err
    assert "text" in result.err and "json" in result.err
    assert result.err.count("\n") == 1


def test_a_log_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "cameras.toml").write_text(CAMERAS)
    result = run_process("record", cwd=tmp_path, LOG_FILE="nosuch/cctv.log")
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith("Error: The log file ")
    assert result.err.count("\n") == 1


def test_the_announced_address_answers(tmp_path: Path) -> None:
    """A script that reads the address may send a request at once, so the server must already listen."""
    (tmp_path / "cameras.toml").write_text(CAMERAS)
    with serving(tmp_path, free_port()) as process:
        assert cameras_at(announced(process)["url"]) == ["front"]


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_all_addresses_include_ipv4() -> None:
    with listen("::", 0) as listener:
        socket.create_connection(("127.0.0.1", listener.getsockname()[1])).close()


def test_a_port_in_use_is_one_sentence_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "cameras.toml").write_text(CAMERAS)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = run_process("serve", "--host", "127.0.0.1", "--port", port, cwd=tmp_path)
    assert "Traceback" not in result.err
    errors = [line for line in result.err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    for part in (str(port), "127.0.0.1", "in use", "--port", "SERVER_PORT"):
        assert part in errors[0]
    assert result.code == 8
    assert result.out == ""
    assert not (tmp_path / "hls" / "front" / ".state.json").exists()


def test_an_unknown_host_name() -> None:
    with pytest.raises(AddressError, match=r"the name is unknown.*correct --host"):
        listen("nowhere.invalid", 0)


def test_a_port_that_needs_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*address: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "create_server", refuse)  # as if not root
    with pytest.raises(AddressError, match=r"^Port 80 at 0.0.0.0 .*\(Permission denied\).*1024 or more with --port"):
        listen("0.0.0.0", 80)


def test_an_address_of_another_machine() -> None:
    with pytest.raises(AddressError, match=r"no such address: correct --host"):
        listen("192.0.2.1", 0)


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows SIGTERM ends a process at once")
def test_it_ends_within_its_limits_even_if_threads_hang(tmp_path: Path) -> None:
    """A camera's thread and one of the server's hang forever: the log says so, and the process still ends."""
    (tmp_path / "cameras.toml").write_text(ONE_MORE)
    port = free_port()
    program = [sys.executable, "-m", "tests.support.hung_serve", "serve", "--json", "--host", "127.0.0.1"]
    log = tmp_path / "err.txt"
    folder = str(Path(__file__).parent.parent.parent)
    with log.open("wb") as err, subprocess.Popen(
        [*program, "--port", str(port)],
        cwd=tmp_path,
        env={**environment(), "PYTHONPATH": folder},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=err,
    ) as process:
        try:
            announced(process)
            wait_for(lambda: "the camera's thread hangs" in log.read_text(), "the camera's thread to hang")
            with socket.create_connection(("127.0.0.1", port), timeout=HANG) as client:
                path = b"/recordings/front/2026-07-14/14/41.ts"
                client.sendall(b"GET %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (path, port))
                wait_for(lambda: "the server's thread hangs" in log.read_text(), "the server's thread to hang")
                process.send_signal(signal.SIGTERM)
                assert end_of(process, 60) == 15
        finally:
            process.kill()
    text = log.read_text()
    assert "front: its thread still hangs on the storage" in text
    assert "Error: cctv ended without the threads of front, which hang on a disk; check its cable" in text
    assert "threads still hang on a disk" not in text  # the server's thread is a daemon
    assert "Traceback" not in text


def test_a_certificate_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "cameras.toml").write_text(CAMERAS)
    (tmp_path / "server.crt").write_text("not a certificate")
    for key in ("server.crt", "nosuch.key"):
        result = run_process(
            *("serve", "--host", "127.0.0.1", "--port", free_port(), "--tls-cert", "server.crt", "--tls-key", key),
            cwd=tmp_path,
        )
        assert (result.code, result.out) == (3, "")
        errors = [line for line in result.err.splitlines() if line.startswith("Error: ")]
        assert len(errors) == 1 and "both must be in PEM" in errors[0]
        assert "Traceback" not in result.err
