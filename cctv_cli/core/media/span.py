"""The time that a media file's video covers, from the presentation times of its frames. Pure.

A raw time is a presentation time (PTS) as MPEG-TS writes it (ISO/IEC 13818-1 2.4.3.6): 90 kHz, 33 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, NamedTuple, Optional, Sequence, Tuple

TICKS = 90_000
WRAP = 1 << 33
SHORTEST_HOLE = 1.0  # seconds from one frame to the next; less is no hole
ENOUGH = 4  # frames needed to measure the duration of one, even with B-frames
_RECENT = 8  # frames
_ALONE = TICKS // 25  # how long a single frame lasts if that is unknown: players ignore a segment without duration
AUDIO_WAIT = TICKS // 5  # how long video waits for audio at most, as measured at 5 frames/s and below
GUESSED = 5  # ticks; FFmpeg puts a frame whose time it must guess this close after another

Frame = Tuple[int, bool]  # its raw time, and whether it is a key frame


class KeyFrame(NamedTuple):
    """A key frame in a file: the byte `at` which it begins, how many frames are `before` it, and its raw time.

    `sample` is the frame as the camera sent it, or the beginning of a large one; empty until it is written.
    """

    at: int
    before: int
    time: int
    sample: bytes


@dataclass(frozen=True)
class Hole:
    """Time without frames inside a file: its offset from the file's start, and its duration, in seconds."""

    offset: float
    duration: float


@dataclass(frozen=True)
class MediaSpan:
    """What a file's video covers.

    `first` is the raw time of its first frame, `step` the usual distance between frames in ticks, 0 if
    it is unknown, as for a single frame; durations are in seconds.
    """

    first: int
    duration: float
    frames: int
    holes: Tuple[Hole, ...] = ()
    step: int = 0

    @property
    def end(self) -> int:
        """The raw time at which the last frame ends."""
        return (self.first + round(self.duration * TICKS)) % WRAP

    def missing_after(self, end: int) -> float:
        """The seconds of media time from the raw time `end` to the first frame; negative if it is earlier."""
        return ((self.first - end + WRAP // 2) % WRAP - WRAP // 2) / TICKS


def span_of(raw: Sequence[int], alone: Optional[int] = None) -> Optional[MediaSpan]:
    """The span of frames with these raw times, in the order of their file; None for no frames.

    The last frame lasts as long as usual, a single one `alone` ticks; the span is never zero.
    """
    if not raw:
        return None
    first = raw[0]
    times = sorted(unwrap(raw))
    steps = [(after - before, before) for before, after in zip(times, times[1:])]
    middle = sorted(step for step, _ in steps)[len(steps) // 2] if steps else 0
    usual = middle if middle > GUESSED else 0
    holes = tuple(
        Hole((before + usual - first) / TICKS, (step - usual) / TICKS)
        for step, before in steps
        if step > max(SHORTEST_HOLE * TICKS, 3 * usual)
    )
    lasts = usual or alone or _ALONE
    return MediaSpan(first, (times[-1] + lasts - first) / TICKS, len(times), holes, usual)


@dataclass(frozen=True)
class Rhythm:
    """`frame_rate` in frames per second, and `gop`, the longest time between key frames, in seconds."""

    frame_rate: Optional[float]
    gop: Optional[float]


def rhythm_of(frames: Sequence[Frame], next_key: Optional[int]) -> Rhythm:
    """The rhythm of a file's frames, in the file's order.

    `next_key` is the raw time of the key frame with which the next file begins. Without it, the time after the file's
    last key frame does not count, and a single key frame leaves `gop` unknown.
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


def newest_end(
    raw: Sequence[int], frames_late: int = 0, usual: Optional[int] = None, *, beside_audio: bool = False
) -> Optional[int]:
    """The raw time up to which a camera has filmed that sent these frames in this order, and `frames_late` more.

    That is the end of the latest frame, plus one frame for each B-frame sent after it. A frame counts as long as the
    shortest recent one, because the next measurement corrects a time that is too short, but not one that is too long.
    Fewer than ENOUGH frames cannot be measured, because with B-frames the second may be displayed three frames after
    the first: they last `usual` ticks or, if that is None, no time. None for fewer than two frames.

    Of the frames that are late one waits `beside_audio`, which takes no longer than AUDIO_WAIT.
    """
    if len(raw) < 2:
        return None
    running = unwrap(raw)
    recent = sorted(running)[-_RECENT:]
    steps = [after - before for before, after in zip(recent, recent[1:]) if after - before > GUESSED]
    step = min(steps, default=0) if len(raw) >= ENOUGH else usual or 0
    sent_after = running[::-1].index(recent[-1])
    saved = max(0, step - AUDIO_WAIT) if beside_audio and frames_late else 0
    return (recent[-1] + (1 + sent_after + frames_late) * step - saved) % WRAP


def unwrap(times: Sequence[int]) -> List[int]:
    """Turn 33-bit times into continuous ones: each becomes the value closest to the one before."""
    running: List[int] = []
    for time in times:
        if running:
            time = running[-1] + (time - running[-1] + WRAP // 2) % WRAP - WRAP // 2
        running.append(time)
    return running
