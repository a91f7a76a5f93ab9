"""The newest entries of a camera's journals, for those who ask again and again: only what was added is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional

from cctv_cli.core.journal import Entry, SegmentEntry, parse_line
from cctv_cli.core.layout import CameraLayout, is_day


@dataclass
class _Tail:
    """A journal as far as it was read. `file` tells one that was replaced."""

    file: int
    read: int = 0  # bytes
    entries: List[Entry] = field(default_factory=list)


@dataclass(frozen=True)
class Recent:
    """Entries of a camera's newest days, and the instant of its first recording, None before it.

    Where there are older days that were not read, `first` is the beginning of time.
    """

    entries: List[Entry]
    first: Optional[float]


class JournalTail:
    """Follows the journals of cameras. Not for two threads at once."""

    def __init__(self) -> None:
        self._tails: Dict[Path, _Tail] = {}

    def read(self, layout: CameraLayout, since: str) -> Recent:
        """The entries from the local day `since` (YYYY-MM-DD) on. Raises OSError."""
        days = self._days(layout)
        paths = [layout.journal(day) for day in days if day >= since]
        for known in [path for path in self._tails if path.parent.parent == layout.recordings and path not in paths]:
            del self._tails[known]
        entries = [entry for path in paths for entry in self._entries(path)]
        if any(day < since for day in days):
            return Recent(entries, 0.0)
        return Recent(entries, min((e.start for e in entries if isinstance(e, SegmentEntry)), default=None))

    @staticmethod
    def _days(layout: CameraLayout) -> List[str]:
        try:
            return sorted(path.name for path in layout.recordings.iterdir() if is_day(path.name))
        except FileNotFoundError:
            return []

    def _entries(self, path: Path) -> List[Entry]:
        try:
            status = path.stat()
        except FileNotFoundError:
            return []
        tail = self._tails.get(path)
        if tail is None or tail.file != status.st_ino or tail.read > status.st_size:
            tail = self._tails[path] = _Tail(status.st_ino)
        if tail.read < status.st_size:
            with path.open("rb") as file:
                file.seek(tail.read)
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]  # a line without its end is still being written
            tail.entries += [entry for entry in map(parse_line, whole.splitlines()) if entry is not None]
            tail.read += len(whole)
        return tail.entries
