"""The plan alone: no files. Sizes are small numbers, the disk is a pair of numbers, now is an argument."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

import pytest

from cctv_cli.core.clock import DAY, local_time, parse_instant, zone
from cctv_cli.core.retention.inventory import (
    NOTHING,
    CameraInventory,
    Count,
    Disk,
    Inventory,
    Plan,
    RetentionRules,
    Verdict,
    make_day,
    phrase,
)
from cctv_cli.core.retention.plan import plan
from cctv_cli.core.storage.entries import BriefSegment, HoldEntry
from cctv_cli.core.units import FreeSpace

BERLIN = zone("Europe/Berlin")
NOW = parse_instant("2026-11-23T12:00:00+01:00")
HOUR = 3600.0
NO_MIN_FREE = FreeSpace()
ROOMY = Disk("/hls", 1000, 1000)
KEPT, HELD, FUTURE, REFUSED = Verdict.KEPT, Verdict.HELD, Verdict.FUTURE, Verdict.REFUSED
AGE, CAMERA_SIZE, TOTAL_SIZE, FREE_SPACE = (
    Verdict.AGE,
    Verdict.CAMERA_SIZE,
    Verdict.TOTAL_SIZE,
    Verdict.FREE_SPACE,
)


def camera(
    starts: Iterable[float],
    name: str = "front",
    *,
    size: int = 10,
    days: int = 30,
    max_size: Optional[int] = None,
    disk: int = 0,
    holds: Sequence[HoldEntry] = (),
) -> CameraInventory:
    """A camera with one minute of `size` bytes at each of these instants, in local days of Berlin."""
    by_day: Dict[str, List[BriefSegment]] = {}
    for start in sorted(starts):
        local = local_time(start, BERLIN)
        found = by_day.setdefault(local.strftime("%Y-%m-%d"), [])
        found.append(BriefSegment(f"{local:%H}/{local.minute:02d}-{len(found) + 1}.ts", start, 60.0, size))
    return CameraInventory(name, days, max_size, disk, tuple(make_day(d, s, holds) for d, s in by_day.items()))


def facts(
    *cameras: CameraInventory,
    max_size: Optional[int] = None,
    min_free: FreeSpace = NO_MIN_FREE,
    most_deleted: int = 100,
    disks: Optional[Mapping[int, Disk]] = None,
    cleaned_at: Optional[float] = NOW - HOUR,
    now: float = NOW,
) -> Inventory:
    limits = RetentionRules(max_size, min_free, most_deleted)
    return Inventory(cameras, {0: ROOMY} if disks is None else disks, limits, now, cleaned_at)


def verdicts(made: Plan, number: int = 0) -> List[Verdict]:
    """The verdicts of one camera's recordings, oldest first."""
    return [Verdict(value) for day in made.cameras[number].verdicts for value in day]


def brakes(made: Plan) -> List[Tuple[str, Optional[str]]]:
    return [(refusal.brake, refusal.camera_id) for refusal in made.refusals]


def hold(start: float, end: float) -> HoldEntry:
    return HoldEntry("0badcafe", start, end - start)


# ---- a camera's own disk that is not mounted


def test_of_a_camera_without_its_disk_and_of_the_disk_in_its_place_goes_the_rescue_alone() -> None:
    old, new = NOW - 40 * DAY, NOW - HOUR
    lost = replace(camera([old, new], name="lost", max_size=1), lacks_disk=True)
    neighbour = camera([old, *(NOW - n * DAY for n in range(5, 0, -1))], name="yard")
    asked = facts(lost, neighbour, min_free=FreeSpace(bytes=500), disks={0: Disk("/hls", 2000, 0)})
    made = plan(asked)
    assert brakes(made) == [("disk", "lost")]
    assert "mount it, or, if it was removed for good, clean up once with --force" in made.refusals[0].reason
    # one percent of 2000 are two recordings of 10: one goes by age, the other is the oldest of both cameras
    assert verdicts(made, 0) == [FREE_SPACE, KEPT]
    assert verdicts(made, 1) == [AGE, *[KEPT] * 5]
    forced = plan(asked, force=True)
    assert brakes(forced) == []
    assert verdicts(forced, 0) == [AGE, CAMERA_SIZE]
    assert verdicts(forced, 1) == [AGE, *[FREE_SPACE] * 5]


