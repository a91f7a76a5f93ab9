"""Makes few entries of many requests: repeated acts are counted, and requests for media become views. Pure.

Both are bounded, whatever clients send: beyond so many at a time, the rest is counted together as `OTHERS`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, List, NamedTuple, Tuple

from cctv_cli.core.audit.entries import PLAYED, WATCHED, Entry, Series, View, Who

OTHERS = Who(address="others")
_MINUTE = 60.0  # seconds for which equal entries are counted, and after which a pause ends a view
_LONGEST_VIEW = 900.0  # seconds; a killed server loses the views that it has not written
_MOST_VIEWS = 1000
_MOST_AT_A_TIME = {Series.ACTS: 500, Series.REFUSALS: 20}


@dataclass
class _Repeated:
    since: float  # monotonic
    last: Entry
    more: int = 0


class Repeats:
    """The first of equal entries is written at once, the others of the same minute as one with their number."""

    def __init__(self) -> None:
        self._found: Dict[Series, Dict[Entry, _Repeated]] = {series: {} for series in _MOST_AT_A_TIME}

    def note(self, entry: Entry, monotonic: float) -> List[Entry]:
        """What to write now."""
        found = self._found[entry.series]
        key = replace(entry, at=0.0)
        if key not in found and len(found) >= _MOST_AT_A_TIME[entry.series]:
            entry = replace(entry, who=OTHERS, camera="", detail="")
            key = replace(entry, at=0.0)
        repeated = found.get(key)
        if repeated is None:
            found[key] = _Repeated(monotonic, entry)
            return [entry]
        repeated.last = entry
        repeated.more += 1
        return []

    def due(self, monotonic: float, *, all_: bool = False) -> List[Entry]:
        """What to write of the minutes that are over; with `all_` of every minute."""
        due = []
        for found in self._found.values():
            over = [key for key, each in found.items() if all_ or monotonic - each.since >= _MINUTE]
            due += [replace(each.last, count=each.more) for each in map(found.pop, over) if each.more]
        return due


class Media(NamedTuple):
    """What a request for media is for: `recording` is the name of a recording, empty for live and for playlists."""

    camera: str
    live: bool
    recording: str = ""


@dataclass
class _View:
    since: float  # monotonic, as `seen`
    seen: float
    began: float
    ended: float
    bytes: int = 0
    answers: int = 0
    first: str = ""
    last: str = ""

    def entry(self, who: Who, camera: str, live: bool) -> Entry:
        view = View(self.began, self.ended, self.bytes, self.answers, self.first, self.last)
        return Entry(self.ended, WATCHED if live else PLAYED, who, camera, view=view)


class Views:
    """Requests of one client for one camera, live or recorded, are one view until it pauses for a minute."""

    def __init__(self) -> None:
        self._open: Dict[Tuple[Who, str, bool], _View] = {}

    def note(self, who: Who, media: Media, size: int, now: float, monotonic: float) -> None:
        """Count an answer of so many bytes."""
        key = who, media.camera, media.live
        view = self._open.get(key)
        if view is None:
            if len(self._open) >= _MOST_VIEWS:
                key = OTHERS, media.camera, media.live
            view = self._open.setdefault(key, _View(monotonic, monotonic, now, now))
        view.seen, view.ended = monotonic, now
        view.bytes += size
        view.answers += 1
        if media.recording:
            view.first = min(view.first or media.recording, media.recording)
            view.last = max(view.last, media.recording)

    def due(self, monotonic: float, *, all_: bool = False) -> List[Entry]:
        """The views that have ended, and parts of long ones; with `all_` every view."""
        over = [
            key
            for key, view in self._open.items()
            if all_ or monotonic - view.seen >= _MINUTE or monotonic - view.since >= _LONGEST_VIEW
        ]
        return [self._open.pop(key).entry(*key) for key in over]
