"""What pages of other web sites can do in the browser of somebody who may look at cameras: nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator, List

import httpx
import pytest

from cctv_cli.core.layout import CameraLayout
from tests.browser.conftest import LIVE, RECORDED, hour_playlist, log_in
from tests.browser.elsewhere import Elsewhere
from tests.e2e.demo_server import DemoServer
from tests.support.waiting import HANG, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

STOP = "/cameras/demo_tone/stop"

# Tries to get something of a URL by each means that a page has; returns those that gave it anything.
READ = """async (url) => {
    const got = [];
    const asked = [{}, {mode: 'no-cors'}, {credentials: 'include'}, {mode: 'no-cors', credentials: 'include'}];
    asked.push({headers: {Range: 'bytes=0-1'}}, {headers: {Authorization: 'Bearer x'}}, {method: 'HEAD'});
    for (const options of asked) {
        try { got.push([JSON.stringify(options), (await fetch(url, options)).type]) } catch (error) { }
    }
    for (const withCredentials of [false, true]) {
        const request = new XMLHttpRequest();
        request.withCredentials = withCredentials;
        const done = new Promise((resolve) => request.onloadend = resolve);
        request.open('GET', url);
        request.send();
        await done;
        if (request.status) got.push('XMLHttpRequest');
    }
    for (const [tag, attribute, good] of [
        ['img', 'src', 'load'], ['script', 'src', 'load'], ['link', 'href', 'load'],
        ['video', 'src', 'loadedmetadata'], ['audio', 'src', 'loadedmetadata'],
    ]) {
        const element = document.createElement(tag);
        if (tag === 'link') element.rel = 'stylesheet';
        const done = new Promise((resolve) => {
            element.addEventListener(good, () => resolve(true));
            element.addEventListener('error', () => resolve(false));
        });
        element[attribute] = url;
        document.body.append(element);
        if (await done) got.push(tag);
        element.remove();
    }
    const frame = document.createElement('iframe');
    const loaded = new Promise((resolve) => frame.onload = resolve);
    frame.src = url;
    document.body.append(frame);
    await Promise.race([loaded, new Promise((resolve) => setTimeout(resolve, 1000))]);  // media are downloaded
    try { if (frame.contentWindow.document.URL !== 'about:blank') got.push('iframe') } catch (error) { }
    if (frame.contentWindow.length) got.push('frames in the frame');
    frame.remove();
    const socket = new WebSocket(url.replace('http', 'ws'));
    if (await new Promise((resolve) => { socket.onopen = () => resolve(true); socket.onclose = () => resolve(false) }))
        got.push('WebSocket');
    return got;
}"""

# Sends a POST to a URL by each means that a page has; returns when the answers are there.
CONTROL = """async (url) => {
    navigator.sendBeacon(url);
    for (const options of [{}, {mode: 'no-cors'}, {credentials: 'include'}, {mode: 'no-cors', credentials: 'include'},
        {headers: {Authorization: 'Bearer x'}}, {headers: {'Content-Type': 'application/json'}, body: '{}'}]) {
        try { await fetch(url, {method: 'POST', ...options}) } catch (error) { }
    }
    const frame = document.createElement('iframe');
    frame.name = 'answer';
    document.body.append(frame);
    for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']) {
        const form = document.createElement('form');
        Object.assign(form, {method: 'post', action: url, target: 'answer', enctype: type});
        document.body.append(form);
        const done = new Promise((resolve) => frame.onload = resolve);
        form.submit();
        await done;
    }
}"""
SUBMIT = """(url) => {
    const form = document.createElement('form');
    Object.assign(form, {method: 'post', action: url});
    document.body.append(form);
    form.submit();
}"""


def everything(server: DemoServer) -> List[str]:
    """The URLs of what a viewer may see: lists, playlists and media."""
    hour = hour_playlist(server)
    found = ["/cameras", "/health", "/metrics", "/openapi.json", f"/recordings/{RECORDED}", LIVE, hour]
    for playlist in (LIVE, hour):
        name = next(line for line in server.get(playlist).text.splitlines() if not line.startswith("#"))
        found.append(f"{playlist.rsplit('/', 1)[0]}/{name}")
    return [server.url + path for path in found]


def is_stopped(server: DemoServer) -> bool:
    return CameraLayout(server.storage, "demo_tone").stopped_file.exists()


@pytest.fixture
def controlled(server: DemoServer) -> Iterator[None]:
    """Start the camera again after the test."""
    yield
    CameraLayout(server.storage, "demo_tone").stopped_file.unlink(missing_ok=True)
    wait_for(lambda: server.answers(LIVE), "the live stream")


def test_another_site_reads_nothing_of_what_this_machine_may_see(
    page: Page, server: DemoServer, elsewhere: Elsewhere
) -> None:
    page.goto(f"http://evil.example:{elsewhere.port}/")
    for url in everything(server):
        assert httpx.get(url, timeout=HANG).status_code == 200
        assert page.evaluate(READ, url) == [], url


def test_another_site_reads_nothing_of_what_a_logged_in_browser_may_see(
    page: Page, server: DemoServer, elsewhere: Elsewhere, token: str
) -> None:
    urls = everything(server)
    log_in(page, server.url, token)
    page.goto(f"http://evil.example:{elsewhere.port}/")
    for url in urls:
        assert page.evaluate(READ, url) == [], url


def test_a_site_that_may_read_does(page: Page, server: DemoServer, elsewhere: Elsewhere) -> None:
    page.goto(f"http://friend.example:{elsewhere.port}/")
    for url in everything(server):
        assert page.evaluate("async (url) => (await fetch(url)).status", url) == 200, url
    assert page.evaluate(READ, server.url + LIVE)


def test_a_url_with_a_token_can_be_read_by_every_site(
    page: Page, server: DemoServer, elsewhere: Elsewhere, token: str
) -> None:
    page.goto(f"http://evil.example:{elsewhere.port}/")
    got = page.evaluate(READ, f"{server.url}/t/{token}{LIVE}")
    assert "video" in got and "XMLHttpRequest" in got


def test_another_site_controls_nothing_from_this_machine(
    page: Page, server: DemoServer, elsewhere: Elsewhere, controlled: None
) -> None:
    page.goto(f"http://evil.example:{elsewhere.port}/")
    page.evaluate(CONTROL, server.url + STOP)
    page.evaluate(SUBMIT, server.url + STOP)
    page.wait_for_url(server.url + STOP)
    assert not is_stopped(server)
    assert httpx.post(server.url + STOP, timeout=HANG).status_code == 202, "a program on this machine may"
    assert is_stopped(server)


def test_another_site_controls_nothing_in_a_logged_in_browser(
    page: Page, server: DemoServer, elsewhere: Elsewhere, token: str, controlled: None
) -> None:
    log_in(page, server.url, token)
    page.goto(f"http://evil.example:{elsewhere.port}/")
    page.evaluate(CONTROL, server.url + STOP)
    page.evaluate(SUBMIT, server.url + STOP)
    page.wait_for_url(server.url + STOP)
    assert not is_stopped(server)
    page.goto(f"{server.url}/login")
    page.evaluate(SUBMIT, server.url + STOP)
    page.wait_for_url(server.url + STOP)
    assert is_stopped(server), "its own page may"


def test_a_name_that_leads_here_later_reads_and_controls_nothing(
    page: Page, server: DemoServer, token: str, controlled: None
) -> None:
    with Elsewhere(server.port, behind=server.port) as rebound:
        own = f"http://evil.example:{rebound.port}"
        for logged_in in (False, True):
            if logged_in:
                log_in(page, server.url, token)
            page.goto(f"{own}/")
            for path in ("/cameras", LIVE):
                assert page.evaluate("async (path) => (await fetch(path)).status", path) == 401
            page.evaluate(CONTROL, own + STOP)
    assert not is_stopped(server)
