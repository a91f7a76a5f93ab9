"""The judge of live streams: what it accepts, and what it complains of."""

from __future__ import annotations

from typing import List

import pytest

from cctv_cli.core.hls.playlist import LiveSegment, LiveWindow, Part, render_live
from tests.faults.live import Playlist, Seen, Segment, is_whole, read_playlist

AT = 1_800_000_000.0
BOX = (16).to_bytes(4, "big") + b"moof12345678"


def window(first: int, count: int, *, sequence: int = -1, late: float = 0.0, duration: float = 2.0) -> Playlist:
    """Segments of two seconds, the first with the number `first`; the last one is `late`, and of this duration."""
    segments = [LiveSegment(number, AT + 2 * number, 2.0) for number in range(first, first + count - 1)]
    segments.append(LiveSegment(first + count - 1, AT + 2 * (first + count - 1) + late, duration))
    found = read_playlist(render_live(LiveWindow(2, tuple(segments), 0, first if sequence < 0 else sequence), None))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("playlists", "complaint"),
    [
        ([window(0, 3), window(0, 3), window(1, 4)], None),
        ([window(0, 3), window(3, 3)], None),
        ([window(0, 3), window(0, 2)], "the live sequence goes back from 2 to 1"),
        ([window(0, 3), window(1, 3, sequence=2)], "segment1.ts was number 1 and becomes 2"),
        ([window(0, 3, duration=2.6)], "segment2.ts is longer than the target duration 2 s"),
        ([window(0, 3, late=1.5)], "segment2.ts is 1.5 s late without a discontinuity"),
        ([window(0, 3, late=-1.5)], "segment2.ts is -1.5 s late without a discontinuity"),
    ],
)
def test_what_a_viewer_complains_of(playlists: List[Playlist], complaint: str) -> None:
    seen = Seen()
    for playlist in playlists:
        seen.look(playlist)
    assert complaint in seen.complaints if complaint else not seen.complaints


def test_segments_with_a_discontinuity_are_counted_once() -> None:
    seen = Seen()
    playlist = window(0, 3, late=60.0)
    tagged = playlist._replace(segments=[each._replace(tagged=each.start > AT + 60) for each in playlist.segments])
    assert [each.name for each in seen.look(tagged)] == ["segment0.ts", "segment1.ts", "segment2.ts"]
    assert seen.look(tagged) == []
    assert (seen.tagged, seen.complaints) == (1, [])


def test_a_playlist_of_fragmented_mp4() -> None:
    text = render_live(LiveWindow(2, (LiveSegment(7, AT, 1.5, True, Part(7, 800, 9000)),), 0, 4), None)
    assert read_playlist(text) == Playlist(4, 2, [Segment("segment7.mp4", AT, 1.5, True, range(800, 9800))])
    assert read_playlist(render_live(LiveWindow(2), None)) is None


@pytest.mark.parametrize(
    ("media", "data", "whole"),
    [
        (None, bytes(376), True),
        (None, b"", False),
        (None, bytes(377), False),
        (range(4, 36), bytes(4) + BOX + BOX, True),
        (range(4, 36), bytes(4) + BOX + BOX + b"being written", True),
        (range(4, 36), bytes(4) + BOX + BOX[:9], False),
        (range(4, 30), bytes(4) + BOX + BOX, False),
    ],
)
def test_a_segment_is_whole(media: range, data: bytes, whole: bool) -> None:
    assert is_whole(Segment("segment7", AT, 2.0, False, media), data) is whole
