"""Chromium plays live and recorded streams by each way in which a browser can present a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import LIVE, hour_playlist, log_in
from tests.browser.elsewhere import Elsewhere
from tests.e2e.demo_server import DemoServer

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

PLAYS = """() => {
    const video = document.querySelector('video');
    return video !== null && video.videoWidth > 0 && (video.currentTime > 1 || video.ended);
}"""


def plays(page: Page, url: str) -> None:
    """Open a playlist as a page of its own, and wait until it has played for a second."""
    page.goto(url)
    page.wait_for_function(PLAYS)


def test_a_token_in_the_path(page: Page, server: DemoServer, token: str) -> None:
    for path in (LIVE, hour_playlist(server)):
        plays(page, f"{server.url}/t/{token}{path}")


def test_a_cookie(page: Page, server: DemoServer, elsewhere: Elsewhere, token: str) -> None:
    """By a name that may not look without one."""
    hour = hour_playlist(server)
    with Elsewhere(server.port, behind=server.port) as proxy:
        site = f"http://cctv.example:{proxy.port}"
        refused = page.goto(site + LIVE)
        assert refused is not None and refused.status == 401
        log_in(page, site, token)
        for path in (LIVE, hour):
            plays(page, site + path)


def test_a_page_of_a_site_that_may_read(page: Page, server: DemoServer, elsewhere: Elsewhere) -> None:
    page.goto(f"http://friend.example:{elsewhere.port}/")
    show = "(url) => document.body.innerHTML = `<video autoplay muted crossorigin src='${url}'></video>`"
    for path in (LIVE, hour_playlist(server)):
        page.evaluate(show, server.url + path)
        page.wait_for_function(PLAYS)
