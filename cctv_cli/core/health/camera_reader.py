"""Gathers the facts of one camera: its state, recordings, FFmpeg processes, and the disk they write to."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import tzinfo
from pathlib import Path
from typing import Dict, Iterable, Iterator, NamedTuple, Optional, Sequence, Tuple

from cctv_cli.core import files
from cctv_cli.core.clock import DAY, HOUR, format_instant
from cctv_cli.core.config.settings import Camera, Settings
from cctv_cli.core.footage.catalog import day_segments
from cctv_cli.core.footage.coverage import Coverage, Piece, coverage, growth, runs
from cctv_cli.core.health.facts import CameraFacts, CameraStorage, DiskFacts, ProcessFacts
from cctv_cli.core.health.journal_tail import JournalTail
from cctv_cli.core.health.live_meter import LiveMeter
from cctv_cli.core.health.report import camera_model, camera_storage_model, process_model
from cctv_cli.core.hls.playlist import parse_live
from cctv_cli.core.layout import CameraLayout, is_set_aside, parse_incoming
from cctv_cli.core.recording.published import Published
from cctv_cli.core.recording.state import State
from cctv_cli.core.recording.status import CameraStatus, StatusReader, is_ffmpeg_of, unreadable
from cctv_cli.core.storage import disk_clock
from cctv_cli.core.storage.days import recorded_days
from cctv_cli.core.storage.disk_errors import explained
from cctv_cli.core.storage.journal import Journal
from cctv_cli.core.units import FreeSpace

_COUNT_EVERY = 60.0  # seconds between measurements of the size of all days of a camera
_CLOCK_STEP = 60.0  # seconds by which a recording may end in the future: clocks are corrected in small steps
_LATE = 300.0  # seconds within which a finished file should be committed


class _Day(NamedTuple):
    """The size of a day's recordings, valid while its journal is this file with this size."""

    file: int
    size: int
    bytes: int
    is_readable: bool = True


class _Count(NamedTuple):
    """The days for which a camera has journals, oldest first, and the start of the oldest recording."""

    at: float  # monotonic
    days: Dict[str, _Day]
    oldest: Optional[float]


@dataclass(frozen=True)
class CameraLook:
    """Result of one check of a camera. `device` is the disk of its recordings (st_dev), None if there are none.

    `supervisor` is a process id; the usage of `processes` is not filled in yet.
    """

    facts: CameraFacts
    storage: CameraStorage
    supervisor: Optional[int] = None
    processes: Tuple[ProcessFacts, ...] = ()
    device: Optional[int] = None
    disk: Optional[DiskFacts] = None


def unread(camera: Camera, settings: Settings, error: Exception) -> CameraLook:
    """The facts of a camera whose files cannot be read."""
    status = unreadable(camera, error)
    facts = CameraFacts(
        id=camera.id,
        name=camera.name,
        wanted=camera.enabled,
        supervised=False,
        state=status.state,
        reason=status.reason,
        since=None,
        unread=status.reason,
    )
    return CameraLook(facts, CameraStorage(camera.id, settings.days_of(camera)))


