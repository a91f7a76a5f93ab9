"""Evidence about one camera, read from its folder and its ledger, with no help of the program but its names."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Tuple

from cctv_cli.core.layout import HOUR_PLAYLIST, MP4, TS, CameraLayout
from cctv_cli.core.storage.entries import NO_LINE, DeletionEntry, Entry, GapEntry, SegmentEntry, parse_line
from tests.faults.judge import UNDER_WAY, Evidence, Recording
from tests.support.evidence import read_frames
from tests.support.rtsp_camera import RtspCamera


def gather(
    layout: CameraLayout, camera: RtspCamera, fps: float, until: float, steps: Sequence[Tuple[float, float]] = ()
) -> Evidence:
    """All that the folder and the ledger say up to the instant `until`, by a clock that was set in these `steps`."""
    found: List[str] = []
    entries = list(entries_of(layout, found))
    deletions = {(day, each.file): each for day, each in entries if isinstance(each, DeletionEntry)}
    recordings: Dict[Path, Recording] = {}
    for day, entry in entries:
        if not isinstance(entry, SegmentEntry) or (day, entry.file) in deletions:
            continue
        path = layout.day(day) / entry.file
        if path in recordings:
            found.append(f"{day}/{entry.file} is in the journal twice")
        else:
            recordings[path] = recording_of(path, entry, f"{day}/{entry.file}", found)
    check_files(layout, recordings, found)
    return Evidence(
        fps=fps,
        born=camera.started_at,
        until=until,
        sent=frozenset(frame.number for frame in list(camera.ledger) if frame.sent_at < until - UNDER_WAY),
        recordings=[each for each in recordings.values() if each.frames],
        gaps=[entry for _, entry in entries if isinstance(entry, GapEntry)],
        deleted=[(each.start, each.start + each.duration) for each in deletions.values()],
        steps=steps,
        complaints=tuple(found),
    )


def entries_of(layout: CameraLayout, complaints: List[str]) -> Iterator[Tuple[str, Entry]]:
    """Every entry with its day, in the order of the days; each line must carry the hash of the one before.

    One that a crash or a full disk tore is left in its place: it carries none, the next one carries its hash. A day's
    first line carries that of any line of the day before, which may have grown since, by a clock set back or by
    deletions. If that day is younger, because the time zone was moved west, it carries none.
    """
    before = [NO_LINE]  # hashes of lines that the next one may carry
    oldest = math.inf
    for journal in sorted(layout.recordings.glob("*/journal.jsonl")):
        lines = journal.read_bytes().splitlines()
        begins = min(
            (each.start for each in map(parse_line, lines) if isinstance(each, SegmentEntry)), default=math.inf
        )
        if begins < oldest:
            before, oldest = [NO_LINE], begins
        hashes = [hashlib.sha256(line).hexdigest() for line in lines]
        for number, line in enumerate(lines, 1):
            entry = parse_line(line)
            if line.endswith(b"}") and not any(b'"prev": "%s"' % each.encode() in line for each in before):
                complaints.append(
                    f"line {number} of {journal.parent.name}/journal.jsonl does not follow the one before"
                )
            before = hashes[number - 1 : number]
            if entry is not None:
                yield journal.parent.name, entry
        before = hashes or before


def recording_of(path: Path, entry: SegmentEntry, name: str, complaints: List[str]) -> Recording:
    """The recording of a journal's line; without frames when its file is missing or damaged."""
    try:
        data = path.read_bytes()
        frames = tuple(read_frames(path))
    except (OSError, ValueError, IndexError) as error:
        complaints.append(f"{name} is in the journal, but: {error}")
        return Recording(name, entry.start, entry.duration, ())
    if (len(data), hashlib.sha256(data).hexdigest()) != (entry.bytes, entry.sha256):
        complaints.append(f"{name} is not what its journal line says")
    return Recording(name, entry.start, entry.duration, frames)


def check_files(layout: CameraLayout, recordings: Dict[Path, Recording], complaints: List[str]) -> None:
    """Every media file must be in a journal, and in its hour's playlist; a playlist names nothing else."""
    media = {path for path in layout.recordings.glob("*/*/*") if path.suffix in (TS, MP4)}
    complaints += [
        f"{path.relative_to(layout.recordings)} is in no journal" for path in sorted(media - set(recordings))
    ]
    named = set()
    for playlist in layout.recordings.glob(f"*/*/{HOUR_PLAYLIST}"):
        lines = playlist.read_text().splitlines()
        if lines[-1] != "#EXT-X-ENDLIST":
            complaints.append(f"{playlist.relative_to(layout.recordings)} has no end")
        named.update(playlist.parent / line for line in lines if line and not line.startswith("#"))
    complaints += [f"a playlist names {path.name}, which is missing" for path in sorted(named - media)]
    complaints += [f"no playlist names {path.name}" for path in sorted(media - named)]
