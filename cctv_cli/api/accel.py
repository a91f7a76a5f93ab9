"""Media files that a proxy on this machine sends itself, told by X-Accel-Redirect (nginx).

This server then checks who asks and whether the file is finished; its bytes never pass through Python.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional
from urllib.parse import quote

from cctv_cli.api.access import came_through_local_proxy
from cctv_cli.core.config.settings import Settings

if TYPE_CHECKING:
    from starlette.types import Scope


def proxy_target(settings: Settings, scope: Scope, path: Path) -> Optional[bytes]:
    """Where the proxy finds the file `path`, percent-encoded, as the value of X-Accel-Redirect.

    None when this server must send it: no location is configured, the request came through no proxy on
    this machine, or the file lies outside the storage (a live window elsewhere), which the proxy does not know.
    """
    if settings.accel_redirect is None or not came_through_local_proxy(scope):
        return None
    try:
        below = path.relative_to(settings.storage)
    except ValueError:
        return None
    return (settings.accel_redirect + quote(below.as_posix())).encode()
