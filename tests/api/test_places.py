from __future__ import annotations

from ipaddress import ip_network
from typing import List, Optional

import pytest

from cctv_cli.api.listener import address_of
from cctv_cli.api.places import Places, most_places


class Guest:
    def __init__(self, address: Optional[str], now: float) -> None:
        self.address = address
        self.waiting_since: Optional[float] = now
        self.stuck_since: Optional[float] = None
        self.ended = False

    def works(self) -> None:
        self.waiting_since = None

    def end(self) -> None:
        self.ended = True


class Site:
    """Sixteen places, four of them for one address, and a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.places = Places(lambda: 16, lambda: self.now)

    def enter(self, count: int, address: Optional[str] = None) -> List[Guest]:
        guests = []
        for _ in range(count):
            self.now += 0.001
            guests.append(Guest(address, self.now))
            assert self.places.enter(guests[-1])
        return guests


@pytest.fixture
def site() -> Site:
    return Site()


def test_the_one_that_waited_longest_gives_way(site: Site) -> None:
    first, second, *others = site.enter(16)
    first.works()
    site.enter(1)
    assert [first.ended, second.ended, any(other.ended for other in others)] == [False, True, False]
    first.waiting_since = site.now
    site.enter(14)
    assert all(other.ended for other in others) and not first.ended
    assert len(site.places) == 16


def test_one_that_takes_nothing_gives_way_after_all_that_wait(site: Site) -> None:
    stuck, waiting = site.enter(2)
    for guest in site.enter(14):
        guest.works()
    stuck.stuck_since = site.now
    site.enter(1)
    assert (stuck.ended, waiting.ended) == (False, True)


def test_without_one_that_waits_there_is_no_place(site: Site) -> None:
    guests = site.enter(16)
    for guest in guests:
        guest.works()
    assert not site.places.enter(Guest(None, site.now))
    assert not site.places.enter(Guest("192.0.2.1", site.now))
    site.places.leave(guests[0])
    site.places.leave(guests[0])
    site.enter(1)
    assert not any(guest.ended for guest in guests)


def test_one_address_has_a_share_and_its_own_give_way(site: Site) -> None:
    others = site.enter(10)
    first, *flood = site.enter(4, "192.0.2.1")
    site.enter(1, "192.0.2.1")
    assert first.ended and not any(guest.ended for guest in flood + others)
    for guest in flood:
        guest.works()
    site.enter(1, "192.0.2.1")
    site.enter(1, "192.0.2.2")
    assert len(site.places) == 15


def test_who_waits_too_long_is_ended(site: Site) -> None:
    waiting, stuck, working = guests = site.enter(3, "192.0.2.1")
    stuck.stuck_since = site.now
    working.works()
    ended = []
    for site.now in (109.9, 110.1, 129.9, 130.1, 1000.0):
        site.places.end_overdue()
        ended.append([guest.ended for guest in guests])
    assert ended == [
        [False, False, False],
        [True, False, False],
        [True, False, False],
        [True, True, False],
        [True, True, False],
    ]
    assert waiting.ended


@pytest.mark.parametrize(
    ("descriptors", "recordings", "answers", "most"),
    [
        (400, 1, 1024, 160),
        (400, 4, 1024, 136),
        (200, 1, 1024, 60),
        (64, 20, 1024, 8),
        (1_048_576, 500, 1024, 1024),
        (1_048_576, 1, 256, 256),
        (None, 20, 1024, 1024),
    ],
)
def test_recording_keeps_descriptors_and_memory(
    descriptors: Optional[int], recordings: int, answers: int, most: int
) -> None:
    assert most_places(descriptors, recordings, answers) == most


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("127.0.0.1", None),
        ("::1", None),
        ("10.0.0.7", None),
    ],
)
def test_what_an_address_counts_for(peer: str, address: Optional[str]) -> None:
    assert address_of(peer, (ip_network("10.0.0.0/29"),)) == address
