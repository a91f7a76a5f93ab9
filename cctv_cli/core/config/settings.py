"""The effective configuration as frozen values. No I/O: `config.py` reads, this holds.

Units: durations in seconds, sizes in bytes, bit rates in bit/s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import List, Mapping, Optional, Tuple, Union
from urllib.parse import quote

from cctv_cli.core.units import FreeSpace, Secret, format_duration, format_size, write_bit_rate

_PASSWORD_IN_TARGET = re.compile(r"(pass(?:word|wd)?|pwd)=[^&\s'\"]*", re.IGNORECASE)


@dataclass(frozen=True, repr=False)
class RtspSource:
    """An RTSP stream, its password apart from everything that may be shown.

    `host` is a name or an address, IPv6 without brackets.
    `target` is the path with its query, as it stands in the URL (it begins with "/" or is empty).
    `username` and `password` are plain text, not percent-encoded.
    """

    host: str
    port: int
    target: str
    username: Optional[str] = None
    password: Optional[Secret] = None
    tls: bool = False

    def url(self) -> Secret:
        """The URL for FFmpeg, user name and password percent-encoded (RFC 3986 § 2.1)."""
        login = "" if self.username is None else self.userinfo().reveal() + "@"
        return Secret(self._url(login, self.target))

    def userinfo(self) -> Secret:
        """`user:password`, each percent-encoded; the colon stays, for FFmpeg sends no login without one."""
        password = "" if self.password is None else self.password.reveal()
        return Secret(f"{quote(self.username or '', safe='')}:{quote(password, safe='')}")

    def redacted_url(self) -> str:
        """The URL for people: stars for the password, also for one that stands in the query."""
        login = "" if self.username is None else quote(self.username, safe="")
        if self.password is not None:
            login += ":***"
        return self._url(login + "@" if login else "", hide_password(self.target))

    def _url(self, login: str, target: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rtsps' if self.tls else 'rtsp'}://{login}{host}:{self.port}{target}"

    def __repr__(self) -> str:
        return f"RtspSource({self.redacted_url()!r})"


def hide_password(text: str) -> str:
    """A URL's path and query, or a text with URLs, with stars for a password that stands in the query."""
    return _PASSWORD_IN_TARGET.sub(r"\1=***", text)


@dataclass(frozen=True)
class DemoSource:
    """A synthetic camera that FFmpeg draws itself; `tone` adds sound."""

    tone: bool


Source = Union[RtspSource, DemoSource]


@dataclass(frozen=True)
class Camera:
    """One configured camera. `id` is a folder name that is legal on every system.

    `source` is recorded; `sub_source` is a smaller stream of the same picture, for viewing only.
    """

    id: str
    name: str
    source: Source
    enabled: bool = True
    transcode: bool = False
    sub_source: Optional[RtspSource] = None
    retention_days: Optional[int] = None  # None: what holds for all
    max_size: Optional[int] = None  # bytes of this camera's recordings; None is no limit


@dataclass(frozen=True)
class Origin:
    """Where a value came from: a source such as "environment" or "cameras.toml", and its key there."""

    source: str
    key: str

    def __str__(self) -> str:
        return f"{self.source}: {self.key}" if self.key else self.source


DEFAULT = Origin("default", "")


@dataclass(frozen=True)
class Settings:
    """Everything that the user can set, after all layers are merged.

    `transcode` is what holds for a camera that does not say; each camera's own is already settled.
    Thresholds named `health_…` are where a finding begins: shares in percent, times in seconds.
    `origins` maps each dotted key, such as "server.port" or "cameras.camera_01.name", to its origin.
    """

    cameras: Tuple[Camera, ...] = ()
    host: str = "0.0.0.0"
    port: int = 8000
    storage: Path = Path("hls")
    live_path: Optional[Path] = None
    timezone: Optional[str] = None  # IANA name; None is the system's zone
    accel_redirect: Optional[str] = None  # where a proxy finds the storage by X-Accel-Redirect
    retention_days: int = 30
    max_size: Optional[int] = None  # bytes of all cameras' recordings together; None is no limit
    min_free: FreeSpace = field(default=FreeSpace(percent=5))  # of the storage's disk
    cleanup_interval: float = 3600  # seconds between cleanups by `serve` and `record`
    most_deleted: int = 50  # percent of a camera's bytes that a cleanup may delete beyond what age explains
    health_cpu: int = 90
    health_memory: int = 90
    health_segment_age: float = 60
    health_missing: float = 60  # of the last hour
    health_gop: float = 10
    alert_webhooks: Tuple[Secret, ...] = ()  # URLs; they often hold a token
    alert_after: float = 60  # seconds that a finding lasts before it is sent
    alert_reminder: float = 6 * 3600
    log_format: str = "text"  # or "json"
    log_file: Optional[Path] = None  # None is standard error
    ffmpeg_path: Optional[Path] = None
    ffmpeg_threads: int = 2
    segment_duration: int = 10  # seconds of a live segment
    video_bitrate: int = 2_000_000
    audio_bitrate: int = 128_000
    transcode: bool = False
    origins: Mapping[str, Origin] = field(default_factory=dict, repr=False, compare=False)

    def days_of(self, camera: Camera) -> int:
        """For how many days a camera's recordings are kept, if the limits allow it."""
        return self.retention_days if camera.retention_days is None else camera.retention_days


