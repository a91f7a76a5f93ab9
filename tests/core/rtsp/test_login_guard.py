"""Refused logins are counted over threads, processes, crashes and restarts; no password is stored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Iterator, List, Optional, Sequence

import pytest

import cctv_cli
from cctv_cli.core.clock import Clock
from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.layout import login_files
from cctv_cli.core.rtsp.login_guard import (
    AGAIN,
    OTHERS_FIRST,
    SILENCE,
    UNDER_WAY,
    UNSEEN,
    History,
    LoginGuard,
    Try,
    Withheld,
    judge,
    with_try,
)
from cctv_cli.core.units import Secret
from tests.support.storage_tree import FixedClock
from tests.support.waiting import HANG, end_of

NOW = 1_700_000_000.0
OWN = AGAIN + OTHERS_FIRST  # seconds until the channel that was refused tries again
PASSWORD = "geheim-1234"
FRONT = RtspSource("192.168.1.100", 554, "/Streaming/Channels/101", "admin", Secret(PASSWORD))
YARD = replace(FRONT, target="/Streaming/Channels/201")
CHANGED = replace(FRONT, password=Secret("geheim-1235"))

# a process that logs in with a wrong password; its arguments are the storage, "refused" or "crash", a file that gets
# a line for each try, and the seconds by which its clock is ahead
CHILD = """
import os, sys, threading
from pathlib import Path
from cctv_cli.core.clock import SystemClock
from cctv_cli.core.layout import login_files
from cctv_cli.core.rtsp.login_guard import LoginGuard, Withheld
from cctv_cli.core.config.rtsp_url import parse_rtsp_url
from tests.support.waiting import HANG, end_of

storage, how, sent, ahead = sys.argv[1:]

class Clock(SystemClock):
    def now(self):
        return super().now() + float(ahead)

source = parse_rtsp_url("rtsp://admin:geheim-1234@192.168.1.100/Streaming/Channels/101")
guard = LoginGuard(*login_files(Path(storage)), Clock())

def log_in():
    try:
        with guard.attempt(source, 30.0):
            with open(sent, "a") as file:
                file.write("a login\\n")
            if how == "crash":
                os._exit(9)
            guard.refused(source)
    except Withheld:
        pass

