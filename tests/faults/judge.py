"""What a camera's recordings are worth, judged by the camera's own ledger. Pure: evidence in, an account out.

Frames carry their numbers, so the judge needs nothing from the program but its journal's gaps and the media itself.
Units: seconds; instants count from 1970; PTS are 90 kHz ticks.
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from dataclasses import dataclass, field
from typing import AbstractSet, Dict, FrozenSet, List, Mapping, Sequence, Tuple

from cctv_cli.core.storage.entries import GapEntry
from tests.support.evidence import TICKS, ticks_between
from tests.support.ts_frames import RecordedFrame

LONGEST_STEP = 1.5  # frames between two frames of one file
TRUE_WITHIN = 1.0  # seconds by which a time or a length may be wrong
_TINY = 1e-6  # seconds
_SETTING = 30.0  # seconds around the instant at which the recorder's clock was set
UNDER_WAY = 0.3  # seconds from the camera through FFmpeg to the disk: what is younger at the end is not judged


@dataclass(frozen=True)
class Recording:
    """A recording as its journal line describes it, and the frames that its file holds."""

    name: str
    start: float
    duration: float
    frames: Tuple[RecordedFrame, ...]


@dataclass(frozen=True)
class Evidence:
    """All that is known of one camera, from its first frame to the instant `until`.

    `sent` are the frames that the camera's ledger has up to then; frame n was due at `born` + n / `fps`. These are true
    times. The recorder's clock was set at the true instants and by the seconds of `steps`; its own times are those of
    `recordings`, `gaps` and `deleted`, which retention took. `complaints` are what gathering found: a missing file, a
    broken chain.
    """

    fps: float
    born: float
    until: float
    sent: FrozenSet[int]
    recordings: Sequence[Recording]
    gaps: Sequence[GapEntry]
    deleted: Sequence[Tuple[float, float]] = ()
    steps: Sequence[Tuple[float, float]] = ()
    complaints: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Account:
    """What a camera offered and what became of it. Without `complaints` nothing is wrong.

    `offered` is the time from the first recorded frame to the end, `lost` the part of it that is not recorded,
    `unexplained` what was sent, is not recorded and is in no gap of the journal. `recovery` is the time from the
    end of the fault to the first frame that is recorded again, `tail` that from the last frame that was recorded before
    the fault to its begin.
    """

    offered: float = 0.0
    lost: float = 0.0
    unexplained: float = 0.0
    doubled: int = 0
    recovery: float = 0.0
    tail: float = 0.0
    dated: float = 0.0  # the largest error of a recorded time
    gaps: Mapping[str, float] = field(default_factory=dict)  # seconds by cause
    complaints: Tuple[str, ...] = ()


@dataclass(frozen=True)
class _Placed:
    """A recorded frame, the instant that its recording claims for it, and the recording's name."""

    number: int
    at: float
    name: str


def judge(evidence: Evidence, injected: float = 0.0, healed: float = 0.0) -> Account:
    """The account of one camera, which a fault hit from the instant `injected` to `healed`."""
    placed = _placed(evidence)
    complaints = [*evidence.complaints, *_nameless(evidence)]
    if not placed:
        return Account(complaints=(*complaints, "nothing was recorded"))
    numbers = [frame.number for frame in placed]
    known = set(numbers)
    doubled = len(numbers) - len(known)
    if doubled:
        twice = [number for number, count in Counter(numbers).items() if count > 1]
        complaints.append(f"{doubled} frames are recorded twice, the first is {min(twice)}")
    elif numbers != sorted(numbers) and not any(seconds < 0 for _, seconds in evidence.steps):
        complaints.append("the order of the recordings is not the order of the frames")
    unexplained = _unexplained(evidence, placed)
    if unexplained:
        seconds = len(unexplained) / evidence.fps
        complaints.append(f"{seconds:.2f} s are lost without a gap, from frame {unexplained[0]} to {unexplained[-1]}")
    complaints += _uncovered(evidence) + _unfair(evidence, placed) + _wrong_steps(evidence) + _wrong_lengths(evidence)
    dated = max((_error(evidence, frame) for frame in placed), default=0.0)
    if dated > TRUE_WITHIN:
        complaints.append(f"a recorded time is {dated:.2f} s off")
    last = _last(evidence)
    offered = range(min(known), last + 1)
    return Account(
        offered=len(offered) / evidence.fps,
        lost=sum(number not in known for number in offered) / evidence.fps,
        unexplained=len(unexplained) / evidence.fps,
        doubled=doubled,
        recovery=_recovery(evidence, known, healed),
        tail=_tail(evidence, known, injected),
        dated=dated,
        gaps=_by_cause(evidence),
        complaints=tuple(complaints),
    )