def test_a_disk_that_is_not_mounted_costs_nothing_on_other_disks() -> None:
    lost = replace(camera([NOW - 40 * DAY], name="lost"), lacks_disk=True)
    other = camera([NOW - 2 * DAY, NOW - DAY], name="yard", disk=1)
    disks = {0: ROOMY, 1: Disk("/hls/yard", 100, 0)}
    made = plan(facts(lost, other, min_free=FreeSpace(bytes=15), disks=disks))
    assert verdicts(made, 0) == [REFUSED]
    assert verdicts(made, 1) == [FREE_SPACE, FREE_SPACE]


# ---- age


@pytest.mark.parametrize(
    ("age", "verdict"),
    [(60.0, KEPT), (30 * DAY - 1, KEPT), (30 * DAY, AGE), (31 * DAY, AGE), (3650 * DAY, AGE)],
    ids=["fresh", "a second short of it", "exactly", "a day more", "ten years"],
)
def test_age_counts_from_a_recordings_end(age: float, verdict: Verdict) -> None:
    made = plan(facts(camera([NOW - age - 60.0])))
    assert verdicts(made) == [verdict]
    assert made.refusals == () and made.shortfalls == ()


def test_each_camera_has_its_own_age() -> None:
    start = NOW - 10 * DAY
    made = plan(facts(camera([start], "short", days=7), camera([start], "long", days=14)))
    assert [verdicts(made, n) for n in (0, 1)] == [[AGE], [KEPT]]


def test_within_a_day_only_what_is_too_old_goes() -> None:
    edge = NOW - 30 * DAY
    made = plan(facts(camera([edge - 180, edge - 120, edge - 60, edge, edge + 60])))
    assert verdicts(made) == [AGE, AGE, AGE, KEPT, KEPT]


def test_a_camera_without_recordings_and_a_storage_without_cameras_have_an_empty_plan() -> None:
    assert verdicts(plan(facts(camera([]), min_free=FreeSpace(percent=5)))) == []
    assert plan(facts()).cameras == ()


# ---- holds and the future


@pytest.mark.parametrize(
    ("start", "end", "held"),
    [(0, 60, True), (59, 61, True), (-5, 1, True), (20, 30, True), (60, 120, False), (-60, 0, False)],
)
def test_a_hold_keeps_every_recording_that_it_touches(start: float, end: float, held: bool) -> None:
    old = NOW - 100 * DAY
    made = plan(facts(camera([old], holds=[hold(old + start, old + end)])))
    assert verdicts(made) == [HELD if held else AGE]


def test_a_hold_outlives_every_limit_and_the_shortfall_is_told() -> None:
    old = [NOW - 100 * DAY + 60 * n for n in range(10)]
    held = camera(old, max_size=10, holds=[hold(old[0], NOW)])
    made = plan(facts(held, max_size=10, min_free=FreeSpace(bytes=500), disks={0: Disk("/hls", 1000, 0)}))
    assert set(verdicts(made)) == {HELD}
    assert len(made.shortfalls) == 3
    assert all("holds keep 100 B" in sentence for sentence in made.shortfalls)


def test_what_is_dated_in_the_future_stays_and_stops_nothing_else() -> None:
    made = plan(facts(camera([NOW - 40 * DAY, NOW - DAY, NOW - HOUR, NOW + 400 * DAY], max_size=10)))
    assert verdicts(made) == [AGE, CAMERA_SIZE, CAMERA_SIZE, FUTURE]
    assert brakes(made) == []
    assert "front has 1 recording (10 B) dated in the future" in made.notes[0]


def test_a_clock_that_is_a_little_late_makes_no_future() -> None:
    made = plan(facts(camera([NOW + 299])))
    assert (verdicts(made), made.notes) == ([KEPT], ())


# ---- limits


def test_a_cameras_size_takes_its_oldest_alone() -> None:
    starts = [NOW - n * HOUR for n in range(10, 0, -1)]
    made = plan(facts(camera(starts, "small", max_size=75), camera(starts, "free")))
    assert verdicts(made, 0) == [CAMERA_SIZE] * 3 + [KEPT] * 7
    assert verdicts(made, 1) == [KEPT] * 10


def test_what_age_takes_counts_for_the_sizes() -> None:
    starts = [NOW - 40 * DAY, NOW - 39 * DAY, NOW - 2 * HOUR, NOW - HOUR]
    assert verdicts(plan(facts(camera(starts, max_size=20)))) == [AGE, AGE, KEPT, KEPT]


