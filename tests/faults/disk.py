"""Faults of a disk: the first camera's own, so that the others show whether neighbours notice."""

from __future__ import annotations

import array
import fcntl
import os
import shutil
import subprocess
from pathlib import Path
from typing import Callable, Optional, Tuple

import psutil

from tests.faults.fault import Fault
from tests.faults.groups import DISKS, group, needs_group
from tests.faults.private import is_private
from tests.faults.site import Site

_SIZE = 64 << 20  # bytes for one camera
_SHUTDOWN, _WITHOUT_LOG = 0x8004587D, 2  # EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH (fs/ext4/ext4.h)
_SLOW = 32 << 10  # bytes per second; a camera sends twice as many
_MORE = 32 << 20  # bytes of memory that a server may take meanwhile, most of it for viewers of other cameras
_OWN, _LIVE = "own", "live"  # the first camera's own disk, and that of all live streams
_BLOCK = 1 << 10  # bytes, of which a file takes whole ones


class Disk:
    """An ext4 file system in a file, mounted at `place`."""

    def __init__(self, image: Path, place: Path, size: int = _SIZE) -> None:
        self.image = image
        self.place = place
        self._device = ""
        place.mkdir(parents=True, exist_ok=True)
        with image.open("wb") as file:
            file.truncate(size)
        _run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0", str(image))
        self.mount()

    def mount(self) -> None:
        """Mount it as a new device: what still holds the one before, holds something else."""
        self._device = _run("losetup", "--find", "--show", str(self.image))
        try:
            _run("mount", "-o", "errors=remount-ro", self._device, str(self.place))
        finally:
            _run("losetup", "--detach", self._device)  # once it is unmounted

    def unmount(self) -> None:
        """Take it from its place, even when it is in use: an empty folder appears there."""
        _run("umount", "--lazy", str(self.place))

    def pull(self) -> None:
        """Let every access fail from now on, like that to a disk which is no longer there, and unmount it."""
        handle = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, array.array("I", [_WITHOUT_LOG]))
        finally:
            os.close(handle)
        self.unmount()

    def fail(self) -> None:
        """Let the file system find an error, whereupon it refuses writes, though it is not mounted read-only."""
        Path("/sys/fs/ext4", Path(self._device).name, "trigger_fs_error").write_text("on purpose")

    def fill(self) -> None:
        """Take all the room that is left."""
        with (self.place / "ballast").open("wb") as file:
            taken, more = 0, _SIZE
            while more >= _BLOCK:
                try:
                    os.posix_fallocate(file.fileno(), taken, more)
                    taken += more
                except OSError:  # no room for that much
                    more //= 2

    def empty(self) -> None:
        """Take away what `fill` wrote."""
        (self.place / "ballast").unlink()

    def mount_again(self) -> None:
        """Pull it and mount it again; nothing may still write to what is mounted a second time."""
        self.pull()
        self.mount()

    def freeze(self) -> None:
        """Let every write hang."""
        _run("fsfreeze", "--freeze", str(self.place))

    def thaw(self) -> None:
        """Let writes continue."""
        _run("fsfreeze", "--unfreeze", str(self.place))


def _run(*command: str) -> str:
    """What a command prints; with its error text when it fails."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    done = subprocess.run(
        command, env={**os.environ, "PATH": path}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout.strip()


def needs_disks() -> Optional[str]:
    """What is missing for file systems of our own; None when it is there."""
    missing = [
        tool for tool in ("losetup", "mkfs.ext4", "fsfreeze") if shutil.which(tool, path="/usr/sbin:/sbin") is None
    ]
    if missing:
        return f"needs {', '.join(missing)}"
    return (
        None
        if is_private() and os.geteuid() == 0 and os.path.exists("/dev/loop-control")
        else "needs root and loop devices"
    )


def _give_disk(site: Site) -> None:
    """The first camera records onto a disk of its own."""
    _add_disk(site, _OWN, site.storage / site.names[0])


def _add_disk(site: Site, name: str, place: Path, cameras: int = 1) -> None:
    site.disks[name] = Disk(site.folder / f"{name}.img", place, cameras * _SIZE)
    site.undo.callback(site.disks[name].unmount)


def _on_disk(act: Callable[[Disk], None], name: str = _OWN) -> Callable[[Site], None]:
    return lambda site: act(site.disks[name])


def _give_live_disk(site: Site) -> None:
    """All live streams are on a disk of their own, such as a RAM disk."""
    site.live_path = site.folder / "live"
    _add_disk(site, _LIVE, site.live_path, len(site.names))


def _slow_down(site: Site) -> None:
    """Let the server read from the first camera's disk, and sync to it, slower than the camera's recordings grow."""
    site.memory = _memory(site)
    _set_speed(site, _SLOW)


def _speed_up(site: Site) -> None:
    grown = _memory(site) - site.memory
    if grown > _MORE:
        site.complaints.append(f"the server took {grown >> 20} MiB for what waited")
    _set_speed(site, 0)


def _set_speed(site: Site, speed: int) -> None:
    """Set how many bytes per second the server reads, and syncs; 0 is any number."""
    device = os.stat(site.disks[_OWN].place).st_dev
    folder = group(site, DISKS, [site.server_pid()])
    for way in ("read", "write"):
        (folder / f"blkio.throttle.{way}_bps_device").write_text(f"{os.major(device)}:{os.minor(device)} {speed}")


def _memory(site: Site) -> int:
    """The bytes of memory that the server has."""
    return int(psutil.Process(site.server_pid()).memory_info().rss)


def _needs_slow_disks() -> Optional[str]:
    return needs_disks() or needs_group(DISKS)


_OF_ONE_CAMERA = tuple(
    Fault(
        name,
        promise,
        inject,
        heal,
        _give_disk,
        seconds=20.0,
        may_lose=35.0,
        recovers_within=35.0,
        spares_others=True,
        missing=needs_disks,
    )
    for name, promise, inject, heal in (
        (
            "disk-full",
            "disk full for 20 s: recording returns when it has room, neighbours on other disks notice nothing",
            _on_disk(Disk.fill),
            _on_disk(Disk.empty),
        ),
        (
            "disk-gone",
            "disk pulled, and its mount point empty, for 20 s: nothing is recorded there; recording returns with it",
            _on_disk(Disk.pull),
            _on_disk(Disk.mount),
        ),
        (
            "disk-refuses",
            "disk refuses writes for 20 s after a file system error: recording returns when it is mounted again",
            _on_disk(Disk.fail),
            _on_disk(Disk.mount_again),
        ),
        (
            "disk-hangs",
            "disk hangs for 20 s: what is written meanwhile waits, and neighbours on other disks notice nothing",
            _on_disk(Disk.freeze),
            _on_disk(Disk.thaw),
        ),
    )
)

FAULTS: Tuple[Fault, ...] = (
    *_OF_ONE_CAMERA,
    Fault(
        "disk-slow",
        "disk takes less than a camera sends for 30 s: everything is recorded in the end, and memory stays bounded",
        _slow_down,
        _speed_up,
        _give_disk,
        seconds=30.0,
        recovers_within=20.0,
        loses_while_it_lasts=False,
        spares_others=True,
        missing=_needs_slow_disks,
    ),
    Fault(
        "live-disk-full",
        "disk of the live streams full for 40 s: it costs no recording, and they return when it has room",
        _on_disk(Disk.fill, _LIVE),
        _on_disk(Disk.empty, _LIVE),
        _give_live_disk,
        seconds=40.0,
        loses_while_it_lasts=False,
        missing=needs_disks,
    ),
)
