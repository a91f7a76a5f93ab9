from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest

from cctv_cli.core.config.settings import Settings
from cctv_cli.core.storage.entries import DeletionEntry
from cctv_cli.core.storage.journal import Journal
from tests.support.storage_tree import CameraTree

CAMERAS = """
timezone = "Europe/Berlin"
[[cameras]]
id = "front"
rtsp_url = "rtsp://192.168.1.101/Streaming/Channels/101"
"""
Cctv = Callable[..., Any]
TIMES = ("2025-11-03 14:00", "2025-11-03 15:00")


@pytest.fixture
def front(home: Path) -> CameraTree:
    (home / "cameras.toml").write_text(CAMERAS)
    tree = CameraTree(Settings(storage=home / "hls", timezone="Europe/Berlin"), "front")
    tree.record("2025-11-03T14:30:00+01:00", 60)
    return tree


def test_a_hold_is_added_shown_and_released(cctv: Cctv, front: CameraTree) -> None:
    added = cctv("holds", "add", "front", *TIMES, "--note", "break-in [police]")
    assert (added.code, added.err) == (0, "")
    hold_id = added.out.split()[1]
    assert added.out == (
        f"Hold {hold_id} keeps front from 2025-11-03T14:00:00.000+01:00 until 2025-11-03T15:00:00.000+01:00\n"
    )
    listed = json.loads(cctv("holds", "--json").out)
    assert listed == [
        {
            "id": hold_id,
            "camera": "front",
            "from": "2025-11-03T14:00:00.000+01:00",
            "until": "2025-11-03T15:00:00.000+01:00",
            "note": "break-in [police]",
        }
    ]
    table = cctv("holds").out.splitlines()
    assert table[0].split() == ["Id", "Camera", "From", "Until", "Note"]
    assert table[1].startswith(hold_id) and table[1].rstrip().endswith("break-in [police]")
    assert cctv("holds", "release", hold_id).out == f"Hold {hold_id} of front is released\n"
    assert json.loads(cctv("holds", "--json").out) == []
    assert cctv("holds").out.startswith("There are no holds; ")
    again = cctv("holds", "release", hold_id)
    assert (again.code, again.err) == (13, f"Error: There is no hold '{hold_id}'; cctv holds lists all holds\n")


def test_recordings_that_had_already_been_deleted_are_reported(cctv: Cctv, front: CameraTree) -> None:
    journal = Journal(front.layout.journal("2025-11-03"))
    (taken,) = journal.segments()
    front.record("2025-11-03T14:40:00+01:00", 60)
    journal.append(DeletionEntry(taken.file, taken.start, taken.duration, taken.bytes, "older"), None)
    assert cctv("holds", "add", "front", *TIMES).out.endswith("; 1 recording of that time had already been deleted\n")


def test_a_held_recording_is_kept_beyond_its_age(cctv: Cctv, front: CameraTree) -> None:
    hold_id = json.loads(cctv("holds", "add", "front", *TIMES, "--json").out)["id"]
    assert cctv("cleanup", "--force").code == 0
    assert len(list(front.layout.recordings.rglob("*.ts"))) == 1
    (shown,) = json.loads(cctv("holds", "--json").out)
    assert json.loads(cctv("holds", "release", hold_id, "--json").out) == shown
    assert cctv("cleanup", "--force").code == 0
    assert list(front.layout.recordings.rglob("*.ts")) == []


def test_a_camera_that_is_no_longer_configured_can_be_held(cctv: Cctv, front: CameraTree, home: Path) -> None:
    (home / "cameras.toml").write_text('timezone = "Europe/Berlin"\n')
    assert cctv("holds", "add", "front", *TIMES).code == 0
    assert cctv("holds", "add", "attic", *TIMES).code == 7


def test_mistakes_are_explained_in_one_sentence(cctv: Cctv, front: CameraTree) -> None:
    wrong_date = cctv("holds", "add", "front", "2024-11-03 14:00", "2024-11-03 15:00")
    assert wrong_date.code == 13
    assert wrong_date.err == ("Error: Camera front has no recordings of that time; check the date and the times\n")
    no_time = cctv("holds", "add", "front", "yesterday", "2025-11-03 15:00")
    assert no_time.code == 2
    assert "write a time as 2026-11-03 14:00" in no_time.err


def test_without_a_storage_there_are_no_holds(cctv: Cctv, home: Path) -> None:
    assert json.loads(cctv("holds", "--json").out) == []
