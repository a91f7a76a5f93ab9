"""Queries a camera over RTSP: what it sends, or why it does not answer.

OPTIONS and DESCRIBE are sent without a login. If the camera challenges DESCRIBE, it is repeated with the login;
if not, SETUP follows, which it may challenge. An operator's check plays the session until the first picture comes.
Cameras lock out an address after a few wrong passwords, so the password is sent only if the LoginGuard allows it, and
repeated only if the camera calls the nonce stale. Each answer is bounded in time and size, and the whole conversation
by a deadline and a number of requests.
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
from cctv_cli.core.rtsp.first_picture import FirstPicture
from cctv_cli.core.rtsp.login_guard import LoginGuard, Standing, Withheld
from cctv_cli.core.rtsp.result import Outcome, ProbeResult, Problem
from cctv_cli.core.rtsp.sdp import AudioStream, VideoStream, audio_control, parse_sdp, video_control
from cctv_cli.core.rtsp.wire import Answer

_ANSWERS = 3  # the whole conversation may take this many times as long as one answer
_PATIENCE = 10.0  # seconds that the logins of one conversation may wait for their turns

_CHANNEL = re.compile(r"interleaved=(\d{1,3})\b", re.ASCII)
_WHOLE_URL = re.compile(r"rtsps?://", re.IGNORECASE)


def probe(
    source: RtspSource,
    *,
    timeout: float = 5.0,
    logins: Optional[LoginGuard] = None,
    setup: Optional[bool] = None,
    play: bool = False,
    audio: bool = True,
) -> ProbeResult:
    """Ask the camera for its description.

    Each answer may take `timeout` seconds, and all together three times that. Waiting for the turn of a login may
    add ten seconds.

    `logins` decides whether the password may be sent, and records the camera's response. With `setup`, a session
    for the video and, with `audio`, for the audio is set up and torn down: only this shows that a camera is busy or
    refuses to send its audio. With `play` that session is played until the first picture comes, at most for as long as
    one answer may take: its size is that of the video, whatever the description says. With `setup` None, a session for
    the video alone is set up if there is a login that DESCRIBE did not need, because FFmpeg may need it for SETUP.

    Nothing that a camera or network does raises an exception. Only the name lookup has the time limit of the
    system, because it cannot be interrupted without a thread.
    """
    deadline = time.monotonic() + _ANSWERS * timeout
    at = f"[{source.host}]:{source.port}" if ":" in source.host else f"{source.host}:{source.port}"
    uri = f"{'rtsps' if source.tls else 'rtsp'}://{at}{source.target}"
    try:
        with open_socket(source, timeout) as sock:
            conversation = _Conversation(Connection(sock, timeout, deadline), source, logins)
            return _examine(conversation, uri, at, setup=setup, play=play, with_audio=audio)
    except Problem as problem:
        return ProbeResult(problem.outcome, f"{at} {problem.text}.", problem.status, retry_at=problem.retry_at)


def _examine(
    conversation: _Conversation, uri: str, at: str, *, setup: Optional[bool], play: bool, with_audio: bool
) -> ProbeResult:
    """Find what the camera sends. Raises Problem."""
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
    verb, announced = "announces", audio
    if conversation.login_is_open if setup is None else setup:
        base = answer.first("content-base") or uri
        answer = _set_up(conversation, base, video_control(description), "0-1")
        if setup and answer.status != 200:
            raise _refusal(answer, "SETUP", "video")
        if setup and with_audio and audio is not None and not audio.fault:
            audio = _set_up_audio(conversation, base, audio, audio_control(description, audio), answer)
        # a camera that refused or ignored the audio may not answer to PLAY, and the refusal is what counts
        came = _play(conversation, base, answer, video) if setup and play and audio is announced else None
        if came is not None:
            verb, video = "sends", came
        if answer.status == 200:
            _tear_down(conversation, base, answer)
    if options.status not in (200, 401):  # FFmpeg gives up after any other status
        raise _refusal(options, "OPTIONS")
    return ProbeResult(Outcome.OK, f"{at} {verb} {_in_words(video, audio)}.", 200, video, audio)


def _set_up(conversation: _Conversation, base: str, control: Optional[str], channels: str, *headers: str) -> Answer:
    """Set up one stream and return the camera's answer. Raises Problem."""
    transport = f"Transport: RTP/AVP/TCP;unicast;interleaved={channels}"
    return conversation.ask("SETUP", _absolute(base, control), transport, *headers)


def _set_up_audio(
    conversation: _Conversation, base: str, audio: AudioStream, control: Optional[str], video: Answer
) -> AudioStream:
    """Set up the audio in the session that `video` opened; the audio has a fault if the camera refuses."""
    try:
        status: Optional[int] = _set_up(conversation, base, control, "2-3", _session(video)).status
    except Problem as problem:
        status = problem.status
    return audio if status == 200 else replace(audio, fault=refusals.refused_audio(status))


