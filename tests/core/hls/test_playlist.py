from __future__ import annotations

import math
import re
from typing import List

import pytest

from cctv_cli.core.clock import zone
from cctv_cli.core.hls.playlist import (
    LiveSegment,
    LiveWindow,
    Part,
    RecordedSegment,
    Variant,
    parse_live,
    render_live,
    render_multivariant,
    render_recorded,
)

BERLIN = zone("Europe/Berlin")
START = 1792888200.0  # 2026-10-25T02:30:00+02:00, in the repeated hour
RUN, OTHER_RUN = "0123456789abcdef", "fedcba9876543210"


def live(number: int, *, discontinuity: bool = False, duration: float = 10.0) -> LiveSegment:
    return LiveSegment(number, START + 10 * number, duration, discontinuity)


def recorded(
    name: str, start: float, duration: float = 60.0, run: str = RUN, *, joins: bool = False, header: int = 0
) -> RecordedSegment:
    return RecordedSegment(name, start, duration, 1000, joins, run, header)


def durations(text: str) -> List[float]:
    return [float(found) for found in re.findall(r"^#EXTINF:([\d.]+),$", text, re.MULTILINE)]


def tag(text: str, name: str) -> int:
    return int(re.findall(rf"^#EXT-X-{name}:(\d+)$", text, re.MULTILINE)[0])


def test_a_whole_live_playlist() -> None:
    window = LiveWindow(10, (live(7), live(8, discontinuity=True, duration=9.96)), 3, 41)
    assert render_live(window, BERLIN) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:3\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-TARGETDURATION:10\n"
        "#EXT-X-MEDIA-SEQUENCE:41\n"
        "#EXT-X-DISCONTINUITY-SEQUENCE:3\n"
        "#EXT-X-PROGRAM-DATE-TIME:2026-10-25T02:31:10.000+02:00\n"
        "#EXTINF:10.000,\n"
        "segment7.ts\n"
        "#EXT-X-DISCONTINUITY\n"
        "#EXT-X-PROGRAM-DATE-TIME:2026-10-25T02:31:20.000+02:00\n"
        "#EXTINF:9.960,\n"
        "segment8.ts\n"
    )


def test_a_whole_hours_playlist() -> None:
    # the second 2:30 of the night was recorded by another run
    segments = [
        recorded("30.ts", START, 60.04),
        recorded("31.ts", START + 60.04, 59.6, joins=True),
        recorded("30-1.ts", START + 3600, 60.0, OTHER_RUN),
    ]
    assert render_recorded(segments, BERLIN) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:3\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-TARGETDURATION:60\n"
        "#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-PROGRAM-DATE-TIME:2026-10-25T02:30:00.000+02:00\n"
        "#EXTINF:60.040,\n"
        "30.ts\n"
        "#EXT-X-PROGRAM-DATE-TIME:2026-10-25T02:31:00.040+02:00\n"
        "#EXTINF:59.600,\n"
        "31.ts\n"
        "#EXT-X-DISCONTINUITY\n"
        "#EXT-X-PROGRAM-DATE-TIME:2026-10-25T02:30:00.000+01:00\n"
        "#EXTINF:60.000,\n"
        "30-1.ts\n"
        "#EXT-X-ENDLIST\n"
    )


def test_an_hour_without_a_file_is_an_empty_playlist_with_an_end() -> None:
    text = render_recorded([], BERLIN)
    assert text.startswith("#EXTM3U\n")
    assert text.endswith("#EXT-X-ENDLIST\n")
    assert tag(text, "TARGETDURATION") == 1


def test_live_playlists_never_end() -> None:
    assert "ENDLIST" not in render_live(LiveWindow(10, (live(1),)), BERLIN)


@pytest.mark.parametrize(
    "window",
    [
        LiveWindow(10, (live(7),), 0),
        LiveWindow(12, tuple(live(number, discontinuity=number == 42) for number in range(40, 46)), 9),
        LiveWindow(3, (LiveSegment(5, START + 3600.123, 2.987, True),), 1),
        LiveWindow(10, (live(7), live(607, discontinuity=True)), 0, 99_999_999_999),
        LiveWindow(10, (), 4, 5),
    ],
    ids=["one", "six with a discontinuity", "milliseconds in the repeated hour", "numbers with a hole", "empty"],
)
@pytest.mark.parametrize("zone_name", ["Europe/Berlin", "UTC", "Asia/Kathmandu"])
def test_a_live_window_reads_back_and_renders_the_same(window: LiveWindow, zone_name: str) -> None:
    tz = zone(zone_name)
    text = render_live(window, tz)
    assert parse_live(text) == window
    assert render_live(parse_live(text) or LiveWindow(0), tz) == text


