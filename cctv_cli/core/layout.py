"""Names on disk: the only module that makes and parses file names.

<storage>/{camera_id}/
    live/live.m3u8, segment{N}.ts            (or <live_path>/{camera_id}/live/)
    recordings/YYYY-MM-DD/HH/MM.ts           a taken minute: MM-1.ts, MM-2.ts, ...
    recordings/YYYY-MM-DD/HH/playlist.m3u8
    recordings/YYYY-MM-DD/journal.jsonl
    .incoming/<run>/NNNNNN.ts                being written, in the order of the numbers
    .incoming/<run>/NNNNNN.ts.YYYY-MM-DD     this day's journal promises the file: it is about to be moved there
    .incoming/<run>/run.json                 of a run that has ended, until its files are recordings
    .incoming/gaps.json                      why nothing was recorded between those runs
    .run.json .state.json .stopped .restart .supervisor .supervisor.lock .journal.lock ffmpeg.log
    .retention.json                          for how many days recordings are kept, for cleanups without a configuration

Next to the cameras are .cctv-storage, which identifies this storage; .alerts.json, the alerts sent; .cleanup and
.cleanup.lock of the running cleanup; and .logins/, readable by its owner only: refused.json and its .lock.
.access/ too is readable by its owner only: tokens.json, link.key, proxy.json, in_clear.json and
their .lock.
.reload/ has the request to read the configuration again, each process's answer, and the .lock of those who ask.
.audit/ has the audit log: acts-NNNNNN.jsonl, views-NNNNNN.jsonl, refusals-NNNNNN.jsonl.

A sub stream has its live window in live/sub/, and sub/.run.json .state.json .restart ffmpeg.log .incoming.
H.265 is stored in fragmented MP4: .mp4 instead of .ts, and live/init{N}.mp4 for the run whose first
live segment is N.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Optional, Tuple

from cctv_cli.core.units import CameraName

_CAMERA_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})\Z", re.ASCII)
_HOUR = re.compile(r"(?:[01]\d|2[0-3])\Z", re.ASCII)
_RECORDING = re.compile(r"([0-5]\d)(?:-([1-9]\d{0,3}))?(\.ts|\.mp4)\Z", re.ASCII)
_LIVE_SEGMENT = re.compile(r"segment(0|[1-9]\d{0,11})(?:\.ts|\.mp4)\Z", re.ASCII)
_LIVE_INIT = re.compile(r"init(0|[1-9]\d{0,11})\.mp4\Z", re.ASCII)
_INCOMING = re.compile(r"(\d{6}|[1-9]\d{6,})(?:\.ts|\.mp4)\Z", re.ASCII)
_AUDIT = re.compile(r"([a-z]+)-(\d{6}|[1-9]\d{6,11})\.jsonl\Z", re.ASCII)
_RUN = re.compile(r"[0-9a-f]{16}\Z", re.ASCII)

_MINUTE = 60.0  # seconds
LIVE_PLAYLIST = "live.m3u8"
MAIN_PLAYLIST = "main.m3u8"  # over HTTP: the recorded stream's live playlist, where live.m3u8 offers a sub stream too
HOUR_PLAYLIST = "playlist.m3u8"
CLOCK_FILE = ".clock"  # written and removed, to see whether and with what date a disk accepts writes
JOURNAL = "journal.jsonl"
TS, MP4 = ".ts", ".mp4"


def media_suffix(codec: str) -> str:
    """The suffix of files with this video codec: players accept H.265 only in fragmented MP4."""
    return MP4 if codec == "hevc" else TS


def incoming_pattern(suffix: str) -> str:
    """The names of a run's files, as FFmpeg's segment muxer takes them."""
    return f"%06d{suffix}"


def live_pattern(suffix: str) -> str:
    """The names of live segments, as FFmpeg's segment muxer takes them."""
    return f"segment%d{suffix}"


@dataclass(frozen=True)
class RecordingName:
    """The name of a recording below a camera's recordings folder, in local time."""

    day: str  # YYYY-MM-DD
    hour: str  # HH
    minute: int
    take: int = 0  # 0 is the first recording of that minute
    suffix: str = TS

    @property
    def file(self) -> str:
        """The file's name inside its hour: "41.ts", "41-1.ts"."""
        tail = f"-{self.take}" if self.take else ""
        return f"{self.minute:02d}{tail}{self.suffix}"

    @property
    def in_day(self) -> str:
        """The name as the day's journal writes it: "14/41.ts"."""
        return f"{self.hour}/{self.file}"


