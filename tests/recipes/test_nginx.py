"""examples/nginx/cctv.conf: a real nginx in front of a real `cctv serve`."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

import httpx
import pytest

from cctv_cli.core.access.roles import Role
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.layout import CameraLayout
from tests.e2e.demo_server import DemoServer, played
from tests.support.ports import free_port
from tests.support.waiting import HANG, end_of, wait_for

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
OPENSSL = shutil.which("openssl")
RECIPE = Path(__file__).parent.parent.parent / "examples" / "nginx" / "cctv.conf"
SITE = "https://app.example"  # a web site whose pages may read
LOCATION = "/cctv-media/"
# the server below a path of its own, which nginx removes from most requests
MORE_LOCATIONS = "location /cctv/ { proxy_pass http://cctv/; } location /cctv/stream/ { proxy_pass http://cctv; }"
PROXIED = {"ACCEL_REDIRECT": LOCATION, "TRUSTED_PROXIES": "127.0.0.1"}

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(NGINX is None, reason="no nginx is installed; apt install nginx-light"),
    pytest.mark.skipif(OPENSSL is None, reason="no openssl is installed; apt install openssl"),
]

# Debian's nginx.conf around a recipe, without its fixed paths. The log shows who sent the bytes.
AROUND = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 256; }}
http {{
    types {{ text/html html; }}
    default_type application/octet-stream;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    log_format who escape=json
        '{{"uri": "$request_uri", "status": $status, "sent": $body_bytes_sent, '
        '"target": "$upstream_http_x_accel_redirect", "received": "$upstream_bytes_received", '
        '"length": "$upstream_response_length"}}';
    access_log {folder}/access.log who;
    include {folder}/cctv.conf;
}}
"""


class Nginx:
    """A running nginx with the recipe, on free ports, in front of a server."""

    def __init__(self, folder: Path, server: DemoServer) -> None:
        self.folder = folder
        self.port, tls_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.tls_url = f"https://127.0.0.1:{tls_port}"
        self.certificate = make_certificate(folder)
        recipe = replaced(
            RECIPE.read_text(encoding="utf-8"),
            {
                "127.0.0.1:8000;": f"127.0.0.1:{server.port};",
                "listen 80;": f"listen 127.0.0.1:{self.port};",
                "listen 443 ssl http2;": f"listen 127.0.0.1:{tls_port} ssl http2;",
                "/etc/nginx/cctv/": f"{folder}/",
                "/var/lib/cctv/$1": f"{server.storage}/$1",
                "/var/log/nginx/cctv.log cctv;": f"{folder}/cctv.log cctv; access_log {folder}/access.log who;",
                "/var/log/nginx/cctv-error.log": f"{folder}/cctv-error.log",
                "    location / {": f"{MORE_LOCATIONS}\n    location / {{",
            },
        )
        (folder / "cctv.conf").write_text(recipe, encoding="utf-8")
        user = "user root;" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(AROUND.format(user=user, folder=folder), encoding="utf-8")
        self.command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
        self.log = (folder / "error.log").open("wb")
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=self.log)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(
            self.url + path, headers={name.replace("_", "-"): text for name, text in headers.items()}, timeout=HANG
        )

    def answers(self, path: str, status: int = 200) -> bool:
        try:
            return self.get(path).status_code == status
        except httpx.TransportError:
            return False

    def requests(self) -> List[Dict[str, str]]:
        """The finished requests: address, bytes sent, and what the server answered."""
        lines = (self.folder / "access.log").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def end(self) -> None:
        self.process.terminate()
        end_of(self.process)
        self.log.close()


def replaced(text: str, changes: Dict[str, str]) -> str:
    """The recipe with these texts replaced; each must be in it."""
    for old, new in changes.items():
        assert old in text, f"the recipe no longer has {old!r}"
        text = text.replace(old, new)
    return text


def make_certificate(folder: Path) -> Path:
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    command = [str(OPENSSL), "req", "-x509", "-newkey", "rsa:2048", "-nodes", *name, *files]
    subprocess.run(command, check=True, capture_output=True, timeout=HANG)
    return folder / "fullchain.pem"


@pytest.fixture
def server(tmp_path: Path, ffmpeg: Ffmpeg) -> Iterator[DemoServer]:
    """A running demo that leaves sending the media to nginx."""
    with DemoServer(tmp_path / "hls", ffmpeg, CORS_ORIGINS=SITE, **PROXIED) as running:
        yield running


@pytest.fixture
def nginx(tmp_path: Path, server: DemoServer) -> Iterator[Nginx]:
    folder = tmp_path / "nginx"
    folder.mkdir()
    running = Nginx(folder, server)
    yield running
    running.end()


