"""Checks the configured cameras and builds their `Camera` values.

The sub stream uses the camera's user name and password if it has the same host, port and TLS setting. At any
other address it uses only the login in its own URL, so that no password reaches a host it was not written for.
"""

from __future__ import annotations

from typing import List, Mapping, Optional, Sequence, Tuple

from cctv_cli.core.config import login as config_login
from cctv_cli.core.config import values
from cctv_cli.core.config.camera_keys import COMMON_KEYS, read_common
from cctv_cli.core.config.entries import Entry
from cctv_cli.core.config.login import LOGIN_KEYS, Login
from cctv_cli.core.config.rtsp_url import parse_rtsp_url
from cctv_cli.core.config.schema import Fields, Key, Origins, Spelling, Table
from cctv_cli.core.config.settings import Camera, RtspSource
from cctv_cli.core.config.values import Picked, Raw


def _rtsp_url(raw: Raw) -> RtspSource:
    if not isinstance(raw.value, str):
        raise ValueError("is not text; write it in quotes")
    return parse_rtsp_url(raw.value)


ID = Key("id", values.camera_id, "folder and address of the camera: letters, digits, `_` and `-`, at most 64")
RTSP_URL = Key("rtsp_url", _rtsp_url, "`rtsp://[user:password@]host[:554]/path` of the main stream", secret=True)
SUB_RTSP_URL = Key("sub_rtsp_url", _rtsp_url, "URL of the sub stream, for viewing only", "none", secret=True)

CAMERAS = Table(
    noun="camera",
    article="a",
    spellings=(Spelling("cameras", "camera"),),
    id=ID,
    keys=(ID, RTSP_URL, SUB_RTSP_URL, *LOGIN_KEYS, *COMMON_KEYS),
    example_id="camera_01",
    needs="an id and an rtsp_url",
)

Streams = Tuple[RtspSource, Optional[RtspSource]]  # the main and the sub stream


def load_cameras(
    entries: Sequence[Entry],
    taken: Mapping[str, str],
    transcode: Picked[bool],
    complete: bool,
    problems: List[str],
) -> Tuple[List[Camera], Origins]:
    """Build the cameras of `CAMERAS`.

    `taken` maps the lower-case ids that NVR channels use to the names of those channels. `transcode` applies to
    cameras that do not set it. Unless `complete`, a file could not be read, and missing keys are not reported.
    Problems are added to `problems`.
    """
    cameras: List[Camera] = []
    origins: Origins = {}
    for entry in entries:
        if entry.id is not None and entry.id.value.lower() in taken:
            owner = taken[entry.id.value.lower()]
            problems.append(f'{entry.id.origin} = "{entry.id.value}" is taken by {owner}; give the camera another id.')
        camera, camera_origins = _camera(entry, transcode, complete, problems)
        if camera is not None:
            cameras.append(camera)
            origins.update({f"cameras.{camera.id}.{key}": origin for key, origin in camera_origins.items()})
    return cameras, origins


def _camera(
    entry: Entry, general_transcode: Picked[bool], complete: bool, problems: List[str]
) -> Tuple[Optional[Camera], Origins]:
    fields = entry.fields
    common = read_common(fields, general_transcode, problems)
    streams, origins = _streams(fields, problems)
    if entry.id is None:
        return None, {}
    if RTSP_URL.name not in fields and complete:
        problems.append(
            f'{entry.id.origin} = "{entry.id.value}" is a camera without an RTSP URL; '
            "set its rtsp_url, such as rtsp://192.168.1.100:554/Streaming/Channels/101."
        )
    if streams is None:
        return None, {}
    name = common.name.value if common.name else entry.id.value
    return common.camera(entry.id.value, name, *streams), {**origins, **common.origins()}


def _streams(fields: Fields, problems: List[str]) -> Tuple[Optional[Streams], Origins]:
    url = RTSP_URL.read(fields, problems)
    sub_url = SUB_RTSP_URL.read(fields, problems)
    own = config_login.by_keys(fields, problems)
    if url is None:
        return None, {}
    login = config_login.merged(own, config_login.in_url(url), problems)
    config_login.check_login(login, problems)
    origins = {"rtsp_url": url.origin, **login.origins()}
    source = login.applied_to(url.value)
    if sub_url is None:
        return (source, None), origins
    _check_differs(url, sub_url, problems)
    sub_login = _sub_login(sub_url, source, login, problems)
    if sub_login != login:
        config_login.check_login(sub_login, problems)
    origins["sub_rtsp_url"] = sub_url.origin
    origins.update({f"sub_rtsp_url.{key}": origin for key, origin in sub_login.origins().items()})
    return (source, sub_login.applied_to(sub_url.value)), origins


def _sub_login(sub: Picked[RtspSource], main: RtspSource, login: Login, problems: List[str]) -> Login:
    """The camera's login, unless the URL names another user or another address: then the URL's own."""
    in_url = config_login.in_url(sub)
    another_user = in_url.username is not None and in_url.username.value != main.username
    if another_user or _address(sub.value) != _address(main):
        return in_url
    return config_login.merged(login, Login(None, in_url.password), problems)


def _check_differs(main: Picked[RtspSource], sub: Picked[RtspSource], problems: List[str]) -> None:
    if (_address(main.value), main.value.target) == (_address(sub.value), sub.value.target):
        problems.append(
            f"{sub.origin} is the same stream as {main.origin}; write the URL of the camera's smaller stream, "
            "such as rtsp://192.168.1.100:554/Streaming/Channels/102, or remove the key."
        )


def _address(source: RtspSource) -> Tuple[str, int, bool]:
    return source.host.lower(), source.port, source.tls
