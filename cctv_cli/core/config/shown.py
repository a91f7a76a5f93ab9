"""The effective configuration as rows for people; secrets are stars."""

from __future__ import annotations

from typing import List, Tuple

from cctv_cli.core.config.settings import SETTINGS, Camera, DemoSource, RtspSource, Settings, true_false
from cctv_cli.core.config.values import DEFAULT
from cctv_cli.core.units import format_size


def describe(settings: Settings) -> List[Tuple[str, str, str]]:
    """The effective settings as rows (dotted key, value, origin) to display; passwords are stars."""
    rows = [(declared.key, declared.text(getattr(settings, name))) for name, declared in SETTINGS.items()]
    for camera in settings.cameras:
        rows += [(f"cameras.{camera.id}.{key}", value) for key, value in _camera_values(camera)]
    return [(key, value, str(settings.origins.get(key, DEFAULT))) for key, value in rows]


def _camera_values(camera: Camera) -> List[Tuple[str, str]]:
    common = [
        ("name", camera.name),
        ("enabled", true_false(camera.enabled)),
        ("audio", true_false(camera.audio)),
        ("transcode", true_false(camera.transcode)),
    ]
    if camera.retention_days is not None:
        common.append(("retention_days", str(camera.retention_days)))
    if camera.max_size is not None:
        common.append(("max_size", format_size(camera.max_size)))
    source = camera.source
    if isinstance(source, DemoSource):
        return [*common, ("source", "demo with a tone" if source.tone else "demo")]
    rows = [*common, ("rtsp_url", source.address()), *_login_values(source)]
    sub = camera.sub_source
    if sub is not None:
        rows.append(("sub_rtsp_url", sub.address()))
        rows += [(f"sub_rtsp_url.{key}", value) for key, value in _login_values(sub)]
    return rows


def _login_values(source: RtspSource) -> List[Tuple[str, str]]:
    return [
        ("username", source.username or "(none)"),
        ("password", "(none)" if source.password is None else str(source.password)),
    ]