def _play(conversation: _Conversation, base: str, session: Answer, video: VideoStream) -> Optional[VideoStream]:
    """Play the session that this answer to SETUP opened until the first picture comes; the video has its size.

    None if no picture comes in time. Raises Problem.
    """
    answer = conversation.ask("PLAY", base, _session(session), "Range: npt=0.000-")
    if answer.status != 200:
        raise _refusal(answer, "PLAY")
    channel = _CHANNEL.search(session.first("transport"))
    picture = FirstPicture(video.codec)
    for number, packet in conversation.packets():
        if number == (int(channel.group(1)) if channel else 0):
            picture.take(packet)
        if picture.begun:
            return replace(video, width=picture.size[0], height=picture.size[1]) if picture.size else video
    return None


def _tear_down(conversation: _Conversation, base: str, answer: Answer) -> None:
    """End the session that this answer to SETUP opened."""
    try:
        conversation.ask("TEARDOWN", base, _session(answer))
    except Problem:
        pass  # the camera ends the session with the connection


def _session(answer: Answer) -> str:
    return f"Session: {answer.first('session').partition(';')[0]}"


def _absolute(base: str, control: Optional[str]) -> str:
    """The URL of a stream, joined as FFmpeg does: base and control may each have a query."""
    if control is None or control == "*":
        return base
    return control if _WHOLE_URL.match(control) else f"{base.rstrip('/')}/{control}"


class _Conversation:
    """Requests to one camera and its answers; the login is sent only after the camera asked for one."""

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
        """Raises Problem while the login must not be sent: the camera may still ask FFmpeg for it."""
        standing = Standing() if self._logins is None else self._logins.standing(self._source)
        if standing.silent_until is not None:
            raise self._withheld(standing.silent_until, standing.refusal)

    def greet(self, uri: str) -> Answer:
        """Send OPTIONS, as FFmpeg does; the answer says nothing about the stream."""
        return self._connection.request("OPTIONS", uri)

    def packets(self) -> Iterator[Tuple[int, bytes]]:
        """The media frames of the session that plays, see `Connection.packets`. Raises Problem."""
        return self._connection.packets()

    def ask(self, method: str, uri: str, *headers: str) -> Answer:
        """Send a request, and repeat it with the login if the camera asks for one. Raises Problem."""
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
                # only the nonce was too old (RFC 7616 § 3.3); retry once, because some cameras always answer this
                self._login = login_for(answer, self._source)
                answer, sent = self._send_login(self._login, method, uri, headers), 2
            self._report(answer.status, sent)
        return answer

    def _send_login(self, login: Login, method: str, uri: str, headers: Tuple[str, ...]) -> Answer:
        self._connection.require_time()
        return self._connection.request(method, uri, *headers, f"Authorization: {login.header(method, uri)}")

    def _report(self, status: int, sent: int) -> None:
        """Report to the guard the result of a login that was sent `sent` times."""
        if self._logins is None:
            return
        if status == 200:
            self._logins.accepted(self._source)
        elif status == 401:
            for _ in range(sent):
                self._logins.refused(self._source)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wrap one request with the login. Raises Problem if it must not be sent."""
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
                text = "has not answered another login of this user yet: check its network, or restart it"
                raise Problem(Outcome.SILENT, text) from None
            raise self._withheld(withheld.until, withheld.refusal) from None

    def _withheld(self, until: float, refusal: str) -> Problem:
        text = (
            f"{refusal}: cctv does not send it again until {self._shown(until)}; "
            "correct it, or restart the camera in cctv to try at once"
        )
        return Problem(Outcome.UNAUTHORIZED, text, 401, until)

    def _refused(self) -> Problem:
        until = None if self._logins is None else self._logins.standing(self._source).silent_until
        if until is None:
            text = (
                "refuses the username or password: correct them before the next try, "
                "because cameras lock out an address after a few wrong ones"
            )
        else:
            text = (
                f"refuses the username or password: cctv does not try again until {self._shown(until)}, "
                "because cameras lock out an address after a few wrong ones; correct them, "
                "or restart the camera in cctv to try at once"
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
        return Problem(Outcome.REDIRECTED, refusals.redirection(status, answer.first("location")).text, status)
    found = refusals.refusal(status, method, track)
    return Problem(_OUTCOMES.get(found.cause, Outcome.FAILED), found.text, status)


def _in_words(video: VideoStream, audio: Optional[AudioStream]) -> str:
    picture = f"{video.codec} video"
    if video.width is not None:
        picture += f" of {video.width}x{video.height}"
    if audio is None:
        return f"{picture} and no audio"
    return f"{picture} and {audio.codec} audio" + (f" at {audio.rate} Hz" if audio.rate else "")
