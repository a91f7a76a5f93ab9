"""A disk that refuses writes though it is not mounted read-only: what exists can still be read."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from cctv_cli.core import files, locks

_WRITE = os.O_WRONLY | os.O_RDWR


class RefusingDisk:
    """Lets all that cctv itself writes below `folder` fail with the error number `code`, while it `refuses`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, code: int = errno.EROFS) -> None:
        self.refuses = True
        self._folder = folder
        self._code = code
        real_open, real_lock, real_mkdir, real_unlink = files.Folder.open, locks._open, os.mkdir, os.unlink

        def open_file(opened: files.Folder, name: str, flags: int) -> int:
            if flags & _WRITE:
                self._refuse(opened.path / name)
            return real_open(opened, name, flags)

        def open_lock(path: Path) -> int:
            self._refuse(path)
            return real_lock(path)

        def mkdir(path: Any, *more: Any, **named: Any) -> None:
            if not os.path.isdir(path):
                self._refuse(Path(path))
            real_mkdir(path, *more, **named)

        def unlink(path: Any, *more: Any, **named: Any) -> None:
            if os.path.isabs(path):
                self._refuse(Path(path))
            real_unlink(path, *more, **named)

        monkeypatch.setattr(files.Folder, "open", open_file)
        monkeypatch.setattr(locks, "_open", open_lock)
        monkeypatch.setattr(os, "mkdir", mkdir)
        monkeypatch.setattr(os, "unlink", unlink)

    def _refuse(self, path: Path) -> None:
        if self.refuses and (path == self._folder or self._folder in path.parents):
            raise OSError(self._code, os.strerror(self._code), str(path))
