"""The system under test: three cameras, a fixed clock, and a runtime that does not supervise."""

from __future__ import annotations

from pathlib import Path
from typing import AsyncIterator

import httpx
import pytest

from cctv_cli.api.app import create_app
from cctv_cli.core.config.settings import Camera, RtspSource, Settings
from cctv_cli.core.runtime import Runtime
from cctv_cli.core.units import Secret
from tests.support.storage_tree import CameraTree, FixedClock, instant

PASSWORD = "s3cret:pa/ss@%"
NOW = "2026-07-14T15:30:00+02:00"
LOCAL = "http://127.0.0.1:8000"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(instant(NOW))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    source = RtspSource("192.168.1.100", 554, "/Streaming/Channels/101", "admin", Secret(PASSWORD))
    return Settings(
        cameras=(
            Camera("front", "Front Entrance", source),
            Camera("yard", "Yard", source),
            Camera("attic", "Attic", source, enabled=False),
        ),
        storage=tmp_path / "hls",
        timezone="Europe/Berlin",
    )


@pytest.fixture
def runtime(settings: Settings, clock: FixedClock) -> Runtime:
    return Runtime(settings, clock=clock)


@pytest.fixture
def front(settings: Settings) -> CameraTree:
    return CameraTree(settings, "front")


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    """A client that the API takes for one on this machine."""
    transport = httpx.ASGITransport(create_app(runtime), client=("127.0.0.1", 50000), raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url=LOCAL, headers={"Accept-Encoding": "identity"}
    ) as client:
        yield client
