"""HLS playlists (RFC 8216) as values and text. Pure.

The live window slides and never ends; one of recordings ends with the last of them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

from cctv_cli.core.clock import format_instant, parse_instant
from cctv_cli.core.layout import MP4, TS, live_init_name, live_segment_name, parse_live_init, parse_live_segment

_COUNT = re.compile(r"\d{1,11}\Z", re.ASCII)
_SECONDS = re.compile(r"\d{1,6}(?:\.\d{1,6})?,?\Z", re.ASCII)
_TAGS_OF_ONE_SEGMENT = ("#EXT-X-DISCONTINUITY", "#EXT-X-PROGRAM-DATE-TIME", "#EXTINF", "#EXT-X-BYTERANGE")


@dataclass(frozen=True)
class Part:
    """The media of a fragmented MP4 file: bytes `offset` to `offset + size`.

    `init` is the number in the name of the initialization section, which a player reads first.
    """

    init: int
    offset: int
    size: int


@dataclass(frozen=True)
class LiveSegment:
    """A finished live segment. `number` is that of its file, `start` an instant, `duration` in seconds.

    `part` is set for fragmented MP4: the media after the file's own initialization section.
    """

    number: int
    start: float
    duration: float
    discontinuity: bool = False
    part: Optional[Part] = None

    @property
    def suffix(self) -> str:
        """The suffix of its file."""
        return TS if self.part is None else MP4

    @property
    def end(self) -> float:
        """The instant at which the segment ends."""
        return self.start + self.duration


@dataclass(frozen=True)
class LiveWindow:
    """The content of the live playlist. The numbers of its files increase, but may skip some.

    `media_sequence` is the media sequence number of the first segment, or of the next one if there is none.
    """

    target_duration: int
    segments: Tuple[LiveSegment, ...] = ()
    discontinuity_sequence: int = 0
    media_sequence: int = 0

    @property
    def next_number(self) -> int:
        """The number that follows that of the newest file."""
        return self.segments[-1].number + 1 if self.segments else 0

    @property
    def duration(self) -> float:
        """The seconds of media that it names."""
        return sum(segment.duration for segment in self.segments)

    def append(self, segment: LiveSegment, size: int) -> LiveWindow:
        """The window with one more segment, cut to the newest `size`.

        The target duration only grows (RFC 8216 4.3.3.1); the discontinuity sequence counts the tags
        that leave with their segments (6.2.2). A segment in the other container starts a new window,
        because an EXT-X-MAP applies to everything that follows (4.3.2.5).
        """
        before = self if all(s.suffix == segment.suffix for s in self.segments[-1:]) else self.keep(0)
        grown = replace(
            before,
            segments=(*before.segments, segment),
            target_duration=max(self.target_duration, _rounded(segment.duration)),
        )
        return grown.keep(size)

    def keep(self, size: int) -> LiveWindow:
        """The window with its newest `size` segments. Each that leaves is counted (RFC 8216 6.2.2)."""
        leaving = self.segments[: max(0, len(self.segments) - size)]
        return replace(
            self,
            segments=self.segments[len(leaving) :],
            discontinuity_sequence=self.discontinuity_sequence + sum(s.discontinuity for s in leaving),
            media_sequence=self.media_sequence + len(leaving),
        )


def render_live(window: LiveWindow, tz: Optional[tzinfo]) -> str:
    """The text of `live.m3u8`."""
    mapped = any(segment.part is not None for segment in window.segments)
    lines = _head(window.target_duration, window.media_sequence, mapped)
    lines.append(f"#EXT-X-DISCONTINUITY-SEQUENCE:{window.discontinuity_sequence}")
    for before, segment in zip((None, *window.segments), window.segments):
        lines += ["#EXT-X-DISCONTINUITY"] if segment.discontinuity else []
        part = segment.part
        if part is not None and (before is None or before.part is None or before.part.init != part.init):
            lines.append(f'#EXT-X-MAP:URI="{live_init_name(part.init)}"')
        lines += _entry(segment.start, segment.duration, tz)
        if part is not None:
            lines.append(f"#EXT-X-BYTERANGE:{part.size}@{part.offset}")
        lines.append(live_segment_name(segment.number, segment.suffix))
    return "\n".join(lines) + "\n"


def parse_live(text: str) -> Optional[LiveWindow]:
    """The window of a playlist that `render_live` wrote; None for anything else."""
    try:
        return _parse_window(text)
    except (ValueError, KeyError, IndexError):
        return None


def _parse_window(text: str) -> LiveWindow:
    """The window of a playlist. Raises ValueError, KeyError or IndexError for what `render_live` does not write."""
    tags: Dict[str, str] = {}
    segments: List[LiveSegment] = []
    for line in text.split("\n"):
        if line.startswith("#"):
            tag, _, value = line.partition(":")
            tags[tag] = value
        elif line:
            segments.append(_parse_segment(line, tags))
            for tag in _TAGS_OF_ONE_SEGMENT:
                tags.pop(tag, None)
    if any(after.number <= before.number for before, after in zip(segments, segments[1:])):
        raise ValueError("the numbers of the files do not increase")
    target, discontinuities, sequence = (
        _parse_count(tags[f"#EXT-X-{name}"]) for name in ("TARGETDURATION", "DISCONTINUITY-SEQUENCE", "MEDIA-SEQUENCE")
    )
    return LiveWindow(target, tuple(segments), discontinuities, sequence)


def _parse_segment(name: str, tags: Dict[str, str]) -> LiveSegment:
    """The segment with this name and these tags."""
    number = parse_live_segment(name)
    if number is None or _SECONDS.match(tags["#EXTINF"]) is None:
        raise ValueError("not the name or the duration of a live segment")
    segment = LiveSegment(
        number,
        parse_instant(tags["#EXT-X-PROGRAM-DATE-TIME"]),
        float(tags["#EXTINF"].rstrip(",")),
        "#EXT-X-DISCONTINUITY" in tags,
        _parse_part(tags),
    )
    if live_segment_name(number, segment.suffix) != name:
        raise ValueError("a name of the other container")
    return segment


def _parse_part(tags: Dict[str, str]) -> Optional[Part]:
    """The media part of a fragmented MP4 segment; None for MPEG-TS."""
    if not {"#EXT-X-MAP", "#EXT-X-BYTERANGE"} & tags.keys():
        return None
    init = parse_live_init(tags["#EXT-X-MAP"].split('"')[1])
    if init is None:
        raise ValueError("not the name of an initialization section")
    size, _, offset = tags["#EXT-X-BYTERANGE"].partition("@")
    return Part(init, _parse_count(offset), _parse_count(size))


def _parse_count(text: str) -> int:
    if _COUNT.match(text) is None:
        raise ValueError("not a count")
    return int(text)


@dataclass(frozen=True)
class Variant:
    """One stream of a multivariant playlist. Bit rates are in bit/s; `codecs` is as in RFC 6381, or empty."""

    uri: str
    peak: int
    average: int
    codecs: str = ""
    width: int = 0
    height: int = 0


def render_multivariant(variants: Sequence[Variant]) -> str:
    """The text of a multivariant playlist (RFC 8216 4.3.4.2). Players begin with the first variant."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for variant in variants:
        attributes = f"BANDWIDTH={variant.peak},AVERAGE-BANDWIDTH={variant.average}"
        if variant.codecs:
            attributes += f',CODECS="{variant.codecs}"'
        if variant.width:
            attributes += f",RESOLUTION={variant.width}x{variant.height}"
        lines += [f"#EXT-X-STREAM-INF:{attributes}", variant.uri]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class RecordedSegment:
    """A file in a playlist of recordings: `start` is an instant, `duration` in seconds, `bytes` its size.

    `joins` means that it continues the previous segment without a discontinuity. `header` is the size of the
    initialization section that a fragmented MP4 file begins with, the same for all files of a `run`; 0 for MPEG-TS.
    """

    name: str
    start: float
    duration: float
    bytes: int
    joins: bool
    run: str
    header: int = 0


