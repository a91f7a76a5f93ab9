from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import pytest

from cctv_cli.core.config.settings import Camera, DemoSource, Settings
from cctv_cli.core.errors import FfmpegError
from cctv_cli.core.ffmpeg.command import AudioOutput, Ffmpeg, record_command
from cctv_cli.core.ffmpeg.find import can_draw_text, find_ffmpeg, inspect
from tests.support.waiting import HANG

posix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins for FFmpeg are shell scripts")

BANNERS: Dict[str, Tuple[str, int]] = {
    "Debian": ("5.1.9-0+deb12u1", 59),
    "oldest": ("5.0", 59),
    "release": ("7.1.1", 61),
    "bundled": ("n9.0.2-17-g2a571b6068-20260930", 63),
    "Windows": ("8.0-essentials_build-www.gyan.dev", 62),
    "git": ("N-118193-g5f38c82536-20241230", 61),
    "git of Windows": ("2025-01-02-git-a8e9d5a3e6-full_build-www.gyan.dev", 61),
    "Ubuntu 22.04": ("4.4.2-0ubuntu0.22.04.1", 58),
    "old git": ("N-98765-g0123456789", 58),
}


def stand_in(folder: Path, build: str) -> str:
    """An executable that answers like this build of FFmpeg."""
    version, libavformat = BANNERS[build]
    return script(
        folder,
        f"""\
        case "$*" in
        *-version*)
            echo 'ffmpeg version {version} Copyright (c) 2000-2026 the FFmpeg developers'
            echo 'libavutil      57. 28.100 / 57. 28.100'
            echo 'libavformat    {libavformat}. 27.100 / {libavformat}. 27.100';;
        *-encoders*)
            echo ' V..... = Video'
            echo ' V....D libx264              libx264 H.264 / AVC / MPEG-4 AVC / MPEG-4 part 10 (codec h264)'
            echo ' A....D aac                  AAC (Advanced Audio Coding)';;
        esac
        """,
    )


