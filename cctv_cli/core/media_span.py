"""What a media file's video covers, from the presentation times of its frames. Pure.

A raw time is a presentation time (PTS) as MPEG-TS writes it (ISO/IEC 13818-1 2.4.3.6): 90 kHz, 33 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

TICKS = 90_000
WRAP = 1 << 33
_HOLE = TICKS  # frames further apart than a second leave a hole
_LATELY = 8  # frames

Frame = Tuple[int, bool]  # its raw time, and whether it is a key frame


@dataclass(frozen=True)
class Hole:
    """A stretch without frames inside a file: seconds from the file's start, and its length in seconds."""

    offset: float
    duration: float


@dataclass(frozen=True)
class MediaSpan:
    """What a file's video covers. `first` is the raw time of its first frame; durations are in seconds."""

    first: int
    duration: float
    frames: int
    holes: Tuple[Hole, ...] = ()

    @property
    def end(self) -> int:
        """The raw time at which the last frame ends."""
        return self.end_of(0)

    def end_of(self, later: int) -> int:
        """The raw time at which a frame so much `later` than the last one will end, going by the usual distance."""
        return (self.first + round(self.duration * (1 + later / self.frames) * TICKS)) % WRAP


def span_of(raw: Sequence[int]) -> Optional[MediaSpan]:
    """The span of frames with these raw times, in the order of their file; None without any."""
    if not raw:
        return None
    first = raw[0]
    times = sorted(unwrap(raw))
    steps = [(after - before, before) for before, after in zip(times, times[1:])]
    usual = _usual_step(times) if steps else 0
    holes = tuple(
        Hole((before + usual - first) / TICKS, (step - usual) / TICKS)
        for step, before in steps
        if step > max(_HOLE, 3 * usual)
    )
    return MediaSpan(first, (times[-1] + usual - first) / TICKS, len(times), holes)


@dataclass(frozen=True)
class Rhythm:
    """How often frames come: `frame_rate` in frames a second, `gop` the longest time between key frames in seconds."""

    frame_rate: Optional[float]
    gop: Optional[float]


def rhythm_of(frames: Sequence[Frame], next_key: Optional[int]) -> Rhythm:
    """The rhythm of a file's frames, in the file's order.

    `next_key` is the raw time of the key frame with which the next file begins; without it the file's last
    frames count for nothing, and one key frame alone says no more than that the next came later.
    """
    if not frames:
        return Rhythm(None, None)
    raw = [time for time, _ in frames] + ([] if next_key is None else [next_key])
    times = unwrap(raw)
    covered = (max(times) - min(times)) / TICKS
    steps = len(times) - 1
    keys = [time for time, (_, is_key) in zip(times, frames) if is_key] + ([] if next_key is None else times[-1:])
    distances = [(after - before) / TICKS for before, after in zip(keys, keys[1:])]
    return Rhythm(steps / covered if covered > 0 else None, max(distances, default=None))


def newest_end(raw: Sequence[int], frames_late: int = 0, *, all_there_are: bool = False) -> Optional[int]:
    """The raw time up to which a camera has filmed that sent these frames, or `frames_late` more, in this order.

    That is the end of the latest, and for each B-frame sent after it a frame more. A frame is taken to last as
    long as frames usually did lately. None for fewer than two frames.

    If these are `all_there_are` in a file, fewer than four do not tell how long one lasts, for the second may be
    shown some frames after the first: then it is the begin of the latest, which is surely not too late.
    """
    if len(raw) < 2:
        return None
    running = unwrap(raw)
    if all_there_are and len(raw) < 4:
        return max(running) % WRAP
    lately = sorted(running)[-_LATELY:]
    sent_after = running[::-1].index(lately[-1])
    return (lately[-1] + (1 + sent_after + frames_late) * _usual_step(lately)) % WRAP


def _usual_step(times: Sequence[int]) -> int:
    """The median of the steps between running times in their order; of an even number, the upper one."""
    steps = sorted(after - before for before, after in zip(times, times[1:]))
    return steps[len(steps) // 2]


def unwrap(times: Sequence[int]) -> List[int]:
    """Turn 33-bit times into running ones: each is taken nearest to the one before."""
    running: List[int] = []
    for time in times:
        if running:
            time = running[-1] + (time - running[-1] + WRAP // 2) % WRAP - WRAP // 2
        running.append(time)
    return running
