from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable, List

import pytest

from cctv_cli.core import locks
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.files import Folder
from cctv_cli.core.layout import cleanup_files, storage_marker
from cctv_cli.core.storage.marker import ensure_marker
from tests.cli.conftest import run_process
from tests.support.storage_tree import CameraTree

CAMERAS = """
timezone = "Europe/Berlin"
[retention]
min_free = "1kB"
[[cameras]]
id = "front"
rtsp_url = "rtsp://192.168.1.101/Streaming/Channels/101"
"""
Cctv = Callable[..., Any]


def days_ago(days: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(days=days)).isoformat()


@pytest.fixture
def front(home: Path) -> CameraTree:
    """Recordings from 40 days, an hour and half an hour ago."""
    (home / "cameras.toml").write_text(CAMERAS)
    tree = CameraTree(Settings(storage=home / "hls", timezone="Europe/Berlin"), "front")
    ensure_marker(home / "hls")
    for days in (40, 1 / 24, 1 / 48):
        tree.record(days_ago(days), 60)
    return tree


def recordings_of(tree: CameraTree) -> List[Path]:
    return sorted(tree.layout.recordings.rglob("*.ts"))


def test_a_cleanup_prints_nothing_if_all_is_well(cctv: Cctv, front: CameraTree) -> None:
    assert cctv("cleanup") == (0, "", "")
    assert len(recordings_of(front)) == 2
    assert cctv("cleanup") == (0, "", "")


def test_a_cleanup_as_cron_runs_it(front: CameraTree, home: Path) -> None:
    assert run_process("cleanup", cwd=home) == (0, "", "")
    assert len(recordings_of(front)) == 2


def test_a_preview_shows_what_would_be_deleted_and_why_and_deletes_nothing(cctv: Cctv, front: CameraTree) -> None:
    notes = front.layout.recordings / "notes.txt"
    notes.touch()
    result = cctv("cleanup", "--preview")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    row = next(line.split() for line in lines if "older than 30 days" in line)
    assert row[0] == "front" and row[2:4] == ["delete", "1"]
    assert "front: not touched, because cctv did not record it: notes.txt" in lines
    assert any(line.startswith("front: would delete 1 recording (") for line in lines)
    assert any(line.startswith("Disk of ") and " after the cleanup; 1.0 kB must stay free" in line for line in lines)
    assert len(recordings_of(front)) == 3


def test_preview_and_run_have_the_same_json(cctv: Cctv, front: CameraTree) -> None:
    previewed = json.loads(cctv("cleanup", "--preview", "--json").out)
    result = cctv("cleanup", "--json")
    done = json.loads(result.out)
    assert (result.code, result.err) == (0, "")
    keys = "executed at deletes deleted cameras disks refusals shortfalls notes troubles failed"
    assert list(done) == keys.split()
    assert (previewed["executed"], done["executed"]) == (False, True)
    assert previewed["deleted"] == {"files": 0, "bytes": 0}
    assert done["deleted"] == done["deletes"] == previewed["deletes"]
    assert done["cameras"] == previewed["cameras"]


def test_a_brake_refuses_with_its_reason_and_force_overrules_it(cctv: Cctv, front: CameraTree, home: Path) -> None:
    (home / "cameras.toml").write_text(CAMERAS + 'max_size = "1kB"\n')
    result = cctv("cleanup")
    assert (result.code, result.out) == (10, "")
    assert result.err.startswith("Error: The limit max_size of front asks to delete 67 % of the recordings of front")
    assert len(result.err.splitlines()) == 1
    assert len(recordings_of(front)) == 2  # the one that is too old is deleted
    preview = cctv("cleanup", "--preview")
    assert preview.code == 0 and "Refused: The limit max_size of front asks" in preview.out
    forced = cctv("cleanup", "--force")
    assert (forced.code, forced.err) == (0, "")
    assert recordings_of(front) == []


def test_json_is_printed_even_with_a_refusal(cctv: Cctv, front: CameraTree, home: Path) -> None:
    storage_marker(home / "hls").unlink()
    result = cctv("cleanup", "--json")
    assert result.code == 10
    assert json.loads(result.out)["refusals"][0]["brake"] == "storage"
    assert "has recordings but no file .cctv-storage" in result.err
    assert len(recordings_of(front)) == 3


def test_a_file_that_cannot_be_deleted_is_an_exit_code(
    cctv: Cctv, front: CameraTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = Folder.remove

    def refuse(self: Folder, name: str) -> None:
        if name.endswith(".ts"):
            raise PermissionError(1, "Operation not permitted")
        remove(self, name)

    monkeypatch.setattr(Folder, "remove", refuse)
    result = cctv("cleanup")
    assert result.code == 11
    assert "could not be deleted (Operation not permitted)" in result.err


def test_a_second_cleanup_is_refused(cctv: Cctv, front: CameraTree, home: Path) -> None:
    file, lock = cleanup_files(home / "hls")
    with locks.holding(lock):
        file.write_text("4711\n")
        result = cctv("cleanup")
    assert (result.code, result.out) == (12, "")
    assert result.err == "Error: Process 4711 is already cleaning up this storage; wait until it is done\n"
    assert len(recordings_of(front)) == 3


def test_a_camera_by_name(cctv: Cctv, front: CameraTree) -> None:
    assert cctv("cleanup", "attic").code == 7
    assert len(recordings_of(front)) == 3
    assert cctv("cleanup", "front").code == 0
    assert len(recordings_of(front)) == 2


def test_a_missing_storage(cctv: Cctv, home: Path) -> None:
    result = cctv("cleanup", "--storage", "nowhere")
    assert result.code == 6
    assert "nowhere cannot be cleaned up (No such file or directory)" in result.err
    assert os.listdir(home) == []


def test_on_a_terminal_it_prints_what_it_did(cctv: Cctv, front: CameraTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cctv_cli.cli.output.on_terminal", lambda: True)
    assert cctv("cleanup").out.startswith("deleted 1 recording, ")
    assert cctv("cleanup").out == "There was nothing to delete\n"