print("ready", flush=True)
sys.stdin.read()
threads = [threading.Thread(target=log_in) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def guard(tmp_path: Path, clock: FixedClock) -> LoginGuard:
    return guard_of(tmp_path, clock)


def guard_of(storage: Path, clock: Clock) -> LoginGuard:
    """A new guard, as in a process that has just started."""
    return LoginGuard(*login_files(storage), clock)


def be_refused(guard: LoginGuard, source: RtspSource, patience: float = 0.0) -> None:
    with guard.attempt(source, patience):
        guard.refused(source)


def be_silenced(guard: LoginGuard, source: RtspSource) -> None:
    """Two logins are refused that were sent before either was answered, as those of two FFmpegs."""
    guard.refused(source)
    guard.refused(source)


def withheld(guard: LoginGuard, source: RtspSource, patience: float = 0.0) -> Optional[float]:
    """The instant until which a login is withheld; fails if it may be sent."""
    with pytest.raises(Withheld) as caught, guard.attempt(source, patience):
        pass
    return caught.value.until


# --- the decision


@pytest.mark.parametrize(
    ("tries", "digest", "refused_at", "silent_until"),
    [
        ([], "a", None, None),
        ([Try(0, "a")], "a", 0, None),
        ([Try(0, "a"), Try(60, "a")], "a", 60, 60 + SILENCE),
        ([Try(0, "a"), Try(60, "a")], "b", None, None),
        ([Try(0, "a"), Try(60, "b")], "a", 0, 60 + SILENCE),
        ([Try(0, "a"), Try(60, "b")], "b", 60, 60 + SILENCE),
        ([Try(0, "a"), Try(1000, "a")], "a", 1000, 1000 + SILENCE),
        ([Try(0), Try(30)], "a", None, None),
        ([Try(0), Try(30), Try(60)], "a", 60, 60 + SILENCE),
        ([Try(0), Try(30, "a"), Try(60)], "a", 30, None),
        ([Try(0), Try(30, "a"), Try(60), Try(90, "a")], "a", 90, 90 + SILENCE),
        ([Try(0), Try(30, "a"), Try(60), Try(90)], "a", 90, 90 + SILENCE),
    ],
    ids=[
        "none",
        "one",
        "two",
        "another password",
        "two passwords",
        "the other",
        "late",
        "two answers that nobody saw",
        "three",
        "one refused between two",
        "two refused and two unseen",
        "one refused and three unseen",
    ],
)
@pytest.mark.parametrize("now", [1000.0, SILENCE - 1])
def test_two_refusals_or_three_answers_that_nobody_saw_silence_the_passwords(
    tries: List[Try], digest: str, refused_at: Optional[float], silent_until: Optional[float], now: float
) -> None:
    found = judge(History("", tuple(tries)), digest, "/101", now)
    assert (found.refused_at, found.silent_until, found.waits) == (refused_at, silent_until, False)


@pytest.mark.parametrize(
    ("tries", "words"),
    [
        ([Try(0), Try(30), Try(60)], "may have refused this password"),
        ([Try(0), Try(30), Try(60), Try(90, "b")], "may have refused this password"),
        ([Try(0), Try(30), Try(60), Try(90, "a")], "refused this password"),
    ],
    ids=["unseen", "another was refused", "seen"],
)
def test_a_refusal_that_nobody_saw_is_not_told_as_one(tries: List[Try], words: str) -> None:
    assert judge(History("", tuple(tries)), "a", "/101", 100.0).refusal.startswith(words)


@pytest.mark.parametrize(("digest", "silent_until"), [("a", AGAIN), ("b", None)], ids=["the same", "another password"])
def test_one_refusal_silences_the_password_for_a_minute(digest: str, silent_until: Optional[float]) -> None:
    history = History("", (Try(0, "a"),))
    assert judge(history, digest, "/101", AGAIN - 1).silent_until == silent_until
    assert judge(history, digest, "/101", AGAIN).silent_until is None


def test_the_silence_lasts_half_an_hour_from_the_latest_refusal() -> None:
    history = History("", (Try(0, "a"), Try(SILENCE - 10, "a")))
    assert judge(history, "a", "/101", 2 * SILENCE - 11).silent_until == 2 * SILENCE - 10
    assert judge(history, "a", "/101", 2 * SILENCE - 10) == judge(History(""), "a", "/101", 0)


def test_a_login_under_way_delays_others_and_is_later_one_whose_answer_nobody_saw() -> None:
    history = History("", (Try(0), Try(50), Try(100, under_way="1")))
    before, after = judge(history, "a", "/101", 99 + UNDER_WAY), judge(history, "a", "/101", 100 + UNDER_WAY)
    assert (before.waits, before.silent_until) == (True, None)
    assert (after.waits, after.silent_until) == (False, 100 + SILENCE)


def wrong_logins(answers: Sequence[str]) -> int:
    """How many wrong logins are sent within half an hour, each of which is refused or ends with its process."""
    sent, history = 0, History("")
    for number, answer in enumerate(answers):
        now = number * OWN
        if judge(history, "a", "/101", now).silent_until is None:
            sent += 1
            history = with_try(history, Try(now, "a") if answer == "refused" else Try(now, under_way="1"))
    return sent


def test_at_most_four_wrong_logins_are_sent_whenever_processes_die() -> None:
    assert max(map(wrong_logins, product(["refused", "killed"], repeat=10))) == 4


def test_refusals_further_apart_than_the_silence_do_not_add_up() -> None:
    history = with_try(History("", (Try(0, "a"),)), Try(SILENCE, "a"))
    assert history.tries == (Try(SILENCE, "a"),)


def test_at_most_two_tries_in_any_half_hour(guard: LoginGuard, clock: FixedClock) -> None:
    refused: List[float] = []
    for _ in range(200):
        try:
            be_refused(guard, FRONT)
            refused.append(clock.now())
        except Withheld:
            pass
        clock.advance(61.0)
    assert len(refused) > 8
    assert all(later - first >= SILENCE for first, later in zip(refused, refused[2:]))


# --- what is counted together


def test_the_channels_of_an_nvr_count_together(guard: LoginGuard, clock: FixedClock) -> None:
    be_refused(guard, FRONT)
    assert withheld(guard, YARD) == NOW + AGAIN
    clock.advance(AGAIN)
    be_refused(guard, YARD)
    until = NOW + AGAIN + SILENCE
    assert (withheld(guard, FRONT), withheld(guard, replace(YARD, host="192.168.1.100"))) == (until, until)


def test_a_channel_that_this_user_may_not_view_does_not_use_up_both_tries(guard: LoginGuard, clock: FixedClock) -> None:
    be_refused(guard, FRONT)
    clock.advance(AGAIN)
    assert withheld(guard, FRONT) == NOW + OWN
    with guard.attempt(YARD, 0.0):
        guard.accepted(YARD)
    assert guard.standing(FRONT).silent_until is None


def try_all(guard: LoginGuard, sources: List[RtspSource], accepted: List[RtspSource]) -> int:
    """Log in for each of `sources`; the camera accepts those in `accepted`. Returns how many it refused."""
    refused = 0
    for source in sources:
        with suppress(Withheld), guard.attempt(source, 0.0):
            if source in accepted:
                guard.accepted(source)
            else:
                guard.refused(source)
                refused += 1
    return refused


def test_a_channel_that_this_user_may_not_view_does_not_silence_others_for_long(
    tmp_path: Path, clock: FixedClock
) -> None:
    guard, sent = guard_of(tmp_path, clock), 0
    for _ in range(2):
        try_all(guard, [FRONT, YARD], [YARD])
        clock.advance(AGAIN)
    for _ in range(24 * 6):  # for a day, the yard is recorded without a pause
        sent += try_all(guard, [FRONT], [])
        clock.advance(AGAIN)
        assert guard_of(tmp_path, clock).standing(YARD).silent_until is None
        clock.advance(540.0)
    assert sent == 48


@pytest.mark.parametrize("minutes", range(0, 50, 10))
def test_a_changed_password_is_tried_twice_even_if_one_channel_may_not_be_viewed(
    guard: LoginGuard, clock: FixedClock, minutes: int
) -> None:
    others = [replace(YARD, target=f"/{number}") for number in range(4)]
    for _ in range(2):
        try_all(guard, [FRONT, *others], others)
        clock.advance(OWN)
    refused: List[float] = []
    for minute in range(120):  # the password changes, and the other channels disconnect after `minutes`
        refused += [clock.now()] * try_all(guard, [FRONT] if minute < minutes else [FRONT, *others], [])
        clock.advance(60.0)
    assert len(refused) > 4
    assert all(later - first >= SILENCE for first, later in zip(refused, refused[2:]))


@pytest.mark.parametrize("changes", [{"host": "192.168.1.101"}, {"port": 8554}, {"username": "viewer"}])
def test_each_host_port_and_user_has_a_count_of_its_own(guard: LoginGuard, changes: Any) -> None:
    be_silenced(guard, FRONT)
    be_refused(guard, replace(FRONT, **changes))
    assert guard.standing(replace(FRONT, **changes)).silent_until == NOW + OWN


def test_case_of_the_host_does_not_matter(guard: LoginGuard) -> None:
    be_refused(guard, replace(FRONT, host="NVR.local"))
    assert guard.standing(replace(FRONT, host="nvr.local")).refused_at == NOW


def test_a_camera_without_a_login_is_not_counted(guard: LoginGuard, tmp_path: Path) -> None:
    guard.refused(replace(FRONT, username=None, password=None))
    assert list(tmp_path.iterdir()) == []


# --- what ends the silence


def test_time(guard: LoginGuard, clock: FixedClock) -> None:
    be_silenced(guard, FRONT)
    clock.advance(SILENCE)
    be_refused(guard, FRONT)
    assert guard.standing(FRONT).silent_until == clock.now() + OWN


def test_an_accepted_login(guard: LoginGuard, clock: FixedClock) -> None:
    be_refused(guard, FRONT)
    clock.advance(OWN)
    with guard.attempt(FRONT, 0.0):
        guard.accepted(FRONT)
    assert guard.standing(FRONT).refused_at is None


def test_an_operator(guard: LoginGuard, tmp_path: Path, clock: FixedClock) -> None:
    be_silenced(guard, FRONT)
    guard_of(tmp_path, clock).forget(YARD)
    be_refused(guard, FRONT)


def test_restarts_of_all_channels_count_as_one(guard: LoginGuard, clock: FixedClock) -> None:
    sent = 0
    for _ in range(16):
        guard.forget(FRONT)
        with suppress(Withheld):
            be_refused(guard, FRONT)
            sent += 1
    assert sent == 1
    clock.advance(20.0)
    guard.forget(YARD)
    be_refused(guard, FRONT)


def test_a_changed_password_that_is_refused_is_silenced(guard: LoginGuard, tmp_path: Path, clock: FixedClock) -> None:
    be_silenced(guard, FRONT)
    restarted = guard_of(tmp_path, clock)
    assert restarted.standing(CHANGED).refused_at is None
    clock.advance(60.0)
    be_refused(restarted, CHANGED)
    until = NOW + 60.0 + SILENCE
    assert (withheld(restarted, CHANGED), withheld(restarted, FRONT)) == (until, until)


def test_two_wrong_passwords_of_one_user_are_both_silenced(guard: LoginGuard) -> None:
    be_refused(guard, FRONT)
    be_refused(guard, CHANGED)
    assert withheld(guard, FRONT) == withheld(guard, CHANGED) == NOW + SILENCE


def test_an_accepted_password_does_not_end_the_silence_of_a_wrong_one(guard: LoginGuard) -> None:
    be_silenced(guard, FRONT)
    with guard.attempt(CHANGED, 0.0):
        guard.accepted(CHANGED)
    assert withheld(guard, FRONT) == NOW + SILENCE


# --- turns


def test_logins_take_turns_until_one_is_accepted(guard: LoginGuard) -> None:
    with guard.attempt(FRONT, 0.0):
        assert withheld(guard, YARD) is None
        guard.accepted(FRONT)
        with guard.attempt(YARD, 0.0), guard.attempt(FRONT, 0.0):
            guard.accepted(YARD)


def test_a_login_that_hangs_does_not_delay_other_hosts(guard: LoginGuard) -> None:
    with guard.attempt(FRONT, 0.0), guard.attempt(replace(FRONT, host="192.168.1.101"), 0.0):
        assert withheld(guard, FRONT) is None


def test_a_login_without_an_answer_is_not_counted(guard: LoginGuard) -> None:
    for _ in range(5):
        with pytest.raises(OSError, match="hung"), guard.attempt(FRONT, 0.0):
            raise OSError("the camera hung")
    assert guard.standing(FRONT).refused_at is None


@pytest.mark.parametrize("end", ["time", "another password"])
def test_the_proof_of_an_accepted_login_ends(guard: LoginGuard, clock: FixedClock, end: str) -> None:
    guard.accepted(FRONT)
    source = FRONT
    if end == "time":
        clock.advance(60.0)
    else:
        source = CHANGED
    with guard.attempt(source, 0.0):
        assert withheld(guard, source) is None


def test_a_refusal_ends_the_proof_of_an_accepted_login(guard: LoginGuard) -> None:
    guard.accepted(FRONT)
    guard.refused(FRONT)
    assert withheld(guard, YARD) == NOW + AGAIN


@pytest.mark.parametrize("end", ["accepted", "refused", "no answer"])
def test_a_waiting_login_continues_when_the_other_one_ends(guard: LoginGuard, end: str) -> None:
    def log_in() -> None:
        with guard.attempt(YARD, 60.0):
            pass

    with ThreadPoolExecutor(1) as pool:
        with guard.attempt(FRONT, 0.0):
            waiting = pool.submit(log_in)
            if end == "accepted":
                guard.accepted(FRONT)
            elif end == "refused":
                guard.refused(FRONT)
        found = waiting.exception(timeout=HANG)
    assert isinstance(found, Withheld) == (end == "refused")


@pytest.mark.parametrize("accepted_before", [False, True])
def test_sixteen_threads_with_a_wrong_password_use_two_tries_a_minute_apart(
    guard: LoginGuard, clock: FixedClock, accepted_before: bool
) -> None:
    if accepted_before:  # then the password was changed at the camera
        guard.accepted(FRONT)
        clock.advance(60.0)
    for silence in (OWN, SILENCE):
        until, withheld_until = clock.now() + silence, sixteen_logins(guard)
        assert sorted(map(str, withheld_until)) == [str(until)] * 15 + ["None"]
        clock.advance(OWN)


def sixteen_logins(guard: LoginGuard) -> List[Optional[float]]:
    """Sixteen threads log in with a wrong password; until when each was withheld, or None if it was sent."""
    start = threading.Barrier(16)

    def log_in(_: int) -> Optional[float]:
        start.wait(HANG)
        try:
            be_refused(guard, FRONT, patience=60.0)
        except Withheld as caught:
            return caught.until or 0.0
        return None

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(log_in, range(16)))


