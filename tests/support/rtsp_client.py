"""An RTSP client for tests that shows every byte of the test camera."""

from __future__ import annotations

import hashlib
import socket
import struct
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

from tests.support.rtp import VIDEO_TYPE
from tests.support.rtsp_camera import RtspCamera
from tests.support.waiting import HANG


@dataclass(frozen=True)
class Packet:
    """An RTP packet."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    payload: bytes

    @property
    def is_video(self) -> bool:
        return self.payload_type == VIDEO_TYPE


class Client:
    """A client of the camera's first channel, or of the one at `path`.

    `body` is the body of the last answer.
    """

    def __init__(self, camera: RtspCamera, path: Optional[str] = None, user_agent: str = "tests") -> None:
        self.body = ""
        self.url = camera.url_of(path or camera.path)
        self._user_agent = user_agent
        self._socket = socket.create_connection(("127.0.0.1", camera.port), timeout=HANG)
        self._stream = self._socket.makefile("rb")
        self._sequence = 0

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()

    def ask(self, method: str, control: str = "", **headers: str) -> None:
        """Send a request."""
        self._sequence += 1
        lines = [f"{method} {self.url}{control} RTSP/1.0", f"CSeq: {self._sequence}", f"User-Agent: {self._user_agent}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def request(self, method: str, control: str = "", **headers: str) -> Tuple[int, Dict[str, str]]:
        """Send a request; returns the status and headers of the answer. The values of a repeated header are lines."""
        self.ask(method, control, **headers)
        status = int(self._stream.readline().split()[1])
        answer: Dict[str, str] = {}
        for line in iter(self._stream.readline, b"\r\n"):
            name, _, value = line.decode().strip().partition(": ")
            answer[name] = f"{answer[name]}\n{value}" if name in answer else value
        self.body = self._stream.read(int(answer.get("Content-Length", "0"))).decode()
        return status, answer

    def describe(self) -> str:
        """The session description."""
        assert self.request("DESCRIBE")[0] == 200
        return self.body

    def digest(self, method: str, nonce: str, password: str, username: str = "admin") -> str:
        """An Authorization header (RFC 2617 § 3.2.2)."""
        secret = _md5(f"{username}:IP Camera:{password}")
        response = _md5(f"{secret}:{nonce}:{_md5(f'{method}:{self.url}')}")
        fields = f'username="{username}", realm="IP Camera", nonce="{nonce}", uri="{self.url}", response="{response}"'
        return f"Digest {fields}"

    def set_up(self, track: int = 1) -> int:
        """Send SETUP for this connection; returns the status. Track 1 is the video, 2 the sound."""
        channels = f"{2 * track}-{2 * track + 1}"
        transport = f"RTP/AVP/TCP;unicast;interleaved={channels}"
        return self.request("SETUP", f"/trackID={track}", Transport=transport)[0]

    def play(self, *tracks: int) -> None:
        """Play these tracks; by default only the video."""
        for track in tracks or (1,):
            assert self.set_up(track) == 200
        assert self.request("PLAY")[0] == 200

    def interleaved(self) -> Tuple[int, bytes]:
        """(channel, packet) of the next interleaved packet. Raises ValueError if other bytes come."""
        dollar, channel, length = struct.unpack(">cBH", self._stream.read(4))
        if dollar != b"$":
            raise ValueError("no interleaved packet begins here")
        return channel, self._stream.read(length)

    def packet(self) -> Packet:
        """The next RTP packet; sender reports are skipped."""
        while True:
            channel, data = self.interleaved()
            if channel % 2 == 0:
                _, kind, sequence, timestamp = struct.unpack_from(">BBHI", data)
                return Packet(kind & 0x7F, bool(kind & 0x80), sequence, timestamp, data[12:])

    def packets(self, count: int) -> List[Packet]:
        """The next RTP packets."""
        return [self.packet() for _ in range(count)]

    def packets_until(self, payload: bytes) -> List[Packet]:
        """The next RTP packets, up to one with this payload."""
        packets = [self.packet()]
        while packets[-1].payload != payload:
            packets.append(self.packet())
        return packets

    def read(self, count: int) -> bytes:
        """That many bytes; fewer if the camera closes the connection."""
        return self._stream.read(count)

    def rest(self) -> bytes:
        """Everything until the camera closes the connection."""
        return self._stream.read()

    def receives_nothing(self, seconds: float) -> bool:
        """Whether nothing is received for so long; nothing can be read afterwards."""
        self._socket.settimeout(seconds)
        try:
            self._socket.recv(1)
        except socket.timeout:
            return True
        return False


def nonce_in(headers: Dict[str, str]) -> str:
    """The nonce of a 401 answer."""
    return headers["WWW-Authenticate"].split('nonce="')[1].split('"')[0]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
