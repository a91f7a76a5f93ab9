from __future__ import annotations

import ast
import errno
import hashlib
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

import cctv_cli
from cctv_cli.core import drafts, files
from tests.support.odd_files import OUTSIDE, bounded, odd_files, posix, put


def names(folder: Path) -> List[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "live.m3u8"
    for text in ("first\n", "the second text is longer\n", "third\n"):
        files.replace_text(path, text)
        assert path.read_bytes() == text.encode()
    assert names(tmp_path) == ["live.m3u8"]


def test_line_ends_do_not_depend_on_the_system(tmp_path: Path) -> None:
    files.replace_text(tmp_path / "text", "a\nü\n")
    assert (tmp_path / "text").read_bytes() == b"a\n\xc3\xbc\n"


@posix
def test_a_reader_of_the_old_text_can_read_it_to_its_end(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_disk_that_cannot_sync_is_used_and_said_to_be_one_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    def refuse(handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    monkeypatch.setattr(files, "_without_sync", set())
    for number in range(3):
        files.replace_text(tmp_path / "text", str(number))
        (tmp_path / "from").touch()
        files.move(tmp_path / "from", tmp_path / f"to{number}")
    assert (tmp_path / "text").read_text() == "2" and files.sha256_synced(tmp_path / "text")
    folders = f"the disk of {tmp_path} cannot sync folders ({os.strerror(code)}): recording works"
    assert caplog.text.count("cannot sync files") == 1
    assert os.name == "nt" or caplog.text.count(folders) == caplog.text.count("cannot sync folders") == 1


def test_a_folder_whose_sync_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(handle: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    for act in (lambda: files.sync_folder(tmp_path), lambda: files.replace_text(tmp_path / "text", "new")):
        with pytest.raises(OSError, match="Input/output error"):
            act()


def test_a_missing_folder_cannot_be_synced(tmp_path: Path) -> None:
    files.sync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        files.sync_folder(tmp_path / "gone")


def test_a_folder_is_not_replaced_and_no_draft_is_left(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        files.replace_text(tmp_path / "folder", "text")
    assert names(tmp_path) == ["folder"]


def test_replacing_a_file_in_a_missing_folder_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.replace_text(tmp_path / "none" / "text", "text")


def test_a_missing_file_has_no_text(tmp_path: Path) -> None:
    assert files.read_text(tmp_path / "none") is None
    assert files.read_json(tmp_path / "none") == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"run": ', b"[1]", b"7", b"null", b"\xff\xfe", bytes(100)],
    ids=["empty", "torn at once", "torn", "list", "number", "null", "not text", "zeros after a power cut"],
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


def test_a_recording_is_never_overwritten(tmp_path: Path) -> None:
    source, target = tmp_path / "000001.ts", tmp_path / "41.ts"
    source.write_bytes(b"new")
    target.write_bytes(b"old")
    with pytest.raises(FileExistsError, match=r"41\.ts"):
        files.move(source, target)
    assert (source.read_bytes(), target.read_bytes()) == (b"new", b"old")


@posix
def test_not_even_a_dangling_link_is_overwritten(tmp_path: Path) -> None:
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


def test_removing_a_missing_file_does_nothing(tmp_path: Path) -> None:
    path = tmp_path / ".stopped"
    path.touch()
    files.remove(path)
    files.remove(path)
    assert names(tmp_path) == []


def test_a_crash_during_a_replacement_leaves_a_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Crash(BaseException):
        pass

    def crash(*arguments: object, **options: object) -> None:
        raise Crash

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(Crash):
        files.replace_text(tmp_path / "a", "text")
    (left,) = tmp_path.iterdir()
    assert drafts.is_draft(left.name, "a")


# ---- things that are not regular files


def _change(path: Path) -> bytes:
    with files.open_to_change(path) as file:
        return file.read()


def _append(path: Path) -> int:
    with files.open_to_append(path) as file:
        return file.write(b"line\n")


_OPENERS: Dict[str, Callable[[Path], object]] = {
    "read": files.read_bytes,
    "text": files.read_text,
    "json": files.read_json,
    "status": files.status,
    "change": _change,
    "append": _append,
    "overwrite": lambda path: files.overwrite_text(path, "text"),
    "hash": files.sha256_synced,
}


@posix
@odd_files
@pytest.mark.parametrize("opener", list(_OPENERS))
def test_anything_but_a_regular_file_is_refused_at_once(tmp_path: Path, kind: str, opener: str) -> None:
    path = tmp_path / "journal.jsonl"
    put(kind, path)
    with pytest.raises(files.NotRegularFile, match=r"not a regular file.*journal\.jsonl"):
        bounded(lambda: _OPENERS[opener](path))
    if kind == "link":
        assert path.read_bytes() == OUTSIDE


@posix
@pytest.mark.parametrize("kind", ["fifo", "link", "device"])
def test_a_replacement_replaces_anything(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "live.m3u8"
    put(kind, path)
    bounded(lambda: files.replace_text(path, "text"))
    assert files.read_text(path) == "text"
    assert [each.read_bytes() for each in tmp_path.glob("*.outside")] in ([], [OUTSIDE])


@posix
@pytest.mark.parametrize("kind", ["fifo", "link", "device"])
def test_a_draft_is_a_new_file_whatever_was_there(tmp_path: Path, kind: str) -> None:
    draft = tmp_path / drafts.draft_of("live.m3u8")
    put(kind, draft)
    files.replace_text(tmp_path / "live.m3u8", "text")
    assert files.read_text(tmp_path / "live.m3u8") == "text"
    assert not os.path.lexists(draft)
    assert [each.read_bytes() for each in tmp_path.glob("*.outside")] in ([], [OUTSIDE])


@posix
def test_a_file_that_is_swapped_after_the_check_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, lstat = tmp_path / "41.ts", os.lstat
    path.write_bytes(b"frames")

    def swap(*arguments: Any, **options: Any) -> os.stat_result:
        status = lstat(*arguments, **options)
        path.unlink()
        os.mkfifo(path)
        return status

    monkeypatch.setattr(os, "lstat", swap)
    with pytest.raises(files.NotRegularFile):
        bounded(lambda: files.read_bytes(path))


@posix
@pytest.mark.parametrize("linked", ["2026-11-20", "2026-11-20/14", "2026-11-20/14/41.ts"])
def test_below_a_folder_no_symbolic_link_is_followed(tmp_path: Path, linked: str) -> None:
    root, outside = tmp_path / "recordings", tmp_path / "outside"
    path = root / "2026-11-20/14/41.ts"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"frames")
    assert files.read_bytes(path, inside=root) == b"frames"
    (root / linked).rename(outside)
    (root / linked).symlink_to(outside)
    for call in (
        lambda: files.read_bytes(path, inside=root),
        lambda: files.open_to_append(path, inside=root),
        lambda: files.status(path, inside=root),
    ):
        with pytest.raises(OSError, match=r"symbolic link|not a regular file") as caught:
            call()
        assert str(root) in str(caught.value)


@posix
def test_the_top_folder_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk/14").mkdir(parents=True)
    (tmp_path / "disk/14/41.ts").write_bytes(b"frames")
    (tmp_path / "recordings").symlink_to(tmp_path / "disk")
    assert files.read_bytes(tmp_path / "recordings/14/41.ts", inside=tmp_path / "recordings") == b"frames"


def test_a_new_file_has_the_permissions_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.replace_text(tmp_path / "a", "text")
        files.open_to_append(tmp_path / "b").close()
        (tmp_path / "c").write_text("text")
    finally:
        os.umask(before)
    assert len({(tmp_path / name).stat().st_mode for name in "abc"}) == 1


_OPENING = {"open", "read_text", "read_bytes", "write_text", "write_bytes"}


def _opens(call: ast.Call) -> bool:
    """Whether a call is of `open`, or of a method of `Path` that opens a file; functions of `files` do not count."""
    if isinstance(call.func, ast.Name):
        return call.func.id == "open"
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _OPENING:
        return False
    owner = call.func.value
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else "path"
    return "path" in name or name in ("draft", "file") or not isinstance(owner, (ast.Name, ast.Attribute))


def _opening_calls(source: str) -> int:
    return sum(isinstance(node, ast.Call) and _opens(node) for node in ast.walk(ast.parse(source)))


def test_every_file_of_the_storage_is_opened_here() -> None:
    assert (
        _opening_calls('open(path); self.path.open("rb"); (folder / name).read_text(); layout.state_path.read_bytes()')
        == 4
    )
    assert _opening_calls("files.read_text(path); cache.open(path); folder.open(name, flags)") == 0
    package = Path(cctv_cli.__file__).parent
    # files named in the configuration may be links or pipes, `system` reads /proc, and `output` opens the null device
    others = [
        path
        for path in package.rglob("*.py")
        if path.parent != package / "core/config"
        and path not in (package / "core/system.py", package / "cli/output.py")
    ]
    assert [path.name for path in others if _opening_calls(path.read_text(encoding="utf-8"))] == []


def test_reading_json_takes_as_much_memory_as_the_file_has_bytes(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text('{"version": 1}')
    tracemalloc.start()
    try:
        assert files.read_json(file) == {"version": 1}
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@posix
def test_a_file_is_synced_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: List[int] = []
    path = tmp_path / "000001.ts"
    path.write_bytes(b"x")
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    files.sync_file(path)
    assert synced == [path.stat().st_ino, tmp_path.stat().st_ino]
