"""One client's connection to the test camera: requests, answers, and the session that sends media."""

from __future__ import annotations

import random
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Callable, Dict, Iterator, List, Optional, Sequence, Tuple
from urllib.parse import urlsplit

from tests.support.camera_sdp import MUTE, SOUND, VIDEO, sdp
from tests.support.channel import Channel
from tests.support.rtp import Piece, SoundStream, Stream, VideoStream, with_random_payload, without_framing
from tests.support.rtsp_login import Login

if TYPE_CHECKING:
    from tests.support.rtsp_camera import RtspCamera

_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER, TEARDOWN"
_REASONS = {
    200: "OK",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    401: "Unauthorized",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    461: "Unsupported Transport",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    551: "Option Not Supported",
}
_FLOODS = {  # how an endless answer to DESCRIBE begins, and what it repeats
    "headers": ("", "X-Padding: " + "x" * 1000 + "\r\n"),
    "line": ("X-Padding: ", "x" * 1000),
    "body": ("Content-Type: application/sdp\r\nContent-Length: 1000000000000\r\n\r\n", "a=x:" + "x" * 1000 + "\r\n"),
}
FLOODS = tuple(_FLOODS)


def _intact(packet: bytes, source: random.Random) -> bytes:
    return packet


_SPOILERS: Dict[Optional[str], Callable[[bytes, random.Random], bytes]] = {
    None: _intact,
    "payload": with_random_payload,
    "sound": with_random_payload,
    "framing": without_framing,
}
GARBAGE = tuple(filter(None, _SPOILERS))


@dataclass
class ConnectionRecord:
    """A TCP connection that the camera accepted; wall times in seconds, `closed_at` None while it is open."""

    opened_at: float
    closed_at: Optional[float] = None
    user_agent: Optional[str] = None
    methods: List[str] = field(default_factory=list)
    tracks: List[str] = field(default_factory=list)  # the control name of each SETUP


@dataclass(frozen=True)
class Refusal:
    """A request with wrong credentials, at this wall time in seconds, for this path."""

    at: float
    method: str
    user_agent: Optional[str]
    path: str


@dataclass(frozen=True)
class _Request:
    method: str
    url: str
    headers: Dict[str, str]  # names in lower case

    @property
    def target(self) -> str:
        """Path and query, without a final slash."""
        parts = urlsplit(self.url)
        return (parts.path + (f"?{parts.query}" if parts.query else "")).rstrip("/")


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Sequence[Tuple[str, str]] = ()
    body: str = ""


