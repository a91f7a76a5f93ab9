from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctv_cli.core import records
from cctv_cli.core.clock import LATEST, format_instant, zone
from cctv_cli.core.health import alerts
from cctv_cli.core.health.alerts import Tracked
from cctv_cli.core.health.findings import Finding, Severity
from cctv_cli.core.recording.state import Outage, RecorderState, Run, State
from cctv_cli.core.records import LONGEST_TEXT, MOST_SECONDS, Flag, Instant, NewerFormat, Number, Seconds, Text
from cctv_cli.core.rtsp.login_guard import History, Try
from cctv_cli.core.storage import marker
from cctv_cli.core.storage.entries import DeletionEntry, GapEntry, HoldEntry, ReleaseEntry, SegmentEntry
from cctv_cli.core.storage.marker import Marker

RUN = "0123456789abcdef"
AT = 1_792_888_200.25
FULL: List[Any] = [
    RecorderState(State.RUNNING, "recording", AT, "silent", 3, "h264", "aac", AT, "it was killed", AT, "it fails"),
    Run(
        run=RUN,
        fingerprint="ab",
        started=AT,
        first_live=7,
        pid=4711,
        cause="silent",
        detail="no answer",
        codec="hevc",
        audio="pcmu",
        audio_place=1,
        audio_left_out=True,
        audio_fault="the camera sends none",
        audio_untrusted=AT,
        target_duration=10,
        discontinuity_sequence=2,
        frames_late=1,
        first_time=True,
        begins=0.5,
        anchor=AT,
        anchor_media=12.5,
        anchor_wall=AT,
    ),
    Outage(AT, "silent", "no answer"),
    SegmentEntry("14/41.ts", AT, 60.0, 30_000_000, "ab" * 32, RUN, "000001.ts", 800),
    GapEntry(AT, 60.0, "silent", "no answer"),
    DeletionEntry("14/41.ts", AT, 60.0, 30_000_000, "older than 30 days"),
    HoldEntry("0badcafe", AT, 60.0, "for the police"),
    ReleaseEntry("0badcafe", AT, 60.0),
    Marker("0badcafe", AT, {"front": AT}, ("a problem",), ("yard",)),
    Tracked(Finding("disk", Severity.WARNING, "It is full.", "front"), AT, AT, Severity.WARNING, AT),
    History("0" * 32, (Try(AT, "ab" * 32, "", True, "rtsp://camera/", True),)),
]
EVERY_FIELD = [
    pytest.param(record, field.name, id=f"{type(record).__name__}.{field.name}")
    for record in FULL
    for field in dataclasses.fields(record)
]
NESTED: Any = []
for _ in range(150):
    NESTED = [NESTED]
DAMAGED: Dict[str, Any] = {
    "infinite": float("inf"),
    "not a number": float("nan"),
    "nested": NESTED,
    "huge": 10**400,
    "negative": -(10**12),
    "absurd": 10**19,
    "20,000 letters": "x" * 20_000,
    "an object": {"a": {"b": "object"}},
    "nothing of that type": b"bytes",
}


def values_of(record: Any) -> Dict[str, Any]:
    """The fields as JSON has them."""
    return records.parse(records.encode(record, 1).encode())


@pytest.mark.parametrize("record", FULL, ids=lambda record: type(record).__name__)
def test_a_record_reads_back(record: Any) -> None:
    assert records.decode(type(record), values_of(record)) == record
    assert records.decode(type(record), {**values_of(record), "of a later version": 1}) == record


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize(("record", "name"), EVERY_FIELD)
def test_a_damaged_field_loses_only_its_record_or_item(record: Any, name: str, damaged: Any) -> None:
    found = records.decode(type(record), {**values_of(record), name: damaged})
    assert found is None or getattr(found, name) in ((), {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "dancing"),
        ("reason", None),
        ("reason", 7),
        ("since", "yesterday"),
        ("since", True),
        ("since", -1.0),
        ("since", LATEST * 2),
        ("restarts", "3"),
        ("restarts", 3.5),
        ("restarts", True),
        ("restarts", -1),
    ],
)
def test_types_are_not_guessed(name: str, value: Any) -> None:
    assert records.decode(RecorderState, {**values_of(FULL[0]), name: value}) is None


@pytest.mark.parametrize(
    "run", ["", "x", RUN.upper(), RUN + "0", "../../../../etc/cron", "0" * 300, RUN + "\n", "a\0b"]
)
def test_a_runs_id_is_a_valid_folder_name(run: str) -> None:
    assert records.decode(Run, {**values_of(FULL[1]), "run": run}) is None


@pytest.mark.parametrize("file", ["", "x" * 101, "14/41.ts\0", "14/ü.ts", "14/41.ts\n"])
def test_a_file_has_a_valid_path(file: str) -> None:
    assert records.decode(SegmentEntry, {**values_of(FULL[3]), "file": file}) is None


@pytest.mark.parametrize("value", [0, 7, 1_792_888_200])
def test_a_time_may_be_a_whole_number(value: int) -> None:
    assert records.decode(Outage, {"until": value, "cause": "", "detail": ""}) == Outage(value, "", "")


