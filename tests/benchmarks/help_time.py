"""How long `cctv --help` takes, compared with the `--help` of an empty Typer application.

Run it from the checkout: python -m tests.benchmarks.help_time
The two alternate, so that a machine that slows down slows both. The fastest run of each counts. It fails if
cctv takes more than twice as long.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import List

RUNS = 15
MOST = 2.0
CCTV = [sys.executable, "-m", "cctv_cli", "--help"]
EMPTY = [
    sys.executable,
    "-c",
    "import typer\napp = typer.Typer()\n\n@app.command()\ndef main() -> None:\n    pass\n\napp()\n",
    "--help",
]


def seconds(command: List[str]) -> float:
    """How long a process takes from its start to its end."""
    begin = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def main() -> None:
    for command in (CCTV, EMPTY):
        seconds(command)  # reads the files from disk and writes the compiled ones
    pairs = [(seconds(CCTV), seconds(EMPTY)) for _ in range(RUNS)]
    cctv, empty = (min(times) for times in zip(*pairs))
    print(f"cctv --help {cctv:.3f} s, an empty Typer application's {empty:.3f} s, ratio {cctv / empty:.2f}")
    if cctv > MOST * empty:
        raise SystemExit(f"More than {MOST:.0f} times as long.")


if __name__ == "__main__":
    main()
