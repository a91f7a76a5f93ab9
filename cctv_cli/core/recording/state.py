"""What a recorder does and why, as every front end shows it: `.state.json` and `.run.json` as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Mapping, Optional, Type, TypeVar

from cctv_cli.core import records
from cctv_cli.core.ffmpeg.command import USUAL_SILENCE, supports_audio
from cctv_cli.core.records import (
    Anchor,
    Bytes,
    Flag,
    Instant,
    MediaTime,
    Number,
    Pid,
    RunId,
    Seconds,
    Text,
    WholeSeconds,
)

FORMAT = 1  # of .state.json, .run.json and the records in .incoming


class State(str, Enum):
    """A recorder's state."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STALLED = "stalled"
    BACKOFF = "backoff"
    AUTH_FAILED = "auth_failed"


@dataclass(frozen=True)
class RecorderState:
    """`.state.json`: the state, its reason (one sentence), since when (instant), and what tables show beside it.

    `cause` is the journal's cause for a gap that is open now; `retry_at` is the instant of the next try;
    `last_exit` says why the previous FFmpeg ended, `last_exit_at` when; `failure` is the reason of the last
    failure, kept through further tries until the camera records again.
    """

    state: State
    reason: Text
    since: Instant
    cause: Text = ""
    restarts: Number = 0
    codec: Text = ""
    audio: Text = ""
    retry_at: Optional[Instant] = None
    last_exit: Text = ""
    last_exit_at: Optional[Instant] = None
    failure: Text = ""


@dataclass(frozen=True)
class FileEnd:
    """Where a file ends that counts in part: its first `size` bytes count; `written` is its mtime after they were."""

    size: Bytes
    written: Anchor


@dataclass(frozen=True)
class Run:
    """`.run.json`: the life of one FFmpeg process.

    `fingerprint` identifies its command; `first_live` is its first live segment. `cause` and `detail` say
    why nothing was recorded before it. `audio` is the camera's audio codec, `audio_place` its place among the
    camera's audio streams, `audio_left_out` whether it is not recorded, `audio_fault` why not; `audio_untrusted` is
    the instant since when, if it is left out because of what earlier runs showed. `clock_fault` is why frames are dated
    by their arrival alone, since the instant `clock_untrusted`; `drift` is how the camera's clock runs (see `drift`).
    `frames_late` is how many frames FFmpeg holds back, `first_time` whether it gives the first frame a time, `begins`
    the media time at which it begins, in seconds. `interval` is the time between two frames in seconds, 0 if it is
    unknown, and `silence` how many seconds FFmpeg waits for a frame (see `patience`). `target_duration`,
    `discontinuity_sequence` and `media_sequence` are those of the next segment in the live playlist, when this was
    saved; `boot` identifies the start of the machine before that. Files before `first_file` and from `end_file` on do
    not count, because the run before or after it has the same footage (see `cut`); the last that counts is cut where it
    `ends_at`, if that is set, before it is committed; `joined` says that its first frame follows the last one of the
    run before it; `successor` is the run that records beside it and will continue it, and `alone_since` the instant
    since when the camera is known to refuse a second session. The rest is the latest mapping of its media time to wall
    time (see `media_clock`).
    """

    run: RunId
    fingerprint: Text
    started: Instant
    first_live: Number
    pid: Optional[Pid] = None
    cause: Text = ""
    detail: Text = ""
    codec: Text = ""
    audio: Text = ""
    audio_place: Number = 0
    audio_left_out: Flag = False
    audio_fault: Text = ""
    audio_untrusted: Optional[Instant] = None
    clock_fault: Text = ""
    clock_untrusted: Optional[Instant] = None
    drift: Anchor = 0.0
    target_duration: WholeSeconds = 0
    discontinuity_sequence: Number = 0
    media_sequence: Number = 0
    boot: Text = ""
    frames_late: Number = 0
    first_time: Flag = False
    begins: Seconds = 0.0
    interval: Seconds = 0.0
    silence: Seconds = USUAL_SILENCE
    first_file: Number = 0
    joined: Flag = False
    end_file: Optional[Number] = None
    ends_at: Optional[FileEnd] = None
    alone_since: Optional[Instant] = None
    successor: Optional[Run] = None
    anchor: Optional[Anchor] = None
    anchor_media: MediaTime = 0.0
    anchor_wall: Anchor = 0.0

    @property
    def has_audio(self) -> bool:
        """Whether the camera's audio is recorded."""
        return supports_audio(self.audio) and not self.audio_left_out

    def owns(self, number: int) -> bool:
        """Whether this file of the run counts."""
        return self.first_file <= number and (self.end_file is None or number < self.end_file)


@dataclass(frozen=True)
class Outage:
    """Nothing was recorded up to the instant `until`. `cause` is the journal's word, `detail` is for people."""

    until: Instant
    cause: Text
    detail: Text


Record = TypeVar("Record", RecorderState, Run, Outage)


def to_json(record: Record) -> str:
    """The text of a state or run file."""
    return records.encode(record, FORMAT)


def from_json(kind: Type[Record], values: Mapping[str, Any]) -> Optional[Record]:
    """The record in a parsed file; None if a field is missing or damaged. Unknown fields are ignored."""
    return records.decode(kind, values)
