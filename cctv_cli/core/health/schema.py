"""The JSON of a system's health: each field's name, type, unit and example, for `cctv health --json` and `GET /health`.

Instants are ISO 8601 with UTC offset, durations seconds, rates bit/s, sizes bytes; unknown values are null.
"""

from __future__ import annotations

from typing import List, Optional

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)  # JSON has neither


class FindingModel(_Model):
    """A problem that an operator should know about."""

    name: str = Field(description="Name of the finding, for scripts", examples=["camera_not_recording"])
    severity: str = Field(description="ok, warning or critical", examples=["critical"])
    camera: Optional[str] = Field(
        None, description="The camera concerned; null for the whole system", examples=["front"]
    )
    sentence: str = Field(
        description="For people: what is wrong, why, and what to do",
        examples=["It is not recorded: the camera refuses the connection; check its port"],
    )


class SystemModel(_Model):
    """The machine."""

    cpu_percent: float = Field(description="Of all cores, since the last request", examples=[12.5])
    cores: int = Field(examples=[4])
    memory_percent: float = Field(examples=[41.2])
    memory_total_bytes: int = Field(examples=[8000000000])
    memory_available_bytes: int = Field(examples=[4700000000])
    load: Optional[List[float]] = Field(
        None, description="Of 1, 5 and 15 minutes; null on Windows", examples=[[0.4, 0.5, 0.4]]
    )
    open_files: Optional[int] = Field(None, description="Of the process that supervises", examples=[64])
    open_files_limit: Optional[int] = Field(None, examples=[1024])
    disk_total_bytes: int = Field(description="Of the disk that holds the recordings", examples=[2000000000000])
    disk_used_bytes: int = Field(examples=[900000000000])
    disk_free_bytes: int = Field(examples=[1100000000000])


class CoverageModel(_Model):
    """How much of a period was recorded; it starts no earlier than the first recording."""

    recorded_seconds: float = Field(examples=[3598.2])
    missing_seconds: float = Field(examples=[1.8])
    off_seconds: float = Field(description="The camera was stopped or disabled by an operator", examples=[0.0])


class CameraHealthModel(_Model):
    """One camera's health."""

    id: str = Field(examples=["front"])
    name: str = Field(examples=["Front Entrance"])
    wanted: bool = Field(description="It is enabled and was not stopped by an operator", examples=[True])
    supervised: bool = Field(description="A cctv serve or cctv record supervises it", examples=[True])
    state: str = Field(description="stopped, starting, running, stalled, backoff or auth_failed", examples=["running"])
    reason: str = Field(examples=["recording"])
    since: Optional[str] = Field(None, examples=["2026-11-23T06:00:04.120+01:00"])
    codec: Optional[str] = Field(None, examples=["h264"])
    audio: Optional[str] = Field(None, examples=["pcma"])
    width: Optional[int] = Field(None, description="Of the picture, in pixels", examples=[1920])
    height: Optional[int] = Field(None, examples=[1080])
    bit_rate: Optional[int] = Field(None, examples=[4000000])
    frame_rate: Optional[float] = Field(None, description="Measured frames per second", examples=[25.0])
    gop_seconds: Optional[float] = Field(
        None, description="The longest measured time between two key frames", examples=[2.0]
    )
    last_segment_age_seconds: Optional[float] = Field(
        None, description="Since the newest finished live segment ended", examples=[4.2]
    )
    disk_clock_ahead_seconds: float = Field(
        description="By how much the clock of its disk, such as a file server's, is ahead of this machine's; "
        "recorded times are corrected",
        examples=[0.0],
    )
    last_hour: CoverageModel
    last_24_hours: CoverageModel
    restarts_last_hour: int = Field(examples=[0])


class ProcessModel(_Model):
    """The FFmpeg of one stream of a camera."""

    camera: str = Field(examples=["front"])
    stream: str = Field(description="main, which is recorded, or sub, which is for viewing", examples=["main"])
    pid: Optional[int] = Field(None, description="null while none runs", examples=[4711])
    cpu_percent: Optional[float] = Field(None, description="Of one core", examples=[0.6])
    memory_bytes: Optional[int] = Field(None, description="Resident memory", examples=[52000000])
    uptime_seconds: Optional[float] = Field(None, examples=[86400.0])
    restarts: int = Field(examples=[1])
    last_exit: Optional[str] = Field(
        None, description="Why the previous FFmpeg ended", examples=["the camera closed the connection"]
    )
    last_exit_at: Optional[str] = Field(None, examples=["2026-11-23T06:00:01.220+01:00"])


class DayBytesModel(_Model):
    """Size of the recordings of a local day."""

    date: str = Field(examples=["2026-11-23"])
    bytes: int = Field(examples=[43200000000])


class CameraStorageModel(_Model):
    """One camera's recordings."""

    id: str = Field(examples=["front"])
    bytes: int = Field(examples=[1296000000000])
    growth_bytes_per_day: Optional[int] = Field(
        None, description="At the rate of the last 24 hours", examples=[43200000000]
    )
    oldest_recording: Optional[str] = Field(None, examples=["2026-10-24T00:00:00.120+02:00"])
    retention_days: int = Field(examples=[30])
    max_size_bytes: Optional[int] = Field(None, examples=[2000000000000])
    days: List[DayBytesModel]


class PromiseModel(_Model):
    """Whether recordings can be kept for as long as configured; figures of the tightest disk or limit."""

    kept: bool = Field(examples=[True])
    needed_bytes: int = Field(description="Size of the configured days at today's growth", examples=[1296000000000])
    room_bytes: int = Field(description="Maximum size of all recordings", examples=[1900000000000])
    days: float = Field(description="How long the room lasts", examples=[43.9])
    too_small: List[str] = Field(description="Cameras whose own max_size is too small", examples=[["front"]])


class StorageModel(_Model):
    """Disk and recordings."""

    total_bytes: int = Field(examples=[2000000000000])
    used_bytes: int = Field(examples=[900000000000])
    free_bytes: int = Field(examples=[1100000000000])
    min_free_bytes: int = Field(description="What should stay free", examples=[100000000000])
    recordings_bytes: int = Field(examples=[890000000000])
    oldest_recording: Optional[str] = Field(None, examples=["2026-10-24T00:00:00.120+02:00"])
    growth_bytes_per_day: Optional[int] = Field(None, description="Of all cameras", examples=[43200000000])
    days_until_full: Optional[float] = Field(
        None, description="null if retention prevents the space from running out", examples=[23.1]
    )
    promise: Optional[PromiseModel] = Field(None, description="null until a minute has been recorded")
    cameras: List[CameraStorageModel]


class HealthModel(_Model):
    """The health of the whole system."""

    status: str = Field(description="The worst of the findings: ok, warning or critical", examples=["ok"])
    at: str = Field(examples=["2026-11-23T14:41:02.310+01:00"])
    findings: List[FindingModel]
    system: SystemModel
    cameras: List[CameraHealthModel]
    processes: List[ProcessModel]
    storage: StorageModel
