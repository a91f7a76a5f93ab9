"""What a recorder is doing and why, as every front shows it: `.state.json` and `.run.json` as values."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any, Dict, Mapping, Optional, Type, TypeVar


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
    """`.state.json`: state, one sentence of reason, since when (instant), and what a table shows beside it.

    `cause` names what a gap that is open now will be called in the journal; `retry_at` is the
    instant of the next try; `last_exit` says why the FFmpeg before this one ended, `last_exit_at` when;
    `failure` is the reason of the last failure, up to when it records again: also while the next try starts.
    """

    state: State
    reason: str
    since: float
    cause: str = ""
    restarts: int = 0
    codec: str = ""
    audio: str = ""
    retry_at: Optional[float] = None
    last_exit: str = ""
    last_exit_at: Optional[float] = None
    failure: str = ""


@dataclass(frozen=True)
class Run:
    """`.run.json`: one FFmpeg process's life.

    `fingerprint` names its command, `first_live` its first live segment. `cause` and `detail` say
    why nothing was recorded before it, `frames_late` how many frames FFmpeg holds back, `first_time`
    whether it gives the first frame a time, `begins` at which media time it begins, in seconds. The rest
    is the latest known place of its media time in wall time (see `timeline`).
    """

    run: str
    fingerprint: str
    started: float
    first_live: int
    pid: Optional[int] = None
    cause: str = ""
    detail: str = ""
    codec: str = ""
    audio: str = ""
    target_duration: int = 0
    discontinuity_sequence: int = 0
    frames_late: int = 0
    first_time: bool = False
    begins: float = 0.0
    anchor: Optional[float] = None
    anchor_media: float = 0.0
    anchor_wall: float = 0.0


@dataclass(frozen=True)
class Outage:
    """Nothing was recorded up to the instant `until`: `cause` as the journal calls it, `detail` for people."""

    until: float
    cause: str
    detail: str


Record = TypeVar("Record", RecorderState, Run, Outage)


def to_json(record: Record) -> str:
    """The text of a state or run file."""
    return json.dumps(asdict(record)) + "\n"


def from_json(kind: Type[Record], values: Mapping[str, Any]) -> Optional[Record]:
    """The record in a parsed file; None when a field is missing or odd. Unknown fields are passed over."""
    known: Dict[str, Any] = {f.name: values[f.name] for f in fields(kind) if f.name in values}
    try:
        if "state" in known:
            known["state"] = State(known["state"])
        record = kind(**known)
    except (TypeError, ValueError):
        return None
    return record if all(_fits(getattr(record, f.name), str(f.type)) for f in fields(kind)) else None


def _fits(value: object, kind: str) -> bool:
    """Whether a value from a file has the type that its field is declared with."""
    if value is None:
        return kind.startswith("Optional")
    if kind == "bool":
        return isinstance(value, bool)
    if "float" in kind:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if "int" in kind:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, State if kind == "State" else str)
