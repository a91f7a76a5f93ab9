"""The probe against real sockets: a scripted camera gives one prepared answer to each request."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Union

import pytest

from cctv_cli.core.clock import Clock, SystemClock, zone
from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.ffmpeg.command import Ffmpeg
from cctv_cli.core.layout import login_files
from cctv_cli.core.rtsp.login_guard import AGAIN, OTHERS_FIRST, SILENCE, LoginGuard
from cctv_cli.core.rtsp.probe import probe
from cctv_cli.core.rtsp.result import Outcome, ProbeResult
from cctv_cli.core.rtsp.sdp import AudioStream, VideoStream
from cctv_cli.core.units import Secret
from tests.support.clip import make_clip
from tests.support.rtsp_camera import RtspCamera
from tests.support.storage_tree import FixedClock
from tests.support.waiting import HANG

PASSWORD = 'p@:/? "wörd'
TARGET = "/Streaming/Channels/101?transportmode=unicast"

SDP = """\
v=0
o=- 1714550000000000 1714550000000000 IN IP4 127.0.0.1
s=Media Presentation
t=0 0
m=video 0 RTP/AVP 96
a=x-dimensions:2560,1440
a=rtpmap:96 H264/90000
m=audio 0 RTP/AVP 8
a=rtpmap:8 PCMA/8000
m=application 0 RTP/AVP 107
a=rtpmap:107 vnd.onvif.metadata/90000
"""


class Trickle(bytes):
    """An answer that is sent byte by byte and takes several seconds."""

    pause = 0.02  # seconds before each byte


class FastTrickle(Trickle):
    """An answer that is sent byte by byte, but quickly."""

    pause = 0.0005


class Late(bytes):
    """An answer that comes late, as from a camera behind a slow line."""

    pause = 0.8  # seconds


Answer = Union[bytes, Callable[[str], bytes]]
NOTHING = b""


class ScriptedCamera:
    """Gives one answer after another, on any number of connections; keeps the requests.

    Without an answer it closes the connection; with `closes` it does so after the last one, without another request.
    OPTIONS has a separate answer, `options`, and its requests are kept in `greetings`.
    """

    def __init__(
        self,
        *answers: Answer,
        options: Answer = b"RTSP/1.0 200 OK\r\n\r\n",
        tls: Optional[ssl.SSLContext] = None,
        host: str = "127.0.0.1",
        closes: bool = False,
    ) -> None:
        self.requests: List[str] = []
        self.greetings: List[str] = []
        self._answers = list(answers)
        self._options = options
        self._tls = tls
        self._closes = closes
        self._stop = threading.Event()
        self._listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._listener.settimeout(0.01)
        self._thread = threading.Thread(target=self._serve)
        self.source = RtspSource(host, self._listener.getsockname()[1], TARGET, tls=tls is not None)

    @property
    def at(self) -> str:
        host = self.source.host
        return f"[{host}]:{self.source.port}" if ":" in host else f"{host}:{self.source.port}"

    def __enter__(self) -> ScriptedCamera:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()
        self._listener.close()

    @property
    def with_login(self) -> RtspSource:
        return replace(self.source, username="admin", password=Secret(PASSWORD))

    @property
    def logins(self) -> List[str]:
        """The requests that carried credentials."""
        return [request for request in self.requests if "\r\nauthorization:" in request.lower()]

    def ask(
        self,
        *,
        login: bool = False,
        timeout: float = 10.0,
        logins: Optional[LoginGuard] = None,
        setup: Optional[bool] = None,
        play: bool = False,
        **changes: Any,
    ) -> ProbeResult:
        """Probe this camera, and check what is true of every probe."""
        source = replace(self.with_login if login else self.source, **changes)
        result = probe(source, timeout=timeout, logins=logins, setup=setup, play=play)
        assert not any("\r\nauthorization:" in request.lower() for request in [*self.greetings, *self.requests[:1]])
        assert result.reason.startswith(self.at + " ")
        assert result.reason.endswith(".")
        assert PASSWORD not in repr(result)
        return result

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except socket.timeout:
                continue
            with connection:
                connection.settimeout(HANG)
                with contextlib.suppress(OSError):  # the probe may hang up first
                    self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        if self._tls is not None:
            with self._tls.wrap_socket(connection, server_side=True) as wrapped:
                self._answer_requests(wrapped)
        else:
            self._answer_requests(connection)

    def _answer_requests(self, connection: socket.socket) -> None:
        received = b""
        while not self._stop.is_set():
            while b"\r\n\r\n" not in received:
                data = connection.recv(4096)
                if not data:
                    return
                received += data
            request, _, received = received.partition(b"\r\n\r\n")
            if request.startswith(b"OPTIONS "):
                self.greetings.append(request.decode("utf-8", "surrogateescape"))
                answer = self._options
            else:
                self.requests.append(request.decode("utf-8", "surrogateescape"))
                if not self._answers:
                    return
                answer = self._answers.pop(0)
            if isinstance(answer, Trickle):
                self._trickle(connection, answer)
            elif isinstance(answer, Late):
                self._stop.wait(answer.pause)
                connection.sendall(answer)
            elif callable(answer):
                connection.sendall(answer(self.requests[-1]))
            else:
                connection.sendall(answer)
            if self._closes and not self._answers:
                return

    def _trickle(self, connection: socket.socket, answer: Trickle) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in answer:
            if self._stop.wait(answer.pause):
                return
            connection.sendall(bytes([byte]))


def answer(status: str, *headers: str, body: str = "") -> bytes:
    lines = [f"RTSP/1.0 {status}", "CSeq: 1", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


DESCRIPTION = answer("200 OK", "Content-Type: application/sdp", body=SDP)
SETUP_OK = answer("200 OK", "Session: 4711;timeout=60", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
PLAYING = answer("200 OK") + b"$\0\0\x0e" + bytes(12) + b"\x65\x88"  # with the first key frame of H.264
OPEN_CAMERA = (DESCRIPTION, SETUP_OK, answer("200 OK"))  # does not ask for the login that is configured


def challenge(*values: str) -> bytes:
    return answer("401 Unauthorized", *(f"WWW-Authenticate: {value}" for value in values))


def header(request: str, name: str) -> str:
    found = re.search(rf"(?im)^{name}: (.*?)\r?$", request)
    assert found is not None, request
    return found.group(1)


def digest_fields(request: str) -> Dict[str, str]:
    scheme, _, rest = header(request, "Authorization").partition(" ")
    assert scheme == "Digest"
    return {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"(.*?)"|([^,"]+))', rest)}


def md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode()).hexdigest()


NOW = 1_700_000_000.0  # 23:13:20 in the time zone of the tests
OWN = AGAIN + OTHERS_FIRST  # seconds until the channel that was refused tries again


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def logins(tmp_path: Path, clock: FixedClock) -> LoginGuard:
    return LoginGuard(*login_files(tmp_path), clock)


# --- what a camera sends


def test_a_camera_without_login() -> None:
    with ScriptedCamera(*OPEN_CAMERA) as camera:
        result = camera.ask(login=True)
    assert camera.logins == []
    assert result.outcome is Outcome.OK
    assert result.status == 200
    assert result.video == VideoStream("h264", 2560, 1440)
    assert result.audio == AudioStream("pcma", 8000)
    assert "h264 video of 2560x1440 and pcma audio at 8000 Hz" in result.reason
    assert camera.requests[0].splitlines()[0] == f"DESCRIBE rtsp://{camera.at}{TARGET} RTSP/1.0"
    assert header(camera.requests[0], "Accept") == "application/sdp"


def test_a_camera_without_audio() -> None:
    body = SDP[: SDP.index("m=audio")]
    with ScriptedCamera(answer("200 OK", body=body)) as camera:
        result = camera.ask()
    assert (result.outcome, result.audio) == (Outcome.OK, None)
    assert "no audio" in result.reason


def test_an_answer_that_breaks_the_rules_is_read() -> None:
    head = f"\r\nrtsp/1.0 200\ncontent-type:\n\tapplication/sdp\nCONTENT-LENGTH  :\n {len(SDP)}\nnonsense\n\n"
    with ScriptedCamera(head.encode() + SDP.encode()) as camera:
        assert camera.ask().outcome is Outcome.OK


def test_answers_in_small_pieces_are_read() -> None:
    with ScriptedCamera(FastTrickle(challenge('Basic realm="r"')), FastTrickle(DESCRIPTION)) as camera:
        assert camera.ask(login=True).outcome is Outcome.OK


def test_no_video() -> None:
    body = SDP[: SDP.index("m=video")] + SDP[SDP.index("m=audio") :]
    with ScriptedCamera(answer("200 OK", body=body)) as camera:
        result = camera.ask()
    assert (result.outcome, result.status) == (Outcome.NO_VIDEO, 200)
    assert result.audio == AudioStream("pcma", 8000)


def test_an_empty_description_has_no_video() -> None:
    with ScriptedCamera(answer("200 OK")) as camera:
        assert camera.ask().outcome is Outcome.NO_VIDEO


def test_ipv6() -> None:
    try:
        camera = ScriptedCamera(DESCRIPTION, host="::1")
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with camera:
        assert camera.ask().outcome is Outcome.OK
    assert f" rtsp://[::1]:{camera.source.port}/" in camera.requests[0]


# --- login


def test_digest_with_qop() -> None:
    realm, nonce, opaque = "IP Camera(C2345), Basic model", "4e6f6e63653a31", "5ccc069c"

    def check(request: str) -> bytes:
        sent = digest_fields(request)
        uri = request.split(" ")[1]
        secret, what = md5("admin", realm, PASSWORD), md5("DESCRIBE", uri)
        expected = md5(secret, nonce, sent["nc"], sent["cnonce"], "auth", what)
        assert sent["nc"] == "00000001"
        assert (sent["username"], sent["realm"], sent["nonce"], sent["uri"]) == ("admin", realm, nonce, uri)
        assert (sent["qop"], sent["opaque"], sent["algorithm"]) == ("auth", opaque, "MD5")
        return DESCRIPTION if sent["response"] == expected else challenge("Basic")

    offer = f'Digest realm="{realm}", nonce="{nonce}", qop="auth-int, auth", opaque="{opaque}", algorithm=MD5'
    with ScriptedCamera(challenge(offer), check) as camera:
        assert camera.ask(login=True).outcome is Outcome.OK
    assert [header(request, "CSeq") for request in camera.requests] == ["2", "3"]


def test_frames_of_media_between_the_answers_are_skipped() -> None:
    with ScriptedCamera(b"$\0\0\4abcd" + DESCRIPTION) as camera:
        assert camera.ask().outcome is Outcome.OK


@pytest.mark.parametrize("basic_first", [True, False])
def test_digest_without_qop_is_preferred_to_basic(basic_first: bool) -> None:
    realm, nonce = "DS-2CD2143", "a7b1"

    def check(request: str) -> bytes:
        sent = digest_fields(request)
        expected = md5(md5("admin", realm, PASSWORD), nonce, md5("DESCRIBE", request.split(" ")[1]))
        assert not {"qop", "nc", "cnonce", "algorithm", "opaque"} & set(sent)
        return DESCRIPTION if sent["response"] == expected else challenge("Basic")

    offers = [f'Basic realm="{realm}"', f'Digest realm="{realm}",nonce="{nonce}",stale="FALSE"']
    with ScriptedCamera(challenge(*(offers if basic_first else offers[::-1])), check) as camera:
        assert camera.ask(login=True).outcome is Outcome.OK


@pytest.mark.parametrize("realm", ["Tür".encode("latin-1"), "大门".encode("gbk"), "Tür".encode()])
def test_a_realm_is_sent_back_byte_for_byte(realm: bytes) -> None:
    def check(request: str) -> bytes:
        sent = digest_fields(request)
        assert sent["realm"].encode("utf-8", "surrogateescape") == realm
        secret = hashlib.md5(b"admin:" + realm + b":" + PASSWORD.encode()).hexdigest()
        assert sent["response"] == md5(secret, "n", md5("DESCRIBE", sent["uri"]))
        return answer("404 Not Found")

    offer = challenge('Digest realm="REALM", nonce="n"').replace(b"REALM", realm)
    with ScriptedCamera(offer, check) as camera:
        result = camera.ask(login=True)
    assert result.outcome is Outcome.NOT_FOUND
    assert result.reason.isascii()


@pytest.mark.parametrize(
    "reply",
    [
        challenge('Digest realm="r", nonce="n", algorithm=@'),
        challenge('@ realm="@"'),
        answer("302 @", "Location: rtsp://10.0.0.7@/101"),
        answer("302 Found", "Location: rtsp://10.0.0.@/101"),
        answer("200 OK", "@: @", body=SDP.replace("H264", "@").replace("PCMA", "@")),
        answer("200 OK", "Content-Length: @"),
        answer("4@4 @"),
    ],
)
def test_reasons_contain_no_bytes_that_are_not_text(reply: bytes) -> None:
    with ScriptedCamera(reply.replace(b"@", b"\xfc"), DESCRIPTION) as camera:
        camera.ask(login=True).reason.encode()


def test_digest_md5_sess() -> None:
    def check(request: str) -> bytes:
        sent = digest_fields(request)
        secret = md5(md5("admin", "r", PASSWORD), "n", sent["cnonce"])
        what = md5("DESCRIBE", request.split(" ")[1])
        expected = md5(secret, "n", sent["nc"], sent["cnonce"], sent["qop"], what)
        return DESCRIPTION if sent["response"] == expected else challenge("Basic")

    offer = 'digest realm="r", nonce="n", algorithm="MD5-sess", qop=auth'
    with ScriptedCamera(challenge(offer), check) as camera:
        assert camera.ask(login=True).outcome is Outcome.OK


def test_basic() -> None:
    def check(request: str) -> bytes:
        scheme, token = header(request, "Authorization").split(" ")
        assert scheme == "Basic"
        given = base64.b64decode(token).decode()
        return DESCRIPTION if given == f"admin:{PASSWORD}" else challenge("Basic")

    with ScriptedCamera(challenge('Basic realm="camera"'), check) as camera:
        assert camera.ask(login=True).outcome is Outcome.OK


def test_an_empty_password_counts_like_any_other(logins: LoginGuard) -> None:
    with ScriptedCamera(*[challenge('Basic realm="r"')] * 3) as camera:
        results = [camera.ask(username="admin", password=Secret(""), logins=logins) for _ in range(2)]
    assert [result.retry_at for result in results] == [NOW + OWN] * 2
    (login,) = camera.logins
    assert base64.b64decode(header(login, "Authorization").split(" ")[1]) == b"admin:"


def test_the_body_of_a_challenge_is_not_taken_for_the_next_answer() -> None:
    first = answer("401 Unauthorized", 'WWW-Authenticate: Basic realm="camera"', body="RTSP/1.0 404 Not Found\r\n\r\n")
    with ScriptedCamera(first, DESCRIPTION) as camera:
        assert camera.ask(login=True).outcome is Outcome.OK


@pytest.mark.parametrize("offer", ['Digest realm="r", nonce="{}"', "Basic"])
def test_a_refused_password_is_never_sent_again(offer: str) -> None:
    refusals = [challenge(offer.format(number)) for number in range(4)]
    with ScriptedCamera(*refusals) as camera:
        result = camera.ask(login=True)
    assert (result.outcome, result.status) == (Outcome.UNAUTHORIZED, 401)
    assert "refuses the username or password" in result.reason
    assert (len(camera.requests), len(camera.logins)) == (2, 1)


def test_a_stale_nonce_is_not_a_refused_password(logins: LoginGuard) -> None:
    def check(request: str) -> bytes:
        assert digest_fields(request)["nonce"] == "2"
        assert logins.standing(camera.with_login).refused_at is None
        return DESCRIPTION

    offers = ['Digest realm="r", nonce="1"', 'Digest realm="r", nonce="2", stale=TRUE']
    with ScriptedCamera(*map(challenge, offers), check) as camera:
        assert camera.ask(login=True, logins=logins).outcome is Outcome.OK
    assert len(camera.logins) == 2
    assert logins.standing(camera.with_login).refused_at is None


@pytest.mark.parametrize("guarded", [False, True])
def test_a_nonce_that_is_always_stale_is_believed_once(logins: LoginGuard, guarded: bool) -> None:
    refusals = [challenge(f'Digest realm="r", nonce="{number}", stale=true') for number in range(8)]
    with ScriptedCamera(*refusals) as camera:
        result = camera.ask(login=True, logins=logins if guarded else None)
        assert (result.outcome, result.status) == (Outcome.UNAUTHORIZED, 401)
        assert len(camera.logins) == 2
        if guarded:  # the camera saw two wrong ones
            camera.ask(login=True, logins=logins)
            assert len(camera.logins) == 2


@pytest.mark.parametrize("changes", [{}, {"username": "admin"}, {"password": Secret(PASSWORD)}])
def test_the_camera_asks_for_a_login_and_none_is_set(changes: Dict[str, Any]) -> None:
    with ScriptedCamera(challenge('Digest realm="r", nonce="n"')) as camera:
        result = camera.ask(**changes)
    assert (result.outcome, result.status) == (Outcome.UNAUTHORIZED, 401)
    assert "set username and password" in result.reason
    assert len(camera.requests) == 1


def test_digest_sha_256_is_not_supported_and_gets_no_password() -> None:
    offer = 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'
    with ScriptedCamera(challenge(offer, 'Basic realm="r"')) as camera:
        result = camera.ask(login=True)
    assert (result.outcome, result.status) == (Outcome.UNAUTHORIZED, 401)
    assert "SHA-256" in result.reason
    assert "MD5" in result.reason
    assert len(camera.requests) == 1


@pytest.mark.parametrize(("last", "outcome"), [("MD5", Outcome.OK), ("SHA-256", Outcome.UNAUTHORIZED)])
def test_the_last_of_several_digests_is_used_as_in_ffmpeg(last: str, outcome: Outcome) -> None:
    first = "SHA-256" if last == "MD5" else "MD5"
    offers = [f'Digest realm="r", nonce="n", algorithm={name}' for name in (first, last)]
    with ScriptedCamera(challenge(*offers), DESCRIPTION) as camera:
        assert camera.ask(login=True).outcome is outcome


@pytest.mark.parametrize("refusal", [answer("401 Unauthorized"), challenge("Negotiate")])
def test_an_unknown_challenge(refusal: bytes) -> None:
    with ScriptedCamera(refusal) as camera:
        result = camera.ask(login=True)
    assert (result.outcome, result.status) == (Outcome.UNAUTHORIZED, 401)
    assert "neither Digest nor Basic" in result.reason
    assert len(camera.requests) == 1


# --- counting logins


def test_after_two_refusals_the_password_is_withheld(logins: LoginGuard, clock: FixedClock) -> None:
    with ScriptedCamera(*[challenge('Basic realm="r"')] * 6) as camera:
        first = camera.ask(login=True, logins=logins)
        other = camera.ask(login=True, logins=logins, target="/Streaming/Channels/201")
        assert len(camera.logins) == 1
        clock.advance(OWN)
        second = camera.ask(login=True, logins=logins)
        third = camera.ask(login=True, logins=logins, target="/Streaming/Channels/201")
        assert len(camera.logins) == 2
    found = [first, other, second, third]
    assert [result.outcome for result in found] == [Outcome.UNAUTHORIZED] * 4
    until = NOW + OWN + SILENCE
    assert [result.retry_at for result in found] == [NOW + OWN, NOW + AGAIN, until, until]
    assert "does not try again until 23:14:25" in first.reason
    assert "refused this password: cctv does not send it again until 23:14:20" in other.reason
    assert "does not try again until 23:44:25" in second.reason


def test_times_in_reasons_are_in_the_configured_zone(tmp_path: Path, clock: FixedClock) -> None:
    logins = LoginGuard(*login_files(tmp_path), clock, zone("Asia/Tokyo"))
    with ScriptedCamera(*[challenge('Basic realm="r"')] * 2) as camera:
        result = camera.ask(login=True, logins=logins)
    assert "until 07:14:25" in result.reason


def test_a_withheld_login_is_reported_even_if_the_camera_does_not_ask_for_it(
    logins: LoginGuard, clock: FixedClock
) -> None:
    with ScriptedCamera(*[challenge('Basic realm="r"')] * 2, DESCRIPTION, *OPEN_CAMERA) as camera:
        camera.ask(login=True, logins=logins)
        result = camera.ask(login=True, logins=logins)
        assert (result.outcome, result.retry_at) == (Outcome.UNAUTHORIZED, NOW + OWN)
        assert "does not send it again until 23:14:25" in result.reason
        clock.advance(OWN)
        assert camera.ask(login=True, logins=logins).outcome is Outcome.OK


def test_a_login_that_only_setup_needs_is_tried(logins: LoginGuard) -> None:
    asks = challenge('Basic realm="r"')
    with ScriptedCamera(DESCRIPTION, asks, asks, DESCRIPTION, DESCRIPTION) as camera:
        results = [camera.ask(login=True, logins=logins) for _ in range(3)]
        assert len(camera.logins) == 1
    assert [(each.outcome, each.retry_at) for each in results] == [(Outcome.UNAUTHORIZED, NOW + OWN)] * 3


def test_a_session_that_is_refused_for_another_reason_is_left_to_ffmpeg(logins: LoginGuard) -> None:
    with ScriptedCamera(DESCRIPTION, answer("461 Unsupported Transport")) as camera:
        assert camera.ask(login=True, logins=logins).outcome is Outcome.OK


def test_an_accepted_password_resets_the_count(logins: LoginGuard, clock: FixedClock) -> None:
    asks = challenge('Basic realm="r"')
    outcomes = []
    with ScriptedCamera(asks, asks, asks, DESCRIPTION, asks, asks, asks, asks) as camera:
        for _ in range(4):
            outcomes.append(camera.ask(login=True, logins=logins).outcome)
            clock.advance(OWN)
        assert len(camera.logins) == 4
    assert outcomes == [Outcome.UNAUTHORIZED, Outcome.OK, Outcome.UNAUTHORIZED, Outcome.UNAUTHORIZED]


@pytest.mark.parametrize("last", [NOTHING, answer("404 Not Found"), answer("453 Not Enough Bandwidth")])
def test_only_a_401_counts_as_a_refusal(logins: LoginGuard, last: bytes) -> None:
    with ScriptedCamera(challenge('Basic realm="r"'), last) as camera:
        camera.ask(login=True, logins=logins, timeout=10.0 if last else 0.3)
        assert len(camera.logins) == 1
    assert logins.standing(camera.with_login).refused_at is None


@pytest.mark.parametrize(
    "offer", ['Digest realm="r", nonce="n", algorithm=SHA-256', "Negotiate"], ids=["not supported", "unknown"]
)
def test_a_challenge_that_cannot_be_answered_does_not_count_as_a_refusal(logins: LoginGuard, offer: str) -> None:
    with ScriptedCamera(challenge(offer)) as camera:
        assert camera.ask(login=True, logins=logins).retry_at is None
    assert logins.standing(camera.with_login).refused_at is None


def test_a_login_does_not_wait_long_for_another(logins: LoginGuard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cctv_cli.core.rtsp.probe._PATIENCE", 0.1)
    with ScriptedCamera(challenge('Basic realm="r"')) as camera, logins.attempt(camera.with_login, 0.0):
        result = camera.ask(login=True, logins=logins)
        assert camera.logins == []
    assert (result.outcome, result.status, result.retry_at) == (Outcome.SILENT, None, None)
    assert "another login" in result.reason


@pytest.fixture(scope="module")
def nvr(ffmpeg: Ffmpeg, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspCamera]:
    """An NVR of sixteen channels with one login."""
    clip = make_clip(ffmpeg.path, tmp_path_factory.mktemp("clip"), seconds=1, audio=None)
    channels = {f"/Streaming/Channels/{number}01": clip for number in range(2, 17)}
    with RtspCamera(clip, channels=channels, username="admin", password=PASSWORD) as camera:
        yield camera


def sixteen_probes(nvr: RtspCamera, password: str, storage: Path, clock: Clock) -> List[ProbeResult]:
    """The results of sixteen probes at the same time, in a new process."""
    logins = LoginGuard(*login_files(storage), clock)
    start = threading.Barrier(16)

    def ask(number: int) -> ProbeResult:
        path = f"/Streaming/Channels/{number}01"
        source = RtspSource("127.0.0.1", nvr.port, path, "admin", Secret(password))
        start.wait(HANG)
        return probe(source, timeout=HANG, logins=logins)

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(ask, range(1, 17)))


def test_sixteen_channels_and_restarts_use_two_tries_a_minute_apart(
    nvr: RtspCamera, tmp_path: Path, clock: FixedClock
) -> None:
    before = nvr.refused_attempts
    for tries in (1, 1, 2, 2):
        if tries > nvr.refused_attempts - before:
            clock.advance(OWN)
        found = sixteen_probes(nvr, "wrong", tmp_path, clock)
        assert nvr.refused_attempts - before == tries
        assert {result.outcome for result in found} == {Outcome.UNAUTHORIZED}
        waits = {result.retry_at - clock.now() for result in found if result.retry_at is not None}
        assert waits == ({AGAIN, OWN} if tries == 1 else {SILENCE})


def test_sixteen_channels_with_the_right_password_all_succeed(nvr: RtspCamera, tmp_path: Path) -> None:
    found = sixteen_probes(nvr, PASSWORD, tmp_path, SystemClock())
    assert [result.outcome for result in found] == [Outcome.OK] * 16


# --- a session that is set up and torn down


def described(control: str, *headers: str) -> bytes:
    return answer("200 OK", *headers, body=SDP.replace("a=rtpmap:96", f"{control}a=rtpmap:96"))


def test_a_session_is_set_up_and_torn_down_with_the_login(logins: LoginGuard) -> None:
    def check(request: str) -> bytes:
        sent = digest_fields(request)
        method, uri, _ = request.split(" ", 2)
        expected = md5(md5("admin", "r", PASSWORD), "n", sent["nc"], sent["cnonce"], "auth", md5(method, uri))
        assert (sent["uri"], sent["response"]) == (uri, expected)
        counts.append(sent["nc"])
        replies = {"DESCRIBE": described("a=control:trackID=1\n"), "SETUP": SETUP_OK}
        return replies.get(method, answer("200 OK"))

    counts: List[str] = []
    with ScriptedCamera(challenge('Digest realm="r", nonce="n", qop="auth"'), check, check, check, check) as camera:
        result = camera.ask(login=True, logins=logins, setup=True)
    assert result.outcome is Outcome.OK
    _, _, setup, audio_setup, teardown = camera.requests
    assert header(setup, "Transport") == "RTP/AVP/TCP;unicast;interleaved=0-1"
    assert header(audio_setup, "Transport") == "RTP/AVP/TCP;unicast;interleaved=2-3"
    assert teardown.startswith("TEARDOWN ")
    assert [header(each, "Session") for each in (audio_setup, teardown)] == ["4711", "4711"]
    assert counts == ["00000001", "00000002", "00000003", "00000004"]


@pytest.mark.parametrize(
    ("control", "base", "url"),
    [
        ("a=control:trackID=1\n", "rtsp://10.0.0.7/Streaming/", "rtsp://10.0.0.7/Streaming/trackID=1"),
        ("a=control:trackID=1\n", None, f"rtsp://{{at}}{TARGET}/trackID=1"),
        ("a=control:rtsp://10.0.0.7/1/trackID=1\n", None, "rtsp://10.0.0.7/1/trackID=1"),
        ("a=control:*\n", "rtsp://10.0.0.7/1", "rtsp://10.0.0.7/1"),
        ("", None, f"rtsp://{{at}}{TARGET}"),
    ],
)
def test_the_video_is_set_up_at_its_own_url(control: str, base: Optional[str], url: str) -> None:
    headers = [] if base is None else [f"Content-Base: {base}"]
    with ScriptedCamera(described(control, *headers), SETUP_OK, SETUP_OK, answer("200 OK")) as camera:
        assert camera.ask(setup=True).outcome is Outcome.OK
    assert camera.requests[1].split(" ")[:2] == ["SETUP", url.format(at=camera.at)]


@pytest.mark.parametrize("last", [NOTHING, answer("454 Session Not Found"), b"$\0\0\4abcd"])
def test_a_failed_teardown_is_ignored(last: bytes) -> None:
    with ScriptedCamera(described(""), SETUP_OK, SETUP_OK, last) as camera:
        assert camera.ask(setup=True, timeout=10.0 if last else 0.5).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("status", "outcome", "cure"),
    [
        (453, Outcome.BUSY, "close other viewers"),
        (500, Outcome.BUSY, "close other viewers"),
        (404, Outcome.NOT_FOUND, "check the path"),
        (461, Outcome.FAILED, "switch on RTP over RTSP (TCP, interleaved)"),
        (551, Outcome.FAILED, "update the camera's firmware"),
        (403, Outcome.FAILED, "live view permission"),
        (400, Outcome.FAILED, "check the path"),
        (418, Outcome.FAILED, "check the RTSP URL"),
    ],
)
def test_a_camera_that_refuses_a_session(status: int, outcome: Outcome, cure: str) -> None:
    with ScriptedCamera(described(""), answer(f"{status} No")) as camera:
        result = camera.ask(setup=True)
    assert (result.outcome, result.status, result.video) == (outcome, status, None)
    assert f"({status} to SETUP of its video)" in result.reason
    assert cure in result.reason


@pytest.mark.parametrize(("reply", "shown"), [(answer("404 Not Found"), "404"), (NOTHING, "no answer")])
def test_refused_audio_is_reported_and_does_not_affect_the_video(reply: bytes, shown: str) -> None:
    with ScriptedCamera(described(""), SETUP_OK, reply, answer("200 OK")) as camera:
        result = camera.ask(setup=True, play=True, timeout=10.0 if reply else 0.5)
    assert (result.outcome, result.video) == (Outcome.OK, VideoStream("h264", 2560, 1440))
    assert result.audio is not None
    assert f"refuses to send its audio ({shown} to SETUP" in result.audio.fault


def test_no_session_is_left_behind(nvr: RtspCamera, logins: LoginGuard) -> None:
    source = RtspSource("127.0.0.1", nvr.port, nvr.path, "admin", Secret(PASSWORD))
    result = probe(source, logins=logins, setup=True)
    assert result.outcome is Outcome.OK
    assert result.video == VideoStream("h264", 320, 240)
    methods = ["OPTIONS", "DESCRIBE", "DESCRIBE", "SETUP", "TEARDOWN"]
    assert nvr.connections[-1].methods == methods
    assert nvr.sessions == 0


@pytest.mark.parametrize("video", ["h264", "hevc"])
def test_the_size_is_that_of_the_parameter_sets(ffmpeg: Ffmpeg, tmp_path: Path, video: str) -> None:
    clip = make_clip(ffmpeg.path, tmp_path, video=video, seconds=1, audio=None, size="426x242")
    with RtspCamera(clip) as camera:
        result = probe(RtspSource("127.0.0.1", camera.port, camera.path))
    assert result.video == VideoStream(video, 426, 242)


@pytest.mark.parametrize("video", ["h264", "hevc"])
def test_the_size_of_the_first_picture_outweighs_the_announced_one(ffmpeg: Ffmpeg, tmp_path: Path, video: str) -> None:
    for size in ("1280x720", "640x480"):
        (tmp_path / size).mkdir()
    clip, other = (
        make_clip(ffmpeg.path, tmp_path / size, video=video, seconds=1, size=size, bit_rate="12000k")
        for size in ("1280x720", "640x480")
    )
    with RtspCamera(replace(clip, parameter_sets=other.parameter_sets)) as camera:
        source = RtspSource("127.0.0.1", camera.port, camera.path)
        played = probe(source, setup=True, play=True)
        assert (camera.sessions, camera.connections[-1].methods[-1]) == (0, "TEARDOWN")
        announced = probe(source, setup=True)
    assert played.video == VideoStream(video, 1280, 720)
    assert f" sends {video} video of 1280x720 and " in played.reason
    assert announced.video == VideoStream(video, 640, 480)
    assert f" announces {video} video of 640x480 and " in announced.reason


def test_a_camera_whose_first_picture_is_late_only_announces_its_size(nvr: RtspCamera) -> None:
    source = RtspSource("127.0.0.1", nvr.port, nvr.path, "admin", Secret(PASSWORD))
    nvr.withhold_keys(True)
    try:
        result = probe(source, timeout=2.0, setup=True, play=True)
    finally:
        nvr.withhold_keys(False)
    assert (result.outcome, result.video) == (Outcome.OK, VideoStream("h264", 320, 240))
    assert " announces h264 video of 320x240" in result.reason


@pytest.mark.parametrize(
    ("reply", "outcome", "reason"),
    [
        (answer("454 Session Not Found"), Outcome.FAILED, "ended the session before it sent anything (454)"),
        (answer("453 Not Enough Bandwidth"), Outcome.BUSY, "close other viewers"),
        (answer("200 OK"), Outcome.SILENT, "closes the connection"),
    ],
)
def test_a_session_that_does_not_play_is_reported(reply: bytes, outcome: Outcome, reason: str) -> None:
    with ScriptedCamera(described(""), SETUP_OK, SETUP_OK, reply, closes=True) as camera:
        result = camera.ask(setup=True, play=True)
    assert (result.outcome, result.video) == (outcome, None)
    assert reason in result.reason


# --- OPTIONS


@pytest.mark.parametrize("status", [404, 405, 501, 551])
def test_a_camera_that_does_not_support_options_is_reported(status: int) -> None:
    with ScriptedCamera(*OPEN_CAMERA, options=answer(f"{status} No")) as camera:
        result = camera.ask(login=True)
    assert (result.outcome, result.status) == (Outcome.FAILED, status)
    assert f"refuses OPTIONS ({status}), which FFmpeg begins with" in result.reason


@pytest.mark.parametrize("status", ["200 OK", "401 Unauthorized"])
def test_options_is_sent_first_as_by_ffmpeg(status: str) -> None:
    with ScriptedCamera(*OPEN_CAMERA, options=answer(status)) as camera:
        assert camera.ask(login=True).outcome is Outcome.OK
    assert [greeting.splitlines()[0] for greeting in camera.greetings] == [
        f"OPTIONS rtsp://{camera.at}{TARGET} RTSP/1.0"
    ]


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [(b"HTTP/1.1 400 Bad Request\r\n\r\n", Outcome.NOT_RTSP), (b"RTSP/1.0 200" + b"x" * 70_000, Outcome.OVERSIZED)],
    ids=["not RTSP", "oversized"],
)
def test_an_invalid_answer_to_options(reply: bytes, outcome: Outcome) -> None:
    with ScriptedCamera(options=reply) as camera:
        assert camera.ask(login=True).outcome is outcome
    assert camera.requests == []


# --- other statuses


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("404 Not Found", Outcome.NOT_FOUND),
        ("453 Not Enough Bandwidth", Outcome.BUSY),
        ("500 Internal Server Error", Outcome.BUSY),
        ("503 Service Unavailable", Outcome.BUSY),
        ("403 Forbidden", Outcome.FAILED),
        ("551 Option not supported", Outcome.FAILED),
    ],
)
@pytest.mark.parametrize("after_login", [False, True])
def test_statuses(status: str, outcome: Outcome, after_login: bool) -> None:
    before = [challenge('Basic realm="r"')] if after_login else []
    with ScriptedCamera(*before, answer(status)) as camera:
        result = camera.ask(login=True)
    assert (result.outcome, result.status, result.video) == (outcome, int(status[:3]), None)
    assert status[:3] in result.reason


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("rtsp://192.0.2.7:8554/live?token=t0p", "192.0.2.7:8554"),
        ("rtsps://[2001:db8::1]", "[2001:db8::1]"),
        (f"rtsp://admin:{PASSWORD}@192.0.2.7/live", "another address"),
        ("rtsp://admin:12/34@192.0.2.7/live", "another address"),
        ("rtsp://192.0.2.7\x1b[2J/", "another address"),
        ("", "another address"),
    ],
)
def test_a_redirection_names_the_new_host_and_nothing_else(location: str, named: str) -> None:
    with ScriptedCamera(answer("302 Moved", f"Location: {location}")) as camera:
        result = camera.ask()
    assert (result.outcome, result.status) == (Outcome.REDIRECTED, 302)
    assert f"redirects to {named} (302)" in result.reason
    assert "t0p" not in result.reason


# --- no valid answer


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-dropbear\r\n",
        b"RTSP/1.0 fine\r\n\r\n",
        answer("200 OK", "Content-Length: many"),
        answer("200 OK", "Content-Length: -1"),
    ],
)
def test_not_rtsp(reply: bytes) -> None:
    with ScriptedCamera(reply, NOTHING) as camera:
        result = camera.ask()
    assert (result.outcome, result.status) == (Outcome.NOT_RTSP, None)


@pytest.mark.parametrize(
    "reply",
    [
        answer("200 OK", "Content-Length: 65536"),
        b"RTSP/1.0 200 OK\r\nX-Filler: " + b"x" * 70_000,
    ],
    ids=["body", "headers"],
)
def test_oversized(reply: bytes) -> None:
    with ScriptedCamera(reply) as camera:
        assert camera.ask().outcome is Outcome.OVERSIZED


@pytest.mark.parametrize(
    "reply",
    [NOTHING, DESCRIPTION[:20], DESCRIPTION[:-1], Trickle(DESCRIPTION)],
    ids=["nothing", "part of the headers", "part of the body", "byte by byte"],
)
def test_an_answer_that_does_not_end_in_time(reply: bytes) -> None:
    with ScriptedCamera(reply) as camera:
        result = camera.ask(timeout=0.3)
    assert (result.outcome, result.status, result.video) == (Outcome.SILENT, None, None)
    assert "in time" in result.reason


def test_the_last_answer_has_a_time_limit_too() -> None:
    with ScriptedCamera(challenge('Basic realm="r"'), NOTHING) as camera:
        assert camera.ask(login=True, timeout=0.3).outcome is Outcome.SILENT


def test_a_camera_behind_a_slow_line_has_time_for_each_answer() -> None:
    slow = [Late(challenge('Basic realm="r"')), Late(DESCRIPTION)]
    with ScriptedCamera(*slow, options=Late(answer("200 OK"))) as camera:
        assert camera.ask(login=True, timeout=2.0).outcome is Outcome.OK


class Times:
    """The monotonic clock, which a test can advance."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead, self._true = 0.0, time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: self._true() + self._ahead)

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


