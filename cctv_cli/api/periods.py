"""What links to a period play. Each period is read once for all requests of a few seconds."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Tuple

from cctv_cli.core.access.roles import Period
from cctv_cli.core.disk_threads import DiskThreads
from cctv_cli.core.footage.catalog import Catalog
from cctv_cli.core.footage.period import PlayedPeriod, play
from cctv_cli.core.runtime import Runtime

_FRESH = 5.0  # seconds for which what was read is used
_MOST = 64  # periods that are kept


class Periods:
    """Reads periods on the threads of their disks. Must be used from one event loop."""

    def __init__(self, runtime: Runtime, catalog: Catalog) -> None:
        self._runtime = runtime
        self._catalog = catalog
        self._disks = DiskThreads()
        self._known: OrderedDict[Tuple[str, Period], Tuple[float, PlayedPeriod]] = OrderedDict()

    async def get(self, camera_id: str, period: Period) -> PlayedPeriod:
        """What a camera recorded in a period. Raises UnknownCamera, OSError."""
        layout, now = self._runtime.layout(camera_id), self._runtime.clock.monotonic()
        wanted = camera_id, period
        known = self._known.get(wanted)
        if known is not None and now - known[0] < _FRESH:
            return known[1]
        read = partial(play, self._catalog, layout, *period, self._runtime.tz)
        found = await self._disks.submit(layout.recordings, wanted, read).arrives()
        self._known[wanted] = now, found
        self._known.move_to_end(wanted)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return found
