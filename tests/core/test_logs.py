from __future__ import annotations

import errno
import io
import json
import logging
import os
import re
import sys
import threading
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest

from cctv_cli.core import logs
from cctv_cli.core.errors import ConfigError
from cctv_cli.core.units import CameraName

AT = 1792888200.04  # 2026-10-25T02:30:00.040+02:00


def record(message: str, *args: object, level: int = logging.INFO, error: Optional[BaseException] = None) -> Any:
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    made = logging.LogRecord("cctv.recorder", level, __file__, 1, message, args, exc_info)
    made.created = AT
    return made


def raised() -> ValueError:
    try:
        raise ValueError("no\nsuch thing")
    except ValueError as error:
        return error


class Kept(logging.Handler):
    """Keeps the lines of records that pass its filters."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: List[str] = []
        self.setFormatter(logs.TextLines("%(levelname)s %(message)s", debug=False))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def test_text_has_time_with_offset_level_and_message() -> None:
    line = logs.TextLines(debug=False).format(record("%s: recorded %s", "front", "14/41.ts"))
    assert line == "2026-10-25T02:30:00.040+02:00 INFO front: recorded 14/41.ts"


@pytest.mark.parametrize(
    ("message", "args", "camera"),
    [
        ("%s: recorded %s", (CameraName("front"), "14/41.ts"), "front"),
        ("%s: starting", (CameraName("front", sub=True),), "front"),
        ("%s: it answered 500", ("webhook 1 (hooks.example.org)",), None),
        ("%s", ("front: no camera",), None),
        ("the configuration was reloaded", (), None),
    ],
)
def test_json_names_the_camera_if_it_is_known(message: str, args: Any, camera: Optional[str]) -> None:
    fields = json.loads(logs.JsonLines(debug=False).format(record(message, *args)))
    expected = {
        "time": "2026-10-25T02:30:00.040+02:00",
        "level": "info",
        "logger": "cctv.recorder",
        "message": message % args,
    }
    assert fields == (expected if camera is None else {**expected, "camera": camera})


@pytest.mark.parametrize("formatter", [logs.TextLines(debug=False), logs.JsonLines(debug=False)], ids=["text", "json"])
@pytest.mark.parametrize("odd", ["a\nERROR forged", "a\r\nb", "\x1b[31mred", "\x85\u2028\u2029", "\udcff", "\x00\x07"])
def test_nothing_in_a_message_begins_a_line_or_controls_a_terminal(formatter: logging.Formatter, odd: str) -> None:
    line = formatter.format(record("%s: %s", "front", odd))
    assert re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", line) is None
    assert len(line.splitlines()) == 1
    line.encode()


def test_text_keeps_letters_of_any_language() -> None:
    assert logs.TextLines(debug=False).format(record("Hintertür 入口")).endswith("Hintertür 入口")


def test_an_error_is_in_its_line_with_its_place() -> None:
    line = logs.TextLines(debug=False).format(record("front: failed", error=raised()))
    assert re.search(r"INFO front: failed: ValueError: no\\nsuch thing \(test_logs\.py:\d+\)$", line)
    fields = json.loads(logs.JsonLines(debug=False).format(record("front: failed", error=raised())))
    assert re.fullmatch(r"ValueError: no\nsuch thing \(test_logs\.py:\d+\)", fields["error"])
    assert "traceback" not in fields


def test_debug_shows_the_traceback() -> None:
    text = logs.TextLines(debug=True).format(record("front: failed", error=raised()))
    assert text.splitlines()[0].endswith("INFO front: failed")
    assert "Traceback (most recent call last):" in text
    line = logs.JsonLines(debug=True).format(record("front: failed", error=raised()))
    assert "\n" not in line
    assert "Traceback (most recent call last):" in json.loads(line)["traceback"]


def warn(handler: logging.Handler, message: str, level: int = logging.WARNING) -> None:
    handler.handle(record("%s: %s", "front", message, level=level))


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> Dict[str, float]:
    """The monotonic clock by which repetitions are recognized."""
    now = {"now": 1000.0}
    monkeypatch.setattr(logs.time, "monotonic", lambda: now["now"])
    return now


def test_the_same_warning_is_written_once_a_minute_and_counted(monotonic: Dict[str, float]) -> None:
    handler = Kept()
    handler.addFilter(logs.Repeats())
    for _ in range(600):
        warn(handler, "the disk is full")
        monotonic["now"] += 0.2
    warn(handler, "the disk is full")
    assert handler.lines == [
        "WARNING front: the disk is full",
        "WARNING front: the disk is full (299 more of these)",
        "WARNING front: the disk is full (299 more of these)",
    ]


def test_other_warnings_and_lower_levels_pass(monotonic: Dict[str, float]) -> None:
    handler = Kept()
    handler.addFilter(logs.Repeats())
    for _ in range(2):
        warn(handler, "one")
        warn(handler, "two")
        warn(handler, "one", logging.ERROR)
        warn(handler, "recorded", logging.INFO)
    assert [line.split(" ")[2] for line in handler.lines] == ["one", "two", "one", "recorded", "recorded"]


def test_json_counts_repetitions(monotonic: Dict[str, float]) -> None:
    handler = Kept()
    handler.setFormatter(logs.JsonLines(debug=False))
    handler.addFilter(logs.Repeats())
    for _ in range(3):
        warn(handler, "x")
    monotonic["now"] += 60
    warn(handler, "x")
    assert [json.loads(line).get("repeated") for line in handler.lines] == [None, 2]


def test_a_flood_of_different_warnings_takes_little_memory(monotonic: Dict[str, float]) -> None:
    repeats = logs.Repeats()
    for number in range(5000):
        assert repeats.filter(record("%d", number, level=logging.WARNING))
    assert len(repeats._known) <= 1000


def test_the_size_of_a_log_file_is_bounded(
    tmp_path: Path, logging_as_before: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_FILE_BYTES", 10_000)
    logs.install(logs.file_handler(tmp_path / "cctv.log"), debug=False)
    for number in range(3000):
        logging.getLogger("cctv.recorder").info("%06d %s", number, "x" * 100)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {"cctv.log", *(f"cctv.log.{number}" for number in range(1, 5))}
    assert max(sizes.values()) <= 10_000
    assert "002999" in (tmp_path / "cctv.log").read_text()


def test_a_file_that_cannot_be_opened_is_reported_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"The log file .*nosuch.cctv\.log cannot be written \(.+\); correct LOG_FILE"
    ):
        logs.file_handler(tmp_path / "nosuch" / "cctv.log")


class FullDisk(io.StringIO):
    """A file on a disk that is full."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_log_on_a_full_disk_raises_nothing(logging_as_before: None, capsys: pytest.CaptureFixture[str]) -> None:
    logs.install(logging.StreamHandler(FullDisk()), debug=False)
    logging.getLogger("cctv.recorder").warning("lost")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("debug", "seen"), [(False, ["WARNING lib", "INFO own"]), (True, ["WARNING lib", "INFO own", "DEBUG own"])]
)
def test_libraries_are_logged_from_warnings_on(logging_as_before: None, debug: bool, seen: List[str]) -> None:
    handler = Kept()
    logs.install(handler, debug=debug)
    logging.getLogger("httpx").info("POST https://example.org/hook?token=secret")
    logging.getLogger("asyncio").warning("lib")
    logging.getLogger("cctv.http").info("own")
    logging.getLogger("cctv.http").debug("own")
    assert handler.lines == seen


def test_an_uncaught_error_of_a_thread_is_logged(logging_as_before: None, capsys: pytest.CaptureFixture[str]) -> None:
    handler = Kept()
    logs.install(handler, debug=False)

    def fail() -> None:
        raise KeyError("cam1")

    for work in (fail, sys.exit):
        thread = threading.Thread(target=work, name="cleanup")
        thread.start()
        thread.join()
    (line,) = handler.lines
    assert re.match(r"ERROR thread cleanup ended unexpectedly: KeyError: 'cam1' \(test_logs\.py:\d+\)$", line)
    assert capsys.readouterr().err == ""
