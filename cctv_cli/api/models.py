"""The JSON that clients decode. Times are ISO 8601 with UTC offset, durations seconds, rates bit/s.

Every field has an example for the OpenAPI document. Models that commands also print as JSON are in core: cameras in
`recording.schema`, health in `health.schema`.
"""

from __future__ import annotations

from typing import Any, List, Optional

from pydantic import BaseModel, Field

from cctv_cli.core.health.schema import CameraHealthModel as CameraHealthModel
from cctv_cli.core.health.schema import CameraStorageModel as CameraStorageModel
from cctv_cli.core.health.schema import CoverageModel as CoverageModel
from cctv_cli.core.health.schema import DayBytesModel as DayBytesModel
from cctv_cli.core.health.schema import FindingModel as FindingModel
from cctv_cli.core.health.schema import HealthModel as HealthModel
from cctv_cli.core.health.schema import ProcessModel as ProcessModel
from cctv_cli.core.health.schema import PromiseModel as PromiseModel
from cctv_cli.core.health.schema import StorageModel as StorageModel
from cctv_cli.core.health.schema import SystemModel as SystemModel
from cctv_cli.core.recording.schema import AUDIO, BIT_RATE, CODEC, REASON, CameraFields
from cctv_cli.core.recording.state import State

_LIVE_URL: Any = Field(examples=["/stream/front/live.m3u8"], description="The path of the live playlist on this server")


class CameraModel(CameraFields):
    """One camera and its state."""

    live_url: str = _LIVE_URL


class StreamInfoModel(BaseModel):
    """The live window of a camera."""

    id: str = Field(examples=["front"])
    state: State = Field(examples=[State.RUNNING])
    reason: str = REASON
    live_url: str = _LIVE_URL
    playable: bool = Field(examples=[True], description="Whether the live playlist is served now")
    codec: Optional[str] = CODEC
    audio: Optional[str] = AUDIO
    bit_rate: Optional[int] = BIT_RATE
    target_duration: Optional[int] = Field(default=None, examples=[10], description="Maximum seconds of a live segment")
    media_sequence: Optional[int] = Field(
        default=None, examples=[5281], description="Media sequence number of the first segment in the window"
    )
    segments: int = Field(examples=[6], description="Number of segments in the window")
    starts_at: Optional[str] = Field(default=None, examples=["2026-11-23T14:40:58.120+01:00"])
    ends_at: Optional[str] = Field(default=None, examples=["2026-11-23T14:41:58.120+01:00"])


class GapModel(BaseModel):
    """A time span without a recording, and the cause."""

    start: str = Field(examples=["2026-11-23T09:12:04.360+01:00"])
    seconds: float = Field(examples=[31.84])
    cause: str = Field(examples=["unreachable"], description="A short phrase")
    detail: str = Field(examples=["the camera refuses the connection"], description="A sentence, or empty")


class ClockStepModel(BaseModel):
    """The clock of the recording machine was set: ahead, which leaves a gap, or back, so that times come twice."""

    at: str = Field(examples=["2026-11-23T09:12:04.360+01:00"], description="By the new clock")
    seconds: float = Field(examples=[-3600.0], description="Negative if it was set back")


class SegmentModel(BaseModel):
    """One recording, usually one minute."""

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
    segments: int = Field(examples=[60], description="Number of recordings")
    seconds: float = Field(examples=[3599.96], description="Recorded seconds, excluding gaps")
    bytes: int = Field(examples=[1_843_680_000])


class DayModel(BaseModel):
    """One local day of recordings; `recordings` only if that day was requested."""

    date: str = Field(examples=["2026-11-23"])
    segments: int = Field(examples=[881], description="Number of recordings")
    seconds: float = Field(examples=[52_828.1], description="Recorded seconds, excluding gaps")
    missing_seconds: float = Field(examples=[31.84], description="Seconds of all gaps")
    bytes: int = Field(examples=[27_071_368_000])
    hours: List[HourModel] = Field(description="Hours with recordings, earliest first")
    gaps: List[GapModel] = Field(description="In order of their start")
    clock_steps: List[ClockStepModel] = Field(description="In the order in which they happened")
    recordings: Optional[List[SegmentModel]] = Field(default=None, description="In order of their start")


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

    reason: str = Field(description="Why they are deleted or kept", examples=["older than 30 days"])


class CleanupDayModel(BaseModel):
    """The cleanup of one local day of a camera."""

    date: str = Field(examples=["2026-10-24"])
    deletes: List[ReasonModel]
    keeps: List[ReasonModel]


class CleanupCameraModel(BaseModel):
    """The cleanup of one camera's recordings, and its policy."""

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
    camera_id: Optional[str] = Field(None, description="null for all cameras", examples=["front"])
    reason: str = Field(examples=["The limit max_size of front asks to delete 80 % of the recordings of front"])


class FailedModel(BaseModel):
    """A file that could not be deleted."""

    path: str = Field(examples=["front/recordings/2026-10-24/14/41.ts"])
    reason: str = Field(examples=["Permission denied"])


class CleanupModel(BaseModel):
    """A cleanup or the preview of one."""

    executed: bool = Field(description="false for a preview", examples=[False])
    at: str = Field(examples=["2026-11-23T14:41:02.310+01:00"])
    deletes: CountModel = Field(description="What the plan deletes")
    deleted: CountModel = Field(description="What was deleted")
    cameras: List[CleanupCameraModel]
    disks: List[CleanupDiskModel]
    refusals: List[RefusalModel]
    shortfalls: List[str] = Field(
        description="Limits that cannot be kept, and why",
        examples=[["The limit max_size of front cannot be kept: 2.0 GB too much is stored"]],
    )
    notes: List[str] = Field(
        examples=[["front has 3 recordings (80 MB) dated in the future, because the clock was wrong"]]
    )
    troubles: List[str] = Field(
        description="What could not be read or cleaned up, and why",
        examples=[["The recordings of front cannot be read (Permission denied); check permissions"]],
    )
    failed: List[FailedModel]


class ErrorModel(BaseModel):
    """The body of every error: one sentence."""

    detail: str = Field(examples=["No camera 'back' is configured; known: front, yard."])
