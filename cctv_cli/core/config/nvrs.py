"""NVRs with several channels: each channel becomes a camera with main and sub stream.

Hikvision's streams are /Streaming/Channels/<channel>01, the main stream, and <channel>02, the sub stream.
The camera of channel 3 of the NVR "nvr" has the id "nvr-3".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from cctv_cli.core.config import login as config_login
from cctv_cli.core.config import values
from cctv_cli.core.config.camera_keys import COMMON_KEYS, Common, read_common
from cctv_cli.core.config.entries import Entry
from cctv_cli.core.config.login import LOGIN_KEYS, Login
from cctv_cli.core.config.rtsp_url import parse_host
from cctv_cli.core.config.schema import Key, Origins, Spelling, Table
from cctv_cli.core.config.settings import Camera, RtspSource
from cctv_cli.core.config.values import Picked, Raw

_KINDS = ("hikvision",)
_PORT = 554
_MOST_CHANNELS = 64  # below 101, which people write when they mean channel 1's main stream
_NVR_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}")  # with "-64" appended it is a camera id of 64 characters
_CHANNEL = re.compile(r"[0-9]{1,9}", re.ASCII)


def _nvr_id(raw: Raw) -> str:
    value = values.text(raw)
    if _NVR_ID.fullmatch(value) is None:
        raise ValueError("is not an NVR id; write letters a-z, digits, _ and -, at most 61, such as nvr")
    return value


def _host(raw: Raw) -> str:
    return parse_host(values.text(raw).strip())


def _kind(raw: Raw) -> str:
    kind = values.text(raw).strip().lower()
    if kind not in _KINDS:
        raise ValueError("is not a known kind of NVR; write hikvision, or name each channel in [[cameras]]")
    return kind


def _channels(raw: Raw) -> Tuple[int, ...]:
    """Channel numbers; in the environment separated by commas."""
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
            f"has {number}, but channels are 1 to {_MOST_CHANNELS}; "
            f"write for example {example}, where 1 means Streaming/Channels/101"
        )
    return number


def _names(raw: Raw) -> Dict[int, str]:
    """Names by channel; the keys of a TOML table are text."""
    if not isinstance(raw.value, dict):
        raise ValueError('is not a table; write names.1 = "Gate" for the name of channel 1')
    names = {}
    for key, name in raw.value.items():
        if _CHANNEL.fullmatch(key) is None:
            raise ValueError(f'has {json.dumps(key)}, which is not a channel; write names.1 = "Gate" for channel 1')
        try:
            text = values.text(replace(raw, value=name))
        except ValueError as reason:
            raise ValueError(f"has a name for channel {key} that {reason}") from None
        if text:
            names[int(key)] = text
    return names


ID = Key("id", _nvr_id, "channel 1 of the NVR `nvr` is the camera `nvr-1`: letters, digits, `_` and `-`, at most 61")
KIND = Key("kind", _kind, "`hikvision`, whose streams are `/Streaming/Channels/101` and so on")
HOST = Key("host", _host, "host name or IP address, without port")
PORT = Key(
    "port", values.whole_number(1, 65535, _PORT), "RTSP port, not that of the NVR's web page or SDK", f"`{_PORT}`"
)
CHANNELS = Key("channels", _channels, "numbers of the channels, 1 to 64: `[1, 2]`, in the environment `1,2`")
NAMES = Key(
    "names", _names, 'names of individual channels: `names.2 = "Gate"`', "`name` and number", has_variable=False
)
SUB_STREAMS = Key(
    "sub_streams", values.boolean, "whether to serve the sub streams, which doubles the sessions at the NVR", "`true`"
)

NVRS = Table(
    noun="NVR",
    article="an",
    spellings=(Spelling("nvrs", "nvr"), Spelling("recorders", "recorder")),
    id=ID,
    keys=(ID, KIND, HOST, PORT, CHANNELS, NAMES, SUB_STREAMS, *LOGIN_KEYS, *COMMON_KEYS),
    example_id="nvr",
    needs="an id, kind, host and channels",
)

_REQUIRED = ((KIND, "hikvision"), (HOST, "192.168.1.200"), (CHANNELS, "[1, 2]"))


@dataclass(frozen=True)
class _Nvr:
    """One NVR, with what could be read of it."""

    id: Picked[str]
    host: Optional[Picked[str]]
    port: int
    channels: Sequence[int]
    names: Optional[Picked[Dict[int, str]]]
    sub_streams: bool
    login: Login
    common: Common

    def camera_id(self, channel: int) -> str:
        return f"{self.id.value}-{channel}"


def load_nvrs(
    entries: Sequence[Entry], transcode: Picked[bool], complete: bool, problems: List[str]
) -> Tuple[List[Camera], Origins, Mapping[str, str]]:
    """Build the cameras of all NVRs, with the channels in the order in which they are written.

    `transcode` applies to NVRs that do not set it. Unless `complete`, a file could not be read, and missing keys
    are not reported. Problems are added to `problems`. The third value maps each lower-case camera id to the
    channel that has it, including those of NVRs that cannot be used.
    """
    cameras: List[Camera] = []
    origins: Origins = {}
    taken: Dict[str, str] = {}
    for entry in entries:
        nvr = _read(entry, transcode, complete, problems)
        if nvr is None:
            continue
        for channel in nvr.channels:
            id = nvr.camera_id(channel)
            taken[id.lower()] = f'channel {channel} of {nvr.id.origin} = "{nvr.id.value}"'
            if nvr.host is not None:
                cameras.append(_camera(nvr, nvr.host.value, channel))
                found = _origins(nvr, nvr.host, channel)
                origins.update({f"cameras.{id}.{key}": origin for key, origin in found.items()})
    return cameras, origins, taken


def _read(entry: Entry, general_transcode: Picked[bool], complete: bool, problems: List[str]) -> Optional[_Nvr]:
    fields = entry.fields
    KIND.read(fields, problems)
    host = HOST.read(fields, problems)
    port = PORT.read(fields, problems)
    channels = CHANNELS.read(fields, problems)
    names = NAMES.read(fields, problems)
    sub_streams = SUB_STREAMS.read(fields, problems)
    common = read_common(fields, general_transcode, problems)
    login = config_login.by_keys(fields, problems)
    if complete and ID.name in fields:  # otherwise the rest of the login may be somewhere that could not be read
        config_login.check_login(login, problems)
    _check_names(names, channels, problems)
    if entry.id is None:
        return None
    for key, example in _REQUIRED if complete else ():
        if key.name not in fields:
            problems.append(
                f'{entry.id.origin} = "{entry.id.value}" is an NVR without {key.name}; '
                f"set its {key.name}, such as {example}."
            )
    return _Nvr(
        id=entry.id,
        host=host,
        port=port.value if port else _PORT,
        channels=channels.value if channels else (),
        names=names,
        sub_streams=sub_streams.value if sub_streams else True,
        login=login,
        common=common,
    )


def _camera(nvr: _Nvr, host: str, channel: int) -> Camera:
    main = nvr.login.applied_to(RtspSource(host, nvr.port, _target(channel, 1)))
    sub = replace(main, target=_target(channel, 2)) if nvr.sub_streams else None
    name = nvr.common.name.value if nvr.common.name else nvr.id.value
    own_name = nvr.names.value.get(channel) if nvr.names else None
    return nvr.common.camera(nvr.camera_id(channel), own_name or f"{name} {channel}", main, sub)


def _origins(nvr: _Nvr, host: Picked[str], channel: int) -> Origins:
    login = nvr.login.origins()
    origins = {**nvr.common.origins(), "rtsp_url": host.origin, **login}
    if nvr.names is not None and channel in nvr.names.value:
        origins["name"] = nvr.names.origin
    if nvr.sub_streams:
        origins["sub_rtsp_url"] = host.origin
        origins.update({f"sub_rtsp_url.{key}": origin for key, origin in login.items()})
    return origins


def _target(channel: int, stream: int) -> str:
    return f"/Streaming/Channels/{channel}{stream:02d}"


def _check_names(
    names: Optional[Picked[Dict[int, str]]], channels: Optional[Picked[Tuple[int, ...]]], problems: List[str]
) -> None:
    """Report names of channels that are not in `channels`."""
    if names is None or channels is None:
        return
    for channel in names.value:
        if channel not in channels.value:
            problems.append(
                f"{names.origin} has a name for channel {channel}, which is not in {channels.origin}; "
                "add the channel there, or remove its name."
            )
