from __future__ import annotations

import asyncio
import json
import threading
from datetime import datetime, timedelta
from typing import AsyncIterator, List, Optional

import httpx
import pytest

from cctv_cli.api.models import RecordingsModel
from cctv_cli.api.recordings import read_ahead
from cctv_cli.core.clock import zone
from cctv_cli.core.footage.catalog import Catalog
from cctv_cli.core.runtime import Runtime
from cctv_cli.core.storage.entries import ClockEntry
from cctv_cli.core.storage.journal import Journal
from tests.support.storage_tree import CameraTree, instant
from tests.support.waiting import HANG

pytestmark = pytest.mark.anyio


def write_two_days(front: CameraTree) -> None:
    front.record("2026-07-13T23:59:00+02:00", 60)
    front.record("2026-07-14T00:00:00+02:00", 60)
    front.miss("2026-07-14T14:41:00+02:00", "stopped", "an operator stopped the camera")
    front.record("2026-07-14T14:41:00+02:00", 20)
    front.record("2026-07-14T14:41:30+02:00", 30)


async def test_days_are_listed_newest_first_with_hours_sums_and_gaps(
    client: httpx.AsyncClient, front: CameraTree
) -> None:
    write_two_days(front)
    response = await client.get("/recordings/front")
    assert response.status_code == 200
    answer = response.json()
    assert answer["camera_id"] == "front"
    today, yesterday = answer["days"]
    assert (today["date"], today["segments"], today["seconds"]) == ("2026-07-14", 3, 110.0)
    assert [(hour["starts_at"], hour["ends_at"]) for hour in today["hours"]] == [
        ("2026-07-14T00:00:00.000+02:00", "2026-07-14T00:01:00.000+02:00"),
        ("2026-07-14T14:41:00.000+02:00", "2026-07-14T14:42:00.000+02:00"),
    ]
    files = [front.layout.day("2026-07-14") / name for name in ("00/00.ts", "14/41.ts", "14/41-1.ts")]
    assert today["bytes"] == sum(file.stat().st_size for file in files)
    assert [(hour["hour"], hour["segments"], hour["seconds"]) for hour in today["hours"]] == [
        ("00", 1, 60.0),
        ("14", 2, 50.0),
    ]
    assert [(gap["start"], gap["seconds"], gap["cause"], gap["detail"]) for gap in today["gaps"]] == [
        ("2026-07-14T00:01:00.000+02:00", 14 * 3600 + 40 * 60.0, "stopped", "an operator stopped the camera"),
        ("2026-07-14T14:41:20.000+02:00", 10.0, "unknown", ""),
    ]
    assert today["missing_seconds"] == sum(gap["seconds"] for gap in today["gaps"])
    assert yesterday["date"] == "2026-07-13"
    assert (yesterday["segments"], yesterday["gaps"], yesterday["missing_seconds"]) == (1, [], 0.0)
    assert "recordings" not in today


async def test_a_day_tells_when_the_clock_was_set(client: httpx.AsyncClient, front: CameraTree) -> None:
    front.record("2026-07-14T14:41:00+02:00", 20)
    at = instant("2026-07-14T13:41:20+02:00")
    Journal(front.layout.journal("2026-07-14")).append(ClockEntry(at, 0.0, -3600.0), zone("Europe/Berlin"))
    (day,) = (await client.get("/recordings/front?date=2026-07-14")).json()["days"]
    assert day["clock_steps"] == [{"at": "2026-07-14T13:41:20.000+02:00", "seconds": -3600.0}]


async def test_every_url_of_the_list_is_served(client: httpx.AsyncClient, front: CameraTree) -> None:
    write_two_days(front)
    days = (await client.get("/recordings/front")).json()["days"]
    playlists = [hour["playlist_url"] for day in days for hour in day["hours"]]
    assert len(playlists) == 3
    for url in playlists:
        playlist = await client.get(url)
        assert playlist.status_code == 200
        names = [line for line in playlist.text.splitlines() if line and not line.startswith("#")]
        assert names
        for name in names:
            assert (await client.get(url.rpartition("/")[0] + "/" + name)).status_code == 200


async def test_a_day_has_its_segments_in_order_of_time(client: httpx.AsyncClient, front: CameraTree) -> None:
    write_two_days(front)
    days = (await client.get("/recordings/front", params={"date": "2026-07-14"})).json()["days"]
    assert [day["date"] for day in days] == ["2026-07-14"]
    assert [(r["url"], r["start"], r["seconds"]) for r in days[0]["recordings"]] == [
        ("/recordings/front/2026-07-14/00/00.ts", "2026-07-14T00:00:00.000+02:00", 60.0),
        ("/recordings/front/2026-07-14/14/41.ts", "2026-07-14T14:41:00.000+02:00", 20.0),
        ("/recordings/front/2026-07-14/14/41-1.ts", "2026-07-14T14:41:30.000+02:00", 30.0),
    ]
    for recording in days[0]["recordings"]:
        segment = await client.get(recording["url"])
        assert (segment.status_code, len(segment.content)) == (200, recording["bytes"])