def script(folder: Path, text: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return str(path)


def bundle(monkeypatch: pytest.MonkeyPatch, folder: Path, exe: Optional[str]) -> None:
    """Install a stand-in for the `ffmpeg` extra that returns `exe`, or raises if that is None."""
    folder.mkdir()
    answer = "raise RuntimeError('no ffmpeg exe')" if exe is None else f"return {exe!r}"
    (folder / "imageio_ffmpeg.py").write_text(f"def get_ffmpeg_exe():\n    {answer}\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "imageio_ffmpeg", raising=False)


@pytest.fixture
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with a single, empty folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@posix
@pytest.mark.parametrize(
    ("build", "major"),
    [
        ("Debian", 5),
        ("oldest", 5),
        ("release", 7),
        ("bundled", 9),
        ("Windows", 8),
        ("git", None),
        ("git of Windows", None),
    ],
)
def test_versions_are_read(tmp_path: Path, build: str, major: Optional[int]) -> None:
    found = inspect(stand_in(tmp_path, build))
    assert (found.version, found.major) == (BANNERS[build][0], major)
    assert {"libx264", "aac"} <= found.encoders
    assert found.h264_encoder == "libx264"


@posix
@pytest.mark.parametrize("build", ["Ubuntu 22.04", "old git"])
def test_an_old_ffmpeg_is_refused(tmp_path: Path, build: str) -> None:
    path = stand_in(tmp_path, build)
    with pytest.raises(FfmpegError) as refused:
        inspect(path)
    for part in (path, BANNERS[build][0], "needs 5 or newer", "cctv-cli[ffmpeg]", "FFMPEG_PATH"):
        assert part in str(refused.value)
    assert "\n" not in str(refused.value)


@posix
@pytest.mark.parametrize(
    "text",
    ["echo 'Python 3.11.2'", "exit 127", "echo 'error while loading shared libraries: libx264.so.164' >&2; exit 127"],
    ids=["another program", "nothing", "broken installation"],
)
def test_a_program_that_does_not_answer_like_ffmpeg_is_refused(tmp_path: Path, text: str) -> None:
    path = script(tmp_path, text)
    with pytest.raises(FfmpegError, match="does not answer like FFmpeg; install it") as refused:
        inspect(path)
    assert path in str(refused.value)


@posix
def test_a_file_that_cannot_be_executed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ffmpeg"
    path.write_bytes(b"\x7fELF for another machine")
    path.chmod(0o755)
    with pytest.raises(FfmpegError, match="does not start"):
        inspect(str(path))


@posix
def test_the_configured_path_comes_first(tmp_path: Path, empty_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(empty_path, "Debian")
    bundle(monkeypatch, tmp_path / "site", stand_in(tmp_path / "bundled", "bundled"))
    configured = stand_in(tmp_path / "mine", "release")
    assert find_ffmpeg(Path(configured)).path == configured


@posix
def test_then_the_one_on_the_path(tmp_path: Path, empty_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = stand_in(empty_path, "Debian")
    bundle(monkeypatch, tmp_path / "site", stand_in(tmp_path / "bundled", "bundled"))
    assert find_ffmpeg(None).path == on_path


@posix
def test_then_the_bundled_one(tmp_path: Path, empty_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = stand_in(tmp_path / "bundled", "bundled")
    bundle(monkeypatch, tmp_path / "site", bundled)
    assert find_ffmpeg(None).path == bundled


@posix
def test_a_bundled_ffmpeg_is_used_if_the_one_on_the_path_is_too_old(
    tmp_path: Path, empty_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the error about FFmpeg 4.4 of Ubuntu 22.04 says to install the extra, which must then help
    stand_in(empty_path, "Ubuntu 22.04")
    bundled = stand_in(tmp_path / "bundled", "bundled")
    bundle(monkeypatch, tmp_path / "site", bundled)
    assert find_ffmpeg(None).path == bundled


@posix
def test_without_any_ffmpeg_the_error_says_how_to_install_it(
    tmp_path: Path, empty_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle(monkeypatch, tmp_path / "site", None)
    with pytest.raises(FfmpegError, match=r"was not found; install it \(apt install ffmpeg"):
        find_ffmpeg(None)


def test_a_wrong_configured_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FfmpegError, match="correct FFMPEG_PATH or remove it") as refused:
        find_ffmpeg(tmp_path / "none")
    assert str(tmp_path / "none") in str(refused.value)


def test_a_real_ffmpeg_is_usable(ffmpeg: Ffmpeg) -> None:
    assert find_ffmpeg(Path(ffmpeg.path)) == ffmpeg
    assert ffmpeg.major is None or ffmpeg.major >= 5
    assert "aac" in ffmpeg.encoders
    assert "=" not in ffmpeg.encoders  # from the legend of the list


# ---- the clock of a demo


@posix
@pytest.mark.parametrize(("status", "drawn"), [(0, True), (1, False)], ids=["a font", "no font"])
def test_whether_ffmpeg_can_draw_a_clock(tmp_path: Path, status: int, drawn: bool) -> None:
    assert can_draw_text(Ffmpeg(script(tmp_path, f"exit {status}"), "7.1", 7, frozenset())) is drawn


def test_an_ffmpeg_that_does_not_exist_cannot_draw_a_clock(tmp_path: Path) -> None:
    assert not can_draw_text(Ffmpeg(str(tmp_path / "none"), "7.1", 7, frozenset()))


def test_a_real_ffmpeg_draws_the_clock_if_it_can(ffmpeg: Ffmpeg) -> None:
    able = replace(ffmpeg, drawtext=can_draw_text(ffmpeg))
    camera = Camera("demo", "Demo", DemoSource(tone=False))
    command = record_command(able, camera, Settings(), run="0123456789abcdef", first_live=0, audio=AudioOutput.ENCODED)
    picture = command.argv[command.argv.index("-i") + 1]
    assert ("drawtext" in picture) is able.drawtext
    argv: List[str] = [ffmpeg.path, "-loglevel", "error", "-f", "lavfi", "-i", f"{picture}", "-t", "0.1"]
    done = subprocess.run([*argv, "-f", "null", os.devnull], stdin=subprocess.DEVNULL, timeout=HANG, check=False)
    assert done.returncode == 0
