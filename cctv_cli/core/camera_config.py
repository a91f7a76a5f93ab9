"""The cameras of the configuration: merged by id from all layers, checked, turned into `Camera` values.

Order: the cameras of cameras.toml as they stand there, then those that only the environment or `.env`
names, by their number.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from cctv_cli.core import config_values as values
from cctv_cli.core.config_values import Picked, Raw, T, pick
from cctv_cli.core.settings import DEFAULT, Camera, Origin, RtspSource
from cctv_cli.core.units import Secret

FIELDS = ("id", "name", "enabled", "rtsp_url", "username", "password", "password_file", "transcode")
SECRET_FIELDS = frozenset({"rtsp_url", "password"})

# FFmpeg keeps the percent-encoded "user:password" in 128 bytes and silently cuts the rest off (5.1 and 9).
_MAX_LOGIN = 127

Fields = Dict[str, List[Raw]]  # a camera's field: its values, the lowest layer first
Origins = Dict[str, Origin]


@dataclass
class _Entry:
    """What belongs to one camera. Without a usable id it is only checked."""

    id: Optional[Picked[str]]
    fields: Fields
    numbered: bool  # the environment has had its say on this camera


def load_cameras(
    in_file: Sequence[Fields],
    numbered: Sequence[Fields],
    transcode: Picked[bool],
    complete: bool,
    problems: List[str],
) -> Tuple[List[Camera], Origins]:
    """Build the cameras of cameras.toml and of the environment's CAMERA_<n>_ variables, sorted by n.

    `transcode` holds for cameras that do not say. With `complete` false a file could not be read, so that
    what is missing is no news. Problems are added to `problems`; a camera with any is left out.
    """
    cameras: List[Camera] = []
    origins: Origins = {}
    for entry in _merge(in_file, numbered, complete, problems):
        camera, of_camera = _camera(entry, transcode, complete, problems)
        if camera is not None:
            cameras.append(camera)
            origins.update({f"cameras.{camera.id}.{key}": origin for key, origin in of_camera.items()})
    return cameras, origins


def _merge(in_file: Sequence[Fields], numbered: Sequence[Fields], complete: bool, problems: List[str]) -> List[_Entry]:
    entries: List[_Entry] = []
    by_id: Dict[str, Tuple[Picked[str], _Entry]] = {}  # ids by folder: most file systems ignore case
    found = [_Entry(_id(fields, complete, problems), fields, numbered=False) for fields in in_file]
    found += [_Entry(_id(fields, complete, problems), fields, numbered=True) for fields in numbered]
    for entry in found:
        if entry.id is None:
            entries.append(entry)
            continue
        first_id, first = by_id.setdefault(entry.id.value.lower(), (entry.id, entry))
        if first is entry:
            entries.append(entry)
        elif first_id.value == entry.id.value and entry.numbered and not first.numbered:
            first.numbered = True
            for key, raws in entry.fields.items():
                first.fields.setdefault(key, []).extend(raws)
        else:
            problems.append(_duplicate(entry.id, first_id))
            entries.append(_Entry(None, entry.fields, entry.numbered))
    return entries


def _duplicate(second: Picked[str], first: Picked[str]) -> str:
    return (
        f'{second.origin} = "{second.value}" is taken by {first.origin} = "{first.value}"; '
        "give each camera an id of its own, upper and lower case counting as the same."
    )


def _id(fields: Fields, complete: bool, problems: List[str]) -> Optional[Picked[str]]:
    if "id" not in fields and complete:
        origin = next(iter(fields.values()))[-1].origin
        problems.append(f"{origin} is set for a camera without an id; set its id, such as camera_01.")
    return pick(fields.get("id", ()), values.camera_id, problems)


def _camera(
    entry: _Entry, general_transcode: Picked[bool], complete: bool, problems: List[str]
) -> Tuple[Optional[Camera], Origins]:
    fields = entry.fields
    name = pick(fields.get("name", ()), values.text, problems)
    enabled = pick(fields.get("enabled", ()), values.boolean, problems)
    transcode = pick(fields.get("transcode", ()), values.boolean, problems) or general_transcode
    source, origins = _source(fields, problems)
    if entry.id is None:
        return None, {}
    if "rtsp_url" not in fields and complete:
        problems.append(
            f'{entry.id.origin} = "{entry.id.value}" is a camera without an RTSP URL; '
            "set its rtsp_url, such as rtsp://192.168.1.100:554/Streaming/Channels/101."
        )
    if source is None:
        return None, {}
    camera = Camera(
        id=entry.id.value,
        name=name.value if name else entry.id.value,
        source=source,
        enabled=enabled.value if enabled else True,
        transcode=transcode.value,
    )
    origins["name"] = name.origin if name else DEFAULT
    origins["enabled"] = enabled.origin if enabled else DEFAULT
    origins["transcode"] = transcode.origin
    return camera, origins


def _source(fields: Fields, problems: List[str]) -> Tuple[Optional[RtspSource], Origins]:
    url = pick(fields.get("rtsp_url", ()), values.rtsp_url, problems)
    own_username = pick(fields.get("username", ()), values.text, problems)
    own_password = _own_password(fields, problems)
    if url is None:
        return None, {}
    username = _winner(own_username, _part(url, url.value.username), "user name", problems)
    password = _winner(own_password, _part(url, url.value.password), "password", problems)
    source = RtspSource(
        host=url.value.host,
        port=url.value.port,
        target=url.value.target,
        username=username.value if username else None,
        password=password.value if password else None,
        tls=url.value.tls,
    )
    _check_login(source, username, password, problems)
    return source, {
        "rtsp_url": url.origin,
        "username": username.origin if username else DEFAULT,
        "password": password.origin if password else DEFAULT,
    }


def _part(url: Picked[RtspSource], value: Optional[T]) -> Optional[Picked[T]]:
    return None if value is None else Picked(value, url.origin, url.layer)


def _winner(
    own: Optional[Picked[T]], in_url: Optional[Picked[T]], what: str, problems: List[str]
) -> Optional[Picked[T]]:
    """The value of the higher layer; within one layer the two may not differ."""
    if own is None or in_url is None:
        return own or in_url
    if own.layer == in_url.layer and own.value != in_url.value:
        problems.append(f"{own.origin} contradicts the {what} inside {in_url.origin}; keep one of the two.")
    return own if own.layer >= in_url.layer else in_url


def _own_password(fields: Fields, problems: List[str]) -> Optional[Picked[Secret]]:
    """The password by its own key or from its file, whichever layer is higher."""
    password = pick(fields.get("password", ()), values.secret, problems)
    file = pick(fields.get("password_file", ()), values.path, problems)
    if file is None or (password is not None and password.layer > file.layer):
        return password
    if password is not None and password.layer == file.layer:
        problems.append(f"{file.origin} contradicts {password.origin}; keep one of the two.")
        return password
    try:
        return Picked(_read_password(file.value), file.origin, file.layer)
    except ValueError as reason:
        problems.append(f'{file.origin} = "{file.value}" {reason}.')
        return None


def _read_password(path: Path) -> Secret:
    try:
        with path.open(encoding="utf-8-sig") as file:
            line = file.readline(4096).rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise ValueError(
            f"cannot be read ({error.strerror}); "
            "write the password in its first line and let the user that runs cctv read it"
        ) from None
    if not line:
        raise ValueError("has no password in its first line; write it there")
    if values.CONTROL.search(line):
        raise ValueError("has a control character in its first line; write the password alone there")
    return Secret(line)


def _check_login(
    source: RtspSource,
    username: Optional[Picked[str]],
    password: Optional[Picked[Secret]],
    problems: List[str],
) -> None:
    if username is None:
        if password is not None:
            problems.append(f"{password.origin} is a password without a user name; set the camera's username.")
        return
    if ":" in username.value:
        problems.append(
            f"{username.origin} has a colon in the user name, which no login carries (RFC 7617 § 2); "
            "use an account without one."
        )
    length = len(source.userinfo().reveal())
    if length > _MAX_LOGIN:
        problems.append(
            f"{(password or username).origin} makes user name and password {length} characters long when "
            f"percent-encoded, where FFmpeg reads {_MAX_LOGIN}; use a shorter password."
        )
