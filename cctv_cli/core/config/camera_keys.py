"""The keys that cameras and NVRs have in common; an NVR's apply to all its channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional

from cctv_cli.core.config import values
from cctv_cli.core.config.schema import Fields, Key, Origins
from cctv_cli.core.config.settings import Camera, RtspSource
from cctv_cli.core.config.values import DEFAULT, Picked

NAME = Key("name", values.text, "display name; an NVR's channels add their number to it", "the id")
ENABLED = Key("enabled", values.boolean, "whether to record", "`true`")
AUDIO = Key(
    "audio", values.boolean, "whether to record and stream audio; with `false` the camera is not asked for it", "`true`"
)
TRANSCODE = Key("transcode", values.boolean, "re-encode the video to H.264", "`TRANSCODE`")
RETENTION_DAYS = Key("retention_days", values.retention_days, "days to keep recordings", "`RETENTION_DAYS`")
MAX_SIZE = Key("max_size", values.size, "limit for the recordings of each camera, such as `200GB`", "no limit")

COMMON_KEYS = (NAME, ENABLED, AUDIO, TRANSCODE, RETENTION_DAYS, MAX_SIZE)


@dataclass(frozen=True)
class Common:
    """The values of `COMMON_KEYS`. `transcode` is the entry's own value or else the general one."""

    name: Optional[Picked[str]]
    enabled: Optional[Picked[bool]]
    audio: Optional[Picked[bool]]
    transcode: Picked[bool]
    retention_days: Optional[Picked[int]]
    max_size: Optional[Picked[int]]

    def camera(self, id: str, name: str, source: RtspSource, sub_source: Optional[RtspSource]) -> Camera:
        """A camera with these values."""
        return Camera(
            id=id,
            name=name,
            source=source,
            enabled=self.enabled.value if self.enabled else True,
            audio=self.audio.value if self.audio else True,
            transcode=self.transcode.value,
            sub_source=sub_source,
            retention_days=self.retention_days.value if self.retention_days else None,
            max_size=self.max_size.value if self.max_size else None,
        )

    def origins(self) -> Origins:
        """The origin of each value, by key; limits only if they are set."""
        origins = {
            NAME.name: self.name.origin if self.name else DEFAULT,
            ENABLED.name: self.enabled.origin if self.enabled else DEFAULT,
            AUDIO.name: self.audio.origin if self.audio else DEFAULT,
            TRANSCODE.name: self.transcode.origin,
        }
        for key, limit in ((RETENTION_DAYS, self.retention_days), (MAX_SIZE, self.max_size)):
            if limit is not None:
                origins[key.name] = limit.origin
        return origins


def read_common(fields: Fields, general_transcode: Picked[bool], problems: List[str]) -> Common:
    """The values of `COMMON_KEYS`."""
    return Common(
        name=NAME.read(fields, problems),
        enabled=ENABLED.read(fields, problems),
        audio=AUDIO.read(fields, problems),
        transcode=TRANSCODE.read(fields, problems) or general_transcode,
        retention_days=RETENTION_DAYS.read(fields, problems),
        max_size=MAX_SIZE.read(fields, problems),
    )
