"""Fixtures for the tests of the test camera: clips, each made once."""

from __future__ import annotations

import importlib
import shutil
from typing import Callable, Dict, Tuple

import pytest

from tests.support.clip import Clip, make_clip

ClipOf = Callable[..., Clip]


@pytest.fixture(scope="session")
def any_ffmpeg() -> str:
    """Any FFmpeg, for tests that do not depend on its version: the system's, or the bundled one."""
    found = shutil.which("ffmpeg")
    try:
        return found or str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        pytest.skip("no FFmpeg is installed")


@pytest.fixture(scope="session")
def clip_of(any_ffmpeg: str, tmp_path_factory: pytest.TempPathFactory) -> ClipOf:
    """A clip with these options of `make_clip`; by default small, without sound, a key frame every 10 frames."""
    made: Dict[Tuple[Tuple[str, object], ...], Clip] = {}

    def make(**options: object) -> Clip:
        options = {"gop": 10, "size": "64x64", "bit_rate": "64k", "audio": None, **options}
        key = tuple(sorted(options.items()))
        if key not in made:
            made[key] = make_clip(any_ffmpeg, tmp_path_factory.mktemp("clip"), **options)  # type: ignore[arg-type]
        return made[key]

    return make
