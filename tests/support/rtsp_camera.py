"""An RTSP camera for tests: real time, RTP interleaved in the RTSP connection (RFC 2326 § 10.12).

    with RtspCamera(clip) as camera:
        record(camera.url)
        camera.hang()

The camera lives in real time whether or not anybody watches: frame n of its life is due n/fps seconds
after `started_at`, so a number that is missing from a recording is a frame that was missed. Each frame
carries its number (see `clip.frame_mark`), and `ledger` tells which frames were sent, when and to whom.
A client that does not read holds up its own session only; its frames then leave late, none is left out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import os
import re
import secrets
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import BinaryIO, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Type
from urllib.parse import quote, urlsplit

from tests.support.clip import NAL_IDR, NAL_SLICE, AudioTrack, Clip, frame_mark, nal_type

_HOST = "127.0.0.1"
_VIDEO_CLOCK = 90000  # Hz (RFC 6184 § 8.1)
_VIDEO_TYPE = 96
_MTU = 1400  # bytes of RTP payload
_REPORT_INTERVAL = 5.0  # seconds between sender reports
_NTP_EPOCH = 2208988800  # seconds from 1900 to 1970 (RFC 5905 § 6)
_FIRST_SEQUENCE = 65000  # near the wrap, so that every test of some seconds passes it
_REALM = "IP Camera"
_VIDEO, _SOUND = "trackID=1", "trackID=2"  # the streams' control names
_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER, TEARDOWN"
_REASONS = {
    200: "OK",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    461: "Unsupported Transport",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}


@dataclass(frozen=True)
class SentFrame:
    """A frame that was handed to a session's socket.

    `sent_at` is wall time in seconds since 1970, taken after the frame's last byte was handed over.
    `media_time` is when it is to be shown, in seconds by the camera's clock, which is 0 at `started_at` and
    jumps with `step_clock`.
    """

    number: int
    key: bool
    sent_at: float
    media_time: float
    session: int


@dataclass
class ConnectionRecord:
    """A TCP connection that the camera accepted; wall times in seconds, `closed_at` None while it is open."""

    opened_at: float
    closed_at: Optional[float] = None
    user_agent: Optional[str] = None
    methods: List[str] = field(default_factory=list)


class RtspCamera:
    """A camera on 127.0.0.1 that serves `clip` over and over, from entering to leaving the context.

    `path` is the stream's path and query; `port` 0 lets the system choose. With a `username` it demands
    `auth`, "digest" or "basic". SETUP beyond `max_sessions` is answered 453. The RTP timestamps of both
    streams are `rtp_offset` at the start of its life. A client gets frames from the next keyframe on, with
    `start_mid_gop` from the next frame on, and sound from the same moment.

    For tests to read: `ledger`, `connections`, `refused_attempts` (requests with wrong credentials),
    `started_at` (wall time of frame 0), `sessions`, `url`.
    """

    def __init__(
        self,
        clip: Clip,
        *,
        path: str = "/Streaming/Channels/101",
        port: int = 0,
        username: Optional[str] = None,
        password: str = "",
        auth: str = "digest",
        max_sessions: Optional[int] = None,
        rtp_offset: int = 0,
        start_mid_gop: bool = False,
    ) -> None:
        self.clip = clip
        self.path = path
        self.port = port
        self.username = username
        self.password = password
        self.auth = auth
        self.max_sessions = max_sessions
        self.rtp_offset = rtp_offset
        self.start_mid_gop = start_mid_gop
        self.ledger: List[SentFrame] = []
        self.connections: List[ConnectionRecord] = []
        self.refused_attempts = 0
        self.started_at = 0.0
        self._born = 0.0  # started_at by the monotonic clock
        self._lock = threading.RLock()  # guards all that follows
        self._faults = threading.Condition(self._lock)  # senders wait here
        self._events = threading.Condition(self._lock)  # tests wait here
        self._hung = False
        self._silent = False
        self._describe_status: Optional[int] = None
        self._steps: List[Tuple[float, float]] = []  # (second of life, seconds)
        self._open: List[_Connection] = []
        self._sessions_seen = 0
        self._listener: Optional[_Listener] = None

    def __enter__(self) -> RtspCamera:
        self.started_at, self._born = time.time(), time.monotonic()
        self.refuse(False)
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.refuse(True)
        self.drop()

    @property
    def url(self) -> str:
        """The stream's URL without credentials."""
        return f"rtsp://{_HOST}:{self.port}{self.path}"

    @property
    def login_url(self) -> str:
        """The stream's URL with percent-encoded credentials."""
        login = f"{quote(self.username or '', safe='')}:{quote(self.password, safe='')}"
        return f"rtsp://{login}@{_HOST}:{self.port}{self.path}"

    @property
    def sessions(self) -> int:
        """How many sessions are set up now."""
        with self._lock:
            return sum(connection.session is not None for connection in self._open)

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until `condition` holds, asked again at every frame, request and close.

        False when it does not within `timeout` seconds.
        """
        with self._events:
            return self._events.wait_for(condition, timeout)

    def hang(self) -> None:
        """Send no byte more on any connection, answers included; on return the ledger stands still."""
        with self._faults:
            self._hung = True
            self._faults.notify_all()
            connections = list(self._open)
        for connection in connections:
            with connection.gate:  # whoever was sending has finished
                pass

    def resume(self) -> None:
        """End `hang`: playing sessions go on like new ones; what fell due in between is never sent."""
        with self._faults:
            self._hung = False
            self._faults.notify_all()

    def silence(self, on: bool) -> None:
        """Accept connections and read requests, but leave them unanswered; sessions that play go on."""
        with self._lock:
            self._silent = on

    def answer(self, status: Optional[int]) -> None:
        """Answer DESCRIBE with this RTSP status until told None."""
        with self._lock:
            self._describe_status = status

    def refuse(self, on: bool) -> None:
        """Stop listening, so that new connections are refused, or listen again on the same port."""
        if on and self._listener is not None:
            self._listener.close()
            self._listener = None
        elif not on and self._listener is None:
            self._listener = _Listener(self.port, self._accepted)
            self.port = self._listener.port

    def drop(self) -> None:
        """Close all connections; on return nothing is sent any more."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            connection.hang_up()

    def step_clock(self, seconds: float) -> None:
        """Let the camera's clock jump: RTP timestamps and the reports' NTP times, from the next frame on."""
        with self._lock:
            self._steps.append((self._age(), seconds))

    # What follows is for the connections and sessions of this module.

    def _age(self) -> float:
        return time.monotonic() - self._born

    def _clock(self, age: float) -> float:
        """The camera's clock at a second of its life."""
        with self._lock:
            return age + sum(seconds for since, seconds in self._steps if since < age)

    def _accepted(self, accepted: socket.socket) -> None:
        record = ConnectionRecord(opened_at=time.time())
        connection = _Connection(self, accepted, record)
        with self._lock:
            self.connections.append(record)
            self._open.append(connection)
            connection.start()

    def _closed(self, connection: _Connection) -> None:
        with self._events:
            connection.record.closed_at = time.time()
            self._open.remove(connection)
            self._events.notify_all()

    def _sent(self, frame: SentFrame) -> None:
        with self._events:
            self.ledger.append(frame)
            self._events.notify_all()

    def _new_session(self, connection: _Connection) -> Optional[_Session]:
        """A session for the connection; None when there are too many."""
        with self._lock:
            if self.max_sessions is not None and self.sessions >= self.max_sessions:
                return None
            self._sessions_seen += 1
            connection.session = _Session(self, self._sessions_seen)
            return connection.session

    def _next_frame(self) -> int:
        """The number of the first frame for a session that begins now."""
        number = math.ceil(self._age() * self.clip.fps)
        while not (self.start_mid_gop or self.clip.frames[number % len(self.clip.frames)].is_key):
            number += 1
        return number

    def _wait_awake(self, session: _Session) -> bool:
        """Wait while the camera hangs; False when the session has ended."""
        with self._faults:
            self._faults.wait_for(lambda: session.ended or not self._hung)
            return not session.ended

    def _wait_due(self, session: _Session, due: float) -> bool:
        """Wait until a second of life; False when the session ends or the camera hangs before."""
        with self._faults:
            while not (session.ended or self._hung):
                left = due - self._age()
                if left <= 0:
                    return True
                self._faults.wait(left)
            return False


