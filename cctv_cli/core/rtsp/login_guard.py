"""Limits how often a refused password is tried, so that cameras do not lock the account.

Cameras lock a user or an address after a few wrong passwords (Hikvision after 5 to 7, for half an hour),
and logins to all channels of an NVR count together. So tries are counted for each host and user, over all
cameras and processes, in one file that outlives them. A login is written down before it is sent, so that one whose
answer nobody saw, because its process died, is known. A few of these say nothing, because most passwords are right;
more of them count as refusals, so that a crash loop cannot lock the account.

The file identifies passwords by a salted hash (PBKDF2, RFC 8018), and only its owner can read its folder.
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
from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.records import Flag, Instant, NewerFormat, Text
from cctv_cli.core.system import has_ended, this_thread
from cctv_cli.core.units import Secret

log = logging.getLogger("cctv.logins")

# For one host and user, before passwords are no longer tried: refusals, and logins whose answer nobody saw. Together
# at most four are sent: one is refused, two get no answer, and one more is either.
REFUSALS = 2
UNSEEN = 3
AGAIN = 60.0  # seconds from the first refusal to the next try of any channel: a booting camera refuses good passwords
# Seconds that a refused channel waits longer than the others: a channel that this user may not view says nothing
# about the password, and must not use up both tries.
OTHERS_FIRST = 5.0
SILENCE = 1800.0  # seconds without a try after the latest refusal: as long as Hikvision locks
REMEMBERED = 30 * DAY  # seconds for which a stream is remembered whose refusals are its own
# Seconds after which a login without a result is one whose answer nobody saw, because its process died where that
# cannot be seen: longer than two answers may take.
UNDER_WAY = 12.0
# Seconds after an accepted login in which others need no turn, so that sixteen channels can log in at once. It is
# short because all channels drop together when the password is changed at the camera, and only two may try it.
PROOF = 10.0
_SAME_RESTART = 10.0  # seconds within which restarts of several channels count as one
_LOOK = 0.2  # seconds between checks of what other processes wrote
_LOCK_PATIENCE = 10.0  # seconds; the lock is held while one small file is read and written, slowly on a busy machine
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
    """A login that was sent at the instant `at`, and that the camera refused, or whose answer is not known.

    `digest` is the salted hash of a refused password, and empty for a login whose answer nobody has seen.
    `under_way` is the thread that waits for the answer to a login. `by_ffmpeg` is True for a login of FFmpeg, which
    requests more than a probe does. `target` is a salted hash of the stream. `alone` is True if the password
    was accepted for another stream later, so that this refusal does not count for the password.
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
    """What is known of a login now.

    `refused_at` is the instant at which this password was last refused, `silent_until` the instant from which it may
    be tried again (None: now), `waits` whether another login to the same host and user has no answer yet. Nobody has
    `seen` a refusal if only logins without a known answer count.
    """

    refused_at: Optional[float] = None
    silent_until: Optional[float] = None
    waits: bool = False
    seen: bool = True

    @property
    def refusal(self) -> str:
        """What happened to the login, as a continuation of the camera's name."""
        if self.seen:
            return "refused this password"
        return "may have refused this password, because cctv ended several times before it saw the answer"


class Withheld(Exception):
    """The login must not be sent before the instant `until`; None means that another login has no answer yet.

    `refusal` is why, as a continuation of the camera's name.
    """

    def __init__(self, until: Optional[float], refusal: str = "") -> None:
        super().__init__("the login is withheld")
        self.until = until
        self.refusal = refusal


# --- the decision (pure)


