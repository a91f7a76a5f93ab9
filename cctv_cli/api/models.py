"""The JSON that clients decode. Times are ISO 8601 with UTC offset, durations seconds, rates bit/s.

Every field has an example: they stand in the OpenAPI document.
"""

from __future__ import annotations

from typing import List, Optional

from pydantic import BaseModel, Field

from cctv_cli.core.state import State


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


class ErrorModel(BaseModel):
    """Every error's body: one sentence."""

    detail: str = Field(examples=["No camera 'back' is configured; known are: front, yard."])
