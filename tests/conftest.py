"""For all tests: which FFmpeg they run, in which time zone, and with how many workers."""

from __future__ import annotations

import importlib
import logging
import os
import shutil
import sys
import threading
import time
from typing import Dict, Iterator, List

import hypothesis
import pytest

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.ffmpeg.find import inspect
from cctv_cli.core.logs import Repeats
from tests.support.media import Media, make_media

# The same few examples every time, so that a run is short and repeatable; HYPOTHESIS_PROFILE=search looks for more.
hypothesis.settings.register_profile("short", max_examples=25, deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("search", max_examples=500, deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))

WORKERS_PER_CORE = 4
MOST_WORKERS = 32  # each takes some 200 MB; more do not make the tests faster
ZONE = "Europe/Berlin"  # has summer time, and is not UTC, which build machines use


def installed_ffmpegs() -> Dict[str, str]:
    """The FFmpegs of this machine: the system's, and the one of the `ffmpeg` extra (on Python 3.8 too old)."""
    found = {"system": shutil.which("ffmpeg")}
    if sys.version_info >= (3, 9):
        try:
            found["bundled"] = importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
        except (ImportError, RuntimeError):
            pass
    return {name: path for name, path in found.items() if path is not None}


def _ffmpegs() -> List[object]:
    installed = installed_ffmpegs()
    only = os.environ.get("CCTV_TEST_FFMPEG")
    if only is not None and only not in installed:
        known = ", ".join(installed) or "none"
        raise pytest.UsageError(f"CCTV_TEST_FFMPEG is {only!r}, but the installed FFmpegs are: {known}")
    if not installed:
        no_ffmpeg = "no FFmpeg is installed; apt install ffmpeg, or pip install imageio-ffmpeg"
        return [pytest.param("", id="none", marks=pytest.mark.skip(reason=no_ffmpeg))]
    return [pytest.param(path, id=name) for name, path in installed.items() if only in (None, name)]


def pytest_xdist_auto_num_workers() -> int:
    """The number of workers for `-n auto`: several for each core, because slow tests mostly wait."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(WORKERS_PER_CORE * cores, MOST_WORKERS)


@pytest.fixture(scope="session", params=_ffmpegs())
def ffmpeg_path(request: pytest.FixtureRequest) -> str:
    """The path of a real FFmpeg; a test that uses it runs once with each installed FFmpeg.

    The environment variable CCTV_TEST_FFMPEG=system or =bundled selects one.
    """
    return str(request.param)


@pytest.fixture(scope="session")
def ffmpeg(ffmpeg_path: str) -> Ffmpeg:
    """The FFmpeg at `ffmpeg_path`, inspected."""
    return inspect(ffmpeg_path)


@pytest.fixture(scope="session")
def media(ffmpeg: Ffmpeg, tmp_path_factory: pytest.TempPathFactory) -> Media:
    """Small real media files of that FFmpeg; tests copy what they change."""
    return make_media(ffmpeg, tmp_path_factory.mktemp("media"))


@pytest.fixture(autouse=True)
def _local_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the system's time zone for every test. On Windows a process cannot."""
    if not hasattr(time, "tzset"):
        yield
        return
    monkeypatch.setenv("TZ", ZONE)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def logging_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what `logs.install` set up in a test."""
    root, own = logging.getLogger(), logging.getLogger("cctv")
    levels = (root.level, own.level)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    yield
    for handler in list(root.handlers):
        if any(isinstance(each, Repeats) for each in handler.filters):
            root.removeHandler(handler)
            handler.close()
    root.setLevel(levels[0])
    own.setLevel(levels[1])
