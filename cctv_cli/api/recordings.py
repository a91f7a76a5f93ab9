"""`/recordings`: the days, hours and minutes of a camera, and what is missing and why."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Dict, Iterator, List, Optional

from fastapi import APIRouter, HTTPException, Query, Request, Response

from cctv_cli.api.errors import errors
from cctv_cli.api.models import ClockStepModel, DayModel, GapModel, HourModel, RecordingsModel, SegmentModel
from cctv_cli.api.needs import needs
from cctv_cli.api.outside import base_of
from cctv_cli.core.access.roles import Role
from cctv_cli.core.clock import format_instant
from cctv_cli.core.disk_threads import DiskThreads
from cctv_cli.core.errors import UnknownCamera
from cctv_cli.core.footage.catalog import Catalog, Day, day_segments
from cctv_cli.core.layout import HOUR_PLAYLIST, is_day
from cctv_cli.core.runtime import Runtime
from cctv_cli.core.storage.days import recorded_days

_DAYS = 31  # in a page: the default retention and today
_MOST_DAYS = 366
_LIMIT = 60.0  # seconds that one list may take: a year of journals on a slow disk
_MOST = 16  # lists of a camera that are read or wait for it; more would delay all others by their answers
_BUSY = "Too many lists of this camera's recordings are being read. Try again in 2 seconds."
_BREATH = 0.1  # seconds between days that are read ahead, so that requests are not delayed
_DATE = {"format": "date"}


def read_ahead(runtime: Runtime, catalog: Catalog, ended: threading.Event) -> None:
    """Read each camera's first page in advance, because reading a month of journals takes half a second."""
    for camera in runtime.settings.cameras:
        try:
            layout = runtime.layout(camera.id)
            for date in recorded_days(layout)[: -_DAYS - 2 : -1]:
                if ended.wait(_BREATH):
                    return
                catalog.day(layout, date)
        except (OSError, UnknownCamera):  # the next request reports it; a reload may have removed the camera
            continue


def router(runtime: Runtime, catalog: Catalog) -> APIRouter:
    """The endpoints of this resource that answer JSON; `media_routes` answers the media."""
    routes = APIRouter(prefix="/recordings", tags=["recordings"], responses=errors(404))
    disks, crowd = DiskThreads(_LIMIT), _Crowd()

    @routes.get(
        "/{camera_id}",
        dependencies=[needs(Role.VIEWER)],
        response_model=RecordingsModel,
        summary="List recordings",
    )
    async def list_recordings(
        request: Request,
        camera_id: str,
        date: Optional[str] = Query(
            None,
            description="Only this day, YYYY-MM-DD, with each of its recordings",
            examples=["2026-11-23"],
            json_schema_extra=_DATE,
        ),
        before: Optional[str] = Query(
            None,
            description="Only days before this one, YYYY-MM-DD: the oldest day of the previous page",
            examples=["2026-10-24"],
            json_schema_extra=_DATE,
        ),
        limit: int = Query(_DAYS, ge=1, le=_MOST_DAYS, description="Maximum number of days"),
    ) -> Response:
        """Days and hours with durations, bytes and gaps, newest day first.

        `next_url` leads to the days before these. Pages are cut by date, so that new recordings do not move a day to
        another page. With `date` the answer has only that day, with every recording.
        """
        layout = runtime.layout(camera_id)
        for text in (date, before):
            if text is not None and not is_day(text):
                raise HTTPException(422, f"{text[:80]!r} is not a date; write it as YYYY-MM-DD.")
        base = base_of(request.scope)
        listing = _Listing(runtime, catalog, camera_id, base)
        call = partial(listing.days, before, limit) if date is None else partial(listing.day, date)
        with crowd.place(camera_id):
            return await disks.submit(layout.recordings, (base, camera_id, date, before, limit), call).arrives()

    return routes


class _Crowd:
    """Those who wait for lists of a camera."""

    def __init__(self) -> None:
        self._waiting: Dict[str, int] = {}

    @contextmanager
    def place(self, camera_id: str) -> Iterator[None]:
        """Wait among the others. Raises a 503 if they are too many."""
        waiting = self._waiting.get(camera_id, 0)
        if waiting >= _MOST:
            raise HTTPException(503, _BUSY, {"Retry-After": "2"})
        self._waiting[camera_id] = waiting + 1
        try:
            yield
        finally:
            self._waiting[camera_id] -= 1


@dataclass(frozen=True)
class _Listing:
    """The answers for one camera, to a client that sees the server under the path `base`."""

    runtime: Runtime
    catalog: Catalog
    camera_id: str
    base: str

    @property
    def _url(self) -> str:
        return f"{self.base}/recordings/{self.camera_id}"

    def days(self, before: Optional[str], limit: int) -> Response:
        """A page of days."""
        layout = self.runtime.layout(self.camera_id)
        # one more than is shown, to know whether there is a next page
        days = self.catalog.days(layout, before=before, limit=limit + 1)
        shown = [self._model(day) for day in days[:limit]]
        next_page = f"{self._url}?limit={limit}&before={shown[-1].date}" if len(days) > limit else None
        return _json(RecordingsModel(camera_id=self.camera_id, days=shown, next_url=next_page))

    def day(self, date: str) -> Response:
        """One day with all its recordings."""
        day = self.catalog.day(self.runtime.layout(self.camera_id), date)
        if day is None or day.emptied:
            raise HTTPException(404, f"Camera {self.camera_id} recorded nothing on {date}; request the list of days.")
        model = self._model(day)
        model.recordings = self._segments(date)
        return _json(RecordingsModel(camera_id=self.camera_id, days=[model]))

    def _segments(self, date: str) -> List[SegmentModel]:
        return [
            SegmentModel(
                url=f"{self._url}/{date}/{segment.file}",
                start=format_instant(segment.start, self.runtime.tz),
                seconds=round(segment.duration, 3),
                bytes=segment.bytes,
            )
            for segment in day_segments(self.runtime.layout(self.camera_id), date)
        ]

    def _model(self, day: Day) -> DayModel:
        return DayModel(
            date=day.date,
            segments=day.segments,
            seconds=round(day.seconds, 3),
            missing_seconds=round(day.missing_seconds, 3),
            bytes=day.bytes,
            hours=[
                HourModel(
                    hour=hour.hour,
                    playlist_url=f"{self._url}/{day.date}/{hour.hour}/{HOUR_PLAYLIST}",
                    starts_at=format_instant(hour.start, self.runtime.tz),
                    ends_at=format_instant(hour.end, self.runtime.tz),
                    segments=hour.segments,
                    seconds=round(hour.seconds, 3),
                    bytes=hour.bytes,
                )
                for hour in day.hours
            ],
            gaps=[
                GapModel(
                    start=format_instant(gap.start, self.runtime.tz),
                    seconds=round(gap.duration, 3),
                    cause=gap.cause,
                    detail=gap.detail,
                )
                for gap in day.gaps
            ],
            clock_steps=[
                ClockStepModel(at=format_instant(each.start, self.runtime.tz), seconds=round(each.step, 3))
                for each in day.clock_steps
            ],
        )


def _json(model: RecordingsModel) -> Response:
    """Render the answer here: FastAPI would validate and convert it a second time."""
    return Response(model.model_dump_json(exclude_none=True), media_type="application/json")
