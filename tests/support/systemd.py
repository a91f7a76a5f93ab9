"""A real systemd in its own namespaces, on a temporary overlay of this machine's file system.

It runs as process 1 of its own process, mount, IPC and host name namespaces; the network is this machine's.
Nothing that it writes reaches the machine except in the storage folder, which is shared. It needs root,
and a kernel that lets root make namespaces, overlays and control groups.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Iterator, List, Optional, Tuple
from uuid import uuid4

import psutil

from tests.support.waiting import HANG, end_of, wait_for

INSTALLED = "/opt/cctv"
_SYSTEMD = "/lib/systemd/systemd"
_PROJECT = Path(__file__).parent.parent.parent

# Process 1 of the new namespaces: builds the root, hides the units of the machine, becomes systemd.
_BOOT = """
set -eu
new=$1/root
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$new"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$new"
mount -t proc proc "$new/proc"
mount -t sysfs sysfs "$new/sys"
mount -t cgroup2 cgroup2 "$new/sys/fs/cgroup"
mount -t tmpfs tmpfs "$new/run"
mount -t tmpfs tmpfs "$new/dev"
for name in null zero full random urandom tty; do
    touch "$new/dev/$name"
    mount --bind "/dev/$name" "$new/dev/$name"
done
mkdir "$new/dev/shm" "$new/dev/pts"
mount -t tmpfs tmpfs "$new/dev/shm"
mount -t devpts devpts "$new/dev/pts" -o newinstance,ptmxmode=0666
ln -s pts/ptmx "$new/dev/ptmx"
for folder in /etc/systemd/system /lib/systemd/system/sysinit.target.wants; do
    mount -t tmpfs tmpfs "$new$folder"
done
: > "$new/etc/fstab"
echo 0123456789abcdef0123456789abcdef > "$new/etc/machine-id"
cat > "$new/etc/systemd/system/test.target" <<END
[Unit]
Requires=basic.target systemd-journald.service
After=basic.target
END

mkdir -p "$new/opt/cctv/bin" "$new/opt/cctv/site" "$new/opt/cctv/source" "$new/opt/python" "$new/var/lib/cctv"
mount --bind "$2" "$new/opt/cctv/source"
mount --bind "$3" "$new/opt/cctv/site"
mount --bind "$4" "$new/opt/python"
mount --bind "$5" "$new/var/lib/cctv"
cat > "$new/opt/cctv/bin/cctv" <<END
#!/bin/sh
export PYTHONPATH=/opt/cctv/source:/opt/cctv/site LD_LIBRARY_PATH=/opt/python/lib PYTHONDONTWRITEBYTECODE=1
exec /opt/python/bin/$6 -m cctv_cli "\\$@"
END
chmod 755 "$new/opt/cctv/bin/cctv"

cd "$new"
mkdir -p mnt
pivot_root . mnt
umount -l /mnt
export container=test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec /lib/systemd/systemd --system --unit=test.target --show-status=0 --log-target=journal
"""


def why_unavailable() -> Optional[str]:
    """Why systemd cannot be run here; None if it can."""
    if sys.platform != "linux" or not Path(_SYSTEMD).exists() or shutil.which("nsenter") is None:
        return "no systemd is installed; apt install systemd util-linux"
    if os.geteuid() != 0 or _control_groups() is None:
        return "running systemd needs root and writable control groups of version 2"
    tried = subprocess.run(["unshare", *_NAMESPACES, "true"], capture_output=True, check=False)
    return None if tried.returncode == 0 else "this kernel does not let root make namespaces"


_NAMESPACES = ("--mount", "--pid", "--fork", "--uts", "--ipc", "--cgroup", "--kill-child")


def _control_groups() -> Optional[Path]:
    """Where control groups of version 2 are mounted, if they are writable."""
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup2" and "rw" in options.split(","):
            return Path(place)
    return None


class Systemd:
    """A running systemd with cctv installed at /opt/cctv and `storage` as its /var/lib/cctv."""

    def __init__(self, folder: Path, storage: Path) -> None:
        groups = _control_groups()
        assert groups is not None
        self._group = groups / f"cctv-test-{uuid4().hex[:8]}"
        self._group.mkdir()
        folder.mkdir()
        boot = ["bash", "-c", _BOOT, "boot", str(folder), str(_PROJECT), sysconfig.get_path("purelib")]
        python = [sys.base_prefix, str(storage), Path(sys.executable).resolve().name]
        join = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(self._group)]
        self._log = folder.with_suffix(".log").open("w+b")
        self._process = subprocess.Popen(
            [*join, "unshare", *_NAMESPACES, *boot, *python],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        try:
            self._pid = wait_for(self._first_process, "systemd's namespaces")
            wait_for(lambda: self._runs_systemd() and self._answers("is-system-running", "running"), "systemd")
        except BaseException:
            self.end()
            raise

    def _first_process(self) -> int:
        self._require_alive()
        children = psutil.Process(self._process.pid).children()
        return int(children[0].pid) if children else 0

    def _runs_systemd(self) -> bool:
        self._require_alive()
        return Path(f"/proc/{self._pid}/exe").resolve().name == "systemd"

    def _require_alive(self) -> None:
        if self._process.poll() is not None:
            self._log.seek(0)
            raise AssertionError("systemd did not start: " + self._log.read().decode("utf-8", "replace"))

    def run(self, *command: str, check: bool = True, stdin: str = "") -> Tuple[int, str]:
        """Run a command inside, as root; returns its exit code and output."""
        enter = ["nsenter", "--target", str(self._pid), "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--"]
        done = subprocess.run(
            [*enter, *command], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=HANG
        )
        if check:
            assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}"
        return done.returncode, done.stdout.strip()

    def _answers(self, word: str, answer: str) -> bool:
        return self.run("systemctl", word, check=False)[1] == answer

    def write(self, path: str, text: str) -> None:
        """Write a file inside, readable by all."""
        script = 'mkdir -p "$(dirname "$1")" && cat > "$1" && chmod 644 "$1"'
        self.run("sh", "-c", script, "write", path, stdin=text)

    def show(self, unit: str, name: str) -> str:
        """The current value of a unit's property."""
        return self.run("systemctl", "show", "--value", "--property", name, unit)[1]

    def journal(self, unit: str) -> str:
        """What a unit logged, and what systemd logged about it."""
        return self.run("journalctl", "--no-pager", "--output", "cat", "--unit", unit)[1]

    def end(self) -> None:
        """End it and everything that runs inside."""
        for pid in self._members():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        end_of(self._process)
        self._log.close()
        wait_for(lambda: not list(self._members()), "the end of systemd's processes")
        for folder in [*self._folders(), self._group]:
            folder.rmdir()

    def _folders(self) -> List[Path]:
        return sorted((path for path in self._group.rglob("*") if path.is_dir()), reverse=True)

    def _members(self) -> Iterator[int]:
        for folder in [self._group, *self._folders()]:
            yield from map(int, (folder / "cgroup.procs").read_text(encoding="ascii").split())
