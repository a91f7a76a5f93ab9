"""The real `cctv`, but for the length of a recording: python -m tests.faults.serve SECONDS serve --port 8000

A fault has to meet many commits in little time, so recordings are cut every few seconds; 60 is the product's length.
"""

from __future__ import annotations

import sys
from functools import partial

from cctv_cli.cli import app
from cctv_cli.core import runtime


def main() -> None:
    """Run a command of cctv whose recordings have the length of the first argument."""
    seconds = int(sys.argv.pop(1))
    runtime.Tools = partial(runtime.Tools, recording_seconds=seconds)  # type: ignore[assignment,misc]
    app.main()


if __name__ == "__main__":
    main()