def test_the_size_of_all_takes_the_oldest_of_all() -> None:
    old, new = camera([NOW - 5 * HOUR, NOW - 3 * HOUR], "a"), camera([NOW - 4 * HOUR, NOW - HOUR], "b")
    made = plan(facts(old, new, max_size=15))
    assert [verdicts(made, n) for n in (0, 1)] == [[TOTAL_SIZE] * 2, [TOTAL_SIZE, KEPT]]


def test_the_oldest_go_first_across_midnight_and_cameras() -> None:
    midnight = parse_instant("2026-11-23T00:00:00+01:00")
    a = camera([midnight - 120, midnight + 60], "a")
    b = camera([midnight - 60, midnight + 120], "b")
    made = plan(facts(a, b, min_free=FreeSpace(bytes=25), disks={0: Disk("/hls", 100, 0)}))
    assert [verdicts(made, n) for n in (0, 1)] == [[FREE_SPACE, FREE_SPACE], [FREE_SPACE, KEPT]]


@pytest.mark.parametrize(("free", "taken"), [(50, 0), (49, 1), (45, 1), (44, 2), (0, 6)])
def test_free_space_takes_a_tenth_more_than_it_must(free: int, taken: int) -> None:
    made = plan(
        facts(
            camera([NOW - n * HOUR for n in range(10, 0, -1)]),
            min_free=FreeSpace(percent=5),
            disks={0: Disk("/hls", 1000, free)},
        )
    )
    assert verdicts(made) == [FREE_SPACE] * taken + [KEPT] * (10 - taken)


def test_what_other_rules_take_counts_for_the_free_space() -> None:
    made = plan(
        facts(camera([NOW - 40 * DAY, NOW - HOUR]), min_free=FreeSpace(bytes=50), disks={0: Disk("/hls", 1000, 40)})
    )
    assert verdicts(made) == [AGE, KEPT]


def test_a_short_disk_costs_no_recording_on_another() -> None:
    disks = {1: Disk("/hls", 1000, 45), 2: Disk("/hls/far/recordings", 1000, 500)}
    near, far = camera([NOW - HOUR], "near", disk=1), camera([NOW - 9 * HOUR], "far", disk=2)
    made = plan(facts(near, far, min_free=FreeSpace(bytes=50), disks=disks))
    assert [verdicts(made, n) for n in (0, 1)] == [[FREE_SPACE], [KEPT]]


def test_one_camera_alone_is_cleaned_by_its_own_limits() -> None:
    made = plan(
        replace(
            facts(
                camera([NOW - 40 * DAY, NOW - 2 * HOUR, NOW - HOUR], max_size=10),
                max_size=1,
                min_free=FreeSpace(bytes=100),
                disks={0: Disk("/hls", 1000, 0)},
            ),
            whole=False,
        )
    )
    assert verdicts(made) == [AGE, CAMERA_SIZE, KEPT]


# ---- brakes


def test_a_rule_that_takes_too_much_of_a_camera_is_refused_and_age_goes_on() -> None:
    starts = [NOW - 40 * DAY, *(NOW - n * HOUR for n in range(9, 0, -1))]
    asked = facts(camera(starts, max_size=40), camera(starts, "other"), most_deleted=40)
    made = plan(asked)
    assert verdicts(made) == [AGE] + [REFUSED] * 5 + [KEPT] * 4
    assert brakes(made) == [("share", "front")]
    assert "50 % of the recordings of front" in made.refusals[0].reason and "--force" in made.refusals[0].reason
    forced = plan(asked, force=True)
    assert verdicts(forced) == [AGE] + [CAMERA_SIZE] * 5 + [KEPT] * 4
    assert forced.refusals == ()


def test_shares_of_several_rules_add_up() -> None:
    starts = [NOW - n * HOUR for n in range(10, 0, -1)]
    made = plan(facts(camera(starts, max_size=70), max_size=40, most_deleted=50))
    assert verdicts(made) == [CAMERA_SIZE] * 3 + [REFUSED] * 3 + [KEPT] * 4
    assert brakes(made) == [("share", None)]


def test_the_share_is_each_cameras_own() -> None:
    """A tenth of all bytes, but all of a small camera's."""
    small = camera([NOW - 99 * HOUR], "small", size=10)
    big = camera([NOW - n * HOUR for n in range(9, 0, -1)], "big", size=10)
    made = plan(facts(small, big, max_size=90, most_deleted=50))
    assert brakes(made) == [("share", None)]
    assert "100 % of the recordings of small" in made.refusals[0].reason


