"""Which files count of two runs that recorded a camera side by side for a while. Pure.

Both begin a file with the same key frame when they cut at a minute's boundary. The earlier run's recordings end there,
and the later run's begin, so that no frame is recorded twice and none is missing. If the earlier run ends before that,
its recordings end inside a file, at the key frame with which a file of the later run begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Optional, Sequence

from cctv_cli.core.media.span import KeyFrame

# seconds by which two runs' times may differ; a picture that stands still comes again with the next key frame
_SAME_INSTANT = 0.5
_SAME_FRAME = 5.0  # seconds by which they may differ if no other key frame is the same: at first, times are estimates
_SURELY = 0.1  # seconds that a file must end before the earlier run does, to be left out


@dataclass(frozen=True)
class Opening:
    """A key frame with which a file begins, or could: the file's number in its run, the frame's digest and instant.

    `frame` is its place inside the file; None if the file begins with it.
    """

    number: int
    digest: bytes
    at: float
    frame: Optional[KeyFrame] = None


class Cut(NamedTuple):
    """The same frame in both runs; the later run begins a file with it."""

    old: Opening
    new: Opening


class Limits(NamedTuple):
    """Which files count: those of the earlier run before `old_end`, of the later one from `new_first` to `new_end`.

    The ends are None for all files. The last file of the earlier run ends before the frame `rest`, if there is one.
    The runs are `joined` if no frame is missing between them.
    """

    old_end: Optional[int] = None
    new_first: int = 0
    new_end: Optional[int] = None
    rest: Optional[KeyFrame] = None
    joined: bool = False


def common_cut(old: Sequence[Opening], new: Sequence[Opening]) -> Optional[Cut]:
    """The first two files, one of each run, that begin with the same frame; None if there are none yet.

    A run's first file does not count: FFmpeg guesses the times of its first frames.
    """
    cuts = (Cut(mine, theirs) for mine in old for theirs in new if mine.number and theirs.number)
    return next((cut for cut in cuts if _is_same(cut) and _apart(cut) < _SAME_INSTANT), None)


def inner_cut(old: Sequence[Opening], new: Sequence[Opening]) -> Optional[Cut]:
    """The first key frame of the earlier run with which a file of the later one begins; None if there is none.

    The first file of the later run is the last choice, because FFmpeg guesses the times of its first frames.
    """
    for theirs in sorted(new, key=lambda opening: (opening.number == 0, opening.number)):
        same = [cut for cut in (Cut(mine, theirs) for mine in old) if _is_same(cut)]
        within = _SAME_FRAME if len(same) == 1 else _SAME_INSTANT
        nearest = min(same, key=_apart, default=None)
        if nearest is not None and _apart(nearest) < within:
            return nearest
    return None


def _is_same(cut: Cut) -> bool:
    return cut.old.digest == cut.new.digest


def _apart(cut: Cut) -> float:
    return abs(cut.old.at - cut.new.at)


def limits_after(cut: Cut, old_frames: int, new_frames: int) -> Limits:
    """Which files count once the earlier run has ended; both recorded so many frames from the cut on.

    The run that has more of them keeps what is after the cut; frames that a living one holds back count.
    """
    if new_frames < old_frames:
        return Limits(new_end=0)
    inside = cut.old.frame
    return Limits(cut.old.number + (inside is not None), cut.new.number, rest=inside, joined=True)


def limits_without_cut(old_until: float, new: Sequence[Opening], new_until: float) -> Limits:
    """Which files count if the runs have no key frame in common.

    The earlier run recorded until the instant `old_until`, the later one until `new_until`, or still does (infinity).
    Files of the later run that the earlier one covers whole do not count; if the camera sends the two different
    frames, those of the next file may show the same twice.
    """
    if new_until < old_until + _SAME_INSTANT:
        return Limits(new_end=0)
    covered = [after.number for after in new if after.at + _SURELY < old_until]
    return Limits(new_first=max(covered, default=0))
