"""The JSON that clients decode. Times are ISO 8601 with UTC offset, durations seconds, rates bit/s.

Every field has an example: they stand in the OpenAPI document.
"""

from __future__ import annotations

from typing import List, Optional

from pydantic import BaseModel, Field

from cctv_cli.core.recording.state import State


class CameraModel(BaseModel):
    """One camera and what it is doing."""

    id: str = Field(examples=["front"])
    name: str = Field(examples=["Front Entrance"])
    enabled: bool = Field(examples=[True])
    state: State = Field(examples=[State.RUNNING])
    reason: str = Field(
        examples=["recording"], description="One sentence: why the camera is in this state, and what to do"
    )
    since: Optional[str] = Field(
        default=None, examples=["2026-11-23T06:00:00.000+01:00"], description="Since when it is in this state"
    )
    live_url: str = Field(
        examples=["/stream/front/live.m3u8"], description="The path of the live playlist on this server"
    )
    codec: Optional[str] = Field(default=None, examples=["h264"], description="Video codec of the camera")
    audio: Optional[str] = Field(
        default=None, examples=["pcm_alaw"], description="Sound codec of the camera; what is not AAC is served as AAC"
    )
    bit_rate: Optional[int] = Field(default=None, examples=[4_096_000], description="Of the newest live segment")
    last_segment_at: Optional[str] = Field(
        default=None, examples=["2026-11-23T14:41:58.120+01:00"], description="End of the newest finished live segment"
    )
    recorded_today_seconds: float = Field(examples=[52_918.04])
    restarts: int = Field(examples=[0], description="How often its FFmpeg was started anew since the supervisor runs")
    retry_at: Optional[str] = Field(
        default=None, examples=["2026-11-23T14:42:30.000+01:00"], description="When it is tried again"
    )


class StreamInfoModel(BaseModel):
    """The live window of a camera."""

    id: str = Field(examples=["front"])
    state: State = Field(examples=[State.RUNNING])
    reason: str = Field(
        examples=["recording"], description="One sentence: why the camera is in this state, and what to do"
    )
    live_url: str = Field(
        examples=["/stream/front/live.m3u8"], description="The path of the live playlist on this server"
    )
    playable: bool = Field(examples=[True], description="Whether the live playlist is served now")
    codec: Optional[str] = Field(default=None, examples=["h264"], description="Video codec of the camera")
    audio: Optional[str] = Field(
        default=None, examples=["pcm_alaw"], description="Sound codec of the camera; what is not AAC is served as AAC"
    )
    bit_rate: Optional[int] = Field(default=None, examples=[4_096_000], description="Of the newest live segment")
    target_duration: Optional[int] = Field(
        default=None, examples=[10], description="Seconds that no live segment exceeds"
    )
    media_sequence: Optional[int] = Field(
        default=None, examples=[5281], description="Number of the first segment in the window"
    )
    segments: int = Field(examples=[6], description="How many segments are in the window")
    starts_at: Optional[str] = Field(default=None, examples=["2026-11-23T14:40:58.120+01:00"])
    ends_at: Optional[str] = Field(default=None, examples=["2026-11-23T14:41:58.120+01:00"])


class GapModel(BaseModel):
    """Time that no recording covers, and why."""

    start: str = Field(examples=["2026-11-23T09:12:04.360+01:00"])
    seconds: float = Field(examples=[31.84])
    cause: str = Field(examples=["unreachable"], description="A short phrase")
    detail: str = Field(examples=["the camera refuses the connection"], description="A sentence, or empty")


class SegmentModel(BaseModel):
    """One recording, a minute as a rule."""

    url: str = Field(
        examples=["/recordings/front/2026-11-23/14/41.ts"], description="The path of the file on this server"
    )
    start: str = Field(examples=["2026-11-23T14:41:00.040+01:00"])
    seconds: float = Field(examples=[60.04])
    bytes: int = Field(examples=[30_728_000])


class HourModel(BaseModel):
    """One local hour of recordings."""

    hour: str = Field(examples=["14"], description="00 to 23")
    playlist_url: str = Field(examples=["/recordings/front/2026-11-23/14/playlist.m3u8"])
    starts_at: str = Field(examples=["2026-11-23T14:00:00.120+01:00"], description="Start of the first recording")
    ends_at: str = Field(examples=["2026-11-23T15:00:00.080+01:00"], description="End of the last recording")
    segments: int = Field(examples=[60], description="How many recordings there are")
    seconds: float = Field(examples=[3599.96], description="Recorded seconds, without holes")
    bytes: int = Field(examples=[1_843_680_000])