def describe(settings: Settings) -> List[Tuple[str, str, str]]:
    """The effective settings as rows (dotted key, value, origin) for people; passwords are stars."""
    values = [
        ("timezone", settings.timezone or "(the system's)"),
        ("server.host", settings.host),
        ("server.port", str(settings.port)),
        ("storage.path", str(settings.storage)),
        ("storage.live_path", str(settings.live_path or "(in storage.path)")),
        ("server.accel_redirect", settings.accel_redirect or "(none)"),
        ("retention.days", str(settings.retention_days)),
        ("retention.max_size", _size(settings.max_size)),
        ("retention.min_free", str(settings.min_free)),
        ("retention.interval", format_duration(settings.cleanup_interval)),
        ("retention.most_deleted", str(settings.most_deleted)),
        ("health.cpu", str(settings.health_cpu)),
        ("health.memory", str(settings.health_memory)),
        ("health.segment_age", format_duration(settings.health_segment_age)),
        ("health.missing", format_duration(settings.health_missing)),
        ("health.gop", format_duration(settings.health_gop)),
        ("alerts.webhooks", ", ".join(map(str, settings.alert_webhooks)) or "(none)"),
        ("alerts.after", format_duration(settings.alert_after)),
        ("alerts.reminder", format_duration(settings.alert_reminder)),
        ("log.format", settings.log_format),
        ("log.file", str(settings.log_file or "(standard error)")),
        ("ffmpeg.path", str(settings.ffmpeg_path or "(searched for)")),
        ("ffmpeg.threads", str(settings.ffmpeg_threads)),
        ("stream.segment_duration", str(settings.segment_duration)),
        ("stream.video_bitrate", write_bit_rate(settings.video_bitrate)),
        ("stream.audio_bitrate", write_bit_rate(settings.audio_bitrate)),
        ("stream.transcode", _yes_no(settings.transcode)),
    ]
    for camera in settings.cameras:
        values += [(f"cameras.{camera.id}.{key}", value) for key, value in _camera_values(camera)]
    return [(key, value, str(settings.origins.get(key, DEFAULT))) for key, value in values]


def _camera_values(camera: Camera) -> List[Tuple[str, str]]:
    common = [
        ("name", camera.name),
        ("enabled", _yes_no(camera.enabled)),
        ("transcode", _yes_no(camera.transcode)),
    ]
    if camera.retention_days is not None:
        common.append(("retention_days", str(camera.retention_days)))
    if camera.max_size is not None:
        common.append(("max_size", _size(camera.max_size)))
    source = camera.source
    if isinstance(source, DemoSource):
        return [*common, ("source", "demo with a tone" if source.tone else "demo")]
    values = [*common, ("rtsp_url", source.redacted_url()), *_login_values(source)]
    sub = camera.sub_source
    if sub is not None:
        values.append(("sub_rtsp_url", sub.redacted_url()))
        values += [(f"sub_rtsp_url.{key}", value) for key, value in _login_values(sub)]
    return values


def _login_values(source: RtspSource) -> List[Tuple[str, str]]:
    return [
        ("username", source.username or "(none)"),
        ("password", "(none)" if source.password is None else str(source.password)),
    ]


def _size(value: Optional[int]) -> str:
    return "(no limit)" if value is None else format_size(value)


def _yes_no(value: bool) -> str:
    return "true" if value else "false"