def test_a_full_disk_is_rescued_though_the_rule_of_free_space_is_refused() -> None:
    """min_free was set to half of the disk by mistake: one percent is kept free, not half."""
    starts = [NOW - n * HOUR for n in range(100, 0, -1)]
    asked = facts(camera(starts), min_free=FreeSpace(percent=50), most_deleted=30, disks={0: Disk("/hls", 1000, 3)})
    made = plan(asked)
    assert verdicts(made) == [FREE_SPACE] + [REFUSED] * 49 + [KEPT] * 50
    assert brakes(made) == [("share", None)]
    still_room = plan(replace(asked, disks={0: Disk("/hls", 1000, 20)}))
    assert FREE_SPACE not in verdicts(still_room)
    assert brakes(still_room) == [("share", None)]


@pytest.mark.parametrize(
    ("cleaned_at", "said"),
    [
        (NOW - 365 * DAY, "365 days after the last cleanup"),
        (NOW - 10 * DAY - 1, "10 days after the last cleanup"),
        (NOW + 3 * DAY, "3 days before the last cleanup"),
        (NOW + HOUR + 1, "1 hours before the last cleanup"),
    ],
)
def test_a_clock_that_jumped_stops_age_alone(cleaned_at: float, said: str) -> None:
    starts = [NOW - 40 * DAY, NOW - 2 * HOUR, NOW - HOUR]
    asked = facts(camera(starts, max_size=20), cleaned_at=cleaned_at)
    made = plan(asked)
    assert verdicts(made) == [CAMERA_SIZE, KEPT, KEPT]
    assert brakes(made) == [("clock", None)] and said in made.refusals[0].reason
    assert verdicts(plan(asked, force=True)) == [AGE, KEPT, KEPT]


@pytest.mark.parametrize("cleaned_at", [NOW - 9 * DAY, NOW, NOW + 3500])
def test_a_clock_that_went_as_usual_is_believed(cleaned_at: float) -> None:
    assert brakes(plan(facts(camera([NOW - 40 * DAY]), cleaned_at=cleaned_at))) == []


def test_before_the_first_cleanup_the_newest_recording_tells_of_a_jump() -> None:
    assert brakes(plan(facts(camera([NOW - 40 * DAY]), cleaned_at=None))) == [("clock", None)]
    assert brakes(plan(facts(camera([NOW - 40 * DAY, NOW - HOUR]), cleaned_at=None))) == []


def test_a_jump_by_which_nothing_expires_is_nobodys_trouble() -> None:
    assert brakes(plan(facts(camera([NOW - HOUR]), cleaned_at=NOW - 365 * DAY))) == []


def test_a_clock_that_jumped_ahead_does_not_stop_the_rescue_of_a_full_disk() -> None:
    starts = [NOW - 40 * DAY + n * HOUR for n in range(4)]
    made = plan(
        facts(camera(starts), cleaned_at=NOW - 300 * DAY, min_free=FreeSpace(bytes=18), disks={0: Disk("/hls", 100, 0)})
    )
    assert verdicts(made) == [FREE_SPACE] * 2 + [REFUSED] * 2


def test_a_camera_whose_footage_lies_in_the_future_is_refused_and_no_other() -> None:
    ahead = camera([NOW - 40 * DAY, NOW - HOUR, *(NOW + n * DAY for n in range(1, 5))], "ahead", max_size=10)
    other = camera([NOW - 40 * DAY], "other")
    asked = facts(ahead, other)
    made = plan(asked)
    assert verdicts(made, 0) == [REFUSED, KEPT] + [FUTURE] * 4
    assert verdicts(made, 1) == [AGE]
    assert brakes(made) == [("future", "ahead")]
    forced = plan(asked, force=True)
    assert verdicts(forced, 0) == [AGE, KEPT] + [CAMERA_SIZE] * 4
    assert (forced.shortfalls, forced.notes) == ((), ())


def test_no_policy_at_all_deletes_nothing_not_even_by_force() -> None:
    made = plan(facts(camera([NOW - 40 * DAY], days=0)), force=True)
    assert (verdicts(made), brakes(made)) == ([REFUSED], [("policy", "front")])


