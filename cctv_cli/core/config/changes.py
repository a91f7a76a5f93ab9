"""What differs between two configurations, in words. Pure."""

from __future__ import annotations

import dataclasses
from typing import Iterable, Tuple

from cctv_cli.core.config.schema import Setting
from cctv_cli.core.config.settings import Settings


def changes(before: Settings, after: Settings) -> Tuple[str, ...]:
    """What was added, removed and changed: the ids of cameras and the keys of settings, without their values."""
    old, new = ({camera.id: camera for camera in settings.cameras} for settings in (before, after))
    changed = [camera_id for camera_id in new if camera_id in old and new[camera_id] != old[camera_id]]
    found = (
        ("added", [camera_id for camera_id in new if camera_id not in old]),
        ("removed", [camera_id for camera_id in old if camera_id not in new]),
        ("changed", [*changed, *changed_keys(before, after)]),
    )
    return tuple(f"{verb} {', '.join(names)}" for verb, names in found if names)


def changed_keys(before: Settings, after: Settings) -> Iterable[str]:
    """The keys of the general settings that differ, as cameras.toml has them."""
    for field in dataclasses.fields(Settings):
        declared = field.metadata.get("setting")
        if isinstance(declared, Setting) and getattr(before, field.name) != getattr(after, field.name):
            yield declared.key