def render_recorded(segments: Sequence[RecordedSegment], tz: Optional[tzinfo]) -> str:
    """The text of a playlist of recordings, of an hour or another period, which are ordered by absolute start."""
    longest = max((_rounded(s.duration) for s in segments), default=1)
    lines = _head(max(1, longest), 0, mapped=any(segment.header for segment in segments))
    for before, segment in zip((None, *segments), segments):
        lines += ["#EXT-X-DISCONTINUITY"] if before is not None and not segment.joins else []
        lines += _map(before, segment)
        lines += _entry(segment.start, segment.duration, tz)
        if segment.header:
            lines.append(f"#EXT-X-BYTERANGE:{segment.bytes - segment.header}@{segment.header}")
        lines.append(segment.name)
    lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def _map(before: Optional[RecordedSegment], segment: RecordedSegment) -> Iterable[str]:
    """The EXT-X-MAP that a segment needs after the previous one; a map applies to all that follow (4.3.2.5)."""
    if segment.header and (before is None or before.run != segment.run):
        yield f'#EXT-X-MAP:URI="{segment.name}",BYTERANGE="{segment.header}@0"'
    elif before is not None and before.header and not segment.header:
        # MPEG-TS after MP4: the file's PAT and PMT, after FFmpeg's SDT packet, replace the map (3.2)
        yield f'#EXT-X-MAP:URI="{segment.name}",BYTERANGE="376@188"'


def _rounded(duration: float) -> int:
    """The duration of an EXTINF, rounded to seconds as for EXT-X-TARGETDURATION."""
    return math.floor(round(duration, 3) + 0.5)


def _head(target_duration: int, media_sequence: int, mapped: bool) -> List[str]:
    # version 3: durations with a fraction; 6: EXT-X-MAP (RFC 8216 7)
    return [
        "#EXTM3U",
        f"#EXT-X-VERSION:{6 if mapped else 3}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f"#EXT-X-TARGETDURATION:{target_duration}",
        f"#EXT-X-MEDIA-SEQUENCE:{media_sequence}",
    ]


def _entry(start: float, duration: float, tz: Optional[tzinfo]) -> Iterable[str]:
    yield f"#EXT-X-PROGRAM-DATE-TIME:{format_instant(start, tz)}"
    yield f"#EXTINF:{duration:.3f},"