def test_a_doubtful_storage_loses_nothing_not_even_when_full() -> None:
    asked = replace(
        facts(
            camera([NOW - 40 * DAY, NOW - HOUR], max_size=1),
            max_size=1,
            min_free=FreeSpace(bytes=50),
            disks={0: Disk("/hls", 100, 0)},
        ),
        storage_doubt="it is another one",
    )
    made = plan(asked)
    assert verdicts(made) == [REFUSED, KEPT]
    assert brakes(made) == [("storage", None)]
    assert verdicts(plan(asked, force=True)) == [AGE, CAMERA_SIZE]


def test_what_the_brake_of_the_share_would_refuse_is_not_taken_beyond_need() -> None:
    """Half of the recordings are allowed, and needed; the tenth beyond is not worth a refusal."""
    starts = [NOW - n * HOUR for n in range(10, 0, -1)]
    made = plan(facts(camera(starts), min_free=FreeSpace(bytes=50), most_deleted=50, disks={0: Disk("/hls", 100, 0)}))
    assert verdicts(made) == [FREE_SPACE] * 5 + [KEPT] * 5
    assert made.refusals == ()


# ---- a clock that was set back, and right again


TRUE = [NOW - n * DAY for n in range(9, -1, -1)]
YEAR_2000 = parse_instant("2000-01-01T00:00:00+01:00")
DOUBTED = [YEAR_2000 + n * HOUR for n in range(3)]


def set_back(name: str = "front", **more: Any) -> Inventory:
    """Ten days of true footage; then the clock fell to the year 2000, and three recordings were made."""
    seen = replace(camera(DOUBTED + TRUE, name), oldest=TRUE[0])
    return facts(seen, cleaned_at=NOW, now=YEAR_2000 + 3 * HOUR, **more)


def test_with_the_clock_set_back_free_space_takes_true_footage_oldest_first_and_the_new_last() -> None:
    short = set_back(min_free=FreeSpace(bytes=50), disks={0: Disk("/hls", 1000, 0)})
    assert verdicts(plan(short)) == [KEPT] * 3 + [FREE_SPACE] * 6 + [KEPT] * 4
    shorter = set_back(min_free=FreeSpace(bytes=105), disks={0: Disk("/hls", 1000, 0)})
    assert verdicts(plan(shorter)) == [FREE_SPACE] * 2 + [KEPT] + [FREE_SPACE] * 10


def test_with_the_clock_right_again_age_refuses_what_the_wrong_clock_dated() -> None:
    right = replace(set_back(), now=NOW + HOUR)
    made = plan(right)
    assert verdicts(made) == [REFUSED] * 3 + [KEPT] * 10
    assert brakes(made) == [("past", "front")]
    assert "front has 3 recordings (30 B) dated before everything that" in made.refusals[0].reason
    forced = plan(right, force=True)
    assert verdicts(forced) == [AGE] * 3 + [KEPT] * 10
    assert forced.refusals == ()


def test_a_brake_of_the_past_holds_back_no_other_age() -> None:
    seen = replace(camera([*DOUBTED, NOW - 40 * DAY, NOW - HOUR]), oldest=NOW - 40 * DAY)
    assert verdicts(plan(facts(seen))) == [REFUSED] * 3 + [AGE, KEPT]


def test_a_shorter_retention_and_a_released_hold_are_no_past() -> None:
    seen = replace(camera([NOW - 400 * DAY, NOW - 20 * DAY, NOW - HOUR], days=7), oldest=NOW - 400 * DAY)
    made = plan(facts(seen))
    assert (verdicts(made), made.refusals) == ([AGE, AGE, KEPT], ())


# ---- footage dated in the future and a short disk


AHEAD = [NOW + n * DAY for n in range(1, 5)]
SHORT_DISK = {0: Disk("/hls", 1000, 0)}


@pytest.mark.parametrize(("least", "ahead", "newest"), [(9, 0, 0), (18, 1, 0), (45, 4, 0), (54, 4, 1)])
def test_a_short_disk_loses_the_future_before_the_newest_day(least: int, ahead: int, newest: int) -> None:
    """A recording is 10 bytes, and one is older than a day."""
    starts = [NOW - 40 * HOUR, NOW - 2 * HOUR, NOW - HOUR, *AHEAD]
    made = plan(facts(camera(starts), min_free=FreeSpace(bytes=least), disks=SHORT_DISK))
    lost = [FREE_SPACE] * newest + [KEPT] * (2 - newest) + [FREE_SPACE] * ahead + [FUTURE] * (4 - ahead)
    assert verdicts(made) == [FREE_SPACE, *lost]