def test_sixteen_threads_with_an_accepted_password_log_in_together(guard: LoginGuard) -> None:
    guard.accepted(FRONT)
    together = threading.Barrier(16)

    def log_in() -> None:
        with guard.attempt(FRONT, 0.0):
            together.wait(HANG)

    with ThreadPoolExecutor(16) as pool:
        for future in [pool.submit(log_in) for _ in range(16)]:
            future.result()


# --- other processes and restarts


def child(storage: Path, how: str, ahead: float = 0.0) -> subprocess.Popen[str]:
    """A process that is about to log in, as soon as its standard input is closed."""
    environment = {**os.environ, "PYTHONPATH": str(Path(cctv_cli.__file__).parent.parent)}
    command = [sys.executable, "-c", CHILD, str(storage), how, str(storage / "sent"), str(ahead)]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.fixture
def processes() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def finish(*children: subprocess.Popen[str]) -> List[int]:
    """Let them log in; their exit codes."""
    for each in children:
        assert each.stdin is not None
        each.stdin.close()
    return [end_of(each) for each in children]


def test_two_processes_share_two_tries(tmp_path: Path, processes: ExitStack) -> None:
    for minutes in range(3):
        children = [processes.enter_context(child(tmp_path, "refused", minutes * OWN)) for _ in range(2)]
        assert finish(*children) == [0, 0]
        assert (tmp_path / "sent").read_text() == "a login\n" * min(minutes + 1, 2)
    assert guard_of(tmp_path, FixedClock(time.time() + 3 * OWN)).standing(FRONT).silent_until is not None


