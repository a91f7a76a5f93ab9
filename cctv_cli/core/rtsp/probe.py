"""Query a camera over RTSP: what it sends, or why it does not answer.

OPTIONS and DESCRIBE without credentials; when the camera challenges the latter, one more with them,
and when it does not, SETUP, which it may challenge.
The password is sent only when the LoginGuard grants it, and again only when the camera calls the
nonce stale, since cameras lock out an address after a few wrong ones. Everything is bounded: each
answer in time and in size, and the whole conversation by one deadline and the number of requests.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import Iterator, Optional, Tuple

from cctv_cli.core.clock import local_time
from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.ffmpeg import refusals
from cctv_cli.core.rtsp.connection import Connection, open_socket
from cctv_cli.core.rtsp.digest import Login, is_stale, login_for
from cctv_cli.core.rtsp.login_guard import LoginGuard, Withheld
from cctv_cli.core.rtsp.result import Outcome, ProbeResult, Problem
from cctv_cli.core.rtsp.sdp import AudioStream, VideoStream, audio_control, parse_sdp, video_control
from cctv_cli.core.rtsp.wire import Answer

_ANSWERS = 3  # so many times what one answer may take, the whole conversation may
_PATIENCE = 10.0  # seconds that the logins of one conversation wait for their turns, at the most

_WHOLE_URL = re.compile(r"rtsps?://", re.IGNORECASE)
_LOCATION = re.compile(r"rtsps?://([\w.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?(?:/|$)", re.ASCII | re.IGNORECASE)


def probe(
    source: RtspSource,
    *,
    timeout: float = 5.0,
    logins: Optional[LoginGuard] = None,
    setup: Optional[bool] = None,
    audio: bool = True,
) -> ProbeResult:
    """Ask the camera for its description.

    Each answer may take `timeout` seconds, all together three times that: a camera behind a slow line
    takes two for each. Waiting for the turn of a login comes on top, up to ten seconds.

    `logins` decides whether the password may be sent, and records the camera's response to it. With `setup`
    a session for the video and, with `audio`, for the audio is set up and torn down again: only that shows that a
    camera is busy, or refuses to send its audio. With None this is done when there is a login that DESCRIBE did not
    need, since FFmpeg may need it for SETUP, and then for the video alone.

    Never raises for anything that a camera or a network does. (The name lookup alone is the
    system's, and has the system's limit: it cannot be interrupted without a thread.)
    """
    deadline = time.monotonic() + _ANSWERS * timeout
    at = f"[{source.host}]:{source.port}" if ":" in source.host else f"{source.host}:{source.port}"
    uri = f"{'rtsps' if source.tls else 'rtsp'}://{at}{source.target}"
    try:
        with open_socket(source, timeout) as sock:
            conversation = _Conversation(Connection(sock, timeout, deadline), source, logins)
            return _examine(conversation, uri, at, setup=setup, with_audio=audio)
    except Problem as problem:
        return ProbeResult(problem.outcome, f"{at} {problem.text}.", problem.status, retry_at=problem.retry_at)


def _examine(conversation: _Conversation, uri: str, at: str, *, setup: Optional[bool], with_audio: bool) -> ProbeResult:
    """What the camera has. Raises Problem."""
    options = conversation.greet(uri)
    answer = conversation.ask("DESCRIBE", uri, "Accept: application/sdp")
    if answer.status != 200:
        raise _refusal(answer, "DESCRIBE")
    description = answer.body.decode("utf-8", "replace")
    video, audio = parse_sdp(description)
    if video is None:
        text = "describes no video: check the path of the RTSP URL and the camera's video settings"
        return ProbeResult(Outcome.NO_VIDEO, f"{at} {text}.", 200, None, audio)
    conversation.require_permission()
    if conversation.login_is_open if setup is None else setup:
        base = answer.first("content-base") or uri
        answer = _set_up(conversation, base, video_control(description), "0-1")
        if setup and answer.status != 200:
            raise _refusal(answer, "SETUP", "video")
        if setup and with_audio and audio is not None and not audio.fault:
            audio = _set_up_audio(conversation, base, audio, audio_control(description, audio), answer)
        if answer.status == 200:
            _tear_down(conversation, base, answer)
    if options.status not in (200, 401):  # FFmpeg does not continue after this
        raise _refusal(options, "OPTIONS")
    return ProbeResult(Outcome.OK, f"{at} sends {_in_words(video, audio)}.", 200, video, audio)


def _set_up(conversation: _Conversation, base: str, control: Optional[str], channels: str, *headers: str) -> Answer:
    """Set up one stream; the camera's answer. Raises Problem."""
    transport = f"Transport: RTP/AVP/TCP;unicast;interleaved={channels}"
    return conversation.ask("SETUP", _absolute(base, control), transport, *headers)


def _set_up_audio(
    conversation: _Conversation, base: str, audio: AudioStream, control: Optional[str], video: Answer
) -> AudioStream:
    """Set up the audio in the session of the video's answer; the audio, with its fault if the camera refuses it."""
    try:
        status: Optional[int] = _set_up(conversation, base, control, "2-3", _session(video)).status
    except Problem as problem:
        status = problem.status
    return audio if status == 200 else replace(audio, fault=refusals.refused_audio(status))


