"""Recording onto a file server whose clock differs: times are true, live plays, and health names the server's clock."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import List

import pytest

from cctv_cli.core.clock import SystemClock
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.files import read_text
from cctv_cli.core.health.findings import assess, thresholds_of
from cctv_cli.core.health.gather import FactsReader
from cctv_cli.core.hls.playlist import parse_live
from cctv_cli.core.layout import live_segment_name
from tests.e2e.site import MakeClip, Site, sent
from tests.support.evidence import assert_explained, assert_times_true, assert_whole, gaps
from tests.support.file_server import FileServer
from tests.support.rtsp_camera import RtspCamera

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the stand-in for a file server looks at /proc")


def clock_findings(site: Site) -> List[str]:
    now, facts = FactsReader(site.settings, None, SystemClock()).read()
    found = assess(facts, thresholds_of(site.settings), now)
    return [each.sentence for each in found if each.name in ("disk_clock", "future_footage")]


@pytest.mark.parametrize(("ahead", "said"), [(120.0, "2m ahead of"), (-120.0, "2m behind"), (-0.4, "")])
def test_times_are_true_whatever_clock_dates_the_files(
    tmp_path: Path,
    ffmpeg: Ffmpeg,
    clip_of: MakeClip,
    monkeypatch: pytest.MonkeyPatch,
    no_process_left: None,
    ahead: float,
    said: str,
) -> None:
    FileServer(tmp_path, monkeypatch, ahead)
    with RtspCamera(clip_of(audio=None)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(3)
        live = parse_live(read_text(site.layout.live_playlist) or "")
        read_at = time.time()
        newest = live.segments[-1] if live is not None else None
        findings = clock_findings(site)
        stopped_at = site.stop()
        assert_whole(site.layout, sent(camera, stopped_at))
        assert_times_true(site.layout, camera)
        assert_explained(site.layout, stopped_at)
        assert gaps(site.layout) == []
        assert newest is not None and read_at - 30.0 < newest.end <= time.time()
        assert (site.layout.live / live_segment_name(newest.number)).is_file()
        if said:
            (sentence,) = findings
            assert sentence.startswith(f"The clock of the file server of cam1 is {said} this machine's")
        else:
            assert findings == []


@pytest.mark.parametrize(("before", "after"), [(120.0, 0.0), (0.0, 120.0)])
def test_a_file_server_whose_clock_is_set_moves_no_recording(
    tmp_path: Path,
    ffmpeg: Ffmpeg,
    clip_of: MakeClip,
    monkeypatch: pytest.MonkeyPatch,
    no_process_left: None,
    before: float,
    after: float,
) -> None:
    server = FileServer(tmp_path, monkeypatch, before)
    with RtspCamera(clip_of(audio=None)) as camera:
        site = Site(tmp_path, ffmpeg, camera)
        site.supervisor.start()
        site.wait_recordings(2)
        server.ahead = after
        site.wait_recordings(4)
        stopped_at = site.stop()
        assert_whole(site.layout, sent(camera, stopped_at))
        assert_explained(site.layout, stopped_at)
        assert gaps(site.layout) == []
