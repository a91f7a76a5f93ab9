"""Finds FFmpeg on this machine, and its version and capabilities."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
from pathlib import Path
from typing import Optional

from cctv_cli.core.errors import FfmpegError
from cctv_cli.core.ffmpeg.command import INSTALL, Ffmpeg

log = logging.getLogger("cctv.ffmpeg")

OLDEST = 5
_LIBAVFORMAT_OF_OLDEST = 59  # FFmpeg 5.0; a build from git has no other version number
_ANSWER_TIME = 30  # seconds


def find_ffmpeg(configured: Optional[Path]) -> Ffmpeg:
    """The FFmpeg to use: the configured one, the one on the PATH, or that of the `ffmpeg` extra.

    Raises FfmpegError if there is none, it does not run, or it is older than 5.
    """
    if configured is not None:
        path = shutil.which(str(configured))
        if path is None:
            raise FfmpegError(f"FFmpeg is not at {configured}; correct FFMPEG_PATH or remove it")
        return inspect(path)
    candidates = [path for path in (shutil.which("ffmpeg"), _bundled()) if path is not None]
    if not candidates:
        raise FfmpegError(f"FFmpeg was not found; {INSTALL}")
    *preferred, last = candidates
    for path in preferred:
        try:
            return inspect(path)
        except FfmpegError as error:
            log.warning("%s", error)
    return inspect(last)


def _bundled() -> Optional[str]:
    try:
        import imageio_ffmpeg
    except ImportError:
        return None
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None


def inspect(path: str) -> Ffmpeg:
    """Run an FFmpeg to get its version and encoders. Raises FfmpegError."""
    banner = _ask(path, "-version")
    major = re.search(r"^ffmpeg version n?(\d+)\.", banner)
    library = re.search(r"^libavformat\s+(\d+)\.", banner, re.MULTILINE)
    version = re.search(r"^ffmpeg version (\S+)", banner)
    if version is None or library is None:
        raise FfmpegError(f"{path} does not answer like FFmpeg; {INSTALL}")
    if int(library.group(1)) < _LIBAVFORMAT_OF_OLDEST:
        raise FfmpegError(
            f"FFmpeg at {path} is version {version.group(1)}, but cctv needs {OLDEST} or newer; {INSTALL}"
        )
    encoders = frozenset(re.findall(r"^ [VA][A-Z.]{5} (\w+)", _ask(path, "-encoders"), re.MULTILINE))
    return Ffmpeg(path, version.group(1), int(major.group(1)) if major else None, encoders)


def _ask(path: str, question: str) -> str:
    try:
        done = subprocess.run(
            [path, "-hide_banner", question] if question != "-version" else [path, question],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_ANSWER_TIME,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise FfmpegError(f"FFmpeg at {path} does not start ({error}); {INSTALL}") from error
    return done.stdout.decode("utf-8", "replace")


def can_draw_text(ffmpeg: Ffmpeg) -> bool:
    """Whether this FFmpeg can draw a clock into the picture, which needs a font on this machine."""
    argv = [ffmpeg.path, "-v", "quiet", "-f", "lavfi", "-i", "color=s=64x64:d=0.04,drawtext=text=1"]
    try:
        done = subprocess.run(
            [*argv, "-f", "null", "-"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_ANSWER_TIME,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
