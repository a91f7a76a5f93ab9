"""Control groups of our own (version 1), with what a container or a service manager limits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterable, Optional

from tests.faults.private import is_private
from tests.faults.site import Site

_GROUPS = Path("/sys/fs/cgroup")
PROCESSES, MEMORY, DISKS = "pids", "memory", "blkio"


def needs_group(controller: str) -> Optional[str]:
    """What is missing for limits of this kind; None when nothing."""
    usable = is_private() and os.access(_GROUPS / controller, os.W_OK) and os.geteuid() == 0
    return None if usable else f"needs root and the control group `{controller}` (version 1)"


def group(site: Site, controller: str, processes: Iterable[int] = ()) -> Path:
    """The site's group, which these processes enter; what they took before does not count."""
    folder = _GROUPS / controller / f"cctv-faults-{site.port}"
    if not folder.exists():
        folder.mkdir()
        site.undo.callback(folder.rmdir)
    for process in processes:
        (folder / "cgroup.procs").write_text(str(process))
    return folder
