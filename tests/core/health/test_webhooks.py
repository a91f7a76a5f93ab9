"""Messages to real HTTP servers on this machine; URLs, which are often secret, are never logged."""

from __future__ import annotations

import logging
import socket
from typing import Any, Dict, Iterator

import pytest

from cctv_cli.core.health.webhooks import Rejection, Webhooks, post, webhook_name
from cctv_cli.core.units import Secret
from tests.support.http_answers import HttpAnswers
from tests.support.waiting import wait_for

TOKEN = "t0k3n"
BODY = {"event": "started", "name": "disk_space"}
SOON = (0.01,) * 5


@pytest.fixture(autouse=True)
def _no_url_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)  # includes what libraries log about their requests
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
def test_which_refusals_are_final(status: int, final: bool) -> None:
    with HttpAnswers(status) as server:
        assert post(secret(server), BODY) == Rejection(f"it answered {status}", final)
        assert len(server.requests) == 1  # a redirection is not followed


def test_a_silent_server_times_out() -> None:
    with HttpAnswers() as server:
        server.proceed.clear()
        assert post(secret(server), BODY, timeout=0.2) == Rejection("no answer within 0.2 s", final=False)


def test_an_unreachable_server_is_not_final() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = post(Secret(f"http://127.0.0.1:{port}/{TOKEN}"), BODY)
    assert found == Rejection("it cannot be reached", final=False)


