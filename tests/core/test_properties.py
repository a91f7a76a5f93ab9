"""Times, units and names on disk in both directions, and any other text in their place."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cctv_cli.core import layout
from cctv_cli.core.clock import format_instant, local_time, parse_instant, zone
from cctv_cli.core.units import (
    FreeSpace,
    format_duration,
    parse_bit_rate,
    parse_duration,
    parse_free_space,
    parse_size,
    write_bit_rate,
)

ZONES = [
    "UTC",
    "Europe/Berlin",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Pacific/Apia",
    "Africa/Monrovia",
]
zones = st.one_of(
    st.sampled_from(ZONES).map(zone), st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
)
instants = st.integers(0, (1 << 33) * 1000 - 1).map(lambda milliseconds: milliseconds / 1000)
# valid texts, similar ones, and others
text_of_units = st.one_of(
    st.text(), st.text(" \n0123456789.kKMGTiBsmhd%-+e_٣", max_size=12), st.integers(1, 10**40).map("{}GB".format)
)


@given(instants, zones)
@example(0.0, zone("America/St_Johns"))
def test_an_instant_reads_back_in_any_zone(instant: float, tz: tzinfo) -> None:
    assert parse_instant(format_instant(instant, tz)) == instant


@given(
    st.one_of(
        st.text(max_size=40),
        st.datetimes(timezones=st.one_of(st.none(), zones)).map(datetime.isoformat),
        st.text("0123456789-:+.TZW", max_size=32),
    )
)
@example("0001-01-01T00:00:00+14:00")
@example("9999-12-31T23:59:59.999999-14:00")
def test_any_time_that_is_read_can_be_written_in_every_zone(text: str) -> None:
    try:
        instant = parse_instant(text)
    except ValueError:
        return
    for name in ZONES:
        assert abs(parse_instant(format_instant(instant, zone(name))) - instant) <= 0.001


@given(st.integers(1, 10**9).map(lambda milliseconds: milliseconds / 1000))
@example(1_234_567.0)
@example(100_001.5)
def test_a_duration_reads_back(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.integers(1, 10**12))
def test_a_bit_rate_reads_back(rate: int) -> None:
    assert parse_bit_rate(write_bit_rate(rate)) == rate


@given(
    st.one_of(
        st.builds(FreeSpace, bytes=st.integers(1, 10**15 - 1)),
        st.builds(FreeSpace, percent=st.integers(1, 500).map(lambda tenths: tenths / 10)),
    )
)
def test_free_space_reads_back(space: FreeSpace) -> None:
    assert parse_free_space(str(space)) == space


@pytest.mark.parametrize("parse", [parse_bit_rate, parse_duration, parse_size])
@given(text=text_of_units)
@example(text="9" * 400 + "B")
@example(text="9" * 400 + "d")
@example(text="9" * 5000 + "k")
def test_any_quantity_is_read_or_refused(parse: Callable[[str], float], text: str) -> None:
    reason = ""
    try:
        value = parse(text)
    except ValueError as error:
        reason = str(error)
    if reason:
        assert reason.startswith(("write a ", "a "))  # cctv's own sentence, not the interpreter's
    else:
        assert 0 < value < 10**30


@given(text_of_units, st.integers(0, 10**15))
def test_free_space_is_at_most_half_of_the_disk(text: str, total: int) -> None:
    try:
        space = parse_free_space(text)
    except ValueError:
        return
    assert 0 <= space.of(total) <= total / 2


suffixes = st.sampled_from([layout.TS, layout.MP4])


@given(instants, zones, st.integers(0, 9999), suffixes)
def test_a_recordings_name_reads_back(instant: float, tz: tzinfo, take: int, suffix: str) -> None:
    name = layout.recording_name(local_time(instant, tz), take, suffix)
    assert layout.parse_recording(name.day, name.hour, name.file) == name


@given(st.integers(0, 10**12 - 1), suffixes)
def test_numbers_in_names_read_back(number: int, suffix: str) -> None:
    assert layout.parse_live_segment(layout.live_segment_name(number, suffix)) == number
    assert layout.parse_live_init(layout.live_init_name(number)) == number
    assert layout.parse_incoming(layout.incoming_pattern(suffix) % number) == number


names = st.one_of(
    st.text(max_size=12),
    st.text("0123456789-.tsmp4/\n", max_size=16),
    st.builds("{}{}{}".format, st.sampled_from(["segment", "init", ""]), st.integers(-1, 10**7), suffixes),
)


@given(names, names, names)
@example("2026-11-23", "14", "41-1.ts")
def test_a_name_is_parsed_only_if_cctv_would_write_it(day: str, hour: str, file: str) -> None:
    name = layout.parse_recording(day, hour, file)
    assert name is None or (name.day, name.hour, name.file) == (day, hour, file)
    number = layout.parse_live_segment(file)
    assert number is None or file in [layout.live_segment_name(number, suffix) for suffix in (layout.TS, layout.MP4)]
    first = layout.parse_live_init(file)
    assert first is None or file == layout.live_init_name(first)
    incoming = layout.parse_incoming(file)
    assert incoming is None or file in [f"{incoming:06d}{suffix}" for suffix in (layout.TS, layout.MP4)]


@given(names)
@example("a" * 64)
@example("a" * 65)
@example("..")
def test_a_cameras_id_is_one_plain_folder(name: str) -> None:
    if not layout.is_camera_id(name):
        return
    assert re.fullmatch("[!-~]{1,64}", name)
    assert (Path("storage") / name).parts == ("storage", name)
    assert not name.startswith((".", "-"))
