"""Who may read through nginx in its usual forms, with what clients forge and with trusted_proxies right and wrong.

nginx takes each client's address from the PROXY protocol, so a client here may come from anywhere.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Tuple

import pytest

from cctv_cli.api.app import create_app
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.runtime import Runtime
from tests.api.real_server import serving
from tests.support.ports import free_port
from tests.support.waiting import HANG, end_of, wait_for

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(NGINX is None, reason="no nginx is installed; apt install nginx-light"),
]

FORMS = {
    "nothing": "",
    "specification": "proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr;",
    "list": "proxy_http_version 1.1; proxy_set_header Host $http_host; "
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    "both": "proxy_http_version 1.1; proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr; "
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;",
}
SAYS_WHO = ["specification", "list", "both"]
TRUSTED = {"none": (), "right": ("127.0.0.1/32",), "wrong": ("10.9.9.9/32",)}
NEARBY, PUBLIC = "192.168.1.5", "203.0.113.9"
FORGED: List[Tuple[str, ...]] = [
    (),
    (f"X-Real-IP: {NEARBY}",),
    (f"X-Forwarded-For: {NEARBY}",),
    ("X-Forwarded-For: 127.0.0.1",),
    (f"X-Forwarded-For: {NEARBY}", "X-Forwarded-For: ::1"),
    (f"X-Real-IP: {NEARBY}", f"X-Forwarded-For: {NEARBY}", f"Forwarded: for={NEARBY}", f"X-Client-IP: {NEARBY}"),
    (f"X_Real_IP: {NEARBY}", f"X_Forwarded_For: {NEARBY}"),
]


class Ways(NamedTuple):
    """The ports of nginx by its form and by who is trusted."""

    ports: Dict[Tuple[str, str], int]

    def status(self, form: str, trusted: str, client: str, headers: Tuple[str, ...], host: str = "192.168.1.2") -> int:
        """The status of the answer to a client with this address that asks for the cameras."""
        lines = (f"PROXY TCP4 {client} 192.168.1.2 50000 80", "GET /cameras HTTP/1.1", f"Host: {host}", *headers)
        request = "\r\n".join((*lines, "Connection: close", "", ""))
        with socket.create_connection(("127.0.0.1", self.ports[form, trusted]), HANG) as connection:
            connection.sendall(request.encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
        assert found is not None, answer
        return int(found.group(1))


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    folder = tmp_path_factory.mktemp("nginx")
    settings = Settings(cameras=(), storage=folder / "hls", timezone="Europe/Berlin")
    ports, servers = {}, []
    with ExitStack() as running:
        for trusted, networks in TRUSTED.items():
            trusting = replace(settings, trusted_proxies=tuple(map(ip_network, networks)))
            own = running.enter_context(serving(create_app(Runtime(trusting))))
            for form, lines in FORMS.items():
                port = ports[form, trusted] = free_port()
                location = f"location / {{ proxy_pass http://127.0.0.1:{own}; {lines} }}"
                servers.append(f"server {{ listen 127.0.0.1:{port} proxy_protocol; {location} }}")
        running.callback(end_nginx, start_nginx(folder, servers))
        for port in ports.values():
            wait_for(lambda port=port: is_open(port), "nginx")  # type: ignore[misc]
        yield Ways(ports)


def start_nginx(folder: Path, servers: List[str]) -> subprocess.Popen[bytes]:
    places = "".join(f"{kind}_temp_path {folder}/{kind}; " for kind in ("proxy", "fastcgi", "scgi", "uwsgi"))
    http = f"client_body_temp_path {folder}/body; {places} access_log off; "
    http += "set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol; " + "\n".join(servers)
    text = f"daemon off; pid {folder}/pid; error_log stderr; events {{}} http {{ {http} }}"
    (folder / "nginx.conf").write_text(text)
    command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def end_nginx(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    end_of(process)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("trusted", TRUSTED)
@pytest.mark.parametrize("form", FORMS)
def test_a_public_client_reads_nothing_whatever_it_forges(ways: Ways, form: str, trusted: str) -> None:
    for headers in FORGED:
        for host in ("192.168.1.2", "localhost", "cctv.local"):
            assert ways.status(form, trusted, PUBLIC, headers, host) == 401, (headers, host)


@pytest.mark.parametrize("trusted", TRUSTED)
@pytest.mark.parametrize("form", SAYS_WHO)
def test_a_client_in_the_local_network_reads(ways: Ways, form: str, trusted: str) -> None:
    assert ways.status(form, trusted, NEARBY, ()) == 200
    assert ways.status(form, trusted, NEARBY, (), "evil.example") == 401, "a name that a web site may own"


@pytest.mark.parametrize("trusted", TRUSTED)
def test_nginx_that_says_nothing_lets_nobody_read(ways: Ways, trusted: str) -> None:
    for headers in FORGED:
        assert ways.status("nothing", trusted, NEARBY, headers) == 401, headers
