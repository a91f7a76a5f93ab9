"""Playlists in both directions, and any other text in their place."""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import List

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cctv_cli.core.clock import parse_instant, zone
from cctv_cli.core.hls.playlist import (
    LiveSegment,
    LiveWindow,
    Part,
    RecordedSegment,
    parse_live,
    render_live,
    render_recorded,
)
from tests.fuzz.targets import check_live_playlist
from tests.support.strangers import damaged_text, grows_in_proportion

ZONES = [zone(name) for name in ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati")]
zones = st.sampled_from(ZONES)
instants = st.integers(86_400_000, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000)
durations = st.integers(1, 600_000).map(lambda milliseconds: milliseconds / 1000)
counts = st.integers(0, 10**9)
parts = st.builds(Part, counts, counts, counts)


@st.composite
def windows(draw: st.DrawFn) -> LiveWindow:
    numbers = sorted(draw(st.sets(counts, max_size=4)))
    some_parts = draw(st.one_of(st.just(st.none()), st.just(parts)))
    segments = [
        LiveSegment(number, draw(instants), draw(durations), draw(st.booleans()), draw(some_parts))
        for number in numbers
    ]
    return LiveWindow(draw(st.integers(1, 600)), tuple(segments), draw(counts), draw(counts))


@given(windows(), zones)
def test_a_live_window_reads_back(window: LiveWindow, tz: tzinfo) -> None:
    assert parse_live(render_live(window, tz)) == window


TS = [LiveSegment(number, 1.8e9 + 2 * number, 2.0, number == 8) for number in (7, 8)]
MP4 = [LiveSegment(number, 1.8e9 + 2 * number, 2.0, part=Part(number // 9, 900, 10_000)) for number in (8, 9)]
PLAYLISTS = [render_live(LiveWindow(2, tuple(segments), 3), ZONES[1]) for segments in (TS, MP4)]


@given(st.one_of(map(damaged_text, PLAYLISTS)))
@example(PLAYLISTS[0].encode())
@example(PLAYLISTS[1].encode())
def test_any_live_playlist_is_read_or_refused(text: bytes) -> None:
    check_live_playlist(text)


@pytest.mark.parametrize("unit", [*PLAYLISTS, "#\n", "#EXTINF:1,\n", "\n", "segment7.ts\n"])
def test_time_grows_in_proportion_to_the_input(unit: str) -> None:
    grown = "#EXTINF:2.000,\n#EXT-X-PROGRAM-DATE-TIME:2026-11-23T14:41:00.040+01:00\nsegment{}.ts\n"
    assert grows_in_proportion(check_live_playlist, unit.encode())
    assert grows_in_proportion(lambda data: parse_live("".join(map(grown.format, range(len(data))))), b"1")


recordings = st.builds(
    RecordedSegment,
    st.builds("{:02d}{}".format, st.integers(0, 59), st.sampled_from([".ts", "-1.ts", ".mp4", "-12.mp4"])),
    instants,
    durations,
    st.integers(10_000, 10**9),
    st.booleans(),
    st.sampled_from(["0" * 16, "1" * 16]),
    st.sampled_from([0, 900]),
)


@given(st.lists(recordings, max_size=6), zones)
def test_an_hours_playlist_describes_every_segment(segments: List[RecordedSegment], tz: tzinfo) -> None:
    text = render_recorded(segments, tz)
    assert [line for line in text.splitlines() if not line.startswith("#")] == [segment.name for segment in segments]
    written = [float(seconds) for seconds in re.findall(r"^#EXTINF:([\d.]+),$", text, re.MULTILINE)]
    assert written == [segment.duration for segment in segments]
    starts = re.findall(r"^#EXT-X-PROGRAM-DATE-TIME:(.+)$", text, re.MULTILINE)
    assert [parse_instant(start) for start in starts] == [segment.start for segment in segments]
    (target,) = re.findall(r"^#EXT-X-TARGETDURATION:(\d+)$", text, re.MULTILINE)
    assert all(seconds < int(target) + 0.5 for seconds in written)  # RFC 8216 4.3.3.1
    assert text.count("#EXT-X-DISCONTINUITY\n") == sum(not segment.joins for segment in segments[1:])
    sizes = [tuple(map(int, found)) for found in re.findall(r"^#EXT-X-BYTERANGE:(\d+)@(\d+)$", text, re.MULTILINE)]
    assert [sum(size) for size in sizes] == [segment.bytes for segment in segments if segment.header]
