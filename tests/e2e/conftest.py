from __future__ import annotations

from pathlib import Path
from typing import Iterator

import psutil
import pytest

from tests.e2e.site import MakeClip
from tests.support.clip import Clip, make_clip


@pytest.fixture(scope="module")
def clip_of(tmp_path_factory: pytest.TempPathFactory, ffmpeg_path: str) -> MakeClip:
    """Makes clips with FFmpeg."""

    def make(**options: object) -> Clip:
        return make_clip(ffmpeg_path, tmp_path_factory.mktemp("clip"), **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def no_process_left(tmp_path: Path) -> Iterator[None]:
    """After a test no FFmpeg works in its folder."""
    yield
    for process in psutil.process_iter():
        try:
            if tmp_path in Path(process.cwd()).parents:
                process.kill()
                pytest.fail(f"a process was left behind: {process.pid}")
        except psutil.Error:
            continue
