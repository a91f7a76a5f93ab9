"""Polls the system's health, logs findings that start and end, and sends alerts. Runs in its own thread."""

from __future__ import annotations

import logging
import socket
import threading
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Callable, Dict, Optional, Sequence, Tuple

from cctv_cli.core import files
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.disk_threads import DiskThreads
from cctv_cli.core.health import alerts
from cctv_cli.core.health.alerts import Event, Key, Message, Tracked
from cctv_cli.core.health.findings import Severity
from cctv_cli.core.health.report import Report
from cctv_cli.core.health.webhooks import Webhooks
from cctv_cli.core.layout import alerts_file
from cctv_cli.core.records import NewerFormat
from cctv_cli.core.system import DaemonThread
from cctv_cli.core.units import CameraName

log = logging.getLogger("cctv.health")

EVERY = 15.0  # seconds between polls
END_LIMIT = 20.0  # seconds that a stop may take: the current poll, the last attempt to send alerts, and a file
_LEVELS = {Severity.CRITICAL: logging.ERROR, Severity.WARNING: logging.WARNING}


class HealthWatch:
    """The polling thread, and what it remembers between polls and over restarts."""

    def __init__(self, read: Callable[[], Report], settings: Settings, tz: Optional[tzinfo]) -> None:
        self._read = read
        self._settings = settings
        self._tz = tz
        self._file: Path = alerts_file(settings.storage)
        self._tracked: Tuple[Tracked, ...] = ()
        self._saved: Tuple[Tracked, ...] = ()
        self._may_save = True  # False if a newer cctv wrote the file
        self._ended: Dict[Key, Tracked] = {}  # ended, but not accepted by a webhook yet
        self._disks = DiskThreads()
        self._webhooks = Webhooks(())
        self._ending = threading.Event()
        self._thread = DaemonThread(self._work, "health")

    def start(self) -> None:
        """Start polling; the first poll is delayed, so that cameras have time to start."""
        self._thread.start()

    def configure(self, settings: Settings) -> None:
        """Use a changed configuration from the next poll on."""
        self._settings = settings

    def ask_to_end(self) -> None:
        """Start no further poll."""
        self._ending.set()

    def join(self) -> None:
        """Wait up to END_LIMIT seconds for the thread to end; pending alerts get a last attempt."""
        self._thread.join(END_LIMIT)

    def _work(self) -> None:
        self.begin()
        while not self._ending.wait(EVERY):
            try:
                self.look()
            except Exception:  # a bug must not end the thread
                log.exception("the health cannot be determined")
        self.end()

    def begin(self) -> None:
        """Restore what an earlier process sent, so that it is not sent twice."""
        try:
            found = self._disks.ask(self._file, "read", partial(files.read_json, self._file, alerts.FORMAT))
            self._tracked = self._saved = alerts.from_json(found)
        except NewerFormat as error:
            self._may_save = False
            log.warning("%s; until then alerts may come twice after a restart", error)
        except OSError as error:
            log.warning("%s cannot be read, alerts may come twice: %s", self._file, error)

    def look(self) -> None:
        """Poll once: log and send findings that start and end, remember what was sent."""
        settings = self._settings
        if settings.alert_webhooks != self._webhooks.urls:
            self._change_webhooks(settings)
        report = self._read()
        after, reminder = settings.alert_after, settings.alert_reminder
        before = {item.key: item for item in self._tracked}
        self._tracked, messages = alerts.decide(
            self._tracked, report.findings, report.at, after=after, reminder=reminder
        )
        self._save()  # before sending: a crash in between may lose a message, but must not repeat all of them
        for message in messages:
            if message.event is Event.ENDED:
                self._ended[message.key] = before[message.key]
            _log(message)
        self._send(messages)

    def _send(self, messages: Sequence[Message]) -> None:
        """Send all messages of one poll together, so that cameras with the same finding share a message."""
        waiting, host = self._webhooks.waiting(), socket.gethostname()
        bodies = []
        for message in messages:
            body, before = alerts.message_json(message, host, self._tz), waiting.get(message.key)
            if message.event is Event.REMINDER and before is not None and before["event"] == Event.STARTED.value:
                body["event"] = Event.STARTED.value  # the start was not accepted yet
            bodies.append(body)
        self._webhooks.send(*bodies)

    def end(self) -> None:
        """Try pending alerts one last time; those that were not accepted are sent again after a restart."""
        self._webhooks.stop()
        self._save()

    def _change_webhooks(self, settings: Settings) -> None:
        old, self._webhooks = self._webhooks, Webhooks(settings.alert_webhooks)
        old.stop()
        self._webhooks.send(*old.waiting().values())

    def _save(self) -> None:
        waiting = {key: Event(body["event"]) for key, body in self._webhooks.waiting().items()}
        self._ended = {key: item for key, item in self._ended.items() if key in waiting}
        delivered = alerts.delivered(self._tracked, tuple(self._ended.values()), waiting)
        if delivered == self._saved or not self._may_save:
            return
        try:
            text = alerts.to_json(delivered)
            self._disks.ask(self._file, "write", partial(files.replace_text, self._file, text))
            self._saved = delivered
        except OSError as error:
            log.warning("%s cannot be written, alerts may come twice after a restart: %s", self._file, error)


def _log(message: Message) -> None:
    finding = message.finding
    text = f"{finding.name}: {finding.sentence}"
    if message.event is Event.STARTED or message.worse:
        _line(_LEVELS[finding.severity], finding.camera, text)
    elif message.event is Event.ENDED:
        _line(logging.INFO, finding.camera, f"over: {text}")


def _line(level: int, camera: Optional[str], text: str) -> None:
    """Log the text, with the camera's id if it is about one."""
    if camera is None:
        log.log(level, "%s", text)
    else:
        log.log(level, "%s: %s", CameraName(camera), text)