def test_logins_during_which_processes_die_count_from_the_third(tmp_path: Path, processes: ExitStack) -> None:
    for minutes in range(UNSEEN):
        assert finish(processes.enter_context(child(tmp_path, "crash", minutes * OWN))) == [9]
        guard = guard_of(tmp_path, FixedClock(time.time() + minutes * OWN + UNDER_WAY))
        with suppress(Withheld):  # the next write marks expired logins
            be_refused(guard, replace(FRONT, host="b"))
        assert (guard.standing(FRONT).silent_until is None) == (minutes + 1 < UNSEEN)
    assert (tmp_path / "sent").read_text() == "a login\n" * UNSEEN
    assert withheld(guard, FRONT) is not None


def test_nobody_waits_for_the_login_of_a_process_that_has_died(tmp_path: Path, processes: ExitStack) -> None:
    assert finish(processes.enter_context(child(tmp_path, "crash"))) == [9]
    with guard_of(tmp_path, FixedClock(time.time())).attempt(FRONT, 0.0):
        pass


def test_restarts_do_not_reset_the_count(tmp_path: Path, clock: FixedClock) -> None:
    be_refused(guard_of(tmp_path, clock), FRONT)
    assert [withheld(guard_of(tmp_path, clock), FRONT) for _ in range(5)] == [NOW + OWN] * 5
    clock.advance(OWN)
    be_refused(guard_of(tmp_path, clock), FRONT)
    assert [withheld(guard_of(tmp_path, clock), FRONT) for _ in range(5)] == [NOW + OWN + SILENCE] * 5


