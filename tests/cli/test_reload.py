"""`cctv reload`, as far as no process is needed: `test_serve` has one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable

import pytest

from cctv_cli.cli import reload
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.recording.reload import Answer, Reloaded
from cctv_cli.core.recording.state import State
from tests.support.storage_tree import CameraTree


def test_without_a_process_there_is_nothing_to_reload(cctv: Callable[..., Any], home: Path) -> None:
    idle = "Nothing to reload: neither cctv serve nor cctv record uses this storage now\n"
    assert cctv("reload") == (0, idle, "")
    assert not (home / "hls").exists()


def test_a_process_that_does_not_answer_is_an_error_of_its_own(
    cctv: Callable[..., Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reload, "_LIMIT", 0.3)
    tree = CameraTree(Settings(storage=home / "hls"), "front")
    tree.show(State.RUNNING, "recording", since=1.0)
    found = cctv("reload")
    tree.leave()
    assert (found.code, found.out) == (17, "")
    assert f"No answer from process {os.getpid()}" in found.err


def test_what_one_process_did_is_shown_beside_the_error_of_another(
    cctv: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [
        Answer("1", 12, ("front",), Reloaded(("added yard", "changed front"), ("server.port",))),
        Answer("1", 13, ("attic",), Reloaded(problems=("the configuration is unchanged: bad",))),
    ]
    monkeypatch.setattr("cctv_cli.core.recording.reload.request_reload", lambda *_: (answers, {}))
    found = cctv("reload")
    assert (found.code, found.out) == (
        3,
        "Process 12 reloaded its configuration: added yard; changed front; a restart is needed for server.port\n",
    )
    assert "Process 13: the configuration is unchanged: bad" in found.err
