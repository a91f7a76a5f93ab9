"""The JSON of a camera: each field's name, type, unit and example, for both `cctv cameras --json` and `GET /cameras`.

Instants are ISO 8601 with UTC offset, rates are in bit/s, and unknown values are null.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Dict, Optional

from pydantic import BaseModel, ConfigDict, Field

from cctv_cli.core.clock import format_instant
from cctv_cli.core.recording.state import State

if TYPE_CHECKING:
    from cctv_cli.core.recording.status import CameraStatus

# fields of several models
REASON: Any = Field(examples=["recording"], description="One sentence: why the camera is in this state, and what to do")
CODEC: Any = Field(default=None, examples=["h264"], description="Video codec of the camera")
AUDIO: Any = Field(
    default=None,
    examples=["pcm_alaw"],
    description="Audio codec of the camera; other codecs than AAC are converted to AAC",
)
AUDIO_ENABLED: Any = Field(
    examples=[True], description="False if the configuration says audio = false: the camera is asked for no sound"
)
BIT_RATE: Any = Field(default=None, examples=[4_096_000], description="Of the newest live segment, bit/s")


class CameraFields(BaseModel):
    """What every view of a camera shows."""

    model_config = ConfigDict(allow_inf_nan=False)  # JSON has no infinity or NaN

    id: str = Field(examples=["front"])
    name: str = Field(examples=["Front Entrance"])
    enabled: bool = Field(examples=[True])
    state: State = Field(examples=[State.RUNNING])
    reason: str = REASON
    since: Optional[str] = Field(
        default=None, examples=["2026-11-23T06:00:00.000+01:00"], description="Since when it is in this state"
    )
    codec: Optional[str] = CODEC
    audio: Optional[str] = AUDIO
    audio_enabled: bool = AUDIO_ENABLED
    bit_rate: Optional[int] = BIT_RATE
    last_segment_at: Optional[str] = Field(
        default=None, examples=["2026-11-23T14:41:58.120+01:00"], description="End of the newest finished live segment"
    )
    recorded_today_seconds: float = Field(examples=[52_918.04], description="Since local midnight")
    restarts: int = Field(
        examples=[0], description="How often its FFmpeg was restarted; a new supervisor continues the count"
    )
    retry_at: Optional[str] = Field(
        default=None, examples=["2026-11-23T14:42:30.000+01:00"], description="When the next try is due"
    )


class LocalCamera(CameraFields):
    """One camera as commands on the recording machine show it."""

    supervisor_pid: Optional[int] = Field(
        default=None, examples=[812], description="Process id of the cctv serve or cctv record that supervises it"
    )
    ffmpeg_pid: Optional[int] = Field(default=None, examples=[4711], description="Process id of its FFmpeg")


def camera_values(status: CameraStatus, tz: Optional[tzinfo]) -> Dict[str, Any]:
    """The field values for the model of a view."""

    def instant(value: Optional[float]) -> Optional[str]:
        return None if value is None else format_instant(value, tz)

    return {
        "id": status.id,
        "name": status.name,
        "enabled": status.enabled,
        "state": status.state,
        "reason": status.reason,
        "since": instant(status.since),
        "codec": status.codec or None,
        "audio": status.audio or None,
        "audio_enabled": status.audio_enabled,
        "bit_rate": None if status.bit_rate is None else round(status.bit_rate),
        "last_segment_at": instant(status.last_segment_at),
        "recorded_today_seconds": round(status.recorded_today, 3),
        "restarts": status.restarts,
        "retry_at": instant(status.retry_at),
    }


def local_camera(status: CameraStatus, tz: Optional[tzinfo]) -> LocalCamera:
    """A status with the ids of its processes."""
    return LocalCamera(**camera_values(status, tz), supervisor_pid=status.supervisor_pid, ffmpeg_pid=status.ffmpeg_pid)