# --- the file


def test_the_password_is_not_on_the_disk(guard: LoginGuard, tmp_path: Path) -> None:
    be_refused(guard, FRONT)
    file, lock = login_files(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted([file, lock])
    text = file.read_text()
    assert PASSWORD not in text
    assert json.loads(text)["192.168.1.100:554 admin"]["tries"][0]["at"] == NOW


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_other_users_cannot_read_it(guard: LoginGuard, tmp_path: Path) -> None:
    be_refused(guard, FRONT)
    assert login_files(tmp_path)[0].parent.stat().st_mode & 0o077 == 0


def test_the_same_password_is_hashed_differently_for_each_host(guard: LoginGuard, tmp_path: Path) -> None:
    for host in ("a", "b"):
        be_refused(guard, replace(FRONT, host=host))
    kept = json.loads(login_files(tmp_path)[0].read_text())
    assert len({kept[f"{host}:554 admin"]["tries"][0]["digest"] for host in ("a", "b")}) == 2


def test_expired_tries_are_removed_from_the_file(guard: LoginGuard, tmp_path: Path, clock: FixedClock) -> None:
    be_refused(guard, FRONT)
    clock.advance(SILENCE)
    be_refused(guard, replace(FRONT, host="b"))
    assert list(json.loads(login_files(tmp_path)[0].read_text())) == ["version", "b:554 admin"]


KEY = '"192.168.1.100:554 admin"'
SALT = "0" * 32


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0" * 100,
        "[]",
        '{"192.168.1.100:554 admin": {"salt": "0123',
        f"{{{KEY}: []}}",
        f'{{{KEY}: {{"salt": "{SALT}", "tries": 7}}}}',
        f'{{{KEY}: {{"salt": "{SALT}", "tries": [{{"at": 1}}]}}}}',
        f'{{{KEY}: {{"salt": "xyz", "tries": [{{"at": 1, "digest": "a", "under_way": ""}}]}}}}',
        f'{{{KEY}: {{"salt": "{SALT}", "tries": [{{"at": NaN, "digest": "a", "under_way": ""}}]}}}}',
        f'{{{KEY}: {{"salt": "{SALT}", "tries": [{{"at": 1e999, "digest": "ä", "under_way": ""}}]}}}}',
    ],
)
def test_a_damaged_file_counts_as_empty(guard: LoginGuard, tmp_path: Path, text: str) -> None:
    file, _ = login_files(tmp_path)
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    be_silenced(guard, FRONT)
    assert withheld(guard, FRONT) == NOW + SILENCE


def test_without_a_disk_the_count_is_in_memory_and_is_written_when_the_disk_is_back(
    tmp_path: Path, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    storage = tmp_path / "hls"
    storage.write_text("a file in the way")
    guard = guard_of(storage, clock)
    be_silenced(guard, FRONT)
    assert withheld(guard, FRONT) == NOW + SILENCE
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert PASSWORD not in caplog.text
    storage.unlink()
    assert withheld(guard, FRONT) == NOW + SILENCE
    assert withheld(guard_of(storage, clock), FRONT) == NOW + SILENCE


# --- the clock


def test_a_clock_that_is_set_back_extends_the_silence_by_at_most_half_an_hour(
    guard: LoginGuard, tmp_path: Path
) -> None:
    be_silenced(guard, FRONT)
    yesterday = FixedClock(NOW - 86400)
    restarted = guard_of(tmp_path, yesterday)
    assert withheld(restarted, FRONT) == NOW - 86400 + SILENCE
    yesterday.advance(SILENCE - 1)
    assert withheld(restarted, FRONT) == NOW - 86400 + SILENCE
    yesterday.advance(1)
    be_refused(restarted, FRONT)
