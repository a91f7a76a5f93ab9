"""What one path of the test camera shows: clips, one after the other, as one row of numbered frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Tuple

from tests.support.clip import AccessUnit, Clip
from tests.support.nal import Codec

_REORDERED = 16  # frames: no picture waits for more that are sent before it (ITU-T H.264 § A.3.1)


@dataclass(frozen=True)
class Frame:
    """Frame `number` of a channel in the order of sending.

    `shown` is its number in the order of presentation. It was `taken` so many frames after the first: before it
    was sent, though B-frames are sent after what follows them.
    """

    number: int
    shown: int
    taken: int
    unit: AccessUnit
    codec: Codec


class Channel:
    """The frames of `path`: `clip` over and over from frame 0, another one from where `begin` says.

    Others may read frames before that one while it begins.
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
        """The frame of that number."""
        since, clip = next(show for show in reversed(self._shows) if show[0] <= number)
        place = (number - since) % len(clip.frames)
        unit = clip.frames[place]
        shown = number - place + unit.shown
        return Frame(number, shown, shown - clip.delay, unit, clip.codec)

    def begin(self, number: int, clip: Clip) -> int:
        """Show `clip` from its first frame on, at the first chance from `number` on; the frame where it begins.

        All that was sent before is then shown before, B-frames included. Raises ValueError when the
        clip's frame rate is another: numbers would no longer tell times.
        """
        if clip.fps != self.fps:
            raise ValueError(f"the channel has {self.fps} frames a second, the clip {clip.fps}")
        number = max(number, self._shows[-1][0])
        while any(self.frame(sent).shown >= number for sent in range(max(0, number - _REORDERED), number)):
            number += 1
        self._shows.append((number, clip))
        return number
