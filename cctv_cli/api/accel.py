"""Lets a proxy on this machine send media files itself, by X-Accel-Redirect (nginx).

This server only checks access and whether the file is finished; the bytes never pass through Python.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional
from urllib.parse import quote

from cctv_cli.api.access import request_of
from cctv_cli.core.access.policy import is_from_local_proxy
from cctv_cli.core.config.settings import Settings

if TYPE_CHECKING:
    from starlette.types import Scope


def proxy_target(settings: Settings, scope: Scope, path: Path) -> Optional[bytes]:
    """The value of X-Accel-Redirect for the file `path`, percent-encoded.

    None if this server must send the file: no location is configured, the request did not come through a proxy on
    this machine, or the file is outside the storage (LIVE_PATH), where the proxy cannot find it.
    """
    if settings.accel_redirect is None or not is_from_local_proxy(request_of(scope)):
        return None
    try:
        below = path.relative_to(settings.storage)
    except ValueError:
        return None
    return (settings.accel_redirect + quote(below.as_posix())).encode()
