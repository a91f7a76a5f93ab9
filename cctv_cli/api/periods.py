"""What links to a period play. Each period is read once for all requests of a few seconds."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import NamedTuple, Tuple

from cctv_cli.core.access.roles import Period
from cctv_cli.core.disk_threads import DiskThreads
from cctv_cli.core.footage.catalog import Catalog
from cctv_cli.core.footage.period import PlayedPeriod, play
from cctv_cli.core.runtime import Runtime

_FRESH = 5.0  # seconds for which what was read is used
_MOST = 64  # periods that are kept


class _Read(NamedTuple):
    at: float  # monotonic seconds
    found: PlayedPeriod


class Periods:
    """Reads periods on the threads of their disks. Must be used from one event loop."""

    def __init__(self, runtime: Runtime, catalog: Catalog) -> None:
        self._runtime = runtime
        self._catalog = catalog
        self._disks = DiskThreads()
        self._known: OrderedDict[Tuple[str, Period], _Read] = OrderedDict()

    async def get(self, camera_id: str, period: Period) -> PlayedPeriod:
        """What a camera recorded in a period. Raises UnknownCamera, OSError."""
        layout, now = self._runtime.layout(camera_id), self._runtime.clock.monotonic()
        wanted = camera_id, period
        known = self._known.get(wanted)
        if known is not None and now - known.at < _FRESH:
            return known.found
        read = partial(play, self._catalog, layout, *period, self._runtime.tz)
        found = await self._disks.submit(layout.recordings, wanted, read).arrives()
        self._known[wanted] = _Read(now, found)
        self._known.move_to_end(wanted)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return found

    async def includes(self, camera_id: str, period: Period, file: str) -> bool:
        """Whether a file, such as "2026-07-14/14/41.ts", is of a period. Raises UnknownCamera, OSError."""
        known = self._known.get((camera_id, period))
        if known is not None and file in known.found.files:
            return True  # it still is, so a player that goes through its playlist has nothing read again
        return file in (await self.get(camera_id, period)).files