def test_force_takes_the_future_first() -> None:
    starts = [NOW - 3 * HOUR, NOW - 2 * HOUR, *AHEAD]
    made = plan(facts(camera(starts), min_free=FreeSpace(bytes=28), disks=SHORT_DISK), force=True)
    assert verdicts(made) == [KEPT, KEPT] + [FREE_SPACE] * 3 + [FUTURE]
    assert "front has 1 recording (10 B) dated in the future" in made.notes[0]


# ---- what a plan says


def test_counts_and_phrases() -> None:
    old = NOW - 40 * DAY
    asked = facts(camera([old, old + 60, old + 120, NOW - HOUR], days=7, max_size=2000, holds=[hold(old, old + 60)]))
    made = plan(asked)
    assert made.cameras[0].counts(0) == {HELD: Count(1, 10), AGE: Count(2, 20)}
    assert made.cameras[0].counts(1) == {KEPT: Count(1, 10)}
    front = made.cameras[0].facts
    limits = RetentionRules(5_000_000_000_000, FreeSpace(percent=5), 50)
    assert [phrase(verdict, front, limits) for verdict in Verdict if verdict.deletes] == [
        "older than 7 days",
        "over 2.0 kB of this camera",
        "over 5.0 TB of all cameras",
        "less than 5% of the disk free",
        "less than 5% of the disk free, and not in the journal",
    ]
    assert phrase(HELD, front, limits) == "on hold"


def test_a_plan_is_the_same_again() -> None:
    asked = facts(camera([NOW - n * DAY for n in range(60)], max_size=100), max_size=90, min_free=FreeSpace(bytes=5))
    assert plan(asked) == plan(asked)


# ---- recordings that no journal knows


OLD_DAY = "2026-10-01"
KEPT_UNKNOWN, TAKEN = Verdict.UNJOURNALLED, Verdict.UNJOURNALLED_SPACE


def with_unknown(known: CameraInventory, count: int, *holds: HoldEntry) -> CameraInventory:
    """The same camera with so many old files of 10 bytes that its journals do not know."""
    start = parse_instant(f"{OLD_DAY}T10:00:00+02:00")
    unknown = [BriefSegment(f"10/{n:02d}.ts", start + 60 * n, 60.0, 10) for n in range(count)]
    held = [replace(day, holds=(*day.holds, *holds)) for day in known.days]
    return replace(known, days=(make_day(OLD_DAY, (), (), unknown), *held))


@pytest.mark.parametrize(
    ("free", "share", "force", "expected"),
    [
        pytest.param(
            100, 50, False, [KEPT_UNKNOWN] * 4 + [KEPT] * 2, id="room enough: neither age nor sizes take them"
        ),
        pytest.param(80, 100, False, [KEPT_UNKNOWN] * 4 + [FREE_SPACE] * 2, id="all that is journalled goes first"),
        pytest.param(70, 100, False, [TAKEN] + [KEPT_UNKNOWN] * 3 + [FREE_SPACE] * 2, id="then the oldest of them"),
        pytest.param(0, 100, False, [TAKEN] * 4 + [FREE_SPACE] * 2, id="all of them, if the disk is that short"),
        pytest.param(70, 60, False, [KEPT_UNKNOWN] * 4 + [REFUSED] * 2, id="a brake keeps them, too"),
        pytest.param(70, 60, True, [TAKEN] + [KEPT_UNKNOWN] * 3 + [FREE_SPACE] * 2, id="but not with force"),
    ],
)
def test_what_no_journal_knows_goes_after_older_footage_and_by_free_space_alone(
    free: int, share: int, force: bool, expected: List[Verdict]
) -> None:
    front = with_unknown(camera([NOW - 3 * DAY, NOW - 2 * DAY], max_size=20), 4)
    disks = {0: Disk("/hls", 1000, free)}
    made = plan(facts(front, max_size=20, min_free=FreeSpace(bytes=100), most_deleted=share, disks=disks), force=force)
    assert verdicts(made) == expected


def test_of_two_cameras_all_that_is_journalled_goes_before_what_is_not() -> None:
    front, yard = with_unknown(camera([NOW - 3 * DAY]), 2), camera([NOW - 2 * DAY], name="yard")
    made = plan(facts(front, yard, min_free=FreeSpace(bytes=30), disks={0: Disk("/hls", 1000, 0)}))
    assert (verdicts(made, 0), verdicts(made, 1)) == ([TAKEN, KEPT_UNKNOWN, FREE_SPACE], [FREE_SPACE])


