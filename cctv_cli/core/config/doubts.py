"""Warnings about values that can be used but are probably mistakes: one sentence each, with the cure. Pure."""

from __future__ import annotations

import re
from typing import Dict, Iterable, Iterator, List, Tuple

from cctv_cli.core.access.policy import Access
from cctv_cli.core.config import names
from cctv_cli.core.config.settings import Camera, RtspSource, Settings
from cctv_cli.core.config.values import DEFAULT, Origin, in_quotes

NO_CAMERAS = "No camera is configured; add one to cameras.toml or set CAMERA_1_ID and CAMERA_1_RTSP_URL"

# what documentation and cctv itself write instead of a password
_PASSWORD = re.compile(
    r"<.*>|\{.*\}|\[.*\]|\*+|x{3,}|change[-_ ]?(me|it|this)|((your|my)[-_ ]?)?pass(word|wd)?",
    re.IGNORECASE,
)
_USER = re.compile(r"<.*>|\{.*\}|\[.*\]|your[-_ ]?user(name)?|username", re.IGNORECASE)
_HOST = re.compile(
    r"0\.0\.0\.0|::|your[-_].*|.*[-_]ip|ip([-_]?addr(ess)?)?|host(name)?|(.*\.)?example(\.com|\.org|\.net)?",
    re.IGNORECASE,
)
_SUB = re.compile(r"/channels/[0-9]+02\b|\bsubtype=1\b", re.IGNORECASE)
_MAIN = re.compile(r"/channels/[0-9]+01\b|\bsubtype=0\b", re.IGNORECASE)


def doubtful_variables(environ: Iterable[str]) -> List[str]:
    """Warnings about environment variables that are not read but have nearly the name of one that is."""
    meant = ((name, names.meant_variable(name)) for name in environ)
    return [
        f"{Origin('environment', name)} is not read; rename it to {variable} if it is for cctv, or remove it."
        for name, variable in meant
        if variable is not None
    ]


def doubts(settings: Settings) -> List[str]:
    """Warnings about the effective settings; one for all channels of an NVR, not one for each."""
    enabled = [camera for camera in settings.cameras if camera.enabled]
    if not settings.cameras:
        return [NO_CAMERAS + "."]
    if not enabled:
        return ["Every camera is disabled, so nothing is recorded; set enabled = true for those that should be."]
    found = [*_same_streams(settings, enabled), *_access(settings)]
    for camera in enabled:
        found += _of_camera(settings, camera)
    return list(dict.fromkeys(found))


def _same_streams(settings: Settings, cameras: Iterable[Camera]) -> Iterator[str]:
    owners: Dict[Tuple[str, int, str], Camera] = {}
    for camera in cameras:
        source = camera.source
        if isinstance(source, RtspSource):
            first = owners.setdefault((source.host.lower(), source.port, source.target), camera)
            if first is not camera:
                origin = _origin(settings, camera, "rtsp_url")
                yield (
                    f"{origin} is also the stream of the camera {first.id}, which is then recorded twice; "
                    f"write the URL of {camera.id}, or remove one of the two cameras."
                )


def _access(settings: Settings) -> Iterator[str]:
    if settings.access == Access.OPEN.value:
        origin = settings.origins.get("server.access", DEFAULT)
        yield f"{origin} lets everybody view who can reach the server; use lan or token unless that is meant."


def _of_camera(settings: Settings, camera: Camera) -> Iterator[str]:
    source, sub = camera.source, camera.sub_source
    if not isinstance(source, RtspSource):
        return
    if _HOST.fullmatch(source.host):
        origin = _origin(settings, camera, "rtsp_url")
        yield f"{origin} has a placeholder instead of the camera's address; write the address."
    if _SUB.search(source.target) and (sub is None or _MAIN.search(sub.target)):
        origin = _origin(settings, camera, "rtsp_url")
        yield f"{origin} looks like the smaller sub stream, which is then recorded; write the main stream's URL here."
    yield from _login(settings, camera, source, "")
    if sub is not None:
        yield from _login(settings, camera, sub, "sub_rtsp_url.")


def _login(settings: Settings, camera: Camera, source: RtspSource, prefix: str) -> Iterator[str]:
    if source.username is not None and _USER.fullmatch(source.username):
        origin = _origin(settings, camera, f"{prefix}username")
        yield f"{origin} has a placeholder instead of the user name; write the camera's user name."
    if source.password is None:
        return
    password, origin = source.password.reveal(), _origin(settings, camera, f"{prefix}password")
    if _PASSWORD.fullmatch(password):
        yield f"{origin} has a placeholder instead of the password; write the camera's password."
    elif len(password) > 1 and password[0] == password[-1] and in_quotes(password):
        yield f"{origin} has a password in quotes, which are sent as part of it; remove them if they are not."
    elif password != password.strip():
        yield (
            f"{origin} has a password that begins or ends with a space; "
            "remove the space if it is not part of the password."
        )


def _origin(settings: Settings, camera: Camera, key: str) -> Origin:
    return settings.origins.get(f"cameras.{camera.id}.{key}", DEFAULT)