def judge(history: History, digest: str, target: str, now: float) -> Standing:
    """What the tries of a host and user mean for a password with this salted hash and a stream."""
    tries = current(history, now).tries
    over = [each for each in tries if not each.under_way and not each.alone]
    unseen = sum(not each.digest for each in over)
    refused = [each for each in over if each.digest or unseen >= UNSEEN]
    same = [each for each in refused if not each.digest or hmac.compare_digest(each.digest, digest)]
    alone = any(each.alone and each.target == target and hmac.compare_digest(each.digest, digest) for each in tries)
    silent_until = refused[-1].at + _silence(refused, target, alone=alone) if same else now
    return Standing(
        refused_at=same[-1].at if same else None,
        silent_until=silent_until if silent_until > now else None,
        waits=any(each.under_way for each in tries),
        seen=not same or any(each.digest for each in same),
    )


def _silence(refused: Sequence[Try], target: str, *, alone: bool) -> float:
    """Seconds to wait after the latest refusal; a stream refused `alone` leaves the second try to the others."""
    if len(refused) >= (1 if alone else REFUSALS):
        return SILENCE
    return AGAIN + OTHERS_FIRST if refused[-1].target == target else AGAIN


def current(history: History, now: float) -> History:
    """The history without expired tries; tries that a wrong clock dated in the future count as made now."""
    tries = [replace(each, at=min(each.at, now)) for each in history.tries]
    counts = any(not each.alone and each.at + SILENCE > now for each in tries)
    lasting = [each for each in tries if (each.at + REMEMBERED > now if each.alone else counts)]
    answered = (replace(each, under_way="") if each.at + UNDER_WAY <= now else each for each in lasting)
    return replace(history, tries=tuple(answered))


def with_try(history: History, new: Try) -> History:
    """The history with one more try, and without those that expired before it."""
    recent = [each for each in history.tries if each.at + (REMEMBERED if each.alone else SILENCE) > new.at]
    return replace(history, tries=(*recent[1 - _MOST :], new))


