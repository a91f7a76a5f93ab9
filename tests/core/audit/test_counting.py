"""Many requests make few entries, whatever clients send."""

from __future__ import annotations

from typing import List

from cctv_cli.core.audit.counting import OTHERS, Media, Repeats, Views
from cctv_cli.core.audit.entries import PLAYED, REFUSED, WATCHED, Entry, Series, View, Who

PHONE, OFFICE = Who("phone", address="203.0.113.9"), Who(address="192.168.1.5")
LIVE, PLAYLIST = Media("front", live=True), Media("front", live=False)


def refused(address: str, at: float = 0.0) -> Entry:
    return Entry(at, "wrong token", Who(address=address), outcome=REFUSED)


def test_equal_entries_of_a_minute_are_written_as_two() -> None:
    repeats = Repeats()
    assert repeats.note(refused("203.0.113.9", 100.0), 0.0) == [refused("203.0.113.9", 100.0)]
    for second in range(1, 60):
        assert repeats.note(refused("203.0.113.9", 100.0 + second), float(second)) == []
    assert repeats.due(59.9) == []
    (rest,) = repeats.due(60.0)
    assert (rest.at, rest.count, rest.who.address) == (159.0, 59, "203.0.113.9")
    assert repeats.due(200.0) == [], "once is written once"
    assert len(repeats.note(refused("203.0.113.9"), 200.0)) == 1, "the next minute begins anew"
    assert repeats.due(300.0) == []


def test_different_entries_are_written_each() -> None:
    repeats = Repeats()
    acts = [Entry(0.0, what, who, camera) for what in ("start", "stop") for who in (PHONE, OFFICE) for camera in "ab"]
    assert [entry for act in acts for entry in repeats.note(act, 0.0)] == acts


def test_a_guesser_with_many_addresses_costs_few_entries_and_hides_no_act() -> None:
    repeats = Repeats()
    written: List[Entry] = []
    for number in range(10_000):
        written += repeats.note(refused(f"2001:db8::{number:x}"), number / 1000)
    written += repeats.note(Entry(0.0, "stop", PHONE, "front"), 10.0)
    assert len([entry for entry in written if entry.series is Series.REFUSALS]) == 21
    assert written[-1].who == PHONE
    (others,) = repeats.due(100.0)
    assert (others.who, others.count) == (OTHERS, 10_000 - 21)


def test_requests_for_media_are_one_view_until_a_pause() -> None:
    views = Views()
    for second in range(0, 120, 2):
        views.note(PHONE, LIVE, 1000, 5000.0 + second, float(second))
    assert views.due(118.0 + 59.9) == []
    (entry,) = views.due(118.0 + 60.0)
    assert entry == Entry(5118.0, WATCHED, PHONE, "front", view=View(5000.0, 5118.0, 60_000, 60))
    assert views.due(1e6, all_=True) == []


def test_a_view_names_the_first_and_last_recording() -> None:
    views = Views()
    for recording in ("2026-07-14/14/41.ts", "2026-07-14/14/40.ts", "2026-07-14/15/00.ts"):
        views.note(OFFICE, PLAYLIST, 100, 5000.0, 0.0)
        views.note(OFFICE, PLAYLIST._replace(recording=recording), 900, 5000.0, 0.0)
    (entry,) = views.due(60.0)
    assert entry.what == PLAYED and entry.view is not None
    assert (entry.view.first, entry.view.last) == ("2026-07-14/14/40.ts", "2026-07-14/15/00.ts")
    assert (entry.view.bytes, entry.view.answers) == (3000, 6)


def test_clients_cameras_live_and_recorded_are_views_of_their_own() -> None:
    views = Views()
    for who in (PHONE, OFFICE):
        for media in (LIVE, PLAYLIST, LIVE._replace(camera="yard")):
            views.note(who, media, 1, 0.0, 0.0)
    assert len(views.due(60.0)) == 6


def test_a_long_view_is_written_in_parts() -> None:
    views = Views()
    entries: List[Entry] = []
    for second in range(0, 3600, 10):
        views.note(PHONE, LIVE, 1, float(second), float(second))
        entries += views.due(float(second))
    entries += views.due(0.0, all_=True)
    found = [entry.view for entry in entries if entry.view is not None]
    assert len(found) == 4 and sum(view.answers for view in found) == 360
    assert max(view.ended - view.began for view in found) <= 900


def test_views_are_bounded() -> None:
    views = Views()
    for number in range(5000):
        views.note(Who(address=str(number)), LIVE, 1, 0.0, 0.0)
    entries = views.due(60.0)
    assert len(entries) == 1001
    assert sum(entry.view.answers for entry in entries if entry.view is not None) == 5000
    assert entries[-1].who == OTHERS