class CameraReader:
    """Reads the facts of one camera, and caches what did not change. Not thread-safe."""

    def __init__(
        self, camera: Camera, settings: Settings, tz: Optional[tzinfo], published: Optional[Published] = None
    ) -> None:
        self._camera = camera
        self._settings = settings
        self._tz = tz
        self._statuses = StatusReader(settings, tz, published=published)
        self._layout = self._statuses.layout(camera.id)
        self._tail = JournalTail(tz)
        self._live = LiveMeter()
        self._counted: Optional[_Count] = None
        self._disk_ahead = 0.0  # seconds

    @property
    def place(self) -> Path:
        """A path on its disk."""
        return self._layout.recordings

    def look(self, now: float, monotonic: float) -> CameraLook:
        """Return the facts at the instant `now`. Damaged files never affect another camera."""
        try:
            found = self._look(now, monotonic)
            self._prove(found, now)
        except Exception as error:
            return unread(self._camera, self._settings, error)
        return found

    def _prove(self, look: CameraLook, now: float) -> None:
        """Raise an error for values that cannot be reported: they come from damaged files."""
        camera_model(look.facts, now, self._tz)
        camera_storage_model(look.storage, self._tz)
        for process in look.processes:
            process_model(process, now, self._tz)
        if look.facts.future_until is not None:
            format_instant(look.facts.future_until, self._tz)

    def _look(self, now: float, monotonic: float) -> CameraLook:
        """Raises OSError; damaged files may raise any exception."""
        camera, layout = self._camera, self._layout
        status = self._statuses.read_one_or_raise(camera, now)
        run = self._statuses.recorder(camera.id).run
        running_since = run.started if run is not None and status.state is State.RUNNING else None
        recent = self._tail.read(layout, now - DAY)
        last_hour = [piece for piece in recent.pieces if piece.end > now - HOUR]
        facts = self._stream(status, monotonic)

        def covered(pieces: Sequence[Piece], span: float) -> Coverage:
            begin, first, wanted = now - span, recent.first, facts.wanted
            return coverage(pieces, begin, now, first=first, running_since=running_since, wanted=wanted)

        facts = replace(
            facts,
            last_hour=covered(last_hour, HOUR),
            last_day=covered(recent.pieces, DAY),
            restarts_last_hour=max(0, runs(last_hour) - 1),
            future_until=_future(recent.pieces, now),
            set_aside=_set_aside(layout),
            refusal=self._try_write(status.supervisor_pid),
            disk_ahead=self._disk_ahead,
            clock_steps=tuple(step for step in recent.clock_steps if step.start <= now),
            waiting=_waiting(layout, now + self._disk_ahead),
        )
        days, oldest, unreadable = self._count(monotonic)
        facts = replace(facts, unreadable_days=tuple(sorted({*recent.unreadable, *unreadable})))
        grown = growth(recent.pieces, now, running=running_since is not None)
        kept = self._settings.days_of(camera)
        storage = CameraStorage(camera.id, kept, days, grown, oldest, camera.max_size)
        device = _device(layout.recordings)
        disk = None if device is None else disk_usage(layout.recordings, self._settings.min_free)
        return CameraLook(facts, storage, status.supervisor_pid, tuple(self._processes()), device, disk)

    def _stream(self, status: CameraStatus, monotonic: float) -> CameraFacts:
        """What the camera does and sends at present."""
        camera, layout = self._camera, self._layout
        shown = self._statuses.recorder(camera.id).state
        look = self._live.look(layout, parse_live(files.read_text(layout.live_playlist) or ""), monotonic)
        return CameraFacts(
            id=camera.id,
            name=camera.name,
            wanted=camera.enabled and not layout.stopped_file.exists(),
            supervised=status.supervisor_pid is not None,
            state=status.state,
            reason=status.reason,
            since=status.since,
            failure=shown.failure if shown is not None and status.supervisor_pid is not None else "",
            codec=status.codec,
            audio=status.audio,
            width=None if look.picture is None else look.picture.width,
            height=None if look.picture is None else look.picture.height,
            bit_rate=status.bit_rate,
            frame_rate=look.rhythm.frame_rate,
            gop=look.rhythm.gop,
            last_segment_at=status.last_segment_at,
        )

    def _try_write(self, supervisor: Optional[int]) -> str:
        """Measure the clock of the camera's disk by a write; return why its folder refuses the write, or "".

        Nothing is written before a recorder has. Another user's process may lack the permission, and a full
        disk is a finding of its own.
        """
        if not self._layout.incoming.is_dir():
            return ""
        try:
            self._disk_ahead = disk_clock.estimate(disk_clock.measure(self._layout.folder), self._disk_ahead)
        except PermissionError as error:
            return explained(error) if supervisor == os.getpid() else ""
        except OSError as error:
            return "" if error.errno == errno.ENOSPC else explained(error)
        return ""

    def _processes(self) -> Iterator[ProcessFacts]:
        """The FFmpeg processes of the camera's streams that have ever been started."""
        for stream in ("main", "sub"):
            shown, run, _ = self._statuses.recorder(self._camera.id, sub=stream == "sub")
            if run is None:
                continue
            pid = run.pid if run.pid is not None and is_ffmpeg_of(run.pid, run.run) else None
            yield ProcessFacts(
                camera=self._camera.id,
                stream=stream,
                pid=pid,
                cpu=None,
                memory=None,
                started=None if pid is None else run.started,
                restarts=0 if shown is None else shown.restarts,
                last_exit="" if shown is None else shown.last_exit,
                last_exit_at=None if shown is None else shown.last_exit_at,
            )

    def _count(self, monotonic: float) -> Tuple[Tuple[Tuple[str, int], ...], Optional[float], Tuple[str, ...]]:
        """The bytes of each day, oldest first, the start of the oldest recording, and days with unreadable journals.

        Raises OSError.
        """
        known = self._counted
        if known is None or not 0 <= monotonic - known.at < _COUNT_EVERY:
            before = {} if known is None else known.days
            days = {day: _count_day(self._layout, day, before.get(day)) for day in recorded_days(self._layout)}
            first = next((day for day, counted in days.items() if counted.bytes), None)
            if known is None or first is None or days[first] != before.get(first):
                oldest = None if first is None else next((s.start for s in day_segments(self._layout, first)), None)
            else:
                oldest = known.oldest
            known = self._counted = _Count(monotonic, days, oldest)
        unreadable = tuple(day for day, counted in known.days.items() if not counted.is_readable)
        return (
            tuple((day, counted.bytes) for day, counted in known.days.items() if counted.bytes),
            known.oldest,
            unreadable,
        )


