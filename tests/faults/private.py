"""A view of the machine of our own: mounts, network and process ids that nobody else sees and that end with us.

On Linux the program runs itself again by `unshare`, as root or, where that is allowed, as root of a user namespace.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
from typing import Optional

_MARK = "CCTV_FAULTS_PRIVATE"
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1  # netdevice(7)
_WAIT = '"$@"; exit $?'  # a shell as process 1 collects orphans, which Python would leave as zombies


def enter(module: str) -> None:
    """Go on as `python -m module` in namespaces of its own, where the system lets us; otherwise change nothing."""
    unshare = shutil.which("unshare")
    if is_private():
        set_up("lo")  # a new network has it down
    elif unshare is not None and sys.platform.startswith("linux"):
        command = [unshare, "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        command += [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            os.environ[_MARK] = "yes"
            os.execv(unshare, [*command, "sh", "-c", _WAIT, "sh", sys.executable, "-m", module, *sys.argv[1:]])


def is_private() -> bool:
    """Whether this process runs in namespaces of its own."""
    return _MARK in os.environ


def needs_namespaces() -> Optional[str]:
    """What is missing for mounts and networks of our own; None when they are there."""
    return None if is_private() else "needs Linux, unshare, and root or user namespaces"


def set_up(interface: str) -> None:
    """Bring up an interface in the network namespace of this thread."""
    import fcntl  # Windows has none

    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", interface.encode(), _IFF_UP))
