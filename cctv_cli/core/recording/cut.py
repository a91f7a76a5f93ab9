"""Which files count of two runs that recorded a camera side by side for a while. Pure.

Both begin a file with the same key frame when they cut at a minute's boundary. The earlier run's recordings end there,
and the later run's begin, so that no frame is recorded twice and none is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Optional, Sequence, Tuple

_SAME_INSTANT = (
    0.5  # seconds by which two runs' times may differ; a picture that stands still comes again with the next key frame
)
_SURELY = 0.1  # seconds that a file must end before the earlier run does, to be left out

Cut = Tuple[int, int]  # the numbers of the files, of the earlier and the later run, that begin with the same frame


@dataclass(frozen=True)
class Opening:
    """How a file begins: its number in its run, its first frame's digest, and the instant of that frame."""

    number: int
    digest: bytes
    at: float


class Limits(NamedTuple):
    """Which files count: those of the earlier run before `old_end`, of the later one from `new_first` to `new_end`.

    The ends are None for all files.
    """

    old_end: Optional[int] = None
    new_first: int = 0
    new_end: Optional[int] = None


def common_cut(old: Sequence[Opening], new: Sequence[Opening]) -> Optional[Cut]:
    """The first two files, one of each run, that begin with the same frame; None if there are none yet.

    A run's first file does not count: FFmpeg guesses the times of its first frames.
    """
    return next((cut for mine in old for theirs in new for cut in _same(mine, theirs)), None)


def _same(old: Opening, new: Opening) -> Sequence[Cut]:
    is_same = old.digest == new.digest and abs(old.at - new.at) < _SAME_INSTANT
    return [(old.number, new.number)] if is_same and old.number and new.number else []


def limits_after(cut: Cut, old_frames: int, new_frames: int, *, new_lives: bool) -> Limits:
    """Which files count once the earlier run has ended; both recorded so many frames from the cut on.

    The run that has more of them keeps what is after the cut; frames that a living one holds back count. A later run
    that lives and lags has its frames twice, rather than one of them not at all.
    """
    if new_frames >= old_frames:
        return Limits(*cut)
    return Limits(new_first=cut[1]) if new_lives else Limits(new_end=0)


def limits_without_cut(old_until: float, new: Sequence[Opening], new_until: float) -> Limits:
    """Which files count if the earlier run ended before both cut at the same frame.

    The earlier run recorded until the instant `old_until`, the later one until `new_until`, or still does (infinity).
    Files of the later run that the earlier one covers whole do not count; frames of the next may be recorded twice.
    """
    if new_until < old_until + _SAME_INSTANT:
        return Limits(new_end=0)
    covered = [after.number for after in new if after.at + _SURELY < old_until]
    return Limits(new_first=max(covered, default=0))