def disk_usage(place: Path, min_free: FreeSpace) -> DiskFacts:
    """The disk of an existing path."""
    try:
        usage = shutil.disk_usage(place)
    except OSError as error:
        return DiskFacts(0, 0, 0, 0, f"its disk cannot be queried ({error.strerror or error})")
    return DiskFacts(usage.total, usage.used, usage.free, min_free.of(usage.total))


def _device(recordings: Path) -> Optional[int]:
    try:
        return recordings.stat().st_dev
    except FileNotFoundError:
        return None


def _count_day(layout: CameraLayout, day: str, before: Optional[_Day]) -> _Day:
    journal = Journal(layout.journal(day))
    try:
        status = journal.path.stat()
        if before is not None and (before.file, before.size) == (status.st_ino, status.st_size):
            return before
        return _Day(status.st_ino, status.st_size, journal.kept_bytes())
    except FileNotFoundError:
        return _Day(0, 0, 0)
    except OSError:
        return _Day(0, 0, 0, is_readable=False)


def _future(pieces: Sequence[Piece], now: float) -> Optional[float]:
    latest = max((piece.end for piece in pieces), default=now)
    return latest if latest > now + _CLOCK_STEP else None


def _waiting(layout: CameraLayout, now: float) -> int:
    """How many files should have been committed long ago, at the instant `now` by the clock of their disk."""
    files = (path for path in layout.incoming.glob("*/*") if parse_incoming(path.name) is not None)
    return sum(now - written > _LATE for written in _times(files))


def _set_aside(layout: CameraLayout) -> int:
    """The number of unreadable files of the camera and of its ended runs."""
    found = (*layout.folder.glob("*"), *layout.incoming.glob("*"), *layout.incoming.glob("*/*"))
    return sum(is_set_aside(path.name) for path in found)


def _times(files: Iterable[Path]) -> Iterator[float]:
    """The modification times of the files, without those that are committed in the meantime."""
    for path in files:
        with suppress(FileNotFoundError):
            yield path.stat().st_mtime