def recorded_within(name: RecordingName, tz: Optional[tzinfo]) -> Tuple[float, float]:
    """The instants between which a recording of this name began: a minute occurs twice when summer time ends."""
    local = datetime.strptime(f"{name.day} {name.hour} {name.minute}", "%Y-%m-%d %H %M").replace(tzinfo=tz)
    starts = [local.replace(fold=fold).timestamp() for fold in (0, 1)]
    return min(starts), max(starts) + _MINUTE


def recording_name(start: datetime, take: int = 0, suffix: str = TS) -> RecordingName:
    """The name of a recording that starts at the local time `start`."""
    return RecordingName(start.strftime("%Y-%m-%d"), start.strftime("%H"), start.minute, take, suffix)


def parse_recording(day: str, hour: str, file: str) -> Optional[RecordingName]:
    """The reverse of `recording_name`; None for anything that this layout would not write."""
    match = _RECORDING.match(file)
    if match is None or not is_day(day) or not is_hour(hour):
        return None
    return RecordingName(day, hour, int(match.group(1)), int(match.group(2) or 0), match.group(3))


@lru_cache(maxsize=64)  # every recording of a day uses the same one
def is_day(text: str) -> bool:
    """Whether `text` is a day's folder name: a real date, YYYY-MM-DD."""
    match = _DATE.match(text)
    if match is None:
        return False
    try:
        date(*map(int, match.groups()))
    except ValueError:
        return False
    return True


def is_hour(text: str) -> bool:
    """Whether `text` is an hour's folder name: 00 to 23."""
    return _HOUR.match(text) is not None


def live_segment_name(number: int, suffix: str = TS) -> str:
    """The file name of live segment `number`."""
    return live_pattern(suffix) % number


def live_init_name(first: int) -> str:
    """The file name of the initialization section of the run whose first live segment is `first`."""
    return f"init{first}{MP4}"


def parse_live_segment(name: str) -> Optional[int]:
    """The number of a live segment's file name; None for any other name."""
    match = _LIVE_SEGMENT.match(name)
    return int(match.group(1)) if match else None


def parse_live_init(name: str) -> Optional[int]:
    """The number of the first live segment of an initialization section's name; None for any other name."""
    match = _LIVE_INIT.match(name)
    return int(match.group(1)) if match else None


def parse_incoming(name: str) -> Optional[int]:
    """The number of an incoming file's name; None for any other name."""
    match = _INCOMING.match(name)
    return int(match.group(1)) if match else None


def promise_name(source: str, day: str) -> str:
    """The name of the mark next to an incoming file that a day's journal promises."""
    return f"{source}.{day}"


def parse_promise(name: str) -> Optional[Tuple[str, str]]:
    """The incoming file and the day of a mark's name; None for any other name."""
    source, _, day = name.rpartition(".")
    return (source, day) if parse_incoming(source) is not None and is_day(day) else None


def is_set_aside(name: str) -> bool:
    """Whether a file has the name of one that was set aside as unreadable: "000001.ts.unreadable"."""
    return ".unreadable" in name


def is_camera_id(name: str) -> bool:
    """Whether `name` can be a camera's id, and so its folder's name."""
    return _CAMERA_ID.match(name) is not None


def is_run(name: str) -> bool:
    """Whether `name` is a run's id."""
    return _RUN.match(name) is not None


def alerts_file(storage: Path) -> Path:
    """The file of the alerts that were sent."""
    return storage / ".alerts.json"


def login_files(storage: Path) -> Tuple[Path, Path]:
    """Where refused logins are counted, for all cameras together, and the lock of that file."""
    folder = storage / ".logins"  # no camera's id begins with a dot
    return folder / "refused.json", folder / ".lock"


class AccessFiles(NamedTuple):
    """Who gets in: tokens, the key that signs links, a proxy that was seen, a token in clear text, the lock of all."""

    tokens: Path
    link_key: Path
    proxy: Path
    in_clear: Path
    lock: Path


def access_files(storage: Path) -> AccessFiles:
    """The files that say who gets in."""
    folder = storage / ".access"
    names = ("tokens.json", "link.key", "proxy.json", "in_clear.json", ".lock")
    return AccessFiles(*(folder / name for name in names))


class ReloadFiles(NamedTuple):
    """The folder of a request to reload the configuration and of its answers, the request, and the lock to ask."""

    folder: Path
    request: Path
    lock: Path


def reload_files(storage: Path) -> ReloadFiles:
    """The files by which processes are asked to reload the configuration."""
    folder = storage / ".reload"
    return ReloadFiles(folder, folder / "request", folder / ".lock")


def audit_folder(storage: Path) -> Path:
    """The folder of the audit log."""
    return storage / ".audit"


def audit_file(storage: Path, series: str, number: int) -> Path:
    """One file of the audit log; the newest of a series has the highest number."""
    return audit_folder(storage) / f"{series}-{number:06d}.jsonl"


def parse_audit_file(name: str) -> Optional[Tuple[str, int]]:
    """The series and the number of a file of the audit log; None for any other name."""
    match = _AUDIT.match(name)
    return (match.group(1), int(match.group(2))) if match else None


def storage_marker(storage: Path) -> Path:
    """The file that distinguishes this storage from another one, or from an empty mount point."""
    return storage / ".cctv-storage"


def cleanup_files(storage: Path) -> Tuple[Path, Path]:
    """The file that names the running cleanup, and the lock that allows only one."""
    return storage / ".cleanup", storage / ".cleanup.lock"


class CameraLayout:
    """Every path of one camera, or of its sub stream, which is for viewing only and has no recordings."""

    def __init__(self, storage: Path, camera_id: str, live_path: Optional[Path] = None, *, sub: bool = False) -> None:
        self.camera_id = CameraName(camera_id, sub=sub)
        camera = storage / camera_id
        live = (live_path / camera_id if live_path else camera) / "live"
        self.folder = camera / "sub" if sub else camera
        self.live = live / "sub" if sub else live
        self.live_playlist = self.live / LIVE_PLAYLIST
        self.recordings = self.folder / "recordings"
        self.incoming = self.folder / ".incoming"
        self.run_file = self.folder / ".run.json"
        self.state_file = self.folder / ".state.json"
        self.stopped_file = camera / ".stopped"
        self.restart_file = self.folder / ".restart"
        self.retention_file = camera / ".retention.json"
        self.supervisor_file = self.folder / ".supervisor"
        self.supervisor_lock = self.folder / ".supervisor.lock"
        self.journal_lock = self.folder / ".journal.lock"
        self.log_file = self.folder / "ffmpeg.log"

    def live_segment(self, number: int, suffix: str = TS) -> Path:
        """The file of live segment `number`."""
        return self.live / live_segment_name(number, suffix)

    def live_init(self, first: int) -> Path:
        """The initialization section of the run whose first live segment is `first`."""
        return self.live / live_init_name(first)

    def run_folder(self, run: str) -> Path:
        """The folder of a run's files that are not committed yet."""
        return self.incoming / run

    @property
    def waiting_gaps(self) -> Path:
        """The file of gaps that wait until the files of earlier runs are committed."""
        return self.incoming / "gaps.json"

    def ended_run(self, run: str) -> Path:
        """The record of a run that has ended, while its files wait."""
        return self.run_folder(run) / "run.json"

    def incoming_file(self, run: str, number: int, suffix: str = TS) -> Path:
        """File `number` of the run."""
        return self.run_folder(run) / (incoming_pattern(suffix) % number)

    def day(self, day: str) -> Path:
        """The folder of a local day."""
        return self.recordings / day

    def journal(self, day: str) -> Path:
        """The journal of a local day."""
        return self.day(day) / JOURNAL

    def hour(self, day: str, hour: str) -> Path:
        """The folder of a local hour."""
        return self.day(day) / hour

    def hour_playlist(self, day: str, hour: str) -> Path:
        """The playlist of a local hour."""
        return self.hour(day, hour) / HOUR_PLAYLIST

    def recording(self, name: RecordingName) -> Path:
        """The file of a recording."""
        return self.hour(name.day, name.hour) / name.file