@pytest.mark.parametrize(
    "damage",
    [
        ("", ""),
        ("#EXT-X-TARGETDURATION:10\n", ""),
        ("#EXT-X-TARGETDURATION:10", "#EXT-X-TARGETDURATION:ten"),
        ("#EXT-X-DISCONTINUITY-SEQUENCE:0\n", ""),
        ("segment7.ts", "../segment7.ts"),
        ("segment7.ts", "http://camera/segment7.ts"),
        ("EXTINF:10.000", "EXTINF:ten"),
        ("+02:00", ""),
        ("2026-", "0001-"),
        ("TARGETDURATION:10", "TARGETDURATION:" + "9" * 5000),
        ("DISCONTINUITY-SEQUENCE:0", "DISCONTINUITY-SEQUENCE:" + "9" * 5000),
        ("EXTINF:10.000", "EXTINF:nan"),
        ("EXTINF:10.000", "EXTINF:1e999"),
        ("EXTINF:10.000", "EXTINF:-10.000"),
        ("#EXTINF:10.000,\n", ""),
        ("segment7.ts", "segment7.mp4"),
        ("segment7.ts", "segment7.ts\n#EXTINF:1.0,\n#EXT-X-PROGRAM-DATE-TIME:2026-10-25T02:31:20+00:00\nsegment7.ts"),
        ("#EXT-X-MEDIA-SEQUENCE:0\n", ""),
    ],
    ids=[
        "empty",
        "no target",
        "bad target",
        "no sequence",
        "parent folder",
        "URL",
        "bad duration",
        "no UTC offset",
        "before 1970",
        "endless target",
        "endless sequence",
        "duration that is not a number",
        "infinite duration",
        "negative duration",
        "no duration",
        "other container",
        "a segment twice",
        "no media sequence",
    ],
)
def test_a_playlist_that_cctv_did_not_write_is_no_window(damage) -> None:
    text = render_live(LiveWindow(10, (live(7),)), BERLIN)
    old, new = damage
    assert parse_live(text.replace(old, new) if old else "") is None


def test_the_media_sequence_counts_the_segments_that_left() -> None:
    # RFC 8216 § 6.2.2; a run may begin at any number above those of its predecessors
    window = LiveWindow(10)
    sequences = []
    for number in [*range(4), *range(600, 608), *range(2000, 2008)]:
        window = window.append(live(number), 6)
        sequences.append(tag(render_live(window, BERLIN), "MEDIA-SEQUENCE"))
    assert sequences == [0] * 6 + list(range(1, 15))
    assert [segment.number for segment in window.segments] == list(range(2002, 2008))
    assert window.next_number == 2008


def test_the_target_duration_only_grows() -> None:
    window = LiveWindow(2)
    targets = []
    for number, duration in enumerate([2.0, 2.4, 7.6, 2.0, 2.0, 3.0]):
        window = window.append(live(number, duration=duration), 2)
        targets.append(window.target_duration)
    assert targets == [2, 2, 8, 8, 8, 8]


@pytest.mark.parametrize("duration", [0.04, 9.96, 10.0, 10.4994, 10.4996, 10.5, 10.9])
def test_no_printed_duration_rounds_above_the_target(duration: float) -> None:
    # RFC 8216 § 4.3.3.1
    for text in (
        render_live(LiveWindow(1).append(live(1, duration=duration), 6), BERLIN),
        render_recorded([recorded("30.ts", START, duration)], BERLIN),
    ):
        assert math.floor(durations(text)[0] + 0.5) <= tag(text, "TARGETDURATION")


def test_the_discontinuity_sequence_counts_the_tags_that_left() -> None:
    window = LiveWindow(10, discontinuity_sequence=5)
    sequences = []
    for number in range(10):
        window = window.append(live(number, discontinuity=number in (2, 3)), 3)
        sequences.append(window.discontinuity_sequence)
    assert sequences == [5, 5, 5, 5, 5, 6, 7, 7, 7, 7]
    assert not any(segment.discontinuity for segment in window.segments)


def test_a_window_cut_to_one_segment_counts_all_that_left() -> None:
    window = LiveWindow(10, tuple(live(number, discontinuity=number % 2 == 1) for number in range(6)))
    cut = window.append(live(6, discontinuity=True), 1)
    assert cut.segments == (live(6, discontinuity=True),)
    assert cut.discontinuity_sequence == 3


def test_each_segment_keeps_its_number_in_the_sequence_of_discontinuities() -> None:
    # RFC 8216 § 6.2.2: the number that a player computed for a segment stays true while the window slides
    known: dict = {}
    window = LiveWindow(10)
    for number in range(30):
        window = window.append(live(number, discontinuity=number % 4 == 3), 5)
        sequence = window.discontinuity_sequence
        for segment in window.segments:
            sequence += segment.discontinuity
            assert known.setdefault(segment.number, sequence) == sequence


@pytest.mark.parametrize("joins", [True, False])
def test_only_segments_that_join_have_no_discontinuity(joins: bool) -> None:
    text = render_recorded([recorded("30.ts", START), recorded("31.ts", START + 60, joins=joins)], BERLIN)
    assert ("#EXT-X-DISCONTINUITY\n" not in text) is joins