def _nameless(evidence: Evidence) -> List[str]:
    """The files with frames whose numbers cannot be read, so that nobody knows what they are."""
    counts = ((each.name, sum(frame.number is None for frame in each.frames)) for each in evidence.recordings)
    return [f"{count} frames of {name} have no number" for name, count in counts if count]


def _placed(evidence: Evidence) -> List[_Placed]:
    """Every recorded frame with a number, in the order of the recordings' starts and of their files."""
    placed = []
    for each in sorted(evidence.recordings, key=lambda recording: recording.start):
        for frame in each.frames:
            if frame.number is not None:
                at = each.start + ticks_between(each.frames[0].pts, frame.pts) / TICKS
                placed.append(_Placed(frame.number, at, each.name))
    return placed


def _due(evidence: Evidence, number: int) -> float:
    """The true instant at which a frame is sent."""
    return evidence.born + number / evidence.fps


def _clock(evidence: Evidence, instant: float) -> float:
    """What the recorder's clock shows at a true instant."""
    return instant + sum(seconds for at, seconds in evidence.steps if at <= instant)


def _last(evidence: Evidence) -> int:
    """The number of the last frame that must have reached the disk."""
    return int((evidence.until - UNDER_WAY - evidence.born) * evidence.fps)


def _error(evidence: Evidence, frame: _Placed) -> float:
    """By how much a recorded time is wrong; a gap that holds both the wrong and the right time excuses it.

    Shortly before and after the clock was set, a time may be right by the old clock or by the new one.
    """
    true = _due(evidence, frame.number)
    around = [true] + [at + side for at, _ in evidence.steps for side in (-_TINY, 0.0) if abs(true - at) < _SETTING]
    return min(_error_by(evidence, frame, true + _clock(evidence, at) - at) for at in around)


def _error_by(evidence: Evidence, frame: _Placed, due: float) -> float:
    """By how much a frame's recorded time differs from the instant `due`, unless a gap excuses it."""
    slack = LONGEST_STEP / evidence.fps
    beside = any(
        gap.start - slack <= min(due, frame.at) and max(due, frame.at) <= gap.end + slack for gap in evidence.gaps
    )
    return 0.0 if beside else abs(frame.at - due)


def _unexplained(evidence: Evidence, placed: Sequence[_Placed]) -> List[int]:
    """The frames that were sent, are not recorded, and are in no gap and no deleted recording.

    A gap must hold the instant at which a lost frame was due, or, as the times of recordings may be off by some frames,
    the time that is interpolated between the recorded frames around it.
    """
    by_number = sorted(placed, key=lambda frame: frame.number)
    numbers = [frame.number for frame in by_number]
    spans = [(gap.start, gap.end) for gap in evidence.gaps] + list(evidence.deleted)
    slack = LONGEST_STEP / evidence.fps
    lost = []
    for number in sorted(evidence.sent.difference(numbers)):
        times = (
            _clock(evidence, _due(evidence, number)),
            _claimed(evidence, by_number, bisect(numbers, number), number),
        )
        if not any(start - slack <= at <= end + slack for start, end in spans for at in times):
            lost.append(number)
    return lost


def _claimed(evidence: Evidence, placed: Sequence[_Placed], place: int, number: int) -> float:
    """When a frame that is not recorded would be, by the times of the recorded ones before and behind `place`."""
    if place == 0:
        return placed[0].at - (placed[0].number - number) / evidence.fps
    before = placed[place - 1]
    if place == len(placed):
        return before.at + (number - before.number) / evidence.fps
    after = placed[place]
    return before.at + (after.at - before.at) * (number - before.number) / (after.number - before.number)


