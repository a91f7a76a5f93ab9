"""Looks at the system's health again and again, logs what starts and ends, and sends alerts. In a thread of its own."""

from __future__ import annotations

import logging
import socket
import threading
from datetime import tzinfo
from pathlib import Path
from typing import Callable, Optional, Tuple

from cctv_cli.core import alerts, store
from cctv_cli.core.alerts import Event, Message, Tracked
from cctv_cli.core.health import Finding, Severity
from cctv_cli.core.health_report import Report
from cctv_cli.core.layout import alerts_file
from cctv_cli.core.settings import Settings
from cctv_cli.core.webhooks import Webhooks

log = logging.getLogger("cctv.health")

EVERY = 15.0  # seconds between looks
_PATIENCE = 10.0  # seconds that an end may take
_LEVELS = {Severity.CRITICAL: logging.ERROR, Severity.WARNING: logging.WARNING}


class HealthWatch:
    """The thread, and what it remembers between looks and over a restart."""

    def __init__(self, read: Callable[[], Report], settings: Settings, tz: Optional[tzinfo]) -> None:
        self._read = read
        self._settings = settings
        self._tz = tz
        self._file: Path = alerts_file(settings.storage)
        self._tracked: Tuple[Tracked, ...] = ()
        self._saved: Tuple[Tracked, ...] = ()
        self._webhooks = Webhooks(())
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="health", daemon=True)

    def start(self) -> None:
        """Begin; the first look comes after a while, so that cameras have had time to start."""
        self._thread.start()

    def configure(self, settings: Settings) -> None:
        """Take over a changed configuration with the next look."""
        self._settings = settings

    def ask_to_end(self) -> None:
        """No look begins any more."""
        self._ending.set()

    def join(self) -> None:
        """Wait some seconds for the end: alerts that still wait get a last try."""
        self._thread.join(_PATIENCE)

    def _work(self) -> None:
        self.begin()
        while not self._ending.wait(EVERY):
            try:
                self.look()
            except Exception:  # a defect of ours must not end the watch
                log.exception("the health cannot be told")
        self.end()

    def begin(self) -> None:
        """Take up what an earlier watch told, so that it is not told twice."""
        try:
            self._tracked = self._saved = alerts.from_json(store.read_json(self._file))
        except OSError as error:
            log.warning("%s cannot be read, alerts may come twice: %s", self._file, error)

    def look(self) -> None:
        """One look: log and send what starts and ends, remember what was sent."""
        settings = self._settings
        if settings.alert_webhooks != self._webhooks.urls:
            self._webhooks.stop()
            self._webhooks = Webhooks(settings.alert_webhooks)
        report = self._read()
        after, reminder = settings.alert_after, settings.alert_reminder
        self._tracked, messages = alerts.decide(
            self._tracked, report.findings, report.at, after=after, reminder=reminder
        )
        self._save()  # first: a crash in between costs a message, not a storm of them
        for message in messages:
            _log(message)
            self._webhooks.send(alerts.message_json(message, socket.gethostname(), self._tz))

    def end(self) -> None:
        """Let alerts that wait have their last try."""
        self._webhooks.stop()

    def _save(self) -> None:
        told = alerts.sent(self._tracked)
        if told == self._saved:
            return
        try:
            store.replace_text(self._file, alerts.to_json(told))
            self._saved = told
        except OSError as error:
            log.warning("%s cannot be written, alerts may come twice after a restart: %s", self._file, error)


def _log(message: Message) -> None:
    finding = message.finding
    if message.event is Event.STARTED:
        log.log(_LEVELS[finding.severity], "%s", _told(finding))
    elif message.event is Event.ENDED:
        log.info("over: %s", _told(finding))


def _told(finding: Finding) -> str:
    where = "" if finding.camera is None else f"{finding.camera}: "
    return f"{where}{finding.name}: {finding.sentence}"
