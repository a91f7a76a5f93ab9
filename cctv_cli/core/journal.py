"""A day's journal: one JSON object a line, append only, each line bound to the one before by its hash.

Kinds of line (`type`), all with `start` (ISO 8601 with UTC offset) and `duration` (seconds):

    segment   file, bytes, sha256, run, source   a recording; `source` is its name in the run's folder;
              header (fragmented MP4 only)       the bytes of its initialization section
    gap       cause, detail                      time that no recording covers, and why

`prev` is the SHA-256 of the previous line's bytes; a day's first line takes the last line of the
latest earlier day. Readers pass over kinds that they do not know and lines that a crash tore.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

from cctv_cli.core.clock import format_instant, parse_instant

NO_LINE = "0" * 64

# A recording's line exactly as `render_line` writes it: most lines of most journals. Read in a third of JSON's time.
_SEGMENT_LINE = re.compile(
    rb'\{"type": "segment", "start": "([^"\\]+)", "duration": (\d{1,9}\.\d+), "file": "([\w/.-]+)", '
    rb'"bytes": (\d{1,18}), "sha256": "(\w+)", "run": "(\w+)", "source": "([\w.]+)"'
    rb'(?:, "header": (\d{1,18}))?, "prev": "\w+"\}'
)
_BYTES = re.compile(
    rb'^\{"type": "(segment|deletion)", "start": "[^"]*", "duration": [^,]*, "file": "[^"]*", "bytes": (\d+)',
    re.MULTILINE,
)


@dataclass(frozen=True)
class SegmentEntry:
    """A committed recording. `file` is its name in the day ("14/41.ts"); `start` is an instant."""

    file: str
    start: float
    duration: float
    bytes: int
    sha256: str
    run: str
    source: str
    header: int = 0

    @property
    def end(self) -> float:
        """The instant at which the recording ends."""
        return self.start + self.duration


@dataclass(frozen=True)
class GapEntry:
    """Time without a recording. `start` is an instant, `cause` a short phrase, `detail` a sentence or empty."""

    start: float
    duration: float
    cause: str
    detail: str = ""

    @property
    def end(self) -> float:
        """The instant at which the gap ends."""
        return self.start + self.duration


Entry = Union[SegmentEntry, GapEntry]


def render_line(entry: Entry, tz: Optional[tzinfo], previous: str) -> bytes:
    """One journal line without its line end."""
    start = format_instant(entry.start, tz)
    fields: Dict[str, Any] = {"type": "gap", "start": start, "duration": round(entry.duration, 3)}
    if isinstance(entry, SegmentEntry):
        fields.update(type="segment", file=entry.file, bytes=entry.bytes, sha256=entry.sha256)
        fields.update(run=entry.run, source=entry.source)
        if entry.header:
            fields.update(header=entry.header)
    else:
        fields.update(cause=entry.cause, detail=entry.detail)
    fields["prev"] = previous
    return json.dumps(fields, ensure_ascii=False).encode()


def parse_line(line: bytes) -> Optional[Entry]:
    """The entry of a line; None for a torn line or a kind that this version does not know."""
    usual = _SEGMENT_LINE.fullmatch(line)
    try:
        if usual is not None:
            return _usual_segment(usual)
        fields = json.loads(line)
        start, duration = parse_instant(fields["start"]), float(fields["duration"])
        if not math.isfinite(duration):
            return None
        if fields["type"] == "gap":
            return GapEntry(start, duration, fields["cause"], fields.get("detail", ""))
        if fields["type"] == "segment":
            file, sha256, run, source = (_text(fields[name]) for name in ("file", "sha256", "run", "source"))
            size, header = int(fields["bytes"]), int(fields.get("header", 0))
            return SegmentEntry(file, start, duration, size, sha256, run, source, header)
    except (ValueError, KeyError, TypeError):
        pass
    return None


def _usual_segment(match: re.Match[bytes]) -> SegmentEntry:
    start, duration, file, size, sha256, run, source, header = match.groups()
    names = (sha256.decode(), run.decode(), source.decode())
    return SegmentEntry(
        file.decode(), parse_instant(start.decode()), float(duration), int(size), *names, int(header or 0)
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def line_hash(line: bytes) -> str:
    """What the next line carries as `prev`."""
    return hashlib.sha256(line).hexdigest()


class Journal:
    """The journal file of one day. Whoever appends holds the camera's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> List[bytes]:
        """Every line, without line ends; none when there is no journal yet. Raises OSError."""
        try:
            return self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []

    def read_on(self, offset: int) -> bytes:
        """What was written from byte `offset` on; nothing when there is no journal yet. Raises OSError."""
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                return file.read()
        except FileNotFoundError:
            return b""

    def entries(self, mentioning: bytes = b"") -> Iterator[Entry]:
        """The entries in the order in which they were written; only of lines with these bytes. Raises OSError."""
        for line in self.lines():
            if mentioning in line:
                entry = parse_line(line)
                if entry is not None:
                    yield entry

    def entries_behind(self, offset: int) -> Tuple[List[Entry], int]:
        """The entries behind the first `offset` bytes, and the offset behind them, for who reads on later.

        A line that is still being written waits for its end. Raises OSError.
        """
        data = self.read_on(offset)
        whole = data[: data.rfind(b"\n") + 1]
        entries = [entry for entry in map(parse_line, whole.splitlines()) if entry is not None]
        return entries, offset + len(whole)

    def kept_bytes(self) -> int:
        """What the day's recordings take, without those that were deleted. Raises OSError.

        Quick, since months of days are counted: no line is parsed, and one that a crash tore may count.
        """
        found = _BYTES.findall(self.path.read_bytes())
        return sum(int(size) if kind == b"segment" else -int(size) for kind, size in found)

    def hour_segments(self, hour: str) -> List[SegmentEntry]:
        """The segments of a local hour in the order of their absolute start. Raises OSError."""
        found = self.entries(b'"file": "%s/' % hour.encode())
        return sorted((e for e in found if isinstance(e, SegmentEntry)), key=lambda e: e.start)

    def append(self, entry: Entry, tz: Optional[tzinfo]) -> None:
        """Write one line and wait until it is on the disk. Raises OSError."""
        last = self._last_line()
        previous = self._earlier_day() if last is None else line_hash(last)
        line = render_line(entry, tz, previous) + b"\n"
        with self.path.open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    line = b"\n" + line  # a crash tore the last line: keep it, begin a new one
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def _last_line(self) -> Optional[bytes]:
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - 16 * 1024))
                lines = file.read().splitlines()
        except FileNotFoundError:
            return None
        return lines[-1] if lines else None

    def _earlier_day(self) -> str:
        day = self.path.parent
        try:
            earlier = sorted(p for p in day.parent.iterdir() if p.name < day.name and (p / self.path.name).is_file())
        except FileNotFoundError:
            return NO_LINE
        last = Journal(earlier[-1] / self.path.name)._last_line() if earlier else None
        return NO_LINE if last is None else line_hash(last)
