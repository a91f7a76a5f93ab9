"""A file server whose clock differs from this machine's: it dates the files below a folder."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest


class FileServer:
    """Dates what is below the folder `share` by a clock that is `ahead` seconds ahead."""

    def __init__(self, share: Path, monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
        self.ahead = ahead
        self._share = share
        for name in ("stat", "lstat", "fstat"):
            self._date(os, name, monkeypatch)
        if sys.version_info < (3, 10):  # pathlib keeps functions of its own
            import pathlib

            for name in ("stat", "lstat"):
                monkeypatch.setattr(pathlib._NormalAccessor, name, staticmethod(getattr(os, name)))  # type: ignore[attr-defined]

    def _date(self, owner: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        real = getattr(owner, name)

        def dated(path: Any, *more: Any, **named: Any) -> os.stat_result:
            return self._dated(real(path, *more, **named), path)

        monkeypatch.setattr(owner, name, dated)

    def _dated(self, found: os.stat_result, path: Any) -> os.stat_result:
        if not stat.S_ISREG(found.st_mode) or not self._is_shared(path):
            return found
        ns = found.st_mtime_ns + round(self.ahead * 1e9)
        fields = list(found)
        fields[stat.ST_MTIME] = ns // 10**9
        return os.stat_result(fields, {"st_mtime": ns / 1e9, "st_mtime_ns": ns, **_more(found)})

    def _is_shared(self, path: Any) -> bool:
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        path = Path(os.fsdecode(path))
        return not path.is_absolute() or self._share in path.parents  # relative: in a folder that is held open


def _more(found: os.stat_result) -> Any:
    names = ("st_atime", "st_ctime", "st_atime_ns", "st_ctime_ns", "st_blksize", "st_blocks", "st_rdev")
    return {name: getattr(found, name) for name in names}
