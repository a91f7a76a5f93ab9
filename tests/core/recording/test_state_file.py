"""A recorder's state is published at once, and written as soon as the disk accepts it."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any, Dict

import pytest

from cctv_cli.core.files import read_json
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording.published import Published
from cctv_cli.core.recording.state import State
from cctv_cli.core.recording.state_file import StateFile
from tests.support.refusing_disk import RefusingDisk

CODES = (errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EACCES, errno.ESTALE)


@pytest.mark.parametrize("code", CODES, ids=[errno.errorcode[code] for code in CODES])
@pytest.mark.parametrize("sub", [False, True], ids=["main", "sub"])
def test_a_state_that_cannot_be_written_is_published_and_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, sub: bool, code: int
) -> None:
    layout, published = CameraLayout(tmp_path, "front", sub=sub), Published()
    layout.folder.mkdir(parents=True)
    state = StateFile(layout, lambda: 1792888200.0, published, lambda: None)

    def written() -> Dict[str, Any]:
        return read_json(layout.state_file)

    state.show(State.RUNNING, "recording")
    disk = RefusingDisk(tmp_path, monkeypatch, code)
    state.show(State.BACKOFF, "the storage failed", "storage")
    assert written()["state"] == "running" and "the state cannot be written" in caplog.text
    shown = published.read(layout).state
    assert shown is not None and (shown.state, shown.failure) == (State.BACKOFF, "the storage failed")
    assert state.has_failed
    state.show(State.STARTING, "waiting for the first frames")
    shown = published.read(layout).state
    assert shown is not None and (shown.state, shown.failure) == (State.STARTING, "the storage failed")
    disk.refuses = False
    state.show(State.STARTING, "waiting for the first frames")
    assert written()["state"] == "starting" and published.read(layout).state == shown
