"""The lines of a day's journal as values and text: one JSON object a line, with the hash of the line before. Pure.

Kinds of line (`type`), all with `start` (ISO 8601 with UTC offset) and `duration` (seconds):

    segment   file, bytes, sha256, run, source   a recording; `source` is its name in the run's folder;
              header (fragmented MP4 only)       the bytes of its initialization section
              media (if the two differ)          its duration in media time, by a camera's clock that is wrong
    gap       cause, detail                      time that no recording covers, and why
    clock     step                               this machine's clock was set by so many seconds
    deletion  file, bytes, reason                retention took this recording; its name is never given again
    hold      id, note                           recordings of that time are kept; in every day that it touches
    release   id                                 that hold ends

`prev` is the SHA-256 of the previous line's bytes; for a day's first line, of the last line of the latest
earlier day. Readers ignore unknown kinds and lines that are torn or damaged.

A journal begins with a line {"type": "journal", "version": N, "prev": …}, whose form never changes. The whole file
is in that version, including lines that are added later. A journal without that line has version 1.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Set, Tuple, Type, Union

from cctv_cli.core import records
from cctv_cli.core.clock import format_instant, parse_instant
from cctv_cli.core.records import Anchor, Bytes, FileName, Instant, Seconds, Text, bounded

FORMAT = 1
LONGEST_LINE = 64 * 1024  # bytes; cctv writes no longer line, and parses none
NO_LINE = "0" * 64
JOINT = 0.2  # seconds that may be between segments of one run that join

# A recording's line exactly as `render_line` writes it, which most lines are. Three times as fast as JSON, and never
# matches a line that JSON and the bounds of `SegmentEntry` would read differently.
_SEGMENT_LINE = re.compile(
    rb'\{"type": "segment", "start": "([0-9T:.+-]{1,40})", "duration": ((?:0|[1-9]\d{0,8})\.\d{1,20}), '
    rb'"file": "([\w/.-]{1,100})", "bytes": (0|[1-9]\d{0,17}), "sha256": "(\w{1,100})", "run": "(\w{1,100})", '
    rb'"source": "([\w.]{1,100})"(?:, "header": (0|[1-9]\d{0,17}))?, "prev": "\w{1,100}"\}'
)
_FORMAT_LINE = re.compile(rb'\{"type": "journal", "version": (\d{1,9})\b')


@dataclass(frozen=True)
class SegmentEntry:
    """A committed recording. `file` is its name in the day ("14/41.ts"); `start` is an instant."""

    file: FileName
    start: Instant
    duration: Seconds
    bytes: Bytes
    sha256: Text
    run: Text
    source: FileName
    header: Bytes = 0
    media: Seconds = 0.0

    @property
    def end(self) -> float:
        """The instant at which the recording ends."""
        return self.start + self.duration

    @property
    def plays(self) -> float:
        """How many seconds players count for it."""
        return self.media or self.duration


def joins(before: SegmentEntry, after: SegmentEntry) -> bool:
    """Whether two segments play without a discontinuity: they are of one run, with nothing missing between them."""
    return before.run == after.run and abs(after.start - before.end) <= JOINT


@dataclass(frozen=True)
class GapEntry:
    """Time without a recording. `start` is an instant, `cause` a short phrase, `detail` a sentence or empty."""

    start: Instant
    duration: Seconds
    cause: Text
    detail: Text = ""

    @property
    def end(self) -> float:
        """The instant at which the gap ends."""
        return self.start + self.duration


@dataclass(frozen=True)
class ClockEntry:
    """This machine's clock was set by `step` seconds, back if that is negative; `start` is by the new clock."""

    start: Instant
    duration: Seconds
    step: Anchor


@dataclass(frozen=True)
class DeletionEntry:
    """A recording that retention deleted: the values of its own line, and a short phrase that says why."""

    file: FileName
    start: Instant
    duration: Seconds
    bytes: Bytes
    reason: Text


@dataclass(frozen=True)
class HoldEntry:
    """Recordings between the instants `start` and `end` are kept, regardless of retention."""

    id: Text
    start: Instant
    duration: Seconds
    note: Text = ""

    @property
    def end(self) -> float:
        """The instant at which the held time ends."""
        return self.start + self.duration

    def covers(self, start: float, end: float) -> bool:
        """Whether any part of a recording from `start` to `end` is held."""
        return start < self.end and end > self.start


@dataclass(frozen=True)
class ReleaseEntry:
    """The end of the hold with this id; `start` and `duration` repeat the hold's."""

    id: Text
    start: Instant
    duration: Seconds


Entry = Union[SegmentEntry, GapEntry, ClockEntry, DeletionEntry, HoldEntry, ReleaseEntry]


