"""Sends messages to webhooks: HTTP POST of JSON, one thread per webhook, with retries.

Webhook URLs often contain a token: only the host is ever printed or logged.
"""

from __future__ import annotations

import logging
import os
import ssl
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Dict, List, Optional, Sequence, Tuple
from urllib.parse import urlsplit

from cctv_cli.core.health.alerts import Body, merged, together
from cctv_cli.core.system import DaemonThread
from cctv_cli.core.units import Secret

log = logging.getLogger("cctv.alerts")

Subject = Tuple[Any, Any]  # name and camera of a finding

TIMEOUT = 10.0  # seconds for each step of a request
DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 120.0)  # seconds between retries; the last value repeats
LAST_TRY = 5.0  # seconds for pending messages when cctv ends
_LATER = (408, 425, 429)  # temporary refusals (RFC 9110, 8470, 6585)


@dataclass(frozen=True)
class Rejection:
    """Why a webhook did not accept a message; if `final`, a retry is pointless."""

    reason: str
    final: bool


def subject(body: Body) -> Subject:
    """The finding that a message is about."""
    return body.get("name"), body.get("camera")


def webhook_name(number: int, url: Secret) -> str:
    """The public name of a webhook: its position in the settings, from 1, and its host."""
    return f"webhook {number} ({urlsplit(url.reveal()).hostname or 'no host'})"


def post(url: Secret, body: Body, *, timeout: float = TIMEOUT) -> Optional[Rejection]:
    """Send one message once; None if the webhook accepted it."""
    import httpx  # imported here because it would double the start time of every command

    for name in ("httpx", "httpcore"):  # below WARNING they log whole URLs
        logging.getLogger(name).setLevel(logging.WARNING)
    try:  # the text of an exception may contain the URL, so it is never shown
        trusted = _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        with httpx.stream("POST", url.reveal(), json=body, timeout=timeout, verify=trusted) as answer:
            status = answer.status_code
    except httpx.TimeoutException:
        return Rejection(f"no answer within {timeout:g} s", final=False)
    except httpx.InvalidURL:
        return Rejection("its URL is invalid", final=True)
    except httpx.ConnectError:
        return Rejection("it cannot be reached", final=False)
    except httpx.HTTPError as error:
        return Rejection(f"the connection failed ({type(error).__name__})", final=False)
    except Exception as error:  # such as an invalid proxy or certificate setting; the sender's thread must continue
        return Rejection(
            f"it cannot be requested ({type(error).__name__}); check the proxy and SSL settings", final=False
        )
    if 200 <= status < 300:
        return None
    return Rejection(f"it answered {status}", final=status < 500 and status not in _LATER)


@lru_cache(maxsize=1)
def _trusted(file: Optional[str], folder: Optional[str]) -> ssl.SSLContext:
    """The trusted certificates, from the variables of httpx; cached, since loading takes longer than sending."""
    import httpx

    return httpx.create_ssl_context()


class Webhooks:
    """All webhooks of the settings. `send` never waits.

    A message is pending until its webhook accepts it or a newer one about the same finding replaces it. One that is
    refused permanently is retried once the webhook has accepted another.
    """

    def __init__(self, urls: Sequence[Secret], delays: Sequence[float] = DELAYS) -> None:
        self.urls = tuple(urls)
        self._senders: List[_Sender] = [_Sender(n, url, delays) for n, url in enumerate(urls, 1)]

    def send(self, *bodies: Body) -> None:
        """Queue messages for every webhook; those that cameras have in common are merged."""
        for sender in self._senders:
            sender.send(bodies)

    def waiting(self) -> Dict[Subject, Body]:
        """The messages that at least one webhook has not accepted, by finding."""
        return {subject(body): body for sender in self._senders for body in sender.waiting()}

    def stop(self) -> None:
        """Stop within `LAST_TRY` seconds; each pending message is tried once more in that time."""
        for sender in self._senders:
            sender.ask_to_end()
        end = time.monotonic() + LAST_TRY
        for sender in self._senders:
            sender.join(max(0.0, end - time.monotonic()))


class _Sender:
    """One webhook, its pending messages, and its thread.

    Each finding has at most one message, so the number of findings bounds the queue.
    """

    def __init__(self, number: int, url: Secret, delays: Sequence[float]) -> None:
        self._name = webhook_name(number, url)
        self._url = url
        self._delays = delays
        self._failures = 0  # in a row
        self._waiting: Dict[Subject, Body] = {}  # the oldest first
        self._refused: Dict[Subject, Body] = {}  # permanently, until the webhook accepts another message
        self._changed = threading.Condition()
        self._ending = threading.Event()
        self._thread = DaemonThread(self._work, f"alerts-{number}")
        self._thread.start()

    def send(self, bodies: Sequence[Body]) -> None:
        with self._changed:
            for body in bodies:
                self._waiting.pop(subject(body), None)
                self._refused.pop(subject(body), None)
                self._waiting[subject(body)] = body
            self._changed.notify()

    def waiting(self) -> List[Body]:
        with self._changed:
            return [*self._waiting.values(), *self._refused.values()]

    def ask_to_end(self) -> None:
        self._ending.set()
        with self._changed:
            self._changed.notify()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _work(self) -> None:
        while not self._ending.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ending.is_set())
                batch = together([*self._waiting.values()]) if self._waiting else []
            if batch and not self._ending.is_set() and not self._try(batch):
                self._ending.wait(self._delays[min(self._failures, len(self._delays)) - 1])
        left = self._all_waiting()
        while left:
            batch = together(left)
            self._try(batch)
            left = [body for body in left if body not in batch]

    def _all_waiting(self) -> List[Body]:
        with self._changed:
            return list(self._waiting.values())

    def _try(self, batch: Sequence[Body]) -> bool:
        """Send messages once, merged; False if they must be retried, which happens after the others."""
        refusal = post(self._url, merged(batch))
        again = refusal is not None and not refusal.final
        with self._changed:
            for body in batch:
                if self._waiting.get(subject(body)) is not body:
                    continue  # replaced by a newer one
                del self._waiting[subject(body)]
                if refusal is not None:
                    (self._waiting if again else self._refused)[subject(body)] = body
            if refusal is None:
                self._waiting.update(self._refused)
                self._refused.clear()
        self._failures = self._failures + 1 if again else 0
        if refusal is not None and (refusal.final or self._failures == len(self._delays)):
            later = "cctv retries" if again else "cctv retries after the next one that is accepted"
            name = batch[0].get("name")
            log.error("%s did not accept the alert %r: %s; %s", self._name, name, refusal.reason, later)
        return not again
