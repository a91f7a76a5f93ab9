"""`cctv serve` with a camera `front` whose thread hangs, and whose media files make a thread of the server hang.

Run as a program, with the arguments of cctv; reports on standard error when a thread hangs.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

from cctv_cli.api import media_cache
from cctv_cli.cli import app
from cctv_cli.core.recording import supervisor
from cctv_cli.core.recording.recorder import Recorder

NEVER = threading.Event()


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main() -> None:
    real_step, real_look = Recorder.run_once, media_cache.MediaCache._look

    def step(recorder: Recorder) -> float:
        if recorder._camera.id == "front":
            say("the camera's thread hangs")
            NEVER.wait()
        return real_step(recorder)

    def look(cache: media_cache.MediaCache, path: Path, *args: Any) -> Any:
        if "front" in path.parts:
            say("the server's thread hangs")
            NEVER.wait()
        return real_look(cache, path, *args)

    Recorder.run_once = step  # type: ignore[method-assign]
    media_cache.MediaCache._look = look  # type: ignore[method-assign,assignment]
    supervisor.STOP_LIMIT = 3.0
    app.main()


main()
