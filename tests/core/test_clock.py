from __future__ import annotations

import time
from datetime import timedelta

import psutil
import pytest

from cctv_cli.core.clock import SystemClock, format_instant, local_time, parse_instant, zone

BERLIN = zone("Europe/Berlin")
needs_tzset = pytest.mark.skipif(not hasattr(time, "tzset"), reason="a process cannot choose its zone here")

# 2026-10-25: at 3:00 summer time clocks go back to 2:00
FIRST_0230 = 1792888200.0
SECOND_0230 = FIRST_0230 + 3600


@pytest.mark.parametrize(
    "tz", [BERLIN, pytest.param(None, marks=needs_tzset)], ids=["configured zone", "system's zone"]
)
@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (FIRST_0230, "2026-10-25T02:30:00.000+02:00"),
        (SECOND_0230, "2026-10-25T02:30:00.000+01:00"),
        (1774744200.0, "2026-03-29T01:30:00.000+01:00"),
        (1774747800.0, "2026-03-29T03:30:00.000+02:00"),
        (0.0, "1970-01-01T01:00:00.000+01:00"),
    ],
    ids=["autumn, first time", "autumn, second time", "before spring", "after spring", "epoch"],
)
def test_an_instant_and_its_text_name_the_same_moment(tz, instant: float, text: str) -> None:
    assert format_instant(instant, tz) == text
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (1792888200.0404, "2026-10-25T02:30:00.040+02:00"),
        (1792888200.0407, "2026-10-25T02:30:00.041+02:00"),
        (1792888259.9996, "2026-10-25T02:31:00.000+02:00"),
        (1792888200.29, "2026-10-25T02:30:00.290+02:00"),
    ],
)
def test_milliseconds_are_rounded_not_cut(instant: float, text: str) -> None:
    assert format_instant(instant, BERLIN) == text


def test_every_millisecond_reads_back() -> None:
    for millisecond in range(1000):
        instant = round(FIRST_0230 + millisecond / 1000, 3)
        assert parse_instant(format_instant(instant, BERLIN)) == instant


@pytest.mark.parametrize("text", ["2026-10-25T02:30:00.000", "2026-10-25", "yesterday", ""])
def test_a_text_without_utc_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no UTC offset|Invalid isoformat"):
        parse_instant(text)


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00+00:00",
        "1969-12-31T23:59:59.999+00:00",
        "2242-03-17T00:00:00+00:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_a_year_that_cannot_be_written_in_every_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="1970 and 2242"):
        parse_instant(text)


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(KeyError, match="Mars"):
        zone("Mars/Olympus_Mons")


@needs_tzset
def test_without_a_name_the_systems_zone_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert zone(None) is None
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    assert local_time(FIRST_0230, None).utcoffset() == timedelta(hours=-4)


def test_zones_with_odd_offsets_are_exact() -> None:
    assert format_instant(FIRST_0230, zone("Asia/Kathmandu")) == "2026-10-25T06:15:00.000+05:45"


def test_the_systems_clock_returns_instants() -> None:
    before = time.time()
    now = SystemClock().now()
    assert before <= now <= time.time()


def test_monotonic_time_counts_while_the_machine_sleeps() -> None:
    since_start = time.time() - psutil.boot_time()  # sleep included
    assert SystemClock().monotonic() == pytest.approx(since_start, abs=2)  # the start is known to a second
