from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Iterable, Set

import pytest

from cctv_cli.core import files
from cctv_cli.core.clock import DAY
from cctv_cli.core.drafts import LEFT_AFTER, draft_of, is_draft
from cctv_cli.core.system import process_ids

HERE, ELSEWHERE = process_ids(), "00000000"


@pytest.mark.parametrize(
    ("name", "draft"),
    [
        ("playlist.m3u8.0a1b2c3d.12.345.tmp", True),
        ("playlist.m3u8.12.345.tmp", True),  # of an earlier version
        ("playlist.m3u8", False),
        ("playlist.m3u8.12.tmp", False),
        ("playlist.m3u8.12.x.tmp", False),
        ("playlist.m3u8.0a1b2c3d.12.345.tmp.bak", False),
        ("playlist.m3u80.0a1b2c3d.12.345.tmp", False),
        ("notes.0a1b2c3d.12.345.tmp", False),
    ],
)
def test_a_draft_is_recognized_by_its_name(name: str, draft: bool) -> None:
    assert is_draft(name, "playlist.m3u8") is draft
    assert is_draft(draft_of(name), name)


@pytest.fixture(scope="module")
def dead() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def lay(folder: Path, names: Iterable[str], age: float = 0.0) -> None:
    """Make files of this age in seconds."""
    written = time.time() - age
    for name in names:
        (folder / name).touch()
        os.utime(folder / name, (written, written))


def kept(folder: Path) -> Set[str]:
    """What stays when drafts are removed."""
    with files.Folder.at(folder) as opened:
        files.remove_drafts(opened)
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("age", [0.0, 2 * LEFT_AFTER])
def test_only_drafts_whose_writers_have_ended_are_removed(tmp_path: Path, dead: int, age: float) -> None:
    mine = threading.get_ident()
    left = {f"a.{HERE}.{dead}.{mine}.tmp", f"a.{HERE}.{os.getpid()}.{mine + 1}.tmp"}
    others = {draft_of("a"), f"a.{HERE}.{os.getppid()}.1.tmp", "a.1.tmp", f"a.{HERE}.{dead}.1", "a"}
    lay(tmp_path, left | others, age)
    assert kept(tmp_path) == others


@pytest.mark.parametrize("ahead", [-DAY, 0.0, DAY], ids=lambda seconds: f"clock {seconds:+.0f} s")
@pytest.mark.parametrize("ids", [f"{ELSEWHERE}.", ""], ids=["elsewhere", "earlier version"])
def test_a_draft_whose_writer_cannot_be_seen_is_judged_by_its_age_on_its_disk(
    tmp_path: Path, dead: int, ids: str, ahead: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    young, old = ({f"{name}.{ids}{process}.1.tmp" for process in (dead, os.getpid())} for name in ("young", "old"))
    lay(tmp_path, young, LEFT_AFTER / 2)
    lay(tmp_path, old, LEFT_AFTER * 2)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + ahead)  # of this machine, not of the disk
    assert kept(tmp_path) == young


def test_any_name_of_a_draft_is_harmless(tmp_path: Path) -> None:
    folder = f"a.{HERE}.999999999.1.tmp"
    (tmp_path / folder).mkdir()
    names = [f"a.{HERE}.{number}.1.tmp" for number in (1 << 31, 10**30)]
    names += [f"a.{HERE}.{os.getpid()}.{number}.tmp" for number in (1 << 31, 10**30)]
    lay(tmp_path, names)
    assert kept(tmp_path) == {folder}