def record_an_hour(server: DemoServer) -> Tuple[str, List[str]]:
    """Stop the camera with sound. Return the address of its hour's playlist, and the files that it names."""
    CameraLayout(server.storage, "demo_tone").stopped_file.touch()

    def listed() -> str:
        days = server.get("/recordings/demo_tone").json()["days"]
        return str(days[0]["hours"][0]["playlist_url"]) if days else ""

    url = wait_for(listed, "the recording")
    wait_for(lambda: server.answers(url), "the hour's playlist")
    return url, media_names(server.get(url).text)


def media_names(playlist: str) -> List[str]:
    return [line for line in playlist.splitlines() if line and not line.startswith("#")]


def test_nginx_sends_media_without_python(server: DemoServer, nginx: Nginx, ffmpeg: Ffmpeg) -> None:
    live = "/stream/demo_tone/live.m3u8"
    wait_for(lambda: nginx.answers(live), "the live stream through nginx")
    assert played(ffmpeg, nginx.url + live) == ["video", "audio"]
    hour, _ = record_an_hour(server)
    assert played(ffmpeg, nginx.url + hour) == ["video", "audio"]
    media = [request for request in nginx.requests() if str(request["uri"]).endswith(".ts")]
    assert any("/stream/" in str(request["uri"]) for request in media)
    assert any("/recordings/" in str(request["uri"]) for request in media)
    for request in media:
        assert str(request["target"]).startswith(LOCATION + "demo_tone/")
        assert request["length"] == "0"  # of the server's body; its headers are a few hundred bytes
        assert int(request["received"]) < 1000
        assert int(request["sent"]) > 10_000


def test_nginx_answers_like_the_server(server: DemoServer, nginx: Nginx) -> None:
    wait_for(lambda: nginx.answers("/stream/demo_tone/live.m3u8"), "the live stream through nginx")
    hour, names = record_an_hour(server)
    address = hour.rsplit("/", 1)[0] + "/" + names[0]
    direct, whole = server.get(address), nginx.get(address)
    assert (whole.status_code, whole.content) == (200, direct.content)
    assert len(whole.content) > 10_000
    for name in ("content-type", "cache-control", "accept-ranges", "content-length", "x-content-type-options"):
        assert whole.headers[name] == direct.headers[name]
    assert "x-accel-redirect" not in whole.headers
    assert nginx.get(address, Origin=SITE).headers["access-control-allow-origin"] == SITE
    assert "access-control-allow-origin" not in nginx.get(address, Origin="https://other.example").headers
    part = nginx.get(address, Range="bytes=188-375")
    assert (part.status_code, part.content) == (206, whole.content[188:376])
    assert nginx.get(address, If_None_Match=whole.headers["etag"]).status_code == 304
    head = httpx.head(nginx.url + address)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(whole.content)))
    gone = nginx.get(address.replace(names[0], "59-77.ts"))
    assert (gone.status_code, gone.json()["detail"].split()[0]) == (404, "59-77.ts")
    assert httpx.options(nginx.url + address).status_code == 204


def test_only_what_the_server_allows_is_sent(server: DemoServer, nginx: Nginx) -> None:
    wait_for(lambda: nginx.answers("/stream/demo_tone/live.m3u8"), "the live stream through nginx")
    segment = media_names(nginx.get("/stream/demo_tone/live.m3u8").text)[0]
    address = f"/stream/demo_tone/{segment}"
    assert nginx.get(address).status_code == 200
    assert nginx.get(address, X_Forwarded_For="8.8.8.8").status_code == 401
    assert nginx.get("/stream/demo_tone/live.m3u8", X_Forwarded_For="8.8.8.8").status_code == 401
    assert httpx.post(nginx.url + "/cameras/demo_tone/stop", timeout=HANG).status_code == 401
    inside = ["live/" + segment, ".run.json", "ffmpeg.log", "live/live.m3u8", ".supervisor", "../secret.ts"]
    for name in inside:
        for path in (f"{LOCATION}demo_tone/{name}", f"{LOCATION}demo_tone/{name}".replace("/", "//", 1)):
            assert (path, nginx.get(path).status_code) == (path, 404)
    assert (server.storage / "demo_tone" / "live" / segment).is_file()
    assert (server.storage / "demo_tone" / ".run.json").is_file()


