"""What a recorder writes into `.state.json` from try to try. No camera is reached; end-to-end tests do the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

from cctv_cli.core import store
from cctv_cli.core.ffmpeg import Ffmpeg
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.probe import Outcome, ProbeResult
from cctv_cli.core.recorder import Recorder, Tools
from cctv_cli.core.settings import Camera, RtspSource, Settings
from tests.support.storage_tree import FixedClock

CAMERA = Camera("cam1", "Gate", RtspSource("192.168.1.100", 554, "/101"))


def test_a_failure_is_told_through_the_next_tries_until_an_operator_stops_the_camera(tmp_path: Path) -> None:
    layout, clock = CameraLayout(tmp_path, "cam1"), FixedClock(1_800_000_000.0)
    while_asking: List[Dict[str, Any]] = []

    def probe(source: RtspSource) -> ProbeResult:
        while_asking.append(store.read_json(layout.state_file))
        return ProbeResult(Outcome.REFUSED, "It refuses the connection.")

    tools = Tools(Ffmpeg("ffmpeg", "9.0", 9, frozenset()), None, clock, probe=probe)
    recorder = Recorder(CAMERA, Settings(storage=tmp_path, cameras=(CAMERA,)), tools, lambda: None)
    for _ in range(3):
        clock.advance(recorder.run_once())
    assert [state["state"] for state in while_asking] == ["starting", "backoff", "backoff"]
    assert [state["failure"] for state in while_asking] == ["", *["It refuses the connection"] * 2]
    state = store.read_json(layout.state_file)
    assert (state["state"], state["failure"]) == ("backoff", "It refuses the connection")
    layout.stopped_file.touch()
    recorder.run_once()
    state = store.read_json(layout.state_file)
    assert (state["state"], state["failure"]) == ("stopped", "")
