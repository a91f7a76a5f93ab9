"""The folder of one camera's live files. Methods raise OSError."""

from __future__ import annotations

import errno
import os
import shutil
from typing import Callable, Dict, List, Sequence

from cctv_cli.core import files
from cctv_cli.core.hls.playlist import LiveSegment
from cctv_cli.core.layout import CameraLayout, live_init_name, parse_live_init, parse_live_segment

LARGEST = 2_000_000_000  # highest number of a segment: FFmpeg counts in 32 bits; one a second takes 63 years


class LiveFolder:
    """Lists and removes live files."""

    def __init__(self, layout: CameraLayout) -> None:
        self._layout = layout

    def make(self) -> None:
        """Create the folder if it is missing: a RAM disk is empty after a reboot."""
        self._layout.live.mkdir(parents=True, exist_ok=True)

    def numbers(self) -> List[int]:
        """The numbers of the segments, in order."""
        return sorted(n for n in map(parse_live_segment, self._names()) if n is not None and n < LARGEST)

    def prune(self, goes: Callable[[int], bool], following: int) -> None:
        """Remove the segments that may go, and the initialization sections that no other segment needs.

        `following` is the number of the next segment.
        """
        names = self._names()
        numbers = self.numbers()
        gone = {n for n in numbers if goes(n)}
        oldest = next((n for n in numbers if n not in gone), following)
        inits = sorted(n for n in map(parse_live_init, names) if n is not None)
        # an initialization section applies up to the next one
        unused = [live_init_name(n) for n, after in zip(inits, inits[1:]) if after <= oldest]
        for name in (*(name for name in names if parse_live_segment(name) in gone), *unused):
            files.remove(self._layout.live / name)

    def prune_old(self, first: int, seconds: float) -> None:
        """Remove the segments from number `first` on that were written so much earlier than the newest of them."""
        written: Dict[int, float] = {}
        for name in self._names():
            number = parse_live_segment(name)
            if number is not None and number >= first:
                written[number] = (self._layout.live / name).stat().st_mtime
        newest = max(written.values(), default=0.0)
        self.prune(lambda number: written.get(number, newest) < newest - seconds, first)

    def require_room(self, segments: Sequence[LiveSegment]) -> None:
        """Raise OSError if there is no room for two more segments like the largest of these."""
        paths = (self._layout.live_segment(each.number, each.suffix) for each in segments)
        largest = max((path.stat().st_size for path in paths if path.exists()), default=0)
        if shutil.disk_usage(self._layout.live).free < 2 * largest:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._layout.live))

    def _names(self) -> List[str]:
        try:
            return os.listdir(self._layout.live)
        except FileNotFoundError:
            return []