@pytest.mark.parametrize("url", [f"http://127.0.0.1:99999/{TOKEN}", f"http://[::1/{TOKEN}", f"http:///{TOKEN}"])
def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    found = post(Secret(url), BODY)
    assert found is not None and TOKEN not in found.reason


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [("ALL_PROXY", "socks5://127.0.0.1:9", "ImportError"), ("SSL_CERT_FILE", "/nowhere.pem", "FileNotFoundError")],
)
def test_unusable_proxy_and_ssl_settings_are_not_final(
    name: str, value: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    found = post(Secret(f"https://127.0.0.1:9/{TOKEN}"), BODY)
    assert found is not None and not found.final
    assert error in found.reason and TOKEN not in found.reason


def test_the_name_of_a_webhook_has_its_number_and_host() -> None:
    assert webhook_name(2, Secret(f"https://user:{TOKEN}@hooks.example.org:8443/{TOKEN}")) == (
        "webhook 2 (hooks.example.org)"
    )
    assert TOKEN not in webhook_name(1, Secret(f"http:///{TOKEN}"))


def test_a_message_reaches_every_webhook_and_one_that_hangs_delays_no_other() -> None:
    with HttpAnswers() as hanging, HttpAnswers() as quick:
        hanging.proceed.clear()
        webhooks = Webhooks([secret(hanging), secret(quick)], SOON)
        for number in range(3):
            webhooks.send({**BODY, "name": f"n{number}"})
        assert [body["name"] for body in quick.wait(3)] == ["n0", "n1", "n2"]
        assert len(hanging.wait(1)) == 1
        hanging.proceed.set()
        assert [body["name"] for body in hanging.wait(3)] == ["n0", "n1", "n2"]
        webhooks.stop()


def test_a_message_is_retried_until_it_is_accepted(caplog: pytest.LogCaptureFixture) -> None:
    with HttpAnswers(*[503] * 20, 200) as server:
        webhooks = Webhooks([secret(server)], SOON)
        webhooks.send(BODY)
        assert server.wait(21) == [BODY] * 21
        wait_for(lambda: not webhooks.waiting(), "the message to be taken")
        webhooks.stop()
        assert len(server.bodies) == 21
        line = "webhook 1 (127.0.0.1) did not accept the alert 'disk_space': it answered 503; cctv retries"
        assert [r.getMessage() for r in caplog.records if r.name == "cctv.alerts"] == [line]


def test_a_message_that_is_never_accepted_delays_no_other() -> None:
    with HttpAnswers(500, 200, 500, 200, 500) as server:
        webhooks = Webhooks([secret(server)], SOON)
        for name in ("poison", "one", "two"):
            webhooks.send({**BODY, "name": name})
        assert [body["name"] for body in server.wait(5)][:5] == ["poison", "one", "two", "poison", "two"]
        webhooks.stop()


def test_a_newer_message_about_the_same_finding_replaces_a_pending_one() -> None:
    with HttpAnswers() as server:
        server.proceed.clear()
        webhooks = Webhooks([secret(server)], SOON)
        webhooks.send({"name": "first"})
        server.wait(1)  # this one is under way
        other = {"name": "disk_space", "camera": "front"}
        for body in (BODY, other, {**BODY, "event": "ended"}, {"name": "first", "event": "ended"}):
            webhooks.send(body)
        server.proceed.set()
        assert server.wait(4)[1:] == [other, {**BODY, "event": "ended"}, {"name": "first", "event": "ended"}]
        webhooks.stop()
        assert (len(server.bodies), webhooks.waiting()) == (4, {})


def test_a_permanent_refusal_is_logged_and_the_next_message_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    with HttpAnswers(404) as server:
        webhooks = Webhooks([secret(server)], SOON)
        webhooks.send(BODY)
        webhooks.send({**BODY, "name": "cpu"})
        assert [body["name"] for body in server.wait(2)] == ["disk_space", "cpu"]
        webhooks.stop()
        assert len(server.bodies) == 2
        assert "webhook 1 (127.0.0.1) did not accept the alert 'cpu': it answered 404" in caplog.text
        assert [body["name"] for body in webhooks.waiting().values()] == ["disk_space", "cpu"]  # neither was delivered


def test_a_permanently_refused_message_is_retried_after_the_next_accepted_one() -> None:
    with HttpAnswers(404, 200) as server:
        webhooks = Webhooks([secret(server)], SOON)
        webhooks.send(BODY)
        server.wait(1)
        webhooks.send({**BODY, "name": "cpu"})
        assert [body["name"] for body in server.wait(3)] == ["disk_space", "cpu", "disk_space"]
        wait_for(lambda: not webhooks.waiting(), "the message to be accepted")
        webhooks.stop()


def of_camera(number: int, name: str = "camera_not_recording") -> Dict[str, Any]:
    return {
        "event": "started",
        "name": name,
        "severity": "critical",
        "camera": f"cam{number}",
        "sentence": f"It is not recorded: no answer from 10.0.0.{number}",
        "since": f"2026-07-14T15:{number % 60:02d}:00.000+02:00",
        "at": "2026-07-14T16:00:00.000+02:00",
    }


def test_a_finding_of_300_cameras_is_one_message_and_none_is_lost() -> None:
    with HttpAnswers(503, 200) as server:
        webhooks = Webhooks([secret(server)], SOON)
        webhooks.send(*map(of_camera, range(300)))
        refused, taken = server.wait(2)
        assert refused == taken
        assert taken["cameras"] == [f"cam{number}" for number in range(300)]
        wait_for(lambda: not webhooks.waiting(), "the message to be accepted")
        webhooks.stop()
        assert len(server.bodies) == 2


def test_pending_messages_are_merged_when_the_webhook_is_back() -> None:
    with HttpAnswers() as server:
        server.proceed.clear()
        webhooks = Webhooks([secret(server)], SOON)
        webhooks.send({"name": "first"})
        server.wait(1)  # this one is under way
        for number in range(300):
            webhooks.send(of_camera(number))
        webhooks.send(of_camera(1, "old_segment"))
        assert len(webhooks.waiting()) == 302
        server.proceed.set()
        _, group, single = server.wait(3)
        assert len(group["cameras"]) == 300
        assert single == of_camera(1, "old_segment")
        webhooks.stop()
        assert len(server.bodies) == 3


def test_stop_tries_pending_messages_once_more_and_keeps_what_is_not_accepted() -> None:
    with HttpAnswers(503, 200, 503) as server:
        webhooks = Webhooks([secret(server)], (600.0,))
        webhooks.send({"name": "a"})
        server.wait(1)  # refused: the next try would be in ten minutes
        webhooks.send({"name": "b"})
        webhooks.stop()
        names = [body["name"] for body in server.bodies]
        assert names[0] == "a" and sorted(names[1:]) == ["a", "b"]
        assert [body["name"] for body in webhooks.waiting().values()] == names[2:]