def _tear_down(conversation: _Conversation, base: str, answer: Answer) -> None:
    """End the session of this answer to SETUP."""
    try:
        conversation.ask("TEARDOWN", base, _session(answer))
    except Problem:
        pass  # the camera ends the session with the connection


def _session(answer: Answer) -> str:
    return f"Session: {answer.first('session').partition(';')[0]}"


def _absolute(base: str, control: Optional[str]) -> str:
    """The URL of a stream, put together as FFmpeg does: base and control may have queries of their own."""
    if control is None or control == "*":
        return base
    return control if _WHOLE_URL.match(control) else f"{base.rstrip('/')}/{control}"


class _Conversation:
    """Requests to one camera and its answers; credentials only go out once it has asked for them."""

    def __init__(self, connection: Connection, source: RtspSource, logins: Optional[LoginGuard]) -> None:
        self._connection = connection
        self._source = source
        self._logins = logins
        self._patience = _PATIENCE
        self._login: Optional[Login] = None

    @property
    def login_is_open(self) -> bool:
        """Whether there is a login that the camera has not asked for yet."""
        return self._login is None and self._source.username is not None

    def require_permission(self) -> None:
        """Raises Problem while the login must not be sent: FFmpeg may be asked for it even if the probe was not."""
        until = None if self._logins is None else self._logins.standing(self._source).silent_until
        if until is not None:
            raise self._withheld(until)

    def greet(self, uri: str) -> Answer:
        """Ask for OPTIONS, as FFmpeg does; the answer says nothing about the stream."""
        return self._connection.request("OPTIONS", uri)

    def ask(self, method: str, uri: str, *headers: str) -> Answer:
        """The answer to a request. Raises Problem for a refused login, or none that is complete and proper."""
        answer = self._send(method, uri, headers)
        if answer.status == 401 and self._login is None:
            self._login = login_for(answer, self._source)
            answer = self._send(method, uri, headers)
        if answer.status == 401:
            raise self._refused()
        return answer

    def _send(self, method: str, uri: str, headers: Tuple[str, ...]) -> Answer:
        if self._login is None:
            return self._connection.request(method, uri, *headers)
        with self._turn():
            answer, sent = self._send_login(self._login, method, uri, headers), 1
            if answer.status == 401 and is_stale(answer):
                # the password was right, the nonce too old (RFC 7616 § 3.3); once, since some cameras always say so
                self._login = login_for(answer, self._source)
                answer, sent = self._send_login(self._login, method, uri, headers), 2
            self._report(answer.status, sent)
        return answer

    def _send_login(self, login: Login, method: str, uri: str, headers: Tuple[str, ...]) -> Answer:
        self._connection.require_time()
        return self._connection.request(method, uri, *headers, f"Authorization: {login.header(method, uri)}")

    def _report(self, status: int, sent: int) -> None:
        """Let the guard know the result of a login that was sent `sent` times."""
        if self._logins is None:
            return
        if status == 200:
            self._logins.accepted(self._source)
        elif status == 401:
            for _ in range(sent):
                self._logins.refused(self._source)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Around one request with the login. Raises Problem when it must not be sent."""
        if self._logins is None:
            yield
            return
        began = time.monotonic()
        try:
            with self._logins.attempt(self._source, self._patience):
                waited = time.monotonic() - began
                self._patience -= waited
                self._connection.extend(waited)
                yield
        except Withheld as withheld:
            if withheld.until is None:
                text = "has not answered another login of this user yet: this login waits for that answer"
                raise Problem(Outcome.SILENT, text) from None
            raise self._withheld(withheld.until) from None

    def _withheld(self, until: float) -> Problem:
        text = (
            f"refused this password before: cctv does not send it again until {self._shown(until)}; "
            "correct it, or restart the camera in cctv to try at once"
        )
        return Problem(Outcome.UNAUTHORIZED, text, 401, until)

    def _refused(self) -> Problem:
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
        return Problem(Outcome.UNAUTHORIZED, text, 401, until)

    def _shown(self, instant: float) -> str:
        assert self._logins is not None
        return local_time(instant, self._logins.tz).strftime("%H:%M:%S")


_OUTCOMES = {refusals.NOT_FOUND: Outcome.NOT_FOUND, refusals.BUSY: Outcome.BUSY}


def _refusal(answer: Answer, method: str, track: str = "") -> Problem:
    """What a status other than 200 and 401 means."""
    status = answer.status
    if 300 <= status < 400:
        text = f"redirects to {_new_address(answer)} ({status}): set the new address in the RTSP URL"
        return Problem(Outcome.REDIRECTED, text, status)
    found = refusals.refusal(status, method, track)
    return Problem(_OUTCOMES.get(found.cause, Outcome.FAILED), found.text, status)


def _new_address(answer: Answer) -> str:
    """Host and port of a redirection; the rest may hold a password or anything else."""
    location = answer.first("location")
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
