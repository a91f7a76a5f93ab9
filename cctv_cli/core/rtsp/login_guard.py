"""Refused logins: limits how often a password is tried, so that cameras do not lock the account.

Cameras lock a user or an address after a few wrong passwords (Hikvision after 5 to 7, for half an hour),
and every channel of an NVR counts. So tries are counted for each host and user, over all cameras and
processes, in one file that outlives them. A login is written down before it is sent, hence a crash before
its answer counts as a refusal: no loop of crashes spends more.

The file distinguishes passwords by a salted hash (PBKDF2, RFC 8018), and its folder is readable by its
owner only.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import logging
import math
import secrets
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Iterator, Mapping, Optional, Sequence, Tuple

from pydantic import OnErrorOmit, constr

from cctv_cli.core import files, locks, records
from cctv_cli.core.clock import DAY, Clock
from cctv_cli.core.config.settings import RtspSource, hide_password
from cctv_cli.core.records import Flag, Instant, NewerFormat, Text
from cctv_cli.core.units import Secret

log = logging.getLogger("cctv.logins")

REFUSALS = 2  # of one host and user, after which a password that was among them is not tried
AGAIN = 60.0  # seconds from the first refusal to the next try, of any channel: cameras that boot refuse good passwords
# Seconds by which a channel that was refused lets the others go first: one that this user may not see tells nothing
# about the password, and must not spend both tries.
OTHERS_FIRST = 5.0
SILENCE = 1800.0  # seconds from the latest refusal on: as long as Hikvision locks
REMEMBERED = 30 * DAY  # seconds for which a stream is known that was refused alone
# Seconds after which a login that nobody reported on counts as refused, for its process died: more than two answers
# may take.
UNDER_WAY = 12.0
# Seconds for which an accepted login needs no turn: sixteen channels come back at once. No longer: all of them
# drop together when the password is changed at the camera, and only two may find out.
PROOF = 10.0
ONE_WISH = 10.0  # seconds in which restarts of many channels count as one
_LOOK = 0.2  # seconds between polls at what other processes do
_LOCK_PATIENCE = 10.0  # seconds; whoever holds the lock reads and writes one small file, on a busy machine slowly
_MOST = 32  # tries remembered of one host and user
_ROUNDS = 100_000
FORMAT = 1  # of refused.json

if TYPE_CHECKING:
    Salt = str
    Digest = str
else:
    Salt = constr(strict=True, pattern=r"^[0-9a-f]{32}$")
    Digest = constr(strict=True, pattern=r"^[0-9a-f]{0,64}$")


@dataclass(frozen=True)
class Try:
    """A login that a camera refused at the instant `at`, or has not answered yet.

    `digest` is the salted hash of the password, empty where nobody lived to report the refusal;
    `under_way` names a login that waits for its answer. `by_ffmpeg` says that it was FFmpeg's, which
    asks for more than a probe does. `target` is the stream that it was for, without a password; `alone`
    says that the password was accepted for another one afterwards, so that it does not count.
    """

    at: Instant
    digest: Digest = ""
    under_way: Text = ""
    by_ffmpeg: Flag = False
    target: Text = ""
    alone: Flag = False


@dataclass(frozen=True)
class History:
    """The latest tries of one host and user, oldest first."""

    salt: Salt
    tries: Tuple[Try, ...] = ()


@dataclass(frozen=True)
class _Kept:
    """`refused.json` without its version: the history of each host and user."""

    histories: Mapping[str, OnErrorOmit[History]]


@dataclass(frozen=True)
class Standing:
    """What holds for a login now; instants are seconds since 1970 UTC.

    `refused_at` is when this very password was refused last, `silent_until` when it may be tried
    again (None: now), `waits` whether another login to that host and user has no answer yet.
    """

    refused_at: Optional[float] = None
    silent_until: Optional[float] = None
    waits: bool = False


class Withheld(Exception):
    """The login must not be sent before the instant `until`, or now if None: another one has no answer yet."""

    def __init__(self, until: Optional[float]) -> None:
        super().__init__("the login is withheld")
        self.until = until


# --- the decision: pure


def judge(history: History, digest: str, target: str, now: float) -> Standing:
    """What the tries of a host and user mean for the password with this salted hash, sent for a stream."""
    tries = current(history, now).tries
    refused = [each for each in tries if not each.under_way and not each.alone]
    same = [each for each in refused if not each.digest or hmac.compare_digest(each.digest, digest)]
    alone = any(each.alone and each.target == target and hmac.compare_digest(each.digest, digest) for each in tries)
    silent_until = refused[-1].at + _silence(refused, target, alone=alone) if same else now
    return Standing(
        refused_at=same[-1].at if same else None,
        silent_until=silent_until if silent_until > now else None,
        waits=any(each.under_way for each in tries),
    )


def _silence(refused: Sequence[Try], target: str, *, alone: bool) -> float:
    """Seconds after the latest refusal; a stream that was refused `alone` leaves the second try to the others."""
    if len(refused) >= (1 if alone else REFUSALS):
        return SILENCE
    return AGAIN + OTHERS_FIRST if refused[-1].target == target else AGAIN


def current(history: History, now: float) -> History:
    """The history without what is over; what a clock that was wrong dated into the future happened now."""
    tries = [replace(each, at=min(each.at, now)) for each in history.tries]
    counts = any(not each.alone and each.at + SILENCE > now for each in tries)
    lasting = [each for each in tries if (each.at + REMEMBERED > now if each.alone else counts)]
    answered = (replace(each, under_way="") if each.at + UNDER_WAY <= now else each for each in lasting)
    return replace(history, tries=tuple(answered))


def with_try(history: History, one: Try) -> History:
    """The history with one more try; those that lie longer before it than the silence count no more."""
    recent = [each for each in history.tries if each.at + (REMEMBERED if each.alone else SILENCE) > one.at]
    return replace(history, tries=(*recent[1 - _MOST :], one))


def with_accepted(history: History, digest: str, target: str, *, by_ffmpeg: bool) -> History:
    """The history after a login was accepted: earlier refusals of its password count no more.

    Those of other streams are remembered as theirs alone. What FFmpeg was refused counts until FFmpeg
    is let in, for a camera may show a probe what it refuses to play.
    """
    left = []
    for each in history.tries:
        if each.digest not in ("", digest) or (each.by_ffmpeg and not by_ffmpeg):
            left.append(each)
        elif each.digest and each.target != target:
            left.append(replace(each, alone=True))
    return replace(history, tries=tuple(left))


# --- the store


class LoginGuard:
    """Counts refused logins in `file`, which all processes share under `lock`.

    A file that cannot be read counts as empty; while it cannot be written, this process counts in
    memory. Safe to use from many threads. `tz` is the zone for times that people read.
    """

    def __init__(self, file: Path, lock: Path, clock: Clock, tz: Optional[tzinfo] = None) -> None:
        self.tz = tz
        self._file = file
        self._lock = lock
        self._clock = clock
        self._changed = threading.Condition()  # guards all that follows
        self._unsaved: Optional[Dict[str, History]] = None  # what could not be written
        self._proven: Dict[str, Tuple[Optional[Secret], float]] = {}  # password, and when it was accepted
        self._forgotten: Dict[str, float] = {}  # monotonic

    def standing(self, source: RtspSource) -> Standing:
        """What is known of this login; writes nothing."""
        with self._changed:
            history = self._read().get(_key(source))
        return Standing() if history is None else self._judge(history, source)

    @contextmanager
    def attempt(self, source: RtspSource, patience: float) -> Iterator[None]:
        """Around the one request that carries the login; call `refused` or `accepted` inside, if it was.

        Logins to one host and user go one at a time, so that the third knows of two refusals, but for
        those that follow an accepted one of the same password within PROOF. Waits for its turn at
        most `patience` seconds. Raises Withheld.
        """
        ticket = self._take_turn(source, patience)
        try:
            yield
        finally:
            if ticket is not None:
                self._end_turn(source, ticket)

    def refused(self, source: RtspSource, *, by_ffmpeg: bool = False) -> None:
        """The camera refused this login: a probe's, or an FFmpeg's."""
        if source.username is None:
            return  # nothing was sent
        key = _key(source)
        with self._histories() as histories:
            history = histories.get(key) or _new_history()
            digest = _digest(source.password, history.salt)
            one = Try(self._clock.now(), digest, by_ffmpeg=by_ffmpeg, target=_target(source))
            histories[key] = with_try(history, one)
            self._proven.pop(key, None)

    def accepted(self, source: RtspSource, *, by_ffmpeg: bool = False) -> None:
        """The camera accepted this login: a probe's, or an FFmpeg's."""
        key = _key(source)
        with self._histories() as histories:
            self._proven[key] = (source.password, self._clock.monotonic())
            history = histories.get(key)
            if history is not None:
                digest = _digest(source.password, history.salt)
                histories[key] = with_accepted(history, digest, _target(source), by_ffmpeg=by_ffmpeg)

    def forget(self, source: RtspSource) -> None:
        """An operator wants this host and user tried again.

        Once for all channels of an NVR: a wish that follows another within ONE_WISH adds no tries.
        """
        key, monotonic = _key(source), self._clock.monotonic()
        with self._histories() as histories:
            if monotonic - self._forgotten.get(key, -math.inf) >= ONE_WISH:
                self._forgotten[key] = monotonic
                histories.pop(key, None)
                self._proven.pop(key, None)

    def _take_turn(self, source: RtspSource, patience: float) -> Optional[str]:
        """The ticket of a login that may go out now; None for one that needs none. Raises Withheld."""
        end = time.monotonic() + patience
        while True:
            ticket, standing = self._ask_for_turn(source)
            if standing.silent_until is not None:
                raise Withheld(standing.silent_until)
            if ticket is not None or not standing.waits:
                return ticket
            left = end - time.monotonic()
            if left <= 0:
                raise Withheld(None)
            with self._changed:
                self._changed.wait(min(left, _LOOK))

    def _ask_for_turn(self, source: RtspSource) -> Tuple[Optional[str], Standing]:
        key = _key(source)
        with self._histories() as histories:
            history = histories.get(key) or _new_history()
            standing = self._judge(history, source)
            if standing.silent_until is None and self._is_proven(source):
                return None, replace(standing, waits=False)
            if standing.silent_until is not None or standing.waits:
                return None, standing
            ticket = secrets.token_hex(8)
            histories[key] = with_try(history, Try(self._clock.now(), under_way=ticket, target=_target(source)))
            return ticket, standing

    def _end_turn(self, source: RtspSource, ticket: str) -> None:
        key = _key(source)
        with self._histories() as histories:
            history = histories.get(key)
            if history is not None:
                left = tuple(each for each in history.tries if each.under_way != ticket)
                histories[key] = replace(history, tries=left)

    def _judge(self, history: History, source: RtspSource) -> Standing:
        refused = any(each.digest for each in history.tries)
        digest = _digest(source.password, history.salt) if refused else ""
        return judge(history, digest, _target(source), self._clock.now())

    def _is_proven(self, source: RtspSource) -> bool:
        password, at = self._proven.get(_key(source), (None, -math.inf))
        return password == source.password and self._clock.monotonic() - at < PROOF

    # ---- the file

    @contextmanager
    def _histories(self) -> Iterator[Dict[str, History]]:
        """The histories, for this thread alone; what it changes is written at the end."""
        with self._changed, self._locked_file():
            before, now = self._read(), self._clock.now()
            after = {key: current(history, now) for key, history in before.items()}
            yield after
            after = {key: history for key, history in after.items() if history.tries}
            if after != before or self._unsaved is not None:
                self._write(after)
            self._changed.notify_all()

    @contextmanager
    def _locked_file(self) -> Iterator[None]:
        with ExitStack() as held:
            with suppress(OSError):  # a full or read-only disk, or a stuck process: logins are counted without the lock
                self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                held.enter_context(locks.holding(self._lock, _LOCK_PATIENCE))
            yield

    def _read(self) -> Dict[str, History]:
        if self._unsaved is not None:
            return dict(self._unsaved)
        try:
            kept = records.decode(_Kept, {"histories": files.read_json(self._file, FORMAT)})
        except OSError:
            return {}
        return {} if kept is None else dict(kept.histories)

    def _write(self, histories: Dict[str, History]) -> None:
        text = records.write({key: asdict(history) for key, history in histories.items()}, FORMAT)
        # a login under way is soon forgotten: its place is worth no wait for the disk
        durable = any(each.digest and not each.alone for history in histories.values() for each in history.tries)
        try:
            files.read_json(self._file, FORMAT)  # what a newer cctv wrote stays
            files.replace_text(self._file, text, durable=durable)
            self._unsaved = None
        except OSError as error:
            if self._unsaved is None:
                trouble = f"{self._file.parent} cannot be written ({error.strerror}); check who may write there"
                why = str(error) if isinstance(error, NewerFormat) else trouble
                log.warning("refused logins are counted in memory only: %s", why)
            self._unsaved = histories


def _key(source: RtspSource) -> str:
    return f"{source.host.lower()}:{source.port} {source.username or ''}"


def _target(source: RtspSource) -> str:
    return hide_password(source.target)


def _new_history() -> History:
    return History(secrets.token_hex(16))


@functools.lru_cache(maxsize=256)
def _digest(password: Optional[Secret], salt: str) -> str:
    """The salted hash of a password, in hexadecimal."""
    text = "" if password is None else password.reveal()
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.pbkdf2_hmac("sha256", data, bytes.fromhex(salt), _ROUNDS).hex()