class _Listener:
    """Accepts connections in a thread of its own until closed."""

    def __init__(self, port: int, accepted: Callable[[socket.socket], None]) -> None:
        self._accepted = accepted
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if os.name == "posix":  # elsewhere this would let two listeners share a port
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((_HOST, port))
        self._socket.listen(64)
        self.port: int = self._socket.getsockname()[1]
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._wake.send(b"\0")
        self._thread.join()
        for each in (self._socket, self._wake, self._woken):
            each.close()

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._socket, self._woken], [], [])
            if self._woken in ready:
                return
            self._accepted(self._socket.accept()[0])


@dataclass(frozen=True)
class _Request:
    method: str
    url: str
    headers: Dict[str, str]  # names in lower case


class _Connection:
    """Reads the requests of one client and answers them; has at most one session."""

    def __init__(self, camera: RtspCamera, accepted: socket.socket, record: ConnectionRecord) -> None:
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = accepted
        self.record = record
        self.session: Optional[_Session] = None
        self.gate = threading.Lock()  # held while sending
        self._camera = camera
        self._nonce = secrets.token_hex(16)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.start = self._thread.start

    def hang_up(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the client was first
        self._thread.join()

    def _run(self) -> None:
        try:
            with self.socket.makefile("rb") as stream:
                for request in _read_requests(stream):
                    self._take(request)
        except OSError:
            pass  # a reset by the client ends a connection like a close
        finally:
            self._end_session()
            self.socket.close()
            self._camera._closed(self)

    def _end_session(self) -> None:
        if self.session is not None:
            self.session.end()
            self.session = None

    def _take(self, request: _Request) -> None:
        camera = self._camera
        with camera._events:
            self.record.methods.append(request.method)
            self.record.user_agent = request.headers.get("user-agent", self.record.user_agent)
            camera._events.notify_all()
            if camera._silent or camera._hung:
                return
        status, headers, body = self._decide(request)
        lines = [f"RTSP/1.0 {status} {_REASONS[status]}", f"CSeq: {request.headers.get('cseq', '0')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        with self.gate:
            self.socket.sendall("\r\n".join([*lines, "", body]).encode())
        if request.method == "PLAY" and status == 200 and self.session is not None:
            self.session.play(self)

    def _decide(self, request: _Request) -> Tuple[int, Dict[str, str], str]:
        """(status, headers, body) of the answer."""
        if request.method == "OPTIONS":
            return 200, {"Public": _METHODS}, ""
        if not self._authorized(request):
            return 401, {"WWW-Authenticate": self._challenge()}, ""
        if request.method == "DESCRIBE":
            return self._describe(request)
        if request.method == "SETUP":
            return self._setup(request)
        if request.method in ("GET_PARAMETER", "SET_PARAMETER"):
            return 200, {}, ""
        if request.method not in ("PLAY", "TEARDOWN"):
            return 501, {}, ""
        if self.session is None:
            return 454, {}, ""
        headers = {"Session": self.session.name}
        if request.method == "TEARDOWN":
            self._end_session()
        else:
            headers["RTP-Info"] = self.session.prepare()
        return 200, headers, ""

    def _describe(self, request: _Request) -> Tuple[int, Dict[str, str], str]:
        if self._camera._describe_status is not None:
            return self._camera._describe_status, {}, ""
        if _target(request.url) != self._camera.path:
            return 404, {}, ""
        headers = {"Content-Type": "application/sdp", "Content-Base": f"{self._camera.url}/"}
        return 200, headers, _sdp(self._camera.clip)

    def _setup(self, request: _Request) -> Tuple[int, Dict[str, str], str]:
        path, _, control = _target(request.url).rpartition("/")
        controls = [_VIDEO] if self._camera.clip.audio is None else [_VIDEO, _SOUND]
        if path != self._camera.path or control not in controls:
            return 404, {}, ""
        transport = request.headers.get("transport", "")
        channel = re.search(r"RTP/AVP/TCP.*;interleaved=(\d+)-\d+", transport)
        if channel is None:
            return 461, {}, ""
        session = self.session or self._camera._new_session(self)
        if session is None:
            return 453, {}, ""
        session.set_up(control, int(channel.group(1)))
        return 200, {"Transport": transport, "Session": f"{session.name};timeout=60"}, ""

    def _challenge(self) -> str:
        if self._camera.auth == "basic":
            return f'Basic realm="{_REALM}"'
        return f'Digest realm="{_REALM}", nonce="{self._nonce}"'

    def _authorized(self, request: _Request) -> bool:
        camera = self._camera
        given = request.headers.get("authorization")
        if camera.username is None:
            return True
        if given is None:
            return False
        if camera.auth == "basic":
            login = base64.b64encode(f"{camera.username}:{camera.password}".encode()).decode()
            right = hmac.compare_digest(given.encode(), f"Basic {login}".encode())
        else:
            right = self._right_digest(request, given)
        if not right:
            with camera._events:
                camera.refused_attempts += 1
                camera._events.notify_all()
        return right

    def _right_digest(self, request: _Request, given: str) -> bool:
        """Whether the response is right (RFC 2617 § 3.2.2, MD5, without qop)."""
        said = {name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', given)}
        secret = _md5(f"{self._camera.username}:{_REALM}:{self._camera.password}")
        expected = _md5(f"{secret}:{self._nonce}:{_md5(f'{request.method}:{request.url}')}")
        return said.get("username") == self._camera.username and said.get("response") == expected


class _Session:
    """Sends the streams that the client has set up, in a thread of its own."""

    def __init__(self, camera: RtspCamera, number: int) -> None:
        self.name = f"{number:08d}"
        self.ended = False
        self._number = number
        self._camera = camera
        self._streams: Dict[str, _Stream] = {}
        self._first = 0
        self._thread: Optional[threading.Thread] = None

    def set_up(self, control: str, channel: int) -> None:
        kind = {_VIDEO: _Video, _SOUND: _Sound}[control]
        self._streams[control] = kind(self._camera, channel, self._number << 8 | channel)

    def prepare(self) -> str:
        """Choose the first frame; the RTP-Info that tells it (RFC 2326 § 12.33)."""
        self._first = self._camera._next_frame()
        return ",".join(
            f"url={self._camera.url}/{control};{stream.position(self._first)}"
            for control, stream in self._streams.items()
        )

    def play(self, connection: _Connection) -> None:
        """Begin to send; nothing when that has been done."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
            self._thread.start()

    def end(self) -> None:
        with self._camera._faults:
            self.ended = True
            self._camera._faults.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _run(self, connection: _Connection) -> None:
        try:
            while self._camera._wait_awake(self):
                self._send(connection)
                self._first = self._camera._next_frame()
        except OSError:
            pass  # the client went away: the connection's reader sees it too

    def _send(self, connection: _Connection) -> None:
        """Send from the first frame on until the session ends or the camera hangs."""
        for stream in self._streams.values():
            stream.seek(self._first)
        while True:
            stream = min(self._streams.values(), key=lambda each: each.due)
            if not self._camera._wait_due(self, stream.due):
                return
            with connection.gate:
                if self._camera._hung:
                    return
                data, frame = stream.take()
                connection.socket.sendall(data)
                if frame is not None:
                    self._camera._sent(replace(frame, sent_at=time.time(), session=self._number))


class _Stream:
    """One RTP stream of a session: numbers packets and adds sender reports (RFC 3550 § 5.1, § 6.4.1)."""

    def __init__(self, camera: RtspCamera, payload_type: int, clock_rate: int, channel: int, ssrc: int) -> None:
        self.due = 0.0  # second of the camera's life at which the next piece leaves
        self._camera = camera
        self._payload_type = payload_type
        self._clock_rate = clock_rate
        self._channel = channel
        self._ssrc = ssrc
        self._sequence = _FIRST_SEQUENCE
        self._packets = 0
        self._octets = 0
        self._next_report = 0.0

    def seek(self, frame: int) -> None:
        """Go to the video frame of this number."""
        raise NotImplementedError

    def take(self) -> Tuple[bytes, Optional[SentFrame]]:
        """The next piece's bytes, and its frame if it is one (without session and time); moves on."""
        raise NotImplementedError

    def position(self, frame: int) -> str:
        """Where this stream begins with that video frame, as RTP-Info says it."""
        raise NotImplementedError

    def _info(self, age: float) -> str:
        return f"seq={self._sequence};rtptime={self._timestamp(self._camera._clock(age))}"

    def _timestamp(self, clock: float) -> int:
        return (self._camera.rtp_offset + round(clock * self._clock_rate)) % 2**32

    def _bytes(self, due: float, clock: float, payloads: Sequence[bytes]) -> bytes:
        """One access unit as interleaved packets, behind a sender report if one is due."""
        parts = []
        if due >= self._next_report:
            self._next_report = due + _REPORT_INTERVAL
            parts.append(_interleaved(self._channel + 1, self._report(clock)))
        for payload in payloads:
            marker = 0x80 if payload is payloads[-1] else 0
            header = struct.pack(
                ">BBHII",
                0x80,
                marker | self._payload_type,
                self._sequence,
                self._timestamp(clock),
                self._ssrc,
            )
            parts.append(_interleaved(self._channel, header + payload))
            self._sequence = (self._sequence + 1) % 2**16
            self._packets += 1
            self._octets += len(payload)
        return b"".join(parts)

    def _report(self, clock: float) -> bytes:
        seconds = round((self._camera.started_at + _NTP_EPOCH) * 2**32) + round(clock * 2**32)
        return struct.pack(
            ">BBHIQIII",
            0x80,
            200,
            6,  # length in words, less one
            self._ssrc,
            seconds,
            self._timestamp(clock),
            self._packets,
            self._octets % 2**32,
        )


class _Video(_Stream):
    def __init__(self, camera: RtspCamera, channel: int, ssrc: int) -> None:
        super().__init__(camera, _VIDEO_TYPE, _VIDEO_CLOCK, channel, ssrc)
        self._number = 0

    def seek(self, frame: int) -> None:
        self._number = frame
        self.due = frame / self._camera.clip.fps

    def position(self, frame: int) -> str:
        return self._info(frame / self._camera.clip.fps)

    def take(self) -> Tuple[bytes, Optional[SentFrame]]:
        clip, number, due = self._camera.clip, self._number, self.due
        place = number % len(clip.frames)
        unit = clip.frames[place]
        shown = self._camera._clock(due) + (unit.shown - place) / clip.fps
        first_slice = next(i for i, nal in enumerate(unit.nals) if nal_type(nal) in (NAL_SLICE, NAL_IDR))
        nals = [*unit.nals[:first_slice], frame_mark(number), *unit.nals[first_slice:]]
        data = self._bytes(due, shown, [payload for nal in nals for payload in _payloads(nal)])
        self.seek(number + 1)
        return data, SentFrame(number, unit.is_key, 0.0, shown, 0)


class _Sound(_Stream):
    def __init__(self, camera: RtspCamera, channel: int, ssrc: int) -> None:
        assert camera.clip.audio is not None
        self._audio: AudioTrack = camera.clip.audio
        super().__init__(camera, self._audio.payload_type, self._audio.clock_rate, channel, ssrc)
        self._packet = 0

    def seek(self, frame: int) -> None:
        self._go_to(self._packet_at(frame))

    def position(self, frame: int) -> str:
        return self._info(self._starts(self._packet_at(frame)))

    def take(self) -> Tuple[bytes, Optional[SentFrame]]:
        payload = self._audio.payloads[self._packet % len(self._audio.payloads)]
        data = self._bytes(self.due, self._camera._clock(self._starts(self._packet)), [payload])
        self._go_to(self._packet + 1)
        return data, None

    def _go_to(self, packet: int) -> None:
        self._packet = packet
        self.due = self._starts(packet + 1)  # a packet leaves when its last sample has been heard

    def _starts(self, packet: int) -> float:
        return packet * self._audio.samples / self._audio.clock_rate

    def _packet_at(self, frame: int) -> int:
        return math.ceil(frame * self._audio.clock_rate / (self._camera.clip.fps * self._audio.samples))


def _payloads(nal: bytes) -> List[bytes]:
    """RTP payloads of a NAL unit: itself, or fragments of type FU-A (RFC 6184 § 5.8)."""
    if len(nal) <= _MTU:
        return [nal]
    chunks = [nal[at : at + _MTU - 2] for at in range(1, len(nal), _MTU - 2)]
    ends = [0x80] + [0] * (len(chunks) - 2) + [0x40]
    indicator = nal[0] & 0xE0 | 28
    return [bytes([indicator, end | nal_type(nal)]) + chunk for end, chunk in zip(ends, chunks)]


def _interleaved(channel: int, packet: bytes) -> bytes:
    return struct.pack(">cBH", b"$", channel, len(packet)) + packet


def _sdp(clip: Clip) -> str:
    """The session description (RFC 8866, RFC 6184 § 8.2.1)."""
    sets = ",".join(base64.b64encode(parameters).decode() for parameters in (clip.sps, clip.pps))
    profile = clip.sps[1:4].hex().upper()
    lines = ["v=0", f"o=- 1 1 IN IP4 {_HOST}", "s=Media Presentation", "t=0 0", "a=control:*"]
    lines += [f"m=video 0 RTP/AVP {_VIDEO_TYPE}", f"a=rtpmap:{_VIDEO_TYPE} H264/{_VIDEO_CLOCK}"]
    lines += [
        f"a=fmtp:{_VIDEO_TYPE} profile-level-id={profile};packetization-mode=1;sprop-parameter-sets={sets}",
        f"a=control:{_VIDEO}",
    ]
    audio = clip.audio
    if audio is not None:
        lines += [
            f"m=audio 0 RTP/AVP {audio.payload_type}",
            f"a=rtpmap:{audio.payload_type} {audio.encoding}",
        ]
        lines += [f"a=fmtp:{audio.payload_type} {audio.fmtp}"] if audio.fmtp else []
        lines.append(f"a=control:{_SOUND}")
    return "\r\n".join([*lines, ""])


def _read_requests(stream: BinaryIO) -> Iterator[_Request]:
    """The client's requests until it closes, without its interleaved RTCP."""
    while True:
        first = stream.read(1)
        if not first:
            return
        if first == b"$":
            stream.read(int.from_bytes(stream.read(3)[1:], "big"))
            continue
        method, _, rest = (first + stream.readline()).decode().strip().partition(" ")
        headers = {}
        for line in iter(stream.readline, b""):
            name, _, value = line.decode().strip().partition(":")
            if not name:
                break
            headers[name.lower()] = value.strip()
        stream.read(int(headers.get("content-length", "0")))
        yield _Request(method, rest.partition(" ")[0], headers)


def _target(url: str) -> str:
    """Path and query of an RTSP URL, without a final slash."""
    parts = urlsplit(url)
    return (parts.path + (f"?{parts.query}" if parts.query else "")).rstrip("/")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
