from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterator, Tuple

import psutil
import pytest

from tests.e2e.site import MakeClip
from tests.support.clip import Clip, make_clip


@pytest.fixture(scope="session")
def clip_of(tmp_path_factory: pytest.TempPathFactory, ffmpeg_path: str) -> MakeClip:
    """A clip with these options of `make_clip`, each made once."""
    made: Dict[Tuple[Tuple[str, object], ...], Clip] = {}

    def make(**options: object) -> Clip:
        key = tuple(sorted(options.items()))
        if key not in made:
            made[key] = make_clip(ffmpeg_path, tmp_path_factory.mktemp("clip"), **options)  # type: ignore[arg-type]
        return made[key]

    return make


@pytest.fixture
def no_process_left(tmp_path: Path) -> Iterator[None]:
    """Fail if a process still runs in the test's folder after the test."""
    yield
    for process in psutil.process_iter():
        try:
            if tmp_path in Path(process.cwd()).parents:
                process.kill()
                pytest.fail(f"a process was left behind: {process.pid}")
        except psutil.Error:
            continue
