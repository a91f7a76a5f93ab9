"""The files of the audit log.

An entry is one line that is appended in one piece, so every process may write at any time without a lock. Files are
numbered and never renamed: whoever finds the newest one full begins the next, and removes the oldest beyond the limit.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, List, Optional

from cctv_cli.core import files
from cctv_cli.core.audit import entries
from cctv_cli.core.audit.entries import Entry, Series
from cctv_cli.core.clock import HOUR
from cctv_cli.core.layout import audit_file, audit_folder, parse_audit_file
from cctv_cli.core.system import give_to_owner, make_private_folder

_FULL = 5 << 20  # bytes
_LARGEST = 2 * _FULL  # what is beyond that in a file was not written by cctv
_KEPT = {Series.ACTS: 4, Series.VIEWS: 4, Series.REFUSALS: 2}  # files; 50 MB in all
_CLOCKS_DIFFER = HOUR  # of this machine and a file server


class AuditLog:
    """The audit log of a storage. Methods raise OSError."""

    def __init__(self, storage: Path) -> None:
        self._storage = storage

    def append(self, entry: Entry) -> None:
        """Write an entry. A power failure may lose it; the end of the process does not."""
        make_private_folder(audit_folder(self._storage), self._storage)
        numbers = self._numbers()[entry.series]
        newest = numbers[-1] if numbers else 1
        if numbers and files.status(self._file(entry.series, newest)).st_size >= _FULL:
            newest += 1
        _append(self._file(entry.series, newest), entries.encode(entry))
        for number in numbers:
            if number <= newest - _KEPT[entry.series]:
                files.remove(self._file(entry.series, number))

    def since(self, instant: float) -> List[Entry]:
        """The entries from an instant on, in order. Reads no file that was written last before it."""
        found: List[Entry] = []
        for series, numbers in self._numbers().items():
            for number in reversed(numbers):
                lines = _lines(self._file(series, number), instant - _CLOCKS_DIFFER)
                if lines is None:
                    break
                found += [entry for entry in map(entries.decode, lines) if entry is not None and entry.at >= instant]
        return sorted(found, key=lambda entry: entry.at)

    def _numbers(self) -> Dict[Series, List[int]]:
        """The numbers of the files of each series, the oldest first."""
        found: Dict[Series, List[int]] = {series: [] for series in Series}
        folder = audit_folder(self._storage)
        for name in os.listdir(folder) if folder.exists() else ():
            parsed = parse_audit_file(name)
            if parsed is not None and parsed[0] in (series.value for series in Series):
                found[Series(parsed[0])].append(parsed[1])
        return {series: sorted(numbers) for series, numbers in found.items()}

    def _file(self, series: Series, number: int) -> Path:
        return audit_file(self._storage, series.value, number)


def _lines(path: Path, since: float) -> Optional[List[bytes]]:
    """The lines of a file; None if it was written last before an instant, or was removed just now."""
    try:
        with files.open_to_read(path) as file, files.naming(path):
            return file.read(_LARGEST).splitlines() if os.fstat(file.fileno()).st_mtime >= since else None
    except FileNotFoundError:
        return None


def _append(path: Path, line: bytes) -> None:
    with files.open_to_append(path) as file, files.naming(path):
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # a full disk tore the last line
                line = b"\n" + line
        else:
            give_to_owner(file.fileno(), path.parent)  # the server must be able to go on with what root began
        file.write(line)
