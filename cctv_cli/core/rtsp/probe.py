"""Ask a camera over RTSP what it has, or why it does not answer.

OPTIONS and DESCRIBE without credentials; when the camera challenges the latter, one more with them,
and when it does not, SETUP, which it may challenge.
The password goes out as often as the LoginGuard grants, and again only when the camera calls the
nonce stale, since cameras lock out an address after a few wrong ones. Everything is bounded: each
answer in time and in size, and the whole conversation by one deadline and the number of requests.
(RTSP/1.0: RFC 2326. Digest: RFC 2617 and RFC 7616. Basic: RFC 7617.)
"""

from __future__ import annotations

import base64
import enum
import hashlib
import re
import secrets
import socket
import ssl
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Tuple

from cctv_cli.core.clock import local_time
from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.rtsp.login_guard import LoginGuard, Withheld
from cctv_cli.core.rtsp.sdp import AudioStream, VideoStream, parse_sdp, video_control
from cctv_cli.core.units import Secret

ANSWER_LIMIT = 64 * 1024  # bytes of one answer, headers and body together

_ANSWERS = 3  # so many times what one answer may take, the whole conversation may
_PATIENCE = 10.0  # seconds that the logins of one conversation wait for their turns, at the most

# A realm may be the camera's name in any encoding: its bytes go back as they came. People are shown none of them.
_BYTES_STAY = "surrogateescape"

_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE = re.compile(r"RTSP/\d\.\d[ \t]+(\d{3})\b", re.ASCII)
# A parameter of a challenge, quoted or plain, or else the name of the scheme that the next ones belong to.
_CHALLENGE = re.compile(r'([\w-]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))|([\w-]+)', re.ASCII)
_WHOLE_URL = re.compile(r"rtsps?://", re.IGNORECASE)
_LOCATION = re.compile(r"rtsps?://([\w.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?(?:/|$)", re.ASCII | re.IGNORECASE)


class Outcome(enum.Enum):
    """What a probe found; the values are for machines, `ProbeResult.reason` is for people."""

    OK = "ok"
    UNREACHABLE = "unreachable"  # the name does not resolve, no route, or no connection in time
    REFUSED = "refused"  # nothing listens on the port
    UNAUTHORIZED = "unauthorized"  # credentials are missing, wrong, withheld, or of no use to this camera
    NOT_FOUND = "not_found"
    BUSY = "busy"
    SILENT = "silent"  # connected, but no complete answer came
    NOT_RTSP = "not_rtsp"
    NO_VIDEO = "no_video"
    REDIRECTED = "redirected"
    OVERSIZED = "oversized"
    FAILED = "failed"  # any other status


@dataclass(frozen=True)
class ProbeResult:
    """What a camera said. `reason` is one sentence for the operator, with the cure.

    `status` is the RTSP status of the last complete answer, None when there was none. `video` and
    `audio` are what the camera announces; `video` is None unless the outcome is OK. `retry_at` is the
    instant before which the password will not be sent again; None where nothing is withheld.
    """

    outcome: Outcome
    reason: str
    status: Optional[int] = None
    video: Optional[VideoStream] = None
    audio: Optional[AudioStream] = None
    retry_at: Optional[float] = None


def probe(
    source: RtspSource, *, timeout: float = 5.0, logins: Optional[LoginGuard] = None, setup: Optional[bool] = None
) -> ProbeResult:
    """Ask the camera for its description.

    Each answer may take `timeout` seconds, all together three times that: a camera behind a slow line
    takes two for each. Waiting for the turn of a login comes on top, up to ten seconds.

    `logins` decides whether the password may be sent, and is told what came of it. With `setup` a
    session for the video is set up and torn down again: that alone shows a camera that is busy. If it
    is None, so it is for a login that DESCRIBE was not asked for, since FFmpeg would be at SETUP.

    Never raises for anything that a camera or a network does. (The name lookup alone is the
    system's, and has the system's limit: it cannot be interrupted without a thread.)
    """
    deadline = time.monotonic() + _ANSWERS * timeout
    at = f"[{source.host}]:{source.port}" if ":" in source.host else f"{source.host}:{source.port}"
    uri = f"{'rtsps' if source.tls else 'rtsp'}://{at}{source.target}"
    try:
        with _open(source, timeout) as sock:
            conversation = _Conversation(_Connection(sock, timeout, deadline), source, logins)
            return _examine(conversation, uri, at, setup=setup)
    except _Problem as problem:
        return ProbeResult(problem.outcome, f"{at} {problem.text}.", problem.status, retry_at=problem.retry_at)


