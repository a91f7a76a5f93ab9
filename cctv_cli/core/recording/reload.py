"""Reload of the configuration through files: `cctv reload` leaves a request, and every supervisor answers it.

`<storage>/.reload/` has the request, an id, and the answer of each process to the latest one. A process that starts
reads its configuration anyway, so the request that it finds there is not for it.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable, Collection, Dict, List, Optional, Tuple

from cctv_cli.core import files, locks, records
from cctv_cli.core.disk_threads import DiskThreads
from cctv_cli.core.layout import reload_files
from cctv_cli.core.records import Pid, Text
from cctv_cli.core.system import DaemonThread

RELOAD_LIMIT = 30.0  # seconds that a process takes at most, even if a disk hangs
FORMAT = 1  # of answers
_EVERY = 1.0  # seconds between looks for a request
_LONGEST = 100  # bytes that are read of a request; more is none of cctv
_LOOK = 0.2  # seconds between looks for answers

log = logging.getLogger("cctv.runtime")


@dataclass(frozen=True)
class Reloaded:
    """What a reload did.

    `changes` are in words; `pending` are the keys of settings that need a restart. With `problems`, sentences, the old
    configuration stays.
    """

    changes: Tuple[Text, ...] = ()
    pending: Tuple[Text, ...] = ()
    problems: Tuple[Text, ...] = ()


@dataclass(frozen=True)
class Answer:
    """A process's answer to a request; `cameras` are the ids of those that it supervises."""

    request: Text
    pid: Pid
    cameras: Tuple[Text, ...]
    outcome: Reloaded


class ReloadRequests:
    """A thread that looks for requests and answers each once, with what `reload` did. Errors are logged."""

    def __init__(
        self,
        storage: Path,
        reload: Callable[[], Reloaded],
        cameras: Callable[[], Collection[str]],
        disks: DiskThreads,
    ) -> None:
        self._files = reload_files(storage)
        self._reload = reload
        self._cameras = cameras
        self._disks = disks
        self._answer = self._files.folder / f"{secrets.token_hex(8)}.json"
        self._seen = self._request()
        self._ending = threading.Event()
        self._thread = DaemonThread(self._work, "reload requests")

    def start(self) -> None:
        """Start to look."""
        with suppress(OSError):  # then nobody can ask
            self._disks.ask(self._files.folder, "make reload", self._make)
        self._thread.start()

    def ask_to_end(self) -> None:
        """Start no further reload."""
        self._ending.set()

    def look(self) -> None:
        """Answer a new request. Raises OSError."""
        request = self._request()
        if request is None or request == self._seen:
            return
        self._seen = request
        outcome = self._reload()
        answer = Answer(request, os.getpid(), tuple(self._cameras()), outcome)
        write = partial(files.replace_text, self._answer, records.encode(answer, FORMAT), durable=False)
        self._disks.ask(self._files.folder, "answer reload", write)

    def _work(self) -> None:
        while not self._ending.wait(_EVERY):
            try:
                self.look()
            except OSError as error:
                log.error("the request to reload the configuration is not answered: %s", error)
            except Exception:  # a bug must not end the thread
                log.exception("unexpected error in a request to reload")

    def _make(self) -> None:
        """Make the folder and the lock, so that they belong to the supervisor's user, whoever asks. Raises OSError."""
        self._files.folder.mkdir(exist_ok=True)
        locks.take(self._files.lock).release()

    def _request(self) -> Optional[str]:
        """The latest request; None if there is none, or if it cannot be read for now."""
        try:
            return self._disks.ask(
                self._files.folder, "read reload", partial(files.read_text, self._files.request, most=_LONGEST)
            )
        except OSError:
            return None


def request_reload(
    storage: Path, supervised: Callable[[], Dict[str, int]], limit: float
) -> Tuple[List[Answer], Dict[str, int]]:
    """Ask all supervisors to reload, and wait at most `limit` seconds for them.

    `supervised` gives the supervised cameras, with the process of each. Returns the answers, and the cameras whose
    process gave none. Without a supervisor nothing is asked. Raises OSError; LockHeld while somebody else waits.
    """
    place = reload_files(storage)
    waiting = supervised()
    if not waiting or not place.folder.is_dir():  # an older cctv does not make it
        return [], waiting
    with locks.holding(place.lock, limit):
        for path in place.folder.glob("*.json"):
            files.remove(path)
        request = secrets.token_hex(8)
        files.replace_text(place.request, request)
        until = time.monotonic() + limit
        while True:
            answers = _answers(place.folder, request)
            answered = {camera for answer in answers for camera in answer.cameras}
            waiting = {camera: pid for camera, pid in waiting.items() if camera not in answered}
            if not waiting or time.monotonic() >= until:
                return answers, waiting
            time.sleep(_LOOK)  # no system tells a process portably that another has written a file
            waiting = {camera: pid for camera, pid in supervised().items() if camera in waiting}


def _answers(folder: Path, request: str) -> List[Answer]:
    found = []
    for path in sorted(folder.glob("*.json")):
        with suppress(OSError):
            answer = records.decode(Answer, files.read_json(path, FORMAT))
            if answer is not None and answer.request == request:
                found.append(answer)
    return found
