"""Damaged files of a camera cost a value, a line or that camera, but never an answer about others."""

from __future__ import annotations

import json
from typing import Any, Dict

import httpx
import pytest

from cctv_cli.core.config.settings import Settings
from cctv_cli.core.recording.state import Run, State, to_json
from cctv_cli.core.storage.entries import GapEntry
from cctv_cli.core.storage.journal import Journal
from tests.api.conftest import NOW
from tests.support.storage_tree import RUN, CameraTree, instant

pytestmark = pytest.mark.anyio

VALUES: Dict[str, str] = {
    "infinite": "1e999",
    "minus infinite": "-1e999",
    "NaN": "NaN",
    "nested": "[" * 50_000 + "]" * 50_000,
    "a list": "[[[1]]]",
    "a text": '"text"',
    "null": "null",
    "huge": "9" * 5000,
    "negative": "-1e12",
    "absurd": "1e300",
    "long": '"' + "x" * 20_000 + '"',
    "year 9999": '"9999-12-31T23:59:59+00:00"',
    "year 1": '"0001-01-01T00:00:00+14:00"',
    "a lone surrogate": '"\\ud800"',
}
LINES = (
    '{"type": "segment", "start": "2026-07-14T10:00:00+02:00", "duration": 60.0, "file": "10/00.ts", '
    '"bytes": 1000, "sha256": "ab", "run": "00c0ffee00c0ffee", "source": "000000.ts", "prev": ""}',
    '{"type": "gap", "start": "2026-07-14T10:01:00+02:00", "duration": 60.0, "cause": "silent", "detail": "x"}',
    '{"type": "deletion", "start": "2026-07-14T10:00:00+02:00", "duration": 60.0, "file": "10/07.ts", '
    '"bytes": 1000, "reason": "old"}',
    '{"type": "hold", "start": "2026-07-14T10:00:00+02:00", "duration": 60.0, "id": "a", "note": ""}',
)
PATHS = (
    "/cameras",
    "/cameras/front",
    "/cameras/yard",
    "/health",
    "/health/metrics",
    "/health/storage",
    "/health/processes",
    "/metrics",
    "/recordings/front",
    "/recordings/front?date=2026-07-14",
    "/recordings/yard",
    "/cleanup/preview",
)


@pytest.fixture
def yard(settings: Settings) -> CameraTree:
    tree = CameraTree(settings, "yard")
    tree.record("2026-07-14T15:00:00+02:00", 60)
    return tree


def damaged(line: str, value: str) -> bytes:
    """The JSON line, repeated with this value in each of its fields in turn."""
    fields: Dict[str, Any] = json.loads(line)
    lines = [json.dumps({**fields, name: "HERE"}).replace('"HERE"', value) for name in fields]
    return "\n".join(lines).encode() + b"\n"


async def request_everything(client: httpx.AsyncClient) -> Dict[str, int]:
    return {path: (await client.get(path)).status_code for path in PATHS}


ALL_IS_WELL = dict.fromkeys(PATHS, 200)


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
async def test_damaged_lines_of_a_journal_cost_only_themselves(
    client: httpx.AsyncClient, front: CameraTree, yard: CameraTree, value: str
) -> None:
    front.record("2026-07-14T14:00:00+02:00", 60)
    front.record("2026-07-14T14:01:00+02:00", 60)
    journal = front.layout.journal("2026-07-14")
    header, first, second = journal.read_bytes().splitlines(keepends=True)
    junk = b"".join(damaged(line, value) for line in LINES)
    journal.write_bytes(header + first + junk + second)
    assert await request_everything(client) == ALL_IS_WELL
    (day,) = (await client.get("/recordings/front?date=2026-07-14")).json()["days"]
    assert {"14/00.ts", "14/01.ts"} <= {each["url"].split("/", 4)[4] for each in day["recordings"]}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("file", ["state", "run"])
async def test_damaged_state_of_a_recorder_costs_no_answer(
    client: httpx.AsyncClient, front: CameraTree, yard: CameraTree, file: str, value: str
) -> None:
    front.record("2026-07-14T14:00:00+02:00", 60)
    front.show(State.RUNNING, "recording", since=instant(NOW) - 60)
    run = to_json(Run(RUN, "", instant(NOW) - 60, 0, pid=1))
    front.layout.run_file.write_text(run)
    path = front.layout.run_file if file == "run" else front.layout.state_file
    for line in damaged(path.read_text(), value).splitlines():
        path.write_bytes(line)
        answers = {name: (await client.get(name)).status_code for name in ("/cameras", "/health/processes", "/metrics")}
        assert set(answers.values()) == {200}, line[:200]
    front.leave()


@pytest.mark.parametrize(
    "data", [bytes(100_000), b"x" * 300_000, b"[" * 300_000], ids=["zeros", "one endless line", "nested lists"]
)
async def test_a_file_that_is_not_json_costs_no_answer(
    client: httpx.AsyncClient, settings: Settings, front: CameraTree, yard: CameraTree, data: bytes
) -> None:
    front.record("2026-07-14T14:00:00+02:00", 60)
    for path in (front.layout.state_file, front.layout.run_file, front.layout.journal("2026-07-13")):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    for name in (".cctv-storage", ".alerts.json"):
        (settings.storage / name).write_bytes(data)
    assert await request_everything(client) == ALL_IS_WELL


async def test_lines_after_an_endless_one_are_read(client: httpx.AsyncClient, front: CameraTree) -> None:
    front.record("2026-07-14T14:00:00+02:00", 60)
    journal = Journal(front.layout.journal("2026-07-14"))
    journal.path.write_bytes(journal.path.read_bytes() + b"x" * 300_000)
    journal.append(GapEntry(instant(NOW) - 60, 5.0, "silent"), None)
    (day,) = (await client.get("/recordings/front")).json()["days"]
    assert [gap["cause"] for gap in day["gaps"]] == ["silent"]
