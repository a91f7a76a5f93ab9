"""`/recordings`: which days, hours and minutes a camera has, what is missing, and why."""

from __future__ import annotations

from typing import Optional

from fastapi import APIRouter, HTTPException, Query

from cctv_cli.api.cameras import REFUSED, UNKNOWN
from cctv_cli.api.models import DayModel, GapModel, HourModel, RecordingsModel, SegmentModel
from cctv_cli.core.catalog import Catalog, Day, day_segments
from cctv_cli.core.clock import format_instant
from cctv_cli.core.layout import HOUR_PLAYLIST, is_day
from cctv_cli.core.runtime import Runtime


def router(runtime: Runtime) -> APIRouter:
    """The endpoints of this resource that answer JSON; `media_routes` answers the media."""
    routes = APIRouter(prefix="/recordings", tags=["recordings"], responses={**REFUSED, **UNKNOWN})
    catalog = Catalog()

    @routes.get(
        "/{camera_id}",
        response_model=RecordingsModel,
        response_model_exclude_none=True,
    )
    def list_recordings(
        camera_id: str,
        date: Optional[str] = Query(None, description="One day, YYYY-MM-DD, with its segments"),
    ) -> RecordingsModel:
        """Days and hours with durations, bytes and gaps; with `date` also every segment of that day."""
        layout = runtime.layout(camera_id)
        if date is None:
            return RecordingsModel(
                camera_id=camera_id, days=[_model(runtime, camera_id, d) for d in catalog.days(layout)]
            )
        if not is_day(date):
            raise HTTPException(422, f"{date!r} is not a date; write it as YYYY-MM-DD.")
        day = catalog.day(layout, date)
        if day is None or day.emptied:
            raise HTTPException(404, f"Camera {camera_id} recorded nothing on {date}; ask for the list of days.")
        model = _model(runtime, camera_id, day)
        model.recordings = [
            SegmentModel(
                url=f"/recordings/{camera_id}/{date}/{segment.file}",
                start=format_instant(segment.start, runtime.tz),
                seconds=round(segment.duration, 3),
                bytes=segment.bytes,
            )
            for segment in day_segments(layout, date)
        ]
        return RecordingsModel(camera_id=camera_id, days=[model])

    return routes


def _model(runtime: Runtime, camera_id: str, day: Day) -> DayModel:
    return DayModel(
        date=day.date,
        segments=day.segments,
        seconds=round(day.seconds, 3),
        missing_seconds=round(day.missing_seconds, 3),
        bytes=day.bytes,
        hours=[
            HourModel(
                hour=hour.hour,
                playlist_url=f"/recordings/{camera_id}/{day.date}/{hour.hour}/{HOUR_PLAYLIST}",
                segments=hour.segments,
                seconds=round(hour.seconds, 3),
                bytes=hour.bytes,
            )
            for hour in day.hours
        ],
        gaps=[
            GapModel(
                start=format_instant(gap.start, runtime.tz),
                seconds=round(gap.duration, 3),
                cause=gap.cause,
                detail=gap.detail,
            )
            for gap in day.gaps
        ],
    )