class DayModel(BaseModel):
    """One local day of recordings; `recordings` only when that day was asked for."""

    date: str = Field(examples=["2026-11-23"])
    segments: int = Field(examples=[881], description="How many recordings there are")
    seconds: float = Field(examples=[52_828.1], description="Recorded seconds, without holes")
    missing_seconds: float = Field(examples=[31.84], description="Seconds that gaps explain")
    bytes: int = Field(examples=[27_071_368_000])
    hours: List[HourModel] = Field(description="Those with recordings, from the first on")
    gaps: List[GapModel] = Field(description="In the order of their start")
    recordings: Optional[List[SegmentModel]] = Field(default=None, description="In the order of their start")


class RecordingsModel(BaseModel):
    """What a camera recorded, newest day first."""

    camera_id: str = Field(examples=["front"])
    days: List[DayModel]
    next_url: Optional[str] = Field(
        default=None,
        examples=["/recordings/front?limit=31&before=2026-10-24"],
        description="The path of the page with the days before these, if any",
    )


class CountModel(BaseModel):
    """Recordings and their bytes."""

    files: int = Field(examples=[1440])
    bytes: int = Field(examples=[43200000000])


class ReasonModel(CountModel):
    """Recordings that share a reason."""

    reason: str = Field(description="Why they go or stay", examples=["older than 30 days"])


class CleanupDayModel(BaseModel):
    """What becomes of one local day of a camera."""

    date: str = Field(examples=["2026-10-24"])
    deletes: List[ReasonModel]
    keeps: List[ReasonModel]


class CleanupCameraModel(BaseModel):
    """What becomes of one camera's recordings, and by which policy."""

    id: str = Field(examples=["front"])
    retention_days: int = Field(examples=[30])
    max_size: Optional[int] = Field(None, description="Bytes; null is no limit", examples=[2000000000000])
    deletes: CountModel
    keeps: CountModel
    days: List[CleanupDayModel]
    foreign_files: int = Field(
        description="Files among the recordings that are not cctv's; they are not touched", examples=[1]
    )
    foreign: List[str] = Field(description="The first 100 of their names", examples=[["2026-10-24/notes.txt"]])


class CleanupDiskModel(BaseModel):
    """A disk with recordings, before and after; bytes."""

    path: str = Field(examples=["/srv/cctv"])
    total: int = Field(examples=[2000000000000])
    free: int = Field(examples=[90000000000])
    free_after: int = Field(examples=[133200000000])
    min_free: int = Field(description="What must stay free", examples=[100000000000])


class RefusalModel(BaseModel):
    """What a brake holds back."""

    brake: str = Field(description="storage, disk, policy, clock, past, future or share", examples=["share"])
    camera_id: Optional[str] = Field(None, description="null when it concerns all", examples=["front"])
    reason: str = Field(examples=["The limit max_size of front asks to delete 80 % of its recordings"])


class FailedModel(BaseModel):
    """A file that could not be deleted."""

    path: str = Field(examples=["front/recordings/2026-10-24/14/41.ts"])
    reason: str = Field(examples=["Permission denied"])


class CleanupModel(BaseModel):
    """A cleanup, or the preview of one: the same plan."""

    executed: bool = Field(description="false for a preview", examples=[False])
    at: str = Field(examples=["2026-11-23T14:41:02.310+01:00"])
    deletes: CountModel = Field(description="What the plan deletes")
    deleted: CountModel = Field(description="What was deleted")
    cameras: List[CleanupCameraModel]
    disks: List[CleanupDiskModel]
    refusals: List[RefusalModel]
    shortfalls: List[str] = Field(
        description="Thresholds that cannot be kept, and why",
        examples=[["max_size cannot be kept"]],
    )
    notes: List[str] = Field(examples=[["3 recordings of front are dated in the future"]])
    troubles: List[str] = Field(
        description="Cameras that could not be looked at, and why",
        examples=[["front cannot be read"]],
    )
    failed: List[FailedModel]


class ErrorModel(BaseModel):
    """Every error's body: one sentence."""

    detail: str = Field(examples=["No camera 'back' is configured; known are: front, yard."])


class FindingModel(BaseModel):
    """One thing that an operator should know."""

    name: str = Field(description="What it is, for scripts", examples=["camera_not_recording"])
    severity: str = Field(description="ok, warning or critical", examples=["critical"])
    camera: Optional[str] = Field(
        None, description="The camera that it concerns; null for what concerns all", examples=["front"]
    )
    sentence: str = Field(
        description="For people: what is wrong, why, and what to do",
        examples=["front does not record: the camera refuses the connection; check its port"],
    )


class SystemModel(BaseModel):
    """The machine."""

    cpu_percent: float = Field(description="Of all cores, since the last question", examples=[12.5])
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


class CoverageModel(BaseModel):
    """What became of a stretch of time that began with the first recording at the earliest."""

    recorded_seconds: float = Field(examples=[3598.2])
    missing_seconds: float = Field(examples=[1.8])
    off_seconds: float = Field(description="A person had stopped or disabled the camera", examples=[0.0])


