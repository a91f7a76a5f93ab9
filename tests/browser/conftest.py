"""A real Chromium, a real server with two cameras, and a web site that belongs to somebody else."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Iterator

import pytest

from cctv_cli.core.access.roles import Role
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.layout import CameraLayout
from tests.browser.elsewhere import ADDRESS, Elsewhere
from tests.e2e.demo_server import DemoServer
from tests.support.ports import free_port
from tests.support.waiting import HANG, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LIVE, RECORDED = "/stream/demo_tone/live.m3u8", "demo_silent"  # the camera that is stopped, and has a recording
_SEGMENTS = 3  # Chromium plays no live playlist with fewer
# CCTV_TEST_CHROMIUM says that there must be one: then nothing is skipped
CHROMIUM = os.environ.get("CCTV_TEST_CHROMIUM") or shutil.which("chromium")
# as root in a container, without asking Google's hosts for anything; names of test sites lead to this machine
_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
_OPTIONS += [
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
]
_OPTIONS += [f"--host-resolver-rules=MAP *.example {ADDRESS}"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One Chromium for all tests."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed; apt install chromium")
    if "CCTV_TEST_CHROMIUM" not in os.environ:
        pytest.importorskip("playwright", reason="pip install -e '.[browser]'")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=_OPTIONS)
        yield running
        running.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of a browser without cookies."""
    context = chromium.new_context()
    context.set_default_timeout(HANG * 1000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def elsewhere() -> Iterator[Elsewhere]:
    """Web sites of others: http://friend.example, whose pages may read, and http://evil.example."""
    with Elsewhere(free_port()) as running:
        yield running


@pytest.fixture(scope="session")
def server(
    chromium: Browser, elsewhere: Elsewhere, tmp_path_factory: pytest.TempPathFactory, ffmpeg: Ffmpeg
) -> Iterator[DemoServer]:
    """A running demo with a live stream and a recording."""
    storage = tmp_path_factory.mktemp("demo") / "hls"
    friend = f"http://friend.example:{elsewhere.port}"
    with DemoServer(storage, ffmpeg, CORS_ORIGINS=friend, SERVER_HOST="127.0.0.1") as running:
        wait_for(lambda: running.answers(LIVE) and running.get(LIVE).text.count(".ts") >= _SEGMENTS, "the live stream")
        CameraLayout(storage, RECORDED).stopped_file.touch()
        wait_for(lambda: running.get(f"/recordings/{RECORDED}").json()["days"], "a recording")
        yield running


@pytest.fixture
def token(server: DemoServer) -> Iterator[str]:
    """An operator's token that the server knows."""
    store = AccessStore(server.storage)
    secret = store.add("operator", Role.OPERATOR, None, None, 0.0).reveal()
    wait_for(lambda: server.answers(f"/t/{secret}/cameras"), "the token to be known")
    yield secret
    store.revoke("operator")
    wait_for(lambda: server.answers(f"/t/{secret}/cameras", 401), "the token to be forgotten")


def hour_playlist(server: DemoServer) -> str:
    """The path of the playlist of the recording."""
    return str(server.get(f"/recordings/{RECORDED}").json()["days"][0]["hours"][0]["playlist_url"])


def log_in(page: Page, url: str, token: str) -> None:
    """Give the token to the login page of the server at this URL."""
    page.goto(f"{url}/login")
    page.fill("#token", token)
    page.click("text=Log in")
    page.wait_for_url(f"{url}/")