def test_an_hours_first_segment_needs_no_discontinuity() -> None:
    assert "#EXT-X-DISCONTINUITY\n" not in render_recorded([recorded("30.ts", START)], BERLIN)


def fragmented(number: int, *, init: int = 7, discontinuity: bool = False) -> LiveSegment:
    return LiveSegment(number, START + 10 * number, 10.0, discontinuity, Part(init, 812, 50_000))


def test_a_whole_live_playlist_of_fragmented_mp4() -> None:
    window = LiveWindow(10, (fragmented(7), fragmented(8), fragmented(9, init=9, discontinuity=True)))
    assert render_live(window, BERLIN) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:6\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-TARGETDURATION:10\n"
        "#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-DISCONTINUITY-SEQUENCE:0\n"
        '#EXT-X-MAP:URI="init7.mp4"\n'
        "#EXT-X-PROGRAM-DATE-TIME:2026-10-25T02:31:10.000+02:00\n"
        "#EXTINF:10.000,\n"
        "#EXT-X-BYTERANGE:50000@812\n"
        "segment7.mp4\n"
        "#EXT-X-PROGRAM-DATE-TIME:2026-10-25T02:31:20.000+02:00\n"
        "#EXTINF:10.000,\n"
        "#EXT-X-BYTERANGE:50000@812\n"
        "segment8.mp4\n"
        "#EXT-X-DISCONTINUITY\n"
        '#EXT-X-MAP:URI="init9.mp4"\n'
        "#EXT-X-PROGRAM-DATE-TIME:2026-10-25T02:31:30.000+02:00\n"
        "#EXTINF:10.000,\n"
        "#EXT-X-BYTERANGE:50000@812\n"
        "segment9.mp4\n"
    )


def test_a_window_of_fragmented_mp4_is_read_back() -> None:
    window = LiveWindow(10, (fragmented(7), fragmented(8), fragmented(9, init=9, discontinuity=True)), 4)
    assert parse_live(render_live(window, BERLIN)) == window


@pytest.mark.parametrize(
    "line", ["#EXT-X-MAP:", '#EXT-X-MAP:URI="init7.mp4"\n#EXT-X-BYTERANGE:x@y', "#EXT-X-MAP:BANDWIDTH"]
)
def test_a_damaged_map_is_no_window(line: str) -> None:
    text = render_live(LiveWindow(10, (live(7),)), BERLIN)
    assert parse_live(text.replace("#EXTINF", f"{line}\n#EXTINF")) is None


def test_another_container_begins_a_new_window() -> None:
    # no tag ends an EXT-X-MAP, so MPEG-TS cannot follow fragmented MP4 in one live playlist
    window = LiveWindow(10, (fragmented(7), fragmented(8)), media_sequence=40).append(live(9, discontinuity=True), 6)
    assert [segment.number for segment in window.segments] == [9]
    assert window.media_sequence == 42
    assert "EXT-X-MAP" not in render_live(window, BERLIN)


def test_an_hour_of_both_containers_maps_each_run() -> None:
    first = recorded("30.mp4", START, header=812)
    second = recorded("31.mp4", START + 60, joins=True, header=812)
    other = recorded("32.mp4", START + 120, run=OTHER_RUN, header=900)
    text = render_recorded([first, second, other, recorded("33.ts", START + 180, run="0" * 16)], BERLIN)
    assert [line for line in text.splitlines() if not line.startswith(("#EXTINF", "#EXT-X-PROGRAM"))] == [
        "#EXTM3U",
        "#EXT-X-VERSION:6",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-TARGETDURATION:60",
        "#EXT-X-MEDIA-SEQUENCE:0",
        '#EXT-X-MAP:URI="30.mp4",BYTERANGE="812@0"',
        "#EXT-X-BYTERANGE:188@812",
        "30.mp4",
        "#EXT-X-BYTERANGE:188@812",
        "31.mp4",
        "#EXT-X-DISCONTINUITY",
        '#EXT-X-MAP:URI="32.mp4",BYTERANGE="900@0"',
        "#EXT-X-BYTERANGE:100@900",
        "32.mp4",
        "#EXT-X-DISCONTINUITY",
        '#EXT-X-MAP:URI="33.ts",BYTERANGE="376@188"',
        "33.ts",
        "#EXT-X-ENDLIST",
    ]


def test_a_multivariant_playlist() -> None:
    sub = Variant("sub/live.m3u8", 500_000, 400_000, "avc1.4d001e,mp4a.40.2", 640, 360)
    assert render_multivariant([sub, Variant("main.m3u8", 4_000_000, 3_500_000)]) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:6\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=500000,AVERAGE-BANDWIDTH=400000,CODECS="avc1.4d001e,mp4a.40.2",'
        "RESOLUTION=640x360\n"
        "sub/live.m3u8\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=4000000,AVERAGE-BANDWIDTH=3500000\n"
        "main.m3u8\n"
    )
