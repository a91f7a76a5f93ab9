"""How long live segments stay available after they left the playlist. Pure.

RFC 8216 6.2.2 asks for the duration of the segment plus that of the longest playlist that named it. Time is counted in
seconds of media that the playlist gained, because the wall clock may be set.
"""

from __future__ import annotations

from typing import Dict, Iterable

from cctv_cli.core.hls.playlist import LiveSegment, LiveWindow


class Leaving:
    """The segments of one live stream that the playlist names, or named a short time ago."""

    def __init__(self) -> None:
        self._gained = 0.0  # seconds of media since this began
        self._named: Dict[int, LiveSegment] = {}  # by the playlist, as it is on disk
        self._longest: Dict[int, float] = {}  # seconds of the longest playlist with each of these
        self._until: Dict[int, float] = {}  # up to which `_gained` a segment must stay that left it

    def published(self, window: LiveWindow) -> None:
        """The playlist now names this window."""
        named = {segment.number: segment for segment in window.segments}
        self._gained += sum(segment.duration for number, segment in named.items() if number not in self._named)
        for number, segment in self._named.items():
            if number not in named:
                self._until[number] = self._gained + segment.duration + self._longest[number]
        self._longest = {number: max(window.duration, self._longest.get(number, 0.0)) for number in named}
        self._named = named
        self._until = {number: until for number, until in self._until.items() if until > self._gained}

    def resumed(self, window: LiveWindow, on_disk: Iterable[int]) -> None:
        """The playlist named this window before; any other segment `on_disk` may have left it a moment ago."""
        self.published(window)
        stay = self._gained + window.target_duration + window.duration
        self._until = dict.fromkeys(on_disk, stay)

    def released(self) -> None:
        """No segment need stay but those of the next playlist: the disk is full."""
        self._named = {}
        self._until = {}

    def stays(self, number: int) -> bool:
        """Whether a client may still ask for this segment."""
        return number in self._named or number in self._until