def _uncovered(evidence: Evidence) -> List[str]:
    """The times from the first recording on that neither a recording nor a gap covers."""
    spans = [(each.start, each.start + each.duration) for each in evidence.recordings]
    spans += [(gap.start, gap.end) for gap in evidence.gaps] + list(evidence.deleted)
    end = _clock(evidence, evidence.until)
    spans.append((end, end))
    spans += [(end, _clock(evidence, at) - seconds) for at, seconds in evidence.steps if seconds < 0]  # again to come
    complaints = []
    reach = min(start for start, _ in spans)
    for start, end in sorted(spans):
        if start - reach > TRUE_WITHIN:
            complaints.append(f"{start - reach:.2f} s are neither recorded nor explained")
        reach = max(reach, end)
    return complaints


def _unfair(evidence: Evidence, placed: Sequence[_Placed]) -> List[str]:
    """The gaps that cover footage, which would excuse the loss of what was recorded.

    Times that a clock showed twice, because it was set back, may be in both.
    """
    step = LONGEST_STEP / evidence.fps
    twice = [(_clock(evidence, at), _clock(evidence, at) - by) for at, by in evidence.steps if by < 0]
    times = sorted(
        frame.at for frame in placed if not any(start - step <= frame.at <= end + step for start, end in twice)
    )
    footage = [(before, after) for before, after in zip(times, times[1:]) if after - before <= step]
    complaints = []
    for gap in evidence.gaps:
        covered = sum(max(0.0, min(end, gap.end) - max(start, gap.start)) for start, end in footage)
        if covered > TRUE_WITHIN:
            complaints.append(f"a gap of {gap.duration:.2f} s ({gap.cause}) covers {covered:.2f} s that are recorded")
    return complaints


def _wrong_steps(evidence: Evidence) -> List[str]:
    """The files in which two frames are too far apart where no gap says why, or in which time goes back."""
    complaints = []
    for each in evidence.recordings:
        frames = sorted(
            (frame for frame in each.frames if frame.number is not None), key=lambda frame: frame.number or 0
        )
        for before, after in zip(frames, frames[1:]):
            step = ticks_between(before.pts, after.pts) / TICKS
            at = each.start + ticks_between(each.frames[0].pts, before.pts) / TICKS
            is_hole = any(gap.start - TRUE_WITHIN <= at and at + step <= gap.end + TRUE_WITHIN for gap in evidence.gaps)
            if step <= 0 and after.number != before.number:
                complaints.append(f"in {each.name} frame {after.number} is {-step:.3f} s before frame {before.number}")
                break
            if step > LONGEST_STEP / evidence.fps and not is_hole:
                complaints.append(f"in {each.name} two frames are {step:.3f} s apart")
                break
    return complaints


def _wrong_lengths(evidence: Evidence) -> List[str]:
    """The recordings that are longer or shorter than what the camera took to send their frames."""
    complaints = []
    for each in evidence.recordings:
        numbers = [frame.number for frame in each.frames if frame.number is not None]
        length = (max(numbers) - min(numbers) + 1) / evidence.fps if numbers else 0.0
        if abs(each.duration - length) > TRUE_WITHIN:
            complaints.append(f"{each.name} claims {each.duration:.2f} s, its frames are {length:.2f} s")
    return complaints


def _recovery(evidence: Evidence, known: AbstractSet[int], healed: float) -> float:
    """Seconds from the end of the fault to the first frame behind it that is recorded."""
    after = [number for number in known if _due(evidence, number) >= healed]
    return _due(evidence, min(after)) - healed if after and healed else 0.0


def _tail(evidence: Evidence, known: AbstractSet[int], injected: float) -> float:
    """Seconds from the last frame before the fault that is recorded to the fault."""
    before = [number for number in known if _due(evidence, number) <= injected]
    return injected - _due(evidence, max(before)) if before else 0.0


def _by_cause(evidence: Evidence) -> Dict[str, float]:
    seconds: Dict[str, float] = {}
    for gap in evidence.gaps:
        seconds[gap.cause] = seconds.get(gap.cause, 0.0) + gap.duration
    return seconds
