"""What FFmpeg wrote before it ended is read before it is diagnosed."""

from __future__ import annotations

import threading
from pathlib import Path
from unittest.mock import Mock

import pytest

from cctv_cli.core.clock import SystemClock
from cctv_cli.core.config.settings import DemoSource, RtspSource
from cctv_cli.core.ffmpeg.stderr_log import BoundedLog
from cctv_cli.core.recording.stderr import Stderr
from cctv_cli.core.units import Secret


def test_a_reader_that_is_late_is_waited_for(tmp_path: Path) -> None:
    stderr = Stderr(BoundedLog(tmp_path / "ffmpeg.log"), SystemClock(), DemoSource(tone=False), lambda: None)
    waits = threading.Event()

    def read() -> None:
        waits.wait()
        for number in range(500):
            stderr.on_line(f"line {number}")
        stderr.on_closed()

    reader = threading.Thread(target=read)
    reader.start()
    waits.set()
    stderr.wait_until_read()
    assert stderr.recent_lines()[-1] == "line 499"
    reader.join()
    assert stderr.was_closed()
    stderr.wait_until_read()
    assert not stderr.was_closed(), "a later look does not wait for it again"


@pytest.mark.parametrize("guarded_first", [True, False])
def test_ffmpeg_is_killed_as_soon_as_the_camera_redirects_it(tmp_path: Path, guarded_first: bool) -> None:
    source = RtspSource("192.168.1.100", 554, "/101", "admin", Secret("geheim"))
    stderr = Stderr(BoundedLog(tmp_path / "ffmpeg.log"), SystemClock(), source, lambda: None)
    process = Mock()
    if guarded_first:
        stderr.guard(process)
        stderr.on_line("[in#0 @ 0x5] [info] Opening '000001.ts' for writing")
        process.kill.assert_not_called()
    stderr.on_line("[rtsp @ 0x55d3] [info] Status 302: Redirecting to rtsp://192.168.1.7:8554/live?token=t0p")
    stderr.on_line("[rtsp @ 0x55d3] [error] method DESCRIBE failed: 401 (Unauthorized)")
    if not guarded_first:
        stderr.guard(process)
    process.kill.assert_called_once_with()
    found = stderr.why_ended(-9)
    to = "the camera redirects to 192.168.1.7:8554 (302): set the new address in the RTSP URL"
    assert (found.cause, found.reason) == ("redirected", to)
    assert stderr.recent_lines() == [to, "[rtsp @ 0x55d3] [error] method DESCRIBE failed: 401 (Unauthorized)"]
    log = (tmp_path / "ffmpeg.log").read_text()
    assert to in log
    assert "t0p" not in log
    assert "Opening" not in log