def test_the_newest_day_goes_after_what_no_journal_knows() -> None:
    front = with_unknown(camera([NOW - 2 * DAY, NOW - HOUR]), 2)
    for free, expected in (
        (80, [KEPT_UNKNOWN] * 2 + [FREE_SPACE, KEPT]),
        (70, [TAKEN, KEPT_UNKNOWN, FREE_SPACE, KEPT]),
        (50, [TAKEN] * 2 + [FREE_SPACE] * 2),
    ):
        made = plan(facts(front, min_free=FreeSpace(bytes=90), disks={0: Disk("/hls", 1000, free)}))
        assert verdicts(made) == expected


def test_of_unknown_recordings_alone_the_brake_leaves_the_rescue() -> None:
    front = with_unknown(camera([]), 4)
    made = plan(facts(front, min_free=FreeSpace(bytes=900), most_deleted=50, disks={0: Disk("/hls", 1000, 0)}))
    assert brakes(made) == [("share", None)]
    assert verdicts(made) == [TAKEN, *[KEPT_UNKNOWN] * 3]  # one percent of the disk are 10


def test_a_hold_that_stands_in_another_journal_keeps_them() -> None:
    start = parse_instant(f"{OLD_DAY}T10:01:00+02:00")
    front = with_unknown(camera([NOW - HOUR]), 3, hold(start, start + 60))
    made = plan(facts(front, min_free=FreeSpace(bytes=500), disks={0: Disk("/hls", 1000, 0)}))
    assert verdicts(made) == [TAKEN, HELD, TAKEN, FREE_SPACE]


def test_unknown_recordings_say_nothing_of_the_clock() -> None:
    future = make_day("2030-01-01", (), (), [BriefSegment("10/00.ts", NOW + 1000 * DAY, 60.0, 10)])
    front = replace(camera([NOW - HOUR]), days=(*camera([NOW - HOUR]).days, future))
    made = plan(facts(front, cleaned_at=None))
    assert (verdicts(made), brakes(made)) == ([KEPT, KEPT_UNKNOWN], [])


def test_unknown_recordings_are_told_with_their_days_bytes_and_cure() -> None:
    (note,) = plan(facts(with_unknown(camera([NOW - HOUR]), 4))).notes
    assert note.startswith("front has 4 recordings of 2026-10-01 (40 B) that its journal does not know, because it was")
    assert "restore journal.jsonl from a backup" in note


# ---- a year


MINUTES = 30  # of one recording here