def test_no_login_is_sent_if_its_answer_may_come_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    times = Times(monkeypatch)

    def late(request: str) -> bytes:
        times.advance(25.0)
        return challenge('Basic realm="r"')

    with ScriptedCamera(late, DESCRIPTION) as camera:
        assert camera.ask(login=True, timeout=10.0).outcome is Outcome.SILENT
    assert camera.logins == []


def test_waiting_for_a_turn_takes_no_time_from_the_answers(
    tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = Times(monkeypatch)

    class Crowded(LoginGuard):
        @contextlib.contextmanager
        def attempt(self, source: RtspSource, patience: float) -> Iterator[None]:
            times.advance(100.0)
            with super().attempt(source, patience):
                yield

    logins = Crowded(*login_files(tmp_path), clock)
    with ScriptedCamera(challenge('Basic realm="r"'), DESCRIPTION) as camera:
        assert camera.ask(login=True, logins=logins).outcome is Outcome.OK


@pytest.mark.parametrize("login_first", [False, True])
def test_a_camera_that_hangs_up(login_first: bool) -> None:
    before = [challenge('Basic realm="r"')] if login_first else []
    with ScriptedCamera(*before) as camera:
        result = camera.ask(login=True)
    assert (result.outcome, result.status) == (Outcome.SILENT, None)
    assert "closes the connection" in result.reason


# --- no connection


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of 127.0.0.1 that refuses connections; it is bound, so that no other program can listen there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize("tls", [False, True])
def test_refused(closed_port: int, tls: bool) -> None:
    result = probe(RtspSource("127.0.0.1", closed_port, TARGET, tls=tls))
    assert (result.outcome, result.status) == (Outcome.REFUSED, None)
    assert f"127.0.0.1:{closed_port} refuses" in result.reason


@pytest.mark.parametrize("host", ["cam..era", "255.255.255.255"], ids=["no such name", "no route"])
def test_unreachable(host: str) -> None:
    result = probe(RtspSource(host, 554, TARGET, "admin", Secret(PASSWORD)))
    assert (result.outcome, result.status) == (Outcome.UNREACHABLE, None)
    assert f"{host}:554 cannot be reached" in result.reason


def resolve_to(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Resolve every host name to these ports of 127.0.0.1, in this order."""
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in ports]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: list(addresses))


def test_the_next_address_of_a_host_is_tried(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedCamera(DESCRIPTION) as camera:
        resolve_to(monkeypatch, closed_port, camera.source.port)
        assert camera.ask().outcome is Outcome.OK


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port of 127.0.0.1 that neither accepts nor refuses."""
    if sys.platform != "linux":
        pytest.skip("only Linux drops connections beyond a full backlog")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        with socket.create_connection(listener.getsockname()):  # fills the backlog
            yield listener.getsockname()[1]


def test_a_port_that_drops_everything_is_unreachable(black_hole: int) -> None:
    result = probe(RtspSource("127.0.0.1", black_hole, TARGET), timeout=0.3)
    assert result.outcome is Outcome.UNREACHABLE


def test_an_address_that_drops_everything_leaves_time_for_the_next(
    black_hole: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedCamera(DESCRIPTION) as camera:
        resolve_to(monkeypatch, black_hole, camera.source.port)
        assert camera.ask(timeout=2.0).outcome is Outcome.OK


# --- TLS


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A TLS server context with a self-signed certificate for another name, like that of a camera."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl command to make a certificate with")
    folder: Path = tmp_path_factory.mktemp("tls")
    key, certificate = str(folder / "key.pem"), str(folder / "certificate.pem")
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=ipcamera",
    ]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=HANG)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def test_rtsps_with_a_self_signed_certificate(self_signed: ssl.SSLContext) -> None:
    with ScriptedCamera(challenge('Basic realm="r"'), DESCRIPTION, tls=self_signed) as camera:
        assert camera.ask(login=True).outcome is Outcome.OK
    assert camera.requests[0].startswith(f"DESCRIBE rtsps://{camera.at}/")


def test_rtsps_on_a_port_for_plain_rtsp() -> None:
    class PlainCamera(ScriptedCamera):
        def _answer_requests(self, connection: socket.socket) -> None:
            connection.recv(4096)
            connection.sendall(answer("400 Bad Request"))
            connection.recv(4096)

    with PlainCamera() as camera:
        result = camera.ask(tls=True)
    assert result.outcome is Outcome.NOT_RTSP
    assert "TLS" in result.reason


def test_rtsps_on_a_port_that_does_not_answer() -> None:
    with ScriptedCamera() as camera:
        assert camera.ask(tls=True, timeout=0.3).outcome is Outcome.SILENT
    assert camera.requests == []
