"""Recorders with several channels (NVR, DVR): each channel becomes a camera with main and sub stream.

Hikvision's streams are /Streaming/Channels/<channel>01, the main stream, and <channel>02, the sub stream.
The camera of channel 3 of the recorder "nvr" has the id "nvr-3".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from cctv_cli.core.config import login as config_login
from cctv_cli.core.config import values
from cctv_cli.core.config.entries import Entry, Origins, Table
from cctv_cli.core.config.login import Login
from cctv_cli.core.config.settings import DEFAULT, Camera, Origin, RtspSource
from cctv_cli.core.config.values import Picked, Raw, pick

_KINDS = ("hikvision",)
_PORT = 554
_MOST_CHANNELS = 64  # fewer than 101, which people write for channel 1's main stream
_RECORDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}")  # "-64" makes it a camera's id of 64 characters
_CHANNEL = re.compile(r"[0-9]{1,9}", re.ASCII)


def _recorder_id(raw: Raw) -> str:
    value = values.text(raw)
    if _RECORDER_ID.fullmatch(value) is None:
        raise ValueError("is not a recorder id; write letters a-z, digits, _ and -, at most 61, such as nvr")
    return value


RECORDERS = Table(
    name="recorders",
    word="recorder",
    fields=(
        "id",
        "name",
        "kind",
        "host",
        "port",
        "channels",
        "names",
        "sub_streams",
        "enabled",
        "username",
        "password",
        "password_file",
        "transcode",
        "retention_days",
        "max_size",
    ),
    secrets=frozenset({"password"}),
    parse_id=_recorder_id,
    example_id="nvr",
    least="an id, kind, host and channels",
    only_in_file=frozenset({"names"}),
)

_NEEDED = (("kind", "hikvision"), ("host", "192.168.1.200"), ("channels", "[1, 2]"))


@dataclass(frozen=True)
class _Recorder:
    """One recorder, as far as it could be read."""

    id: Picked[str]
    name: Optional[Picked[str]]
    names: Optional[Picked[Dict[int, str]]]
    host: Optional[Picked[str]]
    port: int
    channels: Sequence[int]
    sub_streams: bool
    enabled: Optional[Picked[bool]]
    transcode: Picked[bool]
    retention_days: Optional[Picked[int]]
    max_size: Optional[Picked[int]]
    login: Login

    def camera_id(self, channel: int) -> str:
        return f"{self.id.value}-{channel}"


def load_recorders(
    entries: Sequence[Entry], transcode: Picked[bool], complete: bool, problems: List[str]
) -> Tuple[List[Camera], Origins, Mapping[str, str]]:
    """Build the cameras of the recorders of `RECORDERS`, channels in the order in which they are written.

    `transcode` holds for recorders that do not say. With `complete` false a file could not be read, so
    that what is missing is no news. Problems are added to `problems`. Third comes what has which
    camera id, in lower case, also of recorders that cannot be used.
    """
    cameras: List[Camera] = []
    origins: Origins = {}
    taken: Dict[str, str] = {}
    for entry in entries:
        recorder = _read(entry, transcode, complete, problems)
        if recorder is None:
            continue
        for channel in recorder.channels:
            id = recorder.camera_id(channel)
            taken[id.lower()] = f'channel {channel} of {recorder.id.origin} = "{recorder.id.value}"'
            if recorder.host is not None:
                cameras.append(_camera(recorder, recorder.host.value, channel))
                found = _origins(recorder, recorder.host.origin, channel)
                origins.update({f"cameras.{id}.{key}": origin for key, origin in found.items()})
    return cameras, origins, taken


def _read(entry: Entry, general_transcode: Picked[bool], complete: bool, problems: List[str]) -> Optional[_Recorder]:
    fields = entry.fields
    name = pick(fields.get("name", ()), values.text, problems)
    pick(fields.get("kind", ()), _kind, problems)
    host = pick(fields.get("host", ()), values.remote_host, problems)
    port = pick(fields.get("port", ()), values.whole_number(1, 65535, _PORT), problems)
    channels = pick(fields.get("channels", ()), _channels, problems)
    names = pick(fields.get("names", ()), _names, problems)
    sub_streams = pick(fields.get("sub_streams", ()), values.boolean, problems)
    enabled = pick(fields.get("enabled", ()), values.boolean, problems)
    transcode = pick(fields.get("transcode", ()), values.boolean, problems) or general_transcode
    retention_days = pick(fields.get("retention_days", ()), values.retention_days, problems)
    max_size = pick(fields.get("max_size", ()), values.size, problems)
    login = config_login.by_keys(fields, problems)
    if complete and "id" in fields:  # else the rest of the login may stand elsewhere
        config_login.check_login(login, problems)
    _check_names(names, channels, problems)
    if entry.id is None:
        return None
    for key, example in _NEEDED if complete else ():
        if key not in fields:
            problems.append(
                f'{entry.id.origin} = "{entry.id.value}" is a recorder without {key}; set its {key}, such as {example}.'
            )
    return _Recorder(
        id=entry.id,
        name=name,
        names=names,
        host=host,
        port=port.value if port else _PORT,
        channels=channels.value if channels else (),
        sub_streams=sub_streams.value if sub_streams else True,
        enabled=enabled,
        transcode=transcode,
        retention_days=retention_days,
        max_size=max_size,
        login=login,
    )


def _camera(recorder: _Recorder, host: str, channel: int) -> Camera:
    main = recorder.login.applied_to(RtspSource(host, recorder.port, _target(channel, 1)))
    name = recorder.name.value if recorder.name else recorder.id.value
    own_name = recorder.names.value.get(channel) if recorder.names else None
    return Camera(
        id=recorder.camera_id(channel),
        name=own_name or f"{name} {channel}",
        source=main,
        enabled=recorder.enabled.value if recorder.enabled else True,
        transcode=recorder.transcode.value,
        sub_source=replace(main, target=_target(channel, 2)) if recorder.sub_streams else None,
        retention_days=recorder.retention_days.value if recorder.retention_days else None,
        max_size=recorder.max_size.value if recorder.max_size else None,
    )


def _origins(recorder: _Recorder, host: Origin, channel: int) -> Origins:
    named = recorder.names is not None and channel in recorder.names.value
    name = recorder.names if named else recorder.name
    login = recorder.login.origins()
    origins = {
        "name": name.origin if name else DEFAULT,
        "enabled": recorder.enabled.origin if recorder.enabled else DEFAULT,
        "transcode": recorder.transcode.origin,
        "rtsp_url": host,
        **login,
    }
    if recorder.retention_days is not None:
        origins["retention_days"] = recorder.retention_days.origin
    if recorder.max_size is not None:
        origins["max_size"] = recorder.max_size.origin
    if recorder.sub_streams:
        origins["sub_rtsp_url"] = host
        origins.update({f"sub_rtsp_url.{key}": origin for key, origin in login.items()})
    return origins


def _target(channel: int, stream: int) -> str:
    return f"/Streaming/Channels/{channel}{stream:02d}"


# --- parsers, see config_values ---


def _kind(raw: Raw) -> str:
    kind = values.text(raw).strip().lower()
    if kind not in _KINDS:
        raise ValueError("is no known kind of recorder; write hikvision, or name each channel in [[cameras]]")
    return kind


def _channels(raw: Raw) -> Tuple[int, ...]:
    """Channel numbers; in the environment with commas between them."""
    example = "1,2" if raw.is_text else "[1, 2]"
    items = str(raw.value).split(",") if raw.is_text else raw.value
    if not isinstance(items, list):
        raise ValueError(f"is not a list; write the numbers of the channels, such as {example}")
    if not items:
        raise ValueError(f"is an empty list; write the numbers of the channels, such as {example}")
    numbers = [_channel(item, raw.is_text, example) for item in items]
    twice = next((number for number in numbers if numbers.count(number) > 1), None)
    if twice is not None:
        raise ValueError(f"has channel {twice} more than once; write each channel once")
    return tuple(numbers)


def _channel(item: object, is_text: bool, example: str) -> int:
    number = int(item) if is_text and isinstance(item, str) and _CHANNEL.fullmatch(item.strip()) else item
    if not isinstance(number, int) or isinstance(number, bool):
        raise ValueError(
            f"has an entry that is not a whole number; write the numbers of the channels, such as {example}"
        )
    if not 1 <= number <= _MOST_CHANNELS:
        raise ValueError(
            f"has {number}, which is no channel from 1 to {_MOST_CHANNELS}; "
            f"write such as {example}, where 1 stands for Streaming/Channels/101"
        )
    return number


def _names(raw: Raw) -> Dict[int, str]:
    """Names by channel; TOML's keys are text."""
    if not isinstance(raw.value, dict):
        raise ValueError('is not a table; write names.1 = "Gate" for the name of channel 1')
    names = {}
    for key, name in raw.value.items():
        if _CHANNEL.fullmatch(key) is None:
            raise ValueError(f'has {json.dumps(key)}, which is no channel; write names.1 = "Gate" for channel 1')
        try:
            text = values.text(replace(raw, value=name))
        except ValueError as reason:
            raise ValueError(f"has a name for channel {key} that {reason}") from None
        if text:
            names[int(key)] = text
    return names


def _check_names(
    names: Optional[Picked[Dict[int, str]]], channels: Optional[Picked[Tuple[int, ...]]], problems: List[str]
) -> None:
    """A name without its channel is a slip in one of the two."""
    if names is None or channels is None:
        return
    for channel in names.value:
        if channel not in channels.value:
            problems.append(
                f"{names.origin} has a name for channel {channel}, which is not in {channels.origin}; "
                "add the channel there, or remove its name."
            )