class Connection:
    """Reads the requests of one client and answers them; has at most one session."""

    def __init__(self, camera: RtspCamera, accepted: socket.socket) -> None:
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = accepted
        self.record = ConnectionRecord(opened_at=time.time())
        self.channel: Optional[Channel] = None  # of which the client has the description
        self.session: Optional[Session] = None
        self.gate = threading.Lock()  # held while sending
        self._camera = camera
        self._login = Login(camera.auth)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.start = self._thread.start

    def hang_up(self) -> None:
        """Close; after the return nothing more is sent."""
        self._shut()
        self._thread.join()

    def _shut(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the client closed first

    def _run(self) -> None:
        try:
            with self.socket.makefile("rb") as stream:
                for request in _read_requests(stream):
                    self._take(request)
        except OSError:
            pass  # the client reset the connection
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
            if request.method == "SETUP":
                self.record.tracks.append(request.target.rpartition("/")[2])
            self.record.user_agent = request.headers.get("user-agent", self.record.user_agent)
            camera._events.notify_all()
            faults = camera._faults
            if faults.silent or faults.hung:
                return
        if faults.raw_answer is not None:
            self._send(faults.raw_answer)
            self._shut()
        elif faults.flood is not None and request.method == "DESCRIBE":
            self._send_endlessly(request, *_FLOODS[faults.flood])
        else:
            self._answer(request, self._decide(request))

    def _answer(self, request: _Request, answer: _Answer) -> None:
        lines = [_status_line(answer.status, request)]
        lines += [f"{name}: {value}" for name, value in answer.headers]
        if answer.body:
            lines.append(f"Content-Length: {len(answer.body)}")
        self._send("\r\n".join([*lines, "", answer.body]).encode())
        if request.method == "PLAY" and answer.status == 200 and self.session is not None:
            self.session.play(self)

    def _send(self, data: bytes) -> None:
        with self.gate:
            self.socket.sendall(data)

    def _send_endlessly(self, request: _Request, head: str, repeated: str) -> None:
        """Answer until the client closes, or the camera hangs or drops the connection."""
        self._send(f"{_status_line(200, request)}\r\n{head}".encode())
        while not self._camera._faults.hung:
            self._send(repeated.encode())

    def _decide(self, request: _Request) -> _Answer:
        if request.method == "OPTIONS":
            return _Answer(self._status_for(request), [("Public", _METHODS)])
        challenges = self._challenges(request)
        if challenges:
            return _Answer(401, [("WWW-Authenticate", challenge) for challenge in challenges])
        status = self._status_for(request)
        if status != 200:
            return _Answer(status)
        if request.method == "DESCRIBE":
            return self._describe(request)
        if request.method == "SETUP":
            return self._set_up(request)
        if request.method in ("GET_PARAMETER", "SET_PARAMETER"):
            return _Answer(200)
        if request.method not in ("PLAY", "TEARDOWN"):
            return _Answer(501)
        if self.session is None:
            return _Answer(454)
        headers = [("Session", self.session.name)]
        if request.method == "TEARDOWN":
            self._end_session()
        else:
            headers.append(("RTP-Info", self.session.prepare()))
        return _Answer(200, headers)

    def _status_for(self, request: _Request) -> int:
        """The status that the test set for this method and track; 200 if the camera decides itself."""
        statuses, track = self._camera._faults.statuses, request.target.rpartition("/")[2]
        return statuses.get((request.method, track)) or statuses.get((request.method, ""), 200)

    def _describe(self, request: _Request) -> _Answer:
        camera = self._camera
        location = camera._redirects()
        if location is not None:
            return _Answer(302, [("Location", location)])
        with camera._lock:
            announced = camera._faults.announced
            channel = camera._channels.get(request.target)
            if channel is None:
                return _Answer(404)
            self.channel = channel
            text = sdp(
                channel.clip,
                video=announced.video,
                sound=announced.sound,
                parameter_sets=announced.parameter_sets,
            )
        url = camera.url_of(channel.path)
        return _Answer(200, [("Content-Type", "application/sdp"), ("Content-Base", f"{url}/")], camera.edit_sdp(text))

    def _set_up(self, request: _Request) -> _Answer:
        path, _, control = request.target.rpartition("/")
        channel = self._camera._channels.get(path)
        if channel is None or control not in (VIDEO, SOUND, MUTE) or (control == SOUND and channel.clip.audio is None):
            return _Answer(404)
        transport = request.headers.get("transport", "")
        interleaved = re.search(r"RTP/AVP/TCP.*;interleaved=(\d+)-\d+", transport)
        if interleaved is None:
            return _Answer(461)
        session = self.session or self._camera._new_session(self, channel)
        if session is None:
            return _Answer(self._camera.sessions_status)
        if control != MUTE:
            session.set_up(control, int(interleaved.group(1)))
        return _Answer(200, [("Transport", transport), ("Session", f"{session.name};timeout=60")])

    def _challenges(self, request: _Request) -> List[str]:
        """The challenges to answer a request with; empty if it is granted."""
        camera, given = self._camera, request.headers.get("authorization")
        if camera.username is None or request.method in camera.open_methods:
            return []
        if given is None:
            return self._login.challenges()
        if not self._login.is_valid(request.method, request.url, given, camera.username, camera.password):
            path = request.target.partition("/trackID=")[0]
            camera._refused(Refusal(time.time(), request.method, self.record.user_agent, path))
            return self._login.challenges()
        return self._login.challenges(stale=True) if camera._nonce_expires() else []


class Session:
    """Sends the streams that the client has set up, in its own thread."""

    def __init__(self, camera: RtspCamera, channel: Channel, number: int) -> None:
        self.name = f"{number:08d}"
        self.number = number
        self.channel = channel
        self.ended = False
        self._camera = camera
        self._streams: Dict[str, Stream] = {}
        self._first = 0
        self._last_sent = 0.0  # age of the camera
        self._trickled = False
        self._random = random.Random(number)
        self._thread: Optional[threading.Thread] = None

    def set_up(self, control: str, interleaved: int) -> None:
        clock, ssrc = self._camera._clock, self.number << 8 | interleaved
        if control == SOUND:
            self._streams[control] = SoundStream(clock, self.channel, interleaved, ssrc)
            return
        video = self._streams[control] = VideoStream(clock, self.channel, interleaved, ssrc)
        video.repeats_sps = self._camera.repeat_sps

    def prepare(self) -> str:
        """Choose the first frame; returns the RTP-Info for it (RFC 2326 § 12.33)."""
        self._first = self._camera._next_frame(self.channel)
        url = self._camera.url_of(self.channel.path)
        return ",".join(
            f"url={url}/{control};{stream.position(self._first)}" for control, stream in self._streams.items()
        )

    def play(self, connection: Connection) -> None:
        """Begin to send, unless it has begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
            self._thread.start()

    def end(self) -> None:
        self._camera._end(self)
        if self._thread is not None:
            self._thread.join()

    def _run(self, connection: Connection) -> None:
        try:
            self._send(connection)
            while self._camera._wait_awake(self):
                self._first = self._camera._next_frame(self.channel)
                self._send(connection)
        except OSError:
            pass  # the client has disconnected; the connection's reader handles that

    def _send(self, connection: Connection) -> None:
        """Send from the first frame on until the session ends, the camera hangs, or a trickle has ended."""
        self._trickled = False
        for stream in self._streams.values():
            stream.seek(self._first)
        while True:
            stream = min(self._streams.values(), key=lambda each: each.due)
            if not (self._camera._wait_due(self, stream.due) and self._camera._wait_turn(self, self._last_sent)):
                return
            if self._trickled and not self._camera._faults.trickles:
                return
            if self._is_left_out(stream):
                stream.skip()
            elif not self._hand_over(connection, stream):
                return

    def _is_left_out(self, stream: Stream) -> bool:
        faults = self._camera._faults
        if isinstance(stream, VideoStream):
            return stream.at_key and faults.withholds_key(stream.due)
        return faults.sound_paused

    def _is_spoiled(self, stream: Stream) -> bool:
        return self._camera._faults.garbage != "sound" or isinstance(stream, SoundStream)

    def _hand_over(self, connection: Connection, stream: Stream) -> bool:
        """Send the stream's next piece; False if the session ends or the camera hangs before its last packet."""
        camera, faults = self._camera, self._camera._faults
        piece: Optional[Piece] = None
        left: List[bytes] = []
        while piece is None or left:
            if not camera._wait_turn(self, self._last_sent):
                return False
            with connection.gate:
                if faults.hung:
                    return False
                if piece is None:
                    spoil = _SPOILERS[faults.garbage if self._is_spoiled(stream) else None]
                    piece = stream.take()
                    left = [spoil(packet, self._random) for packet in piece.packets]
                self._trickled = self._trickled or faults.trickles
                count = 1 if faults.trickles else len(left)
                connection.socket.sendall(b"".join(left[:count]))
                del left[:count]
                self._last_sent = camera._clock.age()
                if not left:
                    camera._sent(self, piece, spoiled=spoil is not _intact)
        return True


def _status_line(status: int, request: _Request) -> str:
    return f"RTSP/1.0 {status} {_REASONS[status]}\r\nCSeq: {request.headers.get('cseq', '0')}"


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
