"""A day's journal as a file: append only, see `entries` for its lines."""

from __future__ import annotations

import os
import re
from datetime import tzinfo
from pathlib import Path
from typing import BinaryIO, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from cctv_cli.core import files
from cctv_cli.core.storage.entries import (
    NO_LINE,
    DeletionEntry,
    Entry,
    HoldEntry,
    SegmentEntry,
    active_holds,
    deleted_files,
    line_hash,
    parse_line,
    render_line,
)

_BYTES = re.compile(
    rb'^\{"type": "(segment|deletion)", "start": "[^"]*", "duration": [^,]*, "file": "([^"]*)", "bytes": (\d+)',
    re.MULTILINE,
)


class Journal:
    """The journal file of one day. Whoever appends holds the camera's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._recordings = path.parent.parent

    def _open(self) -> BinaryIO:
        return files.open_to_read(self.path, inside=self._recordings)

    def lines(self) -> List[bytes]:
        """Every line, without line ends; none when there is no journal yet. Raises OSError."""
        try:
            return files.read_bytes(self.path, inside=self._recordings).splitlines()
        except FileNotFoundError:
            return []

    def read_on(self, offset: int) -> bytes:
        """What was written from byte `offset` on; nothing when there is no journal yet. Raises OSError."""
        try:
            with self._open() as file:
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
        found = _BYTES.findall(files.read_bytes(self.path, inside=self._recordings))
        deleted = {file for kind, file, _ in found if kind == b"deletion"}
        return sum(int(size) for kind, file, size in found if kind == b"segment" and file not in deleted)

    def segments(self, mentioning: bytes = b"") -> List[SegmentEntry]:
        """The recordings that retention did not take, in the order of their absolute start. Raises OSError."""
        found = list(self.entries(mentioning))
        deleted = deleted_files(found)
        there = (e for e in found if isinstance(e, SegmentEntry) and e.file not in deleted)
        return sorted(there, key=lambda segment: segment.start)

    def hour_segments(self, hour: str) -> List[SegmentEntry]:
        """The recordings of a local hour that are there, in the order of their absolute start. Raises OSError."""
        return self.segments(_of_hour(hour))

    def hour_names(self, hour: str) -> Set[str]:
        """Every name that a recording of a local hour ever had. Raises OSError."""
        return {entry.file for entry in self.entries(_of_hour(hour)) if isinstance(entry, SegmentEntry)}

    def holds(self) -> List[HoldEntry]:
        """The holds that touch this day and were not released. Raises OSError."""
        lines = [line for line in self.lines() if b'"type": "hold"' in line or b'"type": "release"' in line]
        return active_holds(entry for entry in map(parse_line, lines) if entry is not None)

    def deletions(self) -> Dict[str, DeletionEntry]:
        """What retention took, by its name in the day. Raises OSError."""
        found = self.entries(b'"type": "deletion"')
        return {entry.file: entry for entry in found if isinstance(entry, DeletionEntry)}

    def append(self, entry: Entry, tz: Optional[tzinfo]) -> None:
        """Write one line and wait until it is on the disk. Raises OSError."""
        self.append_all([entry], tz)

    def append_all(self, entries: Sequence[Entry], tz: Optional[tzinfo]) -> None:
        """Write a line for each and wait once until all are on the disk. Raises OSError."""
        last = self._last_line()
        previous = self._earlier_day() if last is None else line_hash(last)
        text = b""
        for entry in entries:
            line = render_line(entry, tz, previous)
            previous = line_hash(line)
            text += line + b"\n"
        with files.open_to_append(self.path, inside=self._recordings) as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    text = b"\n" + text  # a crash tore the last line: keep it, begin a new one
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    def _last_line(self) -> Optional[bytes]:
        try:
            with self._open() as file:
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
        try:
            last = Journal(earlier[-1] / self.path.name)._last_line() if earlier else None
        except OSError:  # it must not keep this day from being written
            return NO_LINE
        return NO_LINE if last is None else line_hash(last)


def _of_hour(hour: str) -> bytes:
    return b'"file": "%s/' % hour.encode()
