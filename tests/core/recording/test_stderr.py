"""What FFmpeg wrote before it ended is read before it is diagnosed."""

from __future__ import annotations

import threading
from pathlib import Path

from cctv_cli.core.clock import SystemClock
from cctv_cli.core.config.settings import DemoSource
from cctv_cli.core.ffmpeg.stderr_log import BoundedLog
from cctv_cli.core.recording.stderr import Stderr


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
