"""An RTSP camera for tests: real time, RTP interleaved in the RTSP connection (RFC 2326 § 10.12).

    with RtspCamera(clip) as camera:
        record(camera.url)
        camera.hang()

The camera runs in real time, with or without clients: frame n is due n/fps seconds after `started_at`,
so a number that is missing from a recording is a frame that was missed. Each frame has its number in it
(see `nal.Codec.frame_mark`), and `ledger` has which frames were sent, when and to whom. A client that does
not read delays only its own session; its frames are then sent late, but none is left out.
"""

from __future__ import annotations

import math
import os
import select
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Callable, Container, Dict, List, Mapping, Optional, Tuple
from urllib.parse import quote

from tests.support.channel import Channel
from tests.support.clip import Clip
from tests.support.rtp import CameraClock, Piece
from tests.support.rtsp_connection import FLOODS, GARBAGE, Connection, ConnectionRecord, Refusal, Session
from tests.support.waiting import PATIENCE, wait_for

_HOST = "127.0.0.1"
_SLICE = 0.5  # seconds that a test waits for an event before it checks its time limit
HTTP_ANSWER = b"HTTP/1.1 400 Bad Request\r\nServer: App-webs/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
"""How a camera's web server answers RTSP."""


@dataclass(frozen=True)
class SentFrame:
    """A frame that was handed to a session's socket.

    `sent_at` is wall time in seconds since 1970, taken after the frame's last byte was handed over.
    `media_time` is its time of presentation in seconds by the camera's clock, which is 0 at `started_at` and
    jumps with `step_clock`. `path` is the channel's.
    """

    number: int
    key: bool
    sent_at: float
    media_time: float
    session: int
    path: str


@dataclass(frozen=True)
class _Announced:
    """What the session description includes."""

    video: bool = True
    sound: bool = True
    parameter_sets: bool = True


@dataclass
class _Faults:
    """The camera's current faults; changed only under its lock."""

    hung: bool = False
    silent: bool = False
    trickles: bool = False
    keys_withheld: Tuple[float, float] = (math.inf, math.inf)  # between these ages of the camera
    sound_paused: bool = False
    nonce_expired: bool = False
    garbage: Optional[str] = None
    flood: Optional[str] = None
    raw_answer: Optional[bytes] = None
    location: Optional[str] = None
    spared: int = 0  # requests that are not redirected yet
    statuses: Dict[Tuple[str, str], int] = field(default_factory=dict)  # by method and track, "" for all tracks
    announced: _Announced = _Announced()

    def withholds_key(self, due: float) -> bool:
        """Whether a key frame that is due when the camera has this age is not sent."""
        since, until = self.keys_withheld
        return since < due <= until


