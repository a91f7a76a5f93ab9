"""The disk: whole-file replacement, moves that never overwrite, hashes.

Everything here raises OSError as the system reports it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, Optional

from cctv_cli.core.system import sync_folder as sync_folder  # callers find it here, with the rest of the disk

_CHUNK = 1 << 18


def replace_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Give `path` new content in one step, in UTF-8; see `replace_bytes`."""
    replace_bytes(path, text.encode(), durable=durable)


def replace_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Give `path` new content in one step: a reader sees the old bytes or the new ones.

    With `durable` so also after a power cut; waiting for the disk can take long on a busy one.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        remove(draft)
        raise
    if durable:
        sync_folder(path.parent)


def is_draft(name: str, of: str) -> bool:
    """Whether a file of this name is what a crash left of a replacement of the file named `of`."""
    return re.fullmatch(rf"{re.escape(of)}\.[0-9]+\.[0-9]+\.tmp", name) is not None


def overwrite_text(path: Path, text: str) -> None:
    """Write over an existing file in place: not safe from a power cut, but it needs no free space."""
    with path.open("r+", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.truncate()


def read_text(path: Path) -> Optional[str]:
    """The text of a file; None when there is no such file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def read_json(path: Path) -> Dict[str, Any]:
    """The JSON object in a file; an empty one when it is missing or no JSON object."""
    try:
        value = json.loads(read_text(path) or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def move(source: Path, target: Path) -> None:
    """Rename a finished file to a name that must be free, and make both last. Raises FileExistsError.

    The caller holds the camera's lock: that makes the look before the rename safe where the system
    itself would overwrite.
    """
    if os.path.lexists(target):
        raise FileExistsError(f"{target} exists")
    os.rename(source, target)
    sync_folder(target.parent)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let errors of reading a file name it, as those of opening it do."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def sha256_synced(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal, taken after its bytes are on the disk."""
    digest = hashlib.sha256()
    with path.open("rb+") as file:  # Windows lets only writers sync
        os.fsync(file.fileno())
        with naming(path):
            for chunk in iter(lambda: file.read(_CHUNK), b""):
                digest.update(chunk)
    return digest.hexdigest()


def remove(path: Path) -> None:
    """Delete a file if it is there."""
    try:
        path.unlink()
    except FileNotFoundError:
        pass