def test_addresses_by_the_layout_on_disk(server: DemoServer, nginx: Nginx) -> None:
    wait_for(lambda: nginx.answers("/hls/demo_tone/live/live.m3u8"), "the live stream through nginx")
    playlist = nginx.get("/hls/demo_tone/live/live.m3u8")
    assert playlist.headers["cache-control"] == "no-cache"
    assert "access-control-allow-origin" not in playlist.headers
    assert nginx.get("/hls/demo_tone/live/" + media_names(playlist.text)[0]).status_code == 200
    hour, names = record_an_hour(server)
    on_disk = hour.replace("/recordings/demo_tone/", "/hls/demo_tone/recordings/")
    assert nginx.get(on_disk).text == server.get(hour).text
    assert nginx.get(on_disk.replace("playlist.m3u8", names[0])).status_code == 200
    for path in ("/hls/demo_tone/.run.json", "/hls/demo_tone/ffmpeg.log", "/hls/"):
        assert nginx.get(path).status_code == 404


def test_exposed_as_the_readme_says(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    """Everything through TLS, below a path, with a token or not at all; and no token in any log."""
    storage, folder = tmp_path / "hls", tmp_path / "nginx"
    folder.mkdir()
    token = AccessStore(storage).add("phone", Role.OPERATOR, None, None, time.time()).reveal()
    environ = {"SERVER_ACCESS": "token", "SERVER_BASE_PATH": "/cctv", **PROXIED}
    with DemoServer(storage, ffmpeg, **environ) as server:
        nginx = Nginx(folder, server)
        trust = ssl.create_default_context(cafile=str(nginx.certificate))
        with httpx.Client(verify=trust, base_url=nginx.tls_url, timeout=HANG) as client:
            bearer = {"Authorization": f"Bearer {token}"}
            wait_for(lambda: nginx.answers("/cctv/cameras", 401), "the server through nginx")
            (camera, _) = client.get("/cctv/cameras", headers=bearer).json()
            assert camera["live_url"] == "/cctv/stream/demo_tone/live.m3u8"
            wait_for(lambda: client.get(camera["live_url"], headers=bearer).status_code == 200, "the live stream")
            for path in (camera["live_url"], "/cctv/cameras", "/cameras", "/cctv/health", f"/cctv/x{token[1:]}"):
                assert client.get(path).status_code == 401
            assert client.get(f"/cctv/t/{token[:-1]}/cameras").status_code == 401
            assert client.post("/cctv/cameras/demo_silent/stop").status_code == 401
            assert client.post("/cctv/cameras/demo_silent/stop", headers=bearer).status_code == 202
            for prefix in (f"/cctv/t/{token}", f"/t/{token}/cctv", f"/cctv//t/{token}", f"/%74/{token}", f"/{token}"):
                client.get(f"{prefix}/cameras?token={token}")
            live = camera["live_url"].replace("/cctv/", f"/cctv/t/{token}/")
            segment = media_names(client.get(live).text)[0]
            assert client.get(live.replace("live.m3u8", segment)).status_code == 200
        # not through TLS: some FFmpegs check certificates, and this one is signed by itself
        assert played(ffmpeg, nginx.url + live) == ["video", "audio"]
        log = server.end()
        assert nginx.answers(f"/t/{token}/cameras", 502)
        nginx.end()
    shown = (folder / "cctv.log").read_text()
    assert '"GET /cctv/t/***" 200 ' in shown and '"POST /cctv/cameras/demo_silent/stop" 202 ' in shown
    assert "/t/***" in log
    assert token[1:-1] not in log + shown + "".join(
        (folder / name).read_text() for name in ("cctv-error.log", "error.log")
    )


def test_tls_is_modern_and_offers_http_2(server: DemoServer, nginx: Nginx) -> None:
    wait_for(lambda: nginx.answers("/cameras"), "the server through nginx")
    trust = ssl.create_default_context(cafile=str(nginx.certificate))
    answer = httpx.get(nginx.tls_url + "/cameras", verify=trust, timeout=HANG)
    assert [camera["id"] for camera in answer.json()] == ["demo_tone", "demo_silent"]
    trust.set_alpn_protocols(["h2", "http/1.1"])
    host, port = re.fullmatch(r"https://(.*):(\d+)", nginx.tls_url).groups()  # type: ignore[union-attr]
    with socket.create_connection((host, int(port)), 10) as plain, trust.wrap_socket(
        plain, server_hostname=host
    ) as secured:
        assert (secured.selected_alpn_protocol(), secured.version()) == ("h2", "TLSv1.3")


def test_nginx_accepts_the_recipe_without_a_warning(nginx: Nginx) -> None:
    checked = subprocess.run(
        [*nginx.command, "-t"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HANG
    )
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr
