"""The JSON that clients decode. Times are ISO 8601 with UTC offset, durations seconds, rates bit/s."""

from __future__ import annotations

from typing import List, Optional

from pydantic import BaseModel, Field


class CameraModel(BaseModel):
    """One camera and what it is doing."""

    id: str
    name: str
    enabled: bool
    state: str = Field(description="stopped, starting, running, stalled, backoff or auth_failed")
    reason: str = Field(description="One sentence: why the camera is in this state, and what to do")
    since: Optional[str] = None
    live_url: str = Field(description="The path of the live playlist on this server")
    codec: Optional[str] = Field(None, description="Video codec of the camera")
    audio: Optional[str] = Field(None, description="Sound codec of the camera; what is not AAC is served as AAC")
    bit_rate: Optional[int] = Field(None, description="Of the newest live segment")
    last_segment_at: Optional[str] = Field(None, description="End of the newest finished live segment")
    recorded_today_seconds: float
    restarts: int
    retry_at: Optional[str] = None


class StreamInfoModel(BaseModel):
    """The live window of a camera."""

    id: str
    state: str
    reason: str
    live_url: str
    playable: bool = Field(description="Whether the live playlist is served now")
    codec: Optional[str] = None
    audio: Optional[str] = None
    bit_rate: Optional[int] = None
    target_duration: Optional[int] = None
    media_sequence: Optional[int] = None
    segments: int
    starts_at: Optional[str] = None
    ends_at: Optional[str] = None


class GapModel(BaseModel):
    """Time that no recording covers, and why."""

    start: str
    seconds: float
    cause: str
    detail: str


class SegmentModel(BaseModel):
    """One recording."""

    url: str
    start: str
    seconds: float
    bytes: int


class HourModel(BaseModel):
    """One local hour of recordings."""

    hour: str
    playlist_url: str
    segments: int
    seconds: float
    bytes: int


class DayModel(BaseModel):
    """One local day of recordings; segments only when that day was asked for."""

    date: str
    segments: int
    seconds: float
    missing_seconds: float
    bytes: int
    hours: List[HourModel]
    gaps: List[GapModel]
    recordings: Optional[List[SegmentModel]] = None


class RecordingsModel(BaseModel):
    """What a camera recorded, newest day first."""

    camera_id: str
    days: List[DayModel]


class ErrorModel(BaseModel):
    """Every error's body: one sentence."""

    detail: str


class FindingModel(BaseModel):
    """One thing that an operator should know."""

    name: str = Field(description="What it is, for scripts", examples=["camera_not_recording"])
    severity: str = Field(description="ok, warning or critical")
    camera: Optional[str] = Field(None, description="The camera that it concerns; null for what concerns all")
    sentence: str = Field(description="For people: what is wrong, why, and what to do")


class SystemModel(BaseModel):
    """The machine."""

    cpu_percent: float = Field(description="Of all cores, since the last question")
    cores: int
    memory_percent: float
    memory_total_bytes: int
    memory_available_bytes: int
    load: Optional[List[float]] = Field(None, description="Of 1, 5 and 15 minutes; null on Windows")
    open_files: Optional[int] = Field(None, description="Of the process that supervises")
    open_files_limit: Optional[int] = None
    disk_total_bytes: int = Field(description="Of the disk that holds the recordings")
    disk_used_bytes: int
    disk_free_bytes: int


class CoverageModel(BaseModel):
    """What became of a stretch of time that began with the first recording at the earliest."""

    recorded_seconds: float
    missing_seconds: float
    off_seconds: float = Field(description="A person had stopped or disabled the camera")


class CameraHealthModel(BaseModel):
    """One camera's health."""

    id: str
    name: str
    wanted: bool = Field(description="It is enabled, and no operator stopped it")
    supervised: bool = Field(description="A cctv serve or cctv record looks after it")
    state: str = Field(description="stopped, starting, running, stalled, backoff or auth_failed")
    reason: str
    since: Optional[str] = None
    codec: Optional[str] = None
    audio: Optional[str] = None
    width: Optional[int] = Field(None, description="Of the picture, in pixels")
    height: Optional[int] = None
    bit_rate: Optional[int] = None
    frame_rate: Optional[float] = Field(None, description="Frames a second, as they came")
    gop_seconds: Optional[float] = Field(None, description="The longest time between two key frames, as they came")
    last_segment_age_seconds: Optional[float] = Field(None, description="Since the newest finished live segment ended")
    last_hour: CoverageModel
    last_24_hours: CoverageModel
    restarts_last_hour: int


class ProcessModel(BaseModel):
    """The FFmpeg of one stream of a camera."""

    camera: str
    stream: str = Field(description="main, which is recorded, or sub, which is for viewing")
    pid: Optional[int] = Field(None, description="null while none runs")
    cpu_percent: Optional[float] = Field(None, description="Of one core")
    memory_bytes: Optional[int] = Field(None, description="Resident memory")
    uptime_seconds: Optional[float] = None
    restarts: int
    last_exit: Optional[str] = Field(None, description="Why the FFmpeg before this one ended")
    last_exit_at: Optional[str] = None


class DayBytesModel(BaseModel):
    """What the recordings of a local day take."""

    date: str
    bytes: int


class CameraStorageModel(BaseModel):
    """One camera's recordings."""

    id: str
    bytes: int
    growth_bytes_per_day: Optional[int] = Field(None, description="As the last 24 hours went")
    oldest_recording: Optional[str] = None
    retention_days: int
    max_size_bytes: Optional[int] = None
    days: List[DayBytesModel]


class PromiseModel(BaseModel):
    """Whether recordings can be kept as long as the settings say."""

    kept: bool
    needed_bytes: int = Field(description="What the days that are set take at today's growth")
    room_bytes: int = Field(description="What recordings may take at the most")
    days: float = Field(description="How long the room lasts")
    too_small: List[str] = Field(description="Cameras whose own max_size is too small")


class StorageModel(BaseModel):
    """Disk and recordings."""

    total_bytes: int
    used_bytes: int
    free_bytes: int
    min_free_bytes: int = Field(description="What should stay free")
    recordings_bytes: int
    oldest_recording: Optional[str] = None
    growth_bytes_per_day: Optional[int] = None
    days_until_full: Optional[float] = Field(None, description="null where retention keeps the room from running out")
    promise: Optional[PromiseModel] = Field(None, description="null before a minute was recorded")
    cameras: List[CameraStorageModel]


class HealthModel(BaseModel):
    """The health of the whole system."""

    status: str = Field(description="The worst of the findings: ok, warning or critical")
    at: str
    findings: List[FindingModel]
    system: SystemModel
    cameras: List[CameraHealthModel]
    processes: List[ProcessModel]
    storage: StorageModel
