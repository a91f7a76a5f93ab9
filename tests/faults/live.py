"""A viewer of live streams: fetches each playlist again and again, and once each segment that it names.

It judges what a player relies on: sequence numbers never change (RFC 8216 6.2.2), durations and dates are true, and
every segment that a playlist names is there and whole.
"""

from __future__ import annotations

import re
import threading
import urllib.request
from dataclasses import dataclass, field
from datetime import datetime
from typing import Dict, List, NamedTuple, Optional, Sequence

from tests.support.waiting import HANG, wait_for

_EVERY = 0.5  # seconds
_TRUE_WITHIN = 1.0  # seconds between two segments
_PACKET = 188  # bytes
_TAG = re.compile(r"#(?:EXT-X-)?([A-Z-]+):?(.*)")  # EXTINF, and the others without EXT-X-


class Segment(NamedTuple):
    """A segment as a playlist names it: `start` is an instant, `duration` in seconds, `media` a range of bytes."""

    name: str
    start: float
    duration: float
    tagged: bool  # with a discontinuity
    media: Optional[range]


class Playlist(NamedTuple):
    """A live playlist."""

    sequence: int
    target: int
    segments: Sequence[Segment]


@dataclass
class Seen:
    """What a viewer knows of a stream. `complaints` are what no player may see."""

    known: Dict[str, int] = field(default_factory=dict)  # the sequence number of each segment
    tagged: int = 0  # segments that began with a discontinuity
    newest: int = -1
    target: int = 0
    complaints: List[str] = field(default_factory=list)

    def look(self, playlist: Playlist) -> List[Segment]:
        """Compare a playlist with the ones before; the segments that it names for the first time."""
        new = [segment for segment in playlist.segments if segment.name not in self.known]
        last = playlist.sequence + len(playlist.segments) - 1
        if last < self.newest or playlist.target < self.target:
            self.complaints.append(f"the live sequence goes back from {self.newest} to {last}")
        for number, segment in enumerate(playlist.segments, playlist.sequence):
            if self.known.setdefault(segment.name, number) != number:
                self.complaints.append(f"{segment.name} was number {self.known[segment.name]} and becomes {number}")
            if int(segment.duration + 0.5) > playlist.target:
                self.complaints.append(f"{segment.name} is longer than the target duration {playlist.target} s")
        for before, after in zip(playlist.segments, playlist.segments[1:]):
            late = after.start - before.start - before.duration
            if after in new and not after.tagged and abs(late) > _TRUE_WITHIN:
                self.complaints.append(f"{after.name} is {late:.1f} s late without a discontinuity")
        self.tagged += sum(segment.tagged for segment in new)
        self.newest, self.target = last, playlist.target
        return new


def read_playlist(text: str) -> Optional[Playlist]:
    """The playlist in an answer; None if it names no segment."""
    tags: Dict[str, str] = {}
    segments = []
    for line in text.splitlines():
        tag = _TAG.match(line)
        if tag is not None:
            tags[tag.group(1)] = tag.group(2)
        elif line:
            size, _, at = tags.pop("BYTERANGE", "").partition("@")
            start = datetime.fromisoformat(tags.pop("PROGRAM-DATE-TIME")).timestamp()
            tagged = tags.pop("DISCONTINUITY", None) is not None
            media = range(int(at), int(at) + int(size)) if size else None
            segments.append(Segment(line, start, float(tags.pop("EXTINF").rstrip(",")), tagged, media))
    return Playlist(int(tags["MEDIA-SEQUENCE"]), int(tags["TARGETDURATION"]), segments) if segments else None


def is_whole(segment: Segment, data: bytes) -> bool:
    """Whether these bytes of a file are the whole segment: packets of MPEG-TS, or boxes of MP4."""
    if segment.media is None:
        return len(data) > 0 and len(data) % _PACKET == 0
    at = segment.media.start
    while at + 8 <= segment.media.stop <= len(data):
        at += max(8, int.from_bytes(data[at : at + 4], "big"))
    return at == segment.media.stop


class LiveWatch:
    """Watches the live playlists of a server from now on, in a thread, until `end`."""

    def __init__(self, url: str, cameras: List[str]) -> None:
        self._url = url
        self._seen = {camera: Seen() for camera in cameras}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def wait_playing(self) -> None:
        """Wait until each camera has a live segment."""
        wait_for(lambda: all(seen.known for seen in self._seen.values()), "a live segment of each camera")

    def end(self) -> List[str]:
        """Stop watching, after a last look at everything that the playlists name; what was wrong."""
        if not self._ended.is_set():
            self._ended.set()
            self._thread.join()
            for camera in self._seen:
                playlist = self._playlist(camera)
                for segment in playlist.segments if playlist is not None else ():
                    self._check(camera, segment)
        return [f"{camera}: {what}" for camera, seen in self._seen.items() for what in dict.fromkeys(seen.complaints)]

    def segments(self) -> Dict[str, int]:
        """How many segments of each camera were seen."""
        return {camera: len(seen.known) for camera, seen in self._seen.items()}

    def gained(self, before: Dict[str, int]) -> bool:
        """Whether more segments of each camera were seen than `before`."""
        return all(count > before[camera] for camera, count in self.segments().items())

    def discontinuities(self, camera: str) -> int:
        """How many segments of a camera began with a discontinuity."""
        return self._seen[camera].tagged

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY):
            for camera, seen in self._seen.items():
                playlist = self._playlist(camera)
                new = seen.look(playlist) if playlist is not None else []
                for segment in new[-1:]:
                    self._check(camera, segment)

    def _playlist(self, camera: str) -> Optional[Playlist]:
        data = self._fetch(camera, "live.m3u8")
        return None if data is None else read_playlist(data.decode())

    def _names(self, camera: str, segment: Segment) -> bool:
        playlist = self._playlist(camera)
        return playlist is not None and segment in playlist.segments

    def _check(self, camera: str, segment: Segment) -> None:
        data = self._fetch(camera, segment.name)
        if data is None and self._names(camera, segment):
            data = self._fetch(camera, segment.name)  # once more: the server may have been dead or stopped
        if data is None and self._names(camera, segment):
            self._seen[camera].complaints.append(f"the live playlist names {segment.name}, which is not served")
        elif data is not None and not is_whole(segment, data):
            self._seen[camera].complaints.append(f"the live playlist names {segment.name}, which is not whole")

    def _fetch(self, camera: str, name: str) -> Optional[bytes]:
        """The bytes of a file of the live stream; None when the server does not answer with them."""
        try:
            with urllib.request.urlopen(f"{self._url}/stream/{camera}/{name}", timeout=HANG) as answer:
                data: bytes = answer.read()
                return data
        except (OSError, ValueError):
            return None
