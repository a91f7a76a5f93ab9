"""A network wire between two network stacks of this machine, which can lose packets: the cameras' side is a namespace.

Both ends are TUN devices, whose packets a thread carries over: no firewall and no traffic shaper is needed.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import random
import select
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Callable, TypeVar

from tests.faults.private import set_up

Result = TypeVar("Result")

_CLONE_NEWNET = 0x40000000
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # linux/if_tun.h
_SIOCSIFADDR, _SIOCSIFNETMASK = 0x8916, 0x891C  # netdevice(7)
_LARGEST = 65536  # bytes of a packet
_numbers = count(1)


class Wire:
    """`host` is the address of the cameras' side, where `run` runs work; `loss` is the share of packets that vanish."""

    def __init__(self) -> None:
        number = next(_numbers)
        self.host = f"10.99.{number}.2"
        self.loss = 0.0
        self._chance = random.Random(number)
        self._far = ThreadPoolExecutor(1)  # one thread, which is in the other network for good
        self._near_end = _tun(f"wire{number}", f"10.99.{number}.1")
        self._far_end = self._far.submit(self._enter_far).result()
        self._woken, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def run(self, work: Callable[[], Result]) -> Result:
        """Do something on the cameras' side, such as to open a socket, which then stays there."""
        return self._far.submit(work).result()

    def close(self) -> None:
        """Cut it for good; the network of the cameras' side ends with its last socket."""
        os.write(self._wake, b"\0")
        self._thread.join()
        self._far.shutdown()
        for handle in (self._near_end, self._far_end, self._wake, self._woken):
            os.close(handle)

    def _enter_far(self) -> int:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        set_up("lo")
        return _tun("wire", self.host)

    def _carry(self) -> None:
        other = {self._near_end: self._far_end, self._far_end: self._near_end}
        while True:
            ready, _, _ = select.select([*other, self._woken], [], [])
            if self._woken in ready:
                return
            for end in ready:
                packet = os.read(end, _LARGEST)
                if self._chance.random() >= self.loss:
                    os.write(other[end], packet)


def _tun(name: str, address: str) -> int:
    """A new TUN device with that address in a network of 256, in the network namespace of this thread."""
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(handle, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for request, value in ((_SIOCSIFADDR, address), (_SIOCSIFNETMASK, "255.255.255.0")):
            packed = struct.pack("16sHH4s8x", name.encode(), socket.AF_INET, 0, socket.inet_aton(value))
            fcntl.ioctl(any_socket, request, packed)
    set_up(name)
    return handle
