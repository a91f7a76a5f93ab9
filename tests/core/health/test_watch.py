"""The watch, poll by poll: what is logged and sent, what a restart remembers, and the thread itself."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Iterator, List, Tuple

import pytest

from cctv_cli.core.clock import zone
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.health import watch as health_watch
from cctv_cli.core.health.facts import DiskFacts, Facts, StorageFacts, SystemFacts
from cctv_cli.core.health.findings import Finding, Severity
from cctv_cli.core.health.report import Report
from cctv_cli.core.health.watch import HealthWatch
from cctv_cli.core.logs import camera_of
from cctv_cli.core.units import Secret
from tests.support.http_answers import HttpAnswers
from tests.support.waiting import wait_for

BERLIN = zone("Europe/Berlin")
NOTHING = Facts(SystemFacts(0, 1, 0, 1, 1, None), (), (), StorageFacts(DiskFacts(1, 0, 1, 0), (), None))
DOWN = Finding("camera_not_recording", Severity.CRITICAL, "It is not recorded; fix it", "front")
CPU = Finding("cpu", Severity.WARNING, "The CPU is busy; end other programs")


class Stage:
    """A watch of a system whose findings a test chooses."""

    def __init__(self, storage: Path, server: HttpAnswers) -> None:
        self.server = server
        self.settings = Settings(storage=storage, alert_webhooks=(Secret(server.url),), alert_after=60)
        self.now = 1_800_000_000.0
        self.findings: Tuple[Finding, ...] = ()
        self.watch = self.new_watch()

    def new_watch(self) -> HealthWatch:
        watch = HealthWatch(lambda: Report(self.now, NOTHING, self.findings), self.settings, BERLIN)
        watch.begin()
        return watch

    def look(self, seconds: float, *findings: Finding) -> None:
        self.now += seconds
        self.findings = findings
        self.watch.look()

    def restart(self) -> None:
        self.watch.end()
        self.watch = self.new_watch()


@pytest.fixture
def stage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Stage]:
    caplog.set_level(logging.INFO, "cctv")
    with HttpAnswers() as server:
        made = Stage(tmp_path, server)
        yield made
        made.watch.end()


def lines(caplog: pytest.LogCaptureFixture) -> List[Tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_a_finding_is_logged_and_sent_once_when_it_starts_and_once_when_it_ends(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        stage.look(15, DOWN, CPU)
    stage.server.wait(2)  # otherwise the end would replace the pending start
    for _ in range(20):
        stage.look(15, CPU)
    sent = [(body["event"], body["name"], body["camera"]) for body in stage.server.wait(3)]
    assert sent == [
        ("started", "camera_not_recording", "front"),
        ("started", "cpu", None),
        ("ended", "camera_not_recording", "front"),
    ]
    assert lines(caplog) == [
        ("ERROR", "front: camera_not_recording: It is not recorded; fix it"),
        ("WARNING", "cpu: The CPU is busy; end other programs"),
        ("INFO", "front: over: camera_not_recording: It is not recorded; fix it"),
    ]
    assert [camera_of(record) for record in caplog.records] == ["front", None, "front"]


def test_a_dead_switch_is_one_message_and_its_end_another(stage: Stage) -> None:
    """300 cameras at once: none is lost, and none counts as reported before its message is accepted."""
    cameras = [f"cam{number}" for number in range(300)]
    down = [replace(DOWN, camera=camera) for camera in cameras]
    stage.server.answer(503)
    stage.look(0, *down)
    stage.look(60, *down)
    stage.server.wait(1)
    stage.look(15, *down)
    assert json.loads((stage.settings.storage / ".alerts.json").read_text()) == {"version": 1, "open": []}
    stage.server.answer(200)
    wait_for(lambda: not stage.watch._webhooks.waiting(), "the start to be taken")
    stage.look(15)
    tried = len(stage.server.bodies)
    stage.look(60)
    *_, started, ended = stage.server.wait(tried + 1)
    assert [(body["event"], body["cameras"]) for body in (started, ended)] == [("started", cameras), ("ended", cameras)]


def test_a_restart_sends_nothing_twice_and_notices_what_ended_meanwhile(stage: Stage) -> None:
    stage.look(0, DOWN, CPU)
    stage.look(60, DOWN, CPU)
    stage.restart()
    for _ in range(8):
        stage.look(15, CPU)
    stage.restart()
    for _ in range(8):
        stage.look(15, CPU)
    stage.watch.end()
    assert [body["event"] for body in stage.server.bodies] == ["started", "started", "ended"]
    (kept,) = json.loads((stage.settings.storage / ".alerts.json").read_text())["open"]
    assert kept["finding"]["name"] == "cpu"


@pytest.mark.parametrize("ended", [False, True], ids=["a start", "an end"])
def test_a_message_that_was_not_accepted_is_sent_again_after_a_restart(stage: Stage, ended: bool) -> None:
    stage.look(0, CPU)
    if ended:
        stage.look(60, CPU)
        wait_for(lambda: not stage.watch._webhooks.waiting(), "the start to be taken")
        stage.look(15)
    stage.server.answer(503)
    stage.look(60, *([] if ended else [CPU]))
    stage.server.wait(1 + ended)
    stage.restart()  # the last try fails, too
    tried = len(stage.server.bodies)
    stage.server.answer(200)
    for _ in range(8):
        stage.look(15, *([] if ended else [CPU]))
    stage.watch.end()
    assert [body["event"] for body in stage.server.bodies[tried:]] == ["ended" if ended else "started"]


def test_a_crash_loses_no_message_that_was_pending_at_the_next_poll(stage: Stage) -> None:
    stage.server.answer(503)
    stage.look(0, CPU)
    stage.look(60, CPU)
    stage.server.wait(1)
    assert "cpu" in (stage.settings.storage / ".alerts.json").read_text()
    stage.look(15, CPU)
    assert json.loads((stage.settings.storage / ".alerts.json").read_text()) == {"version": 1, "open": []}
    stage.server.answer(200)


def test_a_reminder_of_a_start_that_was_not_accepted_is_sent_as_the_start(stage: Stage) -> None:
    stage.server.answer(503)
    stage.look(0, CPU)
    stage.look(60, CPU)
    stage.server.wait(1)
    stage.look(30 * 3600, CPU)
    assert [body["event"] for body in stage.watch._webhooks.waiting().values()] == ["started"]
    stage.server.answer(200)


def test_a_finding_that_gets_worse_is_logged(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    worse = replace(CPU, severity=Severity.CRITICAL, sentence="The CPU burns; end other programs")
    for seconds, finding in ((0, CPU), (60, CPU), (15, worse), (30 * 3600, worse)):
        stage.look(seconds, finding)
    assert lines(caplog) == [
        ("WARNING", "cpu: The CPU is busy; end other programs"),
        ("ERROR", "cpu: The CPU burns; end other programs"),
    ]


def test_nothing_is_written_if_nothing_was_sent(stage: Stage) -> None:
    stage.look(0, CPU)
    stage.look(30)
    assert list(stage.settings.storage.iterdir()) == []


def test_a_damaged_file_counts_as_empty(stage: Stage) -> None:
    (stage.settings.storage / ".alerts.json").write_bytes(b'{"open": [{')
    stage.restart()
    stage.look(0, CPU)
    stage.look(60, CPU)
    assert [body["event"] for body in stage.server.wait(1)] == ["started"]


def test_a_storage_that_cannot_be_written_still_gives_alerts(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.settings = replace(stage.settings, storage=stage.settings.storage / "gone")
    stage.restart()
    for seconds in (0, 60, 15, 15):
        stage.look(seconds, DOWN)
    assert [body["event"] for body in stage.server.wait(1)] == ["started"]
    stage.watch.end()
    assert len(stage.server.bodies) == 1
    assert "alerts may come twice after a restart" in caplog.text


def test_changed_webhooks_are_used_from_the_next_poll_on(stage: Stage) -> None:
    with HttpAnswers() as other:
        stage.look(0, CPU)
        stage.watch.configure(replace(stage.settings, alert_webhooks=(Secret(other.url),)))
        stage.look(60, CPU)
        assert [body["name"] for body in other.wait(1)] == ["cpu"]
        assert stage.server.bodies == []
        stage.watch.configure(stage.settings)
        stage.look(15, CPU)


def test_pending_messages_go_to_the_webhook_that_replaces_another(stage: Stage) -> None:
    with HttpAnswers() as other:
        stage.server.answer(503)
        stage.look(0, CPU)
        stage.look(60, CPU)
        stage.server.wait(1)
        stage.watch.configure(replace(stage.settings, alert_webhooks=(Secret(other.url),)))
        stage.look(15, CPU)
        assert [body["event"] for body in other.wait(1)] == ["started"]
        stage.watch.end()


def test_without_webhooks_findings_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cctv")
    watch = HealthWatch(
        lambda: Report(1_800_000_000.0, NOTHING, (CPU,)), Settings(storage=tmp_path, alert_after=0), BERLIN
    )
    watch.begin()
    watch.look()
    watch.end()
    assert lines(caplog) == [("WARNING", "cpu: The CPU is busy; end other programs")]


def test_the_thread_continues_after_a_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(health_watch, "EVERY", 0.01)
    answers: List[object] = [RuntimeError("a defect")]

    def read() -> Report:
        if answers:
            raise answers.pop()  # type: ignore[misc]
        return Report(1_800_000_000.0, NOTHING, (CPU,))

    with HttpAnswers() as server:
        settings = Settings(storage=tmp_path, alert_webhooks=(Secret(server.url),), alert_after=0)
        watch = HealthWatch(read, settings, BERLIN)
        watch.start()
        assert server.wait(1)[0]["event"] == "started"
        watch.ask_to_end()
        watch.join()
    assert "the health cannot be determined" in caplog.text
