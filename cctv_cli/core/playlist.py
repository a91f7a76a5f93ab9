"""HLS playlists (RFC 8216) as values and text. Pure.

The live window slides and never ends; an hour's playlist is a finished snapshot.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Iterable, List, Optional, Sequence, Tuple

from cctv_cli.core.clock import format_instant, parse_instant
from cctv_cli.core.journal import SegmentEntry
from cctv_cli.core.layout import LIVE_PATTERN, parse_live_segment

JOINT = 0.2  # seconds by which segments of one run may miss each other and still join


@dataclass(frozen=True)
class LiveSegment:
    """A finished live segment. `start` is an instant, `duration` in seconds."""

    number: int
    start: float
    duration: float
    discontinuity: bool = False

    @property
    def end(self) -> float:
        """The instant at which the segment ends."""
        return self.start + self.duration


@dataclass(frozen=True)
class LiveWindow:
    """What the live playlist says. The numbers of its segments are the media sequence."""

    target_duration: int
    segments: Tuple[LiveSegment, ...] = ()
    discontinuity_sequence: int = 0

    @property
    def next_number(self) -> int:
        """The number that the next segment takes."""
        return self.segments[-1].number + 1 if self.segments else 0

    def append(self, segment: LiveSegment, size: int) -> LiveWindow:
        """The window with one more segment, cut to the newest `size`.

        The target duration only grows (RFC 8216 4.3.3.1), the discontinuity sequence counts the tags
        that leave with their segments (6.2.2). Players count segments one by one (4.3.3.2): one
        whose number leaves others out begins a new window.
        """
        before = self if segment.number == self.next_number else self.keep(0)
        grown = replace(
            before,
            segments=(*before.segments, segment),
            target_duration=max(self.target_duration, _rounded(segment.duration)),
        )
        return grown.keep(size)

    def keep(self, size: int) -> LiveWindow:
        """The window with its newest `size` segments."""
        leaving = self.segments[: max(0, len(self.segments) - size)]
        return replace(
            self,
            segments=self.segments[len(leaving) :],
            discontinuity_sequence=self.discontinuity_sequence + sum(s.discontinuity for s in leaving),
        )


def render_live(window: LiveWindow, tz: Optional[tzinfo]) -> str:
    """The text of `live.m3u8`."""
    first = window.segments[0].number if window.segments else 0
    lines = _head(window.target_duration, first)
    lines.append(f"#EXT-X-DISCONTINUITY-SEQUENCE:{window.discontinuity_sequence}")
    for segment in window.segments:
        lines += _entry(LIVE_PATTERN % segment.number, segment.start, segment.duration, segment.discontinuity, tz)
    return "\n".join(lines) + "\n"


def parse_live(text: str) -> Optional[LiveWindow]:
    """The window of a playlist that `render_live` wrote; None for anything else."""
    target = re.search(r"^#EXT-X-TARGETDURATION:(\d+)$", text, re.MULTILINE)
    sequence = re.search(r"^#EXT-X-DISCONTINUITY-SEQUENCE:(\d+)$", text, re.MULTILINE)
    if target is None or sequence is None:
        return None
    segments: List[LiveSegment] = []
    start, duration, discontinuity = 0.0, 0.0, False
    try:
        for line in text.splitlines():
            if line == "#EXT-X-DISCONTINUITY":
                discontinuity = True
            elif line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
                start = parse_instant(line.split(":", 1)[1])
            elif line.startswith("#EXTINF:"):
                duration = float(line[len("#EXTINF:") :].rstrip(","))
            elif line and not line.startswith("#"):
                number = parse_live_segment(line)
                if number is None:
                    return None
                segments.append(LiveSegment(number, start, duration, discontinuity))
                discontinuity = False
    except ValueError:
        return None
    return LiveWindow(int(target.group(1)), tuple(segments), int(sequence.group(1)))


def render_hour(segments: Sequence[SegmentEntry], tz: Optional[tzinfo]) -> str:
    """The text of an hour's playlist: its segments in the order of their absolute start."""
    ordered = sorted(segments, key=lambda segment: segment.start)
    longest = max((_rounded(s.duration) for s in ordered), default=1)
    lines = _head(max(1, longest), 0)
    for before, segment in zip((None, *ordered), ordered):
        broken = before is not None and not joins(before, segment)
        uri = segment.file.rsplit("/", 1)[1]
        lines += _entry(uri, segment.start, segment.duration, broken, tz)
    lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def joins(before: SegmentEntry, after: SegmentEntry) -> bool:
    """Whether two segments play on without a discontinuity: one run, nothing missing between them."""
    return before.run == after.run and abs(after.start - before.end) <= JOINT


def _rounded(duration: float) -> int:
    """A duration as EXT-X-TARGETDURATION counts it: what EXTINF says, to the nearest second."""
    return math.floor(round(duration, 3) + 0.5)


def _head(target_duration: int, media_sequence: int) -> List[str]:
    # version 3: durations with a fraction (RFC 8216 7)
    return [
        "#EXTM3U",
        "#EXT-X-VERSION:3",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f"#EXT-X-TARGETDURATION:{target_duration}",
        f"#EXT-X-MEDIA-SEQUENCE:{media_sequence}",
    ]


def _entry(uri: str, start: float, duration: float, discontinuity: bool, tz: Optional[tzinfo]) -> Iterable[str]:
    if discontinuity:
        yield "#EXT-X-DISCONTINUITY"
    yield f"#EXT-X-PROGRAM-DATE-TIME:{format_instant(start, tz)}"
    yield f"#EXTINF:{duration:.3f},"
    yield uri
