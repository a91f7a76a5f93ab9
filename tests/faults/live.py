"""A viewer of live streams: fetches each playlist again and again, and once each segment that it names."""

from __future__ import annotations

import re
import threading
import urllib.request
from typing import Dict, List, Optional, Set

from tests.support.waiting import wait_for

_EVERY = 0.5  # seconds
_PATIENCE = 10.0  # seconds for one answer
_SEQUENCE = re.compile(r"#EXT-X-MEDIA-SEQUENCE:(\d+)")
_SEGMENT = re.compile(r"^segment(\d+)\.\w+$", re.MULTILINE)


class LiveWatch:
    """Watches the live playlists of a server from now on, in a thread, until `end`."""

    def __init__(self, url: str, cameras: List[str]) -> None:
        self._url = url
        self._newest: Dict[str, int] = dict.fromkeys(cameras, -1)
        self._first: Dict[str, int] = dict.fromkeys(cameras, 0)
        self._fetched: Dict[str, Set[str]] = {camera: set() for camera in cameras}
        self._complaints: List[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def wait_playing(self) -> None:
        """Wait until each camera has a live segment."""
        wait_for(lambda: min(self._newest.values()) >= 0, "a live segment of each camera")

    def end(self) -> List[str]:
        """Stop watching; what was wrong."""
        self._ended.set()
        self._thread.join()
        return self._complaints

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY):
            for camera in self._newest:
                text = self._fetch(camera, "live.m3u8")
                if text is not None:
                    self._look(camera, text.decode())

    def _look(self, camera: str, playlist: str) -> None:
        sequence = _SEQUENCE.search(playlist)
        numbers = [int(number) for number in _SEGMENT.findall(playlist)]
        if sequence is None or not numbers:
            return
        if int(sequence.group(1)) < self._first[camera] or numbers[-1] < self._newest[camera]:
            self._complain(camera, f"the live sequence goes back to {sequence.group(1)}")
        self._first[camera], self._newest[camera] = int(sequence.group(1)), numbers[-1]
        names = [line for line in playlist.splitlines() if _SEGMENT.match(line)]
        for name in names[-1:]:  # older ones were the newest once
            if name not in self._fetched[camera]:
                self._fetched[camera].add(name)
                self._check(camera, name)

    def _check(self, camera: str, name: str) -> None:
        data = self._fetch(camera, name)
        if data is None and name.encode() in (self._fetch(camera, "live.m3u8") or b""):
            data = self._fetch(camera, name)  # once more: the server may have been dead or stopped
        if data is None and name.encode() in (self._fetch(camera, "live.m3u8") or b""):
            self._complain(camera, f"the live playlist names {name}, which is not served")
        elif data is not None and name.endswith(".ts") and len(data) % 188:
            self._complain(camera, f"the live playlist names {name}, which is not whole")

    def _fetch(self, camera: str, name: str) -> Optional[bytes]:
        """The bytes of a file of the live stream; None when the server does not answer with them."""
        try:
            with urllib.request.urlopen(f"{self._url}/stream/{camera}/{name}", timeout=_PATIENCE) as answer:
                data: bytes = answer.read()
                return data
        except (OSError, ValueError):
            return None

    def _complain(self, camera: str, what: str) -> None:
        self._complaints.append(f"{camera}: {what}")
