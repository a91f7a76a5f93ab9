"""Whether something still grows. Pure: monotonic time comes in."""

from __future__ import annotations

from typing import Optional, Tuple


class Growth:
    """Remembers when a branch's newest file, or its size, last changed."""

    def __init__(self) -> None:
        self._seen: Optional[Tuple[int, int]] = None
        self._since = 0.0
        self._number_since = 0.0

    def begin(self, monotonic: float) -> None:
        """Count from now: a new run has begun."""
        self._seen = None
        self._since = self._number_since = monotonic

    def saw(self, number: int, size: int, monotonic: float) -> None:
        """The newest file has this number and this many bytes."""
        if self._seen is None or number != self._seen[0]:
            self._number_since = monotonic
        if (number, size) != self._seen:
            self._seen = (number, size)
            self._since = monotonic

    def still_for(self, monotonic: float) -> float:
        """Seconds since the last change."""
        return monotonic - self._since

    def same_file_for(self, monotonic: float) -> float:
        """Seconds since the newest file became the newest."""
        return monotonic - self._number_since
