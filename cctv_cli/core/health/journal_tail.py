"""Reads the newest entries of a camera's journals; repeated polls read only what was added."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from cctv_cli.core.clock import local_time
from cctv_cli.core.footage.coverage import Piece, piece_of
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.storage.days import recorded_days
from cctv_cli.core.storage.entries import ClockEntry
from cctv_cli.core.storage.journal import Journal


@dataclass
class _Tail:
    """What was read of a journal. `file` detects a replaced journal; `first` is its earliest recording."""

    file: int
    read: int = 0  # bytes
    pieces: List[Piece] = field(default_factory=list)
    clock_steps: List[ClockEntry] = field(default_factory=list)
    first: Optional[float] = None


@dataclass(frozen=True)
class Recent:
    """A camera's newest recordings and gaps, and the instant of its first recording (None without one).

    `clock_steps` says when this machine's clock was set. If there are older days, which are not read, `first` is the
    earliest instant. `unreadable` lists the days whose journals cannot be read; nothing is known of them.
    """

    pieces: List[Piece]
    first: Optional[float]
    clock_steps: Tuple[ClockEntry, ...] = ()
    unreadable: Tuple[str, ...] = ()


class JournalTail:
    """Follows the journals of cameras. Not thread-safe."""

    def __init__(self, tz: Optional[tzinfo]) -> None:
        self._tz = tz
        self._tails: Dict[Path, _Tail] = {}

    def read(self, layout: CameraLayout, since: float) -> Recent:
        """The pieces that end after the instant `since`, including future ones. Raises OSError."""
        oldest = local_time(since, self._tz).strftime("%Y-%m-%d")
        days = recorded_days(layout)
        paths = [layout.journal(day) for day in days if day >= oldest]
        for path in [path for path in self._tails if path.parent.parent == layout.recordings and path not in paths]:
            del self._tails[path]
        tails, unreadable = [], []
        for path in paths:
            try:
                tail = self._follow(path)
            except OSError:
                unreadable.append(path.parent.name)
            else:
                tails += [] if tail is None else [tail]
        for tail in tails:
            tail.pieces = [piece for piece in tail.pieces if piece.end > since]
        pieces = [piece for tail in tails for piece in tail.pieces]
        clock_steps = tuple(step for tail in tails for step in tail.clock_steps if step.start > since)
        if any(day < oldest for day in days):
            return Recent(pieces, 0.0, clock_steps, tuple(unreadable))
        first = min((tail.first for tail in tails if tail.first is not None), default=None)
        return Recent(pieces, first, clock_steps, tuple(unreadable))

    def _follow(self, path: Path) -> Optional[_Tail]:
        try:
            status = path.stat()
        except FileNotFoundError:
            return None
        tail = self._tails.get(path)
        if tail is None or tail.file != status.st_ino or tail.read > status.st_size:
            tail = self._tails[path] = _Tail(status.st_ino)
        if tail.read < status.st_size:
            entries, tail.read = Journal(path).entries_after(tail.read)
            added = [piece for piece in map(piece_of, entries) if piece is not None]
            starts = [piece.start for piece in added if piece.run]
            tail.first = min([*starts, *([] if tail.first is None else [tail.first])], default=None)
            tail.pieces += added
            tail.clock_steps += [entry for entry in entries if isinstance(entry, ClockEntry)]
        return tail
