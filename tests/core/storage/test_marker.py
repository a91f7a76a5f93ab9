from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Iterator

import pytest

from cctv_cli.core.layout import CameraLayout, storage_marker
from cctv_cli.core.storage.marker import (
    Marker,
    ensure_marker,
    on_own_disks,
    read_marker,
    remember_days,
    remember_own_disks,
    remembered_days,
    write_marker,
)


def test_a_storage_keeps_its_id(tmp_path: Path) -> None:
    assert read_marker(tmp_path) is None
    made = ensure_marker(tmp_path)
    assert ensure_marker(tmp_path) == made
    assert read_marker(tmp_path) == Marker(made)
    write_marker(tmp_path, Marker(made, 12.5))
    assert ensure_marker(tmp_path) == made
    assert read_marker(tmp_path) == Marker(made, 12.5)


def test_two_storages_have_two_ids(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert ensure_marker(tmp_path / "one") != ensure_marker(tmp_path / "two")


@pytest.mark.parametrize("text", ["", "x", "[]", '{"id": ""}', '{"id": 5}', '{"cleaned_at": 5}'])
def test_a_marker_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    storage_marker(tmp_path).write_text(text)
    assert read_marker(tmp_path) is None


def test_invalid_values_are_dropped(tmp_path: Path) -> None:
    storage_marker(tmp_path).write_text('{"id": "a", "cleaned_at": "yesterday"}')
    assert read_marker(tmp_path) == Marker("a", None)
    storage_marker(tmp_path).write_text('{"id": "a", "cleaned_at": 5, "oldest": {"front": 4.5, "yard": null}}')
    assert read_marker(tmp_path) == Marker("a", 5, {"front": 4.5})
    storage_marker(tmp_path).write_text('{"id": "a", "oldest": 3, "problems": "none"}')
    assert read_marker(tmp_path) == Marker("a")
    storage_marker(tmp_path).write_text('{"id": "a", "problems": ["one", 2, "three"], "own_disks": [null]}')
    assert read_marker(tmp_path) == Marker("a", problems=("one", "three"))


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with recordings on another disk, like a camera's own disk."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has no second file system")
    with tempfile.TemporaryDirectory(dir=str(shared)) as folder:
        (Path(folder) / "recordings").mkdir()
        yield Path(folder)


def test_a_cameras_own_disk_is_noted_and_stays_noted(tmp_path: Path, other_disk: Path) -> None:
    (tmp_path / "front").symlink_to(other_disk)  # stands for a mount
    (tmp_path / "yard" / "recordings").mkdir(parents=True)
    cameras = ("yard", "front", "never recorded")
    remember_own_disks(tmp_path, cameras)
    assert read_marker(tmp_path) is None
    made = ensure_marker(tmp_path)
    remember_own_disks(tmp_path, cameras)
    assert read_marker(tmp_path) == Marker(made, own_disks=("front",))
    (tmp_path / "front").unlink()
    (tmp_path / "front" / "recordings").mkdir(parents=True)
    remember_own_disks(tmp_path, cameras)
    assert read_marker(tmp_path) == Marker(made, own_disks=("front",))
    assert on_own_disks(tmp_path, cameras) == ()


def test_the_days_of_a_camera_are_remembered_and_written_only_when_they_change(tmp_path: Path) -> None:
    layout = CameraLayout(tmp_path, "front")
    layout.folder.mkdir()
    assert remembered_days(layout) == 0
    remember_days(layout, 90)
    before = layout.retention_file.stat().st_ino
    remember_days(layout, 90)
    assert (remembered_days(layout), layout.retention_file.stat().st_ino) == (90, before)
    remember_days(layout, 7)
    assert remembered_days(layout) == 7


@pytest.mark.parametrize("text", ["", "x", "[]", '{"days": "90"}', '{"days": null}'])
def test_days_that_cannot_be_read_are_unknown(tmp_path: Path, text: str) -> None:
    layout = CameraLayout(tmp_path, "front")
    layout.folder.mkdir()
    layout.retention_file.write_text(text)
    assert remembered_days(layout) == 0
