"""The fault table: python -m tests.faults [ROW ...] [--ffmpeg system] [--seed N] [--rounds N] [--json] [--quick]

Each row does one fault to a real `cctv serve` with simulated cameras, and holds what was recorded against the ledgers
of the cameras. A row whose tools or rights are missing is "not run", never "kept". The exit code is 1 when a promise
was broken.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import List, Tuple

from tests.conftest import installed_ffmpegs
from tests.faults import private
from tests.faults.fault import Fault
from tests.faults.rows import FAULTS, QUICK
from tests.faults.site import working_folder
from tests.faults.table import BROKEN, Effort, Row, markdown, measure, render
from tests.support.clip import Clip, make_clip


def main() -> None:
    """Run the rows that were asked for, and print the table."""
    options = _options()
    private.enter("tests.faults")
    faults = [fault for fault in FAULTS if fault.name in options.rows]
    ffmpegs = {name: path for name, path in installed_ffmpegs().items() if options.ffmpeg in (None, name)}
    effort = Effort(options.rounds, options.cameras, options.cut, options.seed)
    rows: List[Row] = []
    with working_folder(options.folder) as folder:
        clips = {name: _clip(path, folder / f"clip-{name}", options.video) for name, path in ffmpegs.items()}

        def run(task: Tuple[Fault, str]) -> Row:
            fault, name = task
            return measure(fault, (name, ffmpegs[name]), clips[name], folder / f"{fault.name}-{name}", effort)

        with ThreadPoolExecutor(options.jobs) as pool:
            for row in pool.map(run, [(fault, name) for fault in faults for name in ffmpegs]):
                rows.append(row)
                print(render(row), file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    elif options.markdown:
        print(markdown(rows))
    sys.exit(any(row.verdict == BROKEN for row in rows))


def _options() -> argparse.Namespace:
    names = [fault.name for fault in FAULTS]
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Measure what faults cost.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"all without; {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}")
    parser.add_argument("--ffmpeg", choices=["system", "bundled"], help="only with this FFmpeg")
    parser.add_argument("--video", choices=["h264", "hevc"], default="h264", help="what the cameras send")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the instants at which faults begin")
    parser.add_argument("--rounds", type=int, default=1, metavar="N", help="of each row, one after the other")
    parser.add_argument("--cameras", type=int, default=2, metavar="N", help="of each round; a fault hits all at once")
    parser.add_argument(
        "--cut", type=int, default=4, metavar="SECONDS", help="length of a recording; 60 in the product"
    )
    parser.add_argument("--jobs", type=int, default=4, metavar="N", help="rows that run at the same time")
    parser.add_argument("--folder", type=Path, help="keep everything in this new folder")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("--markdown", action="store_true", help="print the table for the README")
    options = parser.parse_args()
    unknown = set(options.rows).difference(names)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    options.rows = options.rows or (QUICK if options.quick else names)
    return options


def _clip(ffmpeg: str, folder: Path, video: str) -> Clip:
    folder.mkdir()
    return make_clip(ffmpeg, folder, video=video)


if __name__ == "__main__":
    main()
