"""A day's journal as an append-only file; `entries` describes its lines."""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from datetime import tzinfo
from pathlib import Path
from typing import BinaryIO, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from cctv_cli.core import files
from cctv_cli.core.records import NewerFormat
from cctv_cli.core.storage.entries import (
    FORMAT,
    NO_LINE,
    DeletionEntry,
    Entry,
    HoldEntry,
    SegmentEntry,
    active_holds,
    deleted_files,
    format_of,
    line_hash,
    parse_line,
    render_format,
    render_line,
)

LARGEST = 64 << 20  # bytes; more than a day of two recordings a second needs
_HEAD = 256  # bytes that include the format line's version
_TAIL = 16 << 10  # bytes; nearly always include the whole last line

_BYTES = re.compile(
    rb'^\{"type": "(segment|deletion)", "start": "[^"]*", "duration": [^,]*, '
    rb'"file": "([^"]{1,100})", "bytes": (\d{1,18})\b',
    re.MULTILINE,
)


class Journal:
    """The journal file of one day. Hold the camera's lock to append.

    All methods raise OSError, also for a file larger than LARGEST, and NewerFormat for one that a newer cctv began.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._recordings = path.parent.parent

    def _open(self) -> BinaryIO:
        return files.open_to_read(self.path, inside=self._recordings)

    def lines(self) -> List[bytes]:
        """Every line, without line ends; none if the journal does not exist."""
        return self.read_on(0).splitlines()

    def read_on(self, offset: int) -> bytes:
        """The bytes from `offset` on; none if the journal does not exist."""
        try:
            with self._open() as file:
                size = self._check(file)
                file.seek(offset)
                return file.read(max(0, size - offset))
        except FileNotFoundError:
            return b""

    def _check(self, file: BinaryIO) -> int:
        """The size of the file. One that is too large for a journal, or in a newer format, is refused."""
        size = file.seek(0, os.SEEK_END)
        if size > LARGEST:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(self.path))
        file.seek(0)
        version = format_of(file.read(_HEAD))
        if version > FORMAT:
            raise NewerFormat(self.path, version)
        return size

    def entries(self, mentioning: bytes = b"") -> Iterator[Entry]:
        """The entries in the order in which they were written, only of lines that contain `mentioning`."""
        return _entries_in(self.lines(), mentioning)

    def entries_after(self, offset: int) -> Tuple[List[Entry], int]:
        """The entries after the first `offset` bytes, and the offset for the next call.

        A line that is still being written is left for the next call.
        """
        data = self.read_on(offset)
        whole = data[: data.rfind(b"\n") + 1]
        entries = [entry for entry in map(parse_line, whole.splitlines()) if entry is not None]
        return entries, offset + len(whole)

    def kept_bytes(self) -> int:
        """The bytes of the day's recordings, without deleted ones.

        Fast, because months are counted: lines are not parsed, and a torn line may count.
        """
        found = _BYTES.findall(self.read_on(0))
        deleted = {file for kind, file, _ in found if kind == b"deletion"}
        return sum(int(size) for kind, file, size in found if kind == b"segment" and file not in deleted)

    def segments(self, mentioning: bytes = b"") -> List[SegmentEntry]:
        """The recordings that retention did not delete, by absolute start."""
        return _segments_in(self.lines(), mentioning)

    def hour_segments(self, hour: str) -> List[SegmentEntry]:
        """The recordings of a local hour that retention did not delete, by absolute start."""
        return self.segments(_of_hour(hour))

    def hour_segments_and_holds(self, hour: str) -> Tuple[List[SegmentEntry], List[HoldEntry]]:
        """`hour_segments` and `holds`, in one read."""
        lines = self.lines()
        return _segments_in(lines, _of_hour(hour)), _holds_in(lines)

    def hour_names(self, hour: str) -> Set[str]:
        """Every name that a recording of a local hour ever had."""
        found = self.entries(_of_hour(hour))  # a deleted file may have only its deletion line
        return {entry.file for entry in found if isinstance(entry, (SegmentEntry, DeletionEntry))}

    def holds(self) -> List[HoldEntry]:
        """The holds that touch this day and were not released."""
        return _holds_in(self.lines())

    def deletions(self) -> Dict[str, DeletionEntry]:
        """The recordings that retention deleted, by their name in the day."""
        found = self.entries(b'"type": "deletion"')
        return {entry.file: entry for entry in found if isinstance(entry, DeletionEntry)}

    def append(self, entry: Entry, tz: Optional[tzinfo]) -> None:
        """Write one line and wait until it is on disk."""
        self.append_all([entry], tz)

    def append_all(self, entries: Sequence[Entry], tz: Optional[tzinfo]) -> None:
        """Write a line for each entry and wait once until all are on disk."""
        with files.open_to_append(self.path, inside=self._recordings) as file:
            self._check(file)
            last = _last_line(file)
            lines = [] if last is not None else [render_format(self._earlier_day())]
            previous = line_hash(lines[0] if last is None else last)
            for entry in entries:
                lines.append(render_line(entry, tz, previous))
                previous = line_hash(lines[-1])
            text = b"".join(line + b"\n" for line in lines)
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    text = b"\n" + text  # a crash tore the last line: keep it and begin a new one
            file.write(text)
            file.flush()
            files.sync(file.fileno(), self.path)

    def _earlier_day(self) -> str:
        """The hash of the last line of the latest earlier journal that can be read and is not empty."""
        for folder in sorted(self._recordings.iterdir(), reverse=True):
            with suppress(OSError):  # an unreadable journal must not block this day's
                if folder.name < self.path.parent.name:
                    with Journal(folder / self.path.name)._open() as file:
                        last = _last_line(file)
                    if last is not None:
                        return line_hash(last)
        return NO_LINE


def _last_line(file: BinaryIO) -> Optional[bytes]:
    """The whole last line, of any length; None in an empty file."""
    size, block = file.seek(0, os.SEEK_END), _TAIL
    while True:
        file.seek(max(0, size - block))
        lines = file.read(block).splitlines()
        if len(lines) > 1 or block >= size:
            return lines[-1] if lines else None
        block *= 4


def _entries_in(lines: Iterable[bytes], mentioning: bytes) -> Iterator[Entry]:
    found = (parse_line(line) for line in lines if mentioning in line)
    return (entry for entry in found if entry is not None)


def _segments_in(lines: Iterable[bytes], mentioning: bytes) -> List[SegmentEntry]:
    found = list(_entries_in(lines, mentioning))
    deleted = deleted_files(found)
    there = (e for e in found if isinstance(e, SegmentEntry) and e.file not in deleted)
    return sorted(there, key=lambda segment: segment.start)


def _holds_in(lines: Iterable[bytes]) -> List[HoldEntry]:
    found = (parse_line(line) for line in lines if b'"type": "hold"' in line or b'"type": "release"' in line)
    return active_holds(entry for entry in found if entry is not None)


def _of_hour(hour: str) -> bytes:
    return b'"file": "%s/' % hour.encode()