def with_accepted(history: History, digest: str, target: str, *, by_ffmpeg: bool) -> History:
    """The history after a login was accepted: earlier refusals of its password no longer count.

    Those of other streams are kept as `alone`. Refusals of FFmpeg count until FFmpeg is accepted, because a camera
    may accept a probe and refuse to play.
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

    A file that cannot be read counts as empty. While it cannot be written, this process counts in memory.
    Thread-safe. `tz` is the time zone for times in messages.
    """

    def __init__(self, file: Path, lock: Path, clock: Clock, tz: Optional[tzinfo] = None) -> None:
        self.tz = tz
        self._file = file
        self._lock = lock
        self._clock = clock
        self._changed = threading.Condition()  # guards all attributes below
        self._unsaved: Optional[Dict[str, History]] = None  # histories that could not be written
        # password, and the monotonic time at which it was accepted
        self._proven: Dict[str, Tuple[Optional[Secret], float]] = {}
        self._forgotten: Dict[str, float] = {}  # monotonic time of the latest `forget`

    def standing(self, source: RtspSource) -> Standing:
        """What is known of this login; does not write."""
        with self._changed:
            history = self._read().get(_key(source))
        return Standing() if history is None else self._judge(history, source)

    @contextmanager
    def attempt(self, source: RtspSource, patience: float) -> Iterator[None]:
        """Wrap the one request that carries the login; call `refused` or `accepted` inside with the result.

        Logins to one host and user take turns, so that a third login knows of two refusals. Within PROOF after the
        same password was accepted, no turn is needed. Waits at most `patience` seconds for a turn. Raises Withheld.
        """
        ticket = self._take_turn(source, patience)
        try:
            yield
        finally:
            if ticket is not None:
                self._end_turn(source, ticket)

    def refused(self, source: RtspSource, *, by_ffmpeg: bool = False) -> None:
        """Record that the camera refused this login of a probe or of FFmpeg."""
        if source.username is None:
            return  # nothing was sent
        key = _key(source)
        with self._histories() as histories:
            history = histories.get(key) or _new_history()
            digest = _digest(source.password, history.salt)
            new = Try(self._clock.now(), digest, by_ffmpeg=by_ffmpeg, target=_target(source, history.salt))
            histories[key] = with_try(history, new)
            self._proven.pop(key, None)

    def accepted(self, source: RtspSource, *, by_ffmpeg: bool = False) -> None:
        """Record that the camera accepted this login of a probe or of FFmpeg."""
        key = _key(source)
        with self._histories() as histories:
            self._proven[key] = (source.password, self._clock.monotonic())
            history = histories.get(key)
            if history is not None:
                digest = _digest(source.password, history.salt)
                histories[key] = with_accepted(history, digest, _target(source, history.salt), by_ffmpeg=by_ffmpeg)

    def forget(self, source: RtspSource) -> None:
        """Let this host and user be tried again, as an operator asked.

        Several requests within _SAME_RESTART count once, as when all channels of an NVR are restarted.
        """
        key, monotonic = _key(source), self._clock.monotonic()
        with self._histories() as histories:
            if monotonic - self._forgotten.get(key, -math.inf) >= _SAME_RESTART:
                self._forgotten[key] = monotonic
                histories.pop(key, None)
                self._proven.pop(key, None)

    def _take_turn(self, source: RtspSource, patience: float) -> Optional[str]:
        """Wait for the turn of a login: its ticket, or None if it needs no turn. Raises Withheld."""
        end = time.monotonic() + patience
        while True:
            ticket, standing = self._ask_for_turn(source)
            if standing.silent_until is not None:
                raise Withheld(standing.silent_until, standing.refusal)
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
            ticket, target = this_thread(), _target(source, history.salt)
            histories[key] = with_try(history, Try(self._clock.now(), under_way=ticket, target=target))
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
        return judge(history, digest, _target(source, history.salt), self._clock.now())

    def _is_proven(self, source: RtspSource) -> bool:
        password, at = self._proven.get(_key(source), (None, -math.inf))
        return password == source.password and self._clock.monotonic() - at < PROOF

    # ---- the file

    @contextmanager
    def _histories(self) -> Iterator[Dict[str, History]]:
        """The histories, locked for this thread; changes are written at the end."""
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
            with suppress(OSError):  # a full or read-only disk, or a hung process: count without the lock
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
        return {} if kept is None else {key: _without_ended(history) for key, history in kept.histories.items()}

    def _write(self, histories: Dict[str, History]) -> None:
        text = records.write({key: asdict(history) for key, history in histories.items()}, FORMAT)
        # a login under way expires soon, so it need not be synced to disk
        durable = any(each.digest and not each.alone for history in histories.values() for each in history.tries)
        try:
            files.read_json(self._file, FORMAT)  # raises NewerFormat: the file of a newer cctv is not overwritten
            files.replace_text(self._file, text, durable=durable)
            self._unsaved = None
        except OSError as error:
            if self._unsaved is None:
                trouble = f"{self._file.parent} cannot be written ({error.strerror}); check who may write there"
                why = str(error) if isinstance(error, NewerFormat) else trouble
                log.warning("refused logins are counted in memory only: %s", why)
            self._unsaved = histories


def _without_ended(history: History) -> History:
    """The history after the processes that have ended while they waited for an answer."""
    tries = (
        replace(each, under_way="") if each.under_way and has_ended(each.under_way) else each for each in history.tries
    )
    return replace(history, tries=tuple(tries))


def _key(source: RtspSource) -> str:
    return f"{source.host.lower()}:{source.port} {source.username or ''}"


def _target(source: RtspSource, salt: str) -> str:
    """A salted hash of the stream's path, which may contain a password, in hexadecimal."""
    return hashlib.sha256(f"{salt} {source.target}".encode()).hexdigest()[:16]


def _new_history() -> History:
    return History(secrets.token_hex(16))


@functools.lru_cache(maxsize=256)
def _digest(password: Optional[Secret], salt: str) -> str:
    """The salted hash of a password, in hexadecimal."""
    text = "" if password is None else password.reveal()
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.pbkdf2_hmac("sha256", data, bytes.fromhex(salt), _ROUNDS).hex()
