"""Coverage-guided fuzzing of one parser: python -m tests.fuzz TARGET --minutes 10.

Needs atheris (pip install atheris), which is not a test requirement: it has wheels only for Linux, macOS and some
Pythons. Seeds come from FFmpeg. The corpus stays in --corpus, where a later run continues. Input that fails a check
is written there as crash-*; once it is understood, it becomes a plain test.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["cctv_cli"]):
    from tests.fuzz.targets import TARGETS

from cctv_cli.core.ffmpeg.find import find_ffmpeg
from tests.fuzz.seeds import write_seeds


def main() -> None:
    """Fuzz until the time is over or a check fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--corpus", type=Path, default=Path(tempfile.gettempdir()) / "cctv-fuzz")
    arguments = parser.parse_args()
    corpus = arguments.corpus / arguments.target
    corpus.mkdir(parents=True, exist_ok=True)
    write_seeds(arguments.target, find_ffmpeg(None), corpus)
    options = [
        f"-max_total_time={60 * arguments.minutes:.0f}",
        f"-artifact_prefix={corpus}/",
        "-timeout=5",
        "-rss_limit_mb=1024",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], TARGETS[arguments.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
