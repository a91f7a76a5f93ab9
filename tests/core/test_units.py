from __future__ import annotations

import copy
import pickle

import pytest

from cctv_cli.core.units import (
    FreeSpace,
    Secret,
    counted,
    format_bit_rate,
    format_duration,
    format_size,
    parse_bit_rate,
    parse_duration,
    parse_free_space,
    parse_size,
    write_bit_rate,
)


def test_a_secret_prints_as_stars_everywhere() -> None:
    secret = Secret("hunter2")
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret:>10}",
        repr([secret]),
    ]
    assert "hunter2" not in " ".join(shown)
    assert f"{secret:>10}" == "       ***"
    assert secret.reveal() == "hunter2"


def test_secrets_compare_by_value() -> None:
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


@pytest.mark.parametrize("copying", [pickle.dumps, copy.deepcopy])
def test_a_secret_is_never_serialised(copying) -> None:
    with pytest.raises(TypeError, match="never pickled"):
        copying(Secret("hunter2"))


@pytest.mark.parametrize(
    ("text", "bits"),
    [("2000k", 2_000_000), ("2M", 2_000_000), (" 128 K ", 128_000), ("128500", 128_500), ("1m", 1_000_000)],
)
def test_bit_rates_are_read(text: str, bits: int) -> None:
    assert parse_bit_rate(text) == bits


@pytest.mark.parametrize("text", ["", "k", "2.5M", "-1", "0", "0k", "2000kb", "2G", "fast"])
def test_bad_bit_rates_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="bit rate"):
        parse_bit_rate(text)


@pytest.mark.parametrize(("bits", "text"), [(2_000_000, "2000k"), (128_500, "128500"), (64_000, "64k")])
def test_a_written_bit_rate_reads_back_exactly(bits: int, text: str) -> None:
    assert write_bit_rate(bits) == text
    assert parse_bit_rate(text) == bits


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("24h", 86_400), ("7d", 604_800), ("1.5h", 5400)],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-1m", "10 minutes", "1w", "m"])
def test_bad_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(("rate", "text"), [(None, "-"), (2_040_000, "2.0 Mb/s"), (256_400, "256 kb/s"), (0, "0 kb/s")])
def test_bit_rates_are_shown(rate: float, text: str) -> None:
    assert format_bit_rate(rate) == text


@pytest.mark.parametrize("text", ["6h", "90s", "7d", "10m", "1.5s"])
def test_a_written_duration_reads_back_exactly(text: str) -> None:
    assert format_duration(parse_duration(text)) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [("500GB", 500_000_000_000), ("1.5TB", 1_500_000_000_000), ("20 GiB", 20 * 1024**3), ("64kB", 64_000), ("1B", 1)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "500", "0GB", "-1GB", "5 percent", "1PB"])
def test_bad_sizes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (12e9, "12 GB"), (2.04e12, "2.0 TB"), (5e15, "5000 TB")],
)
def test_sizes_are_shown(size: float, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("text", "total", "free"),
    [("5%", 1000, 50), ("200B", 1000, 200), ("1kB", 1000, 500)],
)
def test_free_space_depends_on_the_disk(text: str, total: int, free: int) -> None:
    wanted = parse_free_space(text)
    assert wanted.of(total) == free
    assert parse_free_space(str(wanted)) == wanted


@pytest.mark.parametrize("text", ["", "0%", "51%", "5", "-1%"])
def test_bad_free_space_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as 5% or 20GB|up to 50%"):
        parse_free_space(text)


def test_free_space_may_be_a_share() -> None:
    assert FreeSpace(percent=5).of(10**12) == 5 * 10**10


@pytest.mark.parametrize("parse", [parse_bit_rate, parse_duration, parse_size, parse_free_space])
@pytest.mark.parametrize("unit", ["", "k", "d", "B", "TB", "%"])
@pytest.mark.parametrize("digits", [400, 5000])
def test_a_number_with_too_many_digits_is_refused(parse, unit: str, digits: int) -> None:
    # as a float it is infinite, as an integer it takes the interpreter too long
    with pytest.raises(ValueError, match="write a "):
        parse("9" * digits + unit)


@pytest.mark.parametrize(("seconds", "text"), [(1_234_567.0, "1234567s"), (100_001.5, "100001.5s"), (0.001, "0.001s")])
def test_a_duration_of_any_length_is_written_whole(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 recordings"), (1, "1 recording"), (2, "2 recordings"), (1200, "1,200 recordings")]
)
def test_a_number_has_its_noun_in_the_right_form(number: int, text: str) -> None:
    assert counted(number, "recording") == text
