"""Where a run may begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.recording.start import make_folder

RUN = "0123456789abcdef"


def test_nothing_is_recorded_onto_the_mount_point_of_a_lost_disk(tmp_path: Path) -> None:
    layout, disk = CameraLayout(tmp_path, "cam1"), tmp_path.stat().st_dev
    layout.folder.mkdir()
    with pytest.raises(OSError, match="its disk is not mounted"):
        make_folder(layout, RUN, disk + 1)
    assert list(layout.folder.iterdir()) == []
    layout.incoming.mkdir()  # the disk is mounted again, under another number
    assert make_folder(layout, RUN, disk + 1).is_dir()


def test_a_folder_that_a_person_emptied_is_recorded_into_again(tmp_path: Path) -> None:
    layout = CameraLayout(tmp_path, "cam1")
    layout.folder.mkdir()
    assert make_folder(layout, RUN, tmp_path.stat().st_dev).is_dir()
