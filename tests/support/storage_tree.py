"""Creates on disk what a recorder leaves there: state, live window, recordings, gaps.

Live playlists, journals and hour playlists come from the package's own writers, with tiny transport
streams made here, so that tests of readers see what the writers really write.
"""

from __future__ import annotations

from datetime import datetime
from typing import List, Optional

from cctv_cli.core import files
from cctv_cli.core.clock import zone
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.locks import Lock
from cctv_cli.core.media.segment_file import measure
from cctv_cli.core.recording import lock as supervision
from cctv_cli.core.recording import media_clock as timeline
from cctv_cli.core.recording.live_window import LiveWriter
from cctv_cli.core.recording.media_clock import Timeline
from cctv_cli.core.recording.state import RecorderState, Run, State, to_json
from cctv_cli.core.storage.commit import RecordingStore
from cctv_cli.core.storage.entries import SegmentEntry
from cctv_cli.core.storage.gaps import Reason, gaps_after

RUN = "00c0ffee00c0ffee"
_FRAMES_PER_SECOND = 5
_TICKS = 90_000
_VIDEO, _PMT = 0x100, 0x1000


class FixedClock:
    """A clock that only tests advance."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> float:
        """The instant."""
        return self._now

    def monotonic(self) -> float:
        """Monotonic seconds."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        self._monotonic += seconds


class CameraTree:
    """The files of one camera, as its recorder and its supervisor would leave them."""

    def __init__(self, settings: Settings, camera_id: str) -> None:
        tz = zone(settings.timezone)
        self.layout = CameraLayout(settings.storage, camera_id, settings.live_path)
        self.layout.folder.mkdir(parents=True, exist_ok=True)
        self._live = LiveWriter(self.layout, settings.segment_duration, tz)
        self._duration = settings.segment_duration
        self._timeline: Optional[Timeline] = None
        self._store = RecordingStore(self.layout, tz)
        self._store.open()
        self._committed = 0
        self._lock: Optional[Lock] = None

    def show(
        self, state: State, reason: str, *, since: float, cause: str = "", retry_at: Optional[float] = None
    ) -> None:
        """Write the state that a running supervisor (this process) shows."""
        shown = RecorderState(
            state, reason, since, cause, restarts=2, codec="h264", audio="pcm_alaw", retry_at=retry_at
        )
        files.replace_text(self.layout.state_file, to_json(shown))
        if self._lock is None:
            self._lock = supervision.take(self.layout)

    def leave(self) -> None:
        """End the supervisor; its last state stays."""
        if self._lock is not None:
            supervision.give_up(self.layout, self._lock)
            self._lock = None

    def begin_stream(self, first: int, start: float) -> None:
        """Begin a run: segment `first` grows, and its first frame is of the instant `start`."""
        self._timeline = timeline.begin(0, start, None)
        self._live.open(Run(RUN, "", start, first))
        self._first = self._newest = first
        self._write_segment(first, 1.0)

    def stream(self, count: int) -> None:
        """Finish `count` more live segments; the next one grows."""
        assert self._timeline is not None
        for _ in range(count):
            self._write_segment(self._newest, self._duration)
            self._newest += 1
            self._write_segment(self._newest, 1.0)
            self._live.update(self._timeline, alive=True)

    def _write_segment(self, number: int, seconds: float) -> None:
        begin = (number - self._first) * self._duration
        self.layout.live_segment(number).write_bytes(transport_stream(begin, seconds))

    def record(self, start: str, seconds: float) -> SegmentEntry:
        """Commit a recording that starts at this ISO 8601 time; uncovered time before it becomes a gap."""
        source = self.layout.incoming_file(RUN, self._committed)
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(transport_stream(0.0, seconds))
        self._committed += 1
        span = measure(source)
        assert span is not None
        gaps = gaps_after(self._store.covered_until, [Reason(instant(start), "unknown")])
        return self._store.commit(source, instant(start), span, RUN, cut=True, gaps=gaps)

    def miss(self, until: str, cause: str, detail: str) -> None:
        """Journal that nothing was recorded up to this ISO 8601 time."""
        self._store.explain(instant(until), cause, detail)


def instant(text: str) -> float:
    """The instant of an ISO 8601 time with its offset."""
    return datetime.fromisoformat(text).timestamp()


def transport_stream(begin: float, seconds: float) -> bytes:
    """A transport stream (ISO/IEC 13818-1) of empty H.264 frames: times and tables are real, pictures are not."""
    packets: List[bytes] = [
        _packet(0, _section(bytes((0, 0xB0, 13, 0, 1, 0xC1, 0, 0, 0, 1, 0xE0 | _PMT >> 8, _PMT & 0xFF)))),
        _packet(
            _PMT,
            _section(
                bytes((2, 0xB0, 18, 0, 1, 0xC1, 0, 0, 0xE0 | _VIDEO >> 8, _VIDEO & 0xFF, 0xF0, 0))
                + bytes((0x1B, 0xE0 | _VIDEO >> 8, _VIDEO & 0xFF, 0xF0, 0))
            ),
        ),
    ]
    for frame in range(round(seconds * _FRAMES_PER_SECOND)):
        packets.append(_packet(_VIDEO, _pes(round((begin + frame / _FRAMES_PER_SECOND) * _TICKS))))
    return b"".join(packets)


def _packet(pid: int, payload: bytes) -> bytes:
    return bytes((0x47, 0x40 | pid >> 8, pid & 0xFF, 0x10)) + payload.ljust(184, b"\xff")


def _section(table: bytes) -> bytes:
    return b"\0" + table + b"\0\0\0\0"  # pointer_field, and a CRC that is not checked here


def _pes(pts: int) -> bytes:
    stamp = bytes(
        (0x21 | pts >> 29 & 0x0E, pts >> 22 & 0xFF, pts >> 14 & 0xFE | 1, pts >> 7 & 0xFF, pts << 1 & 0xFE | 1)
    )
    return b"\0\0\1\xe0\0\0\x80\x80\x05" + stamp
