"""Planned changes of FFmpeg: the next one takes over from the current one while it runs."""

from __future__ import annotations

import signal
from typing import Any, Dict, Tuple

from cctv_cli.core.files import read_json
from tests.faults.fault import Fault
from tests.faults.serve import ROTATE_AFTER
from tests.faults.site import Site
from tests.support.waiting import wait_for

_OPTIONS = '[stream]\naudio_bitrate = "96k"\n\n'  # another command for FFmpeg


def _run_files(site: Site) -> Dict[str, Dict[str, Any]]:
    return {name: read_json(site.layout(name).run_file) for name in site.victims}


def _wait_for_others(site: Site, before: Dict[str, Dict[str, Any]]) -> None:
    """Wait until each camera is recorded by another FFmpeg alone."""

    def changed() -> bool:
        now = _run_files(site)
        return all(now[name]["run"] != before[name]["run"] and not now[name]["successor"] for name in before)

    wait_for(changed, "another FFmpeg for each camera")


def _reload(site: Site) -> None:
    before = _run_files(site)
    site.reload(_OPTIONS)
    _wait_for_others(site, before)


def _rotate_soon(site: Site) -> None:
    site.environ[ROTATE_AFTER] = str(3 * site.cut)


def _rotate_twice(site: Site) -> None:
    for _ in range(2):
        _wait_for_others(site, _run_files(site))


def _kill_while_both_record(site: Site) -> None:
    site.reload(_OPTIONS)
    wait_for(lambda: all((run["successor"] or {}).get("anchor") for run in _run_files(site).values()), "two FFmpegs")
    site.signal_server(signal.SIGKILL)


def _serve_until_done(site: Site) -> None:
    before = _run_files(site)
    site.serve()
    _wait_for_others(site, before)


FAULTS: Tuple[Fault, ...] = (
    Fault(
        "reload",
        "configuration reloaded with another command for FFmpeg: the next FFmpeg takes over without losing a frame",
        _reload,
        loses_while_it_lasts=False,
    ),
    Fault(
        "rotation",
        "FFmpeg replaced before its times wrap, twice: no frame is lost or recorded twice",
        _rotate_twice,
        prepare=_rotate_soon,
        loses_while_it_lasts=False,
    ),
    Fault(
        "kill-in-handover",
        "server killed (kill -9) while one FFmpeg takes over from another: the next one completes it without a loss",
        _kill_while_both_record,
        _serve_until_done,
        loses_while_it_lasts=False,
    ),
)
