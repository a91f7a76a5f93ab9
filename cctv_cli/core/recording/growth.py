"""Whether one of FFmpeg's outputs still grows. Pure: takes monotonic time as an argument."""

from __future__ import annotations

from typing import Optional, Tuple


class Growth:
    """Tracks when the newest file of an output, or its size, last changed."""

    def __init__(self) -> None:
        self._seen: Optional[Tuple[int, int]] = None
        self._since = 0.0
        self._number_since = 0.0

    def begin(self, monotonic: float) -> None:
        """Start counting for a new run."""
        self._seen = None
        self._since = self._number_since = monotonic

    def update(self, number: int, size: int, monotonic: float) -> None:
        """Note the number and size in bytes of the newest file."""
        if self._seen is None or number != self._seen[0]:
            self._number_since = monotonic
        if (number, size) != self._seen:
            self._seen = (number, size)
            self._since = monotonic

    @property
    def has_begun(self) -> bool:
        """Whether there is a file."""
        return self._seen is not None

    def still_for(self, monotonic: float) -> float:
        """Seconds since the last change."""
        return monotonic - self._since

    def same_file_for(self, monotonic: float) -> float:
        """Seconds since the newest file appeared."""
        return monotonic - self._number_since
