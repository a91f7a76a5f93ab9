from __future__ import annotations

import errno
import io
import json
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import List

import pytest
from rich.console import Console

from cctv_cli.cli import output
from cctv_cli.cli.result import Result
from cctv_cli.cli.views import camera_table
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.recording.state import State
from cctv_cli.core.recording.status import CameraStatus
from cctv_cli.core.units import CameraName

AT = 1_000_000.0
RUNNING = CameraStatus(
    id="front",
    name="Front Entrance",
    enabled=True,
    state=State.RUNNING,
    reason="recording",
    since=AT - 60,
    supervisor_pid=100,
    ffmpeg_pid=101,
    restarts=3,
    retry_at=None,
    codec="h264",
    audio="aac",
    bit_rate=2_048_000.0,
    last_segment_at=AT - 4.4,
    recorded_today=3 * 3600 + 62.9,
    audio_enabled=True,
)
UNKNOWN = replace(RUNNING, id="new", state=State.STARTING, codec="", bit_rate=None, last_segment_at=None)
TITLES = ("Camera", "State", "Codec", "Rate", "Latest", "Today", "Restarts", "Reason")


def console_of(file: io.StringIO, width: int = 160) -> Console:
    return Console(file=file, width=width, color_system=None)


def cells(*statuses: CameraStatus) -> List[List[str]]:
    """The cells of the table, one row for each camera."""
    shown = io.StringIO()
    console_of(shown).print(output.rendered(camera_table(statuses, AT)))
    header, *lines = shown.getvalue().splitlines()
    begins = [header.index(title) for title in TITLES]
    return [[line[begin:end].strip() for begin, end in zip(begins, [*begins[1:], None])] for line in lines]


def test_a_row_shows_state_reason_and_key_figures() -> None:
    assert cells(RUNNING, UNKNOWN) == [
        ["front", "running", "h264", "2.0 Mb/s", "4 s ago", "3:01:02", "3", "recording"],
        ["new", "starting", "-", "-", "-", "3:01:02", "3", "recording"],
    ]


def test_a_row_says_that_audio_is_off() -> None:
    assert cells(replace(RUNNING, audio_enabled=False))[0][2] == "h264, audio off"


def test_a_segment_from_the_future_is_zero_seconds_old() -> None:
    """The camera's clock may be slightly ahead."""
    assert cells(replace(RUNNING, last_segment_at=AT + 0.5))[0][4] == "0 s ago"


@pytest.mark.parametrize("state", list(State))
def test_every_state_is_shown(state: State) -> None:
    assert cells(replace(RUNNING, state=state))[0][1] == state.value


def test_a_reason_is_text_not_markup() -> None:
    reason = "[bold]see[/bold] [link=file:///etc/passwd]this[/link] [/]"
    assert cells(replace(RUNNING, reason=reason))[0][7] == reason


def test_a_narrow_table_wraps_and_loses_nothing() -> None:
    shown = io.StringIO()
    reason = "the camera refuses connections; check its port and that RTSP is on"
    console_of(shown, 80).print(output.rendered(camera_table([replace(RUNNING, reason=reason)], AT)))
    text = shown.getvalue()
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    words = text.split()
    assert [word for word in reason.split() if word not in words] == []


def test_json_keeps_every_character_and_ends_with_a_newline(capsys: pytest.CaptureFixture[str]) -> None:
    output.show(Result({"name": "Hintertür 入口"}), as_json=True)
    out, err = capsys.readouterr()
    assert (json.loads(out), err) == ({"name": "Hintertür 入口"}, "")
    assert "Hintertür 入口" in out
    assert out.endswith("}\n")


def test_every_problem_is_a_line_of_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_error("The first.\nThe [red]second[/red].")
    assert capsys.readouterr() == ("", "Error: The first.\nError: The [red]second[/red].\n")


def test_log_lines_are_plain_if_not_on_a_terminal(logging_as_before: None, capsys: pytest.CaptureFixture[str]) -> None:
    output.log_lines(console_of(io.StringIO()), Settings())
    long = "recorded " + "x" * 200
    logging.getLogger("cctv.recorder").info("front: [red]%s[/red]", long)
    logging.getLogger("cctv.recorder").debug("for developers")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(f" INFO front: [red]{long}[/red]\n")
    assert err.count("\n") == 1


def terminal(shown: io.StringIO) -> Console:
    return Console(file=shown, width=160, color_system=None, force_terminal=True)


def test_log_lines_on_a_terminal_are_not_markup_either(logging_as_before: None) -> None:
    shown = io.StringIO()
    output.log_lines(terminal(shown), Settings())
    logging.getLogger("cctv.recorder").warning("front: [red]no answer[/red] \x1b[2J")
    assert r"front: [red]no answer[/red] \x1b[2J" in shown.getvalue()


@pytest.mark.parametrize("debug", [False, True])
def test_tracebacks_are_logged_only_with_debug(logging_as_before: None, debug: bool) -> None:
    shown = io.StringIO()
    output.log_lines(terminal(shown), Settings(), debug=debug)
    try:
        raise ValueError("wrong")
    except ValueError:
        logging.getLogger("cctv.recorder").exception("front: unexpected")
    assert ("Traceback" in shown.getvalue()) == debug
    assert "wrong" in shown.getvalue()


def test_json_lines_are_json_on_a_terminal_too(logging_as_before: None, capsys: pytest.CaptureFixture[str]) -> None:
    output.log_lines(terminal(io.StringIO()), Settings(log_format="json"))
    logging.getLogger("cctv.recorder").warning("%s: [red]no answer[/red]", CameraName("front"))
    fields = json.loads(capsys.readouterr().err)
    assert (fields["camera"], fields["message"]) == ("front", "front: [red]no answer[/red]")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_log_file_replaces_standard_error(
    logging_as_before: None, capsys: pytest.CaptureFixture[str], tmp_path: Path, form: str
) -> None:
    output.log_lines(console_of(io.StringIO()), Settings(log_format=form, log_file=tmp_path / "cctv.log"))
    logging.getLogger("cctv.recorder").info("%s: recorded", CameraName("front"))
    (line,) = (tmp_path / "cctv.log").read_text().splitlines()
    assert line.endswith(" INFO front: recorded" if form == "text" else '"camera": "front"}')
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Python has no pseudo-terminals on Windows")
def test_log_lines_for_a_closed_terminal_are_discarded(logging_as_before: None) -> None:
    import pty

    ours, theirs = pty.openpty()
    file = open(theirs, "w")  # noqa: SIM115 - cannot be flushed when it is closed
    console = Console(file=file)
    output.log_lines(console, Settings())
    os.close(ours)
    for number in range(3):
        logging.getLogger("cctv").error("line %d", number)
    assert console.quiet
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        file.close()
