"""The cameras of the configuration: checked, and turned into `Camera` values.

A camera's user name and password also go to its sub stream if that is at the same address: host, port, and
TLS or not. To another address goes only what stands in the sub stream's own URL: no password reaches a
host that it was not written for.
"""

from __future__ import annotations

from typing import List, Mapping, Optional, Sequence, Tuple

from cctv_cli.core.config import login as config_login
from cctv_cli.core.config import values
from cctv_cli.core.config.entries import Entry, Fields, Origins, Table
from cctv_cli.core.config.login import Login
from cctv_cli.core.config.settings import DEFAULT, Camera, RtspSource
from cctv_cli.core.config.values import Picked, pick

CAMERAS = Table(
    name="cameras",
    word="camera",
    fields=(
        "id",
        "name",
        "enabled",
        "rtsp_url",
        "sub_rtsp_url",
        "username",
        "password",
        "password_file",
        "transcode",
        "retention_days",
        "max_size",
    ),
    secrets=frozenset({"rtsp_url", "sub_rtsp_url", "password"}),
    parse_id=values.camera_id,
    example_id="camera_01",
    least="an id and an rtsp_url",
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

    `taken` tells of ids in lower case what else has them. `transcode` holds for cameras that do not say.
    With `complete` false a file could not be read, so that what is missing is no news. Problems are added
    to `problems`.
    """
    cameras: List[Camera] = []
    origins: Origins = {}
    for entry in entries:
        if entry.id is not None and entry.id.value.lower() in taken:
            owner = taken[entry.id.value.lower()]
            problems.append(f'{entry.id.origin} = "{entry.id.value}" is taken by {owner}; give the camera another id.')
        camera, of_camera = _camera(entry, transcode, complete, problems)
        if camera is not None:
            cameras.append(camera)
            origins.update({f"cameras.{camera.id}.{key}": origin for key, origin in of_camera.items()})
    return cameras, origins


def _camera(
    entry: Entry, general_transcode: Picked[bool], complete: bool, problems: List[str]
) -> Tuple[Optional[Camera], Origins]:
    fields = entry.fields
    name = pick(fields.get("name", ()), values.text, problems)
    enabled = pick(fields.get("enabled", ()), values.boolean, problems)
    transcode = pick(fields.get("transcode", ()), values.boolean, problems) or general_transcode
    retention_days = pick(fields.get("retention_days", ()), values.retention_days, problems)
    max_size = pick(fields.get("max_size", ()), values.size, problems)
    streams, origins = _streams(fields, problems)
    if entry.id is None:
        return None, {}
    if "rtsp_url" not in fields and complete:
        problems.append(
            f'{entry.id.origin} = "{entry.id.value}" is a camera without an RTSP URL; '
            "set its rtsp_url, such as rtsp://192.168.1.100:554/Streaming/Channels/101."
        )
    if streams is None:
        return None, {}
    camera = Camera(
        id=entry.id.value,
        name=name.value if name else entry.id.value,
        source=streams[0],
        enabled=enabled.value if enabled else True,
        transcode=transcode.value,
        sub_source=streams[1],
        retention_days=retention_days.value if retention_days else None,
        max_size=max_size.value if max_size else None,
    )
    origins["name"] = name.origin if name else DEFAULT
    origins["enabled"] = enabled.origin if enabled else DEFAULT
    origins["transcode"] = transcode.origin
    if retention_days is not None:
        origins["retention_days"] = retention_days.origin
    if max_size is not None:
        origins["max_size"] = max_size.origin
    return camera, origins


def _streams(fields: Fields, problems: List[str]) -> Tuple[Optional[Streams], Origins]:
    url = pick(fields.get("rtsp_url", ()), values.rtsp_url, problems)
    sub_url = pick(fields.get("sub_rtsp_url", ()), values.rtsp_url, problems)
    own = config_login.by_keys(fields, problems)
    if url is None:
        return None, {}
    login = config_login.merged(own, config_login.in_url(url), problems)
    config_login.check_login(login, problems)
    origins = {"rtsp_url": url.origin, **login.origins()}
    source = login.applied_to(url.value)
    if sub_url is None:
        return (source, None), origins
    _check_another_stream(url, sub_url, problems)
    sub_login = _sub_login(sub_url, source, login, problems)
    if sub_login != login:
        config_login.check_login(sub_login, problems)
    origins["sub_rtsp_url"] = sub_url.origin
    origins.update({f"sub_rtsp_url.{key}": origin for key, origin in sub_login.origins().items()})
    return (source, sub_login.applied_to(sub_url.value)), origins


def _sub_login(sub: Picked[RtspSource], main: RtspSource, login: Login, problems: List[str]) -> Login:
    """The camera's login where the URL names no other user; at another address only what the URL holds."""
    in_url = config_login.in_url(sub)
    another_user = in_url.username is not None and in_url.username.value != main.username
    if another_user or _address(sub.value) != _address(main):
        return in_url
    return config_login.merged(login, Login(None, in_url.password), problems)


def _check_another_stream(main: Picked[RtspSource], sub: Picked[RtspSource], problems: List[str]) -> None:
    if (_address(main.value), main.value.target) == (_address(sub.value), sub.value.target):
        problems.append(
            f"{sub.origin} is the same stream as {main.origin}; write the URL of the camera's smaller stream, "
            "such as rtsp://192.168.1.100:554/Streaming/Channels/102, or remove the key."
        )


def _address(source: RtspSource) -> Tuple[str, int, bool]:
    return source.host.lower(), source.port, source.tls
