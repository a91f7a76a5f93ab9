"""Messages to real HTTP servers on this machine; no URL, which often is a secret, is ever told."""

from __future__ import annotations

import logging
import socket
from typing import Iterator

import pytest

from cctv_cli.core.units import Secret
from cctv_cli.core.webhooks import Refusal, Webhooks, post, webhook_name
from tests.support.http_answers import HttpAnswers
from tests.support.waiting import wait_for

TOKEN = "t0k3n"
BODY = {"event": "started", "name": "disk_space"}
SOON = (0.01,) * 5


@pytest.fixture(autouse=True)
def _no_url_is_told(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)  # also what libraries would log of their requests
    yield
    assert TOKEN not in caplog.text


def secret(server: HttpAnswers) -> Secret:
    return Secret(f"{server.url}/{TOKEN}?key={TOKEN}")


def test_a_message_is_posted_as_json() -> None:
    with HttpAnswers(204) as server:
        assert post(secret(server), BODY) is None
        assert server.bodies == [BODY]
        assert server.requests == [("POST", f"/{TOKEN}?key={TOKEN}")]


@pytest.mark.parametrize(
    ("status", "final"),
    [(400, True), (401, True), (404, True), (301, True), (408, False), (429, False), (500, False), (503, False)],
)
def test_a_refusal_says_whether_another_try_is_worth_it(status: int, final: bool) -> None:
    with HttpAnswers(status) as server:
        assert post(secret(server), BODY) == Refusal(f"it answered {status}", final)
        assert len(server.requests) == 1  # a redirection is not followed


def test_a_server_that_is_silent_is_given_up() -> None:
    with HttpAnswers() as server:
        server.go_on.clear()
        assert post(secret(server), BODY, timeout=0.2) == Refusal("no answer within 0.2 s", final=False)


def test_a_server_that_is_not_there_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = post(Secret(f"http://127.0.0.1:{port}/{TOKEN}"), BODY)
    assert found == Refusal("it cannot be reached", final=False)


@pytest.mark.parametrize("url", [f"http://127.0.0.1:99999/{TOKEN}", f"http://[::1/{TOKEN}", f"http:///{TOKEN}"])
def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    found = post(Secret(url), BODY)
    assert found is not None and TOKEN not in found.reason


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [("ALL_PROXY", "socks5://127.0.0.1:9", "ImportError"), ("SSL_CERT_FILE", "/nowhere.pem", "FileNotFoundError")],
)
def test_settings_that_no_connection_can_use_are_a_refusal_of_the_moment(
    name: str, value: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    found = post(Secret(f"https://127.0.0.1:9/{TOKEN}"), BODY)
    assert found is not None and not found.final
    assert error in found.reason and TOKEN not in found.reason


def test_a_webhook_is_named_by_its_number_and_host() -> None:
    assert webhook_name(2, Secret(f"https://user:{TOKEN}@hooks.example.org:8443/{TOKEN}")) == (
        "webhook 2 (hooks.example.org)"
    )
    assert TOKEN not in webhook_name(1, Secret(f"http:///{TOKEN}"))


def test_a_message_reaches_every_webhook_and_one_that_hangs_holds_up_no_other() -> None:
    with HttpAnswers() as hanging, HttpAnswers() as quick:
        hanging.go_on.clear()
        webhooks = Webhooks([secret(hanging), secret(quick)], SOON)
        for number in range(3):
            webhooks.send({**BODY, "number": number})
        assert [body["number"] for body in quick.wait(3)] == [0, 1, 2]
        assert len(hanging.wait(1)) == 1
        hanging.go_on.set()
        assert [body["number"] for body in hanging.wait(3)] == [0, 1, 2]
        webhooks.stop()


def test_a_message_is_tried_again_until_it_is_taken() -> None:
    with HttpAnswers(503, 429, 200) as server:
        webhooks = Webhooks([secret(server)], SOON)
        webhooks.send(BODY)
        webhooks.send({**BODY, "name": "cpu"})
        assert [body["name"] for body in server.wait(4)] == ["disk_space", "disk_space", "disk_space", "cpu"]
        webhooks.stop()


@pytest.mark.parametrize(("statuses", "tries"), [((404,), 1), ((500,), 6)])
def test_what_is_not_taken_is_logged_and_the_next_goes_on(
    statuses: tuple, tries: int, caplog: pytest.LogCaptureFixture
) -> None:
    with HttpAnswers(*statuses) as server:
        webhooks = Webhooks([secret(server)], SOON)
        webhooks.send(BODY)
        webhooks.send({**BODY, "name": "cpu"})
        assert [body["name"] for body in server.wait(2 * tries)] == ["disk_space"] * tries + ["cpu"] * tries
        told = f"webhook 1 (127.0.0.1) did not take the alert 'cpu': it answered {statuses[0]}"
        wait_for(lambda: told in caplog.text, 10, "the log line")
        webhooks.stop()


def test_the_queue_is_bounded_and_the_oldest_goes(caplog: pytest.LogCaptureFixture) -> None:
    with HttpAnswers() as server:
        server.go_on.clear()
        webhooks = Webhooks([secret(server)], SOON)
        webhooks.send({"number": 0})
        server.wait(1)  # this one is under way
        for number in range(1, 103):
            webhooks.send({"number": number})
        assert caplog.text.count("is dropped") == 2
        server.go_on.set()
        assert [body["number"] for body in server.wait(101)] == [0, *range(3, 103)]
        webhooks.stop()


def test_an_end_gives_what_waits_a_last_try() -> None:
    with HttpAnswers(503, 200) as server:
        webhooks = Webhooks([secret(server)], (600.0,))
        webhooks.send({"number": 0})
        server.wait(1)  # refused: the next try would be in ten minutes
        webhooks.send({"number": 1})
        webhooks.stop()
        assert [body["number"] for body in server.bodies] == [0, 1]
