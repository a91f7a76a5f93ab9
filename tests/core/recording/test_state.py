from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict

import pytest

from cctv_cli.core.recording.state import FileEnd, RecorderState, Run, State, from_json, to_json

SHOWN = RecorderState(
    State.BACKOFF,
    "the camera refuses connections; check its port and that RTSP is on",
    1792888200.25,
    cause="refused",
    restarts=3,
    codec="h264",
    audio="pcma",
    retry_at=1792888208.0,
)
RUN = Run(
    run="0123456789abcdef",
    fingerprint="fedcba9876543210",
    started=1792888200.25,
    first_live=41,
    pid=4711,
    cause="refused",
    detail="the camera refuses connections",
    codec="h264",
    audio="pcma",
    target_duration=12,
    discontinuity_sequence=2,
    media_sequence=1_795_000_007,
    anchor=1792888199.875,
    anchor_media=60.25,
    anchor_wall=1792888260.5,
)


@pytest.mark.parametrize("state", list(State))
def test_a_state_file_reads_back(state: State) -> None:
    shown = RecorderState(state, "Grund: „Süd“", 1792888200.25)
    assert from_json(RecorderState, json.loads(to_json(shown))) == shown


PAIR = replace(
    RUN,
    end_file=8,
    ends_at=FileEnd(188, 1792888199.5),
    successor=replace(RUN, run="f" * 16, first_file=1, alone_since=1792888200.0),
)


@pytest.mark.parametrize("record", [SHOWN, RUN, PAIR], ids=["state", "run", "two runs"])
def test_every_field_reads_back(record: Any) -> None:
    assert from_json(type(record), json.loads(to_json(record))) == record


def test_a_run_reads_back_before_it_has_a_process() -> None:
    run = Run("0123456789abcdef", "fedcba9876543210", 1792888200.25, 0)
    assert from_json(Run, json.loads(to_json(run))) == run


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "dancing"},
        {"state": None},
        {"state": 7},
        {"since": ...},
        {"reason": ...},
        {"state": ...},
        {"since": "yesterday"},
        {"since": None},
        {"restarts": "many"},
        {"reason": 7},
    ],
    ids=lambda changes: "{}={}".format(*next(iter(changes.items()))),
)
def test_an_incomplete_or_invalid_state_is_none(changes: Dict[str, Any]) -> None:
    values = {**json.loads(to_json(SHOWN)), **changes}
    assert from_json(RecorderState, {name: value for name, value in values.items() if value is not ...}) is None


@pytest.mark.parametrize(
    "changes",
    [{"run": ...}, {"started": ...}, {"first_live": ...}, {"started": "yesterday"}, {"pid": "4711"}, {"run": 7}],
    ids=lambda changes: "{}={}".format(*next(iter(changes.items()))),
)
def test_an_incomplete_or_invalid_run_is_none(changes: Dict[str, Any]) -> None:
    values = {**json.loads(to_json(RUN)), **changes}
    assert from_json(Run, {name: value for name, value in values.items() if value is not ...}) is None


def test_an_instant_may_be_a_whole_number() -> None:
    run = from_json(Run, {**json.loads(to_json(RUN)), "started": 1792888200})
    assert run is not None
    assert run.started == 1792888200


def test_a_missing_file_is_no_state() -> None:
    assert from_json(RecorderState, {}) is None
    assert from_json(Run, {}) is None


def test_fields_of_a_later_version_are_ignored() -> None:
    assert from_json(RecorderState, {**json.loads(to_json(SHOWN)), "mood": "fine"}) == SHOWN
    assert from_json(Run, {**json.loads(to_json(RUN)), "state": "fine"}) == RUN


def test_fields_of_an_earlier_version_are_enough() -> None:
    values = {"state": "running", "reason": "recording", "since": 1792888200.25}
    assert from_json(RecorderState, values) == RecorderState(State.RUNNING, "recording", 1792888200.25)


def test_states_are_the_words_of_the_api() -> None:
    words = ["stopped", "starting", "running", "stalled", "backoff", "auth_failed"]
    assert [state.value for state in State] == words