class RtspCamera:
    """A camera on `host` that serves `clip` over and over while its context is active.

    `path` is the stream's path and query; `channels` are the clips of further paths, as on an NVR with one
    port and one login. With `port` 0 the system chooses. With a `username` it requires `auth`: "digest", "basic",
    or "both" for the client's choice, except for `open_methods`; the password may be changed at any time.
    SETUP beyond `max_sessions` is answered with `sessions_status`, or ends the oldest session if that is 0.
    The RTP timestamps of all streams start at `rtp_offset`; the camera's clock runs `clock_speed` times as fast as true
    time, and the timestamps of video `video_speed` times as fast as that. `ntp_time` is the NTP time of all sender
    reports, in place of the true one. A client gets frames from the next
    keyframe on, with `start_mid_gop` from the next frame on, and sound from the same moment; with `key_on_play`
    the clip restarts for it, and for all others on that path. With `repeat_sps` the first key frame of each
    session has its sequence parameter set twice. `edit_sdp` rewrites each session description; the track of its
    own that it may add with the control name `camera_sdp.MUTE` can be set up, and nothing is sent on it.

    For tests to read: `ledger` (of all channels), `connections`, `refusals` (requests with wrong credentials),
    `garbled` (number of frames and packets of sound sent as garbage, which are not in the ledger), `started_at`
    (wall time of frame 0), `sessions`, `url`.
    """

    def __init__(
        self,
        clip: Clip,
        *,
        host: str = _HOST,
        path: str = "/Streaming/Channels/101",
        channels: Optional[Mapping[str, Clip]] = None,
        port: int = 0,
        username: Optional[str] = None,
        password: str = "",
        auth: str = "digest",
        open_methods: Container[str] = (),
        max_sessions: Optional[int] = None,
        sessions_status: int = 453,
        rtp_offset: int = 0,
        clock_speed: float = 1.0,
        video_speed: float = 1.0,
        ntp_time: Optional[int] = None,
        start_mid_gop: bool = False,
        key_on_play: bool = False,
        repeat_sps: bool = False,
        edit_sdp: Callable[[str], str] = str,
    ) -> None:
        self.host = host
        self.path = path
        self.port = port
        self.username = username
        self.password = password
        self.auth = auth
        self.open_methods = open_methods
        self.max_sessions = max_sessions
        self.sessions_status = sessions_status
        self.start_mid_gop = start_mid_gop
        self.key_on_play = key_on_play
        self.repeat_sps = repeat_sps
        self.edit_sdp = edit_sdp
        self.ledger: List[SentFrame] = []
        self.connections: List[ConnectionRecord] = []
        self.refusals: List[Refusal] = []
        self.garbled = 0
        self._clock = CameraClock(rtp_offset, clock_speed, video_speed, ntp_time)
        self._channels = {each: Channel(each, shown) for each, shown in {path: clip, **(channels or {})}.items()}
        self._lock = threading.RLock()  # guards all that follows
        self._changes = threading.Condition(self._lock)  # senders wait here
        self._events = threading.Condition(self._lock)  # tests wait here
        self._faults = _Faults()
        self._open: List[Connection] = []
        self._sessions_seen = 0
        self._listener: Optional[_Listener] = None
        self._kept: Optional[socket.socket] = None  # bound to the port while nobody listens, so that it stays ours

    def __enter__(self) -> RtspCamera:
        self._clock.start()
        self.refuse(False)
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, self._kept):
            if each is not None:
                each.close()
        self.drop()

    @property
    def started_at(self) -> float:
        """Wall time of frame 0, in seconds since 1970."""
        return self._clock.started_at

    @property
    def url(self) -> str:
        """The stream's URL without credentials."""
        return self.url_of(self.path)

    @property
    def login_url(self) -> str:
        """The stream's URL with percent-encoded credentials."""
        return self.login_url_of(self.path)

    def url_of(self, path: str) -> str:
        """The URL of a channel without credentials."""
        return f"rtsp://{self.host}:{self.port}{path}"

    def login_url_of(self, path: str) -> str:
        """The URL of a channel with percent-encoded credentials."""
        login = f"{quote(self.username or '', safe='')}:{quote(self.password, safe='')}"
        return f"rtsp://{login}@{self.host}:{self.port}{path}"

    @property
    def sessions(self) -> int:
        """How many sessions exist now."""
        with self._lock:
            return sum(connection.session is not None for connection in self._open)

    @property
    def refused_attempts(self) -> int:
        """How many requests had wrong credentials."""
        return len(self.refusals)

    def frames_of(self, path: str) -> List[SentFrame]:
        """The ledger of one channel."""
        return [frame for frame in list(self.ledger) if frame.path == path]

    def shown(self, number: int, path: Optional[str] = None) -> int:
        """The place of a frame in the order of presentation, which differs from its number with B-frames."""
        with self._lock:
            return self._channels[path or self.path].frame(number).shown

    def taken_at(self, number: int, path: Optional[str] = None) -> float:
        """Seconds after `started_at` at which a frame was taken; with B-frames that is before it is sent."""
        with self._lock:
            channel = self._channels[path or self.path]
            return channel.frame(number).taken / channel.fps

    def wait_for(self, condition: Callable[[], bool], what: str = "the camera", seconds: float = PATIENCE) -> None:
        """Wait until `condition` holds, which is checked at every frame, request and close.

        Raises AssertionError naming `what` if it does not within so many seconds of an idle machine.
        """

        def look() -> bool:
            with self._events:
                return self._events.wait_for(condition, _SLICE)

        wait_for(look, what, seconds, lambda: f"{self.sessions} sessions, at last {self.ledger[-1:]}")

    # Faults of the network and of the whole camera.

    def hang(self) -> None:
        """Send nothing more on any connection, not even answers; after the return the ledger does not grow."""
        self._change(hung=True)
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with connection.gate:  # wait until a sender has finished
                pass

    def resume(self) -> None:
        """End `hang`: playing sessions continue like new ones; frames that were due meanwhile are never sent."""
        self._change(hung=False)

    def silence(self, on: bool) -> None:
        """Accept connections and read requests, but do not answer them; playing sessions continue."""
        self._change(silent=on)

    def refuse(self, on: bool) -> None:
        """Stop listening, so that new connections are refused, or listen again on the same port."""
        if on and self._listener is not None:
            self._listener.close()
            self._listener = None
            self._kept = _bound(self.host, self.port)
        elif not on and self._listener is None:
            if self._kept is not None:
                self._kept.close()
            self._listener = _Listener(self.host, self.port, self._accepted)
            self.port = self._listener.port

    def drop(self) -> None:
        """Close all connections; after the return nothing more is sent on them."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            connection.hang_up()

    def trickle(self, on: bool) -> None:
        """Send one packet a second to each session, so that media falls behind. Afterwards they are like new ones."""
        self._change(trickles=on)

    # Faults of the answers.

    def answer(self, status: Optional[int], method: str = "DESCRIBE", track: str = "") -> None:
        """Answer requests of `method` with this RTSP status, for one `track` or for all; None ends it."""
        with self._lock:
            others = {each: code for each, code in self._faults.statuses.items() if each != (method, track)}
            self._change(statuses=others if status is None else {**others, (method, track): status})

    def answer_raw(self, data: Optional[bytes]) -> None:
        """Answer each request with these bytes, such as HTTP_ANSWER, and close; None ends it."""
        self._change(raw_answer=data)

    def redirect(self, location: Optional[str], spare: int = 0) -> None:
        """Answer DESCRIBE with 302 and this URL, all but the first `spare` that would be granted; None ends it."""
        self._change(location=location, spared=spare)

    def flood(self, part: Optional[str]) -> None:
        """Answer DESCRIBE with endless "headers", one endless "line" of a header or an endless "body"; None ends it."""
        assert part is None or part in FLOODS
        self._change(flood=part)

    def expire_nonce(self) -> None:
        """Answer the next request with a valid password with 401, once, with `stale=true` and a new nonce."""
        self._change(nonce_expired=True)

    def announce(self, *, video: bool = True, sound: bool = True, parameter_sets: bool = True) -> None:
        """Include only these in session descriptions from now on; playing sessions continue."""
        self._change(announced=_Announced(video, sound, parameter_sets))

    # Faults of the media.

    def step_clock(self, seconds: float) -> None:
        """Make the camera's clock jump: RTP timestamps and the reports' NTP times, from the next frame on."""
        with self._lock:
            self._clock.step(seconds)

    def switch_clip(self, clip: Clip, path: Optional[str] = None) -> int:
        """Show another clip of the same frame rate, from its beginning; returns the number of its first frame.

        Sessions continue with the new video and their old sound. If the codec differs, all connections that were
        given a description with the old one are closed before the new one begins.
        """
        with self._lock:
            channel = self._channels[path or self.path]
            before = channel.clip.codec
            first = channel.begin(self._next_number(channel), clip)
            described = [each for each in self._open if each.channel is channel]
            outdated = described if clip.codec is not before else []
            for connection in outdated:
                if connection.session is not None:
                    connection.session.ended = True
            self._changes.notify_all()
        for connection in outdated:
            connection.hang_up()
        return first

    def withhold_keys(self, on: bool) -> None:
        """Send all frames except key frames; new sessions begin with the next frame.

        All sessions miss the same key frames: those that are due meanwhile, even if they are sent later.
        """
        with self._lock:
            since, _ = self._faults.keys_withheld
            now = self._clock.age()
            self._change(keys_withheld=(now, math.inf) if on else (since, now))

    def pause_sound(self, on: bool) -> None:
        """Send no sound, although session descriptions include it."""
        self._change(sound_paused=on)

    def garble(self, what: Optional[str]) -> None:
        """Send random bytes; None ends it.

        They are the "payload" of RTP, that of "sound" alone, or whole packets, which breaks the "framing".
        """
        assert what is None or what in GARBAGE
        self._change(garbage=what)

    # For the connections and sessions.

    def _change(self, **faults: object) -> None:
        with self._lock:
            for name, value in faults.items():
                setattr(self._faults, name, value)
            self._changes.notify_all()

    def _accepted(self, accepted: socket.socket) -> None:
        connection = Connection(self, accepted)
        with self._lock:
            self.connections.append(connection.record)
            self._open.append(connection)
            connection.start()

    def _closed(self, connection: Connection) -> None:
        with self._events:
            connection.record.closed_at = time.time()
            self._open.remove(connection)
            self._events.notify_all()

    def _refused(self, refusal: Refusal) -> None:
        with self._events:
            self.refusals.append(refusal)
            self._events.notify_all()

    def _redirects(self) -> Optional[str]:
        """Where the next granted DESCRIBE is redirected to."""
        with self._lock:
            spared = self._faults.spared
            self._faults.spared = max(0, spared - 1)
            return None if spared else self._faults.location

    def _nonce_expires(self) -> bool:
        """Whether the nonce of a request with a valid password has expired; true once."""
        with self._lock:
            expired = self._faults.nonce_expired
            self._faults.nonce_expired = False
            return expired

    def _sent(self, session: Session, piece: Piece, *, spoiled: bool) -> None:
        with self._events:
            frame = piece.frame
            if spoiled:
                self.garbled += 1
            elif frame is not None:
                key, path = frame.unit.is_key, session.channel.path
                sent = SentFrame(frame.number, key, time.time(), piece.media_time, session.number, path)
                self.ledger.append(sent)
            self._events.notify_all()

    def _new_session(self, connection: Connection, channel: Channel) -> Optional[Session]:
        """A session for the connection; None if there are too many."""
        with self._lock:
            others = [each for each in self._open if each.session is not None]
        if self.max_sessions is not None and len(others) >= self.max_sessions:
            if self.sessions_status:
                return None
            others[0].hang_up()
        with self._lock:
            self._sessions_seen += 1
            connection.channel = channel
            connection.session = Session(self, channel, self._sessions_seen)
            return connection.session

    def _end(self, session: Session) -> None:
        with self._changes:
            session.ended = True
            self._changes.notify_all()

    def _next_number(self, channel: Channel) -> int:
        """The first frame that is not yet due."""
        return math.floor(self._clock.age() * channel.fps) + 1

    def _next_frame(self, channel: Channel) -> int:
        """The number of the first frame for a session that begins now."""
        with self._lock:
            number = self._next_number(channel)
            if self._faults.withholds_key(self._clock.age()) or self.start_mid_gop:
                return number
            if self.key_on_play:
                return channel.begin(number, channel.clip)
            while not channel.frame(number).unit.is_key:
                number += 1
            return number

    def _wait_awake(self, session: Session) -> bool:
        """Wait while the camera hangs; False if the session has ended."""
        with self._changes:
            self._changes.wait_for(lambda: session.ended or not self._faults.hung)
            return not session.ended

    def _wait_due(self, session: Session, due: float) -> bool:
        """Wait until the camera has that age; False if the session ends or the camera hangs first."""
        return self._wait_while(session, lambda: due - self._clock.age())

    def _wait_turn(self, session: Session, last_sent: float) -> bool:
        """Wait until a packet may follow the one sent at that age; False if the session ends or the camera hangs."""
        return self._wait_while(session, lambda: last_sent + 1.0 - self._clock.age() if self._faults.trickles else 0.0)

    def _wait_while(self, session: Session, left: Callable[[], float]) -> bool:
        """Wait until no seconds are left; False if the session ends or the camera hangs first."""
        with self._changes:
            while not (session.ended or self._faults.hung):
                seconds = left()
                if seconds <= 0:
                    return True
                self._changes.wait(seconds)
            return False


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":  # elsewhere this would let two listeners share a port
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound


class _Listener:
    """Accepts connections in its own thread until closed."""

    def __init__(self, host: str, port: int, accepted: Callable[[socket.socket], None]) -> None:
        self._accepted = accepted
        self._socket = _bound(host, port)
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