class CameraHealthModel(BaseModel):
    """One camera's health."""

    id: str = Field(examples=["front"])
    name: str = Field(examples=["Front Entrance"])
    wanted: bool = Field(description="It is enabled, and no operator stopped it", examples=[True])
    supervised: bool = Field(description="A cctv serve or cctv record looks after it", examples=[True])
    state: str = Field(description="stopped, starting, running, stalled, backoff or auth_failed", examples=["running"])
    reason: str = Field(examples=["recording"])
    since: Optional[str] = Field(None, examples=["2026-11-23T06:00:04.120+01:00"])
    codec: Optional[str] = Field(None, examples=["h264"])
    audio: Optional[str] = Field(None, examples=["pcma"])
    width: Optional[int] = Field(None, description="Of the picture, in pixels", examples=[1920])
    height: Optional[int] = Field(None, examples=[1080])
    bit_rate: Optional[int] = Field(None, examples=[4000000])
    frame_rate: Optional[float] = Field(None, description="Frames a second, as they came", examples=[25.0])
    gop_seconds: Optional[float] = Field(
        None, description="The longest time between two key frames, as they came", examples=[2.0]
    )
    last_segment_age_seconds: Optional[float] = Field(
        None, description="Since the newest finished live segment ended", examples=[4.2]
    )
    last_hour: CoverageModel
    last_24_hours: CoverageModel
    restarts_last_hour: int = Field(examples=[0])


class ProcessModel(BaseModel):
    """The FFmpeg of one stream of a camera."""

    camera: str = Field(examples=["front"])
    stream: str = Field(description="main, which is recorded, or sub, which is for viewing", examples=["main"])
    pid: Optional[int] = Field(None, description="null while none runs", examples=[4711])
    cpu_percent: Optional[float] = Field(None, description="Of one core", examples=[0.6])
    memory_bytes: Optional[int] = Field(None, description="Resident memory", examples=[52000000])
    uptime_seconds: Optional[float] = Field(None, examples=[86400.0])
    restarts: int = Field(examples=[1])
    last_exit: Optional[str] = Field(
        None, description="Why the FFmpeg before this one ended", examples=["the camera closed the connection"]
    )
    last_exit_at: Optional[str] = Field(None, examples=["2026-11-23T06:00:01.220+01:00"])


class DayBytesModel(BaseModel):
    """What the recordings of a local day take."""

    date: str = Field(examples=["2026-11-23"])
    bytes: int = Field(examples=[43200000000])


class CameraStorageModel(BaseModel):
    """One camera's recordings."""

    id: str = Field(examples=["front"])
    bytes: int = Field(examples=[1296000000000])
    growth_bytes_per_day: Optional[int] = Field(None, description="As the last 24 hours went", examples=[43200000000])
    oldest_recording: Optional[str] = Field(None, examples=["2026-10-24T00:00:00.120+02:00"])
    retention_days: int = Field(examples=[30])
    max_size_bytes: Optional[int] = Field(None, examples=[2000000000000])
    days: List[DayBytesModel]


class PromiseModel(BaseModel):
    """Whether recordings can be kept as long as the settings say; figures of the disk or limit that falls shortest."""

    kept: bool = Field(examples=[True])
    needed_bytes: int = Field(description="What the days that are set take at today's growth", examples=[1296000000000])
    room_bytes: int = Field(description="What recordings may take at the most", examples=[1900000000000])
    days: float = Field(description="How long the room lasts", examples=[43.9])
    too_small: List[str] = Field(description="Cameras whose own max_size is too small", examples=[["front"]])


class StorageModel(BaseModel):
    """Disk and recordings."""

    total_bytes: int = Field(examples=[2000000000000])
    used_bytes: int = Field(examples=[900000000000])
    free_bytes: int = Field(examples=[1100000000000])
    min_free_bytes: int = Field(description="What should stay free", examples=[100000000000])
    recordings_bytes: int = Field(examples=[890000000000])
    oldest_recording: Optional[str] = Field(None, examples=["2026-10-24T00:00:00.120+02:00"])
    growth_bytes_per_day: Optional[int] = Field(None, description="Of all cameras", examples=[43200000000])
    days_until_full: Optional[float] = Field(
        None, description="null where retention keeps the room from running out", examples=[23.1]
    )
    promise: Optional[PromiseModel] = Field(None, description="null before a minute was recorded")
    cameras: List[CameraStorageModel]


class HealthModel(BaseModel):
    """The health of the whole system."""

    status: str = Field(description="The worst of the findings: ok, warning or critical", examples=["ok"])
    at: str = Field(examples=["2026-11-23T14:41:02.310+01:00"])
    findings: List[FindingModel]
    system: SystemModel
    cameras: List[CameraHealthModel]
    processes: List[ProcessModel]
    storage: StorageModel