def _examine(conversation: _Conversation, uri: str, at: str, *, setup: Optional[bool]) -> ProbeResult:
    """What the camera has. Raises _Problem."""
    conversation.greet(uri)
    answer = conversation.ask("DESCRIBE", uri, "Accept: application/sdp")
    if answer.status != 200:
        raise _refusal(answer)
    description = answer.body.decode("utf-8", "replace")
    video, audio = parse_sdp(description)
    if video is None:
        text = "describes no video: check the path of the RTSP URL and the camera's video settings"
        return ProbeResult(Outcome.NO_VIDEO, f"{at} {text}.", 200, None, audio)
    conversation.heed_silence()
    if conversation.login_is_open if setup is None else setup:
        base = answer.headers.get("content-base", [""])[0] or uri
        answer = _set_up(conversation, base, _absolute(base, video_control(description)))
        if setup and answer.status != 200:
            raise _refusal(answer)
    return ProbeResult(Outcome.OK, f"{at} sends {_in_words(video, audio)}.", 200, video, audio)


def _set_up(conversation: _Conversation, base: str, uri: str) -> _Answer:
    """Set up a session for the video alone, and end it; the camera's answer to the former. Raises _Problem."""
    answer = conversation.ask("SETUP", uri, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
    if answer.status == 200:
        _tear_down(conversation, base, answer)
    return answer


def _tear_down(conversation: _Conversation, base: str, answer: _Answer) -> None:
    """End the session of this answer to SETUP."""
    session = answer.headers.get("session", [""])[0].partition(";")[0]
    try:
        conversation.ask("TEARDOWN", base, f"Session: {session}")
    except _Problem:
        pass  # the camera ends the session with the connection


def _absolute(base: str, control: Optional[str]) -> str:
    """The URL of a stream, put together as FFmpeg does: base and control may have queries of their own."""
    if control is None or control == "*":
        return base
    return control if _WHOLE_URL.match(control) else f"{base.rstrip('/')}/{control}"


class _Problem(Exception):
    """Ends a probe. `text` continues a sentence that begins with the camera's host and port."""

    def __init__(
        self, outcome: Outcome, text: str, status: Optional[int] = None, retry_at: Optional[float] = None
    ) -> None:
        super().__init__(text)
        self.outcome = outcome
        self.text = text
        self.status = status
        self.retry_at = retry_at


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Dict[str, List[str]]  # names in lower case
    body: bytes


# --- the conversation


class _Conversation:
    """Requests to one camera and its answers; credentials only go out once it has asked for them."""

    def __init__(self, connection: _Connection, source: RtspSource, logins: Optional[LoginGuard]) -> None:
        self._connection = connection
        self._source = source
        self._logins = logins
        self._patience = _PATIENCE
        self._login: Optional[_Login] = None

    @property
    def login_is_open(self) -> bool:
        """Whether there is a login that the camera has not asked for yet."""
        return self._login is None and self._source.username is not None

    def heed_silence(self) -> None:
        """Raises _Problem while the login must not be sent: FFmpeg may be asked for it where a probe is not."""
        until = None if self._logins is None else self._logins.standing(self._source).silent_until
        if until is not None:
            raise self._withheld(until)

    def greet(self, uri: str) -> None:
        """Ask for OPTIONS, as FFmpeg does; what the camera answers says nothing about the stream."""
        self._connection.request("OPTIONS", uri)

    def ask(self, method: str, uri: str, *headers: str) -> _Answer:
        """The answer to a request. Raises _Problem for a refused login, or none that is complete and proper."""
        answer = self._send(method, uri, headers)
        if answer.status == 401 and self._login is None:
            self._login = _answer_to(answer, self._source)
            answer = self._send(method, uri, headers)
        if answer.status == 401:
            raise self._refused()
        return answer

    def _send(self, method: str, uri: str, headers: Tuple[str, ...]) -> _Answer:
        if self._login is None:
            return self._connection.request(method, uri, *headers)
        with self._turn():
            answer, sent = self._send_login(self._login, method, uri, headers), 1
            if answer.status == 401 and _is_stale(answer):
                # the password was right, the nonce too old (RFC 7616 § 3.3); once, for some cameras say so always
                self._login = _answer_to(answer, self._source)
                answer, sent = self._send_login(self._login, method, uri, headers), 2
            self._report(answer.status, sent)
        return answer

    def _send_login(self, login: _Login, method: str, uri: str, headers: Tuple[str, ...]) -> _Answer:
        self._connection.spare_an_answer()
        return self._connection.request(method, uri, *headers, f"Authorization: {login.header(method, uri)}")

    def _report(self, status: int, sent: int) -> None:
        """Tell the guard what came of a login that was sent so many times."""
        if self._logins is None:
            return
        if status == 200:
            self._logins.accepted(self._source)
        elif status == 401:
            for _ in range(sent):
                self._logins.refused(self._source)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Around one request with the login. Raises _Problem when it must not be sent."""
        if self._logins is None:
            yield
            return
        began = time.monotonic()
        try:
            with self._logins.attempt(self._source, self._patience):
                waited = time.monotonic() - began
                self._patience -= waited
                self._connection.prolong(waited)
                yield
        except Withheld as withheld:
            if withheld.until is None:
                text = "has not answered another login of this user yet: this one waits until it has"
                raise _Problem(Outcome.SILENT, text) from None
            raise self._withheld(withheld.until) from None

    def _withheld(self, until: float) -> _Problem:
        text = (
            f"refused this password before: cctv does not send it again until {self._shown(until)}; "
            "correct it, or restart the camera in cctv to try at once"
        )
        return _Problem(Outcome.UNAUTHORIZED, text, 401, until)

    def _refused(self) -> _Problem:
        until = None if self._logins is None else self._logins.standing(self._source).silent_until
        if until is None:
            text = (
                "refuses the username or password: correct them before the next try, "
                "since cameras lock an address out after a few wrong ones"
            )
        else:
            text = (
                f"refuses the username or password: cctv tries no more until {self._shown(until)}, since cameras "
                "lock an address out after a few wrong ones; correct them, or restart the camera in cctv to try at once"
            )
        return _Problem(Outcome.UNAUTHORIZED, text, 401, until)

    def _shown(self, instant: float) -> str:
        assert self._logins is not None
        return local_time(instant, self._logins.tz).strftime("%H:%M:%S")


def _refusal(answer: _Answer) -> _Problem:
    """What a status other than 200 and 401 means."""
    status = answer.status
    if status == 404:
        text = "has no such stream (404): check the path of the RTSP URL, such as /Streaming/Channels/101"
        return _Problem(Outcome.NOT_FOUND, text, status)
    if status in (453, 500, 503):
        text = f"is busy ({status}): close other viewers of the camera, use its sub-stream, or restart it"
        return _Problem(Outcome.BUSY, text, status)
    if 300 <= status < 400:
        text = f"redirects to {_new_address(answer)} ({status}): set the new address in the RTSP URL"
        return _Problem(Outcome.REDIRECTED, text, status)
    text = f"answers with RTSP status {status}: check the RTSP URL and the user's rights on the camera"
    return _Problem(Outcome.FAILED, text, status)


def _new_address(answer: _Answer) -> str:
    """Host and port of a redirection; the rest may hold a password or anything else."""
    location = answer.headers.get("location", [""])[0]
    match = _LOCATION.match(location)
    if match is None or "@" in location:
        return "another address"
    return match.group(1) + (match.group(2) or "")


def _in_words(video: VideoStream, audio: Optional[AudioStream]) -> str:
    picture = f"{video.codec} video"
    if video.width is not None:
        picture += f" of {video.width}x{video.height}"
    if audio is None:
        return f"{picture} and no audio"
    return f"{picture} and {audio.codec} audio" + (f" at {audio.rate} Hz" if audio.rate else "")


# --- authentication


@dataclass
class _Login:
    """How to answer one challenge: by Digest with these parameters, or by Basic."""

    username: str
    password: Secret
    digest: Optional[Dict[str, str]] = None
    used: int = 0  # requests that carried the nonce

    def header(self, method: str, uri: str) -> str:
        """The value of the next request's Authorization header."""
        if self.digest is None:
            token = base64.b64encode(f"{self.username}:{self.password.reveal()}".encode()).decode("ascii")
            return f"Basic {token}"
        self.used += 1
        return _digest(self.digest, self.username, self.password.reveal(), method, uri, self.used)


def _answer_to(answer: _Answer, source: RtspSource) -> _Login:
    """The login that answers a 401; a _Problem when there is nothing to answer with.

    Of several Digest challenges the last one counts, and only MD5, because FFmpeg does the same:
    a camera that it cannot log in to must not look healthy here.
    """
    if source.username is None or source.password is None:
        text = "asks for a login: set username and password of this camera"
        raise _Problem(Outcome.UNAUTHORIZED, text, 401)
    challenges = _challenges(answer)
    if "digest" in challenges:
        algorithm = challenges["digest"].get("algorithm", "MD5")
        if algorithm not in ("MD5", "MD5-sess"):
            shown = re.sub(r"[^\w-]", "", algorithm, flags=re.ASCII)[:20]
            text = f"asks for Digest {shown}, but FFmpeg knows MD5 only: choose Digest MD5 in its RTSP settings"
            raise _Problem(Outcome.UNAUTHORIZED, text, 401)
        return _Login(source.username, source.password, challenges["digest"])
    if "basic" in challenges:
        return _Login(source.username, source.password)
    text = "asks for a login but offers neither Digest nor Basic: choose Digest (MD5) in its RTSP settings"
    raise _Problem(Outcome.UNAUTHORIZED, text, 401)


def _is_stale(answer: _Answer) -> bool:
    return _challenges(answer).get("digest", {}).get("stale", "").lower() == "true"


def _challenges(answer: _Answer) -> Dict[str, Dict[str, str]]:
    """The parameters of each scheme in WWW-Authenticate (RFC 7235 § 4.1), the last of each."""
    value = ", ".join(answer.headers.get("www-authenticate", []))
    challenges: Dict[str, Dict[str, str]] = {}
    parameters: Dict[str, str] = {}
    for name, quoted, plain, scheme in _CHALLENGE.findall(value):
        if scheme:
            parameters = challenges[scheme.lower()] = {}
        else:
            parameters[name.lower()] = quoted or plain
    return challenges


def _digest(challenge: Dict[str, str], username: str, password: str, method: str, uri: str, count: int) -> str:
    """A Digest response: RFC 7616 § 3.4 with qop=auth, RFC 2069 where the camera offers no qop."""
    realm, nonce = challenge.get("realm", ""), challenge.get("nonce", "")
    algorithm = challenge.get("algorithm", "MD5")
    cnonce = secrets.token_hex(8)
    a1 = _md5(f"{username}:{realm}:{password}")
    if algorithm == "MD5-sess":
        a1 = _md5(f"{a1}:{nonce}:{cnonce}")
    a2 = _md5(f"{method}:{uri}")
    fields = [f'username="{_escaped(username)}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{uri}"']
    if "auth" in re.split(r"[\s,]+", challenge.get("qop", "")):
        response = _md5(f"{a1}:{nonce}:{count:08x}:{cnonce}:auth:{a2}")
        fields += ["qop=auth", f"nc={count:08x}", f'cnonce="{cnonce}"']
    else:
        response = _md5(f"{a1}:{nonce}:{a2}")
    fields.append(f'response="{response}"')
    if "algorithm" in challenge:
        fields.append(f"algorithm={algorithm}")
    if "opaque" in challenge:
        fields.append(f'opaque="{challenge["opaque"]}"')
    return "Digest " + ", ".join(fields)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _md5(text: str) -> str:
    data = text.encode("utf-8", _BYTES_STAY)
    if sys.version_info >= (3, 9):
        # MD5 is the camera's choice; systems in FIPS mode refuse it when it is not marked so.
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
    return hashlib.md5(data).hexdigest()


# --- the wire


def _seconds_left(deadline: float) -> float:
    """Seconds until the deadline; socket.timeout once it has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout("the deadline has passed")
    return left


def _open(source: RtspSource, timeout: float) -> socket.socket:
    try:
        sock = _connect(source, time.monotonic() + timeout)
    except ConnectionRefusedError:
        text = "refuses the connection: check the port, and that RTSP is switched on in the camera"
        raise _Problem(Outcome.REFUSED, text) from None
    except (OSError, UnicodeError):  # UnicodeError: the host is no possible name
        text = "cannot be reached: check the address, the network and the camera's power"
        raise _Problem(Outcome.UNREACHABLE, text) from None
    return _with_tls(sock, source.host, timeout) if source.tls else sock


def _connect(source: RtspSource, deadline: float) -> socket.socket:
    """A connected socket; raises the OSError of the last address of the host that was tried."""
    addresses = socket.getaddrinfo(source.host, source.port, type=socket.SOCK_STREAM)
    while True:
        family, kind, protocol, _, address = addresses.pop(0)
        sock = socket.socket(family, kind, protocol)
        try:
            # An address that drops packets must leave time for the ones after it.
            sock.settimeout(_seconds_left(deadline) / (len(addresses) + 1))
            sock.connect(address)
            return sock
        except OSError:
            sock.close()
            if not addresses:
                raise


def _with_tls(sock: socket.socket, host: str, timeout: float) -> socket.socket:
    """The socket inside TLS; closed when that fails.

    The certificate is not verified: cameras make their own, for no name that we could check. So
    TLS keeps listeners out, not an impostor; FFmpeg treats rtsps in the same way by default.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        sock.settimeout(timeout)
        return context.wrap_socket(sock, server_hostname=host)
    except ssl.SSLError:
        sock.close()
        text = "does not speak TLS on this port: use rtsp:// or the camera's port for rtsps://"
        raise _Problem(Outcome.NOT_RTSP, text) from None
    except OSError as error:
        sock.close()
        raise _silence(error) from None


def _silence(error: OSError) -> _Problem:
    if isinstance(error, socket.timeout):
        text = "accepts the connection but gives no complete answer in time: restart the camera"
    else:
        text = "closes the connection without a complete answer: check the port, or restart the camera"
    return _Problem(Outcome.SILENT, text)


class _Connection:
    """Requests and answers over one socket: each within `timeout` seconds, and all of them before one deadline."""

    def __init__(self, sock: socket.socket, timeout: float, deadline: float) -> None:
        self._sock = sock
        self._timeout = timeout
        self._deadline = deadline
        self._answer_due = deadline
        self._received = b""
        self._cseq = 0

    def prolong(self, seconds: float) -> None:
        """The deadline is so much later."""
        self._deadline += seconds

    def spare_an_answer(self) -> None:
        """Raises _Problem where an answer may come too late: one that says "refused" must be heard."""
        if time.monotonic() + self._timeout > self._deadline:
            raise _silence(socket.timeout())

    def request(self, method: str, uri: str, *headers: str) -> _Answer:
        """Send one request and read its answer; _Problem when no complete and proper one comes."""
        self._cseq += 1
        lines = [f"{method} {uri} RTSP/1.0", f"CSeq: {self._cseq}", "User-Agent: cctv", *headers]
        request = "\r\n".join(lines) + "\r\n\r\n"
        self._answer_due = min(time.monotonic() + self._timeout, self._deadline)
        try:
            self._sock.settimeout(_seconds_left(self._answer_due))
            self._sock.sendall(request.encode("utf-8", _BYTES_STAY))
            return self._read_answer()
        except OSError as error:
            raise _silence(error) from None

    def _read_answer(self) -> _Answer:
        head = self._read_head()
        status, headers = _parse_head(head)
        length = _content_length(headers)
        if len(head) + length > ANSWER_LIMIT:
            raise _oversized()
        while len(self._received) < length:
            self._receive()
        body, self._received = self._received[:length], self._received[length:]
        return _Answer(status, headers, body)

    def _read_head(self) -> bytes:
        """Status line and headers, taken off what was received."""
        while True:
            self._received = self._received.lstrip(b"\r\n")
            if not b"RTSP/".startswith(self._received[:5].upper()):
                raise _not_rtsp()
            end = _END_OF_HEADERS.search(self._received)
            if end is not None:
                head, self._received = self._received[: end.start()], self._received[end.end() :]
                return head
            if len(self._received) > ANSWER_LIMIT:
                raise _oversized()
            self._receive()

    def _receive(self) -> None:
        self._sock.settimeout(_seconds_left(self._answer_due))
        data = self._sock.recv(8192)
        if not data:
            raise ConnectionResetError("closed by the camera")
        self._received += data


def _parse_head(head: bytes) -> Tuple[int, Dict[str, List[str]]]:
    """Status and headers, read tolerantly: any case, folded lines, bare line feeds."""
    text = re.sub(r"\r?\n[ \t]+", " ", head.decode("utf-8", _BYTES_STAY))
    status_line, *lines = re.split(r"\r?\n", text)
    status = _STATUS_LINE.match(status_line.upper())
    if status is None:
        raise _not_rtsp()
    headers: Dict[str, List[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    return int(status.group(1)), headers


def _content_length(headers: Dict[str, List[str]]) -> int:
    """Bytes of the body; none without the header (RFC 2326 § 4.4)."""
    try:
        length = int(headers.get("content-length", ["0"])[0])
    except ValueError:
        raise _not_rtsp() from None
    if length < 0:
        raise _not_rtsp()
    return length


def _not_rtsp() -> _Problem:
    return _Problem(Outcome.NOT_RTSP, "does not speak RTSP: set the camera's RTSP port, which is 554 on most")


def _oversized() -> _Problem:
    text = f"sends an answer of more than {ANSWER_LIMIT // 1024} KiB: check that this address is a camera"
    return _Problem(Outcome.OVERSIZED, text)