async def test_the_repeated_hour_in_autumn_differs_by_its_offset(client: httpx.AsyncClient, front: CameraTree) -> None:
    front.record("2026-10-25T02:10:00+02:00", 60)
    front.record("2026-10-25T02:10:00+01:00", 60)
    (day,) = (await client.get("/recordings/front", params={"date": "2026-10-25"})).json()["days"]
    starts = [datetime.fromisoformat(recording["start"]) for recording in day["recordings"]]
    assert starts[1] - starts[0] == timedelta(hours=1)
    assert [recording["url"].rpartition("/")[2] for recording in day["recordings"]] == ["10.ts", "10-1.ts"]
    (gap,) = day["gaps"]
    assert gap["seconds"] == 59 * 60.0
    hour = await client.get("/recordings/front/2026-10-25/02/playlist.m3u8")
    assert [line for line in hour.text.splitlines() if not line.startswith("#")] == ["10.ts", "10-1.ts"]
    assert "#EXT-X-DISCONTINUITY\n" in hour.text


async def test_a_camera_that_never_recorded_has_no_days(client: httpx.AsyncClient) -> None:
    for camera_id in ("front", "attic"):
        response = await client.get(f"/recordings/{camera_id}")
        assert (response.status_code, response.json()) == (200, {"camera_id": camera_id, "days": []})


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/recordings/nosuch", 404, "No camera 'nosuch' is configured; known: front, yard, attic."),
        ("/recordings/nosuch?date=2026-07-14", 404, "No camera 'nosuch' is configured; known: front, yard, attic."),
        (
            "/recordings/front?date=2026-07-12",
            404,
            "Camera front recorded nothing on 2026-07-12; request the list of days.",
        ),
        ("/recordings/front?date=today", 422, "'today' is not a date; write it as YYYY-MM-DD."),
        ("/recordings/front?date=2026-02-30", 422, "'2026-02-30' is not a date; write it as YYYY-MM-DD."),
        ("/recordings/front?date=", 422, "'' is not a date; write it as YYYY-MM-DD."),
        ("/recordings/front?before=now", 422, "'now' is not a date; write it as YYYY-MM-DD."),
        (
            "/recordings/front?limit=0",
            422,
            "The query parameter limit cannot be read: Input should be greater than or equal to 1.",
        ),
    ],
)
async def test_a_404_has_one_sentence(
    client: httpx.AsyncClient, front: CameraTree, path: str, status: int, detail: str
) -> None:
    write_two_days(front)
    response = await client.get(path)
    assert (response.status_code, response.json()) == (status, {"detail": detail})


@pytest.mark.parametrize(
    "date", ["2026-07-14%0a", "../2026-07-14", "2026-07-14/14", "٢٠٢٦-07-14", "2026-7-14", "." * 999]
)
async def test_a_hostile_date_is_refused(client: httpx.AsyncClient, front: CameraTree, date: str) -> None:
    write_two_days(front)
    response = await client.get(f"/recordings/front?date={date}")
    assert response.status_code == 422
    assert response.json()["detail"].endswith("is not a date; write it as YYYY-MM-DD.")


async def test_unknown_lines_and_invalid_names_are_ignored(client: httpx.AsyncClient, front: CameraTree) -> None:
    entry = front.record("2026-07-14T14:41:00+02:00", 20)
    journal = front.layout.journal("2026-07-14")
    known = json.loads(journal.read_bytes().splitlines()[-1])
    with journal.open("a", encoding="utf-8", newline="\n") as file:
        for name in ("../../../secret.ts", "14/../../secret.ts", "/etc/passwd", "24/00.ts", "14/41.ts\n"):
            file.write(json.dumps({**known, "file": name}) + "\n")
        file.write(json.dumps({**known, "type": "hold"}) + "\n")
        file.write('{"type": "segment", "start": "2026-07-14T1')  # torn by a crash
    (day,) = (await client.get("/recordings/front?date=2026-07-14")).json()["days"]
    assert [recording["url"] for recording in day["recordings"]] == [f"/recordings/front/2026-07-14/{entry.file}"]
    assert (day["segments"], day["bytes"], day["hours"][0]["bytes"]) == (1, entry.bytes, entry.bytes)


