"""Any RTSP URL, cameras.toml, `.env` and environment gives settings, or sentences about what is wrong."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Dict, Optional, Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from cctv_cli.core.config.load import load_settings
from cctv_cli.core.config.rtsp_url import parse_host, parse_rtsp_url
from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.config.shown import describe
from cctv_cli.core.errors import ConfigError
from cctv_cli.core.units import Secret
from tests.core.config.conftest import SECRET
from tests.support.strangers import damaged_text

printable = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=12)
hosts = st.one_of(
    st.sampled_from(["192.168.1.64", "camera", "front-door.example", "fe80::1", "_cam1"]),
    st.ip_addresses().map(str),
)
targets = st.one_of(st.just(""), st.text("abcZ019/?&=%.:@;,[]", max_size=20).map("/{}".format))
sources = st.builds(
    RtspSource,
    host=hosts,
    port=st.integers(1, 65535),
    target=st.text("abcZ019/?&=.:;,", max_size=20).map("/{}".format),
    username=printable.filter(bool),
    password=printable.map(Secret),
    tls=st.booleans(),
)


@given(sources)
def test_a_url_is_read_as_it_was_written(source: RtspSource) -> None:
    assert parse_rtsp_url(source.url().reveal()) == source
    assert parse_host(source.host) == source.host


urls = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["rtsp://", "RTSPS://", "", "http://"]),
    st.lists(st.sampled_from(["admin", ":", SECRET, "@", "%40", "%", "/", "?", "#", " ", "[", "]"]), max_size=8).map(
        "".join
    ),
    st.one_of(hosts, st.text(max_size=8)),
    st.one_of(targets, st.text(max_size=8)),
)


@given(st.one_of(urls, st.text()))
@example(f"rtsp://admin:{SECRET}@")
def test_any_url_is_read_or_refused_without_repeating_it(url: str) -> None:
    reason = ""
    try:
        source = parse_rtsp_url(url)
    except ValueError as error:
        reason = str(error)
    if reason:
        assert SECRET not in reason
        return
    assert 1 <= source.port <= 65535 and source.host


CONFIG = f"""\
storage = "recordings"
timezone = "Europe/Berlin"
transcode = false

[server]
port = 8080
host = "127.0.0.1"

[retention]
max_age = "30d"
min_free = "5%"

[[cameras]]
id = "front"
name = "Front door"
rtsp_url = "rtsp://admin:{SECRET}@192.168.1.64/Streaming/Channels/101"

[[cameras]]
id = "yard"
rtsp_url = "rtsp://192.168.1.65/"
username = "admin"
password = "{SECRET}"

[[nvrs]]
id = "nvr"
host = "192.168.1.200"
username = "admin"
password = "{SECRET}"
channels = [1, 2]
"""

DOTENV = f"""\
CCTV_PORT=8081
CAMERA_1_RTSP_URL=rtsp://admin:{SECRET}@192.168.1.66/
CAMERA_1_NAME="Side door"
NVR_1_HOST=192.168.1.201
NVR_1_PASSWORD={SECRET}
NVR_1_CHANNELS=1-4
"""


def load(config: Optional[bytes], dotenv: Optional[bytes], environ: Dict[str, str]) -> None:
    """Load these files; the only exception may be a ConfigError with sentences."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if config is not None:
            (folder / "cameras.toml").write_bytes(config)
        if dotenv is not None:
            (folder / ".env").write_bytes(dotenv)
        problems: Sequence[str] = ()
        try:
            settings = load_settings(environ=environ, cwd=folder)
        except ConfigError as error:
            problems = error.problems
        if problems:
            assert all(problem.endswith(".") and len(problem.splitlines()) == 1 for problem in problems)
            assert "\n".join(problems).encode()
            return
        describe(settings)
        for camera in settings.cameras:
            if isinstance(camera.source, RtspSource):
                assert parse_rtsp_url(camera.source.url().reveal()).host == camera.source.host


@given(damaged_text(CONFIG))
@example(CONFIG.encode())
@example(b"storage = " + b"[" * 50_000)
@example(b"x = {a=" * 50_000)
@example(b"storage = " + b"9" * 50_000)
def test_any_cameras_toml_is_read_or_refused(config: bytes) -> None:
    load(config, None, {})


@given(damaged_text(DOTENV))
@example(DOTENV.encode())
def test_any_dotenv_is_read_or_refused(dotenv: bytes) -> None:
    load(None, dotenv, {})


variables = st.sampled_from([*(line.partition("=")[0] for line in DOTENV.splitlines()), "CAMERA_1_ID", "CCTV_STORAGE"])
any_value = st.one_of(
    st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=20),
    st.sampled_from(["\udcff", "1" * 5000, "-1", "1e999", "true", f"rtsp://admin:{SECRET}@h/"]),
)


@given(st.dictionaries(variables, any_value, max_size=4))
@example({"CAMERA_1_RTSP_URL": "rtsp://192.168.1.64/", "CAMERA_1_USERNAME": "admin", "CAMERA_1_PASSWORD": "\udcff"})
def test_any_environment_is_read_or_refused(environ: Dict[str, str]) -> None:
    load(None, None, environ)
