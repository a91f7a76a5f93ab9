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


class CountModel(BaseModel):
    """Recordings and their bytes."""

    files: int
    bytes: int


class ReasonModel(CountModel):
    """Recordings that share a reason."""

    reason: str = Field(description="Why they go or stay, such as: older than 30 days, on hold")


class CleanupDayModel(BaseModel):
    """What becomes of one local day of a camera."""

    date: str
    deletes: List[ReasonModel]
    keeps: List[ReasonModel]


class CleanupCameraModel(BaseModel):
    """What becomes of one camera's recordings, and by which policy."""

    id: str
    retention_days: int
    max_size: Optional[int] = Field(None, description="Bytes; null is no limit")
    deletes: CountModel
    keeps: CountModel
    days: List[CleanupDayModel]
    foreign_files: int = Field(description="Files among the recordings that are not cctv's; they are not touched")
    foreign: List[str] = Field(description="The first 100 of their names")


class CleanupDiskModel(BaseModel):
    """A disk with recordings, before and after; bytes."""

    path: str
    total: int
    free: int
    free_after: int
    min_free: int = Field(description="What must stay free")


class RefusalModel(BaseModel):
    """What a brake holds back."""

    brake: str = Field(description="storage, policy, clock, future or share")
    camera_id: Optional[str] = Field(None, description="null when it concerns all")
    reason: str


class FailedModel(BaseModel):
    """A file that could not be deleted."""

    path: str
    reason: str


class CleanupModel(BaseModel):
    """A cleanup, or the preview of one: the same plan."""

    executed: bool = Field(description="false for a preview")
    at: str
    deletes: CountModel = Field(description="What the plan deletes")
    deleted: CountModel = Field(description="What was deleted")
    cameras: List[CleanupCameraModel]
    disks: List[CleanupDiskModel]
    refusals: List[RefusalModel]
    shortfalls: List[str] = Field(description="Limits that cannot be kept, and why")
    notes: List[str]
    troubles: List[str] = Field(description="Cameras that could not be looked at, and why")
    failed: List[FailedModel]


class ErrorModel(BaseModel):
    """Every error's body: one sentence."""

    detail: str
