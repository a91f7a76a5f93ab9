from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import List

import pytest

from cctv_cli.core.ffmpeg.stderr_log import BoundedLog

NOW = 1792888200.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ffmpeg.log"


def lines_of(path: Path) -> List[str]:
    """The lines without their times."""
    return [line.split(" ", 1)[1] for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_line_is_written_with_its_time(path: Path) -> None:
    BoundedLog(path).write("[error] Connection refused", NOW)
    assert path.read_text() == "2026-10-25T02:30:00.000+02:00 [error] Connection refused\n"


def test_what_a_camera_answers_cannot_control_a_terminal(path: Path) -> None:
    BoundedLog(path).write("failed: 404 \x1b[2J\x9b2J\u2028gone", NOW)
    assert lines_of(path) == [r"failed: 404 \x1b[2J\x9b2J\u2028gone"]


def test_the_next_supervisor_appends(path: Path) -> None:
    BoundedLog(path).write("one", NOW)
    BoundedLog(path).write("two", NOW + 1)
    assert lines_of(path) == ["one", "two"]


def test_a_repeated_line_is_counted(path: Path) -> None:
    log = BoundedLog(path)
    for line in ["same"] * 50 + ["other", "same"]:
        log.write(line, NOW)
    assert lines_of(path) == ["same", "(49 more lines)", "other", "same"]


def test_a_flood_is_limited_and_counted(path: Path) -> None:
    log = BoundedLog(path)
    for number in range(5000):
        log.write(f"frame {number} is broken", NOW + number / 1000)
    log.write("a minute later", NOW + 60)
    lines = lines_of(path)
    assert lines[:200] == [f"frame {number} is broken" for number in range(200)]
    assert lines[200:] == ["(4800 more lines)", "a minute later"]


def test_a_line_that_repeats_for_hours_is_written_every_minute(path: Path) -> None:
    log = BoundedLog(path)
    for second in range(3 * 3600):
        log.write("Non-monotonous DTS", NOW + second)
    lines = path.read_text().splitlines()
    assert 2 <= len(lines) <= 400
    assert lines[-1] > "2026-10-25T04:"


def test_a_clock_that_was_set_back_does_not_silence_the_log(path: Path) -> None:
    log = BoundedLog(path)
    for number in range(300):
        log.write(f"line {number}", NOW)
    log.write("an hour earlier", NOW - 3600)
    assert lines_of(path)[-2:] == ["(100 more lines)", "an hour earlier"]


def test_the_log_takes_at_most_two_megabytes(path: Path) -> None:
    log = BoundedLog(path)
    for number in range(1500):
        log.write(f"{number:06d} {'x' * 2000}", NOW + number)
    sizes = {file.name: file.stat().st_size for file in path.parent.iterdir()}
    assert set(sizes) <= {"ffmpeg.log", "ffmpeg.log.1"}
    assert 1_000_000 < sum(sizes.values()) < 2_100_000
    newest = lines_of(path if path.exists() else path.with_name("ffmpeg.log.1"))[-1]
    assert newest.startswith("001499")


def test_odd_characters_stay_on_one_line(path: Path) -> None:
    BoundedLog(path).write("Süd \ufffd \x1b[31mred\x1b[0m", NOW)
    assert len(path.read_bytes().splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no POSIX paths")
def test_a_log_that_cannot_be_written_is_no_error(path: Path) -> None:
    path.mkdir()
    log = BoundedLog(path)
    log.write("lost", NOW)
    path.rmdir()
    log.write("written", NOW)
    assert lines_of(path) == ["written"]


def test_times_are_the_systems_local_time(path: Path) -> None:
    BoundedLog(path).write("line", NOW + 3600)
    assert re.match(r"2026-10-25T02:30:00\.000\+01:00 line", path.read_text())
