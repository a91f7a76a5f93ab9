"""The facts about a system at one instant: `gather` collects them, `findings` assesses them, front ends show them.

Instants are seconds since 1970 UTC, durations seconds, sizes bytes, rates bit/s. Unknown values are None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from cctv_cli.core.access.tokens import InClear
from cctv_cli.core.footage.coverage import NOTHING_RECORDED, Coverage
from cctv_cli.core.recording.state import State
from cctv_cli.core.storage.entries import ClockEntry


@dataclass(frozen=True)
class SystemFacts:
    """This machine. `cpu` and `memory` are percent, of all cores; `load` covers 1, 5 and 15 minutes.

    `open_files` are those of the supervisors, `open_files_limit` is the system's limit for one of them.
    """

    cpu: float
    cores: int
    memory: float
    memory_total: int
    memory_available: int
    load: Optional[Tuple[float, float, float]]
    open_files: Optional[int] = None
    open_files_limit: Optional[int] = None


@dataclass(frozen=True)
class ProcessFacts:
    """The FFmpeg of a camera's "main" or "sub" stream; without a `pid` none runs.

    `cpu` is percent of one core, `memory` resident bytes, `last_exit` why the previous process ended.
    """

    camera: str
    stream: str
    pid: Optional[int]
    cpu: Optional[float]
    memory: Optional[int]
    started: Optional[float]
    restarts: int
    last_exit: str
    last_exit_at: Optional[float]


@dataclass(frozen=True)
class CameraFacts:
    """One camera. `wanted`: it is enabled and was not stopped by an operator.

    `failure` is why it failed last, while it has not recorded since. `last_segment_at` is the end of the newest
    finished live segment, `gop` the longest time between its key frames. `restarts_last_hour` counts other runs
    of FFmpeg in the last hour's recordings, and `future_until` is the end of footage that is dated in the future.
    `waiting` counts recorded files that should have been committed long ago, `set_aside` files that could not be read
    and were renamed; `unreadable_days` lists the days whose journals cannot be read. `unread` is why its files could
    not be read, with the cure; all else is unknown then. `refusal` is why its folder refuses writes, with the cure.
    `disk_ahead` is how many seconds the clock that dates its files is ahead of this machine's; `clock_steps` says when
    this machine's clock was set within a day.
    """

    id: str
    name: str
    wanted: bool
    supervised: bool
    state: State
    reason: str
    since: Optional[float]
    failure: str = ""
    codec: str = ""
    audio: str = ""
    width: Optional[int] = None
    height: Optional[int] = None
    bit_rate: Optional[float] = None
    frame_rate: Optional[float] = None
    gop: Optional[float] = None
    last_segment_at: Optional[float] = None
    last_hour: Coverage = NOTHING_RECORDED
    last_day: Coverage = NOTHING_RECORDED
    restarts_last_hour: int = 0
    future_until: Optional[float] = None
    waiting: int = 0
    set_aside: int = 0
    unreadable_days: Tuple[str, ...] = ()
    unread: str = ""
    refusal: str = ""
    disk_ahead: float = 0.0
    clock_steps: Tuple[ClockEntry, ...] = ()


@dataclass(frozen=True)
class DiskFacts:
    """The storage root's disk, or one that holds only the recordings of these `cameras`.

    `fault` says in a few words why the storage cannot be used, and `refusal` why it refuses writes, with the cure; both
    are empty if it can be used.
    """

    total: int
    used: int
    free: int
    min_free: int
    fault: str = ""
    cameras: Tuple[str, ...] = ()
    refusal: str = ""


@dataclass(frozen=True)
class HungDisk:
    """A disk that did not answer in time, with these cameras: the storage root's, or one of their own."""

    cameras: Tuple[str, ...]
    is_root: bool


@dataclass(frozen=True)
class CameraStorage:
    """One camera's recordings: bytes of each local day, oldest first, and their growth per day."""

    camera: str
    retention_days: int
    days: Tuple[Tuple[str, int], ...] = ()
    growth: Optional[float] = None
    oldest: Optional[float] = None
    max_size: Optional[int] = None

    @property
    def bytes(self) -> int:
        """The size of all its recordings."""
        return sum(size for _, size in self.days)


@dataclass(frozen=True)
class Promise:
    """Whether recordings can be kept for as long as configured, for the disk or limit that falls shortest.

    `needed` is the size of the configured days at today's daily `growth`, `room` the most that recordings may
    take: the disk without what must stay free, or the configured maximum size. `days` is how long the room
    lasts, `full_in` in how many days it is used up: None if retention prevents that. `disk_of` are the
    cameras on the disk that is meant, if it is not the storage root's; empty for that disk and for the common limit.
    """

    kept: bool
    needed: float
    room: float
    growth: float
    days: float
    full_in: Optional[float]
    short: Tuple[str, ...] = ()  # cameras whose own largest size is too small
    disk_of: Tuple[str, ...] = ()


@dataclass(frozen=True)
class StorageFacts:
    """Disk, recordings of each camera, and whether they can be kept as configured; `promise` is None without growth.

    `cleaned_at` is when a cleanup last checked all recordings, or when the storage was created, `problems` are
    sentences about what the last one did not do. `others` are disks that belong to single cameras, `unmounted` are
    cameras that had one and are now on the storage root's disk, `hung` are disks that do not answer.
    `unjournalled` maps cameras to recordings that the last cleanup found in no journal, as the end of a sentence.
    """

    disk: DiskFacts
    cameras: Tuple[CameraStorage, ...]
    promise: Optional[Promise]
    cleaned_at: Optional[float] = None
    others: Tuple[DiskFacts, ...] = ()
    problems: Tuple[str, ...] = ()
    unmounted: Tuple[str, ...] = ()
    hung: Tuple[HungDisk, ...] = ()
    unjournalled: Tuple[Tuple[str, str], ...] = ()

    @property
    def oldest(self) -> Optional[float]:
        """The start of the oldest recording."""
        return min((camera.oldest for camera in self.cameras if camera.oldest is not None), default=None)


@dataclass(frozen=True)
class AccessFacts:
    """Who can reach the cameras over HTTP.

    `is_open`: everybody may view. `unknown_proxy` is when a proxy on this machine was seen first, if no setting speaks
    of one. `in_clear` is the token that came from another machine without TLS last, and when.
    """

    is_open: bool = False
    unknown_proxy: Optional[float] = None
    in_clear: Optional[InClear] = None


@dataclass(frozen=True)
class Facts:
    """All facts."""

    system: SystemFacts
    processes: Tuple[ProcessFacts, ...]
    cameras: Tuple[CameraFacts, ...]
    storage: StorageFacts
    access: AccessFacts = AccessFacts()