class BriefSegment(NamedTuple):
    """The values of a `SegmentEntry` that retention needs."""

    file: str
    start: float
    duration: float
    bytes: int


_KINDS: Dict[str, Type[Entry]] = {
    "segment": SegmentEntry,
    "gap": GapEntry,
    "clock": ClockEntry,
    "deletion": DeletionEntry,
    "hold": HoldEntry,
    "release": ReleaseEntry,
}
_TYPES = {kind: name for name, kind in _KINDS.items()}


def render_format(previous: str) -> bytes:
    """The first line of a journal, without its line end."""
    return json.dumps({"type": "journal", "version": FORMAT, "prev": previous}).encode()


def format_of(journal: bytes) -> int:
    """The format version of a journal that begins with these bytes."""
    match = _FORMAT_LINE.match(journal)
    return 1 if match is None else int(match.group(1))


def render_line(entry: Entry, tz: Optional[tzinfo], previous: str) -> bytes:
    """One journal line, without its line end. Texts that are too long are cut."""
    start = format_instant(entry.start, tz)
    fields: Dict[str, Any] = {"type": _TYPES[type(entry)], "start": start, "duration": round(entry.duration, 3)}
    if isinstance(entry, SegmentEntry):
        fields.update(file=entry.file, bytes=entry.bytes, sha256=entry.sha256, run=entry.run, source=entry.source)
        if entry.header:
            fields.update(header=entry.header)
        if entry.media:
            fields.update(media=round(entry.media, 3))
    elif isinstance(entry, GapEntry):
        fields.update(cause=bounded(entry.cause), detail=bounded(entry.detail))
    elif isinstance(entry, ClockEntry):
        fields.update(step=round(entry.step, 3))
    elif isinstance(entry, DeletionEntry):
        fields.update(file=entry.file, bytes=entry.bytes, reason=bounded(entry.reason))
    elif isinstance(entry, HoldEntry):
        fields.update(id=entry.id, note=bounded(entry.note))
    else:
        fields.update(id=entry.id)
    fields["prev"] = previous
    return json.dumps(fields, ensure_ascii=False).encode()


def parse_line(line: bytes) -> Optional[Entry]:
    """The entry of a line; None for a torn or damaged line, or an unknown kind."""
    usual = _SEGMENT_LINE.fullmatch(line)
    try:
        return _parse_any(line) if usual is None else _usual_segment(usual)
    except ValueError:  # an invalid start
        return None


def _usual_segment(match: re.Match[bytes]) -> SegmentEntry:
    start, duration, file, size, sha256, run, source, header = match.groups()
    names = (sha256.decode(), run.decode(), source.decode())
    return SegmentEntry(
        file.decode(), parse_instant(start.decode()), float(duration), int(size), *names, int(header or 0)
    )


def _parse_any(line: bytes) -> Optional[Entry]:
    """Raises ValueError for an invalid start."""
    fields = records.parse(line) if len(line) <= LONGEST_LINE else {}
    name, start = fields.get("type"), fields.get("start")
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None or not isinstance(start, str):
        return None
    return records.decode(kind, {**fields, "start": parse_instant(start)})


def line_hash(line: bytes) -> str:
    """The hash that the next line has as `prev`."""
    return hashlib.sha256(line).hexdigest()


def read_brief(data: bytes) -> Tuple[List[BriefSegment], List[Entry]]:
    """The segments and the other entries of a whole journal, in the order in which they were written.

    The same as with `parse_line`, which reads the unusual lines, but several times faster.
    """
    segments: List[BriefSegment] = []
    others: List[Entry] = []
    for line in data.splitlines():
        usual = _SEGMENT_LINE.fullmatch(line)
        if usual is not None:
            start, duration, file, size = usual.group(1, 2, 3, 4)
            try:
                at = parse_instant(start.decode())
            except ValueError:
                continue
            segments.append(BriefSegment(file.decode(), at, float(duration), int(size)))
            continue
        entry = parse_line(line)
        if isinstance(entry, SegmentEntry):
            segments.append(BriefSegment(entry.file, entry.start, entry.duration, entry.bytes))
        elif entry is not None:
            others.append(entry)
    return segments, others


def deleted_files(entries: Iterable[Entry]) -> Set[str]:
    """The names of the recordings that retention deleted."""
    return {entry.file for entry in entries if isinstance(entry, DeletionEntry)}


def active_holds(entries: Iterable[Entry]) -> List[HoldEntry]:
    """The holds that were not released."""
    holds: Dict[str, HoldEntry] = {}
    for entry in entries:
        if isinstance(entry, HoldEntry):
            holds[entry.id] = entry
        elif isinstance(entry, ReleaseEntry):
            holds.pop(entry.id, None)
    return list(holds.values())
