from __future__ import annotations

from typing import Optional

import pytest

from cctv_cli.api.byte_range import ByteRange, RangeNotSatisfiable, accepts_gzip, matches_etag, parse_range


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=0-1", ByteRange(0, 2)),  # AVPlayer's check whether ranges are supported
        ("bytes=0-", ByteRange(0, 1000)),
        ("bytes=999-", ByteRange(999, 1000)),
        ("bytes=500-999", ByteRange(500, 1000)),
        ("bytes=500-99999", ByteRange(500, 1000)),
        ("bytes=-1", ByteRange(999, 1000)),
        ("bytes=-1000", ByteRange(0, 1000)),
        ("bytes=-5000", ByteRange(0, 1000)),
        ("Bytes=1-2", ByteRange(1, 3)),
    ],
)
def test_a_single_range(value: str, expected: ByteRange) -> None:
    assert parse_range(value, 1000) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "bytes=5-3",
        "bytes=--5",
        "bytes=+1-2",
        "bytes=1-2-3",
        "bytes=0x1-2",
        "bytes=\u0661-\u0662",  # digits, but not ASCII ones
        "bytes=0-1, 5-6",
        "bytes=0-1,",
        "seconds=0-1",
        "bytes=0-" + "9" * 5000,  # more digits than int() takes
        "bytes=" + "0-," * 300_000,
        "bytes=0-" + " " * 1_000_000 + "x",
    ],
)
def test_anything_else_means_the_whole_file(value: str) -> None:
    assert parse_range(value, 1000) is None


@pytest.mark.parametrize(
    ("value", "size"), [("bytes=1000-", 1000), ("bytes=1000-2000", 1000), ("bytes=-0", 1000), ("bytes=0-", 0)]
)
def test_a_range_beyond_the_end_is_not_satisfiable(value: str, size: int) -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_range(value, size)


def test_a_suffix_of_an_empty_file_is_the_whole_file() -> None:
    assert parse_range("bytes=-5", 0) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", "abc"', True),
        ('"x",W/"abc" , "y"', True),
        ('"with,comma", "abc"', True),
        ("*", True),
        (" * ", True),
        ("", False),
        ("abc", False),
        ('"ABC"', False),
        ('"abc-gzip"', False),
        ('"x,"abc', False),
        ('"' + "a" * 1_000_000, False),
        ('"x",' * 300_000, False),
    ],
)
def test_if_none_match_compares_weakly(value: str, expected: bool) -> None:
    assert matches_etag(value, '"abc"') is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("gzip, deflate, br", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("*", True),
        ("gzip; q=0.001", True),
        ("", False),
        ("identity", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("*, gzip;q=0", False),
        ("*;q=0", False),
        ("gzip;q=high", False),
        ("gzipped", False),
    ],
)
def test_whether_gzip_is_accepted(value: str, expected: bool) -> None:
    assert accepts_gzip(value) is expected


def test_a_range_selects_exactly_its_bytes() -> None:
    content = bytes(range(256))
    answers = {
        value: content[part.start : part.stop]
        for value in ("bytes=10-19", "bytes=250-", "bytes=-3")
        for part in [_present(parse_range(value, len(content)))]
    }
    assert answers == {
        "bytes=10-19": content[10:20],
        "bytes=250-": content[250:],
        "bytes=-3": content[-3:],
    }


def _present(part: Optional[ByteRange]) -> ByteRange:
    assert part is not None
    return part
