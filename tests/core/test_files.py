from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import List

import pytest

from cctv_cli.core import files

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX links and permissions")


def names(folder: Path) -> List[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "live.m3u8"
    for text in ("first\n", "the second text is longer\n", "third\n"):
        files.replace_text(path, text)
        assert path.read_bytes() == text.encode()
    assert names(tmp_path) == ["live.m3u8"]


def test_line_ends_are_the_same_on_every_system(tmp_path: Path) -> None:
    files.replace_text(tmp_path / "text", "a\nü\n")
    assert (tmp_path / "text").read_bytes() == b"a\n\xc3\xbc\n"


@posix
def test_whoever_reads_the_old_text_reads_it_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "live.m3u8"
    files.replace_text(path, "old " * 10_000)
    with path.open() as reader:
        begin = reader.read(4)
        files.replace_text(path, "new")
        assert begin + reader.read() == "old " * 10_000
    assert path.read_text() == "new"


def test_a_failed_replacement_leaves_the_old_file_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".state.json"
    files.replace_text(path, "old")

    def disk_full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space left"):
        files.replace_text(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == [".state.json"]


def test_what_cannot_be_replaced_stays_and_no_draft_is_left(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        files.replace_text(tmp_path / "folder", "text")
    assert names(tmp_path) == ["folder"]


def test_a_missing_folder_is_the_callers_trouble(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.replace_text(tmp_path / "none" / "text", "text")


def test_a_file_that_is_not_there_has_no_text(tmp_path: Path) -> None:
    assert files.read_text(tmp_path / "none") is None
    assert files.read_json(tmp_path / "none") == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"run": ', b"[1]", b"7", b"null", b"\xff\xfe", bytes(100)],
    ids=["empty", "torn at once", "torn", "list", "number", "null", "no text", "zeros after a power cut"],
)
def test_a_damaged_json_file_reads_as_an_empty_object(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / ".run.json"
    path.write_bytes(content)
    assert files.read_json(path) == {}


def test_a_json_object_is_read(tmp_path: Path) -> None:
    path = tmp_path / ".run.json"
    files.replace_text(path, json.dumps({"run": "0123456789abcdef", "name": "Einfahrt Süd"}, ensure_ascii=False))
    assert files.read_json(path) == {"run": "0123456789abcdef", "name": "Einfahrt Süd"}


def test_a_finished_file_moves_to_a_free_name(tmp_path: Path) -> None:
    source, target = tmp_path / "000001.ts", tmp_path / "41.ts"
    source.write_bytes(b"frames")
    files.move(source, target)
    assert names(tmp_path) == ["41.ts"]
    assert target.read_bytes() == b"frames"


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    source, target = tmp_path / "000001.ts", tmp_path / "41.ts"
    source.write_bytes(b"new")
    target.write_bytes(b"old")
    with pytest.raises(FileExistsError, match=r"41\.ts"):
        files.move(source, target)
    assert (source.read_bytes(), target.read_bytes()) == (b"new", b"old")


@posix
def test_not_even_a_link_that_leads_nowhere_is_written_over(tmp_path: Path) -> None:
    source, target = tmp_path / "000001.ts", tmp_path / "41.ts"
    source.write_bytes(b"new")
    target.symlink_to(tmp_path / "none")
    with pytest.raises(FileExistsError):
        files.move(source, target)
    assert source.read_bytes() == b"new"
    assert target.is_symlink()


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 3_000_000])
def test_the_hash_is_that_of_the_whole_file(tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    path = tmp_path / "41.ts"
    path.write_bytes(content)
    assert files.sha256_synced(path) == hashlib.sha256(content).hexdigest()
    assert path.read_bytes() == content


def test_a_file_is_removed_once_and_its_absence_is_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / ".stopped"
    path.touch()
    files.remove(path)
    files.remove(path)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "draft"),
    [
        ("playlist.m3u8.12.345.tmp", True),
        ("playlist.m3u8", False),
        ("playlist.m3u8.12.tmp", False),
        ("playlist.m3u8.12.x.tmp", False),
        ("playlist.m3u8.12.345.tmp.bak", False),
        ("playlist.m3u80.12.345.tmp", False),
        ("notes.12.345.tmp", False),
    ],
)
def test_a_draft_is_told_by_its_name(name: str, draft: bool) -> None:
    assert files.is_draft(name, "playlist.m3u8") is draft


def test_a_replacement_that_a_crash_cut_short_leaves_a_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Crash(BaseException):
        pass

    def crash(*arguments: object) -> None:
        raise Crash

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(Crash):
        files.replace_text(tmp_path / "a", "text")
    (left,) = tmp_path.iterdir()
    assert files.is_draft(left.name, "a")
