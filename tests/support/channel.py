"""What one path of the test camera shows: clips, one after the other, as one sequence of numbered frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Tuple

from tests.support.clip import AccessUnit, Clip
from tests.support.nal import Codec

_REORDERED = 16  # frames: at most so many are sent before a picture that is shown before them (ITU-T H.264 § A.3.1)


@dataclass(frozen=True)
class Frame:
    """Frame `number` of a channel in the order of sending.

    `shown` is its number in the order of presentation. `taken` is how many frames after the first it was taken, which
    is before it is sent, although B-frames are sent after frames that follow them.
    """

    number: int
    shown: int
    taken: int
    unit: AccessUnit
    codec: Codec


class Channel:
    """The frames of `path`: `clip` over and over from frame 0, until `begin` switches to another one.

    Frames before the switch may be read while it happens.
    """

    def __init__(self, path: str, clip: Clip) -> None:
        self.path = path
        self.fps = clip.fps
        self._shows: List[Tuple[int, Clip]] = [(0, clip)]

    @property
    def clip(self) -> Clip:
        """The clip that was begun last."""
        return self._shows[-1][1]

    def frame(self, number: int) -> Frame:
        """The frame with that number."""
        since, clip = next(show for show in reversed(self._shows) if show[0] <= number)
        place = (number - since) % len(clip.frames)
        unit = clip.frames[place]
        shown = number - place + unit.shown
        return Frame(number, shown, shown - clip.delay, unit, clip.codec)

    def begin(self, number: int, clip: Clip) -> int:
        """Show `clip` from its first frame on, as soon as possible from `number` on; returns the frame where it begins.

        Everything that is sent before it is also shown before it, including B-frames. Raises ValueError if the
        clip's frame rate differs, because frame numbers would no longer give times.
        """
        if clip.fps != self.fps:
            raise ValueError(f"the channel has {self.fps} frames a second, the clip {clip.fps}")
        number = max(number, self._shows[-1][0])
        while any(self.frame(sent).shown >= number for sent in range(max(0, number - _REORDERED), number)):
            number += 1
        self._shows.append((number, clip))
        return number
