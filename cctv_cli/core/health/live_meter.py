"""Measures what a camera sends from its newest finished live segment: picture, frame rate, key frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Optional, Tuple

from cctv_cli.core.hls.playlist import LiveWindow
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.media.picture import Picture, read_picture
from cctv_cli.core.media.segment_file import frames
from cctv_cli.core.media.span import TICKS, WRAP, Rhythm, rhythm_of

_EVERY = 60.0  # seconds between measurements of one camera: a whole segment is read


@dataclass(frozen=True)
class Look:
    """The measurement of a segment; `picture` is None if its header does not contain it."""

    picture: Optional[Picture]
    rhythm: Rhythm


NOTHING = Look(None, Rhythm(None, None))


class LiveMeter:
    """Measures live segments and caches the result. Not thread-safe."""

    def __init__(self) -> None:
        self._known: Dict[Path, Tuple[float, Tuple[int, int], Look]] = {}

    def look(self, layout: CameraLayout, window: Optional[LiveWindow], monotonic: float) -> Look:
        """Measure the newest finished segment, or return a measurement up to a minute old. Raises OSError."""
        if window is None or not window.segments:
            return NOTHING
        segment = window.segments[-1]
        path = layout.live_segment(segment.number, segment.suffix)
        try:
            identity = (segment.number, path.stat().st_mtime_ns)
            known = self._known.get(layout.live)
            if known is not None and (known[1] == identity or 0 <= monotonic - known[0] < _EVERY):
                return known[2]
            # the description of fragmented MP4 is in a separate file
            head = path if segment.part is None else layout.live_init(segment.part.init)
            look = Look(read_picture(head), _rhythm(path, segment.duration))
        except FileNotFoundError:  # it was just pruned, or its RAM disk was emptied
            return NOTHING
        self._known[layout.live] = (monotonic, identity, look)
        return look


def _rhythm(path: Path, duration: float) -> Rhythm:
    found = frames(path)
    # a segment lasts until the first key frame of the next one
    return rhythm_of(found, (found[0][0] + round(duration * TICKS)) % WRAP) if found else NOTHING.rhythm