def day_of_recordings(day: date) -> List[BriefSegment]:
    """A local day of Berlin, 23, 24 or 25 hours, in recordings of half an hour; names as the archive gives them."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=BERLIN).timestamp()
    tomorrow = day + timedelta(days=1)
    end = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=BERLIN).timestamp()
    found: Dict[str, BriefSegment] = {}
    start = midnight
    while start < end:
        local = local_time(start, BERLIN)
        name = f"{local:%H/%M}.ts"
        name = name if name not in found else f"{local:%H/%M}-1.ts"
        found[name] = BriefSegment(name, start, MINUTES * 60.0, 1)
        start += MINUTES * 60
    return list(found.values())


def test_the_days_of_the_simulation_are_those_of_the_zone() -> None:
    counts = [len(day_of_recordings(date(2026, *day))) for day in ((3, 29), (6, 1), (10, 25))]
    assert counts == [46, 48, 50]
    assert "02/30-1.ts" in {segment.file for segment in day_of_recordings(date(2026, 10, 25))}
    assert not any(segment.file.startswith("02") for segment in day_of_recordings(date(2026, 3, 29)))


def test_a_year_day_by_day_keeps_exactly_what_the_retention_says() -> None:
    """Two cameras, 30 and 7 days, cleaned up every day at local noon, one hold from the hour that comes twice."""
    days_kept = {"long": 30, "short": 7}
    held = hold(parse_instant("2026-10-25T02:30:00+02:00"), parse_instant("2026-10-25T02:30:00+01:00"))
    there: Dict[str, Dict[str, List[BriefSegment]]] = {name: {} for name in days_kept}
    lost: Dict[str, int] = dict.fromkeys(days_kept, 0)
    made_at: Optional[float] = None
    oldest: Dict[str, Optional[float]] = dict.fromkeys(days_kept)
    recorded = 0
    day = date(2026, 1, 1)
    while day <= date(2026, 12, 31):
        now = datetime(day.year, day.month, day.day, 12, tzinfo=BERLIN).timestamp()
        fresh = [segment for segment in day_of_recordings(day) if segment.start + segment.duration <= now]
        yesterday = day - timedelta(days=1)
        for by_day in there.values():
            by_day[day.isoformat()] = fresh
            if day > date(2026, 1, 1):
                kept = {segment.file: segment for segment in by_day.get(yesterday.isoformat(), [])}
                afternoon = [s for s in day_of_recordings(yesterday) if s.start + s.duration > now - 25 * HOUR]
                kept.update({s.file: s for s in afternoon})
                by_day[yesterday.isoformat()] = list(kept.values())
        recorded += len(day_of_recordings(day))
        cameras = tuple(
            replace(
                camera([], name, days=keep),
                days=tuple(make_day(d, s, [held]) for d, s in sorted(there[name].items())),
                oldest=oldest[name],
            )
            for name, keep in days_kept.items()
        )
        oldest = {each.camera_id: min(s.start for s in there[each.camera_id][each.days[0].date]) for each in cameras}
        made = plan(facts(*cameras, cleaned_at=made_at, now=now, min_free=FreeSpace(percent=5)))
        made_at = now
        assert made.refusals == () and made.shortfalls == () and made.notes == ()
        for camera_plan in made.cameras:
            name = camera_plan.facts.camera_id
            cutoff = now - days_kept[name] * DAY
            for index, planned in enumerate(camera_plan.facts.days):
                stays = []
                for segment, verdict in zip(there_in_order(planned.date, there[name]), camera_plan.verdicts[index]):
                    end = segment.start + segment.duration
                    covered = segment.start < held.end and end > held.start
                    expected = HELD if covered else AGE if end <= cutoff else KEPT
                    assert Verdict(verdict) is expected, (day, name, segment)
                    if Verdict(verdict).deletes:
                        lost[name] += 1
                    else:
                        stays.append(segment)
                there[name][planned.date] = stays
                if not stays:
                    del there[name][planned.date]
        day += timedelta(days=1)
    left = {name: sum(map(len, by_day.values())) for name, by_day in there.items()}
    held_left = [s.file for s in there["short"]["2026-10-25"]]
    assert held_left == ["02/30.ts", "02/00-1.ts"]  # the first 02:30, until the second 02:30 begins
    # at noon of the last day: N times 24 h, and the held hour
    assert left == {name: 48 * keep + 2 for name, keep in days_kept.items()}
    assert {name: lost[name] + left[name] for name in lost} == dict.fromkeys(days_kept, recorded - 24)


def there_in_order(day: str, by_day: Mapping[str, List[BriefSegment]]) -> List[BriefSegment]:
    return sorted(by_day[day], key=lambda segment: segment.start)


def test_a_year_on_a_small_disk_never_fills_it_and_keeps_the_newest() -> None:
    """No age would ever come: each day brings 48 units of each of two cameras, and the disk has room for 1000."""
    kept: Dict[str, List[BriefSegment]] = {}
    total, least = 1000, FreeSpace(percent=10)
    day, made_at = date(2026, 1, 1), None
    while day <= date(2026, 12, 31):
        kept[day.isoformat()] = day_of_recordings(day)
        tomorrow = day + timedelta(days=1)
        now = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=BERLIN).timestamp()
        used = 2 * sum(map(len, kept.values()))
        days = tuple(make_day(d, s) for d, s in sorted(kept.items()))
        cameras = tuple(CameraInventory(name, 365, None, 0, days) for name in ("a", "b"))
        made = plan(
            facts(
                *cameras,
                min_free=least,
                most_deleted=50,
                disks={0: Disk("/hls", total, total - used)},
                cleaned_at=made_at,
                now=now,
            )
        )
        made_at = now
        assert made.refusals == () and made.shortfalls == ()
        gone = [
            sum((c for v, c in cam.counts(i).items() if v.deletes), NOTHING).files
            for cam in made.cameras
            for i in range(len(days))
        ]
        first, second = gone[: len(days)], gone[len(days) :]
        assert first == second  # both cameras give alike
        assert total - used + sum(gone) == (total - used if total - used >= 100 else 110)
        for planned, count in zip(days, first):
            kept[planned.date] = kept[planned.date][count:]
            if not kept[planned.date]:
                del kept[planned.date]
        day += timedelta(days=1)
    assert sum(map(len, kept.values())) == 445  # a tenth of min_free more is free, for two cameras
    assert min(kept) == "2026-12-22"
