"""One FFmpeg beside another on the same camera: how tests begin it, watch it, and judge it."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, List

from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.files import read_json
from tests.e2e.site import CUT, Site, sent
from tests.support.evidence import assert_explained, assert_whole, gaps, recorded_frames, segments
from tests.support.waiting import end_of, wait_for


def runs(site: Site) -> List[str]:
    """The runs of the recordings, in order."""
    return list(dict.fromkeys(entry.run for _, entry in segments(site.layout)))


def run_file(site: Site) -> Dict[str, Any]:
    return read_json(site.layout.run_file)


def successor(site: Site) -> Dict[str, Any]:
    """The run beside the current one, as the run file has it; empty without one."""
    return run_file(site).get("successor") or {}


def why_ended(site: Site) -> str:
    """Why the last FFmpeg ended; empty if none did."""
    return str(read_json(site.layout.state_file)["last_exit"])


def reload(site: Site) -> None:
    """Change a setting of FFmpeg's command, and nothing that the camera sends."""
    site.settings = replace(site.settings, segment_duration=site.settings.segment_duration + 1)
    site.supervisor.reload(site.settings)


def wait_handed_over(site: Site, run: str) -> None:
    wait_for(
        lambda: run_file(site)["run"] != run and not successor(site), "the end of the handover", shown=site.situation
    )


@contextmanager
def both_record(site: Site) -> Iterator[Dict[str, Any]]:
    """Wait until a second FFmpeg records beside the first, and keep it so in this context; gives the run file.

    The camera sends no key frames meanwhile, so neither FFmpeg cuts, and the second cannot take over.
    """
    ledger = site.camera.ledger

    def both_have_begun() -> bool:
        """The frame before the latest went to both, so that none lacks the key frame with which the second began."""
        return len({frame.session for frame in ledger[-8:] if frame.number == ledger[-1].number - 1}) == 2

    site.camera.wait_for(both_have_begun, "a second FFmpeg")
    site.camera.withhold_keys(True)
    try:
        begun = "its first frames"
        wait_for(lambda: successor(site).get("pid") and successor(site).get("anchor"), begun, shown=site.situation)
        yield run_file(site)
    finally:
        site.camera.withhold_keys(False)


@contextmanager
def supervising(site: Site, ffmpeg: Ffmpeg, live: int) -> Iterator[subprocess.Popen[bytes]]:
    """A supervisor process whose live segments are so long; it is killed in the end. A failed test shows its log."""
    url, storage = site.camera.login_url, site.layout.folder.parent
    argv = [sys.executable, "-m", "tests.support.supervise", ffmpeg.path, str(storage), url, str(CUT), str(live)]
    with subprocess.Popen(argv, cwd=Path(__file__).parents[2], stdin=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            exit_code = process.poll()
            process.kill()
            assert exit_code is None or exit_code <= 0, f"the supervisor ended by itself, with {exit_code}"


def end(supervisor: subprocess.Popen[bytes]) -> float:
    """End a supervisor process in order; returns the instant."""
    stopped_at = time.time()
    supervisor.terminate()
    assert end_of(supervisor) == 0
    return stopped_at


def assert_once(site: Site) -> List[int]:
    """No frame is recorded twice; returns the numbers of those that are recorded."""
    recorded = [frame.number for frame in recorded_frames(site.layout)]
    assert recorded == sorted(set(recorded)), "no frame twice"
    return recorded


def assert_nothing_lost(site: Site, stopped_at: float, count: int) -> None:
    """Every frame was recorded once, in so many runs, and nothing is left behind."""
    assert_whole(site.layout, sent(site.camera, stopped_at))
    assert_explained(site.layout, stopped_at)
    assert gaps(site.layout) == []
    assert len(runs(site)) == count
    assert list(site.layout.incoming.iterdir()) == []
