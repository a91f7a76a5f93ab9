"""A disk that refuses writes while it is mounted for writing: what is shown stays true, and recording returns."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest

from cctv_cli.core.clock import SystemClock
from cctv_cli.core.config.rtsp_url import parse_rtsp_url
from cctv_cli.core.config.settings import Camera, Settings
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.files import read_json
from cctv_cli.core.health.findings import assess, thresholds_of
from cctv_cli.core.health.gather import FactsReader
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording.state import RecorderState, State
from cctv_cli.core.recording.status import StatusReader
from cctv_cli.core.recording.supervisor import Supervisor
from cctv_cli.core.recording.tools import Tools
from cctv_cli.core.storage.marker import ensure_marker
from tests.e2e.site import CUT, MakeClip
from tests.support.evidence import segments
from tests.support.refusing_disk import RefusingDisk
from tests.support.rtsp_camera import RtspCamera
from tests.support.waiting import wait_for


def test_a_disk_that_refuses_writes_is_reported_from_memory_until_it_accepts_them(
    tmp_path: Path, ffmpeg: Ffmpeg, clip_of: MakeClip, monkeypatch: pytest.MonkeyPatch, no_process_left: None
) -> None:
    with RtspCamera(clip_of(audio=None)) as main, RtspCamera(clip_of(audio=None)) as sub:
        camera = Camera("front", "Front", parse_rtsp_url(main.url), sub_source=parse_rtsp_url(sub.url))
        settings = Settings(cameras=(camera,), storage=tmp_path, segment_duration=2)
        tools = Tools(ffmpeg, None, SystemClock(), recording_seconds=CUT)
        statuses = StatusReader(settings, None, published=tools.published)
        facts = FactsReader(settings, None, tools.clock, published=tools.published)
        layouts = [CameraLayout(tmp_path, "front", sub=sub) for sub in (False, True)]

        def shown() -> List[RecorderState]:
            found = (statuses.recorder("front", sub=sub).state for sub in (False, True))
            return [state for state in found if state is not None]

        def states() -> List[State]:
            return [each.state for each in shown()]

        def reasons() -> List[str]:
            return [each.reason for each in shown()]

        def sentences() -> str:
            now, found = facts.read()
            return "\n".join(each.sentence for each in assess(found, thresholds_of(settings), now))

        ensure_marker(tmp_path)
        supervisor = Supervisor(settings, tools, whole=True)
        supervisor.start()
        wait_for(lambda: states() == [State.RUNNING, State.RUNNING], "both streams run")
        wait_for(lambda: segments(layouts[0]), "a recording")
        disk = RefusingDisk(tmp_path, monkeypatch)
        main.drop()
        sub.drop()
        wait_for(lambda: all("storage failed" in reason for reason in reasons()), "both streams report the storage")
        assert states() == [State.BACKOFF, State.BACKOFF]
        assert [read_json(layout.state_file)["state"] for layout in layouts] == ["running", "running"]
        status = statuses.read_one(camera, tools.clock.now())
        assert status.state is State.BACKOFF and status.supervisor_pid is not None and status.ffmpeg_pid is None
        assert status.reason.startswith("the storage failed: Read-only file system; ")
        said = sentences()
        assert "The storage refuses writes: Read-only file system; " in said and "No supervisor" not in said
        assert "It is not recorded: the storage failed: Read-only file system; " in said
        known = len(segments(layouts[0]))
        disk.refuses = False
        wait_for(lambda: states() == [State.RUNNING, State.RUNNING], "both streams run again")
        wait_for(lambda: len(segments(layouts[0])) > known + 1, "recordings after the refusal")
        wait_for(lambda: read_json(layouts[1].state_file)["state"] == "running", "the sub stream's state is written")
        assert "refuses writes" not in sentences()
        supervisor.stop(leave_running=False)
        assert statuses.recorder("front").is_here is False
