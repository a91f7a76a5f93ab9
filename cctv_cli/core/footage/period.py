"""Plays a period of what a camera recorded: one playlist, whose files may be of several hours and days."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo
from pathlib import Path
from typing import Dict, FrozenSet, NamedTuple, Optional

from cctv_cli.core import files
from cctv_cli.core.footage.catalog import Catalog
from cctv_cli.core.hls.playlist import render_recorded
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.storage.commit import as_played


class PlayedPeriod(NamedTuple):
    """A playlist, and the files that it names: "2026-07-14/14/41.ts"."""

    playlist: str
    files: FrozenSet[str]


def play(catalog: Catalog, layout: CameraLayout, start: float, end: float, tz: Optional[tzinfo]) -> PlayedPeriod:
    """The recordings that have something of the time between two instants. Raises OSError."""
    on_disk: Dict[Path, FrozenSet[str]] = {}
    found = []
    for day, segment in catalog.between(layout, start, end, tz):
        hour, _, name = segment.file.partition("/")
        folder = layout.hour(day, hour)
        if folder not in on_disk:
            on_disk[folder] = _names(folder, layout.recordings)
        if name in on_disk[folder]:
            found.append((day, segment))
    played = [
        replace(each, name=f"{day}/{segment.file}")
        for each, (day, segment) in zip(as_played([segment for _, segment in found]), found)
    ]
    return PlayedPeriod(render_recorded(played, tz), frozenset(each.name for each in played))


def _names(folder: Path, recordings: Path) -> FrozenSet[str]:
    try:
        with files.open_folder_in(folder, inside=recordings) as opened:
            return frozenset(opened.names())
    except FileNotFoundError:
        return frozenset()
