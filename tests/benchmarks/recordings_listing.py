"""GET /recordings/{camera_id} with 30 days of recordings (43,200): python -m tests.benchmarks.recordings_listing

Prints the milliseconds of the first answer, of one with nothing new, of one after today's journal grew by a line,
and of one day with its 1,440 recordings.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import httpx

from cctv_cli.api.app import create_app
from cctv_cli.core.clock import zone
from cctv_cli.core.config.settings import Camera, DemoSource, Settings
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.runtime import Runtime
from cctv_cli.core.storage.entries import NO_LINE, SegmentEntry, line_hash, render_line
from cctv_cli.core.storage.journal import Journal

ZONE = "Europe/Berlin"
FIRST = datetime(2026, 11, 1, tzinfo=zone(ZONE))
DAYS, MINUTES, ROUNDS = 30, 1440, 20
LAST = (FIRST + timedelta(days=DAYS - 1)).date().isoformat()


def entry(day: datetime, minute: int) -> SegmentEntry:
    """The journal entry of a minute at 4 Mb/s."""
    file = f"{minute // 60:02d}/{minute % 60:02d}.ts"
    start = day.timestamp() + 60 * minute + 0.04
    return SegmentEntry(file, start, 60.0, 30_000_000 + minute, "ab" * 32, "0123456789abcdef", f"{minute:06d}.ts")


def write_journals(layout: CameraLayout) -> None:
    """Write the journals, the last one without its last minutes."""
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        lines, previous = [], NO_LINE
        for minute in range(MINUTES - (ROUNDS if number == DAYS - 1 else 0)):
            lines.append(render_line(entry(day, minute), zone(ZONE), previous) + b"\n")
            previous = line_hash(lines[-1][:-1])
        path = layout.journal(day.date().isoformat())
        path.parent.mkdir(parents=True)
        path.write_bytes(b"".join(lines))


async def milliseconds(client: httpx.AsyncClient, query: str = "") -> float:
    """How long one request takes."""
    begin = time.perf_counter()
    response = await client.get(f"/recordings/front{query}")
    response.raise_for_status()
    return (time.perf_counter() - begin) * 1000


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            cameras=(Camera("front", "Front", DemoSource(tone=False)),), storage=Path(folder), timezone=ZONE
        )
        layout = CameraLayout(Path(folder), "front")
        write_journals(layout)
        transport = httpx.ASGITransport(create_app(Runtime(settings)), client=("127.0.0.1", 50000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            cold = await milliseconds(client)
            warm = [await milliseconds(client) for _ in range(ROUNDS)]
            grown = []
            today = FIRST + timedelta(days=DAYS - 1)
            for minute in range(MINUTES - ROUNDS, MINUTES):
                Journal(layout.journal(LAST)).append(entry(today, minute), zone(ZONE))
                grown.append(await milliseconds(client))
            day = [await milliseconds(client, f"?date={LAST}") for _ in range(ROUNDS)]
    print(
        f"first {cold:.0f} ms, nothing new {median(warm):.1f} ms, one new line {median(grown):.1f} ms, "
        f"worst of these {max(warm + grown):.1f} ms, one day with its recordings {median(day):.1f} ms"
    )


if __name__ == "__main__":
    asyncio.run(main())