def test_a_damaged_field_takes_its_default_if_forgiven() -> None:
    values = {"id": "a", "cleaned_at": "yesterday", "problems": ["one"]}
    assert records.decode(Marker, values) is None
    assert records.decode(Marker, values, forgiving=True) == Marker("a", problems=("one",))
    assert records.decode(Marker, {**values, "id": 5}, forgiving=True) is None
    assert records.decode(Marker, {"cleaned_at": 5}, forgiving=True) is None


def test_every_field_has_a_bound() -> None:
    """A field declared as a plain str, int or float would accept any length and size."""
    plain = {"str", "int", "float", "bool", "Optional[str]", "Optional[int]", "Optional[float]"}
    fields = {
        (type(record).__name__, f.name): str(f.type)
        for record in [*FULL, FULL[9].finding, FULL[10].tries[0]]
        for f in dataclasses.fields(record)
    }
    assert {name: kind for name, kind in fields.items() if kind in plain} == {}


@pytest.mark.parametrize("name", [None, "Europe/Berlin", "Pacific/Kiritimati", "Etc/GMT+12", "Africa/Monrovia"])
def test_every_time_that_is_accepted_can_be_shown_with_its_end(name: Optional[str]) -> None:
    for start in (0, LATEST - 1):
        for seconds in (0, MOST_SECONDS):
            entry = records.decode(GapEntry, {"start": start, "duration": seconds, "cause": ""})
            assert entry is not None
            assert format_instant(entry.end, zone(name))


@dataclass(frozen=True)
class Sample:
    text: Text
    at: Instant
    length: Seconds
    number: Number = 0
    on: Flag = False
    maybe: Optional[Instant] = None
    many: Tuple[Text, ...] = ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = [field.name for field in dataclasses.fields(Sample)]


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), JSON))
def test_decoding_any_json_raises_nothing(values: Dict[str, Any]) -> None:
    text = json.dumps(values).encode()
    found = records.decode(Sample, records.parse(text))
    if found is not None:
        assert format_instant(found.at + found.length, zone("Pacific/Kiritimati"))
        assert records.decode(Sample, records.parse(records.encode(found, 1).encode())) == found


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_parsing_any_bytes_raises_nothing(data: bytes) -> None:
    assert isinstance(records.parse(data), dict)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[1]",
        b"null",
        b"\xff\xfe",
        bytes(1000),
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b'{"a": ' + b"9" * 1_000_000 + b"}",
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"a": 1}}',
        b"\xef\xbb\xbf{}",
    ],
    ids=range(12),
)
def test_anything_but_a_json_object_is_an_empty_one(data: bytes) -> None:
    assert records.parse(data) == {}


def test_the_last_of_two_fields_with_the_same_name_counts() -> None:
    assert records.parse(b'{"a": 1, "a": 2}') == {"a": 2}


# ---- writing


@settings(deadline=None)
@given(st.text(), st.integers(0, 3))
def test_cut_texts_read_back(text: str, times: int) -> None:
    long = text * 10**times
    kept = records.bounded(long)
    assert len(kept) <= LONGEST_TEXT
    assert kept.encode().decode() == kept
    if len(long) <= LONGEST_TEXT:
        assert kept == long
    else:
        assert kept.endswith("…")


def test_a_lone_surrogate_is_replaced() -> None:
    assert records.bounded("a\ud800b") == "a?b"


def test_a_text_that_is_too_long_is_cut_with_an_ellipsis() -> None:
    shown = RecorderState(State.RUNNING, "recording", AT, codec="x" * 20_000)
    found = records.decode(RecorderState, values_of(shown))
    assert found == dataclasses.replace(shown, codec="x" * (LONGEST_TEXT - 1) + "…")
    kept = Marker("a", oldest={"y" * 20_000: 5.0}, problems=("x" * 20_000,))
    again = records.decode(Marker, values_of(kept))
    assert again is not None
    assert [len(problem) for problem in again.problems] == [LONGEST_TEXT]


# ---- versions


@pytest.mark.parametrize(
    ("values", "version"),
    [({}, 1), ({"version": 1}, 1), ({"version": 7}, 7), ({"version": "7"}, 1), ({"version": True}, 1)],
)
def test_a_format_without_a_version_is_the_first(values: Dict[str, Any], version: int) -> None:
    assert records.version_of(values) == version


def test_a_newer_format_is_refused_with_its_file_and_the_cure() -> None:
    records.refuse_newer("/hls/.cctv-storage", {"version": 2}, 2)
    with pytest.raises(NewerFormat) as caught:
        records.refuse_newer("/hls/.cctv-storage", {"version": 3}, 2)
    sentence = "/hls/.cctv-storage was written by a newer cctv (format 3); upgrade this cctv, or choose another storage"
    assert str(caught.value) == caught.value.strerror == sentence


def test_files_carry_the_version_of_their_format() -> None:
    assert records.parse(alerts.to_json([FULL[9]]).encode())["version"] == alerts.FORMAT == 1
    assert values_of(FULL[8])["version"] == marker.FORMAT == 1