async def test_the_list_grows_with_the_journal(client: httpx.AsyncClient, front: CameraTree) -> None:
    front.record("2026-07-14T14:41:00+02:00", 20)
    before = (await client.get("/recordings/front")).json()
    front.record("2026-07-14T14:41:20+02:00", 20)
    after = (await client.get("/recordings/front")).json()
    assert [answer["days"][0]["segments"] for answer in (before, after)] == [1, 2]


async def test_a_minute_that_was_recovered_late_is_listed_in_order_of_time(
    client: httpx.AsyncClient, front: CameraTree
) -> None:
    front.record("2026-07-14T14:42:00+02:00", 20)
    front.record("2026-07-14T14:40:00+02:00", 20)
    (day,) = (await client.get("/recordings/front?date=2026-07-14")).json()["days"]
    starts = [instant(recording["start"]) for recording in day["recordings"]]
    assert starts == sorted(starts)
    hour = (await client.get("/recordings/front/2026-07-14/14/playlist.m3u8")).text
    assert hour.index("40.ts") < hour.index("42.ts")


DAYS = ["2026-07-12", "2026-07-11", "2026-07-10", "2026-07-09", "2026-07-08"]


async def pages(client: httpx.AsyncClient, url: Optional[str]) -> AsyncIterator[List[str]]:
    while url is not None:
        answer = RecordingsModel.model_validate((await client.get(url)).json())
        yield [day.date for day in answer.days]
        url = answer.next_url


async def test_pages_do_not_overlap_while_recording_continues(client: httpx.AsyncClient, front: CameraTree) -> None:
    for day in reversed(DAYS):
        front.record(f"{day}T12:00:00+02:00", 60)
    seen = []
    async for page in pages(client, "/recordings/front?limit=2"):
        seen.append(page)
        front.record(f"2026-07-{12 + len(seen)}T12:00:00+02:00", 60)  # a new day begins meanwhile
    assert seen == [DAYS[:2], DAYS[2:4], DAYS[4:]]


async def test_the_last_page_has_no_next_url_even_if_it_is_full(client: httpx.AsyncClient, front: CameraTree) -> None:
    for day in reversed(DAYS[:2]):
        front.record(f"{day}T12:00:00+02:00", 60)
    assert [page async for page in pages(client, "/recordings/front?limit=2")] == [DAYS[:2]]
    assert "next_url" not in (await client.get("/recordings/front")).json()


async def test_the_answer_agrees_with_its_model(client: httpx.AsyncClient, front: CameraTree) -> None:
    """The answer is not rendered by FastAPI, so nothing else compares it with the response model."""
    write_two_days(front)
    for query in ("", "?limit=1", "?date=2026-07-14"):
        response = await client.get(f"/recordings/front{query}")
        assert response.headers["content-type"] == "application/json"
        model = RecordingsModel.model_validate_json(response.content, strict=True)
        assert model.model_dump(exclude_none=True) == response.json()


def test_a_first_page_is_read_ahead(runtime: Runtime, front: CameraTree, monkeypatch: pytest.MonkeyPatch) -> None:
    front.record("2026-07-14T14:41:00+02:00", 20)
    catalog = Catalog()
    read_ahead(runtime, catalog, threading.Event())
    monkeypatch.setattr(Journal, "read_on", lambda journal, offset: pytest.fail(f"{journal.path} was read again"))
    assert [day.date for day in catalog.days(runtime.layout("front"))] == ["2026-07-14"]


def test_reading_ahead_ends_with_the_server(
    runtime: Runtime, front: CameraTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    front.record("2026-07-14T14:41:00+02:00", 20)
    monkeypatch.setattr(Journal, "read_on", lambda journal, offset: pytest.fail("nobody waits for it any more"))
    ended = threading.Event()
    ended.set()
    read_ahead(runtime, Catalog(), ended)


async def test_too_many_lists_at_once_are_refused(
    client: httpx.AsyncClient, front: CameraTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    proceed = threading.Event()
    monkeypatch.setattr(Catalog, "days", lambda *_, **__: [] if proceed.wait(HANG) else None)
    lists = [asyncio.ensure_future(client.get(f"/recordings/front?limit={limit}")) for limit in range(1, 41)]
    answers = asyncio.as_completed(lists, timeout=HANG)
    refused = [await next(answers) for _ in range(24)]
    assert {(answer.status_code, answer.headers["Retry-After"]) for answer in refused} == {(503, "2")}
    proceed.set()
    assert [(await answer).status_code for answer in answers] == [200] * 16
    assert (await client.get("/recordings/front")).status_code == 200
